package restore_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/restore"
)

func (w *world) label(name string, version int64, labels ...string) {
	w.Helper()
	out, err := w.SSM.LabelParameterVersion(w.Context(), &ssm.LabelParameterVersionInput{Name: &name, ParameterVersion: &version, Labels: labels})
	w.Must(err)
	if len(out.InvalidLabels) > 0 {
		w.Fatalf("labels %v are invalid", out.InvalidLabels)
	}
}

// unlabel removes labels, for which Parameter Store sends no event.
func (w *world) unlabel(name string, version int64, labels ...string) {
	w.Helper()
	out, err := w.SSM.UnlabelParameterVersion(w.Context(), &ssm.UnlabelParameterVersionInput{Name: &name, ParameterVersion: &version, Labels: labels})
	w.Must(err)
	if len(out.InvalidLabels) > 0 {
		w.Fatalf("labels %v did not exist", out.InvalidLabels)
	}
}

// labels returns the labels of a parameter and the numbers of their versions.
func (w *world) labels(name string) map[string]int64 {
	log := w.AWS.SSM.Truth(name)
	if len(log) == 0 || len(log[len(log)-1].Labels) == 0 {
		return map[string]int64{}
	}
	return log[len(log)-1].Labels
}

// puts writes n versions of a parameter, whose values are v and a number that starts at
// first.
func (w *world) puts(name string, first, n int) {
	w.Helper()
	for i := range n {
		w.put(name, fmt.Sprint("v", first+i))
	}
}

// restored plans and applies a restore, and returns its result.
func (w *world) restored(p *restore.Plan, o restore.Options) restore.Result {
	w.Helper()
	res, err := w.restorer(o).Apply(w.Context(), p)
	w.Must(err)
	w.Must(res.Unrecorded)
	return res
}

// undo plans and applies the undo of a restore.
func (w *world) undo(id string, o restore.Options) restore.Result {
	w.Helper()
	p, err := w.restorer(o).Undo(w.Context(), id)
	w.Must(err)
	return w.restored(p, o)
}

// notices joins the notices of all items, except those about the certainty of tags and
// labels.
func notices(p *restore.Plan) string {
	var all []string
	for _, item := range p.Items {
		for _, n := range slices.Concat(item.Notices, item.Warnings) {
			if !strings.Contains(n, "last known") {
				all = append(all, n)
			}
		}
	}
	return strings.Join(all, "\n")
}

// TestLabels restores the labels of /p and undoes that.
func TestLabels(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		until, since func(w *world) // before and after the restored time
		unseen       func(w *world) // after everything was recorded
		plan         string
		notices      string
		labels       map[string]int64
		number       int64
		back         map[string]int64 // after the undo, if it is not the state before
	}{
		{
			name:  "on its own older version",
			until: func(w *world) { w.put("/p", "one"); w.label("/p", 1, "blue") },
			since: func(w *world) { w.put("/p", "two"); w.label("/p", 2, "blue") },
			plan:  "update /p: value, label blue", notices: "label blue moves from version 2 to version 1",
			labels: map[string]int64{"blue": 1}, number: 3,
		},
		{
			name:  "on a version that was not the newest then",
			until: func(w *world) { w.puts("/p", 1, 2); w.label("/p", 1, "blue") },
			since: func(w *world) { w.put("/p", "three"); w.label("/p", 3, "blue", "green") },
			plan:  "update /p: value, label blue, label green", notices: "label blue moves from version 3 to version 1\nlabel green is removed from version 3",
			labels: map[string]int64{"blue": 1}, number: 4,
		},
		{
			name:  "only moved",
			until: func(w *world) { w.puts("/p", 1, 2); w.label("/p", 1, "blue") },
			since: func(w *world) { w.label("/p", 2, "blue") },
			plan:  "update /p: label blue", notices: "label blue moves from version 2 to version 1",
			labels: map[string]int64{"blue": 1}, number: 2,
		},
		{
			name:  "only set",
			until: func(w *world) { w.puts("/p", 1, 2) },
			since: func(w *world) { w.label("/p", 2, "blue") },
			plan:  "update /p: label blue", notices: "label blue is removed from version 2",
			labels: map[string]int64{}, number: 2,
		},
		{
			name:   "removed without an event",
			until:  func(w *world) { w.puts("/p", 1, 2); w.label("/p", 1, "blue"); w.label("/p", 2, "green") },
			since:  func(*world) {},
			unseen: func(w *world) { w.unlabel("/p", 1, "blue") },
			plan:   "update /p: label blue",
			labels: map[string]int64{"blue": 1, "green": 2}, number: 2,
		},
		{
			name:  "unchanged",
			until: func(w *world) { w.puts("/p", 1, 2); w.label("/p", 1, "blue") },
			since: func(w *world) { w.put("/p", "v2") },
			plan:  "none /p", labels: map[string]int64{"blue": 1}, number: 3,
		},
		{
			name:  "of another life",
			until: func(w *world) { w.puts("/p", 1, 3); w.label("/p", 1, "green"); w.label("/p", 3, "blue") },
			since: func(w *world) { w.remove("/p"); w.puts("/p", 7, 4); w.label("/p", 4, "red") },
			plan:  "update /p: value, label blue, label red", notices: "label green cannot be restored: it was on version 1, which no longer exists\nlabel red is removed from version 4",
			labels: map[string]int64{"blue": 5}, number: 5,
		},
		{
			name:  "of another life, with the same number live",
			until: func(w *world) { w.puts("/p", 1, 2); w.label("/p", 1, "green"); w.label("/p", 2, "blue") },
			since: func(w *world) { w.remove("/p"); w.puts("/p", 7, 2); w.label("/p", 1, "green") },
			plan:  "update /p: value, label blue", notices: "label green stays on version 1: it was on version 1, which no longer exists",
			labels: map[string]int64{"green": 1, "blue": 3}, number: 3,
		},
		{
			name:  "of another life with the same content",
			until: func(w *world) { w.puts("/p", 1, 2); w.label("/p", 2, "blue") },
			since: func(w *world) { w.remove("/p"); w.put("/p", "v2") },
			plan:  "update /p: label blue", labels: map[string]int64{"blue": 1}, number: 1,
		},
		{
			name:  "of a parameter that does not exist now",
			until: func(w *world) { w.puts("/p", 1, 2); w.label("/p", 1, "green"); w.label("/p", 2, "blue") },
			since: func(w *world) { w.remove("/p") },
			plan:  "create /p", notices: "label green cannot be restored: it was on version 1, which no longer exists",
			labels: map[string]int64{"blue": 1}, number: 1,
		},
		{
			name:  "of a parameter that did not exist",
			until: func(w *world) { w.put("/p", "one"); w.pass(); w.remove("/p") },
			since: func(w *world) { w.puts("/p", 1, 2); w.label("/p", 1, "green"); w.label("/p", 2, "blue") },
			plan:  "delete /p", labels: map[string]int64{}, number: 0,
			back: map[string]int64{"blue": 1}, // the version of green no longer exists
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, emulator.Options{}, func(w *world) {
				test.until(w)
				w.Record()
				then := w.pass()
				test.since(w)
				w.Record()
				w.pass()
				if test.unseen != nil {
					test.unseen(w)
				}
				before, was := w.labels("/p"), w.state()
				p := w.plan("/p", false, then, restore.Options{})
				if got := actions(p)[0]; got != test.plan {
					t.Errorf("plan: got %s, want %s", got, test.plan)
				}
				if got := notices(p); got != test.notices {
					t.Errorf("notices: got %q, want %q", got, test.notices)
				}
				res := w.restored(p, restore.Options{})
				if text := errs(res.Outcomes); text != "" {
					t.Errorf("restore: %s", text)
				}
				if diff := cmp.Diff(w.labels("/p"), test.labels); diff != "" || w.number("/p") != test.number {
					t.Errorf("left version %d, want %d, with labels (-got +want):\n%s", w.number("/p"), test.number, diff)
				}
				if res.ID == "" {
					return
				}
				w.pass()
				if text := errs(w.undo(res.ID, restore.Options{}).Outcomes); text != "" {
					t.Errorf("undo: %s", text)
				}
				want := test.back
				if want == nil {
					want = before
				}
				if diff := cmp.Diff(w.labels("/p"), want); diff != "" {
					t.Errorf("labels after the undo (-got +want):\n%s", diff)
				}
				if diff := cmp.Diff(w.state(), was); diff != "" {
					t.Errorf("state after the undo (-got +want):\n%s", diff)
				}
			})
		})
	}
}

// TestUnknownLabels checks that labels are not changed if the previous ones are unknown.
func TestUnknownLabels(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/p", "one")
		w.label("/p", 1, "blue")
		then := w.pass()
		w.put("/p", "two")
		w.label("/p", 2, "green")
		w.unlabel("/p", 1, "blue")
		w.Must(w.Recorder.Sync(w.Context(), "/p"))
		w.Record()
		w.pass()
		p := w.plan("/p", false, then, restore.Options{})
		if got, want := actions(p)[0], "update /p: value"; got != want {
			t.Fatalf("plan: got %s, want %s", got, want)
		}
		res := w.restored(p, restore.Options{})
		if diff := cmp.Diff(w.labels("/p"), map[string]int64{"green": 2}); diff != "" {
			t.Errorf("labels (-got +want):\n%s", diff)
		}
		// Another user labels it meanwhile, which an undo does not change.
		w.label("/p", 3, "red")
		w.undo(res.ID, restore.Options{})
		if diff := cmp.Diff(w.labels("/p"), map[string]int64{"green": 2, "red": 3}); diff != "" {
			t.Errorf("labels after the undo (-got +want):\n%s", diff)
		}
	})
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/p", "one")
		w.label("/p", 1, "blue")
		then := w.pass()
		w.unlabel("/p", 1, "blue")
		w.put("/p", "two")
		w.label("/p", 2, "green")
		w.Record()
		w.pass()
		w.remove("/p")
		w.Record()
		w.pass()
		p := w.plan("/p", false, then, restore.Options{})
		if got := notices(p); !strings.Contains(got, "its labels are unknown: it is created without labels") {
			t.Errorf("notices: %q", got)
		}
	})
}

// TestFullHistory restores a parameter that has as many versions as Parameter Store keeps,
// so that a new one removes the oldest, or is refused if that has a label.
func TestFullHistory(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("histories of 100 versions take a while")
	}
	const command = "label blue is on version 1, the oldest of the 100 that Parameter Store keeps, which prevents a new version: " +
		"`aws ssm unlabel-parameter-version --name /p --parameter-version 1 --labels blue` removes it"
	nothing := func(*world) {}
	tests := []struct {
		name         string
		versions     int            // at the restored time, of 100
		until, since func(w *world) // labels at the restored time and later
		unseen       func(w *world) // after the plan
		plan         string
		notices      string
		status       plan.Status
		err          string
		labels       map[string]int64
		number       int64
	}{
		{
			name: "the oldest has a label", versions: 40,
			until: func(w *world) { w.label("/p", 1, "blue") }, since: nothing,
			plan:   "update /p: value (" + command + ")",
			status: plan.StatusRefused, err: command, labels: map[string]int64{"blue": 1}, number: 100,
		},
		{
			name: "the oldest has several labels", versions: 40,
			until: func(w *world) { w.label("/p", 1, "blue", "green") }, since: nothing,
			plan:   "update /p: value (" + strings.NewReplacer("label blue is", "labels blue, green are", "--labels blue", "--labels blue green").Replace(command) + ")",
			status: plan.StatusRefused, err: strings.NewReplacer("label blue is", "labels blue, green are", "--labels blue", "--labels blue green").Replace(command),
			labels: map[string]int64{"blue": 1, "green": 1}, number: 100,
		},
		{
			name: "the oldest has one to be moved", versions: 40,
			until: func(w *world) { w.label("/p", 40, "blue") }, since: func(w *world) { w.label("/p", 1, "blue") },
			plan: "update /p: value, label blue", notices: "label blue moves from version 1 to version 40",
			status: plan.StatusRestored, labels: map[string]int64{"blue": 40}, number: 101,
		},
		{
			name: "the oldest has one to be removed", versions: 40,
			until: nothing, since: func(w *world) { w.label("/p", 1, "blue") },
			plan: "update /p: value, label blue", notices: "label blue is removed from version 1",
			status: plan.StatusRestored, labels: map[string]int64{}, number: 101,
		},
		{
			name: "the oldest is restored, with its label", versions: 1,
			until: func(w *world) { w.label("/p", 1, "blue") }, since: nothing,
			plan:    "update /p: value, label blue (" + command + ")",
			notices: "label blue moves from version 1 to version 101",
			status:  plan.StatusRefused, err: command, labels: map[string]int64{"blue": 1}, number: 100,
		},
		{
			name: "the oldest is restored, its label was moved", versions: 1,
			until: func(w *world) { w.label("/p", 1, "blue") }, since: func(w *world) { w.label("/p", 100, "blue") },
			plan: "update /p: value, label blue", notices: "label blue moves from version 100 to version 101",
			status: plan.StatusRestored, labels: map[string]int64{"blue": 101}, number: 101,
		},
		{
			name: "the write removes the version of a label", versions: 40,
			until: func(w *world) { w.label("/p", 1, "blue") }, since: func(w *world) { w.unlabel("/p", 1, "blue") },
			plan: "update /p: value", notices: "label blue cannot be restored: it was on version 1, which no longer exists",
			status: plan.StatusRestored, labels: map[string]int64{}, number: 101,
		},
		{
			name: "only labels", versions: 100,
			until: func(w *world) { w.label("/p", 1, "blue") }, since: func(w *world) { w.label("/p", 100, "blue") },
			plan: "update /p: label blue", notices: "label blue moves from version 100 to version 1",
			status: plan.StatusRestored, labels: map[string]int64{"blue": 1}, number: 100,
		},
		{
			name: "labelled after the plan", versions: 40,
			until: nothing, since: nothing, unseen: func(w *world) { w.label("/p", 1, "blue") },
			plan: "update /p: value", status: plan.StatusRefused, err: command, labels: map[string]int64{"blue": 1}, number: 100,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, emulator.Options{}, func(w *world) {
				w.puts("/p", 1, test.versions)
				test.until(w)
				w.Record()
				then := w.pass()
				w.puts("/p", test.versions+1, 100-test.versions)
				test.since(w)
				w.Record()
				w.pass()
				p := w.plan("/p", false, then, restore.Options{})
				if got := actions(p)[0]; got != test.plan {
					t.Errorf("plan:\n got %s\nwant %s", got, test.plan)
				}
				if got := notices(p); got != test.notices {
					t.Errorf("notices: got %q, want %q", got, test.notices)
				}
				if test.unseen != nil {
					test.unseen(w)
				}
				before, err := w.restorer(restore.Options{}).Apply(w.Context(), p)
				w.Must(err)
				out := before.Outcomes[0]
				if out.Status != test.status || out.Err != nil && out.Err.Error() != test.err || out.Err == nil && test.err != "" {
					t.Errorf("got %s (%v), want %s (%s)", out.Status, out.Err, test.status, test.err)
				}
				if diff := cmp.Diff(w.labels("/p"), test.labels); diff != "" || w.number("/p") != test.number {
					t.Errorf("left version %d, want %d, with labels (-got +want):\n%s", w.number("/p"), test.number, diff)
				}
			})
		})
	}
}

// TestLabelsMovedBeforeRefusal moves a label before a write that is then refused: the
// restore must report that it changed something.
func TestLabelsMovedBeforeRefusal(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("histories of 100 versions take a while")
	}
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/p", "v0")
		w.put("/p", secret, secureString("alias/old"))
		w.label("/p", 2, "blue")
		w.Record()
		then := w.pass()
		w.puts("/p", 3, 98)
		w.label("/p", 1, "blue")
		w.Record()
		w.pass()
		w.AWS.SSM.DisableKey("alias/old")
		res := w.restored(w.plan("/p", false, then, restore.Options{}), restore.Options{})
		out := res.Outcomes[0]
		if !strings.Contains(fmt.Sprint(out.Err), "its KMS key alias/old does not exist or is not enabled; use another one with --key-id") || w.number("/p") != 100 {
			t.Fatalf("got %s (%v) and version %d", out.Status, out.Err, w.number("/p"))
		}
		if moved := w.labels("/p")["blue"] != 1; moved != (out.Status == plan.StatusFailed) {
			t.Errorf("%s, and the label is on version %d", out.Status, w.labels("/p")["blue"])
		}
		w.undo(res.ID, restore.Options{})
		if got := w.labels("/p")["blue"]; got != 1 {
			t.Errorf("after the undo the label is on version %d, want 1", got)
		}
	})
}

// TestManyLabels swaps the labels of two versions that have the maximum number of labels.
func TestManyLabels(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		var some, others []string
		for i := range 10 {
			some, others = append(some, fmt.Sprint("a", i)), append(others, fmt.Sprint("b", i))
		}
		w.puts("/p", 1, 2)
		w.label("/p", 1, some...)
		w.label("/p", 2, others...)
		w.Record()
		then, want := w.pass(), w.labels("/p")
		w.unlabel("/p", 1, some...)
		w.label("/p", 1, others...)
		w.label("/p", 2, some...)
		w.Record()
		w.pass()
		before := w.labels("/p")
		res := w.restored(w.plan("/p", false, then, restore.Options{}), restore.Options{})
		if text := errs(res.Outcomes); text != "" {
			t.Errorf("restore: %s", text)
		}
		if diff := cmp.Diff(w.labels("/p"), want); diff != "" {
			t.Errorf("labels (-got +want):\n%s", diff)
		}
		w.undo(res.ID, restore.Options{})
		if diff := cmp.Diff(w.labels("/p"), before); diff != "" {
			t.Errorf("labels after the undo (-got +want):\n%s", diff)
		}
		if n := len(slices.Collect(maps.Keys(before))); n != 20 {
			t.Fatalf("%d labels, want 20", n)
		}
	})
}

// TestReservedTags checks that tags that are reserved for AWS are neither sent nor removed.
// Clients cannot create such tags, so they are added to the responses.
func TestReservedTags(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		var sent []string
		reserved := strings.NewReplacer(`"sys-`, `"aws:`, `"SYS-`, `"AWS:`)
		client := rewriting{HTTPClient: w.AWS.Client(), request: strings.NewReplacer(), answer: reserved, see: func(op, body string) {
			if strings.Contains(strings.ToLower(body), "aws:cfn") {
				sent = append(sent, op+" "+body)
			}
		}}
		live := paramstore.New(w.Connect(client).SSM(), paramstore.Options{})
		records := recorder.New(w.Archive, live, recorder.Options{Account: account, Region: region})
		record := func() {
			time.Sleep(2 * time.Second)
			w.Must(w.AWS.Queue.Drain(w.Context(), func(ctx context.Context, batch []emulator.Message) (failed []string) {
				for _, m := range batch {
					for _, f := range records.Handle(ctx, []recorder.Message{{ID: m.ID, Body: []byte(reserved.Replace(string(m.Body))), Sent: m.Sent, Receives: m.Receives}}) {
						failed = append(failed, f.ID)
					}
				}
				return failed
			}))
		}
		names := []string{"/a/changed", "/a/gone", "/a/same"}
		for _, name := range names {
			w.put(name, "one")
			w.tag(name, "sys-cfn", "a")
			w.tag(name, "SYS-cfn", "a")
		}
		w.tag("/a/changed", "env", "prod")
		w.tag("/a/gone", "env", "prod")
		record()
		then := w.pass()
		for _, name := range names {
			w.tag(name, "sys-cfn", "b")
			w.untag(name, "SYS-cfn")
			w.tag(name, "sys-cfn2", "b")
		}
		w.tag("/a/changed", "env", "dev")
		w.remove("/a/gone")
		record()
		r := restore.New(w.Archive, live, records, restore.Options{})
		p, err := r.Plan(w.Context(), testworld.Target(w, "/a/", false), then)
		w.Must(err)
		want := []string{"update /a/changed: tag env", "create /a/gone", "none /a/same"}
		if diff := cmp.Diff(actions(p), want); diff != "" {
			t.Errorf("plan (-got +want):\n%s", diff)
		}
		res, err := r.Apply(w.Context(), p)
		w.Must(err)
		if text := errs(res.Outcomes); text != "" {
			t.Errorf("restore: %s", text)
		}
		if len(sent) > 0 {
			t.Errorf("tags of AWS were sent: %q", sent)
		}
		got := w.state()
		for name, tags := range map[string]string{"/a/changed": "tags=map[env:prod sys-cfn:b sys-cfn2:b]", "/a/gone": "tags=map[env:prod]", "/a/same": "tags=map[sys-cfn:b sys-cfn2:b]"} {
			if !strings.HasSuffix(got[name], tags) {
				t.Errorf("%s is %s, want %s", name, got[name], tags)
			}
		}
	})
}

// TestUnreadAttributes checks that the tags and labels of otherwise unchanged parameters
// are read only in plans for few parameters, and otherwise counted.
func TestUnreadAttributes(t *testing.T) {
	t.Parallel()
	for _, n := range []int{100, 101} {
		inWorld(t, emulator.Options{}, func(w *world) {
			for i := range n {
				w.put(fmt.Sprintf("/a/%03d", i), "one")
			}
			w.tag("/a/003", "env", "prod")
			w.label("/a/004", 1, "blue")
			w.Record()
			then := w.pass()
			w.put("/a/000", "two")
			w.tag("/a/001", "env", "dev")
			w.label("/a/002", 1, "blue")
			w.Record()
			w.pass()
			// These changes are never recorded.
			w.tag("/a/005", "env", "dev")
			w.unlabel("/a/004", 1, "blue")
			w.AWS.ResetCounts()
			p := w.plan("/a/", false, then, restore.Options{})
			counts := w.AWS.Counts()
			var changes []string
			for i, text := range actions(p) {
				if p.Items[i].Action != plan.ActionNone {
					changes = append(changes, text)
				}
			}
			want := []string{"update /a/000: value", "update /a/001: tag env", "update /a/002: label blue", "update /a/004: label blue"}
			if n <= 100 {
				want = append(want, "update /a/005: tag env")
			}
			if diff := cmp.Diff(changes, want); diff != "" {
				t.Errorf("plan of %d (-got +want):\n%s", n, diff)
			}
			tags, histories, unread := counts["ssm:ListTagsForResource"], counts["ssm:GetParameterHistory"], p.UnreadAttributes
			switch {
			case n <= 100 && (tags < n || histories < n || unread != 0):
				t.Errorf("of %d the tags of %d and the labels of %d were read, and %d counted as unread", n, tags, histories, unread)
			case n > 100 && (tags > 6 || histories > 6 || unread != n-len(want)):
				t.Errorf("of %d the tags of %d and the labels of %d were read, and %d counted as unread", n, tags, histories, unread)
			}
		})
	}
}
