package ssmbakcli

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/export"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/drill"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/permission"
	"github.com/ssmbak/ssmbak/internal/testkit/errortypes"
	"github.com/ssmbak/ssmbak/internal/testkit/script"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// TestErrorsHaveCodes checks that every exported error of the internal packages that only
// this program uses, or both, has a code.
func TestErrorsHaveCodes(t *testing.T) {
	t.Parallel()
	type example struct {
		err  error
		code shell.Kind
	}
	why := errors.New("why")
	examples := map[string]example{
		"awsconn.ConfigError":      {&awsconn.ConfigError{Err: why}, shell.KindInvalidConfiguration},
		"awsconn.CredentialsError": {&awsconn.CredentialsError{Err: why}, shell.KindNoCredentials},
		"awsconn.EndpointError":    {&awsconn.EndpointError{}, shell.KindWrongUsage},
		"awsconn.NoRegionError":    {&awsconn.NoRegionError{}, shell.KindNoRegion},
		"awsconn.RegionError":      {&awsconn.RegionError{}, shell.KindWrongUsage},
		"awsconn.UnreachableError": {&awsconn.UnreachableError{Err: why}, shell.KindNoConnection},

		"export.KeyError":    {&export.KeyError{}, shell.KindUnrepresentable},
		"export.ValueError":  {&export.ValueError{}, shell.KindUnrepresentable},
		"drill.ErrTime":      {drill.ErrTime, shell.KindOutOfTime},
		"drill.TooManyError": {&drill.TooManyError{}, shell.KindTooMany},
		"render.ColumnError": {&render.ColumnError{}, shell.KindWrongUsage},

		"emulator.PortTakenError":              {&emulator.PortTakenError{}, shell.KindPortTaken},
		"permission.UnsupportedPrincipalError": {&permission.UnsupportedPrincipalError{}, shell.KindUnsupportedPrincipal},
	}
	errortypes.Check(t, examples, "../export", "../render", "../../awsconn", "../../drill", "../../emulator", "../../permission")
	// Errors of the library that no script causes.
	for name, e := range map[string]example{
		"Busy":          {&paramstore.BusyError{}, shell.KindBusy},
		"ClockSkewed":   {&archive.ClockError{}, shell.KindClockSkewed},
		"Contradicted":  {&recorder.ContradictionError{}, shell.KindContradicted},
		"Exists":        {paramstore.ErrExists, shell.KindExists},
		"InternalError": {&recorder.PanicError{}, shell.KindInternalError},
		"Refused":       {&paramstore.RefusedError{}, shell.KindRefused},
		"SigningFailed": {&archive.SignError{Err: why}, shell.KindSigningFailed},
		"TooLarge":      {&archive.TooLargeError{}, shell.KindTooLarge},
	} {
		examples[name] = e
	}
	for name, e := range examples {
		var got shell.Kind
		a := &app{Shell: shell.New("ssmbak", shell.Env{Stderr: io.Discard, Failed: func(kind shell.Kind) {
			got = kind
			script.Failed(kind)
		}})}
		if a.complain(t.Context(), fmt.Errorf("restore /app: %w", e.err)); got != e.code {
			t.Errorf("%s has the code %s, want %s", name, got, e.code)
		}
	}
}
