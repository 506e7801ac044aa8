package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/timeline"
)

// lostFacts names what all has and facts lack, "" for nothing.
func lostFacts(facts, all timeline.Facts) string {
	if reflect.DeepEqual(facts, all) {
		return ""
	}
	var lost []string
	for _, kind := range []struct {
		what      string
		have, had int
	}{
		{"versions", len(facts.Versions), len(all.Versions)},
		{"deletions", len(facts.Deletions), len(all.Deletions)},
		{"observations", len(facts.Observations), len(all.Observations)},
		{"tags", len(facts.Tags), len(all.Tags)},
		{"labels", len(facts.Labels), len(all.Labels)},
		{"missed changes", len(facts.MissedChanges), len(all.MissedChanges)},
		{"legacy facts", len(facts.Legacy), len(all.Legacy)},
	} {
		if n := kind.had - kind.have; n > 0 {
			lost = append(lost, fmt.Sprintf("%s %d", kind.what, n))
		}
	}
	return cmp.Or(strings.Join(lost, ", "), "facts that differ")
}

// RestoreFacts adds to an index the facts of an earlier object version of it that it
// lacks, and returns what they were, "" for nothing. An index only grows, so another
// program removed them. earlier is the object version; if it is empty, it is the one that
// was current at the time before, or the oldest. It is not an error if there is no such
// version, or if it cannot be read.
func (w *Writer) RestoreFacts(ctx context.Context, x Index, earlier string, before time.Time) (lost string, err error) {
	if earlier == "" {
		if earlier, err = w.indexBefore(ctx, x.Name, ssmbak.TimeOf(before)); err != nil {
			return "", err
		}
	}
	if earlier == "" || earlier == x.object.ID {
		return "", nil
	}
	old, err := w.index(ctx, x.Name, earlier)
	var format *FormatError
	switch {
	case needsReindex(err), errors.As(err, &format), err == nil && !old.Exists:
		return "", nil
	case err != nil:
		return "", err
	}
	if lost = lostFacts(x.Facts, timeline.Union(x.Facts, old.Facts)); lost == "" {
		return "", nil
	}
	_, err = w.Update(ctx, x, func(f timeline.Facts) timeline.Facts { return timeline.Union(f, old.Facts) })
	return lost, err
}

// indexBefore returns the object version of an index that was current at a time, or the
// oldest of those that are listed first.
func (a *Archive) indexBefore(ctx context.Context, name ssmbak.Name, at ssmbak.Time) (id string, err error) {
	n := 0
	for v, err := range a.bucket.Versions(ctx, bucket.Listing{Prefix: indexKey(name)}) {
		if err != nil {
			return "", err
		}
		if n++; v.Key != indexKey(name) || n > indexVersions {
			break
		}
		if v.Marker {
			continue
		}
		if id = v.ID; v.Modified < at {
			break
		}
	}
	return id, nil
}

// indexVersions bounds the object versions of an index that are listed: ten pages.
const indexVersions = 10_000
