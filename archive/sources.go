package archive

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/legacy"
	"github.com/ssmbak/ssmbak/timeline"
)

// source is a parameter of a target, and what is already known of it.
type source struct {
	name ssmbak.Name
	// index is set if it was read to resolve the target.
	index *Index
	// legacy says that the parameter has no index, only these facts.
	legacy bool
	facts  []timeline.Legacy
	// unchanged says that its index need not be read.
	unchanged bool
}

// sources yields the parameters of the target, in the byte order of their names: those with
// an index or an entry in the register, and those with only legacy records. Before that, it
// sets one if the target means one parameter. A name that a listing found live but could
// not record counts as recorded when a target is resolved. An error is the last thing that
// sources yields.
func (a *Archive) sources(ctx context.Context, target ssmbak.Target, b beginning, one *bool) iter.Seq2[source, error] {
	return func(yield func(source, error) bool) {
		exact, named, err := a.exact(ctx, target, b)
		if err != nil {
			yield(source{}, err)
			return
		}
		below := false
		if target.Recursive() || !target.Resolve(named, true) {
			for s, err := range a.below(ctx, target, b) {
				if below = true; !yield(s, err) {
					return
				}
			}
		}
		if target.Resolve(named, below) {
			*one = true // not otherwise: those before are being read
			if exact.legacy {
				exact.facts, err = a.LegacyFacts(ctx, exact.name)
			}
			yield(exact, err)
		}
	}
}

// exact returns the parameter of the target's own name, and whether it is or was known.
func (a *Archive) exact(ctx context.Context, target ssmbak.Target, b beginning) (s source, named bool, err error) {
	name, possible := target.Name()
	if !possible {
		return source{}, false, nil
	}
	s.name, s.index = name, b.index
	if s.index != nil {
		return s, true, nil
	}
	x, err := a.Index(ctx, name)
	_, hidden := errors.AsType[*MissingIndexError](err)
	switch {
	case err == nil && x.Exists:
		s.index = &x
		return s, true, nil
	case err == nil, hidden:
	case Unreadable(err):
		return s, true, nil // readers name it
	default:
		return s, false, err
	}
	if !b.Names.IsZero() {
		// A name that is registered is read like one with an index.
		if named, err = a.registered(ctx, name); err != nil || named {
			return s, named, err
		}
	}
	current, err := a.Current(ctx, name)
	if err != nil {
		return s, false, err
	}
	s.legacy = true
	hasKey := current.ID != ""
	switch {
	case hasKey && a.replica:
		return s, false, a.missingIndex(name)
	case hasKey && !a.hasLegacy():
		return s, false, &MissingIndexError{Name: name}
	}
	return s, hasKey || b.missed(name), nil
}

// below yields the parameters below the target's path.
func (a *Archive) below(ctx context.Context, target ssmbak.Target, b beginning) iter.Seq2[source, error] {
	if a.listsLegacy() {
		return a.withLegacy(ctx, target, b)
	}
	return a.known(ctx, target, !b.Names.IsZero(), b.skip)
}

// withLegacy is [Archive.below] for an archive in which names with legacy records may have
// no index. It keeps all parameters in memory.
func (a *Archive) withLegacy(ctx context.Context, target ssmbak.Target, b beginning) iter.Seq2[source, error] {
	return func(yield func(source, error) bool) {
		var all []source
		has := make(map[ssmbak.Name]bool)
		for s, err := range a.known(ctx, target, !b.Names.IsZero(), b.skip) {
			if err != nil {
				yield(source{}, err)
				return
			}
			all, has[s.name] = append(all, s), true
		}
		found, err := legacy.Read(ctx, a.bucket, a.legacyOptions(), target.Prefix(), func(n ssmbak.Name) bool { return target.Below(n) && !has[n] })
		if err != nil {
			yield(source{}, err)
			return
		}
		for name, facts := range found.Facts {
			all = append(all, source{name: name, legacy: true, facts: facts})
		}
		slices.SortFunc(all, func(x, y source) int { return cmp.Compare(x.name, y.name) })
		for _, s := range all {
			if !yield(s, nil) {
				return
			}
		}
	}
}

// read returns the timeline of a parameter with the parts that contain the moments, or with
// all parts if there are none. line is nil if nothing is known about the parameter, and if
// its index cannot be read. problem is why that, or a part, cannot be read.
func (a *Archive) read(ctx context.Context, s source, r Reconciled, moments []ssmbak.Time) (line *timeline.Timeline, problem, err error) {
	var x Index
	switch {
	case s.index != nil:
		x = *s.index
	case !s.legacy || a.exists:
		// A parameter with only legacy records has no index, unless another process has
		// created one since the listing.
		x, err = a.Index(ctx, s.name)
		if err == nil && !x.Exists && !s.legacy && !r.namesMissed(s.name) {
			err = a.missingIndex(s.name)
		}
	}
	switch {
	case Unreadable(err):
		return nil, err, nil
	case err != nil:
		return nil, nil, err
	}
	c := timeline.Coverage{}
	if x.Exists {
		c = a.Coverage(x, r)
	} else {
		x.Facts.Legacy = s.facts
	}
	if x.Facts.Empty() && x.object.Unknown.Empty() {
		return nil, nil, nil
	}
	return a.timeline(ctx, s.name, x.Facts, c, moments)
}
