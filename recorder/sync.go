package recorder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/timeline"
)

// syncRequest holds the reasons for a sync, and how thorough it has to be.
type syncRequest struct {
	signals []signal
	// retry reads values again that could not be read before.
	retry bool
	// check verifies the current object of the parameter's key.
	check bool
	// deep reads the recorded values, too, and records damaged ones again.
	deep bool
	// recordAbsent records that the parameter does not exist even if the archive
	// has nothing about it.
	recordAbsent bool
	// listed is the parameter's description in a listing, nil if there is none.
	listed *paramstore.Description
	began  time.Time // when that listing began
}

// calls reports whether CloudTrail events alone are the reason. They say nothing about
// the state.
func (s syncRequest) calls() bool {
	return len(s.signals) > 0 && !slices.ContainsFunc(s.signals, func(n signal) bool { return n.call == nil })
}

func (s syncRequest) redelivered() bool {
	return slices.ContainsFunc(s.signals, func(n signal) bool { return n.receives > 1 })
}

// outcome is the result of a sync.
type outcome struct {
	recorded   int  // versions new to the archive
	deleted    bool // the parameter is gone, which is new to the archive
	present    bool
	unreadable int              // versions of the present life whose values are unavailable
	lacking    timeline.Version // the newest of them
	gaps       int              // gaps new to the archive
	index      archive.Index    // after the sync
	open       map[string]bool  // events that are not settled, by event ID
	wrote      bool             // the index was replaced, or the live value written again
	forged     bool             // by its newest signed version, at least
	cached     bool             // nothing was new, and the reconcile cache says so
}

// maxSyncs is how often a sync is attempted if another writer or the parameter
// changes during it.
const maxSyncs = 4

// ContradictionError reports an index with a version that Parameter Store does not have,
// although it would be the current one. Another program wrote it.
type ContradictionError struct {
	Name    ssmbak.Name
	Version timeline.Ref
}

func (e *ContradictionError) Error() string {
	return fmt.Sprintf("the index of %s has version %d of %s, which Parameter Store does not have: another program wrote it", e.Name, e.Version.Number, e.Version.Time)
}

// errMoved means that the archive's newest version is not the one that was read.
var errMoved = errors.New("changed while it was being recorded")

// errDivided means that an index was too large, and that runs were moved out of it.
var errDivided = errors.New("its index was divided")

// sync records what the archive lacks of one parameter. A panic is a [*PanicError].
func (r *Recorder) sync(ctx context.Context, name ssmbak.Name, s syncRequest) (o outcome, err error) {
	defer r.recovered(ctx, name, &err)
	for range maxSyncs {
		var next outcome
		next, err = r.syncOnce(ctx, name, s)
		next.recorded, next.deleted, next.wrote = o.recorded+next.recorded, o.deleted || next.deleted, o.wrote || next.wrote
		next.gaps, next.forged = next.gaps+o.gaps, next.forged || o.forged
		o = next
		if !errors.Is(err, errMoved) && !errors.Is(err, errDivided) {
			break
		}
		s.check = true
	}
	if err != nil {
		return o, fmt.Errorf("sync %s: %w", name, err)
	}
	return o, nil
}

// syncOnce attempts one sync. It writes the values, then the index that refers to
// them, then the delete marker that follows from the index, and then divides the index.
// In this order it may stop between any two writes.
func (r *Recorder) syncOnce(ctx context.Context, name ssmbak.Name, s syncRequest) (outcome, error) {
	begun, err := r.begin(ctx, name, s)
	if err != nil {
		return outcome{}, err
	}
	index := begun.index
	if s.calls() && (!index.Exists || !slices.ContainsFunc(s.signals, func(n signal) bool { return news(index.Facts, n) })) {
		return outcome{index: index, open: s.waiting(index)}, nil
	}
	if begun.listed {
		if o, settled, err := r.settleByIndex(ctx, index, begun.reconciled, s); settled || err != nil {
			return o, err
		}
	}
	if err := r.readRest(ctx, &begun, s); err != nil {
		return outcome{}, err
	}
	rd := begun.reading
	seen := s.facts(func(n signal) bool { return !rd.outlives(n.second) })
	seen.Legacy = begun.legacy
	w := &writing{r: r, name: name, index: index, reading: rd, originals: seen.Legacy}
	g, gctx := r.group(ctx, name)
	g.Go(gctx, func(ctx context.Context) (err error) {
		rd, err = r.confirmLabels(ctx, r.timeline(name, index.Facts), name, rd)
		return err
	})
	g.Go(gctx, func(ctx context.Context) error { return w.values(ctx, s) })
	if err := g.Wait(); err != nil {
		return outcome{}, err
	}
	seen.Versions = w.versions
	if d := s.listed; d != nil && !rd.shows(d.Version) {
		seen = timeline.Union(seen, listedFacts(*d, "deleted before it was read", s.began))
	}
	found, err := r.listed(ctx, index, rd, s.signals)
	if err != nil {
		return outcome{}, err
	}
	seen = timeline.Union(seen, found)
	known := timeline.Union(index.Facts, seen)
	for _, n := range s.signals {
		if news(known, n) {
			seen.Calls = append(seen.Calls, *n.call)
		}
	}
	before := r.timeline(name, index.Facts)
	swap, err := r.archive.Update(ctx, w.index, func(base timeline.Facts) timeline.Facts {
		return r.grow(name, base, seen, rd, s)
	})
	if large, ok := errors.AsType[*archive.TooLargeError](err); ok && r.divide(ctx, large) {
		err = fmt.Errorf("%w: %w", errDivided, err)
	}
	if err != nil {
		return outcome{}, err
	}
	after := r.timeline(name, swap.Index.Facts)
	o := outcome{wrote: swap.Wrote, forged: swap.Wrote && index.Forged(), open: open(after, rd, s.signals), index: swap.Index}
	o.gaps = max(0, after.Gaps()-before.Gaps())
	o.unreadable, o.lacking = rd.unreadable(swap.Index.Facts)
	for _, v := range swap.Index.Facts.Versions {
		if !index.Facts.Has(v.Ref()) {
			o.recorded++
		}
	}
	_, was, _ := before.Newest()
	newest, present, absent := after.Newest()
	o.present = present
	o.deleted = absent && (was || o.recorded > 0)
	r.report(ctx, name, o, w.bytes, newest)
	if s.recordAbsent && present && rd.contradicts(newest) {
		return o, &ContradictionError{Name: name, Version: newest.Ref()}
	}
	check := s.check || s.redelivered() || swap.Met || w.last != (timeline.Ref{}) && w.last != newest.Ref()
	switch {
	case present && check:
		var restored bool
		restored, err = w.ensureCurrent(ctx, swap.Index, newest)
		o.wrote = o.wrote || restored
	case absent && (check || o.deleted):
		err = w.ensureMarked(ctx, swap.Index.Facts, check)
	}
	if err == nil && swap.Wrote {
		o.index = r.closeRun(ctx, swap.Index)
	}
	return o, err
}

// maxRuns bounds the runs that are closed to make room in an index, before it is tried
// whether there is enough.
const maxRuns = 16

// divide makes room in an index that would become too large, and reports whether it did.
func (r *Recorder) divide(ctx context.Context, large *archive.TooLargeError) (divided bool) {
	index, err := r.archive.Index(ctx, large.Name)
	for n := 0; err == nil && n < maxRuns; n++ {
		var closed bool
		if index, closed, err = r.archive.CloseRun(ctx, index); !closed {
			break
		}
		divided = true
	}
	r.log.WarnContext(ctx, "index too large", "name", string(large.Name), "bytes", large.Bytes, "most", large.Most, "divided", divided)
	return divided
}

// closeRun moves the interior of a run to a part if the index has become too large, and
// returns the index after that. If it fails, everything is recorded all the same, and a
// later sync does it.
func (r *Recorder) closeRun(ctx context.Context, x archive.Index) archive.Index {
	after, closed, err := r.archive.CloseRun(ctx, x)
	switch {
	case err != nil:
		r.log.WarnContext(ctx, "index not divided", "name", string(x.Name), "error", err.Error())
		return x
	case closed:
		r.log.InfoContext(ctx, "divided the index", "name", string(x.Name), "versions", len(x.Facts.Versions), "remaining", len(after.Facts.Versions))
	}
	return after
}

// listed returns facts from the last complete listing that the sync is about to
// supersede: the archive's newest version does not belong to the present life, or
// tags or labels have changed, and the listing proves that they had not yet changed
// then.
func (r *Recorder) listed(ctx context.Context, index archive.Index, rd reading, signals []signal) (timeline.Facts, error) {
	if !index.Exists || !r.endsLife(index, rd) && !r.changes(index, rd, signals) {
		return timeline.Facts{}, nil
	}
	return r.proved(ctx, index.Name, func(x archive.Index) bool { return r.endsLife(x, rd) })
}

// proved returns what the last complete listing proves of a parameter, as facts: a
// replacement of the index ends that. ends reports whether the newest version in an index
// may not belong to the present life.
func (r *Recorder) proved(ctx context.Context, name ssmbak.Name, ends func(archive.Index) bool) (found timeline.Facts, err error) {
	reconciled, err := r.archive.Reconciled(ctx)
	if err != nil {
		return found, err
	}
	// Read the index after the listing's record: otherwise the index may lack
	// facts that the listing found.
	index, err := r.archive.Index(ctx, name)
	if err != nil {
		return found, err
	}
	t := r.timeline(name, index.Facts)
	newest, present, _ := t.Newest()
	if complete := r.archive.Coverage(index, reconciled).Complete; present && complete > newest.Time && ends(index) {
		found.Observations = []timeline.Observation{{Newest: newest.Ref(), Oldest: newest.Number, AsOf: complete, At: complete}}
	}
	tags, labels := index.Attributes(reconciled)
	if s, _ := t.At(tags); tags != 0 && s.Tags.IsProved() {
		found.Tags = []timeline.TagsFact{extendTags(t.Facts().Tags, timeline.TagsFact{Tags: s.Tags.V, Observed: listedAt(tags)})}
	}
	if s, _ := t.At(labels); labels != 0 && s.Labels.IsProved() {
		found.Labels = []timeline.LabelsFact{extendLabels(t.Facts().Labels, timeline.LabelsFact{Labels: s.Labels.V, Observed: listedAt(labels)})}
	}
	return found, nil
}

// endsLife reports whether a reading does not show the archive's newest version.
func (r *Recorder) endsLife(index archive.Index, rd reading) bool {
	newest, present, _ := r.timeline(index.Name, index.Facts).Newest()
	return present && (rd.gone || !slices.ContainsFunc(rd.versions, func(v paramstore.Version) bool {
		return v.Number == newest.Number && v.Time == newest.Time
	}))
}

// changes reports whether a reading or an event has tags or labels that differ from
// the archive's.
func (r *Recorder) changes(index archive.Index, rd reading, signals []signal) bool {
	news, _ := rd.attributes(r.timeline(index.Name, index.Facts))
	return !news.Empty() || slices.ContainsFunc(signals, func(n signal) bool { return n.tags != nil })
}

func (r *Recorder) timeline(name ssmbak.Name, f timeline.Facts) *timeline.Timeline {
	return timeline.New(name, f, r.archive.Coverage(archive.Index{Name: name}, archive.Reconciled{}))
}

func now() ssmbak.Time { return ssmbak.TimeOf(time.Now()) }

// report logs what a sync did, and warns of everything that is lacking.
func (r *Recorder) report(ctx context.Context, name ssmbak.Name, o outcome, bytes int, newest timeline.Version) {
	if o.unreadable > 0 {
		r.log.WarnContext(ctx, "value unavailable", "name", string(name), "version", o.lacking.Number, "versions", o.unreadable, "reason", o.lacking.Unreadable)
	}
	if o.gaps > 0 {
		r.log.WarnContext(ctx, "gap: changes were never observed", "name", string(name), "gaps", o.gaps)
	}
	if !o.wrote {
		r.log.DebugContext(ctx, "unchanged", "name", string(name))
		return
	}
	attrs := []slog.Attr{
		slog.String("name", string(name)), slog.Int("recorded", o.recorded), slog.Bool("deleted", o.deleted),
		slog.Int("unreadable", o.unreadable), slog.Int("bytes", bytes),
	}
	if o.present {
		attrs = append(attrs, slog.Int64("version", newest.Number), slog.String("type", string(newest.Type)), slog.Int64("lag_ms", int64(now()-newest.Time)))
	}
	r.log.LogAttrs(ctx, slog.LevelInfo, "recorded", attrs...)
}
