package archive

import (
	"context"
	"errors"
	"iter"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

// eachSubject yields the result of check for the parameters of a target that include
// accepts, all if it is nil, in the order of their names' bytes. It checks several
// concurrently, and its memory does not depend on the number of parameters. An error is
// the last thing that it yields.
func eachSubject[T any](
	ctx context.Context, a *Archive, target ssmbak.Target, include func(ssmbak.Name) bool, check func(context.Context, *subject) (T, error),
) iter.Seq2[T, error] {
	included := func(ctx context.Context) iter.Seq2[*subject, error] {
		return func(yield func(*subject, error) bool) {
			for s, err := range a.subjects(ctx, target) {
				if err == nil && include != nil && !include(s.name) {
					continue
				}
				if !yield(s, err) {
					return
				}
			}
		}
	}
	return inOrder(ctx, a.o.Parallel, included, check)
}

// subject is what the listings show of one parameter: the versions of its index, its value
// object and its entry in the register, newest first.
type subject struct {
	name                     ssmbak.Name
	indexes, values, entries []bucket.Version
}

// subjects lists the parameters of a target that have an index, a value or an entry in the
// register, in the order of their names' bytes. A target that can be one parameter includes
// it, and unless it is recursive means it alone if the bucket holds anything of it.
func (a *Archive) subjects(ctx context.Context, target ssmbak.Target) iter.Seq2[*subject, error] {
	return func(yield func(*subject, error) bool) {
		if name, possible := target.Name(); possible {
			indexes, err := a.bucket.History(ctx, indexKey(name))
			values, err2 := a.bucket.History(ctx, string(name))
			entries, err3 := a.bucket.History(ctx, entryKey(name))
			if err := errors.Join(err, err2, err3); err != nil {
				yield(nil, err)
				return
			}
			exists := len(indexes)+len(values)+len(entries) > 0
			if exists && !yield(&subject{name, indexes, values, entries}, nil) || exists && !target.Recursive() {
				return
			}
		}
		a.joined(ctx, target)(yield)
	}
}

// joined lists the parameters below a target's path: it joins three listings that are in
// the order of the names' bytes.
func (a *Archive) joined(ctx context.Context, target ssmbak.Target) iter.Seq2[*subject, error] {
	return func(yield func(*subject, error) bool) {
		var sources []*grouping
		for _, l := range []struct {
			prefix string
			nameOf func(key string) (ssmbak.Name, bool)
			of     func(*subject) *[]bucket.Version
		}{
			{indexPrefix, nameOfIndex, func(s *subject) *[]bucket.Version { return &s.indexes }},
			{"", nameOfValue, func(s *subject) *[]bucket.Version { return &s.values }},
			{namesPrefix, nameOfEntry, func(s *subject) *[]bucket.Version { return &s.entries }},
		} {
			next, stop := iter.Pull2(a.grouped(ctx, target, l.prefix, l.nameOf))
			defer stop()
			g := &grouping{next: next, of: l.of}
			g.advance()
			sources = append(sources, g)
		}
		for {
			var s *subject
			for _, g := range sources {
				if g.err != nil {
					yield(nil, g.err)
					return
				}
				if g.more && (s == nil || g.name < s.name) {
					s = &subject{name: g.name}
				}
			}
			if s == nil {
				return
			}
			for _, g := range sources {
				if g.more && g.name == s.name {
					*g.of(s) = g.versions
					g.advance()
				}
			}
			if !yield(s, nil) {
				return
			}
		}
	}
}

// grouping is a listing at one of its groups. of returns where a subject has its versions.
type grouping struct {
	group
	err  error
	more bool
	next func() (group, error, bool)
	of   func(*subject) *[]bucket.Version
}

func (g *grouping) advance() { g.group, g.err, g.more = g.next() }

// group is all versions of one key, newest first.
type group struct {
	name     ssmbak.Name
	versions []bucket.Version
}

// grouped lists the object versions of a target by parameter.
func (a *Archive) grouped(ctx context.Context, target ssmbak.Target, prefix string, nameOf func(string) (ssmbak.Name, bool)) iter.Seq2[group, error] {
	return func(yield func(group, error) bool) {
		var g group
		for v, err := range a.bucket.Versions(ctx, below(target, prefix)) {
			if err != nil {
				yield(group{}, err)
				return
			}
			name, ok := nameOf(v.Key)
			if !ok || !target.Below(name) {
				continue
			}
			if name != g.name {
				if len(g.versions) > 0 && !yield(g, nil) {
					return
				}
				g = group{name: name}
			}
			g.versions = append(g.versions, v)
		}
		if len(g.versions) > 0 {
			yield(g, nil)
		}
	}
}
