package sweep

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/restore"
)

// caller is the ARN of who runs the commands, as STS returns it.
const caller = "arn:aws:iam::" + account + ":user/local"

// option changes the options of a restore. Its requests are those of conn.
type option func(ctx context.Context, conn *awsconn.Conn, o *restore.Options) error

// restorer is what one command runs with. Its requests are those of a process.
func (w *world) restorer(p *process, options ...option) (*restore.Restorer, error) {
	conn := p.connect()
	a, err := w.open(p.Context(), conn)
	if err != nil {
		return nil, err
	}
	if err := a.Establish(p.Context()); err != nil {
		return nil, err
	}
	live := paramstore.New(conn.SSM(), paramstore.Options{})
	sync := recorder.New(a, live, recorder.Options{Account: account, Region: region})
	o := restore.Options{Options: plan.Options{Exact: true, Replace: true}, By: caller, Parallel: 1}
	for _, change := range options {
		if err := change(p.Context(), conn, &o); err != nil {
			return nil, err
		}
	}
	return restore.New(a, live, sync, o), nil
}

// command makes and applies a plan as a command does. The error joins those of all
// parameters.
func (w *world) command(p *process, make func(context.Context, *restore.Restorer) (*restore.Plan, error), options ...option) (restore.Result, error) {
	r, err := w.restorer(p, options...)
	if err != nil {
		return restore.Result{}, err
	}
	todo, err := make(p.Context(), r)
	if err != nil {
		return restore.Result{}, err
	}
	for _, problem := range todo.Problems {
		err = errors.Join(err, problem.Err)
	}
	res, applyErr := r.Apply(p.Context(), todo)
	err = errors.Join(err, applyErr)
	for _, out := range res.Outcomes {
		if out.Item.Action != plan.ActionSkip || len(out.Item.Conflicts) == 0 { // a conflict is no failure
			err = errors.Join(err, out.Err)
		}
	}
	return res, err
}

func (w *world) restore(p *process, at ssmbak.Time) (restore.Result, error) {
	return w.command(p, func(ctx context.Context, r *restore.Restorer) (*restore.Plan, error) {
		return r.Plan(ctx, testworld.Target(w, "/app", true), at)
	})
}

func (w *world) undo(p *process, id string) (restore.Result, error) {
	return w.command(p, func(ctx context.Context, r *restore.Restorer) (*restore.Plan, error) { return r.Undo(ctx, id) })
}

// revert takes back what changed between w.at and w.until.
func (w *world) revert(p *process) (restore.Result, error) {
	return w.command(p, func(ctx context.Context, r *restore.Restorer) (*restore.Plan, error) {
		return r.Revert(ctx, testworld.Target(w, "/app", true), w.at, w.until)
	})
}

// changed changes parameters so that a restore of /app to w.at updates, creates, replaces
// and deletes some, sets tags and moves a label.
func (w *world) changed() {
	w.lossy.Store(true)
	w.put("/app/update", "old", secret)
	w.tag("/app/update", "blue")
	w.label("/app/update", 1, "live")
	w.put("/app/create", "old")
	w.tag("/app/create", "blue")
	w.put("/app/replace", "old")
	w.tag("/app/replace", "blue")
	w.label("/app/replace", 1, "live")
	w.put("/app/shrunk", "old", advanced)
	w.put("/other", "old")
	w.must(second(w.reconcile(w.calm())))
	w.lossy.Store(false)
	time.Sleep(time.Minute)
	w.at, w.then = ssmbak.TimeOf(time.Now()), w.live()
	time.Sleep(time.Second)
	w.record(w.calm(), func() {
		w.remove("/app/shrunk")
		w.put("/app/update", "new", secret)
		w.tag("/app/update", "green")
		w.label("/app/update", 2, "live")
		w.put("/app/replace", "new", advanced)
		w.label("/app/replace", 2, "live") // a label of another version is lost by a replacement
		w.put("/app/delete", "new", func(in *ssm.PutParameterInput) { in.Description = aws.String("made later") })
		w.put("/other", "new")
		w.remove("/app/create")
		w.put("/app/shrunk", "new") // its undo replaces it
	})
	w.now = w.live()
	w.then["/other"] = w.now["/other"] // outside the target
}

// checkLive demands that the live parameters are as wanted.
func (w *world) checkLive(when string, want map[string]string) {
	got := w.live()
	for _, name := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Keys(got)), slices.Collect(maps.Keys(want)))))) {
		if got[name] != want[name] {
			w.Problem("%s: %s is %q, want %q", when, name, got[name], want[name])
		}
	}
}

// checkBetween demands that no parameter is missing after a command failed that was to lead
// from one state to another, unless the process was killed while it replaced it, that
// other parameters are unchanged, and that values are those before or after.
func (w *world) checkBetween(before, after map[string]string) {
	got := w.live()
	for _, name := range slices.Sorted(maps.Keys(before)) {
		switch {
		case before[name] == after[name] && got[name] != before[name]:
			w.Problem("%s is not to be changed: it was %q, and is %q", name, before[name], got[name])
		case got[name] == "" && after[name] != "" && !w.swept.Dead():
			w.Problem("%s stays deleted", name)
		}
	}
}

// TestRestore sweeps a restore. The same command heals, after which both restores are
// undone.
func TestRestore(t *testing.T) {
	t.Parallel()
	scene{
		prepare: (*world).changed,
		run: func(w *world, p *process) {
			res, err := w.restore(p, w.at)
			w.checkBetween(w.now, w.then)
			if err == nil {
				w.checkLive("a restore that succeeded", w.then)
			}
			if err == nil && res.ID == "" {
				w.Problem("a restore that changed parameters has no ID")
			}
		},
		heal: func(w *world) {
			time.Sleep(time.Minute)
			res, err := w.restore(w.calm(), w.at)
			if err != nil {
				w.Problem("the second restore: %v", err)
			}
			w.checkLive("after the second restore", w.then)
			again, err := w.restore(w.calm(), w.at)
			if err != nil || again.ID != "" {
				w.Problem("a third restore changes something: %+v, %v", again.Outcomes, err)
			}
			w.undoAll(res.ID)
			w.checkLive("after the undo", w.now)
			w.drain()
		},
	}.sweep(t)
}

// undoAll undoes all restores, the newest first. id is that of the newest one, "" if that
// changed nothing.
func (w *world) undoAll(id string) {
	all, _, err := w.archive().RestoreRecords(w.Context(), 0)
	w.must(err)
	if id != "" && (len(all) == 0 || all[0].ID != id) {
		w.Problem("the newest of %d restores is not %s", len(all), id)
	}
	for _, record := range all {
		if _, err := w.undo(w.calm(), record.ID); err != nil {
			w.Problem("undo of restore %s: %v", record.ID, err)
		}
	}
}

// TestUndo sweeps an undo. The same command heals.
func TestUndo(t *testing.T) {
	t.Parallel()
	scene{
		prepare: func(w *world) {
			w.changed()
			res, err := w.restore(w.calm(), w.at)
			w.must(err)
			w.id = res.ID
			w.drain()
			time.Sleep(time.Minute)
		},
		run: func(w *world, p *process) {
			if _, err := w.undo(p, w.id); err == nil {
				w.checkLive("an undo that succeeded", w.now)
			}
			w.checkBetween(w.then, w.now)
		},
		heal: func(w *world) {
			time.Sleep(time.Minute)
			if _, err := w.undo(w.calm(), w.id); err != nil {
				w.Problem("the second undo: %v", err)
			}
			w.checkLive("after the second undo", w.now)
			if again, err := w.undo(w.calm(), w.id); err != nil || again.ID != "" {
				w.Problem("a third undo changes something: %v, %v", fmt.Sprint(again.Outcomes), err)
			}
			w.drain()
		},
	}.sweep(t)
}

// TestRevert sweeps a revert with changes since, some of them in conflict. The same command
// heals, after which both reverts are undone. If the process was killed, or failed within a
// replacement, the undo alone heals: for another revert the parameter has changed since.
func TestRevert(t *testing.T) {
	t.Parallel()
	replaced := func(out plan.Outcome) bool { return out.Status == plan.StatusFailed && out.Replaced }
	scene{
		prepare: func(w *world) {
			w.changed()
			w.until = ssmbak.TimeOf(time.Now())
			time.Sleep(time.Second)
			w.record(w.calm(), func() {
				w.put("/app/update", "since", secret) // a conflict of the value, not of the tag
				w.put("/app/later", "since")
			})
			w.now = w.live()
			w.then["/app/later"] = w.now["/app/later"]
			w.then["/app/update"] = strings.Replace(w.now["/app/update"], "team:green", "team:blue", 1)
			w.then["/app/update"] = strings.Replace(w.then["/app/update"], "live:new", "live:old", 1)
		},
		run: func(w *world, p *process) {
			res, err := w.revert(p)
			w.undoes = slices.ContainsFunc(res.Outcomes, replaced)
			w.checkBetween(w.now, w.then)
			if err == nil {
				w.checkLive("a revert that succeeded", w.then)
			}
			if err == nil && res.ID == "" {
				w.Problem("a revert that changed parameters has no ID")
			}
		},
		heal: func(w *world) {
			if w.swept.Dead() || w.undoes {
				time.Sleep(time.Minute)
				w.undoAll("")
				w.checkLive("after the undo of a revert that did not end", w.now)
				w.drain()
				w.must(second(w.reconcile(w.calm()))) // it sees what the second revert would have seen
				return
			}
			w.drain() // until the deletion of a replaced parameter is recorded, when it happened is unknown
			time.Sleep(time.Minute)
			res, err := w.revert(w.calm())
			if err != nil {
				w.Problem("the second revert: %v", err)
			}
			w.checkLive("after the second revert", w.then)
			w.drain()
			if again, err := w.revert(w.calm()); err != nil || again.ID != "" {
				w.Problem("a third revert changes something: restore %q, %v", again.ID, err)
			}
			w.undoAll(res.ID)
			w.checkLive("after the undo", w.now)
			w.drain()
		},
	}.sweep(t)
}
