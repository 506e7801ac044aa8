package archive

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/timeline"
)

// Reconciled is what the last complete listings of live parameters proved.
type Reconciled struct {
	Format int       `json:"format"`
	First  time.Time `json:"first"` // start of the first complete listing
	Last   time.Time `json:"last"`  // start of the last one
	// Tags and Labels are the starts of the last ones that compared the tags,
	// and the labels, of every parameter.
	Tags   time.Time `json:"tags,omitzero"`
	Labels time.Time `json:"labels,omitzero"`
	// Failed are the names that the last one could not record.
	Failed []ssmbak.Name `json:"failed,omitempty"`
	// Excluded are the patterns of names that the last one left out, in order,
	// and Once those that an earlier one did.
	Excluded []string    `json:"excluded,omitempty"`
	Once     []Exclusion `json:"once,omitempty"`
}

// Exclusion is a pattern of names that were left out until a time.
type Exclusion struct {
	Pattern string `json:"pattern"`
	// Until is when the first complete listing began that had them again.
	Until time.Time `json:"until"`
}

// Covers reports whether the absence of every record of a name says that it did
// not exist at the moment: a complete listing that did not leave it out was not
// later.
func (r Reconciled) Covers(name ssmbak.Name, at ssmbak.Time) bool {
	if r.First.IsZero() || at < ssmbak.TimeOf(r.First) || pattern.Any(r.Excluded, name) {
		return false
	}
	return !slices.ContainsFunc(r.Once, func(e Exclusion) bool { return pattern.Match(e.Pattern, name) && at < ssmbak.TimeOf(e.Until) })
}

// exclude notes which patterns a listing left out that began at a time.
func (r *Reconciled) exclude(before Reconciled, patterns []string, began time.Time) {
	r.Excluded = slices.Compact(slices.Sorted(slices.Values(patterns)))
	again := func(p string) bool { return slices.Contains(r.Excluded, p) }
	r.Once = slices.DeleteFunc(slices.Clone(before.Once), func(e Exclusion) bool { return again(e.Pattern) })
	for _, p := range before.Excluded {
		if !again(p) {
			r.Once = append(r.Once, Exclusion{Pattern: p, Until: began})
		}
	}
}

// Reconciled reads what the last complete listing proved; the zero value if
// there was none.
func (a *Archive) Reconciled(ctx context.Context) (Reconciled, error) {
	r, _, err := a.reconciled(ctx)
	return r, err
}

func (a *Archive) reconciled(ctx context.Context) (Reconciled, string, error) {
	found, err := a.get(ctx, reconciledAt, "")
	if isNotFound(err) {
		return Reconciled{}, "", nil
	}
	if isChecksum(err) {
		return Reconciled{}, "", &DamagedError{Key: reconciledAt, Err: errChecksum}
	}
	if err != nil {
		return Reconciled{}, "", fmt.Errorf("read %s of bucket %s: %w", reconciledAt, a.o.Bucket, err)
	}
	var r Reconciled
	if err := decode(reconciledAt, found.body, &r); err != nil {
		return Reconciled{}, "", err
	}
	return r, found.etag, nil
}

// Listing is a complete listing of live parameters that began at the given time:
// each of its names and each recorded one, but for the failed and the excluded
// ones, has been compared and recorded by now. Tags and Labels say what else was
// compared.
type Listing struct {
	Began        time.Time
	Failed       []ssmbak.Name
	Tags, Labels bool
	// Excluded are the patterns of the names that were left out.
	Excluded []string
}

// MarkReconciled notes a complete listing. What stands there only moves forward:
// an older listing changes nothing.
func (a *Archive) MarkReconciled(ctx context.Context, l Listing) error {
	began := l.Began.UTC().Truncate(time.Millisecond)
	for range maxSwaps {
		r, etag, err := a.reconciled(ctx)
		if err != nil {
			return err
		}
		if !r.Last.Before(began) {
			return nil
		}
		next := Reconciled{Format: Format, First: r.First, Last: began, Failed: slices.Sorted(slices.Values(l.Failed))}
		next.exclude(r, l.Excluded, began)
		if len(r.Failed) == 0 { // else it would no longer be known of which names they do not speak
			next.Tags, next.Labels = r.Tags, r.Labels
		}
		if next.First.IsZero() {
			next.First = began
		}
		if l.Tags {
			next.Tags = began
		}
		if l.Labels {
			next.Labels = began
		}
		body, err := json.Marshal(next)
		if err != nil {
			return fmt.Errorf("encode %s: %w", reconciledAt, err)
		}
		_, err = a.put(ctx, put{key: reconciledAt, body: body, contentType: "application/json", absent: etag == "", match: etag})
		if err == nil {
			return nil
		}
		if !isConflict(err) && !isNotFound(err) {
			return fmt.Errorf("write %s: %w", reconciledAt, err)
		}
	}
	return fmt.Errorf("write %s: %d other writers were faster, try again", reconciledAt, maxSwaps)
}

// Horizon returns what the index, the identity and the last complete listing
// together say of a parameter.
func (a *Archive) Horizon(x Index, r Reconciled) timeline.Horizon {
	return timeline.Horizon{Since: a.since(), Complete: x.compared(r, r.Last)}
}

// Attributes returns up to when complete listings surely found the tags, and the
// labels, of a parameter to be those that its index holds; zero if they did not.
func (x Index) Attributes(r Reconciled) (tags, labels ssmbak.Time) {
	return x.compared(r, r.Tags), x.compared(r, r.Labels)
}

// compared returns how far back from its beginning a listing surely speaks, zero
// if it does not count for this index.
//
// It counts only where the index was not replaced since shortly before it
// began: then it holds what the parameter was compared with, and a writer that
// was late cannot have added what nobody looked at since.
func (x Index) compared(r Reconciled, began time.Time) ssmbak.Time {
	complete := began.Add(-timeline.Staleness)
	_, failed := slices.BinarySearch(r.Failed, x.Name)
	// LastModified is cut to whole seconds.
	if failed || pattern.Any(r.Excluded, x.Name) || began.IsZero() || x.modified.IsZero() || !x.modified.Add(time.Second).Before(complete) {
		return 0
	}
	return ssmbak.TimeOf(complete)
}
