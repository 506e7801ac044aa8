package stackcli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/stack"
	"github.com/ssmbak/ssmbak/internal/stack/code"
)

// failure is an error as a person reads it: what is wrong, what to do about it,
// and the exit code.
type failure struct {
	message, hint string
	code          int
}

func (f *failure) Error() string { return f.message }

// usage is a failure of the caller's.
func usage(hint, format string, args ...any) error {
	return &failure{message: fmt.Sprintf(format, args...), hint: hint, code: exitUsage}
}

// fail is a failure of the work.
func fail(hint, format string, args ...any) error {
	return &failure{message: fmt.Sprintf(format, args...), hint: hint, code: exitFailed}
}

// explain puts any error into a failure.
func (a *app) explain(err error) failure {
	var known *failure
	if errors.As(err, &known) {
		return *known
	}
	var watch *stack.WatchError
	if errors.As(err, &watch) {
		out := a.explain(watch.Err)
		out.hint = strings.TrimSuffix(a.goesOn(!watch.Unsure)+"; "+out.hint, "; ")
		return out
	}
	out := failure{message: err.Error(), code: exitFailed}
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
	var file *code.FileError
	var noCode *code.NotFoundError
	var mismatch *archive.MismatchError
	var format *archive.FormatError
	switch {
	case errors.As(err, &name):
		out.code, out.hint = exitUsage, "such as `ssmbak-stack ssmbak create`"
	case errors.As(err, &setting):
		out.code, out.hint = exitUsage, "`ssmbak-stack create --help` shows all settings; nothing was changed"
	case errors.As(err, &missing):
		out.hint = command("create") + " makes it; --region and --profile say where it is looked for"
	case errors.As(err, &exists):
		out.hint = command("update") + " changes it, and " + command("status") + " tells how it is"
	case errors.As(err, &foreign):
		out.hint = "nothing was changed; choose another name"
	case errors.As(err, &original):
		out.hint = command("update") + " takes it over, and keeps its bucket"
	case errors.As(err, &state):
		out.hint = state.Advice
	case errors.As(err, &protected):
		out.hint = "nothing was changed; a second stack, under another name and with --no-pointer, can stand beside this one"
	case errors.As(err, &protection):
		out.hint = fmt.Sprintf("aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name %s", a.name)
	case errors.As(err, &bucket):
		out.hint = "nothing was changed"
		if strings.Contains(bucket.Why, "versioned") {
			out.hint = "aws s3api put-bucket-versioning --bucket " + bucket.Bucket + " --versioning-configuration Status=Enabled"
		}
	case errors.As(err, &versioning):
		out.hint = command(a.doing) + " tries again; AWS says that it takes up to 15 minutes"
	case errors.As(err, &pointer):
		out.hint = "nothing was changed; --no-pointer or --pointer NAME lets a second stack stand beside the first"
	case errors.As(err, &newer):
		out.hint = "update ssmbak, or say --downgrade; nothing was changed"
	case errors.As(err, &failed):
		a.failures(failed)
		out.message = fmt.Sprintf("the stack %s ended as %s", failed.Name, failed.Status)
		out.hint = a.after(failed)
	case errors.As(err, &fill):
		out.message = "the stack is whole, but the reconcile that fills its archive was not started: " + plain(fill.Err)
		out.hint = "`ssmbak reconcile` does the same from here, and the stack does it by itself within the hour"
	case errors.As(err, &header):
		out.message = "the stack is complete, but its encryption headers were not written into the archive, which tells them to `ssmbak`: " + plain(header.Err)
		out.hint = command("update") + " finishes it"
		if _, hint, ok := awsconn.Explain(header.Err); ok {
			out.hint = hint + "; then " + out.hint
		}
	case errors.As(err, &file):
		out.code, out.hint = exitUsage, "nothing was changed"
	case errors.As(err, &noCode):
		const carried = "take a released ssmbak-stack, which carries the functions, or name their zip with --code FILE.zip"
		switch {
		case errors.Is(err, code.ErrNoGo):
			out.hint = "install Go and run this in a clone of ssmbak, or " + carried
		case errors.Is(err, code.ErrNoSource):
			out.hint = "run this in a clone of ssmbak, or " + carried
		default:
			out.hint = carried
		}
	case errors.As(err, &mismatch):
		out.message, out.hint = mismatch.Error(), "nothing was changed"
	case errors.As(err, &format):
		out.message, out.hint = format.Error(), "nothing was changed"
	default:
		if message, hint, ok := awsconn.Explain(err); ok {
			out.message, out.hint = message, hint
			if errors.As(err, new(*awsconn.EndpointError)) || errors.As(err, new(*awsconn.RegionError)) {
				out.code = exitUsage
			}
		}
	}
	return out
}

// failures shows which resources failed and why, and which permissions are
// missing, before anything else is said.
func (a *app) failures(f *stack.FailedError) {
	for _, e := range f.Failures {
		a.note("failed: %s (%s): %s", e.Resource, e.Type, e.Reason)
	}
	for _, p := range f.Permissions {
		a.note("missing permission: %s", p)
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
func (a *app) interrupted() failure {
	f := failure{message: "interrupted", code: exitInterrupted}
	switch a.doing {
	case "create", "update", "delete":
		f.hint = a.goesOn(true)
	case "redrive":
		f.hint = "SQS goes on with what it began: `" + a.command("redrive") + "` again watches it"
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
	return "ssmbak-stack " + a.name + " " + words + a.where()
}

// where are the flags that lead another command to the same place. The tools of
// AWS and ssmbak call them alike.
func (a *app) where() string {
	text := ""
	for _, f := range [][2]string{{"--region", a.flags.region}, {"--profile", a.flags.profile}, {"--endpoint-url", a.flags.endpoint}} {
		if f[1] != "" {
			text += " " + f[0] + " " + quote(f[1])
		}
	}
	return text
}

// quote returns a word as a shell takes it.
func quote(word string) string {
	if word != "" && strings.IndexFunc(word, func(r rune) bool {
		return !strings.ContainsRune("/.-_:=@%+,", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// plain puts an error into one clause.
func plain(err error) string {
	if message, _, ok := awsconn.Explain(err); ok {
		return message
	}
	return err.Error()
}
