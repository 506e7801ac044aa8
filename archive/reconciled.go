package archive

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/timeline"
)

// Reconciled is what complete listings of live parameters proved.
type Reconciled struct {
	Format int       `json:"format"`
	Reader int       `json:"reader,omitempty"` // the least format that a program must know to read it
	First  time.Time `json:"first,omitzero"`   // start of the first complete listing
	Last   time.Time `json:"last,omitzero"`    // start of the last one
	// Tags and Labels are the starts of the last listings that compared the tags,
	// and the labels, of every parameter.
	Tags   time.Time `json:"tags,omitzero"`
	Labels time.Time `json:"labels,omitzero"`
	// Unsure are the names that the last one could not compare, in order.
	Unsure []ssmbak.Name `json:"unsure,omitempty"`
	// Missed are the names, in order, that a listing found live but nothing could
	// be recorded of. They are never removed: such a parameter is unknown before
	// its first own fact.
	Missed []Missed `json:"missed,omitempty"`
	// Failed is what earlier programs wrote instead of both. It is empty after reading.
	Failed []ssmbak.Name `json:"failed,omitempty"`
	// Excluded are the patterns of names that the last one excluded, in order,
	// and Once those that an earlier one did.
	Excluded []string    `json:"excluded,omitempty"`
	Once     []Exclusion `json:"once,omitempty"`
}

// Missed is a parameter that was live when nothing could be recorded of it.
type Missed struct {
	Name ssmbak.Name `json:"name"`
	// Until is when the last such listing began.
	Until time.Time `json:"until"`
}

// maxMissed bounds the missed names, since every reader reads all of them.
const maxMissed = 1000

// TooManyMissedError refuses a listing that would bring the missed names to more than
// 1,000. Nothing of the listing is recorded.
type TooManyMissedError struct{ Names int }

func (e *TooManyMissedError) Error() string {
	return fmt.Sprintf("%d live parameters could not be recorded, more than the %d whose names the archive keeps", e.Names, maxMissed)
}

// Exclusion is a pattern of names that were excluded until a time.
type Exclusion struct {
	Pattern string `json:"pattern"`
	// Until is when the first complete listing began that included them again.
	Until time.Time `json:"until"`
}

// Covers reports whether a name without any fact did not exist at a time: a complete
// listing began at or before it, and none excluded the name or found it live
// without recording it.
func (r Reconciled) Covers(name ssmbak.Name, at ssmbak.Time) bool {
	if r.First.IsZero() || at < ssmbak.TimeOf(r.First) || pattern.Any(r.Excluded, name) || r.missed(name) {
		return false
	}
	return !slices.ContainsFunc(r.Once, func(e Exclusion) bool { return pattern.Match(e.Pattern, name) && at < ssmbak.TimeOf(e.Until) })
}

// missed reports whether a listing found the name live but could not record it.
func (r Reconciled) missed(name ssmbak.Name) bool {
	_, found := r.findMissed(name)
	return found
}

func (r Reconciled) findMissed(name ssmbak.Name) (int, bool) {
	return slices.BinarySearchFunc(r.Missed, name, func(m Missed, name ssmbak.Name) int { return cmp.Compare(m.Name, name) })
}

// Unrecorded returns the names that listings found live but could not record, or
// could not compare, in order.
func (r Reconciled) Unrecorded() []ssmbak.Name {
	names := slices.Clone(r.Unsure)
	for _, m := range r.Missed {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// miss adds the names that a listing missed, which began at a time.
func (r *Reconciled) miss(names []ssmbak.Name, began time.Time) {
	until := make(map[ssmbak.Name]time.Time, len(r.Missed)+len(names))
	for _, m := range r.Missed {
		until[m.Name] = m.Until
	}
	for _, name := range names {
		if until[name].Before(began) {
			until[name] = began
		}
	}
	r.Missed = nil
	for _, name := range slices.Sorted(maps.Keys(until)) {
		r.Missed = append(r.Missed, Missed{Name: name, Until: until[name]})
	}
}

// exclude notes the patterns that a listing excluded, which began at a time.
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

// convertFailed converts what earlier programs wrote: they did not say which of the
// names had facts.
func convertFailed(_ string, r *Reconciled) error {
	r.miss(r.Failed, r.Last)
	r.Unsure = slices.Compact(slices.Sorted(slices.Values(append(r.Unsure, r.Failed...))))
	r.Failed = nil
	return nil
}

// Reconciled reads what complete listings proved; the zero value if there was none.
func (a *Archive) Reconciled(ctx context.Context) (Reconciled, error) {
	d, err := load(ctx, a, reconciledKind, reconciledKey)
	return d.Value, err
}

// Listing is a complete listing of live parameters: each of its names and each
// recorded one, except the failed and the excluded ones, has been compared and
// recorded by now. Tags and Labels say what else was compared.
type Listing struct {
	Began time.Time
	// Failed are the names that could not be compared.
	Failed []ssmbak.Name
	// Missed are those of them that were live but have no fact.
	Missed       []ssmbak.Name
	Tags, Labels bool
	// Excluded are the patterns of the names that were excluded.
	Excluded []string
}

// MarkReconciled records a complete listing. What is proved only moves forward: of a
// listing that began before the last one only the missed names are added. Too many
// missed names give a [*TooManyMissedError].
func (w *Writer) MarkReconciled(ctx context.Context, l Listing) error {
	return w.note(ctx, l, true)
}

// NoteMissed records the names that an incomplete listing missed. The error is that
// of [Writer.MarkReconciled].
func (w *Writer) NoteMissed(ctx context.Context, began time.Time, names []ssmbak.Name) error {
	return w.note(ctx, Listing{Began: began, Missed: names}, false)
}

func (w *Writer) note(ctx context.Context, l Listing, complete bool) error {
	began := l.Began.UTC().Truncate(time.Millisecond)
	base, err := load(ctx, w.Archive, reconciledKind, reconciledKey)
	if err != nil {
		return err
	}
	_, err = swap(ctx, w.Archive, reconciledKind, reconciledKey, base, func(d bucket.Document[Reconciled]) (Reconciled, bool, error) {
		r, next := d.Value, d.Value
		next.miss(l.Missed, began)
		if n := len(next.Missed); n > maxMissed && n > len(r.Missed) {
			return r, false, &TooManyMissedError{n}
		}
		if complete && r.Last.Before(began) {
			next.advance(r, l, began)
		}
		return next, !reflect.DeepEqual(next.Missed, r.Missed) || !next.Last.Equal(r.Last), nil
	})
	return err
}

// advance records a complete listing that began after the last one.
func (r *Reconciled) advance(before Reconciled, l Listing, began time.Time) {
	r.Last, r.Unsure = began, slices.Compact(slices.Sorted(slices.Values(l.Failed)))
	if r.First.IsZero() {
		r.First = began
	}
	r.exclude(before, l.Excluded, began)
	if len(before.Unsure) > 0 { // the names that they did not compare are no longer known
		r.Tags, r.Labels = time.Time{}, time.Time{}
	}
	if l.Tags {
		r.Tags = began
	}
	if l.Labels {
		r.Labels = began
	}
}

// Coverage returns since when and up to when the archive is complete for a
// parameter, by its index, the identity and the last complete listing.
func (a *Archive) Coverage(x Index, r Reconciled) timeline.Coverage {
	h := timeline.Coverage{Since: a.since(), Complete: x.compared(r, r.Last)}
	if i, found := r.findMissed(x.Name); found {
		// It was live when nothing could be recorded of it, so its first fact says
		// nothing about the time before.
		h.Since, h.Missed = 0, ssmbak.TimeOf(r.Missed[i].Until)
	}
	return h
}

// Attributes returns up to when complete listings proved the tags, and the labels, of
// a parameter to be those in its index; zero if they did not.
func (x Index) Attributes(r Reconciled) (tags, labels ssmbak.Time) {
	return x.compared(r, r.Tags), x.compared(r, r.Labels)
}

// compared returns the time up to which a listing that began at a time proves the
// index complete, zero if it does not.
//
// It does only if the index was not replaced since shortly before the listing
// began: then it holds what the parameter was compared with, and a late writer
// cannot have added what was not compared since.
func (x Index) compared(r Reconciled, began time.Time) ssmbak.Time {
	complete := began.Add(-timeline.Staleness)
	_, unsure := slices.BinarySearch(r.Unsure, x.Name)
	// Modified is in whole seconds.
	if unsure || pattern.Any(r.Excluded, x.Name) || began.IsZero() || x.object.Modified.IsZero() || !x.object.Modified.Add(time.Second).Before(complete) {
		return 0
	}
	return ssmbak.TimeOf(complete)
}
