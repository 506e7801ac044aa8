package archive

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/ssmbak/ssmbak"
)

// list is a listing of names that ends with an error, if there is one.
func list(failed error, names ...ssmbak.Name) func(context.Context) iter.Seq2[source, error] {
	return func(context.Context) iter.Seq2[source, error] {
		return func(yield func(source, error) bool) {
			for _, name := range names {
				if !yield(source{name: name}, nil) {
					return
				}
			}
			if failed != nil {
				yield(source{}, failed)
			}
		}
	}
}

func TestMerged(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	tests := map[string]struct {
		one, other func(context.Context) iter.Seq2[source, error]
		cancel     bool
		want       []ssmbak.Name
		err        error
	}{
		"nothing":           {one: list(nil), other: list(nil)},
		"one of them":       {one: list(nil, "/a", "/b"), other: list(nil), want: []ssmbak.Name{"/a", "/b"}},
		"the other":         {one: list(nil), other: list(nil, "/a", "/b"), want: []ssmbak.Name{"/a", "/b"}},
		"both":              {one: list(nil, "/b", "/c", "/e"), other: list(nil, "/a", "/c", "/d", "/f"), want: []ssmbak.Name{"/a", "/b", "/c", "/d", "/e", "/f"}},
		"one fails":         {one: list(broken, "/a"), other: list(nil, "/a", "/b"), want: []ssmbak.Name{"/a"}, err: broken},
		"the other fails":   {one: list(nil, "/b", "/c"), other: list(broken, "/a"), want: []ssmbak.Name{"/a"}, err: broken},
		"a canceled search": {one: list(nil, make([]ssmbak.Name, 5000)...), other: list(nil), cancel: true, err: context.Canceled},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var got []ssmbak.Name
				var last error
				for s, err := range merged(ctx, test.one, test.other) {
					if last = err; err != nil {
						break
					}
					if got = append(got, s.name); test.cancel {
						cancel()
					}
				}
				if !errors.Is(last, test.err) {
					t.Errorf("it ended with %v, want %v", last, test.err)
				}
				if !test.cancel && !slices.Equal(got, test.want) {
					t.Errorf("it yielded %s, want %s", got, test.want)
				}
			})
		})
	}
}
