package restore_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/restore"
	"github.com/ssmbak/ssmbak/timeline"
)

// as lets another user make what f does.
func (w *world) as(user string, f func()) {
	was := w.SSM
	w.SSM = w.Connect(testworld.As(w.AWS.Client(), user)).SSM()
	f()
	w.SSM = was
}

func (w *world) revert(text string, from, to ssmbak.Time, o restore.Options) *restore.Plan {
	w.Helper()
	p, err := w.restorer(o).Revert(w.Context(), testworld.Target(w, text, true), from, to)
	w.Must(err)
	return p
}

// conflicts returns each conflict of a plan as one text, with the user and the second of
// the change.
func conflicts(p *restore.Plan) (all []string) {
	for _, item := range p.Items {
		for _, c := range item.Conflicts {
			who := c.By[strings.LastIndex(c.By, "/")+1:]
			text := fmt.Sprintf("%s %s: %s", item.Name, c.Unit, c.Reason)
			if c.From != 0 {
				text += fmt.Sprintf(" (by %q, version %d, between %s and %s)", who, c.Version, c.From.Std().Format("15:04:05"), c.Until.Std().Format("15:04:05"))
			}
			all = append(all, text)
		}
	}
	return all
}

// eventful makes the histories of a revert, and returns the two times.
func (w *world) eventful() (from, to ssmbak.Time) {
	w.Helper()
	for _, name := range []string{"/a/value", "/a/rotated", "/a/moved", "/a/both", "/a/tags", "/a/deleted", "/a/again", "/a/gone", "/a/same", "/a/described"} {
		w.put(name, "one")
	}
	w.label("/a/moved", 1, "prod")
	w.label("/a/value", 1, "prod")
	w.tag("/a/tags", "env", "prod")
	w.tag("/a/tags", "team", "core")
	w.Record()
	from = w.pass()

	w.as("deploy", func() {
		w.put("/a/value", "two")
		w.put("/a/rotated", secret, secureString("alias/app"))
		w.put("/a/moved", "two")
		w.put("/a/both", "two")
		w.put("/a/gone", "two")
		w.put("/a/created", "one")
		w.put("/a/tagged", "one")
		w.put("/a/described", "one", func(in *ssm.PutParameterInput) { in.Description = aws.String("two") })
	})
	w.label("/a/value", 2, "prod")
	w.label("/a/moved", 2, "prod")
	w.tag("/a/tags", "env", "dev")
	w.tag("/a/tags", "team", "other")
	w.tag("/a/tags", "new", "")
	w.remove("/a/deleted")
	w.remove("/a/again")
	w.as("colleague", func() { w.put("/a/both", "three") })
	time.Sleep(time.Minute)
	w.Record()
	to = w.pass()

	w.as("colleague", func() {
		w.put("/a/rotated", secret+"-2", secureString("alias/app"))
		w.put("/a/moved", "three")
		w.put("/a/again", "one more")
		w.put("/a/later", "one")
		w.put("/a/described", "three", func(in *ssm.PutParameterInput) { in.Description = aws.String("two") })
	})
	w.remove("/a/gone")
	w.label("/a/moved", 3, "prod")
	w.tag("/a/tags", "team", "theirs")
	w.tag("/a/tagged", "env", "dev")
	w.Drain()
	w.pass()
	return from, to
}

// TestRevert reverts histories with changes since, undoes that, and undoes the undo.
func TestRevert(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		from, to := w.eventful()
		before := w.full()
		p := w.revert("/a", from, to, restore.Options{})
		want := []string{
			"skip /a/again", "update /a/both: value", "delete /a/created", "create /a/deleted", "update /a/described: description", "skip /a/gone",
			"skip /a/moved", "skip /a/rotated", "none /a/same", "skip /a/tagged", "update /a/tags: tag env, tag new", "update /a/value: value, label prod",
		}
		if diff := cmp.Diff(actions(p), want); diff != "" {
			t.Fatalf("plan (-got +want):\n%s", diff)
		}
		want = []string{
			`/a/again existence: the parameter was deleted in between and created again since (by "colleague", version 1, between 00:04:40 and 00:04:40)`,
			`/a/gone existence: the parameter was deleted since (by "", version 0, between 00:04:40 and 00:04:41)`,
			`/a/moved value: it changed since (by "colleague", version 3, between 00:04:40 and 00:04:40)`,
			`/a/moved label prod: it changed since (by "", version 0, between 00:04:40 and 00:04:41)`,
			`/a/rotated value: it changed since (by "colleague", version 3, between 00:04:40 and 00:04:40)`,
			`/a/tagged existence: the parameter was created in between and changed since: tag env (by "", version 0, between 00:04:40 and 00:04:41)`,
			`/a/tags tag team: it changed since (by "", version 0, between 00:04:40 and 00:04:41)`,
		}
		if diff := cmp.Diff(conflicts(p), want); diff != "" {
			t.Fatalf("conflicts (-got +want):\n%s", diff)
		}
		res := w.restored(p, restore.Options{})
		for _, o := range res.Outcomes {
			if o.Err != nil && o.Item.Action != plan.ActionSkip {
				t.Errorf("%s: %v", o.Item.Name, o.Err)
			}
		}
		rec, err := w.Archive.RestoreRecord(w.Context(), res.ID)
		w.Must(err)
		if rec.At != from || rec.Until != to || rec.Undoes != "" {
			t.Errorf("the record says from %s to %s", rec.At, rec.Until)
		}
		if i := len(rec.Items) - 1; rec.Items[i].Name != "/a/value" || !maps.Equal(rec.Items[i].After.Labels, map[string]int64{"prod": 1}) {
			t.Errorf("the record of %s has the labels %v", rec.Items[i].Name, rec.Items[i].After)
		}
		after := w.full()
		const text = ` key="" tier=Standard data=text description="" pattern="" policies=`
		changed := map[string]string{
			"/a/both":      `String "one"` + text + ` tags=map[] labels=map[]`,
			"/a/deleted":   `String "one"` + text + ` tags=map[] labels=map[]`,
			"/a/described": `String "three"` + text + ` tags=map[] labels=map[]`,
			"/a/tags":      `String "one"` + text + ` tags=map[env:prod team:theirs] labels=map[]`,
			"/a/value":     `String "one"` + text + ` tags=map[] labels=map[prod:one]`,
		}
		expected := maps.Clone(before)
		maps.Copy(expected, changed)
		delete(expected, "/a/created")
		if diff := cmp.Diff(after, expected); diff != "" {
			t.Fatalf("after the revert (-got +want):\n%s", diff)
		}
		if again := w.revert("/a", from, to, restore.Options{}); again.Changes() != 0 || again.Conflicts() != len(want) {
			t.Errorf("the same again: %v, conflicts %q", actions(again), conflicts(again))
		}
		for i, want := range []map[string]string{before, after} {
			res = w.undo(res.ID, restore.Options{})
			if text := errs(res.Outcomes); text != "" {
				t.Errorf("undo %d: %s", i, text)
			}
			if diff := cmp.Diff(w.full(), want); diff != "" {
				t.Fatalf("after undo %d (-got +want):\n%s", i, diff)
			}
		}
	})
}

// TestRevertBy reverts only what one user changed.
func TestRevertBy(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		from, to := w.eventful()
		o := restore.Options{Options: plan.Options{Principals: []string{"deploy"}}}
		p := w.revert("/a", from, to, o)
		want := []string{
			"skip /a/again", "skip /a/both", "delete /a/created", "skip /a/deleted", "update /a/described: description", "skip /a/gone",
			"skip /a/moved", "skip /a/rotated", "none /a/same", "skip /a/tagged", "skip /a/tags", "skip /a/value",
		}
		if diff := cmp.Diff(actions(p), want); diff != "" {
			t.Errorf("plan (-got +want):\n%s", diff)
		}
		const unknown = "an unknown principal changed it in between"
		want = []string{
			"/a/again existence: " + unknown,
			"/a/both value: another principal changed it in between",
			"/a/deleted existence: " + unknown,
			"/a/gone existence: the parameter was deleted since",
			"/a/moved label prod: " + unknown,
			"/a/rotated value: it changed since",
			"/a/tagged existence: the parameter was created in between and changed since: tag env",
			"/a/tags tag env: " + unknown, "/a/tags tag team: " + unknown, "/a/tags tag new: " + unknown,
			"/a/value label prod: " + unknown,
		}
		got := conflicts(p)
		for i := range got {
			got[i], _, _ = strings.Cut(got[i], " (by")
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("conflicts (-got +want):\n%s", diff)
		}
	})
}

// TestRevertGuarded changes tags and labels between the plan of a revert and its writes.
func TestRevertGuarded(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		for _, name := range []string{"/a/tagged", "/a/other", "/a/labelled"} {
			w.put(name, "one")
		}
		w.Record()
		from := w.pass()
		w.put("/a/created", "one")
		w.put("/a/made", "one")
		w.tag("/a/tagged", "env", "dev")
		w.tag("/a/other", "env", "dev")
		w.label("/a/labelled", 1, "prod")
		w.Record()
		to := w.pass()
		p := w.revert("/a", from, to, restore.Options{})
		w.tag("/a/created", "since", "then")
		w.label("/a/made", 1, "since")
		w.tag("/a/tagged", "env", "prod")
		w.tag("/a/other", "team", "a")
		w.put("/a/labelled", "two")
		w.label("/a/labelled", 2, "prod")
		want := []string{
			"refused delete /a/created", "refused update /a/labelled", "refused delete /a/made", "restored update /a/other", "refused update /a/tagged",
		}
		outcomes := w.apply(w.Context(), p, restore.Options{})
		if diff := cmp.Diff(results(outcomes), want); diff != "" {
			t.Errorf("(-got +want):\n%s\n%s", diff, errs(outcomes))
		}
		if got := w.full()["/a/other"]; !strings.HasSuffix(got, "tags=map[team:a] labels=map[]") {
			t.Errorf("/a/other: %s", got)
		}
	})
}

// TestRevertReplacement replaces parameters to lower their tier, undoes that, and refuses
// one whose tags changed since the plan.
func TestRevertReplacement(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		raise := func(in *ssm.PutParameterInput) { in.Tier = types.ParameterTierAdvanced }
		for _, name := range []string{"/a/tier", "/a/guarded"} {
			w.put(name, "one")
			w.tag(name, "env", "prod")
		}
		w.Record()
		from := w.pass()
		for _, name := range []string{"/a/tier", "/a/guarded"} {
			w.put(name, "two", raise)
		}
		w.Record()
		to := w.pass()
		before := w.full()
		o := restore.Options{Options: plan.Options{Replace: true}}
		p := w.revert("/a", from, to, o)
		w.tag("/a/guarded", "since", "then")
		res := w.restored(p, o)
		if diff := cmp.Diff(results(res.Outcomes), []string{"refused replace /a/guarded", "restored replace /a/tier version 1"}); diff != "" {
			t.Errorf("(-got +want):\n%s\n%s", diff, errs(res.Outcomes))
		}
		const want = `String "one" key="" tier=Standard data=text description="" pattern="" policies= tags=map[env:prod] labels=map[]`
		if got := w.full()["/a/tier"]; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		w.Drain()
		if text := errs(w.undo(res.ID, o).Outcomes); text != "" {
			t.Errorf("undo: %s", text)
		}
		if got := w.full()["/a/tier"]; got != before["/a/tier"] {
			t.Errorf("undo: got  %s\nwant %s", got, before["/a/tier"])
		}
	})
}

// divide lets the archive divide an index after a few versions.
func (w *world) divide() {
	w.Helper()
	a, err := archive.Open(w.Context(), w.Conn.S3(), archive.Options{
		Bucket: bucket, Account: account, Region: region,
		Parts: archive.PartLimits{Limits: timeline.Limits{Keep: 1, Least: 1, Most: 2, Runs: 2}, Versions: 4, Bytes: 1 << 20},
	})
	w.Must(err)
	w.Must(a.DivideIndexes(w.Context()))
	w.Archive, w.Recorder = a, recorder.New(a, w.Live, recorder.Options{Account: account, Region: region})
}

// TestRevertAttribution checks that a conflict names the version that changed its unit
// last, also if the index is divided.
func TestRevertAttribution(t *testing.T) {
	t.Parallel()
	for _, parts := range []bool{false, true} {
		inWorld(t, emulator.Options{}, func(w *world) {
			if parts {
				w.divide()
			}
			described := func(text string) func(*ssm.PutParameterInput) {
				return func(in *ssm.PutParameterInput) { in.Description = &text }
			}
			w.put("/a/x", "one", described("one"))
			w.Record()
			from := w.pass()
			w.put("/a/x", "two", described("two"))
			w.Record()
			to := w.pass()
			for i, by := range []string{"alice", "bob", "carol", "dave", "erin"} {
				w.as(by, func() {
					w.put("/a/x", []string{"three", "four", "four", "four", "four"}[i], described([]string{"two", "two", "three", "three", "three"}[i]))
				})
				w.Record()
				w.pass()
			}
			x, err := w.Archive.Index(w.Context(), "/a/x")
			w.Must(err)
			if (len(x.Facts.Runs) > 0) != parts {
				t.Fatalf("parts %v, %d runs", parts, len(x.Facts.Runs))
			}
			want := []string{
				`/a/x value: it changed since (by "bob", version 4, between 00:03:15 and 00:03:15)`,
				`/a/x description: it is not changed while the value is in conflict (by "carol", version 5, between 00:04:20 and 00:04:20)`,
			}
			if diff := cmp.Diff(conflicts(w.revert("/a/x", from, to, restore.Options{})), want); diff != "" {
				t.Errorf("parts %v (-got +want):\n%s", parts, diff)
			}
		})
	}
}

// TestRevertUnrecorded reverts a creation whose event was lost.
func TestRevertUnrecorded(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/a/x", "one")
		w.Record()
		from := w.pass()
		w.put("/a/x", "two")
		w.put("/a/lost", "one")
		w.Must(w.AWS.Queue.Drain(w.Context(), func(context.Context, []emulator.Message) []string { return nil }))
		to := w.pass()
		w.put("/b/later", "one")
		p := w.revert("/a", from, to, restore.Options{})
		want := []string{"delete /a/lost", "update /a/x: value"}
		if diff := cmp.Diff(actions(p), want); diff != "" {
			t.Errorf("(-got +want):\n%s", diff)
		}
	})
}
