package recorder

import (
	"context"
	"errors"
	"maps"

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

// sure is how far back from its beginning a reading may answer.
func sure(w paramstore.Window) ssmbak.Time { return w.Began.Add(-timeline.Staleness) }

// looks returns what the reading says as facts.
//
// Pages of a history are read one after the other, and a parameter may be made
// anew between two of them. A version that was there before the reading could
// have begun to answer surely stands in one life with the first page; of the
// others, only those of one page do.
func (l look) looks() []timeline.Look {
	if l.gone {
		return []timeline.Look{{Gone: true, Sure: sure(l.read), Seen: l.read.Ended}}
	}
	newest := l.newest()
	page := newest.Number
	var old timeline.Look
	for _, v := range l.versions {
		if v.Page == newest.Page {
			page = min(page, v.Number)
		}
		if v.Page == 0 || v.Time <= sure(l.read) {
			old = timeline.Look{Newest: timeline.Ref{Number: v.Number, Time: v.Time}, Oldest: l.versions[0].Number, Sure: v.Time, Seen: v.Time}
		}
	}
	last := timeline.Look{Newest: timeline.Ref{Number: newest.Number, Time: newest.Time}, Oldest: page, Sure: sure(l.read), Seen: l.read.Ended}
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

// addAttributes adds the tags and labels that were seen, where they are not
// what is known already, or are the first of this life.
func (l look) addAttributes(f *timeline.Facts, base timeline.Facts) {
	if l.gone {
		return
	}
	// The last look at a version of this life bounds when they changed.
	after := ssmbak.Time(0)
	for _, b := range base.Looks {
		if !b.Gone && b.Newest.Time >= l.versions[0].Time && b.Seen < l.read.Ended {
			after = max(after, b.Sure)
		}
	}
	begin := l.versions[0].Time
	if seen, ok := lastSeen(base.Labels, begin, labelsSeenAt); !ok || !maps.Equal(seen.Labels, l.labels()) {
		f.Labels = append(f.Labels, timeline.LabelsSeen{Labels: l.labels(), After: after, Seen: l.read.Ended})
	}
	if !l.tagged {
		return
	}
	if seen, ok := lastSeen(base.Tags, begin, tagsSeenAt); !ok || !maps.Equal(seen.Tags, l.tags) {
		f.Tags = append(f.Tags, timeline.TagsSeen{Tags: l.tags, After: after, Seen: l.tagsRead.Ended})
	}
}

func labelsSeenAt(l timeline.LabelsSeen) ssmbak.Time { return l.Seen }

func tagsSeenAt(t timeline.TagsSeen) ssmbak.Time {
	if t.Event != "" {
		return ssmbak.Seconds(t.Second)
	}
	return t.Seen
}

// lastSeen returns the last of the observations that were made since a time.
func lastSeen[T any](all []T, since ssmbak.Time, at func(T) ssmbak.Time) (last T, found bool) {
	for _, o := range all {
		if at(o) >= since && (!found || at(o) >= at(last)) {
			last, found = o, true
		}
	}
	return last, found
}
