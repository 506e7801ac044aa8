package restore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/plan"
)

// Plan is what a restore would do.
type Plan struct {
	plan.Plan
	// Problems are the parameters whose index or a required value is damaged or could not
	// be read, by name. Their items are skipped or refused.
	Problems []archive.Problem
	// Unproved are the parameters of the target whose state is not certain, and that may
	// be missing from the plan.
	Unproved archive.Unproved
	// Unchecked says that hidden indexes were not looked for, see [archive.Snapshot].
	Unchecked bool

	// untested are the parameters whose tags are changed and were not read from Parameter
	// Store. Before it writes to one of them, Apply reads them.
	untested map[ssmbak.Name]bool
}

// Plan returns what a restore of the target to a time would do. The time has a precision
// of one millisecond and includes the changes of that millisecond. Plan writes nothing to
// Parameter Store. Live states that the archive does not have are recorded by the
// [Syncer] first.
//
// In addition to reading the archive, it sends one DescribeParameters request for each 50
// recorded parameters, or for each 50 parameters of the account if unrecorded ones may
// matter (see [Options.FindNew]). For each parameter to write it reads the tags and the
// history, or only those that the archive does not know if more than [Options.ManyReads]
// are written, and for each one whose versions differ the values of both versions, from
// the archive. Parameter Store decrypts nothing.
//
// An error means that there is no plan; problems of single parameters are in their items.
// It is a [*pattern.Error], a [*plan.UnmatchedError] or a [*plan.DestinationError] if the
// options are invalid.
func (r *Restorer) Plan(ctx context.Context, target ssmbak.Target, at ssmbak.Time) (*Plan, error) {
	if err := r.o.CheckPatterns(); err != nil {
		return nil, err
	}
	if r.o.To != "" || r.o.From != nil {
		return r.planRelocated(ctx, target, at)
	}
	found, err := r.scope(ctx, target, at)
	if err != nil {
		return nil, err
	}
	out := found.plan(at)
	out.Version = r.version()
	subjects := r.exclude(&out.Plan, found.subjects, found.one, found.complete.Excluded)
	if err := r.settle(ctx, subjects, found.complete); err != nil {
		return nil, err
	}
	err = r.finish(ctx, out, subjects, found.complete, found.one, func(_ context.Context, s *subject) error {
		s.past = s.line
		r.fillAfter(s, at, found.complete)
		return nil
	})
	out.Unproved = r.unproved(found.recorded, target, at, at, subjects)
	return out, err
}

// exclude removes the subjects that the options or the recorder's patterns exclude, and
// counts them in out.
func (r *Restorer) exclude(out *plan.Plan, subjects []*subject, one bool, unrecorded []string) []*subject {
	return slices.DeleteFunc(subjects, func(s *subject) bool {
		switch {
		case !one && !r.o.Own && (own(s.name) || own(s.origin)):
			out.SkippedOwn = append(out.SkippedOwn, s.name)
			return true
		case !r.o.Includes(s.origin):
			out.Excluded++
			return true
		case !one && (r.o.From == nil && pattern.Any(unrecorded, s.name) || pattern.Any(unrecorded, s.origin)):
			out.Unrecorded = append(out.Unrecorded, s.name)
			return true
		}
		return false
	})
}

// finish adds the items to a plan. It calls fillAfter, which sets the state to restore,
// after the live state was recorded. With one, the plan is for one parameter, which is
// included even if it exists at neither time.
func (r *Restorer) finish(ctx context.Context, out *Plan, all []*subject, complete archive.Reconciled, one bool, fillAfter func(context.Context, *subject) error) error {
	subjects := slices.DeleteFunc(slices.Clone(all), (*subject).isSettled)
	now, err := r.record(ctx, subjects, complete)
	if err != nil {
		return err
	}
	if err := each(ctx, reads, subjects, fillAfter); err != nil {
		return err
	}
	if err := each(ctx, reads, subjects, r.step(StepValues, r.values)); err != nil {
		return err
	}
	how := r.scrutinize(subjects, len(all), out.Undoes != "")
	if err := each(ctx, r.o.Parallel, subjects, r.step(StepTags, func(ctx context.Context, s *subject) error { return r.attributes(ctx, s, how) })); err != nil {
		return err
	}
	for _, s := range all {
		if s.isSettled() {
			out.Items = append(out.Items, plan.Unchanged(s.name, s.live.Version))
			out.UnreadAttributes++
			continue
		}
		r.add(out, s, plan.Decide(s.c, r.o.Options), now, one || s.c.Before != nil || s.c.Existed)
	}
	return nil
}

// record records the live states that the archive does not have yet, and fills them into
// the subjects. It returns the time of the plan.
func (r *Restorer) record(ctx context.Context, subjects []*subject, complete archive.Reconciled) (now ssmbak.Time, err error) {
	if err := each(ctx, r.o.Parallel, subjects, func(ctx context.Context, s *subject) error { return r.ensureRecorded(ctx, s, complete) }); err != nil {
		return 0, err
	}
	now = ssmbak.TimeOf(time.Now())
	for _, s := range subjects {
		s.c = plan.Case{Name: s.name, Now: now}
		s.fillBefore()
	}
	return now, each(ctx, r.o.Parallel, subjects, r.readLive)
}

// add adds an item to the plan. A path does not include a parameter that is not changed
// unless it is relevant: it exists at a time of the plan.
func (r *Restorer) add(out *Plan, s *subject, item plan.Item, now ssmbak.Time, relevant bool) {
	if s.live == nil && s.unsaved != nil && item.Action == plan.ActionCreate {
		item.Notices = append(item.Notices, "its deletion could not be recorded: "+s.unsaved.Error())
	}
	if item.Action == plan.ActionCreate {
		if free := s.free(r.o.Recreation); free > now {
			item.NotBefore = free
			if r.o.Recreation >= time.Second { // shorter waits are not noticeable
				item.Warnings = append(item.Warnings, fmt.Sprintf("it was deleted recently: it is created at %s at the earliest, as AWS recommends", free))
			}
		}
	}
	if s.problem != nil {
		out.Problems = append(out.Problems, archive.Problem{Name: s.name, Err: s.problem})
	}
	if s.unread && (item.Action == plan.ActionNone || item.Action.Writes()) {
		out.UnreadAttributes++
	}
	if s.untested {
		if out.untested == nil {
			out.untested = make(map[ssmbak.Name]bool)
		}
		out.untested[s.name] = true
	}
	if item.Unlisted() {
		out.Unlisted++
	}
	if relevant || item.Action != plan.ActionNone {
		out.Items = append(out.Items, item)
	}
}
