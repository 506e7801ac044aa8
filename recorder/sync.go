package recorder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/timeline"
)

// sight says why a parameter is looked at.
type sight struct {
	notices []notice
	// retry tries values again that could not be read.
	retry bool
	// check looks what lies on top of the parameter's key.
	check bool
	// asked records that the parameter is gone where nothing is recorded of it.
	asked bool
	// listed is what a listing showed of it, nil if none did.
	listed *paramstore.Description
}

func (s sight) redelivered() bool {
	return slices.ContainsFunc(s.notices, func(n notice) bool { return n.receives > 1 })
}

// outcome is what a sync did.
type outcome struct {
	recorded   int  // versions that the archive did not know
	deleted    bool // the parameter is gone, and the archive did not know
	present    bool
	unreadable int             // versions of the present life whose value cannot be had
	gaps       int             // stretches in which something was missed, which the archive did not know
	index      archive.Index   // as it stands now
	open       map[string]bool // events that are not settled
	wrote      bool            // the index was replaced
}

// maxSyncs bounds how often a sync looks again because another writer, or the
// parameter, moved on meanwhile.
const maxSyncs = 4

// errMoved says that what is newest in the archive is not what this look saw.
var errMoved = errors.New("it was changed while it was recorded")

func (r *Recorder) sync(ctx context.Context, name ssmbak.Name, s sight) (outcome, error) {
	var o outcome
	var err error
	for range maxSyncs {
		var next outcome
		next, err = r.syncOnce(ctx, name, s)
		next.recorded, next.deleted, next.wrote = o.recorded+next.recorded, o.deleted || next.deleted, o.wrote || next.wrote
		next.gaps += o.gaps
		o = next
		if !errors.Is(err, errMoved) {
			break
		}
		s.check = true
	}
	if err != nil {
		return o, fmt.Errorf("sync %s: %w", name, err)
	}
	return o, nil
}

// syncOnce is one sync. The order of its writes is what makes a stop between
// any two of them harmless: values first, then the index that names them, then
// the delete marker that follows from it.
func (r *Recorder) syncOnce(ctx context.Context, name ssmbak.Name, s sight) (outcome, error) {
	index, err := r.archive.Index(ctx, name)
	if err != nil {
		return outcome{}, err
	}
	var seen timeline.Facts
	if !index.Exists {
		if seen.Legacy, err = r.archive.FirstSight(ctx, name); err != nil {
			return outcome{}, err
		}
	}
	l, err := r.look(ctx, name)
	if err != nil {
		return outcome{}, err
	}
	if l, err = r.readLabels(ctx, r.timeline(name, index.Facts), name, l); err != nil {
		return outcome{}, err
	}
	w := &writing{r: r, name: name, index: index, look: l, originals: seen.Legacy}
	if err := w.values(ctx, s.retry); err != nil {
		return outcome{}, err
	}
	seen.Versions = w.versions
	if d := s.listed; d != nil && !l.saw(d.Version) {
		seen = timeline.Union(seen, ofListing(*d, "it was gone"))
	}
	found, err := r.listed(ctx, index, l, s.notices)
	if err != nil {
		return outcome{}, err
	}
	seen = timeline.Union(seen, found)
	for _, n := range s.notices {
		if n.operation == ssmbak.Delete {
			seen.Deletions = append(seen.Deletions, timeline.Deletion{Event: n.event, Second: n.second})
		}
		if n.tags != nil {
			seen.Tags = append(seen.Tags, *n.tags)
		}
		if n.labels != nil {
			seen.Labels = append(seen.Labels, *n.labels)
		}
	}
	before := r.timeline(name, index.Facts)
	swap, err := r.archive.Update(ctx, w.index, func(base timeline.Facts) timeline.Facts {
		return r.grow(name, base, seen, l, s)
	})
	if err != nil {
		return outcome{}, err
	}
	after := r.timeline(name, swap.Index.Facts)
	o := outcome{wrote: swap.Wrote, unreadable: l.unreadable(swap.Index.Facts), open: open(after, l, s.notices), index: swap.Index}
	o.gaps = max(0, after.Gaps()-before.Gaps())
	for _, v := range swap.Index.Facts.Versions {
		if !index.Facts.Has(v.Ref()) {
			o.recorded++
		}
	}
	_, was, _ := before.Newest()
	newest, present, absent := after.Newest()
	o.present = present
	o.deleted = absent && (was || o.recorded > 0)
	r.report(ctx, name, o, w, newest)
	check := s.check || s.redelivered() || swap.Met || w.last != (timeline.Ref{}) && w.last != newest.Ref()
	switch {
	case present && check:
		return o, w.keepOnTop(ctx, swap.Index, newest)
	case absent && (check || o.deleted):
		return o, w.keepMarked(ctx, swap.Index.Facts, check)
	}
	return o, nil
}

// listed returns what the last complete listing found, where what is recorded
// now would end that: the last version of the archive is not the present life's,
// or tags or labels are others, and until the listing they surely were not.
func (r *Recorder) listed(ctx context.Context, index archive.Index, l look, notices []notice) (found timeline.Facts, err error) {
	if !index.Exists || !r.endsLife(index, l) && !r.changes(index, l, notices) {
		return found, nil
	}
	reconciled, err := r.archive.Reconciled(ctx)
	if err != nil {
		return found, err
	}
	// What the listing found is in the index only if the index is read after
	// what the listing noted.
	if index, err = r.archive.Index(ctx, index.Name); err != nil {
		return found, err
	}
	t := r.timeline(index.Name, index.Facts)
	newest, present, _ := t.Newest()
	if complete := r.archive.Horizon(index, reconciled).Complete; present && complete > newest.Time && r.endsLife(index, l) {
		found.Looks = []timeline.Look{{Newest: newest.Ref(), Oldest: newest.Number, Sure: complete, Seen: complete}}
	}
	tags, labels := index.Attributes(reconciled)
	if s, _ := t.At(tags); tags != 0 && s.Tags.IsProved() {
		found.Tags = []timeline.TagsSeen{sameTags(t.Facts().Tags, timeline.TagsSeen{Tags: s.Tags.V, Sights: sightAt(tags)})}
	}
	if s, _ := t.At(labels); labels != 0 && s.Labels.IsProved() {
		found.Labels = []timeline.LabelsSeen{sameLabels(t.Facts().Labels, timeline.LabelsSeen{Labels: s.Labels.V, Sights: sightAt(labels)})}
	}
	return found, nil
}

// endsLife reports whether a look did not see the last version of the archive.
func (r *Recorder) endsLife(index archive.Index, l look) bool {
	newest, present, _ := r.timeline(index.Name, index.Facts).Newest()
	return present && (l.gone || !slices.ContainsFunc(l.versions, func(v paramstore.Version) bool {
		return v.Number == newest.Number && v.Time == newest.Time
	}))
}

// changes reports whether a look or an event tells of other tags or labels than
// the archive.
func (r *Recorder) changes(index archive.Index, l look, notices []notice) bool {
	news, _ := l.attributes(r.timeline(index.Name, index.Facts))
	return !news.Empty() || slices.ContainsFunc(notices, func(n notice) bool { return n.tags != nil })
}

func (r *Recorder) timeline(name ssmbak.Name, f timeline.Facts) *timeline.Timeline {
	return timeline.New(name, f, r.archive.Horizon(archive.Index{Name: name}, archive.Reconciled{}))
}

// grow adds to what is known what a look saw and what events told. It returns
// base itself where that is nothing new. It is called with fresh facts for each
// try of the swap, so that no two events can claim one version.
func (r *Recorder) grow(name ssmbak.Name, base, seen timeline.Facts, l look, s sight) timeline.Facts {
	notices := s.notices
	f := timeline.Union(base, seen)
	f = timeline.Union(f, timeline.Facts{Versions: l.moments(f)})
	for _, n := range notices {
		if n.announces() {
			f.Claim(n.announcement())
		}
	}
	news, same := l.attributes(r.timeline(name, f))
	f = timeline.Union(f, news)
	first := s.asked && l.gone && base.Empty()
	if reflect.DeepEqual(f, base) && !first && agrees(r.timeline(name, f), l) && len(open(r.timeline(name, f), l, notices)) == 0 {
		return base
	}
	if !agrees(r.timeline(name, f), l) || !saidBefore(f, l, notices) {
		f = timeline.Union(f, timeline.Facts{Looks: l.looks()})
	}
	unsettled := open(r.timeline(name, f), l, notices)
	var traces []timeline.Trace
	for _, n := range notices {
		if unsettled[n.event] && n.announces() && l.read.Ended >= ssmbak.Seconds(n.second).Add(giveUp) {
			traces = append(traces, timeline.Trace{Event: n.event, Second: n.second, Operation: n.operation})
		}
	}
	if f = timeline.Union(f, timeline.Facts{Traces: traces}); reflect.DeepEqual(f, base) {
		return base
	}
	return timeline.Union(f, same)
}

// saidBefore reports whether a look that found nothing says no more than one
// that is recorded: after every known version, and conclusive for every event.
func saidBefore(f timeline.Facts, l look, notices []notice) bool {
	return l.gone && slices.ContainsFunc(f.Looks, func(g timeline.Look) bool {
		return g.Gone &&
			!slices.ContainsFunc(f.Versions, func(v timeline.Version) bool { return v.Moment() >= g.Sure }) &&
			!slices.ContainsFunc(notices, func(n notice) bool { return n.operation != "" && !g.Conclusive(n.second) })
	})
}

func (n notice) announces() bool {
	return n.operation == ssmbak.Create || n.operation == ssmbak.Update
}

func (n notice) announcement() timeline.Announcement {
	return timeline.Announcement{Event: n.event, Second: n.second, Operation: n.operation}
}

// agrees reports whether the look saw what is already known to be newest, so
// that recording it would say nothing new.
func agrees(t *timeline.Timeline, l look) bool {
	newest, present, absent := t.Newest()
	if l.gone {
		return absent
	}
	seen := l.newest()
	ref := timeline.Ref{Number: seen.Number, Time: seen.Time}
	// In a rebuilt index there may be a version at which nobody looked.
	return present && newest.Ref() == ref && slices.ContainsFunc(t.Facts().Looks, func(k timeline.Look) bool { return !k.Gone && k.Newest == ref })
}

// open returns the events that are not settled by what is known.
func open(t *timeline.Timeline, l look, notices []notice) map[string]bool {
	open := make(map[string]bool)
	for _, n := range notices {
		switch {
		case n.operation == ssmbak.Delete:
			if t.Undecided(n.second) && !lookAt(l).Conclusive(n.second) {
				open[n.event] = true
			}
		case n.announces():
			facts := t.Facts()
			traced := slices.ContainsFunc(facts.Traces, func(tr timeline.Trace) bool { return tr.Event == n.event })
			claimed := slices.ContainsFunc(facts.Versions, func(v timeline.Version) bool { return slices.Contains(v.Events, n.event) })
			if !traced && !claimed && !t.Excludes(n.announcement()) {
				open[n.event] = true
			}
		case n.looks:
			if !lookAt(l).Conclusive(n.second) {
				open[n.event] = true
			}
		}
	}
	return open
}

func lookAt(l look) timeline.Look { return timeline.Look{Sure: sure(l.read)} }

// writing is the part of one sync that writes value objects.
type writing struct {
	r         *Recorder
	name      ssmbak.Name
	index     archive.Index
	look      look
	originals []timeline.Legacy  // what the original recorded, if there is no index yet
	versions  []timeline.Version // those that the archive lacks, or lacks the value of
	last      timeline.Ref       // the version whose value was written last
	bytes     int
}

// values writes the values that the archive lacks, oldest first, so that a
// live value ends on top of its key.
func (w *writing) values(ctx context.Context, retry bool) error {
	if w.look.gone {
		return nil
	}
	var secrets map[timeline.Ref]ssmbak.Value
	if n := w.lacking(retry); n > 1 {
		var err error
		if secrets, err = w.r.secrets(ctx, w.name); err != nil {
			return err
		}
	}
	for _, v := range w.look.versions {
		known, ok := w.index.Facts.Version(refOf(v))
		fact := factOf(v)
		if ok && (len(known.Objects) > 0 || !unread(known) && !retry) {
			// A rebuilt index knows of a version only what its value object says.
			if known.Description+known.AllowedPattern+known.Policies == "" && fact.Description+fact.AllowedPattern+fact.Policies != "" {
				w.versions = append(w.versions, fact)
			}
			continue
		}
		value, found := secrets[refOf(v)]
		reason := ""
		if !found {
			var err error
			if value, reason, err = w.r.value(ctx, w.name, v); err != nil {
				return err
			}
		}
		if reason != "" {
			fact.Unreadable = reason
		} else {
			ref, err := w.put(ctx, v.Version, value)
			if err != nil {
				return err
			}
			fact.Objects = []timeline.ObjectRef{ref}
		}
		w.versions = append(w.versions, fact)
	}
	return nil
}

// lacking counts the secret values that the archive lacks.
func (w *writing) lacking(retry bool) (n int) {
	for _, v := range w.look.versions {
		known, ok := w.index.Facts.Version(refOf(v))
		if !v.Value.IsKnown() && (!ok || len(known.Objects) == 0 && (unread(known) || retry)) {
			n++
		}
	}
	return n
}

// secrets reads the secret values of all versions at once, which takes nothing
// from the quota of GetParameter on which applications live. Where one of them
// cannot be decrypted none is returned: then each is asked for alone.
func (r *Recorder) secrets(ctx context.Context, name ssmbak.Name) (map[timeline.Ref]ssmbak.Value, error) {
	all, err := r.live.Secrets(ctx, name)
	var denied *paramstore.UnreadableError
	if errors.As(err, &denied) || errors.Is(err, paramstore.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	values := make(map[timeline.Ref]ssmbak.Value, len(all))
	for _, s := range all {
		values[timeline.Ref{Number: s.Number, Time: s.Time}] = s.Value
	}
	return values, nil
}

func refOf(v paramstore.Version) timeline.Ref { return timeline.Ref{Number: v.Number, Time: v.Time} }

// put writes one value object. The parameter's index is there before.
func (w *writing) put(ctx context.Context, v ssmbak.Version, value ssmbak.Value) (timeline.ObjectRef, error) {
	if !w.index.Exists {
		begun, err := w.r.archive.Update(ctx, w.index, func(base timeline.Facts) timeline.Facts {
			return timeline.Union(base, timeline.Facts{Legacy: w.originals})
		})
		if err != nil {
			return timeline.ObjectRef{}, err
		}
		w.index = begun.Index
	}
	ref, err := w.r.archive.PutValue(ctx, w.name, v, value)
	if err == nil {
		w.last = timeline.Ref{Number: v.Number, Time: v.Time}
		w.bytes += value.Len()
	}
	return ref, err
}

// value returns the value of a version, or the reason why there is none to be
// had. A secret is kept only if its version and its time are those of the
// history: the name may have been deleted and made anew in between.
func (r *Recorder) value(ctx context.Context, name ssmbak.Name, v paramstore.Version) (value ssmbak.Value, reason string, err error) {
	if value, ok := v.Value.Get(); ok {
		return value, "", nil
	}
	secret, err := r.live.Secret(ctx, name, v.Number)
	var denied *paramstore.UnreadableError
	switch {
	case errors.As(err, &denied):
		return ssmbak.Value{}, denied.Reason, nil
	case errors.Is(err, paramstore.ErrNotFound):
		return ssmbak.Value{}, "it was gone before its value could be read", nil
	case err != nil:
		return ssmbak.Value{}, "", err
	case secret.Number != v.Number || secret.Time != v.Time:
		return ssmbak.Value{}, "another life had begun before its value could be read", nil
	}
	return secret.Value, "", nil
}

func factOf(v paramstore.Version) timeline.Version {
	return timeline.Version{
		Number: v.Number, Time: v.Time, User: v.User, Type: v.Type, KeyID: v.KeyID, Tier: v.Tier, DataType: v.DataType,
		Description: v.Description, AllowedPattern: v.AllowedPattern, Policies: v.Policies,
	}
}

// keepOnTop makes the newest value the current object of its key, if something
// else came to lie on it: a late marker, or an older value of a writer that was
// paused.
func (w *writing) keepOnTop(ctx context.Context, index archive.Index, newest timeline.Version) error {
	if len(newest.Objects) == 0 {
		return nil
	}
	top, err := w.r.archive.Current(ctx, w.name)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(newest.Objects, func(o timeline.ObjectRef) bool { return o.ID == top.ID }) {
		return nil
	}
	if w.look.gone || w.look.newest().Number != newest.Number || w.look.newest().Time != newest.Time {
		return errMoved
	}
	value, reason, err := w.r.value(ctx, w.name, w.look.newest())
	if err != nil || reason != "" {
		return err // what cannot be read now is still in an older copy
	}
	w.index = index
	ref, err := w.put(ctx, newest.Domain(), value)
	if err != nil {
		return err
	}
	fact := factOf(w.look.newest())
	fact.Objects = []timeline.ObjectRef{ref}
	_, err = w.r.archive.Update(ctx, index, func(base timeline.Facts) timeline.Facts {
		return timeline.Union(base, timeline.Facts{Versions: []timeline.Version{fact}})
	})
	if err == nil {
		w.r.log.InfoContext(ctx, "live value put back on top", "name", string(w.name), "version", newest.Number)
	}
	return err
}

// keepMarked leaves a delete marker on the parameter's key, unless one lies
// there or there is nothing to mark.
func (w *writing) keepMarked(ctx context.Context, f timeline.Facts, check bool) error {
	held := len(f.Legacy) > 0 || slices.ContainsFunc(f.Versions, func(v timeline.Version) bool { return len(v.Objects) > 0 })
	if !held && !check {
		return nil
	}
	if check { // also for a value whose writer was stopped before the index
		top, err := w.r.archive.Current(ctx, w.name)
		if err != nil || top.Marker || top.ID == "" {
			return err
		}
	}
	return w.r.archive.Mark(ctx, w.name)
}

func now() ssmbak.Time { return ssmbak.TimeOf(time.Now()) }

// report logs what a sync did.
func (r *Recorder) report(ctx context.Context, name ssmbak.Name, o outcome, w *writing, newest timeline.Version) {
	if !o.wrote {
		r.log.DebugContext(ctx, "nothing new", "name", string(name))
		return
	}
	attrs := []slog.Attr{
		slog.String("name", string(name)), slog.Int("recorded", o.recorded), slog.Bool("deleted", o.deleted),
		slog.Int("unreadable", o.unreadable), slog.Int("bytes", w.bytes),
	}
	if o.present {
		attrs = append(attrs, slog.Int64("version", newest.Number), slog.String("type", string(newest.Type)), slog.Int64("lag_ms", int64(now()-newest.Time)))
	}
	r.log.LogAttrs(ctx, slog.LevelInfo, "recorded", attrs...)
}
