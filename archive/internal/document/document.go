// Package document reads and writes the JSON objects of the archive so that they
// can grow: a field that this program does not know survives when the object is
// written again, and stays with the fact that it belongs to.
//
// # Growing
//
// Every kind of object has a format of its own, "format", which says what its
// writer knew, and "reader", the least format that a program must know to read
// it; 1 if it is absent. A greater format alone is no refusal: a field that was
// added says more and contradicts nothing. What withdraws, limits or replaces, or
// is part of an identity, raises reader, and only programs that do not know it
// refuse that object, and no other.
//
// # What is kept
//
// Unknown fields are those of the very object that is replaced. They are never
// merged with anything: two programs that know the field would have to agree
// about what its union is, and this one does not know it. An element of a list
// is found again by its identity.
package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Kind is a kind of object, as this program knows it.
type Kind struct {
	// Format is the format that this program writes and the newest that it knows.
	Format int
	// Identities say which element of a list is which, by the path of the list:
	// "versions", or "versions.objects" for a list within its elements. Unknown
	// fields in the elements of a list without an identity are refused: they
	// would be lost.
	Identities map[string]Identity
}

// Identity returns what identifies an element of a list. Its fields are as this
// program encodes them.
type Identity func(fields map[string]json.RawMessage) string

// By returns the identity that consists of fields, of which absent ones count too.
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

// NewerError refuses an object that only a newer program can read.
type NewerError struct {
	Reader int // that it asks for
	Format int // the newest that this program knows
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("it needs a reader of format %d, this one knows format %d", e.Reader, e.Format)
}

// Unknown is what this program does not know of an object. The zero value is
// nothing.
type Unknown struct {
	// Format and Reader are those of the object, 0 if it does not exist yet.
	Format, Reader int
	part
}

// part is what is unknown of one JSON object, at any depth.
type part struct {
	fields   map[string]json.RawMessage // of the object itself
	objects  map[string]part            // of known fields that hold an object
	elements map[string]map[string]part // of known lists, by identity
}

func (p part) empty() bool { return len(p.fields)+len(p.objects)+len(p.elements) == 0 }

// Empty reports whether nothing is unknown.
func (u Unknown) Empty() bool { return u.empty() }

// Fields returns the names of the unknown fields of the object itself, in order.
func (u Unknown) Fields() []string { return slices.Sorted(maps.Keys(u.fields)) }

// Envelope returns the format and the reader of an object that replaces the one
// of which u is unknown: never less than those had. reader is what it needs for
// what this program put in it; 0 stands for 1, as in an object that names none.
func (k Kind) Envelope(u Unknown, reader int) (format, least int) {
	if least = max(reader, u.Reader); least <= 1 {
		least = 0 // which is left out
	}
	return max(k.Format, u.Format), least
}

// Decode reads an object into a pointer to a struct, and returns what the struct
// has no field for. A [*NewerError] refuses an object of which this program is no
// reader; any other error says what is wrong with the bytes.
func Decode(kind Kind, text []byte, into any) (Unknown, error) {
	var envelope struct {
		Format int `json:"format"`
		Reader int `json:"reader"`
	}
	wrong := strictly(text, into)
	if known, ok := into.(interface{ Envelope() (format, reader int) }); wrong == nil && ok {
		envelope.Format, envelope.Reader = known.Envelope()
	} else if err := json.Unmarshal(text, &envelope); err != nil {
		return Unknown{}, errors.New("it is not the JSON of an object of the archive")
	}
	u := Unknown{Format: envelope.Format, Reader: max(1, envelope.Reader)}
	switch {
	case u.Reader > kind.Format:
		return u, &NewerError{Reader: u.Reader, Format: kind.Format}
	case u.Format < 1:
		return u, errors.New("it has no format")
	case wrong == nil:
		return u, nil
	}
	// Either something is wrong with it, or it has fields that are not known.
	reflect.ValueOf(into).Elem().SetZero()
	if err := json.Unmarshal(text, into); err != nil {
		return u, err
	}
	var err error
	u.part, err = collect(kind, text, reflect.TypeOf(into).Elem(), "")
	return u, err
}

// strictly decodes and refuses unknown fields, and anything after the object.
func strictly(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() {
		return errors.New("something follows it")
	}
	return nil
}

// collect returns the fields of a JSON object, and of those in it, that a struct
// has no field for.
func collect(kind Kind, text json.RawMessage, t reflect.Type, path string) (part, error) {
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
			below, err := collect(kind, raw, inner, path+name+".")
			if err != nil {
				return part{}, err
			}
			if !below.empty() {
				set(&p.objects, name, below)
			}
		default:
			below, err := collectList(kind, raw, inner, path+name)
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

func collectList(kind Kind, text json.RawMessage, t reflect.Type, path string) (map[string]part, error) {
	var given []json.RawMessage
	if err := json.Unmarshal(text, &given); err != nil {
		return nil, err
	}
	var found map[string]part
	for _, raw := range given {
		p, err := collect(kind, raw, t, path+".")
		if err != nil {
			return nil, err
		}
		if p.empty() {
			continue
		}
		identity := kind.Identities[path]
		if identity == nil {
			return nil, fmt.Errorf("the list %q has fields that are not known, and no identity by which they could be kept", path)
		}
		// The identity is that of the element as this program writes it.
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

// Encode returns the JSON of a pointer to a struct, with what is unknown of the
// object that it replaces.
func Encode(kind Kind, from any, u Unknown) ([]byte, error) {
	text, err := json.Marshal(from)
	if err != nil || u.empty() {
		return text, err
	}
	return splice(kind, text, u.part, "")
}

func splice(kind Kind, text json.RawMessage, p part, path string) (json.RawMessage, error) {
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
		if fields[name], err = splice(kind, inner, below, path+name+"."); err != nil {
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
		identity := kind.Identities[path+name]
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
			if list[i], err = splice(kind, raw, q, path+name+"."); err != nil {
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

// Least returns both, of what is unknown twice the lesser bytes. It is for an
// object that is rebuilt from several, where no single one is replaced.
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
