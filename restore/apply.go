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

// refusal is why nothing is written. cause is the answer of Parameter Store, if
// that was why, and remedy what helps, "" for [RemedyFix].
type refusal struct {
	reason string
	cause  error
	remedy plan.Remedy
}

func (r *refusal) Error() string { return r.reason }

func (r *refusal) Unwrap() error { return r.cause }

// NotBegunError is why nothing at all was done about a parameter: the restore
// ended before.
type NotBegunError struct{ Cause error }

func (e *NotBegunError) Error() string { return "it was not begun: " + e.Cause.Error() }

// Unwrap returns why the restore ended.
func (e *NotBegunError) Unwrap() error { return e.Cause }

// errGone says that a parameter that was to be deleted is not there.
var errGone = errors.New("it is gone already")

// grace is how long what was begun may take after the restore was interrupted,
// except for a parameter that was deleted to be created again.
const grace = 90 * time.Second

// Apply does what the plan says and returns one outcome for each of its items,
// in their order. One that fails stops no other, except that nothing more is
// begun once the caller's credentials have expired. Making a plan again and
// applying it finishes the rest.
//
// If ctx ends, nothing new is sent: a parameter of which no write was sent yet,
// because it waits for its rate, for its look or for [Options.Recreation], fails
// with a [*NotBegunError]. A parameter of which a write was sent is finished, for
// 90 seconds at most; one that was deleted to be created again is always created
// again, however long that takes.
//
// An error means that nothing was written to Parameter Store: the restore could
// not be recorded.
func (r *Restorer) Apply(ctx context.Context, p *Plan) (Result, error) {
	if p == nil {
		return Result{}, errors.New("apply a restore: there is no plan")
	}
	res := Result{Outcomes: make([]plan.Outcome, len(p.Items))}
	var todo []*plan.Outcome
	for i, item := range p.Items {
		out := &res.Outcomes[i]
		out.Item = item
		switch {
		case item.Action == plan.ActionUnknown:
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
	record := r.record(p, todo)
	if err := r.archive.BeginRestore(ctx, record); err != nil {
		return Result{}, err
	}
	res.ID = record.ID
	if r.o.Began != nil {
		r.o.Began(record.ID)
	}
	run := *r
	run.images = newImages(ctx, &run)
	run.run(ctx, todo)
	run.images.end()
	for _, out := range todo {
		out.Remedy, out.Changed = remedy(out), changed(out)
	}
	note(record, todo)
	// What was done is noted even if ctx has ended.
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if res.Unrecorded = r.archive.EndRestore(end, record); res.Unrecorded != nil {
		r.o.Logger.WarnContext(ctx, "what became of a restore is not in its record", "id", res.ID, "error", res.Unrecorded.Error())
	}
	return res, nil
}

// run works on all outcomes.
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
	look := newLooker(names, func(names []ssmbak.Name) (map[ssmbak.Name]paramstore.Description, error) {
		return r.live.DescribeNamed(work, names)
	})
	var g errgroup.Group
	for _, task := range all {
		r.images.slots <- struct{}{}
		g.Go(func() error {
			defer func() { <-r.images.slots }()
			if begin.Err() == nil {
				r.perform(work, begin, task, look)
			}
			for _, out := range task {
				if out.Status == "" {
					out.Status, out.Err = plan.StatusFailed, &NotBegunError{context.Cause(begin)}
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

// tasks are the outcomes that are worked on together: deletions as many as one
// request takes, any other alone. What has to wait comes last.
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

// perform works on one task. ctx is for what has begun; nothing begins after
// begin has ended.
func (r *Restorer) perform(ctx, begin context.Context, task []*plan.Outcome, look *looker) {
	if task[0].Item.Action == plan.ActionDelete {
		r.delete(ctx, begin, task, look)
		return
	}
	out := task[0]
	err := r.mend(ctx, begin, out, look)
	conclude(out, err)
}

// conclude turns the error of the work into a status.
func conclude(o *plan.Outcome, err error) {
	var refused *refusal
	var idle *NotBegunError
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
	level(ctx, "a parameter was worked on", "name", out.Item.Name, "action", out.Item.Action, "status", out.Status, "version", out.Version)
}

// delete deletes those of the parameters that are as they were planned, all with
// one request, right before which they are looked at once more.
func (r *Restorer) delete(ctx, begin context.Context, task []*plan.Outcome, look *looker) {
	for len(task) > 0 {
		names := make([]ssmbak.Name, len(task))
		for i, out := range task {
			names[i] = out.Item.Name
		}
		var left []*plan.Outcome
		first := look.first(ctx, begin, func(found map[ssmbak.Name]paramstore.Description) error {
			left = slices.DeleteFunc(slices.Clone(task), func(out *plan.Outcome) bool {
				d, there := found[out.Item.Name]
				moved := movedOn(&out.Item, d, there)
				if moved != nil {
					conclude(out, moved)
				}
				return moved != nil
			})
			if len(left) < len(task) {
				return errMoved
			}
			return nil
		}, names...)
		// A request that is sent again because its answer was lost finds nothing:
		// what was there a moment ago is gone, as it should be.
		err := r.live.Delete(first.ctx, names...)
		first.cancel()
		unsent := first.unsent(err)
		if errors.Is(unsent, errMoved) {
			task = left
			continue
		}
		if unsent != nil {
			err = unsent
		}
		for _, out := range task {
			conclude(out, err)
		}
		return
	}
}

// errMoved says that some of the parameters that were to be deleted are not to be
// touched.
var errMoved = errors.New("some were changed")

// movedOn says why an item is not to be touched: the parameter is not as it was
// planned, d being what is there.
func movedOn(i *plan.Item, d paramstore.Description, there bool) error {
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

// author says whose change a version is, for reasons.
func author(v ssmbak.Version) string {
	who := v.User
	if who == "" {
		who = "someone"
	}
	return fmt.Sprintf("%s made version %d at %s", who, v.Number, v.Time)
}
