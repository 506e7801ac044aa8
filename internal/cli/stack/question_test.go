package stackcli

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// TestQuestionInterrupted checks that the hint after an interrupt at a prompt says that
// nothing was changed, not that an operation continues.
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
	code := a.complain(ctx, a.confirm(ctx, "this deletes it", false, "--yes"))
	if want := "interrupted\nhint: nothing was changed\n"; code != 130 || !strings.HasSuffix(stderr.String(), want) {
		t.Errorf("exit code %d, want 130 with output that ends with %q\n%s", code, want, stderr.String())
	}
}
