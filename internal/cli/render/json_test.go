package render_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
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

// TestArray writes rows one after the other: the bytes are those of [render.JSON], without
// escapes for HTML in any field.
func TestArray(t *testing.T) {
	t.Parallel()
	one := ssmbak.State{
		Name: "/app/db", Value: ssmbak.Known[ssmbak.Value]{V: ssmbak.NewValue("<a>\n\"&\""), Certainty: ssmbak.Proved}, Certainty: ssmbak.LastKnown, Reason: "<why>",
		Version:  ssmbak.Version{Number: 7, Time: ssmbak.Seconds(1_700_000_000), User: "arn:aws:iam::123456789012:user/<u>", Attributes: ssmbak.Attributes{Type: ssmbak.TypeString, Description: "a <b> & c"}},
		Modified: ssmbak.Seconds(1_700_000_000), Tags: ssmbak.Known[map[string]string]{V: map[string]string{"<k>": "<v>", "l": ""}, Certainty: ssmbak.Proved},
	}
	rows := []render.Row{render.RowOf(one, true), render.RowOf(ssmbak.State{Name: "/app/gone", Deleted: true}, true), {}}
	for n := range len(rows) + 1 {
		var got, want bytes.Buffer
		a := render.NewArray(&got)
		for _, row := range rows[:n] {
			if err := a.Add(row); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if err := render.JSON(&want, rows[:n]); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got.String(), want.String()); diff != "" {
			t.Errorf("%d rows (-got +want):\n%s", n, diff)
		}
		if strings.Contains(got.String(), `\u003`) {
			t.Errorf("escapes for HTML:\n%s", got.String())
		}
	}
}
