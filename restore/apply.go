package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
)

// refusal is the reason why nothing is written. cause is the error of Parameter Store, if
// it refused the write, and remedy is what helps, "" for [plan.RemedyFix].
type refusal struct {
	reason string
	cause  error
	remedy plan.Remedy
}

func (r *refusal) Error() string { return r.reason }

func (r *refusal) Unwrap() error { return r.cause }

// NotStartedError reports that no request was sent for a parameter, because the restore
// ended before.
type NotStartedError struct{ Cause error }

func (e *NotStartedError) Error() string { return "not started: " + e.Cause.Error() }

// Unwrap returns the reason why the restore ended.
func (e *NotStartedError) Unwrap() error { return e.Cause }

// errGone reports that a parameter to delete does not exist.
var errGone = errors.New("it is already deleted")

// grace is the time to complete the parameters in progress after an interrupt. It does
// not limit the creation of a parameter that was deleted to be replaced.
const grace = 90 * time.Second

// Apply applies a plan and returns one outcome for each of its items, in their order. A
// failed parameter does not stop the others, but no more are started after the caller's
// credentials have expired. A new plan completes the rest.
//
// If ctx ends, parameters for which no write was sent yet fail with a
// [*NotStartedError]. Parameters in progress are completed within 90 seconds. A parameter
// that was deleted to be replaced is always created again, however long that takes.
//
// An error means that nothing was written to Parameter Store, because the restore could
// not be recorded.
func (r *Restorer) Apply(ctx context.Context, p *Plan) (Result, error) {
	if p == nil {
		return Result{}, errors.New("apply a restore: the plan is nil")
	}
	res := Result{Outcomes: make([]plan.Outcome, len(p.Items))}
	var todo []*plan.Outcome
	for i, item := range p.Items {
		out := &res.Outcomes[i]
		out.Item = item
		switch {
		case item.Action == plan.ActionSkip:
			out.Status, out.Err = plan.StatusRefused, &refusal{reason: item.Reason}
		case !item.Action.Writes():
			out.Status = plan.StatusUnchanged
		case item.Refused != "":
			out.Status, out.Err = plan.StatusRefused, &refusal{reason: item.Refused, remedy: item.Remedy}
		default:
			todo = append(todo, out)
		}
		out.Remedy = remedy(out)
	}
	if len(todo) == 0 {
		return res, nil
	}
	var record *plan.Document // nil without an archive
	if r.archive != nil {
		record = r.newRecord(p)
		if err := r.archive.BeginRestore(ctx, record); err != nil {
			return Result{}, err
		}
		res.ID = record.ID
		if r.o.Began != nil {
			r.o.Began(record.ID)
		}
	}
	run := *r
	run.images, run.guarded, run.untested = newImages(ctx, &run), p.Until != 0, p.untested
	run.run(ctx, todo)
	run.images.end()
	for _, out := range todo {
		out.Remedy, out.Changed = remedy(out), changed(out)
	}
	if record == nil {
		return res, nil
	}
	r.addOutcomes(record, todo)
	// The outcomes are recorded even if ctx has ended.
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if res.Unrecorded = r.archive.EndRestore(end, record); res.Unrecorded != nil {
		r.o.Logger.WarnContext(ctx, "the outcomes of a restore could not be recorded", "id", res.ID, "error", res.Unrecorded.Error())
	}
	return res, nil
}

// run applies the items of all outcomes.
func (r *Restorer) run(ctx context.Context, todo []*plan.Outcome) {
	begin, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	work, halt := context.WithCancel(context.WithoutCancel(ctx))
	defer halt()
	context.AfterFunc(ctx, func() {
		wait := time.NewTimer(grace)
		defer wait.Stop()
		select {
		case <-wait.C:
			halt()
		case <-work.Done():
		}
	})
	done := r.o.progress(len(todo))
	all := tasks(todo)
	var names []ssmbak.Name
	for _, task := range all {
		for _, out := range task {
			names = append(names, out.Item.Name)
		}
	}
	check := newRechecker(names, func(names []ssmbak.Name) (map[ssmbak.Name]paramstore.Description, error) {
		return r.live.DescribeNamed(work, names)
	})
	var g errgroup.Group
	for _, task := range all {
		r.images.slots <- struct{}{}
		g.Go(func() error {
			defer func() { <-r.images.slots }()
			if begin.Err() == nil {
				r.perform(work, begin, task, check)
			}
			for _, out := range task {
				if out.Status == "" {
					out.Status, out.Err = plan.StatusFailed, &NotStartedError{context.Cause(begin)}
				}
				if errors.Is(out.Err, paramstore.ErrCredentials) {
					stop(out.Err)
				}
				r.log(ctx, out)
				done()
			}
			return nil
		})
	}
	_ = g.Wait() // no task returns an error
}

// tasks returns the outcomes that are processed together: as many deletions as one
// request accepts, and all others separately. Parameters that wait come last, before the
// deletions.
func tasks(todo []*plan.Outcome) [][]*plan.Outcome {
	var all [][]*plan.Outcome
	var deletions []*plan.Outcome
	for _, out := range todo {
		if out.Item.Action == plan.ActionDelete {
			deletions = append(deletions, out)
		} else {
			all = append(all, []*plan.Outcome{out})
		}
	}
	slices.SortStableFunc(all, func(a, b []*plan.Outcome) int { return int(a[0].Item.NotBefore - b[0].Item.NotBefore) })
	return append(all, slices.Collect(slices.Chunk(deletions, paramstore.DeletePage))...)
}

// perform applies one task. Requests are sent with ctx; after begin has ended, no task is
// started.
func (r *Restorer) perform(ctx, begin context.Context, task []*plan.Outcome, check *rechecker) {
	if task[0].Item.Action == plan.ActionDelete {
		r.delete(ctx, begin, task, check)
		return
	}
	setStatus(task[0], r.applyItem(ctx, begin, task[0], check))
}

// setStatus sets the status that follows from the error of applying the item.
func setStatus(o *plan.Outcome, err error) {
	var refused *refusal
	var idle *NotStartedError
	switch {
	case err == nil && o.Item.Action == plan.ActionDelete:
		o.Status = plan.StatusDeleted
	case err == nil:
		o.Status = plan.StatusRestored
	case errors.Is(err, errGone):
		o.Status = plan.StatusUnchanged
	case errors.As(err, &refused) && o.Version == 0 && !o.Replaced && !o.Relabelled:
		o.Status, o.Err = plan.StatusRefused, err
	case errors.As(err, &idle):
		o.Status, o.Err = plan.StatusFailed, err
	default:
		o.Status, o.Err = plan.StatusFailed, fmt.Errorf("%s %s: %w", o.Item.Action, o.Item.Name, err)
	}
}

func (r *Restorer) log(ctx context.Context, out *plan.Outcome) {
	level := r.o.Logger.InfoContext
	if out.Err != nil {
		level = r.o.Logger.WarnContext
	}
	level(ctx, "applied to a parameter", "name", out.Item.Name, "action", out.Item.Action, "status", out.Status, "version", out.Version)
}

// delete deletes the parameters with one request, except those that have changed since
// the plan was made, which is checked right before.
func (r *Restorer) delete(ctx, begin context.Context, task []*plan.Outcome, check *rechecker) {
	task = slices.DeleteFunc(slices.Clone(task), func(out *plan.Outcome) bool {
		err := r.guard(begin, &out.Item)
		if err != nil {
			setStatus(out, err)
		}
		return err != nil
	})
	for len(task) > 0 {
		names := make([]ssmbak.Name, len(task))
		for i, out := range task {
			names[i] = out.Item.Name
		}
		var left []*plan.Outcome
		first := check.first(ctx, begin, func(found map[ssmbak.Name]paramstore.Description) error {
			left = slices.DeleteFunc(slices.Clone(task), func(out *plan.Outcome) bool {
				d, there := found[out.Item.Name]
				err := changedSince(&out.Item, d, there)
				if err != nil {
					setStatus(out, err)
				}
				return err != nil
			})
			if len(left) < len(task) {
				return errChanged
			}
			return nil
		}, names...)
		// A retry after a lost response finds no parameters, which is not an error.
		err := r.live.Delete(first.ctx, names...)
		first.cancel()
		unsent := first.unsent(err)
		if errors.Is(unsent, errChanged) {
			task = left
			continue
		}
		if unsent != nil {
			err = unsent
		}
		for _, out := range task {
			setStatus(out, err)
		}
		return
	}
}

// errChanged reports that some of the parameters to delete have changed.
var errChanged = errors.New("some were changed")

// changedSince returns the reason why an item is not applied, because the live parameter
// d differs from that of the plan; nil if it does not.
func changedSince(i *plan.Item, d paramstore.Description, there bool) error {
	switch {
	case i.Before == nil && there:
		return &refusal{reason: "it was created since the plan was made: " + author(d.Version), remedy: plan.RemedyRerun}
	case i.Before == nil:
		return nil
	case !there && i.Action == plan.ActionDelete:
		return errGone
	case !there:
		return &refusal{reason: "it was deleted since the plan was made", remedy: plan.RemedyRerun}
	case !d.Version.Same(i.Before.Version):
		return &refusal{reason: "it was changed since the plan was made: " + author(d.Version), remedy: plan.RemedyRerun}
	}
	return nil
}

// author returns a clause that names who wrote the version.
func author(v ssmbak.Version) string {
	who := v.User
	if who == "" {
		who = "someone"
	}
	return fmt.Sprintf("%s wrote version %d at %s", who, v.Number, v.Time)
}
