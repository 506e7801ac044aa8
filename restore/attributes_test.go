package restore_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// reads are the requests of a plan or its application that read tags and labels.
func (w *world) reads(f func()) (tags, histories int) {
	w.AWS.ResetCounts()
	f()
	counts := w.AWS.Counts()
	return counts["ssm:ListTagsForResource"], counts["ssm:GetParameterHistory"]
}

// TestFewReads checks that a restore of many parameters reads live tags and labels only if
// the archive does not know them, or if it changes them, and that it never changes tags that
// are not as the archive knows them.
func TestFewReads(t *testing.T) {
	t.Parallel()
	lost := false
	copies := func(string) int {
		if lost {
			return 0
		}
		return 1
	}
	inWorld(t, emulator.Options{Queue: emulator.QueueOptions{Copies: copies}}, func(w *world) {
		for _, name := range []string{"/a/value", "/a/tagged", "/a/labelled", "/a/stale", "/a/doubtful", "/a/same"} {
			w.put(name, "one")
			w.tag(name, "env", "prod")
		}
		w.label("/a/labelled", 1, "blue")
		w.Record()
		then := w.pass()
		for _, name := range []string{"/a/value", "/a/tagged", "/a/labelled", "/a/stale"} {
			w.put(name, "two")
		}
		w.tag("/a/tagged", "env", "dev")
		w.tag("/a/stale", "env", "dev")
		w.label("/a/labelled", 2, "blue")
		w.put("/a/new", "new")
		w.Record()
		w.pass()
		// The archive cannot know whether the observation is older than the event.
		w.tag("/a/doubtful", "env", "test")
		w.Drain()
		lost = true
		w.tag("/a/doubtful", "env", "dev")
		w.Must(w.Recorder.Sync(w.Context(), "/a/doubtful"))
		w.pass()
		w.tag("/a/stale", "team", "red")
		w.tag("/a/new", "team", "red")

		o := restore.Options{ManyReads: -1, Options: plan.Options{Exact: true}}
		var p *restore.Plan
		tags, histories := w.reads(func() { p = w.plan("/a/", false, then, o) })
		want := []string{
			"update /a/doubtful: tag env", "update /a/labelled: value, label blue", "delete /a/new", "none /a/same",
			"update /a/stale: value, tag env", "update /a/tagged: value, tag env", "update /a/value: value",
		}
		if diff := cmp.Diff(actions(p), want); diff != "" {
			t.Errorf("the plan (-got +want):\n%s", diff)
		}
		// Those of /a/doubtful and /a/new are read again to record them.
		if tags != 4 || histories != 4 {
			t.Errorf("the plan reads the tags of %d and the history of %d, want 4 and 4: those of /a/doubtful, /a/labelled and /a/new", tags, histories)
		}
		if p.UnreadAttributes != len(want)-1 {
			t.Errorf("the tags or labels of %d are unread, want those of all but /a/new", p.UnreadAttributes)
		}
		var res restore.Result
		tags, _ = w.reads(func() {
			var err error
			res, err = w.restorer(o).Apply(w.Context(), p)
			w.Must(err)
		})
		if tags < 2 || tags > 3 { // and again to record those of /a/stale
			t.Errorf("the tags of %d were read again, want 2: /a/stale and /a/tagged", tags)
		}
		i := slices.IndexFunc(res.Outcomes, func(o plan.Outcome) bool { return o.Item.Name == "/a/stale" })
		if out := res.Outcomes[i]; out.Status != plan.StatusRefused || out.Remedy != plan.RemedyRerun || !strings.Contains(out.Err.Error(), "not as they were recorded") {
			t.Errorf("/a/stale: %s, %v", out.Status, out.Err)
		}
		if got := w.state()["/a/stale"]; !strings.HasSuffix(got, `tags=map[env:dev team:red]`) || !strings.Contains(got, `"two"`) {
			t.Errorf("/a/stale was changed: %s", got)
		}
		if text := errs(w.apply(w.Context(), w.plan("/a/", false, then, o), o)); text != "" {
			t.Errorf("the second restore: %s", text)
		}
		for name, got := range w.state() {
			if !strings.HasSuffix(got, "tags=map[env:prod]") || !strings.Contains(got, `"one"`) {
				t.Errorf("%s is %s", name, got)
			}
		}
		if got := w.labels("/a/labelled")["blue"]; got != 1 {
			t.Errorf("label blue is on version %d", got)
		}

		// The undo needs the tags and labels that the restore changed.
		tags, histories = w.reads(func() {
			undo, err := w.restorer(o).Undo(w.Context(), res.ID)
			w.Must(err)
			p = undo
		})
		want = []string{
			"update /a/doubtful: tag env", "update /a/labelled: value, label blue", "create /a/new", "update /a/tagged: value, tag env", "update /a/value: value",
		}
		if got := p.Items[2].Write.Tags; got["team"] != "red" {
			t.Errorf("the undo creates /a/new with the tags %v", got)
		}
		if diff := cmp.Diff(actions(p), want); diff != "" {
			t.Errorf("the undo (-got +want):\n%s", diff)
		}
		// Both of /a/doubtful are recorded first.
		if tags != 3 || histories != 2 {
			t.Errorf("the undo reads the tags of %d and the history of %d, want 3 and 2", tags, histories)
		}
	})
}

// TestUndoOldestLabelled checks that an undo is refused in its plan if the new version that
// it needs would remove one with a label, which was added since the restore.
func TestUndoOldestLabelled(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.puts("/a/x", 1, 99)
		w.Record()
		then := w.pass()
		w.put("/a/x", "new")
		w.Record()
		w.pass()
		res, err := w.restorer(restore.Options{}).Apply(w.Context(), w.plan("/a/", false, then, restore.Options{}))
		w.Must(err)
		w.label("/a/x", 2, "blue")
		w.pass()
		undo, err := w.restorer(restore.Options{}).Undo(w.Context(), res.ID)
		w.Must(err)
		if got := actions(undo); len(got) != 1 || !strings.Contains(got[0], "label blue is on version 2, the oldest") {
			t.Errorf("the undo: %v", got)
		}
	})
}

// TestRevertReads checks which live tags and labels a revert reads: those that changed between
// its two times, those of parameters that it deletes, and labels that can prevent its write.
func TestRevertReads(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		for _, name := range []string{"/a/value", "/a/tagged", "/a/labelled", "/a/same"} {
			w.put(name, "one")
			w.tag(name, "env", "prod")
			w.label(name, 1, "blue")
		}
		w.puts("/a/full", 1, 99)
		w.label("/a/full", 3, "old")
		w.Record()
		from := w.pass()
		w.put("/a/value", "two")
		w.tag("/a/tagged", "env", "dev")
		w.put("/a/labelled", "two")
		w.label("/a/labelled", 2, "blue")
		w.puts("/a/full", 100, 3)
		w.put("/a/new", "new")
		w.Record()
		to := w.pass()
		// What did not change in between stays, and what did is a conflict.
		w.tag("/a/value", "team", "red")
		w.tag("/a/tagged", "env", "test")
		w.pass()
		var p *restore.Plan
		tags, histories := w.reads(func() { p = w.revert("/a", from, to, restore.Options{}) })
		want := []string{"update /a/full: value", "update /a/labelled: value, label blue", "delete /a/new", "none /a/same", "skip /a/tagged", "update /a/value: value"}
		got := actions(p)
		if !strings.HasPrefix(got[0], want[0]+" (label old is on version 3, the oldest") {
			t.Errorf("the label that prevents a version: %s", got[0])
		}
		if diff := cmp.Diff(want[1:], got[1:]); diff != "" {
			t.Errorf("the plan (-want +got):\n%s", diff)
		}
		// The tags of /a/tagged are read again to record them, and its history twice.
		if tags != 3 || histories != 5 {
			t.Errorf("the revert reads tags %d and histories %d times, want 3 and 5: tags of /a/new and /a/tagged, histories of /a/full, /a/labelled and /a/new", tags, histories)
		}
		if text := errs(w.apply(w.Context(), p, restore.Options{})); !strings.Contains(text, "/a/full") {
			t.Errorf("the revert: %s", text)
		}
		if state := w.state()["/a/value"]; !strings.HasSuffix(state, "tags=map[env:prod team:red]") || !strings.Contains(state, `"one"`) {
			t.Errorf("/a/value is %s", state)
		}
	})
}
