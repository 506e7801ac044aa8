package stackcli

import (
	"errors"
	"testing"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/pipeline"
	"github.com/ssmbak/ssmbak/internal/stack"
	"github.com/ssmbak/ssmbak/internal/stack/code"
	"github.com/ssmbak/ssmbak/internal/testkit/errortypes"
)

// TestErrorsHaveCodes checks that every exported error of the internal packages that only
// this program uses has a code.
func TestErrorsHaveCodes(t *testing.T) {
	t.Parallel()
	type example struct {
		err  error
		code shell.Kind
	}
	why := errors.New("why")
	examples := map[string]example{
		"code.ErrNoGo":       {&code.NotFoundError{Err: code.ErrNoGo}, shell.KindCodeNotFound},
		"code.ErrNoSource":   {&code.NotFoundError{Err: code.ErrNoSource}, shell.KindCodeNotFound},
		"code.FileError":     {&code.FileError{}, shell.KindWrongUsage},
		"code.NotFoundError": {&code.NotFoundError{Err: why}, shell.KindCodeNotFound},

		"pipeline.ExcludedError": {&pipeline.ExcludedError{}, shell.KindTestRefused},
		"pipeline.ForeignError":  {&pipeline.ForeignError{}, shell.KindTestRefused},
		"pipeline.LeftError":     {&pipeline.LeftError{Err: why}, shell.KindTestLeftovers},
		"pipeline.RunningError":  {&pipeline.RunningError{}, shell.KindTestRunning},
		"pipeline.TimeError":     {&pipeline.TimeError{Err: why}, shell.KindOutOfTime},

		"stack.AdminError":       {&stack.AdminError{}, shell.KindNotAdmin},
		"stack.BucketError":      {&stack.BucketError{}, shell.KindUnsuitableBucket},
		"stack.CodeError":        {&stack.CodeError{}, shell.KindUnexpectedCode},
		"stack.ExistsError":      {&stack.ExistsError{}, shell.KindStackExists},
		"stack.FailedError":      {&stack.FailedError{}, shell.KindStackFailed},
		"stack.FillError":        {&stack.FillError{Err: why}, shell.KindStackIncomplete},
		"stack.ForeignError":     {&stack.ForeignError{}, shell.KindStackForeign},
		"stack.HeaderError":      {&stack.HeaderError{Err: why}, shell.KindStackIncomplete},
		"stack.LegacyError":      {&stack.LegacyError{}, shell.KindStackLegacy},
		"stack.NameError":        {&stack.NameError{}, shell.KindWrongUsage},
		"stack.NotFoundError":    {&stack.NotFoundError{}, shell.KindStackNotFound},
		"stack.NotSignedError":   {&stack.NotSignedError{}, shell.KindNotSigned},
		"stack.PointerError":     {&stack.PointerError{}, shell.KindPointerTaken},
		"stack.ProtectedError":   {&stack.ProtectedError{}, shell.KindStackProtected},
		"stack.SettingError":     {&stack.SettingError{}, shell.KindWrongUsage},
		"stack.StateError":       {&stack.StateError{}, shell.KindStackState},
		"stack.TerminationError": {&stack.TerminationError{}, shell.KindStackProtected},
		"stack.UnpublishedError": {&stack.UnpublishedError{}, shell.KindCodeNotFound},
		"stack.VersioningError":  {&stack.VersioningError{}, shell.KindVersioningUnsettled},
		"stack.ZipError":         {&stack.ZipError{}, shell.KindUnexpectedCode},
		// The program asks, or says that it cannot.
		"stack.VersionError": {&stack.VersionError{}, shell.KindFailed},
		// What it wraps decides.
		"stack.WatchError": {&stack.WatchError{Err: &archive.NotVersionedError{}}, shell.KindNotVersioned},
	}
	errortypes.Check(t, examples, "../../pipeline", "../../stack", "../../stack/code")
	for name, e := range examples {
		a := &app{Shell: shell.New("ssmbak-stack", shell.Env{Stderr: t.Output()}), name: "demo", doing: "create"}
		if f := a.explain(e.err); f.CodeName() != e.code {
			t.Errorf("%s has the code %s, want %s", name, f.CodeName(), e.code)
		}
	}
}
