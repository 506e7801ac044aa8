package restore_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// TestBrief checks that a plan that omits the states of parameters that do not differ is
// otherwise the one that reads all of them. A label is removed without an event, which only
// its history shows.
func TestBrief(t *testing.T) {
	t.Parallel()
	lost := false
	copies := func(string) int {
		if lost {
			return 0
		}
		return 1
	}
	inWorld(t, emulator.Options{Queue: emulator.QueueOptions{Copies: copies}}, func(w *world) {
		for _, name := range []string{"/a/again", "/a/changed", "/a/deleted", "/a/gone", "/a/labelled", "/a/late", "/a/same", "/a/tagged", "/a/unlabelled"} {
			w.put(name, "one")
		}
		w.tag("/a/tagged", "env", "prod")
		w.label("/a/labelled", 1, "blue")
		w.label("/a/unlabelled", 1, "blue")
		w.remove("/a/deleted")
		early := w.pass()
		w.Record()
		time.Sleep(time.Hour)
		w.put("/a/late", "two")
		w.Record()
		time.Sleep(30 * time.Minute)
		within := w.pass() // between two listings, so that unknown parameters are younger
		time.Sleep(30 * time.Minute)
		w.Record()
		then := w.pass()
		lost = true
		w.put("/a/changed", "two")
		w.remove("/a/gone")
		w.remove("/a/again")
		time.Sleep(time.Minute)
		w.put("/a/again", "one")
		w.put("/a/new", "new")
		w.unlabel("/a/unlabelled", 1, "blue")
		time.Sleep(time.Minute)
		now := w.pass()
		type test struct {
			name    string
			at      ssmbak.Time
			until   ssmbak.Time // of a revert
			o       restore.Options
			settled []ssmbak.Name
		}
		check := func(test test, all bool) {
			t.Helper()
			planned := func(brief bool) *restore.Plan {
				test.o.FindNew, test.o.Brief = all, brief
				// Without a recorder, the first plan does not teach the archive for the second.
				r, target := restore.New(w.Archive, w.Live, nil, test.o), testworld.Target(w, "/a", true)
				if test.until != 0 {
					p, err := r.Revert(w.Context(), target, test.at, test.until)
					w.Must(err)
					return p
				}
				p, err := r.Plan(w.Context(), target, test.at)
				w.Must(err)
				return p
			}
			want, got := planned(false), planned(true)
			if test.at != early && test.until == 0 && test.o.Only == nil && !slices.ContainsFunc(actions(got), func(text string) bool { return strings.HasPrefix(text, "update /a/unlabelled: label blue") }) {
				t.Errorf("%s: the label is not found: %v", test.name, actions(got))
			}
			if diff := cmp.Diff(actions(want), actions(got)); diff != "" || len(want.Items) == 0 {
				t.Errorf("%s: the plan that reads all (-) and the other (+):\n%s", test.name, diff)
			}
			if diff := cmp.Diff(reasons(want), reasons(got)); diff != "" {
				t.Errorf("%s: the reasons of the plan that reads all (-) and the other (+):\n%s", test.name, diff)
			}
			if want.UnreadAttributes != got.UnreadAttributes || want.Complete != got.Complete || len(want.Problems)+len(got.Problems) > 0 {
				t.Errorf("%s: %+v\n%+v", test.name, want, got)
			}
			var settled []ssmbak.Name
			for _, item := range got.Items {
				if item.Action == plan.ActionNone && item.Before != nil && item.After.Modified == 0 {
					settled = append(settled, item.Name)
				}
			}
			if diff := cmp.Diff(test.settled, settled); diff != "" {
				t.Errorf("%s: not read (-want +got):\n%s", test.name, diff)
			}
		}
		for _, test := range []test{
			{"many", then, 0, restore.Options{ManyReads: -1}, []ssmbak.Name{"/a/late", "/a/same", "/a/tagged"}},
			{"between two listings", within, 0, restore.Options{ManyReads: -1}, []ssmbak.Name{"/a/late", "/a/same", "/a/tagged"}},
			{"before a change", early, 0, restore.Options{ManyReads: -1}, nil},
			{"just as many", then, 0, restore.Options{ManyReads: 10}, nil},
			{"as many as there are without the excluded ones", then, 0, restore.Options{ManyReads: 2, Options: plan.Options{Only: []string{"/a/same", "/a/tagged"}}}, nil},
			{"a revert", then, now, restore.Options{ManyReads: -1}, []ssmbak.Name{"/a/late", "/a/same", "/a/tagged"}},
			{"a revert to before a change", early, then, restore.Options{ManyReads: -1}, nil},
			{"a revert of few", then, now, restore.Options{}, nil},
		} {
			check(test, true)
			check(test, false)
		}
	})
}

// reasons returns the reason for each parameter of a plan.
func reasons(p *restore.Plan) map[ssmbak.Name]string {
	all := make(map[ssmbak.Name]string)
	for _, item := range p.Items {
		all[item.Name] = item.Reason
	}
	return all
}
