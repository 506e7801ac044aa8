package ssmbak

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Mask is shown instead of a value, whatever the length of the value.
const Mask = "********"

// Value is the value of a parameter, byte for byte. It redacts itself: printing,
// logging or marshaling it gives [Mask], or null in JSON. Only [Value.Reveal] returns
// the value. The zero value is the empty value.
//
// Compare values with [Value.Equal], not with ==.
type Value struct {
	// A pointer, because package fmt does not call the methods of an unexported
	// field: it would print the text of a string, but prints the address of a pointer.
	text *string
}

// NewValue wraps a value.
func NewValue(s string) Value { return Value{&s} }

// Reveal returns the value itself.
func (v Value) Reveal() string {
	if v.text == nil {
		return ""
	}
	return *v.text
}

// Len returns the length of the value in bytes.
func (v Value) Len() int { return len(v.Reveal()) }

// Equal reports whether v and w are the same bytes.
func (v Value) Equal(w Value) bool { return v.Reveal() == w.Reveal() }

// String returns [Mask].
func (v Value) String() string { return Mask }

// GoString returns [Mask].
func (v Value) GoString() string { return Mask }

// Format writes [Mask] for every verb.
func (v Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Mask) }

// LogValue returns [Mask].
func (v Value) LogValue() slog.Value { return slog.StringValue(Mask) }

// MarshalJSON returns null, since a mask must never be read back as a value.
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(nil) }

// MarshalText returns [Mask].
func (v Value) MarshalText() ([]byte, error) { return []byte(Mask), nil }
