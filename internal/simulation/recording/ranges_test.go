package recording

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
	"github.com/ssmbak/ssmbak/timeline"
)

// checkRanges checks that a reader of a period who skips indexes gets the same answer as one
// who reads all of them.
func (w *world) checkRanges(ctx context.Context, a *archive.Archive, when phase, lines archive.Timelines) {
	now := ssmbak.TimeOf(time.Now())
	for _, from := range []ssmbak.Time{now.Add(-time.Minute), now, now.Add(2 * time.Minute)} {
		p := archive.Period{From: from, To: now.Add(time.Hour)}
		var walked archive.Walked
		for _, err := range archive.Walk(ctx, a, everything, p, true, &walked, func(context.Context, bool, *timeline.Timeline) (struct{}, error) { return struct{}{}, nil }) {
			if err != nil {
				w.Problem("%s: walk from %v: %v", when, from, err)
				return
			}
		}
		if len(walked.Problems) > 0 {
			w.Problem("%s: walk from %v: %v", when, from, walked.Problems)
			return
		}
		names := slices.Sorted(slices.Values(slices.Concat(walked.Names, walked.Unchanged)))
		if !slices.Equal(names, lines.Names) {
			w.Problem("%s: walk from %v: %v are not %v", when, from, names, lines.Names)
			return
		}
		if u := lines.Unproved(everything, p.From, p.To); !reflect.DeepEqual(u, walked.Unproved) {
			w.Problem("%s: walk from %v: unproved is %+v, and %+v with all indexes", when, from, walked.Unproved, u)
		}
		w.checkCompared(ctx, a, when, p, lines)
		for i, name := range lines.Names {
			if _, skipped := slices.BinarySearch(walked.Unchanged, name); skipped {
				w.Counts.Add(IndexSkipped)
				w.checkSkipped(when, p, lines.All[i])
			}
		}
	}
}

// checkBrief checks that a plan that does not read what is recorded of parameters that do not
// differ is that which reads all.
func (w *world) checkBrief(ctx context.Context, a *archive.Archive, when phase) {
	live := paramstore.New(w.connect(ctx).SSM(), paramstore.Options{})
	at := ssmbak.TimeOf(time.Now().Add(2 * time.Minute))
	planned := func(brief bool) *restore.Plan {
		p, err := restore.New(a, live, nil, restore.Options{FindNew: true, ManyReads: -1, Brief: brief}).Plan(ctx, everything, at)
		if err != nil {
			w.Problem("%s: plan to %v, brief %v: %v", when, at, brief, err)
			return &restore.Plan{}
		}
		return p
	}
	got, want := planned(true), planned(false)
	for i := range min(len(got.Items), len(want.Items)) {
		x, y := &got.Items[i], &want.Items[i]
		if x.Name == y.Name && x.Action == plan.ActionNone && x.Before != nil && y.Before != nil && x.Before.Objects == nil && x.Before.Version.Same(y.Before.Version) {
			if len(y.Before.Objects) > 0 {
				w.Counts.Add(LeftUnread)
			}
			x.Before, x.After, x.AfterObjects, x.Write = y.Before, y.After, y.AfterObjects, y.Write
		}
	}
	if !reflect.DeepEqual(got, want) {
		w.Problem("%s: planned to %v: %+v, with all indexes: %+v", when, at, got, want)
	}
}

// checkSkipped checks that nothing happened in a period, and that the state is known and the
// same all the time.
func (w *world) checkSkipped(when phase, p archive.Period, line *timeline.Timeline) {
	for _, c := range line.Changes() {
		if c.Within(p.From, p.To) {
			w.Problem("%s: the index of %s was skipped from %v on, but it has %+v", when, line.Name(), p.From, c)
		}
	}
	from, fromRefs := line.At(p.From)
	to, toRefs := line.At(p.To)
	if from.Certainty == ssmbak.Unknown || !from.Deleted && from.Version.Time == 0 {
		w.Problem("%s: the index of %s was skipped from %v on, but its state is %+v; facts %+v", when, line.Name(), p.From, from, line.Facts())
	}
	// A listing proves the state up to its beginning.
	to.Certainty, to.ProvedUntil = from.Certainty, from.ProvedUntil
	if !reflect.DeepEqual(from, to) || !reflect.DeepEqual(fromRefs, toRefs) {
		w.Problem("%s: the index of %s was skipped from %v on, but its state is %+v and later %+v", when, line.Name(), p.From, from, to)
	}
}

// checkCompared checks that a comparison of the ends of a period that skips indexes is that of
// all indexes.
func (w *world) checkCompared(ctx context.Context, a *archive.Archive, when phase, p archive.Period, lines archive.Timelines) {
	r := restore.New(a, nil, nil, restore.Options{})
	got, err := r.Compare(ctx, everything, p.From, p.To)
	want, err2 := r.CompareTimelines(ctx, lines, everything, p.From, p.To, archive.AllValues)
	if err := cmp.Or(err, err2); err != nil {
		w.Problem("%s: compare from %v: %v", when, p.From, err)
		return
	}
	all := len(want.Items) + want.Unchanged
	want.Items = slices.DeleteFunc(want.Items, func(i plan.Item) bool {
		return i.Action == plan.ActionNone && len(i.Notices) == 0 && !i.After.AttributesChanged
	})
	if want.Unchanged = all - len(want.Items); len(want.Items) == 0 {
		want.Items = nil
	}
	if !reflect.DeepEqual(got, want) {
		w.Problem("%s: compared from %v: %+v, with all indexes: %+v", when, p.From, got, want)
	}
}
