package timeline_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// request is one request that changed, or was to change, a part of a parameter.
type request struct {
	at       ssmbak.Time
	by       string
	part     string      // what it changes, as partsOf formats it
	time     ssmbak.Time // of the version that it made
	changed  bool        // it is what changed the part; otherwise it changed nothing
	reported bool        // CloudTrail reported it
}

// requests are those of a world, of random principals, and the calls that CloudTrail
// reports: some never, and with a time that may be a second off.
type requests struct {
	all   []request
	calls []timeline.Call
	n     int
	// lost says that an event was lost; then a change may be up to a second outside of
	// its bounds.
	lost bool
}

// add adds one request, which is k without a time and a principal.
func (q *requests) add(r *rand.Rand, never int, at, version ssmbak.Time, changed bool, k timeline.Call, parts ...string) {
	q.n++
	k.Event, k.By = fmt.Sprint("c", q.n), string(rune('a'+r.IntN(3)))
	k.Second = at.Second() + []int64{0, 0, 0, 1, -1}[r.IntN(5)]
	reported := r.IntN(100) >= never
	if reported {
		q.calls = append(q.calls, k)
	}
	for _, part := range parts {
		q.all = append(q.all, request{at: at, by: k.By, part: part, time: version, changed: changed, reported: reported})
	}
}

// partsOf formats the parts of a change.
func partsOf(c ssmbak.Change) (parts []string) {
	switch c.Operation {
	case ssmbak.OpCreate, ssmbak.OpUpdate:
		return []string{fmt.Sprint("version ", c.Version.Number)}
	case ssmbak.OpDelete:
		return []string{"deletion"}
	case ssmbak.OpTag:
		for k, value := range c.Tags {
			parts = append(parts, tagPart(k, value))
		}
	case ssmbak.OpLabel:
		for k, n := range c.Labels {
			parts = append(parts, fmt.Sprint("label ", k, " ", n))
		}
	case ssmbak.OpGap:
		return []string{"version "}
	}
	return parts
}

func tagPart(key string, value *string) string {
	if value == nil {
		return "tag -" + key
	}
	return "tag " + key + "=" + *value
}

// check returns what is wrong with the principal of a change, "" for nothing. It may be
// that of a request for the same change at the same time only if CloudTrail reported that
// one alone: then nothing distinguishes it from the one that made the change.
func (q *requests) check(c ssmbak.Change, counts map[string]int) string {
	if c.By == "" {
		counts["unknown"]++
		return ""
	}
	off := ssmbak.Time(0)
	if q.lost {
		off = 1000
	}
	for _, part := range partsOf(c) {
		wrong, excused := true, false
		for _, r := range q.all {
			same := r.part == part || c.Operation == ssmbak.OpGap && strings.HasPrefix(r.part, part)
			switch {
			case !same:
			case r.changed && (c.Within(r.at-off, r.at+off) || c.Version.Number != 0 && c.Version.Time == r.time):
				wrong = wrong && r.by != c.By
				excused = excused || !r.reported
			}
		}
		wanted := slices.ContainsFunc(q.all, func(r request) bool {
			return r.reported && r.by == c.By && c.Within(r.at-2999, r.at+2999) && (r.part == part || c.Operation == ssmbak.OpGap && strings.HasPrefix(r.part, part))
		})
		switch {
		case wrong && excused && wanted:
			counts["indistinguishable"]++
			return ""
		case wrong:
			return fmt.Sprintf("%s did not make the change of %s in [%v, %v)", c.By, part, c.From, c.Until)
		}
	}
	counts["right"]++
	counts["right "+string(c.Operation)]++
	return ""
}

// TestActorsAreTrue checks for random histories of versions and deletions, whichever events
// and reports were lost, that the principal of a change is the one that made it.
func TestActorsAreTrue(t *testing.T) {
	t.Parallel()
	counts := make(map[string]int)
	for seed := range uint64(cases(t, 10_000)) {
		r := rand.New(rand.NewPCG(seed, 9))
		w := newWorld(r, seed%2 == 1)
		never := []int{0, 30}[seed/2%2]
		q := requests{lost: w.lost}
		for _, c := range w.changes {
			if c.number == 0 {
				q.add(r, never, c.made, 0, true, timeline.Call{API: timeline.APIDelete}, "deletion")
				continue
			}
			k := timeline.Call{API: timeline.APIPut, Version: c.number}
			if seed%3 == 0 {
				k.Version = 0 // CloudTrail does not say
			}
			q.add(r, never, c.made, c.time, true, k, fmt.Sprint("version ", c.number))
		}
		w.facts = timeline.Union(w.facts, timeline.Facts{Calls: q.calls})
		line := timeline.New("/n", w.facts, timeline.Coverage{Since: start - 500_000})
		all := line.Changes()
		for i, c := range all {
			if problem := q.check(c, counts); problem != "" {
				w.dump(t, line)
				t.Fatalf("seed %d: %s:\n%s\n%+v", seed, problem, strings.Join(lines(all), "\n"), q.all)
			}
			if c.Operation == ssmbak.OpDelete && c.By == "" && never == 0 && !w.lost && w.alone(all, i) {
				w.dump(t, line)
				t.Fatalf("seed %d: who made change %d is not known:\n%s\n%+v", seed, i, strings.Join(lines(all), "\n"), q.all)
			}
		}
	}
	t.Log(counts)
	for _, kind := range []string{"right Create", "right Update", "right Delete", "right Gap", "unknown"} {
		if counts[kind] == 0 {
			t.Errorf("no history has a principal that is %s", kind)
		}
	}
	if counts["indistinguishable"] > counts["right"]/1000 {
		t.Error("too many principals are not those who made the change")
	}
}

// alone reports whether no other deletion and no gap is within some seconds of a change.
func (w *world) alone(all []ssmbak.Change, i int) bool {
	c := all[i]
	for j, other := range all {
		if j != i && (other.Operation == ssmbak.OpDelete || other.Operation == ssmbak.OpGap) && other.Within(c.From-5000, c.Until+5000) {
			return false
		}
	}
	deletions := 0
	for _, real := range w.changes {
		if real.number == 0 && real.at >= c.From-5000 && real.at <= c.Until+5000 {
			deletions++
		}
	}
	return deletions == 1
}

// TestActorsOfAttributesAreTrue does the same for tags and labels. Some requests change
// nothing, since the parameter has the tag or the label.
func TestActorsOfAttributesAreTrue(t *testing.T) {
	t.Parallel()
	counts := make(map[string]int)
	for seed := range uint64(cases(t, 10_000)) {
		r := rand.New(rand.NewPCG(seed, 10))
		w := newTagged(r, seed%2 == 1, seed%3 == 0)
		never := []int{0, 30}[seed/2%2]
		q := w.requests(r, never)
		w.facts = timeline.Union(w.facts, timeline.Facts{Calls: q.calls})
		line := timeline.New("/n", w.facts, timeline.Coverage{Since: start - 500_000})
		all := line.Changes()
		for _, c := range all {
			if c.Operation != ssmbak.OpTag && c.Operation != ssmbak.OpLabel {
				continue
			}
			if c.Bounded() && (w.lost || !w.fresh) {
				continue // known from stale reads or after lost events, the change may have happened at another time
			}
			if problem := q.check(c, counts); problem != "" {
				w.fatal(t, seed, 0, line, problem+"\n"+strings.Join(lines(all), "\n")+fmt.Sprintf("\n%+v", q.all), "true")
			}
		}
	}
	t.Log(counts)
	for _, kind := range []string{"right Tag", "right Label", "unknown", "indistinguishable"} {
		if counts[kind] == 0 {
			t.Errorf("no history has a principal that is %s", kind)
		}
	}
	if counts["indistinguishable"] > counts["right"]/20 {
		t.Error("too many principals are not those who made the change")
	}
}

// requests returns the requests that lead from each state to the next.
func (w *tagged) requests(r *rand.Rand, never int) *requests {
	q := requests{lost: w.lost}
	var before attributes
	for _, c := range w.changes {
		if c.life != before.life {
			before = attributes{life: c.life}
		}
		for _, key := range slices.Sorted(maps.Keys(c.tags)) {
			value := c.tags[key]
			k := timeline.Call{API: timeline.APITag, Tags: map[string]*string{key: &value}}
			if before.tags[key] != value {
				q.add(r, never, c.at, 0, true, k, tagPart(key, &value))
			} else if r.IntN(20) == 0 {
				q.add(r, never, c.at, 0, false, k, tagPart(key, &value))
			}
		}
		for _, label := range slices.Sorted(maps.Keys(c.labels)) {
			if n := c.labels[label]; before.labels[label] != n {
				q.add(r, never, c.at, 0, true, timeline.Call{API: timeline.APILabel, Version: n, Labels: []string{label}}, fmt.Sprint("label ", label, " ", n))
			}
		}
		for _, label := range slices.Sorted(maps.Keys(before.labels)) {
			if _, ok := c.labels[label]; !ok && c.life != 0 {
				q.add(r, never, c.at, 0, true, timeline.Call{API: timeline.APIUnlabel, Labels: []string{label}}, fmt.Sprint("label ", label, " 0"))
			}
		}
		before = c
	}
	return &q
}
