package ssmbakcli

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/plan"
)

// itemRows are the items of a plan or comparison, which a command shows one after the other.
// With --summary it only counts them.
type itemRows struct {
	a     *app
	s     *session
	title string
	live  bool             // it is a plan for live parameters, not a comparison
	list  *render.ItemList // of lines
	array *render.Array    // of JSON
	wait  bool             // show nothing before [itemRows.close]
	all   []plan.Item      // that were not shown yet
	// certain says that an item was not skipped. The items before it wait for it: if the
	// archive has no records of the time, there is an error instead.
	certain bool

	n      int
	counts map[plan.Action]int
	within second
}

func (a *app) newItemRows(s *session, title string, live bool) *itemRows {
	return &itemRows{a: a, s: s, title: title, live: live, counts: make(map[plan.Action]int)}
}

// count returns the number of items with an action.
func (r *itemRows) count(action plan.Action) int { return r.counts[action] }

// changes returns the number of items that differ.
func (r *itemRows) changes() (n int) {
	for action, of := range r.counts {
		if action.Writes() {
			n += of
		}
	}
	return n
}

// add shows an item.
func (r *itemRows) add(ctx context.Context, item plan.Item) error {
	r.n++
	r.counts[item.Action]++
	st := item.After
	st.Name = item.Name
	r.within.add(st)
	if r.a.flags.summary {
		return nil
	}
	r.all, r.certain = append(r.all, item), r.certain || item.Action != plan.ActionSkip
	if r.wait || !r.certain || r.a.Flags.Output == shell.JSON && len(r.all) < rowsAtOnce {
		return nil
	}
	return r.flush(ctx)
}

// rowsAtOnce is the number of rows of JSON whose values are read concurrently.
const rowsAtOnce = 100

// flush shows the items that wait.
func (r *itemRows) flush(ctx context.Context) error {
	if r.a.Flags.Output == shell.JSON {
		return r.flushJSON(ctx)
	}
	if r.list == nil {
		view := r.a.view(r.a.Stdout)
		view.Live = r.live
		r.list = render.NewItemList(r.a.Stdout, r.title, view)
	}
	for _, item := range r.all {
		if err := r.list.Add(item); err != nil {
			return err
		}
	}
	r.all = nil
	return nil
}

func (r *itemRows) flushJSON(ctx context.Context) error {
	if r.array == nil {
		r.array = r.a.Array()
	}
	for some := range slices.Chunk(r.all, rowsAtOnce) {
		states, err := r.a.wanted(ctx, r.s, some, r.live)
		if err != nil {
			return err
		}
		for i, item := range some {
			item.After = states[i]
			item.Notices = slices.Concat(item.Notices, item.Warnings)
			if err := r.array.Add(render.PlannedRowOf(item, r.live, r.a.flags.decrypt)); err != nil {
				return err
			}
		}
	}
	r.all = nil
	return nil
}

// close shows the items that are left, and the summary.
func (r *itemRows) close(ctx context.Context, summary string) error {
	if r.a.Flags.Output == shell.JSON {
		r.a.Note("%s: %s", r.title, summary)
	}
	if err := r.flush(ctx); err != nil {
		return err
	}
	if r.array != nil {
		return r.array.Close()
	}
	return r.list.Close(summary)
}

// printPlan writes a plan as lines, or as JSON. Neither shows parameters that do not differ.
func (a *app) printPlan(ctx context.Context, s *session, title, summary string, items []plan.Item) error {
	rows := a.newItemRows(s, title, true)
	for _, item := range items {
		if item.MayDiffer() {
			rows.all = append(rows.all, item)
		}
	}
	return rows.close(ctx, summary)
}

// wanted returns the wanted state of each item with the values to be shown. The plan
// itself has only those that it compared. Without live, the value of a version that did
// not change is not shown.
func (a *app) wanted(ctx context.Context, s *session, items []plan.Item, live bool) ([]ssmbak.State, error) {
	states := make([]ssmbak.State, len(items))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(64)
	for i, item := range items {
		st := &states[i]
		*st = item.After
		st.Name = item.Name
		if st.Value.IsKnown() || st.Value.Reason != "" || st.Deleted || len(item.AfterObjects) == 0 || render.Masked(st.Version.Type, a.flags.decrypt) {
			continue
		}
		if !live && item.Before != nil && item.Before.Version.Same(st.Version) {
			continue
		}
		g.Go(func() (err error) {
			st.Value, _, err = s.archive.KnownValue(gctx, item.Origin(), item.After.Version, item.AfterObjects)
			return err
		})
	}
	return states, g.Wait()
}
