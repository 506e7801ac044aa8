package recorder

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/timeline"
)

// notRead begins the reason why a version has no value that only a listing showed:
// nobody was told that the value is unavailable, so that every sync tries again.
const notRead = "not read: "

// ofListing returns what a listing says as facts: the version was there at its own
// time. When exactly the page was made, and whether all of it was made at once, is
// not documented, so it proves nothing later.
func ofListing(d paramstore.Description, why string) timeline.Facts {
	fact := factOf(paramstore.Version{Version: d.Version})
	fact.Unreadable = notRead + why
	return timeline.Facts{
		Versions: []timeline.Version{fact},
		Looks:    []timeline.Look{{Newest: fact.Ref(), Oldest: fact.Number, Sure: fact.Time, Seen: fact.Time}},
	}
}

// recordListed records what a listing showed of a parameter that could not be
// synced, and reports whether the version that it showed is recorded now.
func (r *Recorder) recordListed(ctx context.Context, name ssmbak.Name, d paramstore.Description, cause error) (recorded bool) {
	index, err := r.archive.Index(ctx, name)
	if err != nil {
		return false // also if there is one: what it holds is not known
	}
	seen := ofListing(d, brief(cause))
	recorded = index.Facts.Has(seen.Versions[0].Ref())
	if !index.Exists {
		if seen.Legacy, err = r.archive.FirstSight(ctx, name); err != nil {
			return false
		}
	}
	swap, err := r.archive.Update(ctx, index, func(base timeline.Facts) timeline.Facts {
		if base.Has(seen.Versions[0].Ref()) {
			return base
		}
		return timeline.Union(base, seen)
	})
	if err != nil {
		return recorded
	}
	if swap.Wrote {
		r.log.WarnContext(ctx, "recorded without its value, from the listing", "name", string(name), "version", d.Version.Number)
	}
	return true
}

// brief says why something failed in words that do not change from try to try.
func brief(err error) string {
	var api smithy.APIError
	switch {
	case errors.As(err, &api):
		return api.ErrorCode()
	case errors.Is(err, errMoved), errors.Is(err, paramstore.ErrNotFound):
		return "it was changed meanwhile"
	}
	return "the request failed"
}

// unread reports whether nobody has tried to read the version's value, or found out
// that it is unavailable.
func unread(v timeline.Version) bool {
	return v.Unreadable == "" || strings.HasPrefix(v.Unreadable, notRead)
}
