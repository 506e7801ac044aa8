package bucket

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// Identity returns what identifies an element of a list, given its fields as this
// program encodes them.
type Identity func(fields map[string]json.RawMessage) string

// By returns the identity that consists of the named fields, present or absent.
func By(names ...string) Identity {
	return func(fields map[string]json.RawMessage) string {
		var b strings.Builder
		for _, name := range names {
			b.Write(fields[name])
			b.WriteByte('\n')
		}
		return b.String()
	}
}

// Unknown holds the fields of an object that this program does not know. The zero value
// is empty.
type Unknown struct {
	// Format and Reader are those of the object, 0 if it does not exist.
	Format, Reader int
	part
}

// part holds the unknown fields of one JSON object, at any depth.
type part struct {
	fields   map[string]json.RawMessage // of the object itself
	objects  map[string]part            // of known fields that hold an object
	elements map[string]map[string]part // of known lists, by identity
}

func (p part) empty() bool { return len(p.fields)+len(p.objects)+len(p.elements) == 0 }

// Empty reports whether there are no unknown fields.
func (u Unknown) Empty() bool { return u.empty() }

// Fields returns the names of the unknown fields at the top level, sorted.
func (u Unknown) Fields() []string { return slices.Sorted(maps.Keys(u.fields)) }

// Elements returns only the unknown fields of the elements of lists, for an object to
// which some of the elements are moved.
func (u Unknown) Elements() Unknown { return Unknown{part: part{elements: u.elements}} }

// envelope returns the Format and Reader fields of a document.
func envelope(v any) (format, reader reflect.Value) {
	of := reflect.ValueOf(v).Elem()
	return of.FieldByName("Format"), of.FieldByName("Reader")
}

// decode decodes a JSON object of some weight, see [weigh], into a pointer to a struct. known reports whether the
// object is decoded: otherwise it is invalid, or it has unknown fields, and
// [decodeUnknown] decodes it. The error is a [*NewerError] if the object requires a newer
// reader. Any other error says what is wrong with the bytes.
func decode(format int, text []byte, weight int64, into any) (u Unknown, known bool, err error) {
	var is struct {
		Format int `json:"format"`
		Reader int `json:"reader"`
	}
	wrong := strictly(text, weight, into)
	if wrong == nil {
		of, reader := envelope(into)
		is.Format, is.Reader = int(of.Int()), int(reader.Int())
	} else if err := json.Unmarshal(text, &is); err != nil {
		return Unknown{}, false, errors.New("it is not a JSON object of the archive")
	}
	u = Unknown{Format: is.Format, Reader: max(1, is.Reader)}
	switch {
	case u.Reader > format:
		return u, false, &NewerError{Reader: u.Reader, Format: format}
	case u.Format < 1:
		return u, false, errors.New("it has no format")
	}
	return u, wrong == nil, nil
}

// decodeUnknown decodes a JSON object with unknown fields into a pointer to a struct, and
// returns these fields.
func decodeUnknown(ids map[string]Identity, text []byte, into any) (part, error) {
	reflect.ValueOf(into).Elem().SetZero()
	if err := json.Unmarshal(text, into); err != nil {
		return part{}, err
	}
	return collect(ids, text, reflect.TypeOf(into).Elem(), "")
}

// strict is a decoder that refuses unknown fields. It reads one text after the other.
type strict struct {
	*json.Decoder
	from bytes.Reader
	read int64 // the length of all texts
}

// stricts are pooled, since each has a copy of the text.
var stricts = sync.Pool{New: func() any {
	d := new(strict)
	d.Decoder = json.NewDecoder(&d.from)
	d.DisallowUnknownFields()
	return d
}}

// strictly decodes and refuses unknown fields and trailing data.
func strictly(text []byte, weight int64, into any) error {
	if compactly(text, weight, into) {
		return nil
	}
	reflect.ValueOf(into).Elem().SetZero()
	d := stricts.Get().(*strict) // not put back after an error, which it keeps
	d.from.Reset(text)
	before := d.read
	d.read += int64(len(text))
	if err := d.Decode(into); err != nil {
		return err
	}
	if rest := text[d.InputOffset()-before:]; len(bytes.TrimLeft(rest, " \t\r\n")) > 0 {
		return errors.New("data follows the object")
	}
	if len(text) <= free {
		stricts.Put(d)
	}
	return nil
}

// collect returns the fields of a JSON object, at any depth, that a struct does not
// have.
func collect(ids map[string]Identity, text json.RawMessage, t reflect.Type, path string) (part, error) {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(text, &given); err != nil {
		return part{}, err
	}
	var p part
	known := fieldsOf(t)
	for name, raw := range given {
		field, ok := lookUp(known, name)
		if !ok {
			set(&p.fields, name, raw)
			continue
		}
		inner, list := structIn(field)
		switch {
		case inner == nil || bytes.Equal(raw, []byte("null")):
		case !list:
			below, err := collect(ids, raw, inner, path+name+".")
			if err != nil {
				return part{}, err
			}
			if !below.empty() {
				set(&p.objects, name, below)
			}
		default:
			below, err := collectList(ids, raw, inner, path+name)
			if err != nil {
				return part{}, err
			}
			if len(below) > 0 {
				set(&p.elements, name, below)
			}
		}
	}
	return p, nil
}

func collectList(ids map[string]Identity, text json.RawMessage, t reflect.Type, path string) (map[string]part, error) {
	var given []json.RawMessage
	if err := json.Unmarshal(text, &given); err != nil {
		return nil, err
	}
	var found map[string]part
	for _, raw := range given {
		p, err := collect(ids, raw, t, path+".")
		if err != nil {
			return nil, err
		}
		if p.empty() {
			continue
		}
		identity := ids[path]
		if identity == nil {
			return nil, fmt.Errorf("the list %q has unknown fields, and no identity by which to keep them", path)
		}
		// The identity is that of the element as this program encodes it.
		element := reflect.New(t)
		if err := json.Unmarshal(raw, element.Interface()); err != nil {
			return nil, err
		}
		fields, err := encoded(element.Interface())
		if err != nil {
			return nil, err
		}
		set(&found, identity(fields), p)
	}
	return found, nil
}

// splice adds the unknown fields of an object to the JSON of its replacement.
func splice(ids map[string]Identity, text json.RawMessage, p part, path string) (json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	for name, raw := range p.fields {
		if _, taken := fields[name]; !taken {
			fields[name] = raw
		}
	}
	for name, below := range p.objects {
		inner := fields[name]
		if inner == nil {
			inner = json.RawMessage("{}")
		}
		var err error
		if fields[name], err = splice(ids, inner, below, path+name+"."); err != nil {
			return nil, err
		}
	}
	for name, below := range p.elements {
		var list []json.RawMessage
		if raw := fields[name]; raw == nil {
			continue
		} else if err := json.Unmarshal(raw, &list); err != nil {
			return nil, err
		}
		identity := ids[path+name]
		for i, raw := range list {
			var element map[string]json.RawMessage
			if err := json.Unmarshal(raw, &element); err != nil {
				return nil, err
			}
			q, ok := below[identity(element)]
			if !ok {
				continue
			}
			var err error
			if list[i], err = splice(ids, raw, q, path+name+"."); err != nil {
				return nil, err
			}
		}
		var err error
		if fields[name], err = json.Marshal(list); err != nil {
			return nil, err
		}
	}
	return json.Marshal(fields)
}

// Least returns the unknown fields of a and b, and for a field of both the lesser bytes.
// It is for an object that is rebuilt from several objects.
func Least(a, b Unknown) Unknown {
	return Unknown{Format: max(a.Format, b.Format), Reader: max(a.Reader, b.Reader), part: least(a.part, b.part)}
}

func least(a, b part) part {
	return part{
		fields: merged(a.fields, b.fields, func(x, y json.RawMessage) json.RawMessage {
			if bytes.Compare(y, x) < 0 {
				return y
			}
			return x
		}),
		objects: merged(a.objects, b.objects, least),
		elements: merged(a.elements, b.elements, func(x, y map[string]part) map[string]part {
			return merged(x, y, least)
		}),
	}
}

func merged[V any](a, b map[string]V, both func(x, y V) V) map[string]V {
	if len(a) == 0 {
		return b
	}
	out := maps.Clone(a)
	for key, y := range b {
		if x, ok := out[key]; ok {
			y = both(x, y)
		}
		out[key] = y
	}
	return out
}

func encoded(x any) (fields map[string]json.RawMessage, err error) {
	text, err := json.Marshal(x)
	if err != nil {
		return nil, err
	}
	return fields, json.Unmarshal(text, &fields)
}

func set[V any](m *map[string]V, key string, v V) {
	if *m == nil {
		*m = make(map[string]V)
	}
	(*m)[key] = v
}
