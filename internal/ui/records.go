package ui

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/changeset"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
	"github.com/ssmbak/ssmbak/timeline"
)

const (
	// setGap is the longest time between two changes of a set, as in log --sets.
	setGap = 2 * time.Minute
	// markedRestores is the number of newest restores of which changes are marked.
	markedRestores = 100
	// keptComparisons is the number of comparisons of all parameters that are kept.
	keptComparisons = 8
	// quick is how long reading the archive may take to be repeated for a page, if it was
	// read more than fresh ago.
	quick = 500 * time.Millisecond
	fresh = 2 * time.Second
	// recorded is the time after a restore in which its writes are recorded, by their
	// events: what was read before then is read again.
	recorded = 15 * time.Second
)

// records is what the archive contained when it was read. It is safe for concurrent use.
type records struct {
	lines    archive.Timelines
	byName   map[ssmbak.Name]*timeline.Timeline
	changes  []ssmbak.Change // as in an archive.Log
	sets     []changeset.Set // oldest first
	stops    []ssmbak.Time   // right before each set and each change of no set, sorted
	unknown  []unknownPeriod
	restores []*plan.Document
	marks    map[string]archive.Mark
	notes    []string // what could not be read
	now      ssmbak.Time
	took     time.Duration

	mu          sync.Mutex
	comparisons []*restore.Comparison
}

// period is [From, Until).
type period struct{ From, Until ssmbak.Time }

// unknownPeriod is a period in which the states of parameters are unknown.
type unknownPeriod struct {
	period
	names []ssmbak.Name // sorted
}

// read reads the archive.
func (s *Server) read(ctx context.Context) (*records, error) {
	began := time.Now()
	now := ssmbak.TimeOf(s.o.Now())
	lines, err := s.o.Archive.Timelines(ctx, s.o.Target)
	if err != nil {
		return nil, err
	}
	r := &records{lines: lines, byName: make(map[ssmbak.Name]*timeline.Timeline, len(lines.All)), changes: lines.Changes(), now: now, marks: make(map[string]archive.Mark)}
	for i, name := range lines.Names {
		r.byName[name] = lines.All[i]
	}
	r.sets = changeset.Group(r.changes, setGap)
	r.stops = stops(r.sets, r.changes)
	r.unknown = unknown(lines.All)
	if r.restores, _, err = s.o.Archive.RestoreRecords(ctx, markedRestores); err != nil {
		r.notes = append(r.notes, "changes by restores are not marked: "+s.reason(err))
	}
	marks, unreadable, err := s.o.Archive.Marks(ctx)
	if err != nil {
		r.notes = append(r.notes, "marks are not shown: "+s.reason(err))
	}
	for _, err := range unreadable {
		r.notes = append(r.notes, "a mark is not shown: "+s.reason(err))
	}
	for _, m := range marks {
		r.marks[m.Name] = m
	}
	r.took = time.Since(began)
	return r, nil
}

// latest returns what the archive contains: as it was read last, or, where reading is
// quick or a restore has ended since, now.
func (s *Server) latest(ctx context.Context) (*records, error) {
	s.mu.Lock()
	r, settled := s.records, s.settled
	s.mu.Unlock()
	w := s.working(readKey)
	ended := w != nil && w.over() // perhaps with an error
	if r != nil && !ended && (r.took > quick && r.now >= settled || ssmbak.TimeOf(s.o.Now()) < r.now.Add(fresh)) {
		return r, nil
	}
	again, err := await(ctx, s, readKey, readTitle, readSteps, s.replace)
	if _, waits := errors.AsType[*waitError](err); waits && r != nil {
		return r, nil
	}
	return again, withCommands(err, s.sets(""))
}

// readKey is the key of the work of reading the archive.
const (
	readKey   = "read"
	readTitle = "Reading the archive"
)

var readSteps = []string{"parameters read"}

// replace reads the archive for the pages to come.
func (s *Server) replace(ctx context.Context, w *work) (*records, error) {
	lctx, end := context.WithCancel(ctx)
	defer end()
	go s.total(lctx, w)
	r, err := s.read(archive.WithObserver(ctx, func(ssmbak.Name) { w.add(0, 1) }))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = r
	return r, nil
}

// total sets how many parameters are read: as many as last time, or as a listing finds.
func (s *Server) total(ctx context.Context, w *work) {
	if r := s.current(); r != nil {
		w.expect(0, len(r.lines.Names)+len(r.lines.Problems))
		return
	}
	n := 0
	for _, err := range s.o.Archive.Names(ctx, s.o.Target) {
		if err != nil {
			return // reading says why
		}
		n++
	}
	w.expect(0, n)
}

// stops returns the moments right before each set, and each change that is in none.
func stops(sets []changeset.Set, changes []ssmbak.Change) (all []ssmbak.Time) {
	for _, set := range sets {
		if set.From != ssmbak.MinTime {
			all = append(all, set.From-1)
		}
	}
	for i := range changes {
		if c := &changes[i]; c.By == "" && c.From != ssmbak.MinTime {
			all = append(all, c.From-1)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// unknown returns the periods in which the state of any recorded parameter is unknown,
// merged.
func unknown(lines []*timeline.Timeline) (merged []unknownPeriod) {
	var all []unknownPeriod
	for _, line := range lines {
		for _, span := range line.Spans() {
			if span.Unknown && span.From != ssmbak.MinTime {
				all = append(all, unknownPeriod{period{span.From, span.Until}, []ssmbak.Name{line.Name()}})
			}
		}
	}
	slices.SortFunc(all, func(a, b unknownPeriod) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Until, b.Until))
	})
	for _, p := range all {
		if n := len(merged); n > 0 && p.From <= merged[n-1].Until {
			last := &merged[n-1]
			last.Until, last.names = max(last.Until, p.Until), append(last.names, p.names...)
			continue
		}
		merged = append(merged, p)
	}
	for i := range merged {
		slices.Sort(merged[i].names)
		merged[i].names = slices.Compact(merged[i].names)
	}
	return merged
}

// compared returns what differs between two times. If versions of more than [treeRows]
// parameters differ, so do their values.
func (r *records) compared(ctx context.Context, s *Server, from, to ssmbak.Time) (*restore.Comparison, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.comparisons, func(c *restore.Comparison) bool { return c.From == from && c.To == to })
	if i >= 0 {
		return r.comparisons[i], nil
	}
	c, err := s.o.Restorer(restore.Options{}).CompareTimelines(ctx, r.lines, s.o.Target, from, to, archive.NoValues)
	if err != nil {
		return nil, err
	}
	if err := r.equal(ctx, s, c); err != nil {
		return nil, err
	}
	if r.comparisons = append(r.comparisons, c); len(r.comparisons) > keptComparisons {
		r.comparisons = r.comparisons[1:]
	}
	return c, nil
}

// equal compares the values of the parameters whose versions differ, if they are few: a
// restore writes a new version of the same value. The values are not kept.
func (r *records) equal(ctx context.Context, s *Server, c *restore.Comparison) error {
	var names []ssmbak.Name
	for _, item := range c.Items {
		if item.Action == plan.ActionUpdate {
			names = append(names, item.Name)
		}
	}
	if rough(c) || len(names) == 0 {
		return nil
	}
	full, err := s.o.Restorer(restore.Options{}).CompareTimelines(ctx, r.some(names), s.o.Target, c.From, c.To, archive.AllValues)
	if err != nil {
		return err
	}
	for _, item := range full.Items {
		i, found := slices.BinarySearchFunc(c.Items, item.Name, func(x plan.Item, name ssmbak.Name) int { return cmp.Compare(x.Name, name) })
		if found && item.Action == plan.ActionNone {
			c.Items[i].Action, c.Items[i].Differences = item.Action, nil
		}
	}
	return nil
}

// rough reports whether a comparison is one of versions only.
func rough(c *restore.Comparison) bool { return c.Count(plan.ActionUpdate) > treeRows }

// some returns the timelines of the names.
func (r *records) some(names []ssmbak.Name) archive.Timelines {
	out := r.lines
	out.All, out.Names, out.Problems = nil, nil, nil
	for _, name := range names {
		if line := r.byName[name]; line != nil {
			out.All, out.Names = append(out.All, line), append(out.Names, name)
		}
	}
	for _, p := range r.lines.Problems {
		if slices.Contains(names, p.Name) {
			out.Problems = append(out.Problems, p)
		}
	}
	return out
}

// within returns the changes of a period, both of its ends included, newest first.
func (r *records) within(from, until ssmbak.Time) []*ssmbak.Change {
	// Sorted by Until, newest first: those before the period are at the end.
	n, _ := slices.BinarySearchFunc(r.changes, from, func(c ssmbak.Change, from ssmbak.Time) int { return cmp.Compare(from, c.Until) })
	for n < len(r.changes) && r.changes[n].Until >= from {
		n++
	}
	var all []*ssmbak.Change
	for i := range r.changes[:n] {
		if c := &r.changes[i]; c.Within(from, until) {
			all = append(all, c)
		}
	}
	return all
}
