package stackcli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/stack"
	"github.com/ssmbak/ssmbak/stack/code"
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
	out := failure{message: err.Error(), code: exitFailed}
	command := func(words string) string { return fmt.Sprintf("`ssmbak-stack %s %s`", a.name, words) }
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
	var pointer *stack.PointerError
	var newer *stack.VersionError
	var failed *stack.FailedError
	var fill *stack.FillError
	var file *code.FileError
	var noCode *code.NotFoundError
	var mismatch *archive.MismatchError
	var format *archive.FormatError
	switch {
	case errors.As(err, &name):
		out.code, out.hint = exitUsage, "such as `ssmbak-stack ssmbak create`"
	case errors.As(err, &setting):
		out.code, out.hint = exitUsage, "`ssmbak-stack --help` shows all settings; nothing was changed"
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
		out.hint = "nothing was changed; a second stack, under another name and with --pointer '', can stand beside this one"
	case errors.As(err, &protection):
		out.hint = fmt.Sprintf("aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name %s", a.name)
	case errors.As(err, &bucket):
		out.hint = "nothing was changed"
		if strings.Contains(bucket.Why, "versioned") {
			out.hint = "aws s3api put-bucket-versioning --bucket " + bucket.Bucket + " --versioning-configuration Status=Enabled"
		}
	case errors.As(err, &pointer):
		out.hint = "nothing was changed; --pointer '' or --pointer NAME lets a second stack stand beside the first, and `--bucket " + pointer.Bucket + "` goes on with an archive that was kept"
	case errors.As(err, &newer):
		out.hint = "update ssmbak, or say --downgrade; nothing was changed"
	case errors.As(err, &failed):
		a.failures(failed)
		out.message = fmt.Sprintf("the stack %s ended as %s", failed.Name, failed.Status)
		out.hint = command("events") + " shows all that happened"
		if len(failed.Permissions) > 0 {
			out.hint = "missing permission: " + strings.Join(failed.Permissions, ", ")
		}
	case errors.As(err, &fill):
		out.message = "the stack is whole, but the reconcile that fills its archive was not started: " + plain(fill.Err)
		out.hint = "`ssmbak reconcile` does the same from here, and the stack does it by itself within the hour"
	case errors.As(err, &file):
		out.code, out.hint = exitUsage, "nothing was changed"
	case errors.As(err, &noCode):
		out.hint = "install Go and try again, take a released ssmbak-stack, which carries them, or name their zip with --code FILE.zip; what was made so far stays, and the same command goes on"
	case errors.As(err, &mismatch):
		out.message, out.hint = mismatch.Error(), "nothing was changed"
	case errors.As(err, &format):
		out.message, out.hint = format.Error(), "nothing was changed"
	default:
		if message, hint, ok := awsconn.Explain(err); ok {
			out.message, out.hint = message, hint
		}
	}
	return out
}

// failures shows which resources failed, and why, before anything else is said.
func (a *app) failures(f *stack.FailedError) {
	for _, e := range f.Failures {
		a.note("failed: %s (%s): %s", e.Resource, e.Type, e.Reason)
	}
}

// plain puts an error into one clause.
func plain(err error) string {
	if message, _, ok := awsconn.Explain(err); ok {
		return message
	}
	return err.Error()
}
