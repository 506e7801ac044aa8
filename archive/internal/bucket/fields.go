package bucket

import (
	"cmp"
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

var (
	unmarshaler     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// field is a field of a struct as JSON has it. Its Index leads to it from the struct, through
// those that are embedded.
type field struct {
	reflect.StructField
	name, option string
}

// fieldList returns the fields of a struct and of those embedded in it, in the order in which
// they are written.
func fieldList(t reflect.Type) (all []field) {
	for f := range t.Fields() {
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Tag.Get("json") == "-" || !f.IsExported() && !f.Anonymous:
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			for _, below := range fieldList(f.Type) {
				below.Index = slices.Concat(f.Index, below.Index)
				all = append(all, below)
			}
		default:
			all = append(all, field{f, cmp.Or(name, f.Name), option})
		}
	}
	return all
}

// fieldsOf returns the types of a struct's fields by their JSON names, including those
// of embedded structs.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := make(map[string]reflect.Type)
	for _, f := range fieldList(t) {
		fields[f.name] = f.Type
	}
	return fields
}

// lookUp finds a field as encoding/json does: by its exact name, else ignoring case.
func lookUp(fields map[string]reflect.Type, name string) (reflect.Type, bool) {
	if t, ok := fields[name]; ok {
		return t, true
	}
	for known, t := range fields {
		if strings.EqualFold(known, name) {
			return t, true
		}
	}
	return nil, false
}

// structIn returns the struct type of a field that holds a struct or a list of structs.
// It is nil for any other field, and for a struct that decodes itself.
func structIn(t reflect.Type) (inner reflect.Type, list bool) {
	if t.Kind() == reflect.Slice {
		t, list = t.Elem(), true
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.Implements(unmarshaler) || reflect.PointerTo(t).Implements(unmarshaler) {
		return nil, false
	}
	return t, list
}
