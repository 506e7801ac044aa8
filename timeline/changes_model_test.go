package timeline_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// TestChangesAreTrue checks changes against a model that keeps every state: each is
// true, no change is repeated, and no change is missing unless an event was lost.
func TestChangesAreTrue(t *testing.T) {
	t.Parallel()
	counts := make(map[string]int)
	for seed := range uint64(cases(t, 10_000)) {
		r := rand.New(rand.NewPCG(seed, 5))
		w := newWorld(r, seed%2 == 1)
		line := timeline.New("/n", w.facts, timeline.Coverage{Since: start - 500_000})
		all := line.Changes()
		if problem := w.check(all, counts); problem != "" {
			w.dump(t, line)
			t.Fatalf("seed %d: %s:\n%s", seed, problem, strings.Join(lines(all), "\n"))
		}
		shuffle(r, w.facts.Versions)
		shuffle(r, w.facts.Deletions)
		shuffle(r, w.facts.Observations)
		shuffle(r, w.facts.MissedChanges)
		again := timeline.New("/n", w.facts, timeline.Coverage{Since: start - 500_000})
		if diff := cmp.Diff(all, again.Changes()); diff != "" {
			t.Fatalf("seed %d: the changes depend on the order of the facts:\n%s", seed, diff)
		}
	}
	t.Log(counts)
	for _, kind := range []string{"Create", "Update", "Delete", "Delete bounded", "Gap of versions", "Gap"} {
		if counts[kind] == 0 {
			t.Errorf("no history has a %s", kind)
		}
	}
}

// check returns an error in the changes, "" if there is none.
func (w *world) check(all []ssmbak.Change, counts map[string]int) string {
	listed := make(map[timeline.Ref]int)
	matched := make(map[change]bool) // the deletions that are among the changes
	unread := func(c change) bool {
		return c.number != 0 && !w.facts.Has(timeline.Ref{Number: c.number, Time: c.time})
	}
	// A gap before a version ends at the time of the version, which may precede its
	// moment if no observation covers it and the one before it.
	in := func(c ssmbak.Change, real change) bool {
		return c.Within(real.at, real.at) || c.Operation == ssmbak.OpGap && real.at >= c.Until && real.at < c.Until+1000 && w.unaware(c.Until)
	}
	var last ssmbak.Time
	for _, c := range all {
		kind := string(c.Operation)
		if c.Until < last {
			return "not sorted by Until"
		}
		last = c.Until
		switch c.Operation {
		case ssmbak.OpCreate, ssmbak.OpUpdate:
			ref := timeline.Ref{Number: c.Version.Number, Time: c.Version.Time}
			if listed[ref]++; listed[ref] > 1 || !w.facts.Has(ref) || (c.Operation == ssmbak.OpCreate) != (ref.Number == 1) {
				return fmt.Sprintf("version %d at %v", ref.Number, ref.Time)
			}
		case ssmbak.OpDelete:
			if c.Bounded() {
				kind += " bounded"
			}
			// Changes are sorted by Until, so the first deletion that fits is the
			// right one. If an event was lost, a deletion is placed where it
			// explains most, which may be wrong within its second.
			i := slices.IndexFunc(w.changes, func(real change) bool {
				if real.number == 0 && w.lost {
					return in(c, real) || !c.Bounded() && real.at.Second() == c.Time.Second()
				}
				return real.number == 0 && !matched[real] && in(c, real)
			})
			if i < 0 {
				return fmt.Sprintf("no deletion happened in [%v, %v), apart from those of other changes", c.From, c.Until)
			}
			matched[w.changes[i]] = true
		case ssmbak.OpGap:
			if c.Missing.First != 0 {
				kind += " of versions"
			}
			for n := c.Missing.First; n <= c.Missing.Last && n > 0; n++ {
				if !slices.ContainsFunc(w.changes, func(real change) bool { return real.number == n && unread(real) && in(c, real) }) {
					return fmt.Sprintf("version %d was not missed in [%v, %v)", n, c.From, c.Until)
				}
			}
			if !w.lost && strings.Contains(c.Reason, "life") && !slices.ContainsFunc(w.changes, func(real change) bool { return real.number == 1 && unread(real) && in(c, real) }) {
				return fmt.Sprintf("no life was missed in [%v, %v)", c.From, c.Until)
			}
			if !w.lost && strings.Contains(c.Reason, "event") && !slices.ContainsFunc(w.changes, func(real change) bool { return unread(real) && in(c, real) }) {
				return fmt.Sprintf("nothing was missed in [%v, %v)", c.From, c.Until)
			}
		default:
			return "unexpected operation " + kind
		}
		counts[kind]++
	}
	if len(listed) != len(w.facts.Versions) {
		return "a version is missing"
	}
	for _, real := range w.changes {
		switch {
		case w.lost:
		case real.number == 0 && !matched[real]:
			return fmt.Sprintf("the deletion at %v is missing", real.at)
		case unread(real) && !slices.ContainsFunc(all, func(c ssmbak.Change) bool { return c.Operation == ssmbak.OpGap && in(c, real) }):
			return fmt.Sprintf("version %d at %v is missing", real.number, real.at)
		}
	}
	return ""
}

// TestAttributeChangesAreTrue checks changes of tags and labels against a model in
// which no set of tags or labels occurs twice in a life.
func TestAttributeChangesAreTrue(t *testing.T) {
	t.Parallel()
	counts := make(map[string]int)
	for seed := range uint64(cases(t, 20_000)) {
		w := newTagged(rand.New(rand.NewPCG(seed, 6)), seed%2 == 1, false)
		line := timeline.New("/n", w.facts, timeline.Coverage{Since: start - 500_000})
		all := line.Changes()
		if problem := w.check(all, counts); problem != "" {
			w.fatal(t, seed, 0, line, problem+"\n"+strings.Join(lines(all), "\n"), "true")
		}
	}
	t.Log(counts)
	for _, kind := range []string{"Tag", "Tag bounded", "Label", "Label bounded", "Tag of an event"} {
		if counts[kind] == 0 {
			t.Errorf("no history has a %s", kind)
		}
	}
}

// check returns an error in the changes, "" if there is none.
func (w *tagged) check(all []ssmbak.Change, counts map[string]int) string {
	listed := make(map[attribute]bool)
	for _, c := range all {
		kind := string(c.Operation)
		if c.Bounded() {
			kind += " bounded"
		}
		counts[kind]++
		for k, value := range c.Tags {
			if value == nil {
				continue
			}
			a := attribute{key: k, value: *value}
			// Changes known only from stale reads may be in another order than the
			// true one.
			certain := !w.lost || !c.Bounded()
			if certain && !slices.ContainsFunc(w.changes, func(real attributes) bool { return real.tags[k] == *value && c.Within(real.at, real.at) }) {
				return fmt.Sprintf("%s=%s was not set in [%v, %v)", k, *value, c.From, c.Until)
			}
			if listed[a] && !w.lost {
				return fmt.Sprintf("%s=%s is repeated", k, *value)
			}
			listed[a] = true
		}
		for k, number := range c.Labels {
			if number != 0 && !w.lost && !slices.ContainsFunc(w.changes, func(real attributes) bool { return real.labels[k] == number && c.Within(real.at, real.at) }) {
				return fmt.Sprintf("%s was not attached to version %d in [%v, %v)", k, number, c.From, c.Until)
			}
		}
	}
	for _, f := range w.facts.Tags {
		for k, value := range f.Tags {
			if f.Event != "" && !listed[attribute{k, value}] {
				return fmt.Sprintf("%s=%s is missing", k, value)
			}
			counts["Tag of an event"]++
		}
	}
	return ""
}

// attribute is one tag.
type attribute struct{ key, value string }

// FuzzChanges checks that the changes of any facts, true or not, are sorted and do
// not depend on the order of the facts.
func FuzzChanges(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		facts, ok := decodeFacts(text)
		if !ok {
			return
		}
		all := timeline.New("/n", facts, timeline.Coverage{}).Changes()
		for i, c := range all {
			if c.From > c.Until || i > 0 && c.Until < all[i-1].Until || c.Missing.First > c.Missing.Last {
				t.Errorf("change %d of %+v", i, all)
			}
		}
		again := timeline.New("/n", shuffled(rand.New(rand.NewPCG(1, 1)), facts), timeline.Coverage{}).Changes()
		if diff := cmp.Diff(all, again); diff != "" {
			t.Errorf("the changes depend on the order of the facts (-first +again):\n%s", diff)
		}
	})
}
