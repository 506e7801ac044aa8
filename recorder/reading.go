package recorder

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/timeline"
)

// reading is one observation of a parameter: its history and its tags.
type reading struct {
	gone     bool
	versions []paramstore.Version // oldest first
	pages    int                  // of the history
	read     paramstore.Window
	tags     map[string]string
	tagged   bool // tags were read
	labelled bool // all labels in versions were attached at the same moment
	tagsRead paramstore.Window
	// denied is why the history was read without decryption although decryption was
	// wanted, or nil.
	denied *paramstore.UnreadableError
}

// readOptions say how a parameter is read.
type readOptions struct {
	// decrypt reads the values of secrets, too, if their keys can be used.
	decrypt bool
	// gone says that the parameter probably does not exist. Then its tags are read only
	// after its history was found, and otherwise at the same time.
	gone bool
	// noTags omits tags.
	noTags bool
}

// read reads a parameter.
func (r *Recorder) read(ctx context.Context, name ssmbak.Name, o readOptions) (rd reading, err error) {
	var tagsErr error
	tags := func(ctx context.Context) {
		end := r.live.Window()
		rd.tags, tagsErr = r.live.Tags(ctx, name)
		rd.tagsRead = end()
	}
	g, gctx := r.group(ctx, name)
	g.Go(gctx, func(ctx context.Context) error {
		h, denied, err := r.history(ctx, name, o.decrypt)
		rd.versions, rd.pages, rd.read, rd.denied = h.Versions, h.Pages, h.Read, denied
		return err
	})
	if !o.gone && !o.noTags {
		g.Go(gctx, func(ctx context.Context) error {
			tags(ctx)
			return nil // it does not matter if the parameter does not exist
		})
	}
	err = g.Wait()
	if errors.Is(err, paramstore.ErrNotFound) {
		return reading{gone: true, read: rd.read}, nil
	}
	if err == nil && o.gone && !o.noTags {
		tags(ctx)
	}
	switch {
	case err != nil:
		return reading{}, err
	case tagsErr == nil:
		rd.tagged = !o.noTags
	case !errors.Is(tagsErr, paramstore.ErrNotFound): // deleted after the history was read
		return reading{}, tagsErr
	}
	return rd, nil
}

// history reads a history, with decryption if that is wanted and possible.
func (r *Recorder) history(ctx context.Context, name ssmbak.Name, decrypt bool) (h paramstore.History, denied *paramstore.UnreadableError, err error) {
	if decrypt {
		if h, err = r.live.DecryptedHistory(ctx, name); !errors.As(err, &denied) {
			return h, nil, err
		}
	}
	h, err = r.live.History(ctx, name)
	return h, denied, err
}

// outlives reports whether the life in the history began before a second and still exists,
// so that a deletion in that second is not to be seen yet, or never happened.
func (r reading) outlives(second int64) bool {
	return !r.gone && r.versions[0].Time.Add(timeline.Skew) < ssmbak.Seconds(second)
}

// onlySecret reports whether the version is the only secret in the history.
func (r reading) onlySecret(v paramstore.Version) bool {
	return !slices.ContainsFunc(r.versions, func(w paramstore.Version) bool {
		return w.Type == ssmbak.TypeSecureString && refOf(w) != refOf(v)
	})
}

func (r reading) newest() paramstore.Version { return r.versions[len(r.versions)-1] }

// contradicts reports whether the reading would certainly show a version if that was
// current, but does not.
func (r reading) contradicts(v timeline.Version) bool {
	return !r.gone && v.Moment() < asOf(r.read) && !r.shows(v.Version)
}

// shows reports whether the history contains the version.
func (r reading) shows(v ssmbak.Version) bool {
	return slices.ContainsFunc(r.versions, func(w paramstore.Version) bool { return w.Number == v.Number && w.Time == v.Time })
}

// unreadable counts the versions in the history whose values the archive does not
// have, except redacted ones, and returns the newest of them.
func (r reading) unreadable(f timeline.Facts) (n int, newest timeline.Version) {
	for _, v := range r.versions {
		if known, ok := f.Version(refOf(v)); ok && len(known.Objects) == 0 && known.Redacted.IsZero() {
			n++
			newest = known
		}
	}
	return n, newest
}

// asOf returns the latest time whose state a reading is certain to reflect.
func asOf(w paramstore.Window) ssmbak.Time { return w.Began.Add(-timeline.Staleness) }

// observedAt returns a time, on Parameter Store's clock, by which a reading had
// certainly ended.
func observedAt(w paramstore.Window) ssmbak.Time { return w.Ended.Add(timeline.Skew) }

// observations returns the reading as facts.
//
// The pages of a history are read one after the other, and the parameter may be
// deleted and recreated between two of them. A version that existed at asOf
// belongs to the same life as the first page. Later versions belong to one life
// only if they are on the same page. If times decrease from one page to the next,
// the first page must have existed at asOf as well: otherwise it may belong to a
// life that began after the end of the other.
func (r reading) observations() []timeline.Observation {
	if r.gone {
		return []timeline.Observation{{Gone: true, AsOf: asOf(r.read), At: observedAt(r.read)}}
	}
	newest := r.newest()
	page, mixed := newest.Number, r.mayMixLives()
	var old timeline.Observation
	for _, v := range r.versions {
		if v.Page == newest.Page {
			page = min(page, v.Number)
		}
		if v.Page == 0 || v.Time <= asOf(r.read) && !mixed {
			old = timeline.Observation{Newest: refOf(v), Oldest: r.versions[0].Number, AsOf: v.Time, At: v.Time}
		}
	}
	last := timeline.Observation{Newest: timeline.Ref{Number: newest.Number, Time: newest.Time}, Oldest: page, AsOf: asOf(r.read), At: observedAt(r.read)}
	if newest.Page < r.pages-1 {
		// The next page was empty: either the history ended here, or the page
		// belonged to another life. Only the version's own time is certain.
		last.AsOf, last.At = newest.Time, newest.Time
	}
	if old.Newest == last.Newest {
		last.Oldest = old.Oldest
		return []timeline.Observation{last}
	}
	return []timeline.Observation{old, last}
}

// mayMixLives reports whether the pages of the history may belong to two lives even
// though they were read twice: times decrease from one page to another, and not all
// versions existed at asOf.
func (r reading) mayMixLives() bool {
	steps, young := false, false
	for i, v := range r.versions {
		young = young || v.Time > asOf(r.read)
		steps = steps || slices.ContainsFunc(r.versions[:i], func(before paramstore.Version) bool {
			return before.Page != v.Page && before.Time > v.Time
		})
	}
	return steps && young
}

// moments returns the known versions whose times decrease within their life, with
// Since set to the time from which each was current.
func (r reading) moments(known timeline.Facts) (moved []timeline.Version) {
	for _, claim := range r.observations() {
		known = timeline.Union(known, timeline.Facts{Versions: moved})
		last := ssmbak.MinTime
		for _, v := range r.versions {
			fact, ok := known.Version(refOf(v))
			if claim.Gone || !ok || v.Number < claim.Oldest || v.Number > claim.Newest.Number {
				continue
			}
			if fact.Moment() <= last {
				fact.Since = last + 1
				moved = append(moved, fact)
			}
			last = fact.Moment()
		}
	}
	return moved
}

// labels returns the version number to which each label is attached.
func (r reading) labels() map[string]int64 {
	labels := make(map[string]int64)
	for _, v := range r.versions {
		for _, label := range v.Labels {
			labels[label] = v.Number
		}
	}
	return labels
}

// attributes compares the observed tags and labels with those known for that time.
// It returns the differences as news, which must be recorded, and the rest as same,
// which only extends known facts and is recorded if the index is written anyway.
func (r reading) attributes(t *timeline.Timeline) (news, same timeline.Facts) {
	if r.gone {
		return
	}
	known, _ := t.At(observedAt(r.read))
	if r.labelled {
		now := extendLabels(t.Facts().Labels, timeline.LabelsFact{Labels: r.labels(), Observed: timeline.Observed{AsOf: asOf(r.read), At: observedAt(r.read)}})
		into := &same
		if !known.Labels.IsProved() || !maps.Equal(known.Labels.V, now.Labels) {
			into = &news
		}
		into.Labels = append(into.Labels, now)
	}
	if r.tagged {
		now := extendTags(t.Facts().Tags, timeline.TagsFact{Tags: r.tags, Observed: timeline.Observed{AsOf: asOf(r.tagsRead), At: observedAt(r.tagsRead)}})
		into := &same
		if !known.Tags.IsProved() || !maps.Equal(known.Tags.V, now.Tags) {
			into = &news
		}
		into.Tags = append(into.Tags, now)
	}
	return news, same
}

// extendTags returns the last known fact, extended up to seen, if both have the same
// tags, and seen otherwise.
func extendTags(known []timeline.TagsFact, seen timeline.TagsFact) timeline.TagsFact {
	last, ok := latest(known, func(f timeline.TagsFact) timeline.Observed { return f.Observed })
	if !ok || !maps.Equal(last.Tags, seen.Tags) {
		seen.Observed = after(seen.Observed, last.Observed)
		return seen
	}
	last.LastAsOf, last.LastAt = seen.AsOf, seen.At
	return last
}

// after returns now with its end moved by a millisecond if it would equal that of
// last, which observed something else. This is safe: an observation that ended by
// one time also ended by any later time.
func after(now, last timeline.Observed) timeline.Observed {
	if now.At == max(last.At, last.LastAt) {
		now.At++
	}
	return now
}

// extendLabels does for labels what [extendTags] does for tags.
func extendLabels(known []timeline.LabelsFact, seen timeline.LabelsFact) timeline.LabelsFact {
	last, ok := latest(known, func(f timeline.LabelsFact) timeline.Observed { return f.Observed })
	if !ok || !maps.Equal(last.Labels, seen.Labels) {
		seen.Observed = after(seen.Observed, last.Observed)
		return seen
	}
	last.LastAsOf, last.LastAt = seen.AsOf, seen.At
	return last
}

// listingLag bounds how stale an answer of the Resource Groups Tagging API may be.
// AWS documents no bound; services that it calls eventually consistent are rarely
// more than a minute behind.
const listingLag = 10 * time.Minute

// listedAt returns the times of tags or labels that a listing observed.
func listedAt(at ssmbak.Time) timeline.Observed {
	return timeline.Observed{AsOf: at.Add(-listingLag), At: at}
}

// latest returns the fact that was observed last.
func latest[T any](all []T, of func(T) timeline.Observed) (last T, found bool) {
	for _, f := range all {
		if s := of(f); s.At != 0 && (!found || max(s.At, s.LastAt) > max(of(last).At, of(last).LastAt)) {
			last, found = f, true
		}
	}
	return last, found
}

// confirmLabels reads the history again if it has more than one page, because a
// label may have moved between the pages while they were read. It sets labelled if
// both readings agree, or if there is only one page.
func (r *Recorder) confirmLabels(ctx context.Context, t *timeline.Timeline, name ssmbak.Name, rd reading) (reading, error) {
	if rd.gone || rd.pages == 1 {
		rd.labelled = !rd.gone
		return rd, nil
	}
	if known, _ := t.At(observedAt(rd.read)); known.Labels.IsProved() && maps.Equal(known.Labels.V, rd.labels()) {
		return rd, nil
	}
	h, err := r.live.History(ctx, name)
	if errors.Is(err, paramstore.ErrNotFound) {
		return rd, nil
	}
	if err != nil {
		return reading{}, err
	}
	again := reading{versions: h.Versions}
	rd.labelled = h.Versions[0].Time == rd.versions[0].Time && maps.Equal(again.labels(), rd.labels())
	return rd, nil
}
