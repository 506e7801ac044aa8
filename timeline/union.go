package timeline

import (
	"cmp"
	"maps"
	"slices"
)

// Union merges two sets of facts. It is commutative, associative and idempotent.
// The result is in canonical order and shares no slice with the arguments.
func Union(a, b Facts) Facts {
	return Facts{
		Versions:      union(canonical(a.Versions), canonical(b.Versions), compareVersions, mergeVersions),
		Deletions:     union(a.Deletions, b.Deletions, compareDeletions, func(x, y Deletion) Deletion { return Deletion{x.Event, min(x.Second, y.Second)} }),
		Observations:  union(a.Observations, b.Observations, compareObservations, mergeObservations),
		Tags:          union(a.Tags, b.Tags, compareTags, mergeTags),
		Labels:        union(a.Labels, b.Labels, compareLabels, mergeLabels),
		MissedChanges: union(a.MissedChanges, b.MissedChanges, compareMissedEvents, func(x, y MissedChange) MissedChange { return least(x, y, compareMissed) }),
		Legacy:        union(a.Legacy, b.Legacy, compareLegacyIDs, func(x, y Legacy) Legacy { return least(x, y, compareLegacy) }),
		Runs:          union(a.Runs, b.Runs, compareRuns, func(x, _ Run) Run { return x }),
		Calls:         union(a.Calls, b.Calls, compareCallEvents, func(x, y Call) Call { return least(x, y, compareCalls) }),
	}
}

// Canonical returns the facts in canonical order: what their union with no facts is. Unlike
// [Union] it copies no slice if they are in this order.
func Canonical(f Facts) Facts {
	if ascending(f.Versions, compareVersions) && !slices.ContainsFunc(f.Versions, unmerged) &&
		ascending(f.Deletions, compareDeletions) &&
		ascending(f.Observations, compareObservations) &&
		ascending(f.Tags, compareTags) &&
		ascending(f.Labels, compareLabels) &&
		ascending(f.MissedChanges, compareMissedEvents) &&
		ascending(f.Legacy, compareLegacyIDs) &&
		ascending(f.Runs, compareRuns) &&
		ascending(f.Calls, compareCallEvents) {
		return f
	}
	return Union(f, Facts{})
}

func compareDeletions(x, y Deletion) int        { return cmp.Compare(x.Event, y.Event) }
func compareMissedEvents(x, y MissedChange) int { return cmp.Compare(x.Event, y.Event) }
func compareLegacyIDs(x, y Legacy) int          { return cmp.Compare(x.ID, y.ID) }
func compareCallEvents(x, y Call) int           { return cmp.Compare(x.Event, y.Event) }

// union merges two slices into one that is sorted by compare and has one element
// for all that compare equal.
func union[T any](a, b []T, compare func(x, y T) int, merge func(x, y T) T) []T {
	all := make([]T, 0, len(a)+len(b))
	all = append(append(all, a...), b...)
	slices.SortStableFunc(all, compare)
	out := all[:0]
	for _, x := range all {
		if n := len(out); n > 0 && compare(out[n-1], x) == 0 {
			out[n-1] = merge(out[n-1], x)
			continue
		}
		out = append(out, x)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func least[T any](x, y T, compare func(x, y T) int) T {
	if compare(y, x) < 0 {
		return y
	}
	return x
}

// compareBool orders false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func compareRef(a, b Ref) int {
	return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Number, b.Number))
}

// compareMoments orders versions by when they became current.
func compareMoments(a, b Version) int {
	return cmp.Or(cmp.Compare(a.Moment(), b.Moment()), cmp.Compare(a.Number, b.Number), cmp.Compare(a.Time, b.Time))
}

func compareVersions(a, b Version) int { return compareRef(a.Ref(), b.Ref()) }

// mergeVersions merges two facts about one version. A reason why the value is
// unavailable is kept only if there is no copy of it. A redaction prevails over every copy.
func mergeVersions(a, b Version) Version {
	v := a
	v.User, v.Attributes, v.Since = fuller(a.User, b.User), a.Merge(b.Attributes), max(a.Since, b.Since)
	v.Objects = union(a.Objects, b.Objects, compareObjects, func(x, _ ObjectRef) ObjectRef { return x })
	v.Events = union(a.Events, b.Events, cmp.Compare[string], func(x, _ string) string { return x })
	v.Unreadable, v.Redacted = "", a.Redacted.merge(b.Redacted)
	switch {
	case !v.Redacted.IsZero():
		v.Objects, v.Unreadable = nil, v.Redacted.reason()
	case len(v.Objects) == 0:
		v.Unreadable = least(a.Unreadable, b.Unreadable, cmp.Compare[string])
	}
	return v
}

func compareObjects(a, b ObjectRef) int {
	return cmp.Or(cmp.Compare(a.Written, b.Written), cmp.Compare(a.ID, b.ID))
}

// canonical returns the versions as a merge returns them. It copies them only if
// that makes a difference, which it does not for the result of a union.
func canonical(versions []Version) []Version {
	copied := false
	for i, v := range versions {
		if !unmerged(v) {
			continue
		}
		if !copied {
			versions, copied = slices.Clone(versions), true
		}
		versions[i] = mergeVersions(v, v)
	}
	return versions
}

// unmerged reports whether a merge may return the version otherwise.
func unmerged(v Version) bool {
	return !ascending(v.Events, cmp.Compare[string]) || !ascending(v.Objects, compareObjects) || v.Unreadable != "" && len(v.Objects) > 0 || !v.Redacted.IsZero()
}

// ascending reports whether union would return the slice unchanged.
func ascending[T any](all []T, compare func(x, y T) int) bool {
	for i := 1; i < len(all); i++ {
		if compare(all[i-1], all[i]) >= 0 {
			return false
		}
	}
	return len(all) > 0 || all == nil
}

// fuller returns the text that is not empty. The metadata of a value object
// contains less about a version than an observation does.
func fuller[T ~string](x, y T) T {
	if x == "" || y == "" {
		return max(x, y)
	}
	return min(x, y)
}

func compareMissed(a, b MissedChange) int {
	return cmp.Or(cmp.Compare(a.Second, b.Second), cmp.Compare(a.Operation, b.Operation))
}

func compareObservations(a, b Observation) int {
	if a.Gone && b.Gone {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.AsOf, b.AsOf))
	}
	return cmp.Or(compareBool(a.Gone, b.Gone), compareRef(a.Newest, b.Newest))
}

func mergeObservations(a, b Observation) Observation {
	a.Oldest, a.AsOf, a.At = min(a.Oldest, b.Oldest), max(a.AsOf, b.AsOf), max(a.At, b.At)
	return a
}

func compareMaps[K cmp.Ordered, V cmp.Ordered](a, b map[K]V) int {
	x, y := slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b))
	if c := slices.Compare(x, y); c != 0 {
		return c
	}
	for _, k := range x {
		if c := cmp.Compare(a[k], b[k]); c != 0 {
			return c
		}
	}
	return 0
}

// mergeTags and mergeLabels prefer an empty map to nil, so that the result does
// not depend on the order.
func mergeTags(x, y TagsFact) TagsFact {
	x.Observed = x.merge(y.Observed)
	if x.Tags == nil {
		x.Tags = y.Tags
	}
	return x
}

func mergeLabels(x, y LabelsFact) LabelsFact {
	x.Observed = x.merge(y.Observed)
	if x.Labels == nil {
		x.Labels = y.Labels
	}
	x.Label, x.From, x.To = fuller(x.Label, y.Label), max(x.From, y.From), max(x.To, y.To)
	return x
}

func compareTags(a, b TagsFact) int {
	return cmp.Or(cmp.Compare(a.Event, b.Event), cmp.Compare(a.Second, b.Second), cmp.Compare(a.Counter, b.Counter),
		compareObserved(a.Observed, b.Observed), compareMaps(a.Tags, b.Tags))
}

func compareLabels(a, b LabelsFact) int {
	return cmp.Or(cmp.Compare(a.Event, b.Event), cmp.Compare(a.Second, b.Second), compareObserved(a.Observed, b.Observed), compareMaps(a.Labels, b.Labels))
}

func compareLegacy(a, b Legacy) int {
	return cmp.Or(compareBool(a.Deleted, b.Deleted), cmp.Compare(a.Second, b.Second), cmp.Compare(a.LastModified, b.LastModified), cmp.Compare(a.Sequence, b.Sequence),
		cmp.Compare(a.Type, b.Type), cmp.Compare(a.Description, b.Description))
}

func compareCalls(a, b Call) int {
	return cmp.Or(cmp.Compare(a.Second, b.Second), cmp.Compare(a.API, b.API), cmp.Compare(a.By, b.By), cmp.Compare(a.Version, b.Version),
		slices.Compare(a.Labels, b.Labels), compareBool(a.Labels == nil, b.Labels == nil), compareTagChanges(a.Tags, b.Tags))
}

// compareTagChanges orders a removed tag before one with a value, and an empty map before
// nil.
func compareTagChanges(a, b map[string]*string) int {
	x, y := slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b))
	if c := cmp.Or(slices.Compare(x, y), compareBool(a == nil, b == nil)); c != 0 {
		return c
	}
	for _, k := range x {
		switch v, w := a[k], b[k]; {
		case v == nil || w == nil:
			if c := compareBool(v != nil, w != nil); c != 0 {
				return c
			}
		case *v != *w:
			return cmp.Compare(*v, *w)
		}
	}
	return 0
}

func (s Observed) merge(o Observed) Observed {
	s.LastAsOf, s.LastAt = max(s.LastAsOf, o.LastAsOf), max(s.LastAt, o.LastAt)
	return s
}

func compareObserved(a, b Observed) int {
	return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.AsOf, b.AsOf))
}
