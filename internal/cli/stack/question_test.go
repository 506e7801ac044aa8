package stackcli

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// TestQuestionInterrupted holds that an interrupt at a question says that nothing
// was changed, not what goes on at AWS.
func TestQuestionInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	silence, never := io.Pipe()
	defer never.Close()
	var stderr bytes.Buffer
	a := &app{doing: "create", Shell: shell.New("ssmbak-stack", shell.Env{
		Stdin: silence, Stderr: &stderr, Terminal: func(any) bool { return true },
	})}
	code := a.complain(ctx, a.ask(ctx, "this deletes it", false, "--yes"))
	if want := "interrupted\nhint: nothing was changed\n"; code != 130 || !strings.HasSuffix(stderr.String(), want) {
		t.Errorf("exit code %d, want 130 and %q at the end of\n%s", code, want, stderr.String())
	}
}
