package recorder

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/timeline"
)

// notRead prefixes the Unreadable reason of a version that only a listing showed.
// Its value was never requested, or not with a conclusive answer, so that every
// sync tries again.
const notRead = "not read: "

// listedFacts returns the facts that follow from a listing: the version was current at
// its own time, and when the listing began. AWS does not document at what time a page
// reflects the parameters on it, so a listing proves nothing later.
func listedFacts(d paramstore.Description, why string, began time.Time) timeline.Facts {
	fact := timeline.Version{Version: d.Version}
	fact.Unreadable = notRead + why
	at := max(fact.Time, ssmbak.TimeOf(began.Add(-timeline.Staleness)))
	return timeline.Facts{
		Versions:     []timeline.Version{fact},
		Observations: []timeline.Observation{{Newest: fact.Ref(), Oldest: fact.Number, AsOf: at, At: at}},
	}
}

// outlasts reports whether an observation proves that a version was current beyond its own
// second. Then no deletion of that second, of which the event may come later, can have
// ended it.
func outlasts(f timeline.Facts, r timeline.Ref) bool {
	return slices.ContainsFunc(f.Observations, func(o timeline.Observation) bool {
		return o.Newest == r && o.AsOf >= ssmbak.Seconds(r.Time.Second()+1)
	})
}

// recordFailed records what listings prove of a parameter that could not be synced. The
// last complete one proves that what is recorded was still so: the next one ends that, since
// it does not compare the parameter. The present one, which began at a time, shows the
// version d, unless that is nil. recordFailed reports whether the archive has that version
// now.
func (r *Recorder) recordFailed(ctx context.Context, name ssmbak.Name, d *paramstore.Description, began time.Time, cause error) (recorded bool) {
	index, err := r.archive.Index(ctx, name)
	if err != nil || d == nil && !index.Exists {
		return false // there may be an index, but its content is unknown
	}
	var shown, seen timeline.Facts
	if d != nil {
		shown = listedFacts(*d, brief(cause), began)
		recorded = index.Facts.Has(shown.Versions[0].Ref())
	}
	if index.Exists {
		seen, err = r.proved(ctx, name, func(archive.Index) bool { return true })
	} else {
		seen.Legacy, err = r.archive.LegacyFacts(ctx, name)
	}
	if err != nil {
		return recorded
	}
	swap, err := r.archive.Update(ctx, index, func(base timeline.Facts) timeline.Facts {
		f := timeline.Union(base, seen)
		if d == nil {
			return f
		}
		switch ref := shown.Versions[0].Ref(); {
		case !base.Has(ref):
			f = timeline.Union(f, shown)
		case !outlasts(base, ref) && outlasts(shown, ref):
			f = timeline.Union(f, timeline.Facts{Observations: shown.Observations})
		}
		return f
	})
	if err != nil {
		return recorded
	}
	if swap.Wrote && d != nil && !recorded {
		r.log.WarnContext(ctx, "recorded from the listing, without the value", "name", string(name), "version", d.Version.Number)
	}
	return d != nil
}

// brief returns the cause of a failure in words that are the same for every attempt.
func brief(err error) string {
	var api smithy.APIError
	switch {
	case errors.As(err, &api):
		return api.ErrorCode()
	case errors.Is(err, errMoved), errors.Is(err, paramstore.ErrNotFound):
		return "changed during the read"
	}
	return "the request failed"
}

// untried reports whether no attempt to read the version's value was conclusive.
func untried(v timeline.Version) bool {
	return v.Unreadable == "" || strings.HasPrefix(v.Unreadable, notRead)
}
