// Package timeline decides what a parameter was at any moment from the facts
// that are known about it. It is pure: the same set of facts gives the same
// timeline, whatever order they came in and however often, and nothing here
// reads a clock or talks to anyone.
//
// # The model
//
// A parameter lives and dies. A life begins with version 1, every change of
// the value adds one to the number, and a deletion ends it; Parameter Store
// forgets a life at its end and starts at 1 again. Facts are what was seen of
// this: versions with their own times, deletions by their events, and looks,
// which say what was there when somebody read it. A fact is never changed and
// never taken back, so merging two sets of facts is their union.
//
// # How far a look speaks
//
// Parameter Store is eventually consistent: a read may answer from a moment
// before it. A look therefore carries two times: Seen, when the read had ended,
// whatever clock told it, and Sure, how far back from its beginning the answer might be. What it saw
// was true at Sure. A version seen was still the newest at Sure; what existed
// at Sure and is seen gone was deleted by Seen. Only such strong evidence
// proves anything.
package timeline

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/ssmbak/ssmbak"
)

// Facts are all facts about one parameter. The zero value is the empty set.
type Facts struct {
	Versions      []Version      `json:"versions,omitempty"`
	Deletions     []Deletion     `json:"deletions,omitempty"`
	Observations  []Observation  `json:"looks,omitempty"`
	Tags          []TagsFact     `json:"tags,omitempty"`
	Labels        []LabelsFact   `json:"labels,omitempty"`
	MissedChanges []MissedChange `json:"traces,omitempty"`
	Legacy        []Legacy       `json:"originals,omitempty"`
}

// Version is a version of the parameter and where its value stands. Its
// identity is (Number, Time). Events are the ids of the events that announced
// it, as far as they came.
type Version struct {
	ssmbak.Version
	Events     []string    `json:"events,omitempty"`
	Objects    []ObjectRef `json:"objects,omitempty"`
	Unreadable string      `json:"unreadable,omitempty"`
	// Since is the moment from which it was current where that is after its
	// time: the times of a life may step back, its numbers do not.
	Since ssmbak.Time `json:"since,omitempty"`
}

// Moment returns when the version became current: at its own time, or one
// millisecond after the version before it in its life, whichever is later.
func (v Version) Moment() ssmbak.Time { return max(v.Time, v.Since) }

// ObjectRef names one copy of a version's value: an S3 object version, and
// when it was written.
type ObjectRef struct {
	ID      string      `json:"id"`
	Written ssmbak.Time `json:"written"`
}

// Ref is the identity of a version.
type Ref struct {
	Number int64       `json:"number"`
	Time   ssmbak.Time `json:"time"`
}

// Ref returns the version's identity.
func (v Version) Ref() Ref { return Ref{v.Number, v.Time} }

// Deletion is a deletion that an event told of. It happened in
// [Second, Second+1s). Its identity is the event's id.
type Deletion struct {
	Event  string `json:"event"`
	Second int64  `json:"second"`
}

func (d Deletion) from() ssmbak.Time  { return ssmbak.Seconds(d.Second) }
func (d Deletion) until() ssmbak.Time { return ssmbak.Seconds(d.Second + 1) }

// Observation is what one reading of the parameter proved. With Gone unset the newest
// version was Newest, and all versions from Oldest to it stood in one life;
// its identity is Newest, and of several looks only how far they reach is
// kept. With Gone set the name was not there; every such look is a fact of its
// own.
type Observation struct {
	Gone   bool        `json:"gone,omitempty"`
	Newest Ref         `json:"newest,omitzero"`
	Oldest int64       `json:"oldest,omitempty"`
	AsOf   ssmbak.Time `json:"sure"`
	At     ssmbak.Time `json:"seen"`
}

// TagsFact is the whole map of tags: as a tag event told them for its own
// second, or as looks saw them. The identity of what an event told is the event,
// of what looks saw the map and the first of them.
type TagsFact struct {
	Tags    map[string]string `json:"tags"`
	Event   string            `json:"event,omitempty"`
	Second  int64             `json:"second,omitempty"`
	Counter int64             `json:"counter,omitempty"` // the event's own version counter
	Observed
}

// LabelsFact is the whole map label -> version number as looks saw it; its
// identity is the map and the first look. What an event told has no map, and its
// identity is the event: with a Label, that label came to stand on the version To
// in its second, from the version From, 0 where it did not say; without one,
// labels may have changed in its second.
type LabelsFact struct {
	Labels map[string]int64 `json:"labels,omitempty"`
	Event  string           `json:"event,omitempty"`
	Second int64            `json:"second,omitempty"`
	Label  string           `json:"label,omitempty"`
	From   int64            `json:"from,omitempty"`
	To     int64            `json:"to,omitempty"`
	Observed
}

// Observed are the first and the last look that saw the same. Each says that it
// was so at some moment from Sure to Seen: a look may answer from the past.
type Observed struct {
	AsOf     ssmbak.Time `json:"sure,omitempty"`
	At       ssmbak.Time `json:"seen,omitempty"`
	LastAsOf ssmbak.Time `json:"lastSure,omitempty"`
	LastAt   ssmbak.Time `json:"lastSeen,omitempty"`
}

func (s Observed) merge(o Observed) Observed {
	s.LastAsOf, s.LastAt = max(s.LastAsOf, o.LastAsOf), max(s.LastAt, o.LastAt)
	return s
}

func compareSights(a, b Observed) int {
	return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.AsOf, b.AsOf))
}

// MissedChange is an event whose version nobody ever saw: at some moment of its
// second the parameter existed with a value that was never had. Its identity
// is the event's id.
type MissedChange struct {
	Event     string           `json:"event"`
	Second    int64            `json:"second"`
	Operation ssmbak.Operation `json:"operation"`
}

// Staleness is how far back from its beginning a read of Parameter Store may
// answer. Reads up to 2 s behind have been reported by its users; the rest is
// for clocks that differ.
const Staleness = 10 * time.Second

// Skew is how far the clock of a recorder may be behind Parameter Store's.
const Skew = 2 * time.Second

// stepBack is how much earlier a version's time may be than the moment at which
// it was made: less than that.
const stepBack = 1000

// slack is how much later than its version an event's second may begin.
const slack = 1000

func (t MissedChange) from() ssmbak.Time  { return ssmbak.Seconds(t.Second) - slack }
func (t MissedChange) until() ssmbak.Time { return ssmbak.Seconds(t.Second + 1) }

// Legacy is one object version, or delete marker, that the legacy Python
// ssmbak wrote. Its identity is ID.
type Legacy struct {
	ID           string      `json:"id"`
	Sequence     int         `json:"sequence,omitempty"` // its place in storage order, the oldest is 0
	Second       int64       `json:"second,omitempty"`   // ssmbakTime
	Deleted      bool        `json:"deleted,omitempty"`
	LastModified ssmbak.Time `json:"lastModified"`
	Type         ssmbak.Type `json:"type,omitempty"`
	Description  string      `json:"description,omitempty"`
}

// second returns the second from which the legacy ssmbak's rules let o count: the
// event's, or for a delete marker, which carries no tags, its LastModified.
func (o Legacy) second() int64 {
	if o.Deleted {
		return o.LastModified.Second()
	}
	return o.Second
}

// Empty reports whether there is no fact at all.
func (f Facts) Empty() bool {
	return len(f.Versions)+len(f.Deletions)+len(f.Observations)+len(f.Tags)+len(f.Labels)+len(f.MissedChanges)+len(f.Legacy) == 0
}

// Has reports whether the version with this identity is a fact.
func (f Facts) Has(r Ref) bool { _, ok := f.Version(r); return ok }

// Version returns the version with this identity. The facts must be in the
// order that [Union] gives them.
func (f Facts) Version(r Ref) (Version, bool) {
	i, ok := slices.BinarySearchFunc(f.Versions, r, func(v Version, r Ref) int { return compareRef(v.Ref(), r) })
	if !ok {
		return Version{}, false
	}
	return f.Versions[i], true
}

// Union merges two sets of facts. It is commutative, associative and
// idempotent; the answer is in one canonical order and shares no slice with
// its arguments.
func Union(a, b Facts) Facts {
	return Facts{
		Versions:      union(canonical(a.Versions), canonical(b.Versions), compareVersions, mergeVersions),
		Deletions:     union(a.Deletions, b.Deletions, func(x, y Deletion) int { return cmp.Compare(x.Event, y.Event) }, func(x, y Deletion) Deletion { return least(x, y, compareDeletions) }),
		Observations:  union(a.Observations, b.Observations, compareLooks, mergeLooks),
		Tags:          union(a.Tags, b.Tags, compareTags, mergeTags),
		Labels:        union(a.Labels, b.Labels, compareLabels, mergeLabels),
		MissedChanges: union(a.MissedChanges, b.MissedChanges, func(x, y MissedChange) int { return cmp.Compare(x.Event, y.Event) }, func(x, y MissedChange) MissedChange { return least(x, y, compareTraces) }),
		Legacy:        union(a.Legacy, b.Legacy, func(x, y Legacy) int { return cmp.Compare(x.ID, y.ID) }, func(x, y Legacy) Legacy { return least(x, y, compareLegacy) }),
	}
}

// union merges two slices into one that is sorted by compare and holds one
// element for those that compare equal.
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

func compareRef(a, b Ref) int {
	return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Number, b.Number))
}

// compareMoments orders versions as they followed each other.
func compareMoments(a, b Version) int {
	return cmp.Or(cmp.Compare(a.Moment(), b.Moment()), cmp.Compare(a.Number, b.Number), cmp.Compare(a.Time, b.Time))
}

func compareVersions(a, b Version) int { return compareRef(a.Ref(), b.Ref()) }

// mergeVersions joins two facts about one version: the copies of its value are
// united, and a reason why there is none counts only where there is none.
func mergeVersions(a, b Version) Version {
	v := a
	v.User, v.Attributes, v.Since = fuller(a.User, b.User), a.Merge(b.Attributes), max(a.Since, b.Since)
	v.Objects = union(a.Objects, b.Objects, compareObjects, func(x, _ ObjectRef) ObjectRef { return x })
	v.Events = union(a.Events, b.Events, cmp.Compare[string], func(x, _ string) string { return x })
	v.Unreadable = ""
	if len(v.Objects) == 0 {
		v.Unreadable = least(a.Unreadable, b.Unreadable, cmp.Compare[string])
	}
	return v
}

func compareObjects(a, b ObjectRef) int {
	return cmp.Or(cmp.Compare(a.Written, b.Written), cmp.Compare(a.ID, b.ID))
}

// canonical gives the versions as a merge would leave them, and copies them only
// where they differ from that: what was once written by a union does not.
func canonical(versions []Version) []Version {
	copied := false
	for i, v := range versions {
		if ascending(v.Events, cmp.Compare[string]) && ascending(v.Objects, compareObjects) && (v.Unreadable == "" || len(v.Objects) == 0) {
			continue
		}
		if !copied {
			versions, copied = slices.Clone(versions), true
		}
		versions[i] = mergeVersions(v, v)
	}
	return versions
}

// ascending reports whether a slice is as union would leave it.
func ascending[T any](all []T, compare func(x, y T) int) bool {
	for i := 1; i < len(all); i++ {
		if compare(all[i-1], all[i]) >= 0 {
			return false
		}
	}
	return len(all) > 0 || all == nil
}

// fuller returns the one that says something. A fact from the metadata of a value
// object says less of a version than one from a look.
func fuller[T ~string](x, y T) T {
	if x == "" || y == "" {
		return max(x, y)
	}
	return min(x, y)
}

func compareDeletions(a, b Deletion) int { return cmp.Compare(a.Second, b.Second) }

func compareTraces(a, b MissedChange) int {
	return cmp.Or(cmp.Compare(a.Second, b.Second), cmp.Compare(a.Operation, b.Operation))
}

func compareLooks(a, b Observation) int {
	if a.Gone != b.Gone {
		if b.Gone {
			return -1
		}
		return 1
	}
	if a.Gone {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.AsOf, b.AsOf))
	}
	return compareRef(a.Newest, b.Newest)
}

func mergeLooks(a, b Observation) Observation {
	a.Oldest, a.AsOf, a.At = min(a.Oldest, b.Oldest), max(a.AsOf, b.AsOf), max(a.At, b.At)
	return a
}

func compareMaps[K cmp.Ordered, V cmp.Ordered](a, b map[K]V) int {
	pairs := func(m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
	x, y := pairs(a), pairs(b)
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

// mergeTags and mergeLabels keep a map rather than none: both say that there is
// nothing in it, and which of them came first must not be told.
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
		compareSights(a.Observed, b.Observed), compareMaps(a.Tags, b.Tags))
}

func compareLabels(a, b LabelsFact) int {
	return cmp.Or(cmp.Compare(a.Event, b.Event), cmp.Compare(a.Second, b.Second), compareSights(a.Observed, b.Observed), compareMaps(a.Labels, b.Labels))
}

func compareLegacy(a, b Legacy) int {
	if a.Deleted != b.Deleted {
		if b.Deleted {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.Second, b.Second), cmp.Compare(a.LastModified, b.LastModified), cmp.Compare(a.Sequence, b.Sequence),
		cmp.Compare(a.Type, b.Type), cmp.Compare(a.Description, b.Description))
}
