package ssmbakcli

import (
	"errors"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/errorcode"
	"github.com/ssmbak/ssmbak/internal/cli/export"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/drill"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/permission"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/plan"
)

// differences makes a diff with --detailed-exitcode exit with [shell.Differences]. It
// prints nothing.
type differences struct{}

func (differences) Error() string { return "there are differences" }

// explain returns the failure for any error.
func explain(err error) shell.Failure {
	if known, ok := errors.AsType[*shell.Failure](err); ok {
		return *known
	}
	out := shell.Failure{Message: err.Error(), Code: shell.Failed}
	var name *ssmbak.NameError
	var mismatch *archive.MismatchError
	var versioned *archive.NotVersionedError
	var format *archive.FormatError
	var lost *archive.MissingIndexError
	var hidden *archive.HiddenError
	var damaged *archive.DamagedError
	var marked *archive.MarkExistsError
	var column *render.ColumnError
	var principal *permission.UnsupportedPrincipalError
	var taken *emulator.PortTakenError
	var refused *paramstore.RefusedError
	var unreadable *pattern.Error
	var unmatched *plan.UnmatchedError
	var destination *plan.DestinationError
	var file *plan.FileError
	var sameKey *export.KeyError
	var unfit *export.ValueError
	var many *drill.TooManyError
	var drilling *archive.DrillInProgressError
	switch {
	case errors.As(err, &unreadable):
		out.Message, out.Code = unreadable.Error(), shell.WrongUsage
		out.Hint = "--only and --exclude take patterns such as 'db*' for the last level of a name, /app/db for that parameter and everything below it, or '/app/**/db'"
	case errors.As(err, &unmatched):
		out.Message = unmatched.Error() + "; nothing was changed"
		out.Hint = "'db*' matches the last level of a name, /app/db that parameter and everything below it, '*/db/host' the end of a name at any depth"
		if unmatched.Pattern == "" {
			out.Hint = "omit one of them, or use other patterns"
		}
	case errors.As(err, &destination):
		out.Message, out.Code = destination.Error(), shell.WrongUsage
		out.Hint = "use --to with a path such as /copy"
	case errors.As(err, &file):
		out.Message = file.Error()
		out.Hint = "nothing was changed; create a new plan with `ssmbak restore NAME|PATH TIME --dry-run --out FILE`"
	case errors.As(err, &name):
		out.Message, out.Code = name.Error(), shell.WrongUsage
		out.Hint = nameHint(name)
	case errors.Is(err, archive.ErrNoBucket):
		out.Hint = "check --bucket and --region; `aws s3 ls` lists the buckets"
	case errors.As(err, &mismatch):
		out.Message = mismatch.Error()
		out.Hint = "use that account and region (--profile, --region), or set the bucket of this account and region with --bucket"
	case errors.As(err, &versioned):
		out.Message = versioned.Error() + ", so it would keep no history"
		out.Hint = "run `aws s3api put-bucket-versioning --bucket " + versioned.Bucket + " --versioning-configuration Status=Enabled`"
	case errors.As(err, &format):
		out.Message = format.Error()
		out.Hint = shell.NewerHint(format.Bucket, format.Key)
	case errors.As(err, &hidden) && hidden.Copy:
		out.Kind = shell.KindHidden
		out.Message = hidden.Error()
		out.Hint = "try again when S3 has replicated it; S3 Batch Replication replicates what is older than the replication, or failed"
	case errors.As(err, &hidden):
		out.Message = hidden.Error()
		out.Hint = "remove its delete marker, or write its newest version again: " + shell.ListsVersions(hidden.Bucket, hidden.Key)
	case errors.As(err, &lost):
		out.Message = lost.Error()
		out.Hint = "ssmbak does not record the parameter as new while its history can be rebuilt"
	case errors.As(err, &damaged):
		out.Message = damaged.Error()
		switch {
		case damaged.Index():
			out.Hint = rebuilds(damaged.Name)
		case damaged.Object != "" && damaged.Key == string(damaged.Name):
			name := shell.Quote(damaged.Key)
			out.Hint = "`ssmbak log " + name + "` shows its other versions; `aws ssm get-parameter-history --name " + name + " --with-decryption` those that Parameter Store still has"
		default:
			out.Hint = "an older version of the object may be intact: " + shell.ListsVersions(damaged.Bucket, damaged.Key)
		}
	case errors.As(err, &marked):
		out.Message = marked.Error()
		out.Hint = "use another name, or add --force to move it"
	case errors.As(err, &column):
		out.Message, out.Code = column.Error(), shell.WrongUsage
		out.Hint = "the columns are " + strings.Join(column.Columns, ", ")
	case errors.As(err, &principal):
		out.Kind = shell.KindUnsupportedPrincipal
		out.Message = principal.Error()
		out.Hint = "run the command with the credentials of the role or user that would restore"
	case errors.As(err, &taken):
		out.Kind = shell.KindPortTaken
		out.Message = taken.Error()
		out.Hint = "stop the process that uses it, or choose another port with --port"
	case errors.As(err, &sameKey):
		out.Kind = shell.KindUnrepresentable
		out.Hint = "export a narrower path, or use --format json, which keeps the names"
	case errors.As(err, &unfit):
		out.Kind = shell.KindUnrepresentable
		out.Hint = "use another --format; `ssmbak get` writes a value unchanged"
	case errors.As(err, &many):
		out.Kind = shell.KindTooMany
		out.Hint = "choose a path with fewer parameters"
	case errors.Is(err, drill.ErrTime):
		out.Kind = shell.KindOutOfTime
		out.Hint = "the copies were removed again; drill a smaller path, or try again when applications write less"
	case errors.As(err, &drilling):
		out.Hint = "try again after " + drill.Abandoned(drilling.Drill).UTC().Format(time.RFC3339)
	default:
		out = shell.Explain(err)
		if _, _, ok := shell.ExplainAWS(err); !ok && errors.As(err, &refused) {
			out.Message = refused.Error()
		}
	}
	if out.Kind == "" && out.Code != shell.WrongUsage {
		out.Kind = errorcode.Of(err)
	}
	return out
}

// nameHint returns what to type instead of an invalid name.
func nameHint(e *ssmbak.NameError) string {
	switch {
	case e.Selector == "":
		return "give a name such as /app/db, or a path: end it with a slash, as in /app/, or add --recursive"
	case e.Version():
		return "`ssmbak log " + e.Name.String() + "` shows when version " + e.Selector + " was created: use " + e.Name.String() + " and that time"
	}
	return "`ssmbak log " + e.Name.String() + "` shows the version with the label " + e.Selector + " and when it was created: use " + e.Name.String() + " and that time"
}

// rebuilds returns a hint how to rebuild an index.
func rebuilds(name ssmbak.Name) string { return "`ssmbak reindex " + name.String() + "` rebuilds it" }

// reason returns the error of one parameter as one clause.
func reason(err error) string {
	if damaged, ok := errors.AsType[*archive.DamagedError](err); ok {
		if damaged.Index() {
			return damaged.Error() + ": " + rebuilds(damaged.Name)
		}
		return damaged.Error()
	}
	return shell.Reason(err)
}
