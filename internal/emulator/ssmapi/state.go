package ssmapi

import (
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Change is the state of a parameter after one change of it.
type Change struct {
	Op   string    // Create, Update, Delete, Tags or Labels
	Time time.Time // UTC, with a precision of milliseconds; no two changes of a name share one
	// Modified is the LastModifiedDate of the version that is current then, which
	// [Options.StepBack] may make earlier than the change.
	Modified time.Time

	// The rest is the full state after the change, zero after a Delete.
	Version        int64
	Value          string
	Type           string
	KeyID          string
	Tier           string
	DataType       string
	Description    string
	AllowedPattern string
	Policies       string // the JSON array, "" without policies
	Tags           map[string]string
	Labels         map[string]int64 // label to the version that has it
	User           string           // who wrote the version
}

// version is one version of a parameter. It is never changed.
type version struct {
	number      int64
	time        int64 // ms since 1970, UTC
	value       string
	typ         string
	keyID       string
	tier        string
	dataType    string
	description string
	pattern     string
	policies    []policy
	user        string
}

// state is everything about a live parameter. It is never changed: a change
// makes a new one, so that readers need no lock and old states cost little.
type state struct {
	versions   []*version // those kept, oldest first, never empty
	labels     map[string]int64
	tags       map[string]string
	tagChanges int64 // the counter in tag events; 0: never had a tag
}

func (st *state) latest() *version { return st.versions[len(st.versions)-1] }

// numbered returns the version with this number, nil if it is not kept.
func (st *state) numbered(number int64) *version {
	i := number - st.versions[0].number // numbers have no holes
	if i < 0 || i >= int64(len(st.versions)) {
		return nil
	}
	return st.versions[i]
}

// labelsOf returns the labels of one version, sorted, never nil.
func (st *state) labelsOf(number int64) []string {
	labels := []string{}
	for label, n := range st.labels {
		if n == number {
			labels = append(labels, label)
		}
	}
	sort.Strings(labels)
	return labels
}

type change struct {
	op    string
	time  int64
	state *state // nil after a Delete
}

// record is all that ever happened to one name.
type record struct {
	name string // with a leading slash
	log  []change
}

func (r *record) current() *state {
	if r == nil || len(r.log) == 0 {
		return nil
	}
	return r.log[len(r.log)-1].state
}

// stateAt returns the state that a log says was true at a time.
func stateAt(log []change, ms int64) *state {
	i := sort.Search(len(log), func(i int) bool { return log[i].time > ms })
	if i == 0 {
		return nil
	}
	return log[i-1].state
}

// apply makes st the state of the record, nil for a Delete, at the given time.
// The lock is held.
func (s *Store) apply(rec *record, op string, ms int64, st *state) {
	before := rec.current()
	rec.log = append(rec.log, change{op, ms, st})
	s.count(before, -1)
	s.count(st, +1)
	switch {
	case st == nil:
		s.live.remove(rec.name)
		s.tagged.remove(rec.name)
	case before == nil:
		s.live.add(rec)
		s.ever.add(rec)
	}
	if st != nil && st.tagChanges > 0 {
		s.tagged.add(rec)
	}
}

func (s *Store) count(st *state, by int) {
	switch {
	case st == nil:
	case st.latest().tier == tierAdvanced:
		s.advanced += by
	default:
		s.standard += by
	}
}

// tick returns the time of a change of the record now. Two changes of a name
// never share a millisecond, even if the clock is stopped.
func (s *Store) tick(rec *record) int64 {
	ms := s.opt.Now().UnixMilli()
	if n := len(rec.log); n > 0 {
		ms = max(ms, rec.log[n-1].time+1)
	}
	return ms
}

// record returns what is kept of a name, making it if there is nothing yet.
// The lock is held.
func (s *Store) record(name string) *record {
	rec := s.records[name]
	if rec == nil {
		rec = &record{name: name}
		s.records[name] = rec
	}
	return rec
}

// look returns what a read of a name sees, nil if that is no parameter.
func (s *Store) look(op, name string) *state { return s.seen(op, name, s.logOf(name)) }

// logOf returns the log of a name. No lock is held.
func (s *Store) logOf(name string) []change {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if rec := s.records[name]; rec != nil {
		return rec.log
	}
	return nil
}

// seen chooses the state of a log that a read sees. No lock is held.
func (s *Store) seen(op, name string, log []change) *state {
	if len(log) == 0 {
		return nil
	}
	if s.opt.StaleBy != nil {
		if ago := s.opt.StaleBy(op, name); ago > 0 {
			return stateAt(log, s.opt.Now().Add(-ago).UnixMilli())
		}
	}
	return log[len(log)-1].state
}

// Truth returns every change ever made to a name, oldest first, over all its
// lives. The name may be given with or without its leading slash.
func (s *Store) Truth(name string) []Change {
	s.mu.RLock()
	var log []change
	if rec := s.records["/"+strings.TrimPrefix(name, "/")]; rec != nil {
		log = rec.log
	}
	s.mu.RUnlock()
	changes := make([]Change, len(log))
	for i, c := range log {
		changes[i] = Change{Op: c.op, Time: time.UnixMilli(c.time).UTC()}
		if c.state == nil {
			continue
		}
		v := c.state.latest()
		changes[i].Modified = time.UnixMilli(v.time).UTC()
		changes[i].Version, changes[i].Value, changes[i].Type = v.number, v.value, v.typ
		changes[i].KeyID, changes[i].Tier, changes[i].DataType = v.keyID, v.tier, v.dataType
		changes[i].Description, changes[i].AllowedPattern = v.description, v.pattern
		changes[i].Policies, changes[i].User = policyArray(v.policies), v.user
		changes[i].Tags, changes[i].Labels = maps.Clone(c.state.tags), maps.Clone(c.state.labels)
	}
	return changes
}

// Names returns every name that ever was a parameter, deleted ones too, with a
// leading slash and sorted.
func (s *Store) Names() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var names []string
	for _, chunk := range s.ever.chunks {
		for _, rec := range chunk {
			names = append(names, rec.name)
		}
	}
	return names
}

// nameList is a set of records sorted by name, in chunks so that adding a name
// to 100,000 others moves few of them. The zero value is empty.
type nameList struct{ chunks [][]*record }

const chunkSize = 512

// seek returns the position of the first record whose name is not below key.
func (l *nameList) seek(key string) (chunk, i int) {
	chunk = sort.Search(len(l.chunks), func(c int) bool {
		return l.chunks[c][len(l.chunks[c])-1].name >= key
	})
	if chunk == len(l.chunks) {
		return chunk, 0
	}
	records := l.chunks[chunk]
	return chunk, sort.Search(len(records), func(i int) bool { return records[i].name >= key })
}

func (l *nameList) add(rec *record) {
	c, i := l.seek(rec.name)
	if c == len(l.chunks) {
		if c == 0 {
			l.chunks = append(l.chunks, []*record{rec})
			return
		}
		c--
		i = len(l.chunks[c])
	} else if l.chunks[c][i].name == rec.name {
		return
	}
	l.chunks[c] = slices.Insert(l.chunks[c], i, rec)
	if len(l.chunks[c]) > chunkSize {
		half := slices.Clone(l.chunks[c][chunkSize/2:])
		l.chunks[c] = slices.Clip(l.chunks[c][:chunkSize/2])
		l.chunks = slices.Insert(l.chunks, c+1, half)
	}
}

func (l *nameList) remove(name string) {
	c, i := l.seek(name)
	if c == len(l.chunks) || l.chunks[c][i].name != name {
		return
	}
	l.chunks[c] = slices.Delete(l.chunks[c], i, i+1)
	if len(l.chunks[c]) == 0 {
		l.chunks = slices.Delete(l.chunks, c, c+1)
	}
}

// listed is a name on a page of a listing, with its log as it was then.
type listed struct {
	name string
	log  []change
}

// page appends at most n names in [from, to) to dst.
func (l *nameList) page(dst []listed, from, to string, n int) []listed {
	c, i := l.seek(from)
	for ; c < len(l.chunks); c, i = c+1, 0 {
		for _, rec := range l.chunks[c][i:] {
			if n == 0 || rec.name >= to {
				return dst
			}
			dst = append(dst, listed{rec.name, rec.log})
			n--
		}
	}
	return dst
}

// epoch is a time in ms since 1970. In JSON it is AWS's number of seconds with
// three places.
type epoch int64

func (e epoch) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(e)/1000, 'f', 3, 64), nil
}
