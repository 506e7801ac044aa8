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
	"github.com/ssmbak/ssmbak/archive/internal/document"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/timeline"
)

// Reconciled is what the last complete listings of live parameters proved.
type Reconciled struct {
	Format int       `json:"format"`
	Reader int       `json:"reader,omitempty"` // the least format that a program must know to read it
	First  time.Time `json:"first,omitzero"`   // start of the first complete listing
	Last   time.Time `json:"last,omitzero"`    // start of the last one
	// Tags and Labels are the starts of the last ones that compared the tags,
	// and the labels, of every parameter.
	Tags   time.Time `json:"tags,omitzero"`
	Labels time.Time `json:"labels,omitzero"`
	// Unsure are the names that the last one could not compare, in order.
	Unsure []ssmbak.Name `json:"unsure,omitempty"`
	// Missed are the names, in order, that a listing found live and of which
	// nothing could be recorded then. None is ever removed: such a parameter is
	// unknown before its first own fact.
	Missed []Missed `json:"missed,omitempty"`
	// Failed is what earlier programs wrote for both. It is empty after reading.
	Failed []ssmbak.Name `json:"failed,omitempty"`
	// Excluded are the patterns of names that the last one left out, in order,
	// and Once those that an earlier one did.
	Excluded []string    `json:"excluded,omitempty"`
	Once     []Exclusion `json:"once,omitempty"`
}

// Missed is a parameter that was live and of which nothing could be recorded.
type Missed struct {
	Name ssmbak.Name `json:"name"`
	// Until is when the last listing began that found it so.
	Until time.Time `json:"until"`
}

// maxMissed bounds the missed names that are kept, all of which every reader reads.
const maxMissed = 1000

// TooManyMissedError refuses a listing with which more than 1,000 names would be
// missed in all. Nothing of it is noted.
type TooManyMissedError struct{ Names int }

func (e *TooManyMissedError) Error() string {
	return fmt.Sprintf("%d live parameters could never be recorded, more than the %d that the archive keeps the names of", e.Names, maxMissed)
}

// Exclusion is a pattern of names that were left out until a time.
type Exclusion struct {
	Pattern string `json:"pattern"`
	// Until is when the first complete listing began that had them again.
	Until time.Time `json:"until"`
}

// Covers reports whether the absence of every record of a name says that it did
// not exist at the moment: a complete listing was not later, and none left the name
// out or found it live without recording it.
func (r Reconciled) Covers(name ssmbak.Name, at ssmbak.Time) bool {
	if r.First.IsZero() || at < ssmbak.TimeOf(r.First) || pattern.Any(r.Excluded, name) || r.missed(name) {
		return false
	}
	return !slices.ContainsFunc(r.Once, func(e Exclusion) bool { return pattern.Match(e.Pattern, name) && at < ssmbak.TimeOf(e.Until) })
}

// missed reports whether a listing found the name live and could not record it.
func (r Reconciled) missed(name ssmbak.Name) bool {
	_, found := r.findMissed(name)
	return found
}

func (r Reconciled) findMissed(name ssmbak.Name) (int, bool) {
	return slices.BinarySearchFunc(r.Missed, name, func(m Missed, name ssmbak.Name) int { return cmp.Compare(m.Name, name) })
}

// Unrecorded returns the names that listings found live and could not record, or
// could not compare, in order.
func (r Reconciled) Unrecorded() []ssmbak.Name {
	names := slices.Clone(r.Unsure)
	for _, m := range r.Missed {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// miss adds names that a listing missed that began at a time.
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
	r, _, _, err := a.reconciled(ctx)
	return r, err
}

func (a *Archive) reconciled(ctx context.Context) (r Reconciled, unknown document.Unknown, etag string, err error) {
	found, err := a.get(ctx, reconciledAt, "")
	if isNotFound(err) {
		return r, unknown, "", nil
	}
	if isChecksum(err) {
		return r, unknown, "", &DamagedError{Key: reconciledAt, Err: errChecksum}
	}
	if err != nil {
		return r, unknown, "", fmt.Errorf("read %s of bucket %s: %w", reconciledAt, a.o.Bucket, err)
	}
	if unknown, err = decode(reconciledAt, reconciledKind, found.body, &r); err != nil {
		return Reconciled{}, unknown, "", err
	}
	// An earlier program did not say which of the names had facts.
	r.miss(r.Failed, r.Last)
	r.Unsure = slices.Compact(slices.Sorted(slices.Values(append(r.Unsure, r.Failed...))))
	r.Failed = nil
	return r, unknown, found.etag, nil
}

// Listing is a complete listing of live parameters that began at the given time:
// each of its names and each recorded one, but for the failed and the excluded
// ones, has been compared and recorded by now. Tags and Labels say what else was
// compared.
type Listing struct {
	Began time.Time
	// Failed are the names that could not be compared.
	Failed []ssmbak.Name
	// Missed are those of them that were live and of which no fact is recorded.
	Missed       []ssmbak.Name
	Tags, Labels bool
	// Excluded are the patterns of the names that were left out.
	Excluded []string
}

// MarkReconciled notes a complete listing. What was proved only moves forward: of a
// listing that is older than the last one only the missed names are added. More
// missed names than are kept give a [*TooManyMissedError].
func (a *Archive) MarkReconciled(ctx context.Context, l Listing) error {
	return a.note(ctx, l, true)
}

// NoteMissed notes the names that a listing missed which was not complete. The
// error is that of [Archive.MarkReconciled].
func (a *Archive) NoteMissed(ctx context.Context, began time.Time, names []ssmbak.Name) error {
	return a.note(ctx, Listing{Began: began, Missed: names}, false)
}

func (a *Archive) note(ctx context.Context, l Listing, complete bool) error {
	began := l.Began.UTC().Truncate(time.Millisecond)
	for range maxSwaps {
		r, unknown, etag, err := a.reconciled(ctx)
		if err != nil {
			return err
		}
		next := r
		next.Format, next.Reader = reconciledKind.Envelope(unknown, 0)
		next.miss(l.Missed, began)
		if n := len(next.Missed); n > maxMissed && n > len(r.Missed) {
			return &TooManyMissedError{n}
		}
		if complete && r.Last.Before(began) {
			next.advance(r, l, began)
		}
		if reflect.DeepEqual(next.Missed, r.Missed) && next.Last.Equal(r.Last) {
			return nil
		}
		body, err := document.Encode(reconciledKind, &next, unknown)
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

// advance notes a complete listing that is later than the last one before it.
func (r *Reconciled) advance(before Reconciled, l Listing, began time.Time) {
	r.Last, r.Unsure = began, slices.Compact(slices.Sorted(slices.Values(l.Failed)))
	if r.First.IsZero() {
		r.First = began
	}
	r.exclude(before, l.Excluded, began)
	if len(before.Unsure) > 0 { // it would no longer be known of which names they do not speak
		r.Tags, r.Labels = time.Time{}, time.Time{}
	}
	if l.Tags {
		r.Tags = began
	}
	if l.Labels {
		r.Labels = began
	}
}

// Horizon returns what the index, the identity and the last complete listing
// together say of a parameter.
func (a *Archive) Horizon(x Index, r Reconciled) timeline.Horizon {
	h := timeline.Horizon{Since: a.since(), Complete: x.compared(r, r.Last)}
	if i, found := r.findMissed(x.Name); found {
		// It was there when nothing could be recorded of it, so that its first fact
		// says nothing of the time before.
		h.Since, h.Missed = 0, ssmbak.TimeOf(r.Missed[i].Until)
	}
	return h
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
	_, unsure := slices.BinarySearch(r.Unsure, x.Name)
	// LastModified is cut to whole seconds.
	if unsure || pattern.Any(r.Excluded, x.Name) || began.IsZero() || x.modified.IsZero() || !x.modified.Add(time.Second).Before(complete) {
		return 0
	}
	return ssmbak.TimeOf(complete)
}
