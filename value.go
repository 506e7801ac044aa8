package ssmbak

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Mask is what stands where a value is not shown, whatever its length.
const Mask = "********"

// Value is the value of a parameter, byte for byte. It redacts itself: every
// way of printing, logging or marshalling it gives [Mask], or null in JSON.
// [Value.Reveal] is the one way to take it out. The zero value is the empty one.
//
// Values are compared by [Value.Equal], not by ==.
type Value struct {
	// A pointer, because package fmt calls no method of what stands in an
	// unexported field: it would print a string, and prints where this points.
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

// Equal reports whether two values are the same, byte for byte.
func (v Value) Equal(w Value) bool { return v.Reveal() == w.Reveal() }

// String returns [Mask].
func (v Value) String() string { return Mask }

// GoString returns [Mask].
func (v Value) GoString() string { return Mask }

// Format writes [Mask] for every verb.
func (v Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Mask) }

// LogValue returns [Mask].
func (v Value) LogValue() slog.Value { return slog.StringValue(Mask) }

// MarshalJSON returns null: a mask must never be read back as a value.
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(nil) }

// MarshalText returns [Mask].
func (v Value) MarshalText() ([]byte, error) { return []byte(Mask), nil }
