package stackcli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/errorcode"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/pipeline"
	"github.com/ssmbak/ssmbak/internal/stack"
	"github.com/ssmbak/ssmbak/internal/stack/code"
)

// explain returns the failure for an error.
func (a *app) explain(err error) shell.Failure {
	if known, ok := errors.AsType[*shell.Failure](err); ok {
		return *known
	}
	if watch, ok := errors.AsType[*stack.WatchError](err); ok {
		out := a.explain(watch.Err)
		out.Hint = strings.TrimSuffix(a.continues(!watch.MayNotHaveStarted)+"; "+out.Hint, "; ")
		return out
	}
	out := shell.Failure{Message: err.Error(), Code: shell.Failed}
	command := func(words string) string { return "`" + a.command(words) + "`" }
	var name *stack.NameError
	var setting *stack.SettingError
	var missing *stack.NotFoundError
	var exists *stack.ExistsError
	var foreign *stack.ForeignError
	var legacy *stack.LegacyError
	var state *stack.StateError
	var protected *stack.ProtectedError
	var termination *stack.TerminationError
	var bucket *stack.BucketError
	var versioning *stack.VersioningError
	var pointer *stack.PointerError
	var failed *stack.FailedError
	var fill *stack.FillError
	var header *stack.HeaderError
	var other *stack.CodeError
	var zip *stack.ZipError
	var unsigned *stack.NotSignedError
	var admin *stack.AdminError
	var foreignNames *pipeline.ForeignError
	var running *pipeline.RunningError
	var excluded *pipeline.ExcludedError
	var left *pipeline.LeftError
	var late *pipeline.TimeError
	var unpublished *stack.UnpublishedError
	var file *code.FileError
	var noCode *code.NotFoundError
	var mismatch *archive.MismatchError
	var format *archive.FormatError
	var unversioned *archive.NotVersionedError
	version := func() string {
		return "run `aws s3api put-bucket-versioning --bucket " + unversioned.Bucket + " --versioning-configuration Status=Enabled" + a.Where() + "`"
	}
	switch {
	case errors.As(err, &name):
		out.Code, out.Hint = shell.WrongUsage, "for example `ssmbak-stack ssmbak create`"
	case errors.As(err, &setting):
		out.Code, out.Hint = shell.WrongUsage, "`ssmbak-stack create --help` shows all settings; nothing was changed"
	case errors.As(err, &missing):
		out.Kind = shell.KindStackNotFound
		out.Hint = command("create") + " creates it; check --region and --profile"
	case errors.As(err, &exists):
		out.Kind = shell.KindStackExists
		out.Hint = command("update") + " updates it, and " + command("status") + " shows its status"
	case errors.As(err, &foreign):
		out.Kind = shell.KindStackForeign
		out.Hint = "nothing was changed; use another name"
	case errors.As(err, &legacy):
		out.Kind = shell.KindStackLegacy
		out.Hint = command("update") + " converts it and keeps its bucket"
	case errors.As(err, &state):
		out.Kind = shell.KindStackState
		out.Hint = state.Advice
	case errors.As(err, &protected):
		out.Kind = shell.KindStackProtected
		out.Hint = "nothing was changed; instead, create a second stack under another name with --no-pointer"
	case errors.As(err, &termination):
		out.Kind = shell.KindStackProtected
		out.Hint = fmt.Sprintf("aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name %s", a.name)
	case errors.As(err, &bucket):
		out.Kind = shell.KindUnsuitableBucket
		out.Hint = "nothing was changed"
		if strings.Contains(bucket.Why, "versioned") {
			out.Hint = "aws s3api put-bucket-versioning --bucket " + bucket.Bucket + " --versioning-configuration Status=Enabled"
		}
	case errors.As(err, &versioning):
		out.Kind = shell.KindVersioningUnsettled
		out.Hint = command(a.doing) + " tries again; according to AWS, this can take 15 minutes"
	case errors.As(err, &pointer):
		out.Kind = shell.KindPointerTaken
		out.Hint = "nothing was changed; for a second stack in this region, use --no-pointer or --pointer NAME"
	case errors.As(err, &failed):
		out.Kind = shell.KindStackFailed
		a.failures(failed)
		out.Message = fmt.Sprintf("the stack %s ended as %s", failed.Name, failed.Status)
		out.Hint = a.recovery(failed)
	case errors.As(err, &fill):
		out.Kind = shell.KindStackIncomplete
		out.Message = "the stack is complete, but the reconcile that fills its archive was not started: " + shell.Reason(fill.Err)
		out.Hint = "run `ssmbak reconcile" + a.Where() + "`, or wait for the first scheduled reconcile"
	case errors.As(err, &header):
		out.Kind = shell.KindStackIncomplete
		out.Message = "the stack is complete, but its encryption headers were not written into the archive, where `ssmbak` reads them: " + shell.Reason(header.Err)
		out.Hint = command("update") + " writes them"
		if _, hint, ok := shell.ExplainAWS(header.Err); ok {
			out.Hint = hint + "; then " + out.Hint
		}
		if errors.As(header.Err, &unversioned) {
			out.Hint = version() + "; then " + out.Hint
		}
	case errors.As(err, &unsigned):
		out.Kind = shell.KindNotSigned
		out.Hint = command("update --sign on") + " begins to sign it"
	case errors.As(err, &admin):
		out.Kind = shell.KindNotAdmin
		out.Hint = a.becomeAdmin(admin)
	case errors.As(err, &other):
		out.Kind = shell.KindUnexpectedCode
		out.Hint = a.deployAgain(other)
	case errors.As(err, &zip):
		out.Kind = shell.KindUnexpectedCode
		out.Hint = a.publishAgain(zip)
	case errors.As(err, &left):
		out.Kind = shell.KindTestLeftovers
		out.Message = "cannot remove " + archive.NameList(left.Names) + ", which the test created: " + shell.Reason(left.Err)
		out.Hint = command("test") + " removes them, 5 minutes from now; or " + "`aws ssm delete-parameters --names " + joined(left.Names) + a.Where() + "`"
	case errors.As(err, &late):
		out.Kind = shell.KindOutOfTime
		out.Hint = "the test's parameters were removed; " + command("status") + " shows whether the stack is healthy, and " + command("test") + " tries again"
	case errors.As(err, &foreignNames):
		out.Kind = shell.KindTestRefused
		out.Hint = "nothing of it was changed; if it is not needed, delete it with `aws ssm delete-parameters --names " + joined(foreignNames.Names) + a.Where() + "`"
	case errors.As(err, &running):
		out.Kind = shell.KindTestRunning
		out.Hint = "wait for its end; if it was killed, " + command("test") + " removes what it left, from " + running.Killed.UTC().Format("15:04:05Z") + " on"
	case errors.As(err, &excluded):
		out.Kind = shell.KindTestRefused
		out.Hint = "nothing was changed; `" + a.command("update --exclude PATTERN") + "` sets other patterns"
	case errors.As(err, &file):
		out.Code, out.Hint = shell.WrongUsage, "nothing was changed"
	case errors.As(err, &unpublished):
		out.Kind = shell.KindCodeNotFound
		out.Hint = "`ssmbak-stack publish --code-bucket " + unpublished.Bucket + "` of that version puts it there; nothing was changed"
	case errors.As(err, &noCode):
		out.Kind = shell.KindCodeNotFound
		carried := "use a released ssmbak-stack, which contains the functions"
		if do, _ := actionOf(a.doing); do.has("code") {
			carried += ", or give their zip with --code FILE.zip"
		}
		switch {
		case errors.Is(err, code.ErrNoGo):
			out.Hint = "install Go and run the command in a clone of ssmbak, or " + carried
		case errors.Is(err, code.ErrNoSource):
			out.Hint = "run the command in a clone of ssmbak, or " + carried
		default:
			out.Hint = carried
		}
	case errors.As(err, &mismatch):
		out.Message, out.Hint = mismatch.Error(), "nothing was changed"
	case errors.As(err, &format):
		out.Message = format.Error()
		out.Hint = shell.NewerHint(format.Bucket, format.Key)
	case errors.As(err, &unversioned):
		out.Message, out.Hint = unversioned.Error()+", so it would keep no history", version()
	default:
		out = shell.Explain(err)
	}
	if out.Kind == "" && out.Code != shell.WrongUsage {
		out.Kind = errorcode.Of(err)
	}
	return out
}

func joined(names []ssmbak.Name) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = string(name)
	}
	return strings.Join(all, " ")
}

// becomeAdmin returns the hint how to make the caller an admin. If the stack exists,
// only an admin can do this, and has to list all admins.
func (a *app) becomeAdmin(e *stack.AdminError) string {
	flags := func(all []string) string { return " --admin '" + strings.Join(all, "' --admin '") + "'" }
	if a.doing == "create" {
		return "add" + flags(e.Add) + "; nothing was changed"
	}
	return "nothing was changed; an admin can run `" + a.command("update"+flags(append(slices.Clone(e.Admins), e.Add...))) + "`"
}

// deployAgain returns the hint how to give a function the expected code.
func (a *app) deployAgain(e *stack.CodeError) string {
	const who = " deploys it again; CloudTrail shows who called lambda:UpdateFunctionCode"
	switch {
	case e.Bucket == "":
		return "`" + a.command("update") + "`" + who
	case e.Checked:
		return "`aws lambda update-function-code --function-name " + e.Function + " --s3-bucket " + e.Bucket + " --s3-key " + shell.Quote(e.Key) + shell.Given("s3-object-version", e.Version) + a.Where() + "`" + who
	case a.doing == "create":
		return "if `ssmbak-stack publish` printed the SHA-256 that it runs, `" + a.command("update --code-sha256 "+e.Runs) + "`; if not, delete the stack with `" + a.command("delete") + "`"
	}
	return "if `ssmbak-stack publish` printed the SHA-256 that it runs, `" + a.command("update --code-sha256 "+e.Runs) + "`; if not, `" + a.command("update") + "` with the options that it prints"
}

// publishAgain returns the hint for a published zip that is not the expected one.
func (a *app) publishAgain(e *stack.ZipError) string {
	switch {
	case e.Has == "":
		return "`ssmbak-stack publish --code-bucket " + e.Bucket + "` puts the functions' code there, and prints its key and object version; nothing was changed"
	case a.doing == "finish":
		return "if `ssmbak-stack publish` printed that SHA-256, set the stack's parameter CodeSha256 to it; if not, publish the code again"
	}
	return "if `ssmbak-stack publish` printed that SHA-256, use --code-sha256 " + e.Has + "; if not, publish the code again; nothing was changed"
}

// failures prints which resources failed and why, and which permissions are missing.
func (a *app) failures(f *stack.FailedError) {
	for _, e := range f.Failures {
		a.NoteFacts(shell.Facts{"Resource": e.Resource, "Type": e.Type, "Reason": e.Reason}, "failed: %s (%s): %s", e.Resource, e.Type, e.Reason)
	}
	for _, p := range f.Permissions {
		a.NoteFacts(shell.Facts{"Permission": p}, "missing permission: %s", p)
	}
}

// recovery returns the hint for a failed operation.
func (a *app) recovery(f *stack.FailedError) string {
	first := "`" + a.command("events") + "` shows all events"
	if len(f.Permissions) > 0 {
		first = "allow " + strings.Join(f.Permissions, ", ")
	}
	switch {
	case strings.HasPrefix(f.Status, "DELETE"):
		return first + "; then run `" + a.command("delete") + "` again"
	case strings.HasPrefix(f.Status, "ROLLBACK"), strings.HasPrefix(f.Status, "CREATE"):
		return first + "; then delete the stack with `" + a.command("delete") + "` and create it again with `" + a.command("create") + "`"
	case f.Status == "UPDATE_ROLLBACK_COMPLETE" && a.doing == "create":
		return first + "; then `" + a.command("create") + "` resumes the creation"
	case f.Status == "UPDATE_ROLLBACK_COMPLETE":
		return first + "; the stack is unchanged"
	}
	return first
}

// interrupted returns the failure for an interrupt.
func (a *app) interrupted() shell.Failure {
	f := shell.Failure{Message: "interrupted", Code: shell.Interrupted}
	switch a.doing {
	case "create", "update", "delete":
		f.Hint = a.continues(true)
	case "test":
		f.Hint = "the test's parameters were removed"
	case "redrive":
		f.Hint = "SQS continues to move the messages; `" + a.command("redrive") + "` waits for it to finish"
	}
	return f
}

// continues returns the hint that CloudFormation continues the operation, and how to
// follow it. started says whether the operation has certainly started.
func (a *app) continues(started bool) string {
	events := "CloudFormation continues the operation: `" + a.command("events") + "` shows the progress"
	if !started {
		events = "CloudFormation may have started the operation: `" + a.command("events") + "` shows the progress"
	}
	if a.doing == "create" {
		return events + ", and `" + a.command("create") + "` resumes the creation"
	}
	return events + ", and `" + a.command("status") + "` the result"
}

// command returns a command line for this stack that works like this run: in the same
// region, with the same profile and endpoint.
func (a *app) command(words string) string {
	return "ssmbak-stack " + a.name + " " + words + a.Where()
}
