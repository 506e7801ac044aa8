package restore_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/extent"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/restore"
)

func (w *world) untag(name, key string) {
	w.Helper()
	_, err := w.SSM.RemoveTagsFromResource(w.Context(), &ssm.RemoveTagsFromResourceInput{ResourceId: &name, ResourceType: "Parameter", TagKeys: []string{key}})
	w.Must(err)
}

// everything creates parameters such that a restore to the returned time requires every
// action.
func (w *world) everything() (then ssmbak.Time) {
	w.Helper()
	w.put("/a/deleted", "gone by then")
	w.put("/a/created", secret, rich)
	w.label("/a/created", 1, "blue")
	w.put("/a/labelled", "one")
	w.put("/a/labelled", "two")
	w.label("/a/labelled", 1, "blue")
	w.put("/a/replaced", "one")
	w.put("/a/same", "one")
	w.put("/a/tagged", "one")
	w.put("/a/typed", "a,b", stringList)
	w.put("/a/updated", "one")
	w.pass()
	w.remove("/a/deleted")
	w.tag("/a/created", "env", "prod")
	w.tag("/a/replaced", "env", "prod")
	w.tag("/a/tagged", "env", "prod")
	w.tag("/a/updated", "env", "prod")
	w.Record()
	then = w.pass()

	w.put("/a/deleted", secret, rich)
	w.label("/a/deleted", 1, "green")
	w.remove("/a/created")
	w.label("/a/labelled", 2, "blue", "green")
	w.put("/a/replaced", "two", advancedTier)
	w.label("/a/replaced", 2, "green")
	w.remove("/a/typed")
	w.put("/a/typed", "c,d")
	w.put("/a/updated", secret, secureString("alias/app"), func(in *ssm.PutParameterInput) {
		in.Description, in.AllowedPattern = aws.String("of the app"), aws.String("^h.*")
	})
	w.label("/a/updated", 2, "green")
	w.pass()
	w.tag("/a/deleted", "team", "a")
	w.tag("/a/replaced", "env", "dev")
	w.tag("/a/tagged", "env", "dev")
	w.tag("/a/tagged", "team", "a")
	w.tag("/a/typed", "team", "a")
	w.untag("/a/updated", "env")
	w.Record()
	w.pass()
	return then
}

// TestUndo undoes a restore with every action, undoes the undo, and so on.
func TestUndo(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		then, o := w.everything(), restore.Options{Options: plan.Options{Replace: true}}
		before := w.full()
		p := w.plan("/a/", true, then, o)
		want := []string{
			"create /a/created", "delete /a/deleted", "update /a/labelled: label blue, label green", "replace /a/replaced", "none /a/same",
			"update /a/tagged: tag env, tag team", "update /a/typed: value, type, tag team",
			"update /a/updated: value, type, keyId, description, allowedPattern, tag env, label green",
		}
		if diff := cmp.Diff(actions(p), want); diff != "" {
			t.Fatalf("plan (-got +want):\n%s", diff)
		}
		res := w.restored(p, o)
		if text := errs(res.Outcomes); text != "" {
			t.Fatalf("restore: %s", text)
		}
		after := w.full()
		for i, want := range []map[string]string{before, after, before, after} {
			// Even the events of the restore have not arrived yet.
			p, err := w.restorer(o).Undo(w.Context(), res.ID)
			w.Must(err)
			if p.Undoes != res.ID || p.Target.String() != "/a/" || !p.Target.Recursive() {
				t.Errorf("plan %d undoes %s of %s", i, p.Undoes, p.Target)
			}
			res = w.restored(p, o)
			if text := errs(res.Outcomes); text != "" {
				t.Errorf("undo %d: %s", i, text)
			}
			if diff := cmp.Diff(w.full(), want); diff != "" {
				t.Fatalf("after undo %d (-got +want):\n%s", i, diff)
			}
			if i%2 == 1 {
				w.Record()
				w.pass()
			}
		}
		rec, err := w.Archive.RestoreRecord(w.Context(), res.ID)
		w.Must(err)
		if rec.Undoes == "" || rec.At != 0 || rec.Target != "/a/" || !rec.Recursive || rec.Ended.IsZero() {
			t.Errorf("the record of an undo: %+v", rec)
		}
		// A second undo has nothing to do.
		again, err := w.restorer(o).Undo(w.Context(), rec.Undoes)
		w.Must(err)
		if again.Changes() != 0 {
			t.Errorf("again: %v", actions(again))
		}
		if res := w.restored(again, o); res.ID != "" {
			t.Errorf("a restore that wrote nothing has the record %s", res.ID)
		}
	})
}

// deathAt kills a restore at the request with the index k: that request is lost before or
// after it takes effect, and later ones are not sent.
type deathAt struct {
	k     int64
	after bool
	armed atomic.Bool
	n     atomic.Int64
}

func (d *deathAt) fault(string, string, string) emulator.Fault {
	if !d.armed.Load() {
		return emulator.Fault{}
	}
	switch n := d.n.Add(1) - 1; {
	case n < d.k:
		return emulator.Fault{}
	case n == d.k && d.after:
		return emulator.Fault{LostAfter: true}
	}
	return emulator.Fault{LostBefore: true}
}

// dying returns a Restorer of a process that is killed by d.
func (w *world) dying(d *deathAt, o restore.Options) *restore.Restorer {
	w.Helper()
	conn, err := awsconn.Load(w.Context(), awsconn.Options{
		Region: region, EndpointURL: "http://127.0.0.1", HTTPClient: w.AWS.ClientWith(d.fault), Anonymous: true, MaxAttempts: 1,
	})
	w.Must(err)
	a, err := archive.Open(w.Context(), conn.S3(), archive.Options{Bucket: bucket, Account: account, Region: region})
	w.Must(err)
	live := paramstore.New(conn.SSM(), paramstore.Options{})
	return restore.New(a, live, recorder.New(a, live, recorder.Options{Account: account, Region: region}), o)
}

// killed plans a restore and applies it until d kills it. It returns the ID of its record,
// "" if there is none yet, and whether it was killed.
func (w *world) killed(d *deathAt, then ssmbak.Time, o restore.Options) (id string, died bool) {
	w.Helper()
	known, _, err := w.Archive.RestoreRecords(w.Context(), 0)
	w.Must(err)
	r := w.dying(d, o)
	p, err := r.Plan(w.Context(), testworld.Target(w, "/a/", true), then)
	w.Must(err)
	d.armed.Store(true)
	_, _ = r.Apply(w.Context(), p) // the process is killed
	died = d.n.Load() > d.k
	now, _, err := w.Archive.RestoreRecords(w.Context(), 0)
	w.Must(err)
	if len(now) > len(known) {
		id = now[0].ID
	}
	return id, died
}

// killStep returns at each how many requests a program is killed: an odd number, since what some
// tests do then depends on whether the number of the request is even.
func killStep() int64 {
	if extent.Long() {
		return 1
	}
	return 11
}

// TestUndoKilled kills a restore at each of its requests, before and after that takes
// effect, and checks that an undo restores the exact state before.
func TestUndoKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills the same program at one request after the other")
	}
	t.Parallel()
	const most = 60
	last, step := false, killStep()
	for k := int64(0); !last; k += step {
		if k >= most {
			t.Fatalf("the restore sends more than %d requests", most)
		}
		for _, after := range []bool{false, true} {
			inWorld(t, emulator.Options{}, func(w *world) {
				then, o := w.everything(), restore.Options{Options: plan.Options{Replace: true}, Parallel: 1}
				before := w.full()
				id, died := w.killed(&deathAt{k: k, after: after}, then, o)
				last = !died
				if id == "" {
					if k > 0 {
						t.Errorf("killed at request %d: no record", k)
					}
					if diff := cmp.Diff(w.full(), before); diff != "" {
						t.Errorf("killed at request %d: without a record (-got +want):\n%s", k, diff)
					}
					return
				}
				time.Sleep(10 * time.Second)
				if k%2 == 0 { // or the events have not arrived yet
					w.Record()
				}
				text := errs(w.undo(id, o).Outcomes)
				if diff := cmp.Diff(w.full(), before); diff != "" || text != "" {
					t.Errorf("killed at request %d, after its effect %v: the undo (%s) left (-got +want):\n%s", k, after, text, diff)
				}
			})
		}
	}
}

// TestUndoKilledAndFinished repeats a killed restore, and undoes both in either order.
func TestUndoKilledAndFinished(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills the same program at one request after the other")
	}
	t.Parallel()
	last, step := false, killStep()
	for k := int64(1); !last; k += step {
		for _, newest := range []bool{true, false} {
			inWorld(t, emulator.Options{}, func(w *world) {
				then, o := w.everything(), restore.Options{Options: plan.Options{Replace: true}, Parallel: 1}
				before := w.full()
				first, died := w.killed(&deathAt{k: k, after: k%2 == 0}, then, o)
				last = !died
				time.Sleep(time.Minute)
				w.Record()
				second := w.restored(w.plan("/a/", true, then, o), o)
				if text := errs(second.Outcomes); text != "" {
					t.Errorf("killed at request %d, and again: %s", k, text)
				}
				time.Sleep(time.Minute)
				w.Record()
				order := []string{second.ID, first}
				if !newest {
					order = []string{first, second.ID}
				}
				for _, id := range order {
					if id != "" { // there was something left to do
						w.undo(id, o)
						time.Sleep(time.Minute)
						w.Record()
					}
				}
				if diff := cmp.Diff(w.full(), before); diff != "" {
					t.Errorf("killed at request %d, the newest first %v: both undos left (-got +want):\n%s", k, newest, diff)
				}
			})
		}
	}
}

// TestUndoConflicts checks that parameters that changed since the restore are refused, with
// the author of the change.
func TestUndoConflicts(t *testing.T) {
	t.Parallel()
	const whose = "it was changed since the restore: arn:aws:iam::123456789012:user/local wrote version %d at "
	tests := []struct {
		name, parameter string
		since           func(w *world) // since the restore
		want            string         // why it is refused
	}{
		{"changed after an update", "/a/updated", func(w *world) { w.put("/a/updated", "theirs") }, fmt.Sprintf(whose, 4)},
		{"written with the same content after an update", "/a/updated", func(w *world) { w.put("/a/updated", "one") }, fmt.Sprintf(whose, 4)},
		{"deleted after an update", "/a/updated", func(w *world) { w.remove("/a/updated") }, "it was deleted since the restore"},
		{"created after an update", "/a/updated", func(w *world) { w.remove("/a/updated"); w.puts("/a/updated", 1, 3) }, fmt.Sprintf(whose, 3)},
		{"changed after a creation", "/a/created", func(w *world) { w.put("/a/created", "theirs", advancedTier) }, fmt.Sprintf(whose, 2)},
		{"created again after a creation", "/a/created", func(w *world) { w.remove("/a/created"); w.put("/a/created", "theirs") }, fmt.Sprintf(whose, 1)},
		{"created after a deletion", "/a/deleted", func(w *world) { w.put("/a/deleted", "theirs") }, fmt.Sprintf(whose, 1)},
		{"changed after a replacement", "/a/replaced", func(w *world) { w.put("/a/replaced", "theirs") }, fmt.Sprintf(whose, 2)},
		{"deleted after a replacement", "/a/replaced", func(w *world) { w.remove("/a/replaced") }, "it was deleted since the restore"},
		{"created after a replacement", "/a/replaced", func(w *world) { w.remove("/a/replaced"); w.put("/a/replaced", "theirs") }, fmt.Sprintf(whose, 1)},
		{"deleted after a change of type", "/a/typed", func(w *world) { w.remove("/a/typed") }, "it was deleted since the restore"},
		{"changed after new tags", "/a/tagged", func(w *world) { w.put("/a/tagged", "theirs") }, fmt.Sprintf(whose, 2)},
		{"created with the same content after new tags", "/a/tagged", func(w *world) { w.remove("/a/tagged"); w.put("/a/tagged", "one") }, fmt.Sprintf(whose, 1)},
		{"deleted after new tags", "/a/tagged", func(w *world) { w.remove("/a/tagged") }, "it was deleted since the restore"},
		{"changed after new labels", "/a/labelled", func(w *world) { w.put("/a/labelled", "theirs") }, fmt.Sprintf(whose, 3)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, emulator.Options{}, func(w *world) {
				then, o := w.everything(), restore.Options{Options: plan.Options{Replace: true}}
				before := w.full()
				res := w.restored(w.plan("/a/", true, then, o), o)
				w.pass()
				test.since(w)
				left := w.full()[test.parameter]
				w.pass()
				p, err := w.restorer(o).Undo(w.Context(), res.ID)
				w.Must(err)
				for _, item := range p.Items {
					if refused := string(item.Name) == test.parameter; refused != (item.Refused != "") || refused && !strings.HasPrefix(item.Refused, test.want) {
						t.Errorf("%s %s: refused for %q, want %q", item.Action, item.Name, item.Refused, test.want)
					}
				}
				w.restored(p, o)
				delete(before, test.parameter)
				if left != "" {
					before[test.parameter] = left
				}
				if diff := cmp.Diff(w.full(), before); diff != "" {
					t.Errorf("state (-got +want):\n%s", diff)
				}
			})
		})
	}
}

// TestUndoKeepsOtherAttributes checks that tags and labels that the restore did not change
// are kept.
func TestUndoKeepsOtherAttributes(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		then := w.everything()
		res := w.restored(w.plan("/a/tagged", false, then, restore.Options{}), restore.Options{})
		w.pass()
		w.tag("/a/tagged", "later", "x")
		w.label("/a/tagged", 1, "later")
		w.undo(res.ID, restore.Options{})
		if got, want := w.full()["/a/tagged"], "tags=map[env:dev later:x team:a] labels=map[later:one]"; !strings.HasSuffix(got, want) {
			t.Errorf("left %s, want %s", got, want)
		}
		w.Record()
		w.pass()
		res = w.restored(w.plan("/a/updated", false, then, restore.Options{}), restore.Options{})
		w.pass()
		w.label("/a/updated", 1, "later")
		w.tag("/a/updated", "later", "x")
		w.undo(res.ID, restore.Options{})
		if got, want := w.full()["/a/updated"], "tags=map[later:x] labels=map[green:"+secret+" later:one]"; !strings.HasSuffix(got, want) {
			t.Errorf("left %s, want %s", got, want)
		}
	})
}

// TestUndoReplacesAndKeepsTags undoes a restore by replacing the parameter, and checks that
// a tag that was set since is kept.
func TestUndoReplacesAndKeepsTags(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/a/tier", "one", advancedTier)
		w.Record()
		then := w.pass()
		w.remove("/a/tier")
		w.put("/a/tier", "one")
		w.tag("/a/tier", "env", "dev")
		w.Record()
		w.pass()
		res := w.restored(w.plan("/a/tier", false, then, restore.Options{}), restore.Options{})
		w.pass()
		w.tag("/a/tier", "later", "x")
		w.Record()
		w.undo(res.ID, restore.Options{Options: plan.Options{Replace: true}})
		if got, want := w.full()["/a/tier"], "tags=map[env:dev later:x]"; !strings.Contains(got, want) || !strings.Contains(got, "Standard") {
			t.Errorf("left %s, want %s and Standard", got, want)
		}
	})
}

// TestUndoLostAnswer undoes a write that was repeated because its response was lost.
func TestUndoLostAnswer(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/p", "one")
		w.Record()
		then := w.pass()
		w.put("/p", "two")
		w.Record()
		w.pass()
		w.once("PutParameter", func() emulator.Fault { return emulator.Fault{LostAfter: true} })
		res := w.restored(w.plan("/p", false, then, restore.Options{}), restore.Options{})
		if got, want := results(res.Outcomes)[0], "restored update /p version 4"; got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		w.pass()
		w.undo(res.ID, restore.Options{})
		if got := w.state()["/p"]; !strings.Contains(got, `"two"`) {
			t.Errorf("the undo left %s", got)
		}
	})
}

// TestUndoKilledItself kills an undo at each of its requests, and checks that a second
// attempt completes it, even if a replaced parameter is deleted at that time.
func TestUndoKilledItself(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills the same program at one request after the other")
	}
	t.Parallel()
	const most = 60
	last, step := false, killStep()
	for k := int64(0); !last; k += step {
		if k >= most {
			t.Fatalf("the undo sends more than %d requests", most)
		}
		for _, after := range []bool{false, true} {
			inWorld(t, emulator.Options{}, func(w *world) {
				w.put("/a/tier", "one", advancedTier)
				then, o := w.everything(), restore.Options{Options: plan.Options{Replace: true}, Parallel: 1}
				w.remove("/a/tier")
				w.put("/a/tier", "two")
				w.Record()
				before := w.full()
				id := w.restored(w.plan("/a/", true, then, o), o).ID
				time.Sleep(time.Minute)
				w.Record()
				d := &deathAt{k: k, after: after}
				r := w.dying(d, o)
				p, err := r.Undo(w.Context(), id)
				w.Must(err)
				d.armed.Store(true)
				_, _ = r.Apply(w.Context(), p) // the process is killed
				last = last || d.n.Load() <= k
				time.Sleep(time.Minute)
				if k%2 == 0 { // or the events have not arrived yet
					w.Record()
				}
				text := errs(w.undo(id, o).Outcomes)
				if diff := cmp.Diff(w.full(), before); diff != "" || text != "" {
					t.Errorf("killed at request %d, after its effect %v: again (%s) left (-got +want):\n%s", k, after, text, diff)
				}
			})
		}
	}
}

// TestUndoAfterFailedReplacement lets the creation in a replacement fail, so that the previous
// state is created again: by a restore, whose undo has nothing to do, and by an undo, which
// the same command then completes.
func TestUndoAfterFailedReplacement(t *testing.T) {
	t.Parallel()
	for _, fails := range []string{"restore", "undo"} {
		t.Run(fails, func(t *testing.T) {
			t.Parallel()
			inWorld(t, emulator.Options{}, func(w *world) {
				o := restore.Options{Options: plan.Options{Replace: true}}
				if fails == "restore" {
					w.put("/a/tier", "one")
				} else {
					w.put("/a/tier", "one", advancedTier)
				}
				w.Record()
				then := w.pass()
				w.remove("/a/tier")
				if fails == "restore" {
					w.put("/a/tier", "two", advancedTier)
				} else {
					w.put("/a/tier", "two")
				}
				w.Record()
				before, n := w.full(), 0
				failing := func(op string) (f emulator.Fault) {
					if op == "PutParameter" {
						if n++; n == 1 {
							f = emulator.DeniedBySSM
						}
					}
					return f
				}
				if fails == "restore" {
					w.before = failing
				}
				id := w.restored(w.plan("/a/", true, then, o), o).ID
				time.Sleep(time.Minute)
				if fails == "undo" {
					w.before = failing
					if text := errs(w.undo(id, o).Outcomes); text == "" {
						t.Error("the first undo did not fail")
					}
					time.Sleep(time.Minute)
				}
				w.before = nil
				text := errs(w.undo(id, o).Outcomes)
				if diff := cmp.Diff(w.full(), before); diff != "" || text != "" {
					t.Errorf("the undo (%s) left (-got +want):\n%s", text, diff)
				}
			})
		})
	}
}

// TestUndoKilledAfterLostAnswer undoes a write that was repeated because its response was
// lost, by a restore that was then killed. If another user changed the parameter in
// between, the undo is refused.
func TestUndoKilledAfterLostAnswer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		between string
		back    time.Duration // by how much the time of the second attempt decreases
	}{{}, {between: "three"}, {back: 900 * time.Millisecond}} {
		between := test.between
		var o emulator.Options
		o.SSM.StepBack = func(_ string, version int64) time.Duration {
			if version == 4 {
				return test.back
			}
			return 0
		}
		inWorld(t, o, func(w *world) {
			w.put("/a/p", "one")
			w.Record()
			then := w.pass()
			w.put("/a/p", "two")
			w.Record()
			w.pass()
			var id string
			for k := int64(0); !strings.Contains(w.state()["/a/p"], `"one"`); k++ {
				id, _ = w.killed(&deathAt{k: k, after: true}, then, restore.Options{})
			}
			if between != "" {
				w.put("/a/p", between)
			}
			w.put("/a/p", "one") // the second attempt
			w.Record()
			w.pass()
			text, got := errs(w.undo(id, restore.Options{}).Outcomes), w.state()["/a/p"]
			if refused := between != ""; refused != strings.Contains(text, "changed since the restore") || refused == strings.Contains(got, `"two"`) {
				t.Errorf("with %q in between, the undo (%s) left %s", between, text, got)
			}
		})
	}
}

// TestUndoOverwritten checks that a write that overwrote a concurrent change is not undone,
// because the record does not contain the state right before.
func TestUndoOverwritten(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/p", "one")
		w.Record()
		then := w.pass()
		w.put("/p", "two")
		w.Record()
		w.pass()
		w.once("PutParameter", func() emulator.Fault { w.put("/p", "theirs"); return emulator.Fault{} })
		res := w.restored(w.plan("/p", false, then, restore.Options{}), restore.Options{})
		if got := results(res.Outcomes)[0]; got != "failed update /p version 4" {
			t.Fatalf("got %s", got)
		}
		w.pass()
		p, err := w.restorer(restore.Options{}).Undo(w.Context(), res.ID)
		w.Must(err)
		if p.Items[0].Refused == "" {
			t.Errorf("plan: %v", actions(p))
		}
	})
}

// TestUndoExpired undoes a write without a policy that expired after the plan.
func TestUndoExpired(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		expires := time.Now().Add(10 * time.Minute)
		w.put("/p", "one", advancedTier, func(in *ssm.PutParameterInput) {
			in.Policies = aws.String(`[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"` + expires.Format(time.RFC3339) + `"}}]`)
		})
		w.Record()
		then := w.pass()
		w.put("/p", "two", advancedTier, func(in *ssm.PutParameterInput) { in.Policies = aws.String("[{}]") })
		w.Record()
		before := w.full()
		p := w.plan("/p", false, then, restore.Options{})
		if got := notices(p); got != "" {
			t.Errorf("notices %q", got)
		}
		time.Sleep(time.Until(expires) + time.Second)
		res := w.restored(p, restore.Options{})
		if got := w.state()["/p"]; res.Outcomes[0].Status != plan.StatusRestored || !strings.Contains(got, `"one"`) || strings.Contains(got, "Expiration") {
			t.Errorf("%s (%v) and left %s", res.Outcomes[0].Status, res.Outcomes[0].Err, got)
		}
		w.pass()
		text := errs(w.undo(res.ID, restore.Options{}).Outcomes)
		if diff := cmp.Diff(w.full(), before); diff != "" {
			t.Errorf("the undo (%s) left (-got +want):\n%s", text, diff)
		}
	})
}

// TestUndoMany undoes tags and labels of many parameters before the events of the restore
// have arrived.
func TestUndoMany(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		const n = 101
		for i := range n {
			name := fmt.Sprintf("/a/%03d", i)
			w.put(name, "one")
		}
		w.Record()
		then := w.pass()
		for i := range n {
			name := fmt.Sprintf("/a/%03d", i)
			w.tag(name, "env", "dev")
			if i%2 == 0 {
				w.label(name, 1, "blue")
			}
		}
		w.Record()
		w.pass()
		before := w.full()
		res := w.restored(w.plan("/a/", false, then, restore.Options{}), restore.Options{})
		if text := errs(res.Outcomes); text != "" || maps.Equal(before, w.full()) {
			t.Fatalf("nothing was restored: %s", text)
		}
		w.undo(res.ID, restore.Options{})
		if diff := cmp.Diff(w.full(), before); diff != "" {
			t.Errorf("the undo left (-got +want):\n%s", diff)
		}
	})
}

// TestUndoPatterns undoes a part of a restore, and then the rest.
func TestUndoPatterns(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		then := w.everything()
		before := w.full()
		res := w.restored(w.plan("/a/", true, then, restore.Options{Options: plan.Options{Replace: true}}), restore.Options{Options: plan.Options{Replace: true}})
		after := w.full()
		w.pass()
		o := restore.Options{Options: plan.Options{Only: []string{"updated", "/a/cr*"}}}
		p, err := w.restorer(o).Undo(w.Context(), res.ID)
		w.Must(err)
		if diff := cmp.Diff(actions(p)[0], "delete /a/created"); diff != "" || len(p.Items) != 2 || p.Excluded != 5 {
			t.Errorf("plan %v with %d excluded", actions(p), p.Excluded)
		}
		w.restored(p, o)
		delete(after, "/a/created")
		after["/a/updated"] = before["/a/updated"]
		if diff := cmp.Diff(w.full(), after); diff != "" {
			t.Errorf("a part (-got +want):\n%s", diff)
		}
		w.pass()
		w.undo(res.ID, restore.Options{Options: plan.Options{Replace: true}})
		if diff := cmp.Diff(w.full(), before); diff != "" {
			t.Errorf("the rest (-got +want):\n%s", diff)
		}
	})
}

// TestUndoErrors checks the errors for unknown IDs and unreadable records.
func TestUndoErrors(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/p", "one")
		w.Record()
		r := w.restorer(restore.Options{})
		for _, id := range []string{"", "x", "20000101T000000Z-", "20000101T000000Z-abcdef", "../archive", "20000101T000000Z-abcdef/.."} {
			if _, err := r.Undo(w.Context(), id); !errors.Is(err, archive.ErrNoRestore) {
				t.Errorf("%q: %v, want ErrNoRestore", id, err)
			}
		}
		put := func(id, text string) {
			var buf bytes.Buffer
			zip := gzip.NewWriter(&buf)
			_, _ = io.WriteString(zip, text)
			_ = zip.Close()
			_, err := w.Connect(w.AWS.Client()).S3().PutObject(w.Context(), &s3.PutObjectInput{
				Bucket: aws.String(bucket), Key: aws.String(".ssmbak/restores/" + id), Body: bytes.NewReader(buf.Bytes()),
			})
			w.Must(err)
		}
		put("20000101T000001Z-new", `{"format":2,"reader":2,"id":"20000101T000001Z-new","shape":{}}`)
		var newer *archive.FormatError
		if _, err := r.Undo(w.Context(), "20000101T000001Z-new"); !errors.As(err, &newer) || newer.Format != 2 {
			t.Errorf("a newer format: %v, want a FormatError", err)
		}
		put("20000101T000001Z-other", `{"format":1,"writer":"w","id":"20000101T000001Z-another","began":"2000-01-01T00:00:01Z","by":"","target":"/p","items":[]}`)
		var damaged *archive.DamagedError
		if _, err := r.Undo(w.Context(), "20000101T000001Z-other"); !errors.As(err, &damaged) {
			t.Errorf("the record with another ID: %v, want a DamagedError", err)
		}
		var bad *pattern.Error
		if _, err := w.restorer(restore.Options{Options: plan.Options{Only: []string{"["}}}).Undo(w.Context(), "20000101T000001Z-other"); !errors.As(err, &bad) {
			t.Errorf("a pattern: %v, want a pattern.Error", err)
		}
	})
}

// TestRecords checks that a restore saves its record before it writes, and none if it
// writes nothing.
func TestRecords(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		then := w.everything()
		before := w.full()
		records := func() []*plan.Document {
			all, _, err := w.Archive.RestoreRecords(w.Context(), 0)
			w.Must(err)
			return all
		}
		res := w.restored(w.plan("/a/same", false, then, restore.Options{}), restore.Options{})
		if res.ID != "" || len(records()) != 0 {
			t.Errorf("a restore without changes has the record %q of %d", res.ID, len(records()))
		}

		// Without a record, nothing is written.
		o := restore.Options{Options: plan.Options{Replace: true}, By: "arn:aws:iam::123456789012:user/local", Arguments: "/a/ 2000-01-01"}
		p := w.plan("/a/", true, then, o)
		w.AWS.Faults.Add(emulator.Rule{Service: "s3", Op: "PutObject", KeyPrefix: ".ssmbak/restores/", Fault: emulator.Denied})
		if res, err := w.restorer(o).Apply(w.Context(), p); err == nil || !strings.Contains(err.Error(), "record restore ") || res.ID != "" || res.Outcomes != nil {
			t.Errorf("without a record: %v, %+v", err, res)
		}
		if diff := cmp.Diff(w.full(), before); diff != "" {
			t.Errorf("without a record (-got +want):\n%s", diff)
		}

		// A restore whose outcomes were not recorded can be undone.
		w.AWS.Faults.Clear()
		armed := false
		w.before = func(op string) emulator.Fault {
			if !armed && op == "PutParameter" {
				armed = true
				if all := records(); len(all) != 1 || !all[0].Ended.IsZero() || len(all[0].Items) != 7 || all[0].Items[0].Status != "" {
					t.Errorf("the record at the first write: %+v", all)
				}
				w.AWS.Faults.Add(emulator.Rule{Service: "s3", Op: "PutObject", KeyPrefix: ".ssmbak/restores/", Fault: emulator.Denied})
			}
			return emulator.Fault{}
		}
		o.Parallel = 1
		res, err := w.restorer(o).Apply(w.Context(), p)
		w.Must(err)
		if text := errs(res.Outcomes); res.Unrecorded == nil || text != "" || res.ID == "" {
			t.Errorf("unrecorded %v, restored with %s", res.Unrecorded, text)
		}
		w.AWS.Faults.Clear()
		w.before = nil
		w.pass()
		w.undo(res.ID, o)
		if diff := cmp.Diff(w.full(), before); diff != "" {
			t.Errorf("after the undo (-got +want):\n%s", diff)
		}
		all := records()
		if len(all) != 2 || all[0].Undoes != res.ID || all[1].ID != res.ID || all[0].Began.Before(all[1].Began) {
			t.Fatalf("the records are not the newest first: %+v", all)
		}
		if r := all[0]; r.By != o.By || r.Arguments != o.Arguments || r.Target != "/a/" || r.Ended.IsZero() || r.Items[0].Status != plan.StatusDeleted {
			t.Errorf("the record of the undo: %+v", r)
		}
		if r := all[1]; !r.Ended.IsZero() || r.At != then {
			t.Errorf("the record of the restore: %+v", r)
		}
		for _, v := range w.AWS.S3.Versions(bucket, ".ssmbak/restores/"+res.ID) {
			object, err := w.Connect(w.AWS.Client()).S3().GetObject(w.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(".ssmbak/restores/" + res.ID), VersionId: &v.VersionID})
			w.Must(err)
			zip, err := gzip.NewReader(object.Body)
			w.Must(err)
			text, err := io.ReadAll(zip)
			w.Must(err)
			if bytes.Contains(text, []byte(secret)) {
				t.Error("a record contains a value")
			}
		}
	})
}

// TestUndoInterrupted interrupts a restore during a write, which is completed, and undoes
// it. Nothing else is started.
func TestUndoInterrupted(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		then, o := w.everything(), restore.Options{Options: plan.Options{Replace: true}, Parallel: 1}
		before := w.full()
		p := w.plan("/a/", true, then, o)
		ctx, cancel := context.WithCancel(w.Context())
		defer cancel()
		w.once("PutParameter", func() emulator.Fault { cancel(); return emulator.Fault{} })
		res, err := w.restorer(o).Apply(ctx, p)
		w.Must(err)
		w.Must(res.Unrecorded)
		done := 0
		for _, out := range res.Outcomes {
			var idle *restore.NotStartedError
			switch {
			case out.Status == plan.StatusRestored:
				done++
			case out.Item.Action == plan.ActionNone:
			case out.Status != plan.StatusFailed || !errors.As(out.Err, &idle) || !errors.Is(out.Err, context.Canceled):
				t.Errorf("%s: %s (%v)", out.Item.Name, out.Status, out.Err)
			}
		}
		if done != 1 {
			t.Errorf("%d parameters were restored, want the one in progress", done)
		}
		w.pass()
		w.undo(res.ID, o)
		if diff := cmp.Diff(w.full(), before); diff != "" {
			t.Errorf("after the undo (-got +want):\n%s", diff)
		}
	})
}

// TestUndoCredentials lets the credentials expire during a restore, and checks that no
// further requests are sent and that another user can undo it.
func TestUndoCredentials(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"ExpiredTokenException", "UnrecognizedClientException"} {
		inWorld(t, emulator.Options{}, func(w *world) {
			for i := range 9 {
				w.put(fmt.Sprint("/a/", i), "one")
			}
			w.Record()
			then := w.pass()
			for i := range 9 {
				w.put(fmt.Sprint("/a/", i), "two")
			}
			w.put("/a/new", "one")
			w.Record()
			w.pass()
			before := w.full()
			puts, after := 0, 0
			o := restore.Options{Options: plan.Options{Exact: true}, Parallel: 1}
			p := w.plan("/a/", false, then, o)
			w.before = func(op string) emulator.Fault {
				if op == "PutParameter" {
					puts++
				}
				if puts <= 3 {
					return emulator.Fault{}
				}
				after++
				return emulator.Fault{Status: 400, Code: code}
			}
			res := w.restored(p, o)
			w.before = nil
			if after != 1 {
				t.Errorf("%s: %d requests after the credentials had expired, want only the first one", code, after)
			}
			for i, out := range res.Outcomes {
				var idle *restore.NotStartedError
				begun := !errors.As(out.Err, &idle)
				switch {
				case i < 3 && out.Status == plan.StatusRestored && w.number(string(out.Item.Name)) == 3:
				case i == 3 && out.Status == plan.StatusFailed && begun && errors.Is(out.Err, paramstore.ErrCredentials):
				case i > 3 && out.Status == plan.StatusFailed && !begun && errors.Is(out.Err, paramstore.ErrCredentials):
				default:
					t.Errorf("%s: %s is %s (%v)", code, out.Item.Name, out.Status, out.Err)
				}
			}
			w.pass()
			w.undo(res.ID, restore.Options{})
			if diff := cmp.Diff(w.full(), before); diff != "" {
				t.Errorf("%s: after the undo (-got +want):\n%s", code, diff)
			}
		})
	}
}
