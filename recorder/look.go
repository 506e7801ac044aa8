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

// look is one reading of a parameter: its history, and its tags.
type look struct {
	gone     bool
	versions []paramstore.Version // oldest first
	pages    int                  // of the history
	read     paramstore.Window
	tags     map[string]string
	tagged   bool // tags were read
	labelled bool // the labels in versions were so at one moment
	tagsRead paramstore.Window
}

func (r *Recorder) look(ctx context.Context, name ssmbak.Name) (look, error) {
	h, err := r.live.History(ctx, name)
	if errors.Is(err, paramstore.ErrNotFound) {
		return look{gone: true, read: h.Read}, nil
	}
	if err != nil {
		return look{}, err
	}
	l := look{versions: h.Versions, pages: h.Pages, read: h.Read, tagsRead: paramstore.Window{Began: h.Read.Ended}}
	l.tags, err = r.live.Tags(ctx, name)
	l.tagsRead.Ended = now()
	switch {
	case errors.Is(err, paramstore.ErrNotFound): // deleted in between
	case err != nil:
		return look{}, err
	default:
		l.tagged = true
	}
	return l, nil
}

func (l look) newest() paramstore.Version { return l.versions[len(l.versions)-1] }

// saw reports whether the reading shows the version.
func (l look) saw(v ssmbak.Version) bool {
	return slices.ContainsFunc(l.versions, func(w paramstore.Version) bool { return w.Number == v.Number && w.Time == v.Time })
}

// unreadable counts the versions that Parameter Store still has and of which the
// archive holds no value.
func (l look) unreadable(f timeline.Facts) (n int) {
	for _, v := range l.versions {
		if known, ok := f.Version(refOf(v)); ok && len(known.Objects) == 0 {
			n++
		}
	}
	return n
}

// sure is how far back from its beginning a reading may answer.
func sure(w paramstore.Window) ssmbak.Time { return w.Began.Add(-timeline.Staleness) }

// seen is when a reading had surely ended by the clock of Parameter Store.
func seen(w paramstore.Window) ssmbak.Time { return w.Ended.Add(timeline.Skew) }

// looks returns what the reading says as facts.
//
// Pages of a history are read one after the other, and a parameter may be made
// anew between two of them. A version that was there before the reading could
// have begun to answer surely stands in one life with the first page; of the
// others, only those of one page do. Where the times step back from one page to
// the next, the first page has to be as old as that too: else it may be of a life
// that began after the other's end.
func (l look) looks() []timeline.Look {
	if l.gone {
		return []timeline.Look{{Gone: true, Sure: sure(l.read), Seen: seen(l.read)}}
	}
	newest := l.newest()
	page, mixed := newest.Number, l.mixed()
	var old timeline.Look
	for _, v := range l.versions {
		if v.Page == newest.Page {
			page = min(page, v.Number)
		}
		if v.Page == 0 || v.Time <= sure(l.read) && !mixed {
			old = timeline.Look{Newest: refOf(v), Oldest: l.versions[0].Number, Sure: v.Time, Seen: v.Time}
		}
	}
	last := timeline.Look{Newest: timeline.Ref{Number: newest.Number, Time: newest.Time}, Oldest: page, Sure: sure(l.read), Seen: seen(l.read)}
	if newest.Page < l.pages-1 {
		// The page after it was of another life, or there was nothing more: that
		// cannot be told, so the look says only what was so at the version's time.
		last.Sure, last.Seen = newest.Time, newest.Time
	}
	if old.Newest == last.Newest {
		last.Oldest = old.Oldest
		return []timeline.Look{last}
	}
	return []timeline.Look{old, last}
}

// mixed reports whether the pages of the history may be of two lives though they
// were read twice: times step back between two of them, and not all were there
// before the reading could have begun to answer.
func (l look) mixed() bool {
	steps, young := false, false
	for i, v := range l.versions {
		young = young || v.Time > sure(l.read)
		steps = steps || slices.ContainsFunc(l.versions[:i], func(before paramstore.Version) bool {
			return before.Page != v.Page && before.Time > v.Time
		})
	}
	return steps && young
}

// moments returns the known versions whose times step back in the life in which
// the reading saw them, with the moment from which each was current.
func (l look) moments(known timeline.Facts) (moved []timeline.Version) {
	for _, claim := range l.looks() {
		known = timeline.Union(known, timeline.Facts{Versions: moved})
		last := ssmbak.MinTime
		for _, v := range l.versions {
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

// labels returns where each label stands.
func (l look) labels() map[string]int64 {
	labels := make(map[string]int64)
	for _, v := range l.versions {
		for _, label := range v.Labels {
			labels[label] = v.Number
		}
	}
	return labels
}

// attributes compares the tags and labels that were seen with what is known of
// them at that moment. news is what must be recorded; same says again what is
// known, for an index that is written anyway.
func (l look) attributes(t *timeline.Timeline) (news, same timeline.Facts) {
	if l.gone {
		return
	}
	known, _ := t.At(seen(l.read))
	if l.labelled {
		now := sameLabels(t.Facts().Labels, timeline.LabelsSeen{Labels: l.labels(), Sights: timeline.Sights{Sure: sure(l.read), Seen: seen(l.read)}})
		into := &same
		if !known.Labels.IsProved() || !maps.Equal(known.Labels.V, now.Labels) {
			into = &news
		}
		into.Labels = append(into.Labels, now)
	}
	if l.tagged {
		now := sameTags(t.Facts().Tags, timeline.TagsSeen{Tags: l.tags, Sights: timeline.Sights{Sure: sure(l.tagsRead), Seen: seen(l.tagsRead)}})
		into := &same
		if !known.Tags.IsProved() || !maps.Equal(known.Tags.V, now.Tags) {
			into = &news
		}
		into.Tags = append(into.Tags, now)
	}
	return news, same
}

// sameTags returns the fact that the last look recorded with what was seen now
// as its end, if both saw the same, and else what was seen now.
func sameTags(known []timeline.TagsSeen, seen timeline.TagsSeen) timeline.TagsSeen {
	last, ok := lastSeen(known, func(f timeline.TagsSeen) timeline.Sights { return f.Sights })
	if !ok || !maps.Equal(last.Tags, seen.Tags) {
		seen.Sights = after(seen.Sights, last.Sights)
		return seen
	}
	last.LastSure, last.LastSeen = seen.Sure, seen.Seen
	return last
}

// after tells a look from the last one that saw something else where both ended
// in the same millisecond: what was seen up to a moment was seen up to any later
// one too.
func after(now, last timeline.Sights) timeline.Sights {
	if now.Seen == max(last.Seen, last.LastSeen) {
		now.Seen++
	}
	return now
}

// sameLabels is [sameTags] for labels.
func sameLabels(known []timeline.LabelsSeen, seen timeline.LabelsSeen) timeline.LabelsSeen {
	last, ok := lastSeen(known, func(f timeline.LabelsSeen) timeline.Sights { return f.Sights })
	if !ok || !maps.Equal(last.Labels, seen.Labels) {
		seen.Sights = after(seen.Sights, last.Sights)
		return seen
	}
	last.LastSure, last.LastSeen = seen.Sure, seen.Seen
	return last
}

// listingLag is how far back the tagging API may answer. Nobody says; what AWS
// calls eventually consistent is rarely a minute behind.
const listingLag = 10 * time.Minute

// sightAt is a sight of tags or labels by a listing.
func sightAt(at ssmbak.Time) timeline.Sights {
	return timeline.Sights{Sure: at.Add(-listingLag), Seen: at}
}

// lastSeen returns the fact of the last look.
func lastSeen[T any](all []T, of func(T) timeline.Sights) (last T, found bool) {
	for _, f := range all {
		if s := of(f); s.Seen != 0 && (!found || max(s.Seen, s.LastSeen) > max(of(last).Seen, of(last).LastSeen)) {
			last, found = f, true
		}
	}
	return last, found
}

// readLabels makes sure of labels that stood on several pages: one may have
// moved from a page that was read later to one that was read before. They are
// believed if a second reading says the same.
func (r *Recorder) readLabels(ctx context.Context, t *timeline.Timeline, name ssmbak.Name, l look) (look, error) {
	if l.gone || l.pages == 1 {
		l.labelled = !l.gone
		return l, nil
	}
	if known, _ := t.At(seen(l.read)); known.Labels.IsProved() && maps.Equal(known.Labels.V, l.labels()) {
		return l, nil
	}
	h, err := r.live.History(ctx, name)
	if errors.Is(err, paramstore.ErrNotFound) {
		return l, nil
	}
	if err != nil {
		return look{}, err
	}
	again := look{versions: h.Versions}
	l.labelled = h.Versions[0].Time == l.versions[0].Time && maps.Equal(again.labels(), l.labels())
	return l, nil
}
