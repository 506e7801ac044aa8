package stackcli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/stack"
	"github.com/ssmbak/ssmbak/internal/stack/code"
)

// explain puts any error into a failure.
func (a *app) explain(err error) shell.Failure {
	var known *shell.Failure
	if errors.As(err, &known) {
		return *known
	}
	var watch *stack.WatchError
	if errors.As(err, &watch) {
		out := a.explain(watch.Err)
		out.Hint = strings.TrimSuffix(a.goesOn(!watch.Unsure)+"; "+out.Hint, "; ")
		return out
	}
	out := shell.Failure{Message: err.Error(), Code: shell.Failed}
	command := func(words string) string { return "`" + a.command(words) + "`" }
	var name *stack.NameError
	var setting *stack.SettingError
	var missing *stack.NotFoundError
	var exists *stack.ExistsError
	var foreign *stack.ForeignError
	var original *stack.OriginalError
	var state *stack.StateError
	var protected *stack.ProtectedError
	var protection *stack.ProtectionError
	var bucket *stack.BucketError
	var versioning *stack.VersioningError
	var pointer *stack.PointerError
	var newer *stack.VersionError
	var failed *stack.FailedError
	var fill *stack.FillError
	var header *stack.HeaderError
	var other *stack.CodeError
	var admin *stack.AdminError
	var file *code.FileError
	var noCode *code.NotFoundError
	var mismatch *archive.MismatchError
	var format *archive.FormatError
	switch {
	case errors.As(err, &name):
		out.Code, out.Hint = shell.WrongUsage, "such as `ssmbak-stack ssmbak create`"
	case errors.As(err, &setting):
		out.Code, out.Hint = shell.WrongUsage, "`ssmbak-stack create --help` shows all settings; nothing was changed"
	case errors.As(err, &missing):
		out.Hint = command("create") + " makes it; --region and --profile say where it is looked for"
	case errors.As(err, &exists):
		out.Hint = command("update") + " changes it, and " + command("status") + " tells how it is"
	case errors.As(err, &foreign):
		out.Hint = "nothing was changed; choose another name"
	case errors.As(err, &original):
		out.Hint = command("update") + " takes it over, and keeps its bucket"
	case errors.As(err, &state):
		out.Hint = state.Advice
	case errors.As(err, &protected):
		out.Hint = "nothing was changed; a second stack, under another name and with --no-pointer, can stand beside this one"
	case errors.As(err, &protection):
		out.Hint = fmt.Sprintf("aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name %s", a.name)
	case errors.As(err, &bucket):
		out.Hint = "nothing was changed"
		if strings.Contains(bucket.Why, "versioned") {
			out.Hint = "aws s3api put-bucket-versioning --bucket " + bucket.Bucket + " --versioning-configuration Status=Enabled"
		}
	case errors.As(err, &versioning):
		out.Hint = command(a.doing) + " tries again; AWS says that it takes up to 15 minutes"
	case errors.As(err, &pointer):
		out.Hint = "nothing was changed; --no-pointer or --pointer NAME lets a second stack stand beside the first"
	case errors.As(err, &newer):
		out.Hint = "update ssmbak, or say --downgrade; nothing was changed"
	case errors.As(err, &failed):
		a.failures(failed)
		out.Message = fmt.Sprintf("the stack %s ended as %s", failed.Name, failed.Status)
		out.Hint = a.after(failed)
	case errors.As(err, &fill):
		out.Message = "the stack is whole, but the reconcile that fills its archive was not started: " + shell.Reason(fill.Err)
		out.Hint = "`ssmbak reconcile` does the same from here, and the stack does it by itself within the hour"
	case errors.As(err, &header):
		out.Message = "the stack is complete, but its encryption headers were not written into the archive, which tells them to `ssmbak`: " + shell.Reason(header.Err)
		out.Hint = command("update") + " finishes it"
		if _, hint, ok := shell.ExplainAWS(header.Err); ok {
			out.Hint = hint + "; then " + out.Hint
		}
	case errors.As(err, &admin):
		out.Hint = a.becomeAdmin(admin)
	case errors.As(err, &other):
		out.Hint = command("update") + " deploys it again; who may call lambda:UpdateFunctionCode can replace it, and CloudTrail says who did"
	case errors.As(err, &file):
		out.Code, out.Hint = shell.WrongUsage, "nothing was changed"
	case errors.As(err, &noCode):
		const carried = "take a released ssmbak-stack, which carries the functions, or name their zip with --code FILE.zip"
		switch {
		case errors.Is(err, code.ErrNoGo):
			out.Hint = "install Go and run this in a clone of ssmbak, or " + carried
		case errors.Is(err, code.ErrNoSource):
			out.Hint = "run this in a clone of ssmbak, or " + carried
		default:
			out.Hint = carried
		}
	case errors.As(err, &mismatch):
		out.Message, out.Hint = mismatch.Error(), "nothing was changed"
	case errors.As(err, &format):
		out.Message, out.Hint = format.Error(), "nothing was changed"
	default:
		out = shell.Explain(err)
	}
	return out
}

// becomeAdmin says what makes the caller an admin: of a stack that is there, an
// admin has to do it, and name all of them again.
func (a *app) becomeAdmin(e *stack.AdminError) string {
	words := func(all []string) string { return " --admin '" + strings.Join(all, "' --admin '") + "'" }
	if a.doing == "create" {
		return "add" + words(e.Add) + "; nothing was changed"
	}
	return "nothing was changed; one of them can type `" + a.command("update"+words(append(slices.Clone(e.Admins), e.Add...))) + "`"
}

// failures shows which resources failed and why, and which permissions are
// missing, before anything else is said.
func (a *app) failures(f *stack.FailedError) {
	for _, e := range f.Failures {
		a.Note("failed: %s (%s): %s", e.Resource, e.Type, e.Reason)
	}
	for _, p := range f.Permissions {
		a.Note("missing permission: %s", p)
	}
}

// after says what to do about a failure, and what the stack is now.
func (a *app) after(f *stack.FailedError) string {
	first := "`" + a.command("events") + "` shows all that happened"
	if len(f.Permissions) > 0 {
		first = "allow " + strings.Join(f.Permissions, ", ")
	}
	switch {
	case strings.HasPrefix(f.Status, "DELETE"):
		return first + "; `" + a.command("delete") + "` again takes away what is left"
	case strings.HasPrefix(f.Status, "ROLLBACK"), strings.HasPrefix(f.Status, "CREATE"):
		return first + "; then `" + a.command("delete") + "` takes away what is left, and `" + a.command("create") + "` makes it anew"
	case f.Status == "UPDATE_ROLLBACK_COMPLETE" && a.doing == "create":
		return first + "; then `" + a.command("create") + "` goes on"
	case f.Status == "UPDATE_ROLLBACK_COMPLETE":
		return first + "; the stack is what it was before"
	}
	return first
}

// interrupted says what goes on without this command.
func (a *app) interrupted() shell.Failure {
	f := shell.Failure{Message: "interrupted", Code: shell.Interrupted}
	switch a.doing {
	case "create", "update", "delete":
		f.Hint = a.goesOn(true)
	case "redrive":
		f.Hint = "SQS goes on with what it began: `" + a.command("redrive") + "` again watches it"
	}
	return f
}

// goesOn says what continues at AWS without this command, and how to watch it.
func (a *app) goesOn(began bool) string {
	events := "CloudFormation goes on with what it began: `" + a.command("events") + "` shows it"
	if !began {
		events = "CloudFormation may have begun all the same: `" + a.command("events") + "` shows it"
	}
	if a.doing == "create" {
		return events + ", and `" + a.command("create") + "` goes on from there"
	}
	return events + ", and `" + a.command("status") + "` shows how it ended"
}

// command is a command line on this stack that works where this run does.
func (a *app) command(words string) string {
	return "ssmbak-stack " + a.name + " " + words + a.Where()
}
