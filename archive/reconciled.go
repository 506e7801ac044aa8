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

// Reconciled is what complete listings of live parameters have proved.
type Reconciled struct {
	Format int       `json:"format"`
	Reader int       `json:"reader,omitempty"` // the least format that a program must support to read it
	First  time.Time `json:"first,omitzero"`   // start of the first complete listing
	Last   time.Time `json:"last,omitzero"`    // start of the last one
	// Tags and Labels are the starts of the last listings that compared the tags and
	// the labels of every parameter.
	Tags   time.Time `json:"tags,omitzero"`
	Labels time.Time `json:"labels,omitzero"`
	// Unsure are the names that the last listing could not compare, sorted.
	Unsure []ssmbak.Name `json:"unsure,omitempty"`
	// Missed are the names, sorted, that a listing found live but could not record.
	// They are never removed: such a parameter is unknown before its first own fact.
	Missed []Missed `json:"missed,omitempty"`
	// Failed is what earlier versions of ssmbak wrote instead of Unsure and Missed. It
	// is empty after reading.
	Failed []ssmbak.Name `json:"failed,omitempty"`
	// Excluded are the patterns, sorted, that the last listing excluded, and Once those
	// that only earlier listings did.
	Excluded []string    `json:"excluded,omitempty"`
	Once     []Exclusion `json:"once,omitempty"`
	// Names is when the first listing began after which every parameter with an index was
	// in the register, so that readers find hidden indexes; zero if there was none.
	Names time.Time `json:"names,omitzero"`
	// Signed is when the first listing began after which every index was signed; zero if
	// there was none.
	Signed time.Time `json:"signed,omitzero"`
}

// latest returns the greatest time. A missed name's or an exclusion's is not after that
// of the listing that ended it.
func (r *Reconciled) latest() ssmbak.Time {
	at := max(ssmbak.TimeOf(r.First), ssmbak.TimeOf(r.Last), ssmbak.TimeOf(r.Tags), ssmbak.TimeOf(r.Labels), ssmbak.TimeOf(r.Names), ssmbak.TimeOf(r.Signed))
	for _, m := range r.Missed {
		at = max(at, ssmbak.TimeOf(m.Until))
	}
	for _, e := range r.Once {
		at = max(at, ssmbak.TimeOf(e.Until))
	}
	return at
}

// Missed is a parameter that was live when a listing could not record it.
type Missed struct {
	Name ssmbak.Name `json:"name"`
	// Until is when the last such listing began.
	Until time.Time `json:"until"`
}

// maxMissed bounds the missed names, since every reader reads all of them.
const maxMissed = 1000

// TooManyMissedError refuses a listing with which there would be more than 1,000 missed
// names. Nothing of the listing is recorded.
type TooManyMissedError struct{ Names int }

func (e *TooManyMissedError) Error() string {
	return fmt.Sprintf("%d live parameters could not be recorded, but the archive keeps at most %d of their names", e.Names, maxMissed)
}

// Exclusion is a pattern of names that were excluded up to a time.
type Exclusion struct {
	Pattern string `json:"pattern"`
	// Until is when the first complete listing began that included them again.
	Until time.Time `json:"until"`
}

// Covers reports whether a name without any fact did not exist at a time: a complete
// listing began by then, and none excluded the name or found it live without recording it.
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

// namesMissed reports whether readers name the parameter as missed, see [Unproved].
func (r Reconciled) namesMissed(name ssmbak.Name) bool {
	return r.missed(name) && !pattern.Any(r.Excluded, name)
}

func (r Reconciled) findMissed(name ssmbak.Name) (int, bool) {
	return slices.BinarySearchFunc(r.Missed, name, func(m Missed, name ssmbak.Name) int { return cmp.Compare(m.Name, name) })
}

// Unrecorded returns the names that listings found live but could not record, and those
// that the last listing could not compare, sorted.
func (r Reconciled) Unrecorded() []ssmbak.Name {
	names := slices.Clone(r.Unsure)
	for _, m := range r.Missed {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// unrecorded reports whether [Reconciled.Unrecorded] has the name.
func (r Reconciled) unrecorded(name ssmbak.Name) bool {
	_, unsure := slices.BinarySearch(r.Unsure, name)
	return unsure || r.missed(name)
}

// miss adds the names that a listing missed. began is when the listing began.
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

// exclude sets the patterns that a listing excluded. began is when the listing began.
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

// convertFailed converts Failed, which does not say which of the names have facts.
func convertFailed(_ string, r *Reconciled) error {
	r.miss(r.Failed, r.Last)
	r.Unsure = slices.Compact(slices.Sorted(slices.Values(append(r.Unsure, r.Failed...))))
	r.Failed = nil
	return nil
}

// Reconciled reads what complete listings have proved, the zero value if there was none. If
// signatures are verified, it is the newest signed version.
func (a *Archive) Reconciled(ctx context.Context) (Reconciled, error) {
	d, err := a.readReconciled(ctx)
	if a.replica {
		d.Value = d.Value.unlisted()
	}
	return d.Value, err
}

func (a *Archive) readReconciled(ctx context.Context) (bucket.Document[Reconciled], error) {
	d, err := load(ctx, a, &reconciledKind, reconciledKey)
	if d.Unsigned != nil {
		a.noteUnsigned(reconciledKey, d.Unsigned, a.signs)
		d.Value.Signed = time.Time{}
	}
	if d.Invalid && isUnsigned(err) { // no version is signed
		a.o.Logger.WarnContext(ctx, "what is complete is not signed, and counts as nothing", "key", reconciledKey, "error", err.Error())
		err = nil
	}
	return d, err
}

// Listing is a complete listing of live parameters: each listed and each recorded
// parameter, except the failed and excluded ones, was compared and recorded. Tags and
// Labels say whether tags and labels were compared too.
type Listing struct {
	Began time.Time
	// Failed are the names that could not be compared.
	Failed []ssmbak.Name
	// Missed are the names among them that were live but have no fact.
	Missed       []ssmbak.Name
	Tags, Labels bool
	// Compared is the start of the last listing that compared labels, according to the
	// reconcile cache. A later one in the archive is not believed.
	Compared time.Time
	// Excluded are the patterns of the names that were excluded.
	Excluded []string
	// Registered says that every parameter that has an index, or had one, is in the
	// register.
	Registered bool
	// Signed says that every index is signed.
	Signed bool
}

// MarkReconciled records a complete listing. Coverage only moves forward: after a later
// listing, only the missed names are added. The error may be a [*TooManyMissedError].
func (w *Writer) MarkReconciled(ctx context.Context, l Listing) error {
	return w.note(ctx, l, true)
}

// NoteMissed records the names that an incomplete listing missed. The error may be a
// [*TooManyMissedError].
func (w *Writer) NoteMissed(ctx context.Context, began time.Time, names []ssmbak.Name) error {
	return w.note(ctx, Listing{Began: began, Missed: names}, false)
}

func (w *Writer) note(ctx context.Context, l Listing, complete bool) error {
	began := l.Began.UTC().Truncate(time.Millisecond)
	read := func(ctx context.Context) (bucket.Document[Reconciled], error) {
		d, err := w.readReconciled(ctx)
		if err != nil {
			return d, err
		}
		return w.withEarlier(ctx, d)
	}
	base, err := read(ctx)
	if err != nil {
		return err
	}
	_, err = reconciledKind.Swap(ctx, w.bucket, reconciledKey, base, func(d bucket.Document[Reconciled]) (Reconciled, bool, error) {
		r, next := d.Value, d.Value
		next.miss(l.Missed, began)
		if n := len(next.Missed); n > maxMissed && n > len(r.Missed) {
			return r, false, &TooManyMissedError{n}
		}
		if complete && r.Last.Before(began) {
			next.advance(r, l, began)
		}
		if l.Registered && next.Names.IsZero() {
			next.Names = began
		}
		if l.Signed && next.Signed.IsZero() {
			next.Signed = began
		}
		return next, outdated(d) || !reflect.DeepEqual(next.Missed, r.Missed) || !next.Last.Equal(r.Last) || !next.Names.Equal(r.Names) || !next.Signed.Equal(r.Signed), nil
	}, read)
	return err
}

// add adds what an earlier version of the object says: missed names and past exclusions,
// of which only the end may have been added since, and the start of the first listing.
func (r *Reconciled) add(old Reconciled) {
	for _, m := range old.Missed {
		r.miss([]ssmbak.Name{m.Name}, m.Until)
	}
	for _, e := range old.Once {
		if !slices.ContainsFunc(r.Once, func(x Exclusion) bool { return x.Pattern == e.Pattern && !x.Until.Before(e.Until) }) {
			r.Once = append(slices.DeleteFunc(slices.Clone(r.Once), func(x Exclusion) bool { return x.Pattern == e.Pattern }), e)
		}
	}
	if !old.First.IsZero() {
		r.First = old.First
	}
}

func (r Reconciled) equal(x Reconciled) bool {
	return r.First.Equal(x.First) && reflect.DeepEqual(r.Missed, x.Missed) && reflect.DeepEqual(r.Once, x.Once)
}

// advance records a complete listing that began after the last one.
func (r *Reconciled) advance(before Reconciled, l Listing, began time.Time) {
	r.Last, r.Unsure = began, slices.Compact(slices.Sorted(slices.Values(l.Failed)))
	if r.First.IsZero() {
		r.First = began
	}
	r.exclude(before, l.Excluded, began)
	if len(before.Unsure) > 0 { // the names that those did not compare are no longer known
		r.Tags, r.Labels = time.Time{}, time.Time{}
	}
	if r.Labels.After(l.Compared) {
		r.Labels = time.Time{}
	}
	if l.Tags {
		r.Tags = began
	}
	if l.Labels {
		r.Labels = began
	}
}

// Coverage returns since when and up to when the archive is complete for a parameter.
func (a *Archive) Coverage(x Index, r Reconciled) timeline.Coverage {
	h := timeline.Coverage{Since: a.since(), Complete: x.compared(r, r.Last), Unproved: a.unproved(x)}
	if i, found := r.findMissed(x.Name); found {
		// It was live without being recorded, so its first fact says nothing about
		// the time before.
		h.Since, h.Missed = 0, ssmbak.TimeOf(r.Missed[i].Until)
	}
	return h
}

// Attributes returns up to when complete listings proved that the tags and the labels
// of a parameter are those in its index; zero if they did not.
func (x Index) Attributes(r Reconciled) (tags, labels ssmbak.Time) {
	return x.compared(r, r.Tags), x.compared(r, r.Labels)
}

// compared returns the time up to which a listing proves the index complete, zero if it
// does not. began is when the listing began.
func (x Index) compared(r Reconciled, began time.Time) ssmbak.Time {
	return r.compared(x.Name, x.object.Modified, began)
}

// compared returns the time up to which a listing proves an index complete that was last
// modified at a time, zero if it does not. began is when the listing began.
//
// The listing proves that only if the index was not replaced since shortly before it
// began: then the index contains what the parameter was compared with, and nothing that
// a late writer added later.
func (r Reconciled) compared(name ssmbak.Name, modified, began time.Time) ssmbak.Time {
	complete := began.Add(-timeline.Staleness)
	_, unsure := slices.BinarySearch(r.Unsure, name)
	// The time has a precision of one second.
	if unsure || pattern.Any(r.Excluded, name) || began.IsZero() || modified.IsZero() || !modified.Add(time.Second).Before(complete) {
		return 0
	}
	return ssmbak.TimeOf(complete)
}
