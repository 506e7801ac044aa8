package render_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode"

	"github.com/ssmbak/ssmbak/internal/cli/render"
)

// TestTerminalJSON writes every character: a program reads the same text, and a
// terminal gets printable characters and line feeds alone.
func TestTerminalJSON(t *testing.T) {
	t.Parallel()
	var every []rune
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r < 0xd800 || r > 0xdfff {
			every = append(every, r)
		}
	}
	for name, write := range map[string]func(*bytes.Buffer, any) error{
		"indented": func(b *bytes.Buffer, v any) error { return render.JSON(render.TerminalJSON(b), v) },
		"line":     func(b *bytes.Buffer, v any) error { return render.Line(render.TerminalJSON(b), v) },
	} {
		var out bytes.Buffer
		if err := write(&out, map[string]string{"Value": string(every)}); err != nil {
			t.Fatal(err)
		}
		for _, r := range out.String() {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Fatalf("%s: %U reaches the terminal", name, r)
			}
		}
		var back map[string]string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil {
			t.Fatal(err)
		}
		if got := []rune(back["Value"]); string(got) != string(every) {
			t.Errorf("%s: %d characters were read back, want %d", name, len(got), len(every))
		}
	}
}
