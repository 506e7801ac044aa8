package ssmbak_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"text/template"

	"github.com/ssmbak/ssmbak"
)

// valueError is an error that carries a value, as a careless caller might.
type valueError struct {
	Op    string
	value ssmbak.Value
	Err   error
}

func (e *valueError) Error() string { return fmt.Sprintf("%s %v: %v", e.Op, e.value, e.Err) }
func (e *valueError) Unwrap() error { return e.Err }

// TestValueVerbs tries every letter as a verb, with every flag, on a value in every
// place where a value can be.
func TestValueVerbs(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t-hunter2"
	v := ssmbak.NewValue(secret)
	type deep struct {
		exported struct{ list []ssmbak.Value }
		Any      any
		Pairs    map[ssmbak.Name]*ssmbak.Value
		Array    [1]ssmbak.Value
		Err      error
	}
	d := deep{Any: v, Pairs: map[ssmbak.Name]*ssmbak.Value{"/a": &v}, Array: [1]ssmbak.Value{v}, Err: &valueError{"put", v, errors.New("refused")}}
	d.exported.list = []ssmbak.Value{v}
	places := map[string]any{
		"value": v, "pointer": &v, "struct": d, "pointer to struct": &d, "slice": []any{v, &v},
		"map": map[string]any{"v": v}, "key": map[ssmbak.Value]int{v: 1}, "error": d.Err, "joined": errors.Join(d.Err, fmt.Errorf("again: %w", d.Err)),
		"state": ssmbak.State{Name: "/a", Value: ssmbak.Know(v, ssmbak.Proved)},
	}
	hidden := []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), fmt.Sprintf("% x", secret), fmt.Sprintf("%d", []byte(secret)), fmt.Sprintf("%#v", []byte(secret)), fmt.Sprintf("%08b", []byte(secret)), fmt.Sprintf("%o", []byte(secret))}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for verb := 'A'; verb <= 'z'; verb++ {
				for _, flags := range []string{"", "+", "#", "-30", "0", " ", "10.3", "#+"} {
					said := fmt.Sprintf("%"+flags+string(verb), place)
					for _, h := range hidden {
						if strings.Contains(said, h) {
							t.Errorf("%%%s%c shows the value: %q", flags, verb, said)
						}
					}
				}
			}
		})
	}
}

// TestValueEncoders tries encoders, which write values without formatting them.
func TestValueEncoders(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t-hunter2"
	v := ssmbak.NewValue(secret)
	type holder struct{ Value ssmbak.Value }
	tests := []struct {
		name  string
		write func(w *bytes.Buffer)
	}{
		{"json", func(w *bytes.Buffer) { _ = json.NewEncoder(w).Encode(holder{v}) }},
		{"json key", func(w *bytes.Buffer) { _ = json.NewEncoder(w).Encode(map[ssmbak.Value]int{v: 1}) }},
		{"xml", func(w *bytes.Buffer) { _ = xml.NewEncoder(w).Encode(holder{v}) }},
		{"gob", func(w *bytes.Buffer) { _ = gob.NewEncoder(w).Encode(holder{v}) }},
		{"template", func(w *bytes.Buffer) {
			_ = template.Must(template.New("").Parse(`{{.Value}} {{printf "%s %q %x" .Value .Value .Value}}`)).Execute(w, holder{v})
		}},
		{"slog text", func(w *bytes.Buffer) { logAll(slog.NewTextHandler(w, nil), v) }},
		{"slog json", func(w *bytes.Buffer) { logAll(slog.NewJSONHandler(w, nil), v) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var said bytes.Buffer
			test.write(&said)
			for _, hidden := range []string{secret, fmt.Sprintf("%x", secret)} {
				if strings.Contains(said.String(), hidden) {
					t.Errorf("it shows the value: %q", said.String())
				}
			}
		})
	}
}

func logAll(h slog.Handler, v ssmbak.Value) {
	log := slog.New(h).With("with", v).WithGroup("group")
	log.Info(fmt.Sprint("value ", v), "value", v, "pointer", &v, slog.Group("inner", "value", v),
		"error", &valueError{"put", v, errors.New("refused")}, "state", ssmbak.State{Value: ssmbak.Know(v, ssmbak.Proved)}, "list", []ssmbak.Value{v})
}

// TestValueEmpty checks that the zero value is the empty value, and that an empty value is
// masked like any other.
func TestValueEmpty(t *testing.T) {
	t.Parallel()
	var none ssmbak.Value
	if !none.Equal(ssmbak.NewValue("")) || none.Len() != 0 || none.Reveal() != "" {
		t.Errorf("the zero value is %d bytes long", none.Len())
	}
	for _, v := range []ssmbak.Value{none, ssmbak.NewValue("x"), ssmbak.NewValue(strings.Repeat("x", 100))} {
		for _, got := range []string{v.String(), v.GoString(), fmt.Sprint(v), fmt.Sprintf("%#v", v), v.LogValue().String()} {
			if got != ssmbak.Mask {
				t.Errorf("%d bytes are shown as %q, want %q", v.Len(), got, ssmbak.Mask)
			}
		}
	}
	if odd := ssmbak.NewValue("\x00\xff\r\n "); odd.Reveal() != "\x00\xff\r\n " || odd.Len() != 5 {
		t.Errorf("bytes became %q", odd.Reveal())
	}
}
