package recorder

import (
	"cmp"
	"slices"

	"github.com/ssmbak/ssmbak"
)

// Report is the result of a reconcile. Its lists are sorted by name.
type Report struct {
	// Began is the time just before the listing of live parameters began. An earlier
	// reconcile may have made it.
	Began ssmbak.Time
	// Checked is the number of parameters, live or recorded, that were compared.
	Checked int
	// Same is the number of checked parameters that the listings showed unchanged
	// and that were therefore not read.
	Same int
	// Recorded lists parameters with versions, values, tags or labels that the archive did
	// not have, or whose live value was not the current object of its key.
	Recorded []ssmbak.Name
	// Deleted lists parameters whose deletion the archive did not know about.
	Deleted []ssmbak.Name
	// Gaps lists parameters found to have versions that were never read.
	Gaps []ssmbak.Name
	// Unreadable lists parameters with a version whose value is unavailable.
	Unreadable []ssmbak.Name
	// Restored lists parameters whose index was hidden, that is, had a delete marker, and
	// was restored with all facts.
	Restored []ssmbak.Name
	// Forged lists parameters whose index another program had written, and whose newest
	// signed version was restored.
	Forged []ssmbak.Name
	// LostFacts lists parameters whose index lacked facts that it once had, since another
	// program wrote it, and that were restored.
	LostFacts []ssmbak.Name
	// Reregistered lists parameters whose entry in the register of names was hidden and was
	// restored. Registered is the number of entries that were missing and were written, and
	// Unregistered lists those that could not be written.
	Reregistered []ssmbak.Name
	Registered   int
	Unregistered []Failed
	// Failed lists parameters that could not be recorded.
	Failed []Failed
	// Left is the number of parameters that were not checked because time ran out.
	// The next reconcile continues with them.
	Left int
	// Resumed reports whether a listing was continued that an earlier reconcile began.
	Resumed bool
	// Excluded is the number of live or recorded parameters that were skipped
	// because they match [Options.Exclude].
	Excluded int
	// TagsUnchecked is the reason why the tags of otherwise unchanged parameters
	// were not compared, or nil.
	TagsUnchecked error
	// DrillRemoved is the number of parameters of a killed drill that were removed, and
	// DrillKept lists those at names of the drill that it did not create, or that were
	// changed since.
	DrillRemoved int
	DrillKept    []ssmbak.Name
	// Complete reports whether every live parameter was listed and compared and the
	// archive has been marked accordingly: nothing from before Began is missing
	// except Failed and excluded parameters. It is false if every parameter failed,
	// or if more live parameters could not be recorded than the archive can keep
	// the names of.
	Complete bool
}

// Failed is a parameter that could not be recorded, and the reason.
type Failed struct {
	Name ssmbak.Name
	Err  error
}

// count adds the result of syncing one parameter.
func (r *Report) count(name ssmbak.Name, o outcome, err error) {
	r.Checked++
	switch {
	case err != nil:
		r.Failed = append(r.Failed, Failed{name, err})
	case o.deleted:
		r.Deleted = append(r.Deleted, name)
	case o.wrote:
		r.Recorded = append(r.Recorded, name)
	}
	if err == nil && o.gaps > 0 {
		r.Gaps = append(r.Gaps, name)
	}
	if err == nil && o.unreadable > 0 {
		r.Unreadable = append(r.Unreadable, name)
	}
	if o.forged {
		r.Forged = append(r.Forged, name)
	}
}

// add adds what the listing before this one recorded.
func (r *Report) add(before Report) {
	r.Resumed = r.Resumed || before.Resumed
	r.Forged = append(r.Forged, before.Forged...)
	r.Recorded, r.Deleted, r.Gaps = append(r.Recorded, before.Recorded...), append(r.Deleted, before.Deleted...), append(r.Gaps, before.Gaps...)
}

func (r *Report) sort() {
	for _, names := range [][]ssmbak.Name{r.Recorded, r.Deleted, r.Gaps, r.Unreadable, r.Restored, r.Forged, r.LostFacts, r.Reregistered} {
		slices.Sort(names)
	}
	for _, failed := range [][]Failed{r.Failed, r.Unregistered} {
		slices.SortFunc(failed, func(a, b Failed) int { return cmp.Compare(a.Name, b.Name) })
	}
}
