package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
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
		{"runs", len(facts.Runs), len(all.Runs)},
		{"calls", len(facts.Calls), len(all.Calls)},
	} {
		if n := kind.had - kind.have; n > 0 {
			lost = append(lost, fmt.Sprintf("%s %d", kind.what, n))
		}
	}
	return cmp.Or(strings.Join(lost, ", "), "facts that differ")
}

// sampledIndexes bounds the object versions of an index that [Writer.RestoreFacts] reads.
const sampledIndexes = 32

// RestoreFacts adds to an index the facts of earlier object versions that it lacks, since
// another program removed them, and describes them, "" for none. earlier is the object
// version to compare with. If it is empty, at most 32 of those since a time are, at equal
// distances, and the one that was current then. A version that cannot be read is ignored.
func (w *Writer) RestoreFacts(ctx context.Context, x Index, earlier string, since time.Time) (lost string, err error) {
	ids := []string{earlier}
	if earlier == "" {
		if ids, err = w.indexesSince(ctx, x.Name, ssmbak.TimeOf(since)); err != nil {
			return "", err
		}
	}
	facts, err := w.factsOf(ctx, x.Name, slices.DeleteFunc(ids, func(id string) bool { return id == x.object.ID }))
	if err != nil {
		return "", err
	}
	// Facts that have moved to parts since are not lost.
	now, problem, err := w.opened(ctx, x.Name, x.Facts, func(f timeline.Facts, failed []timeline.Run) (timeline.Run, bool) {
		return allParts(f, slices.Concat(failed, facts.Runs))
	})
	if err = cmp.Or(err, problem); err != nil {
		return "", err
	}
	if lost = lostFacts(now, timeline.Union(now, facts)); lost == "" {
		return "", nil
	}
	_, err = w.Update(ctx, x, func(f timeline.Facts) timeline.Facts { return timeline.Union(f, facts) })
	return lost, err
}

// factsOf returns the facts of object versions of an index. One that is gone or cannot be
// read is ignored.
func (a *Archive) factsOf(ctx context.Context, name ssmbak.Name, ids []string) (facts timeline.Facts, err error) {
	for _, id := range ids {
		x, err := a.index(ctx, name, id)
		var format *FormatError
		if err != nil && !needsReindex(err) && !errors.As(err, &format) {
			return facts, err
		}
		if err == nil {
			facts = timeline.Union(facts, x.Facts)
		}
	}
	return facts, nil
}

// indexesSince returns the object versions of an index since a time and the one before
// them, newest first, or some of them at equal distances.
func (a *Archive) indexesSince(ctx context.Context, name ssmbak.Name, since ssmbak.Time) ([]string, error) {
	var ids []string
	for v, err := range a.bucket.Versions(ctx, bucket.Listing{Prefix: indexKey(name)}) {
		if err != nil {
			return nil, err
		}
		if v.Key != indexKey(name) {
			break
		}
		if !v.Marker {
			ids = append(ids, v.ID)
		}
		if v.Modified < since {
			break
		}
	}
	if len(ids) <= sampledIndexes {
		return ids, nil
	}
	sample := make([]string, sampledIndexes)
	for i := range sample {
		sample[i] = ids[i*(len(ids)-1)/(sampledIndexes-1)]
	}
	return sample, nil
}
