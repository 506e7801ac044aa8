package recorder

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
)

// excluded returns the patterns that a listing excludes.
func (run *reconcile) excluded(last archive.Reconciled) []string {
	if run.r.o.Exclude != nil {
		return run.r.o.Exclude
	}
	return last.Excluded
}

// resume continues the listing of everything that an earlier run left. It reports false if
// there is none, or none that does what this run is to do.
func (run *reconcile) resume(ctx context.Context) (resumed bool, err error) {
	if !run.keeps() {
		return false, nil
	}
	run.listing, err = run.r.archive.Progress(ctx)
	if newer, ok := errors.AsType[*archive.FormatError](err); ok {
		run.r.log.WarnContext(ctx, "the next reconcile cannot continue this one", "error", newer.Error())
		run.unsaved = true
		return false, nil
	}
	if err != nil || run.fromStart || !run.listing.Continues(time.Now()) || run.o.Deep && !run.listing.Labels {
		return false, err
	}
	last, err := run.r.archive.Reconciled(ctx)
	if err != nil {
		return false, err
	}
	if run.exclude = run.excluded(last); !slices.Equal(sorted(run.exclude), run.listing.Excluded) {
		return false, nil
	}
	if run.proofs, err = run.r.archive.Cache(ctx); err != nil {
		return false, err
	}
	run.began, run.same = run.listing.Began, run.listing.Total-len(run.listing.Todo)
	run.todo = slices.Collect(maps.Keys(run.listing.Todo))
	run.leastRecent(run.todo)
	run.listed = make(map[ssmbak.Name]paramstore.Description)
	for name, v := range run.listing.Todo {
		if v.Number > 0 {
			version := ssmbak.Version{Number: v.Number, Time: v.Time, Attributes: ssmbak.Attributes{Type: v.Type}}
			run.listed[name] = paramstore.Description{Name: name, Version: version}
		}
	}
	return true, nil
}

// keeps reports whether the run keeps the progress of its listing.
func (run *reconcile) keeps() bool { return run.all && !run.o.DryRun }

func sorted(patterns []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(patterns)))
}

// leastRecent sorts names: those that were never tried first, then those that were tried
// the longest time ago.
func (run *reconcile) leastRecent(names []ssmbak.Name) {
	slices.Sort(names)
	slices.SortStableFunc(names, func(a, b ssmbak.Name) int {
		return run.listing.Found[a].Tried.Compare(run.listing.Found[b].Tried)
	})
}

// begin begins a listing of everything, once it is known what is to be done, and saves it.
func (run *reconcile) begin(ctx context.Context) {
	if !run.keeps() {
		return
	}
	l := &run.listing
	if nothing := len(run.todo)+len(run.again)+len(l.Found) == 0; nothing && (l.ID == "" || l.Ended) {
		run.unsaved = true // what is saved says the same
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails, see crypto/rand.Read
	l.ID, l.Began, l.Ended = hex.EncodeToString(id[:]), run.began.UTC().Truncate(time.Millisecond), false
	l.Tags, l.Labels, l.Excluded = run.tagsErr == nil || run.o.Deep, run.o.Deep, sorted(run.exclude)
	l.Total = run.same + len(run.todo)
	before := l.Found
	l.Todo, l.Found = make(map[ssmbak.Name]archive.Pending, len(run.todo)), make(map[ssmbak.Name]archive.Attempt)
	for _, name := range run.todo {
		v := run.listed[name].Version
		l.Todo[name] = archive.Pending{Number: v.Number, Time: v.Time, Type: v.Type}
		if a, found := before[name]; found {
			l.Found[name] = archive.Attempt{Tried: a.Tried, Unreadable: a.Unreadable}
		}
	}
	for _, name := range run.again {
		a := before[name]
		l.Found[name] = archive.Attempt{Tried: a.Tried, Unreadable: a.Unreadable, Entry: a.Entry}
	}
	if len(run.todo) > 0 {
		run.save(ctx)
	}
}

// attempted notes the result of an attempt to record a parameter. The lock is held.
func (run *reconcile) attempted(name ssmbak.Name, o outcome, err error, missed bool) {
	if !run.keeps() {
		return
	}
	a := archive.Attempt{Missed: missed, Gap: o.gaps > 0}
	if err != nil {
		a.Failed = brief(err)
	}
	if o.unreadable > 0 {
		a.Unreadable = o.lacking.Unreadable
	}
	delete(run.listing.Todo, name)
	if delete(run.listing.Found, name); a != (archive.Attempt{}) {
		a.Tried = time.Now().UTC().Truncate(time.Second)
		run.listing.Found[name] = a
	}
}

// save saves the progress of a listing of everything. A failure costs the next reconcile
// time and nothing else.
func (run *reconcile) save(ctx context.Context) {
	if !run.keeps() || run.unsaved {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reserve)
	defer cancel()
	var err error
	if run.listing, err = run.r.archive.SaveProgress(ctx, run.listing); errors.Is(err, archive.ErrOvertaken) {
		run.unsaved = true
	} else if err != nil {
		run.r.log.WarnContext(ctx, "cannot save the progress of the listing: the next reconcile repeats what this one does", "error", err.Error())
	}
}

// readAgain reads unchanged parameters again whose values were unavailable, until run.stop.
func (run *reconcile) readAgain(ctx context.Context) {
	if len(run.again) == 0 {
		return
	}
	checked := run.report.Checked
	run.o.Progress = nil // all parameters have been compared
	run.leastRecent(run.again)
	if err := run.syncAll(ctx, run.again); err != nil {
		run.r.log.WarnContext(ctx, "cannot read unavailable values again", "error", err.Error())
	}
	run.report.Checked = checked
	run.save(ctx)
}
