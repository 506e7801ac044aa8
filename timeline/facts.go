package timeline

import (
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
	Runs          []Run          `json:"runs,omitempty"`
	Calls         []Call         `json:"calls,omitempty"`
}

// Version is a version of the parameter and the copies of its value. Number and
// Time identify it.
type Version struct {
	ssmbak.Version
	Events  []string    `json:"events,omitempty"`  // IDs of the events that announced it
	Objects []ObjectRef `json:"objects,omitempty"` // oldest first
	// Unreadable is the reason why the value is unavailable.
	Unreadable string `json:"unreadable,omitempty"`
	// Redacted says that the value was removed permanently; then there are no Objects.
	Redacted Redaction `json:"redacted,omitzero"`
	// Since is when the version became current, if that is later than its time:
	// the times of consecutive versions may decrease, their numbers do not.
	Since ssmbak.Time `json:"since,omitempty"`
}

// Moment returns when the version became current: at its own time, or one
// millisecond after the previous version of its life, whichever is later.
func (v Version) Moment() ssmbak.Time { return max(v.Time, v.Since) }

// ObjectRef identifies one copy of a version's value: an S3 object version, and
// when it was written.
type ObjectRef struct {
	ID      string      `json:"id"`
	Written ssmbak.Time `json:"written"`
}

// Ref identifies a version.
type Ref struct {
	Number int64       `json:"number"`
	Time   ssmbak.Time `json:"time"`
}

// Ref returns the version's identity.
func (v Version) Ref() Ref { return Ref{v.Number, v.Time} }

// Deletion is a deletion that an event reported. It happened in
// [Second, Second+1s). Event identifies it.
type Deletion struct {
	Event  string `json:"event"`
	Second int64  `json:"second"`
}

func (d Deletion) from() ssmbak.Time  { return ssmbak.Seconds(d.Second) }
func (d Deletion) until() ssmbak.Time { return ssmbak.Seconds(d.Second + 1) }

// Observation is one reading of the parameter.
//
// If Gone is unset, Newest was the current version, and it and all versions from
// number Oldest on belong to one life. Newest identifies the observation, so
// several observations of one version merge into one.
//
// If Gone is set, the parameter did not exist. Each such observation is a
// separate fact.
type Observation struct {
	Gone   bool        `json:"gone,omitempty"`
	Newest Ref         `json:"newest,omitzero"`
	Oldest int64       `json:"oldest,omitempty"`
	AsOf   ssmbak.Time `json:"sure"` // it reflects the state at least up to then
	At     ssmbak.Time `json:"seen"` // when the reading completed
}

// TagsFact is the complete set of tags, as an event reported it for its second
// or as observations found it. The event identifies the former, the set and the
// first observation identify the latter.
type TagsFact struct {
	Tags    map[string]string `json:"tags"`
	Event   string            `json:"event,omitempty"`
	Second  int64             `json:"second,omitempty"`
	Counter int64             `json:"counter,omitempty"` // the version counter in the event
	Observed
}

// LabelsFact is the complete map from label to version number as observations
// found it, identified by the map and the first observation, or a change that an
// event reported, identified by the event. Such a change has no map: with Label
// set, the label was attached to version To in Second, and was moved from version
// From unless that is 0; without Label, any labels may have changed in Second.
type LabelsFact struct {
	Labels map[string]int64 `json:"labels,omitempty"`
	Event  string           `json:"event,omitempty"`
	Second int64            `json:"second,omitempty"`
	Label  string           `json:"label,omitempty"`
	From   int64            `json:"from,omitempty"`
	To     int64            `json:"to,omitempty"`
	Observed
}

// Observed are the times of the first and the last observation with the same
// result. The result was true at some moment from AsOf to At, and again at some
// moment from LastAsOf to LastAt.
type Observed struct {
	AsOf     ssmbak.Time `json:"sure,omitempty"`
	At       ssmbak.Time `json:"seen,omitempty"`
	LastAsOf ssmbak.Time `json:"lastSure,omitempty"`
	LastAt   ssmbak.Time `json:"lastSeen,omitempty"`
}

// MissedChange is an event whose version was never read: at some moment of its
// second the parameter had a value that was not recorded. Event identifies it.
type MissedChange struct {
	Event     string           `json:"event"`
	Second    int64            `json:"second"`
	Operation ssmbak.Operation `json:"operation"`
}

// Staleness is the maximum age of the state that a read of Parameter Store
// returns, counted back from the beginning of the read. Users have reported reads
// up to 2 s behind; the rest allows for clock differences.
const Staleness = 10 * time.Second

// Skew is how far the recorder's clock may be behind the clock of Parameter
// Store.
const Skew = 2 * time.Second

// stepBack is the limit, in milliseconds and exclusive, by which a version's time
// may precede the moment at which the version was created.
const stepBack = 1000

// slack is how long before the second of its event a version's time may be, in
// milliseconds.
const slack = 1000

func (m MissedChange) from() ssmbak.Time  { return ssmbak.Seconds(m.Second) - slack }
func (m MissedChange) until() ssmbak.Time { return ssmbak.Seconds(m.Second + 1) }

// Legacy is one object version or delete marker that the legacy Python ssmbak
// wrote. ID identifies it.
type Legacy struct {
	ID           string      `json:"id"`
	Sequence     int         `json:"sequence,omitempty"` // position in storage order, 0 is the oldest
	Second       int64       `json:"second,omitempty"`   // the tag ssmbakTime
	Deleted      bool        `json:"deleted,omitempty"`
	LastModified ssmbak.Time `json:"lastModified"`
	Type         ssmbak.Type `json:"type,omitempty"`
	Description  string      `json:"description,omitempty"`
}

// second returns the second from which the legacy ssmbak takes l into account:
// the second of the event, or of LastModified for a delete marker, which has no
// tags.
func (l Legacy) second() int64 {
	if l.Deleted {
		return l.LastModified.Second()
	}
	return l.Second
}

// Empty reports whether there are no facts.
func (f Facts) Empty() bool {
	return len(f.Versions)+len(f.Deletions)+len(f.Observations)+len(f.Tags)+len(f.Labels)+len(f.MissedChanges)+len(f.Legacy)+len(f.Calls) == 0
}

// Latest returns the greatest time in the facts, the beginning of the second for a time
// that is known to the second; zero if there are no facts.
func (f Facts) Latest() ssmbak.Time {
	var at ssmbak.Time
	see := func(times ...ssmbak.Time) { at = max(at, slices.Max(times)) }
	for _, v := range f.Versions {
		see(v.Time, v.Since, v.Redacted.At)
		for _, o := range v.Objects {
			see(o.Written)
		}
	}
	for _, d := range f.Deletions {
		see(beginning(d.Second))
	}
	for _, o := range f.Observations {
		see(o.Newest.Time, o.AsOf, o.At)
	}
	for _, x := range f.Tags {
		see(beginning(x.Second), x.Observed.latest())
	}
	for _, x := range f.Labels {
		see(beginning(x.Second), x.Observed.latest())
	}
	for _, m := range f.MissedChanges {
		see(beginning(m.Second))
	}
	for _, r := range f.Runs {
		see(r.First.Time, r.Last.Time)
	}
	for _, o := range f.Legacy {
		see(beginning(o.Second), o.LastModified)
	}
	for _, k := range f.Calls {
		see(beginning(k.Second))
	}
	return at
}

// beginning returns the beginning of a Unix second that was read, at most MaxTime.
func beginning(second int64) ssmbak.Time {
	if second > ssmbak.MaxTime.Second() {
		return ssmbak.MaxTime
	}
	return ssmbak.Seconds(second)
}

func (o Observed) latest() ssmbak.Time { return max(o.AsOf, o.At, o.LastAsOf, o.LastAt) }

// Has reports whether the facts contain the version. They must be in the order
// that [Union] returns.
func (f Facts) Has(r Ref) bool { _, ok := f.Version(r); return ok }

// KnownBy reports whether the facts include anything about the parameter from the time or
// earlier, and whether an observation by then found that it did not exist.
func (f Facts) KnownBy(at ssmbak.Time) (existed, absent bool) {
	for _, v := range f.Versions {
		existed = existed || v.Time <= at
	}
	for _, d := range f.Deletions {
		existed = existed || ssmbak.Seconds(d.Second) <= at
	}
	for _, m := range f.MissedChanges {
		existed = existed || ssmbak.Seconds(m.Second) <= at
	}
	for _, o := range f.Legacy {
		existed = existed || ssmbak.Seconds(o.second()) <= at
	}
	for _, o := range f.Observations {
		absent = absent || o.Gone && o.At <= at
	}
	return existed, absent
}

// Version returns the version with this identity. The facts must be in the order
// that [Union] returns.
func (f Facts) Version(r Ref) (Version, bool) {
	i, ok := slices.BinarySearchFunc(f.Versions, r, func(v Version, r Ref) int { return compareRef(v.Ref(), r) })
	if !ok {
		return Version{}, false
	}
	return f.Versions[i], true
}
