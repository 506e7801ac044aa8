package ssmbakcli

import (
	"errors"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/plan"
)

// differences ends a diff with --detailed-exitcode that found some. It is no
// error and prints nothing.
type differences struct{}

func (differences) Error() string { return "there are differences" }

// explain puts any error into a failure.
func explain(err error) shell.Failure {
	var known *shell.Failure
	if errors.As(err, &known) {
		return *known
	}
	out := shell.Failure{Message: err.Error(), Code: shell.Failed}
	var name *ssmbak.NameError
	var mismatch *archive.MismatchError
	var versioned *archive.NotVersionedError
	var format *archive.FormatError
	var lost *archive.LostIndexError
	var damaged *archive.DamagedError
	var taken *emulator.PortTakenError
	var refused *paramstore.RefusedError
	var unreadable *pattern.Error
	var unmatched *plan.UnmatchedError
	var destination *plan.DestinationError
	var file *plan.FileError
	switch {
	case errors.As(err, &unreadable):
		out.Message, out.Code = unreadable.Error(), shell.WrongUsage
		out.Hint = "--only and --exclude take patterns such as 'db*' for the last level of a name, /app/db for that parameter and what is below it, or '/app/**/db'"
	case errors.As(err, &unmatched):
		out.Message = unmatched.Error() + "; nothing was changed"
		out.Hint = "'db*' matches the last level of a name, /app/db that parameter and everything below it, '*/db/host' the end of a name at any depth"
		if unmatched.Pattern == "" {
			out.Hint = "leave one of them out, or choose others"
		}
	case errors.As(err, &destination):
		out.Message, out.Code = destination.Error(), shell.WrongUsage
		out.Hint = "--to takes a path, such as /copy"
	case errors.As(err, &file):
		out.Message = file.Error()
		out.Hint = "nothing was changed; `ssmbak restore NAME|PATH TIME --dry-run --out FILE` makes a new plan"
	case errors.As(err, &name):
		out.Message, out.Code = name.Error(), shell.WrongUsage
		out.Hint = nameHint(name)
	case errors.Is(err, archive.ErrNoBucket):
		out.Hint = "check --bucket and --region; `aws s3 ls` shows the buckets that there are"
	case errors.As(err, &mismatch):
		out.Message = mismatch.Error()
		out.Hint = "use that account and region (--profile, --region), or name the bucket of this one with --bucket"
	case errors.As(err, &versioned):
		out.Message = versioned.Error() + ", so it would keep no history"
		out.Hint = "aws s3api put-bucket-versioning --bucket " + versioned.Bucket + " --versioning-configuration Status=Enabled"
	case errors.As(err, &format):
		out.Message = format.Error()
		out.Hint = "nothing was read or written"
	case errors.As(err, &lost):
		out.Message = lost.Error()
		out.Hint = "ssmbak never begins a parameter afresh while its history may come back"
	case errors.As(err, &damaged):
		out.Message = damage(damaged)
		out.Hint = "an older version of the object may be whole: aws s3api list-object-versions --bucket BUCKET --prefix " + damaged.Key
		if damaged.Index() {
			out.Hint = rebuilds(damaged.Name)
		}
	case errors.As(err, &taken):
		out.Message = taken.Error()
		out.Hint = "stop what listens there, or choose another port with --port"
	default:
		out = shell.Explain(err)
		if _, _, ok := shell.ExplainAWS(err); !ok && errors.As(err, &refused) {
			out.Message = refused.Error()
		}
	}
	return out
}

// nameHint says what to type instead of what is no name.
func nameHint(e *ssmbak.NameError) string {
	switch {
	case e.Selector == "":
		return "a name looks like /app/db; a path ends with a slash, as in /app/, or goes with --recursive"
	case e.Version():
		return "`ssmbak log " + e.Name.String() + "` prints when version " + e.Selector + " was made: give " + e.Name.String() + " and that time"
	}
	return "`ssmbak log " + e.Name.String() + "` prints which version the label " + e.Selector + " is on, and when that was made: give " + e.Name.String() + " and that time"
}

// damage says which object is not what it should be. The SDK's own words would
// show the digest of a value that may be secret.
func damage(d *archive.DamagedError) string {
	if d.Err != nil && !strings.Contains(d.Err.Error(), "checksum") {
		return d.Error()
	}
	return d.Key + " is damaged: its bytes are not those that were written"
}

// rebuilds names the repair of an index.
func rebuilds(name ssmbak.Name) string { return "`ssmbak reindex " + name.String() + "` rebuilds it" }

// reason puts what concerns one parameter into one clause.
func reason(err error) string {
	var damaged *archive.DamagedError
	if errors.As(err, &damaged) {
		if damaged.Index() {
			return damage(damaged) + ": " + rebuilds(damaged.Name)
		}
		return damage(damaged)
	}
	return shell.Reason(err)
}
