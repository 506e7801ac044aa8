package bucket

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// compact reads a document as this package writes it: what [json.Marshal] returns, with the
// fields in the order of the struct and no spaces between them. It is several times faster
// than [json.Decoder] (BenchmarkDecodeIndex), to which it leaves everything else, such as
// unknown fields. What it reads, [json.Decoder] reads the same (FuzzCompact).
type compact struct {
	text []byte // what is left
	// kept are strings that were read: elements of a list often have the same ones.
	kept [16]string
	// large is set for a document that is too large to have a list of it in memory twice.
	large bool
}

// compactly decodes a text of some weight, see [weigh], into a pointer to a zero struct.
// Without ok it did not, and what the pointer refers to is undefined.
func compactly(text []byte, weight int64, into any) (ok bool) {
	v := reflect.ValueOf(into).Elem()
	read := readerOf(v.Type())
	if read == nil {
		return false
	}
	c := compact{text: text, large: weight > free}
	return read(&c, v) && (len(c.text) == 0 || string(c.text) == "\n")
}

// reader reads one value into a zero value of its type, and reports whether it did.
type reader func(c *compact, into reflect.Value) bool

// readers are the readers of types, nil for types that compact does not read.
var readers sync.Map

func readerOf(t reflect.Type) reader {
	if found, ok := readers.Load(t); ok {
		return found.(reader) //nolint:forcetypeassert // nothing else is stored
	}
	made := newReader(t)
	readers.Store(t, made)
	return made
}

func newReader(t reflect.Type) reader {
	switch {
	case reflect.PointerTo(t).Implements(unmarshaler):
		return (*compact).unmarshaler
	case reflect.PointerTo(t).Implements(textUnmarshaler):
		return nil
	}
	switch kind := t.Kind(); {
	case kind == reflect.Bool:
		return (*compact).bool
	case kind == reflect.Int, kind == reflect.Int64:
		return (*compact).int
	case kind == reflect.String:
		return (*compact).string
	case kind == reflect.Slice && t.Elem().Kind() != reflect.Uint8: // which is base64
		return newListReader(t)
	case kind == reflect.Pointer:
		return newPointerReader(t)
	case kind == reflect.Map && t.Key().Kind() == reflect.String:
		return newMapReader(t)
	case kind == reflect.Struct:
		return newStructReader(t)
	}
	return nil
}

// skip removes a prefix from what is left.
func (c *compact) skip(prefix string) bool {
	if len(c.text) < len(prefix) || string(c.text[:len(prefix)]) != prefix {
		return false
	}
	c.text = c.text[len(prefix):]
	return true
}

func (c *compact) bool(into reflect.Value) bool {
	if c.skip("true") {
		into.SetBool(true)
		return true
	}
	return c.skip("false")
}

// int reads an integer. It stops at the first byte that is no digit, which nothing that follows
// a value accepts if it belongs to the number.
func (c *compact) int(into reflect.Value) bool {
	negative := c.skip("-")
	digits, n := 0, int64(0)
	for ; digits < len(c.text) && '0' <= c.text[digits] && c.text[digits] <= '9'; digits++ {
		if digits == 18 {
			return false // it may overflow
		}
		n = 10*n + int64(c.text[digits]-'0')
	}
	if digits == 0 || c.text[0] == '0' && (digits > 1 || negative) {
		return false
	}
	c.text = c.text[digits:]
	if negative {
		n = -n
	}
	if into.OverflowInt(n) {
		return false
	}
	into.SetInt(n)
	return true
}

// literal returns the next string with its quotes, and whether it is what it says: without
// escapes and only of UTF-8. It is nil if there is none.
func (c *compact) literal() (quoted []byte, plain bool) {
	if len(c.text) == 0 || c.text[0] != '"' {
		return nil, false
	}
	plain, ascii := true, true
	for i := 1; i < len(c.text); i++ {
		switch b := c.text[i]; {
		case b == '"':
			quoted, c.text = c.text[:i+1], c.text[i+1:]
			return quoted, plain && (ascii || utf8.Valid(quoted))
		case b == '\\':
			plain = false
			i++
		case b < ' ':
			return nil, false
		case b >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, false
}

// content returns the next string.
func (c *compact) content() (s string, ok bool) {
	quoted, plain := c.literal()
	switch {
	case quoted == nil:
		return "", false
	case plain:
		return c.keep(quoted[1 : len(quoted)-1]), true
	}
	return s, json.Unmarshal(quoted, &s) == nil
}

// keep returns the string of the bytes.
func (c *compact) keep(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	at := &c.kept[(len(text)+int(text[len(text)-1]))%len(c.kept)]
	if *at != string(text) {
		*at = string(text)
	}
	return *at
}

func (c *compact) string(into reflect.Value) bool {
	s, ok := c.content()
	into.SetString(s)
	return ok
}

// unmarshaler reads a string without escapes, or null, by the method of the type.
func (c *compact) unmarshaler(into reflect.Value) bool {
	quoted, plain := c.literal()
	if quoted == nil && c.skip("null") {
		quoted, plain = []byte("null"), true
	}
	u, ok := into.Addr().Interface().(json.Unmarshaler)
	return ok && plain && u.UnmarshalJSON(quoted) == nil
}

func newPointerReader(t reflect.Type) reader {
	read := readerOf(t.Elem())
	if read == nil {
		return nil
	}
	return func(c *compact, into reflect.Value) bool {
		if c.skip("null") {
			return true
		}
		into.Set(reflect.New(t.Elem()))
		return read(c, into.Elem())
	}
}

func newListReader(t reflect.Type) reader {
	read := readerOf(t.Elem())
	if read == nil {
		return nil
	}
	// Lists of several elements are read into slices that are used again, so that each is
	// allocated once.
	again := sync.Pool{New: func() any { return &list{reflect.New(t).Elem()} }}
	return func(c *compact, into reflect.Value) bool {
		if !c.skip("[") {
			return false
		}
		if c.skip("]") {
			into.Set(reflect.MakeSlice(t, 0, 0))
			return true
		}
		one := list{into}
		if !one.add(c, read) {
			return false
		}
		if c.large {
			return one.rest(c, read)
		}
		if c.skip("]") {
			return true
		}
		all := again.Get().(*list) //nolint:forcetypeassert // nothing else is put there
		all.grow()
		all.Index(0).Set(into.Index(0))
		if !all.rest(c, read) {
			return false
		}
		into.Grow(all.Len() - 1)
		into.SetLen(all.Len())
		reflect.Copy(into, all.Value)
		all.Clear() // elements are read into zero values, and nothing is kept alive
		all.SetLen(0)
		again.Put(all)
		return true
	}
}

// list is a slice whose capacity consists of zero values.
type list struct{ reflect.Value }

// grow adds a zero value.
func (l list) grow() {
	n := l.Len()
	if n == l.Cap() {
		l.Grow(1)
	}
	l.SetLen(n + 1)
}

// add reads one element.
func (l list) add(c *compact, read reader) bool {
	l.grow()
	return read(c, l.Index(l.Len()-1))
}

// rest reads what follows the first element.
func (l list) rest(c *compact, read reader) bool {
	for c.skip(",") {
		if !l.add(c, read) {
			return false
		}
	}
	return c.skip("]")
}

func newMapReader(t reflect.Type) reader {
	read := readerOf(t.Elem())
	if read == nil {
		return nil
	}
	return func(c *compact, into reflect.Value) bool {
		if !c.skip("{") {
			return false
		}
		into.Set(reflect.MakeMap(t))
		for first := true; !c.skip("}"); first = false {
			if !first && !c.skip(",") {
				return false
			}
			key, ok := c.content()
			if !ok || !c.skip(":") {
				return false
			}
			of, value := reflect.ValueOf(key).Convert(t.Key()), reflect.New(t.Elem()).Elem()
			if into.MapIndex(of).IsValid() || !read(c, value) {
				return false
			}
			into.SetMapIndex(of, value)
		}
		return true
	}
}

func newStructReader(t reflect.Type) reader {
	type member struct {
		name string // with its quotes and the colon
		at   []int
		read reader
	}
	var members []member
	for _, f := range fieldList(t) {
		read := readerOf(f.Type)
		if read == nil || strings.Contains(f.option, "string") || slices.ContainsFunc(members, func(m member) bool { return m.name == `"`+f.name+`":` }) {
			return nil
		}
		members = append(members, member{`"` + f.name + `":`, f.Index, read})
	}
	return func(c *compact, into reflect.Value) bool {
		if !c.skip("{") {
			return false
		}
		if c.skip("}") {
			return true
		}
		for _, m := range members {
			if !c.skip(m.name) {
				continue
			}
			if !m.read(c, into.FieldByIndex(m.at)) {
				return false
			}
			if c.skip("}") {
				return true
			}
			if !c.skip(",") {
				return false
			}
		}
		return false
	}
}
