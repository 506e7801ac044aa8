package timeline

import (
	"reflect"
	"testing"

	"github.com/ssmbak/ssmbak"
)

// TestLatest sets each time in the facts, one after the other, and checks that Latest
// returns it.
func TestLatest(t *testing.T) {
	t.Parallel()
	const far = ssmbak.Time(4_000_000_000_000)
	var facts Facts
	fill(reflect.ValueOf(&facts).Elem())
	tried := 0
	var visit func(path string, v reflect.Value)
	visit = func(path string, v reflect.Value) {
		switch {
		case v.Type() == reflect.TypeFor[ssmbak.Time]():
			before := v.Int()
			v.SetInt(int64(far))
			if got := facts.Latest(); got != far {
				t.Errorf("%s: %s, want %s", path, got, far)
			}
			v.SetInt(before)
			tried++
		case v.Kind() == reflect.Int64 && path[max(0, len(path)-len(".Second")):] == ".Second":
			before := v.Int()
			for second, want := range map[int64]ssmbak.Time{far.Second(): far, 1 << 62: ssmbak.MaxTime} {
				v.SetInt(second)
				if got := facts.Latest(); got != want {
					t.Errorf("%s of %d: %s, want %s", path, second, got, want)
				}
			}
			v.SetInt(before)
			tried++
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				visit(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case v.Kind() == reflect.Slice:
			for i := range v.Len() {
				visit(path, v.Index(i))
			}
		}
	}
	visit("Facts", reflect.ValueOf(&facts).Elem())
	if tried < 20 {
		t.Errorf("%d times were tried, want all", tried)
	}
	if got := (Facts{}).Latest(); got != 0 {
		t.Errorf("no facts: %s", got)
	}
}

// fill gives each slice of structs one element, at any depth.
func fill(v reflect.Value) {
	switch kind := v.Kind(); {
	case kind == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case kind == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	}
}
