package restore

import (
	"cmp"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/plan"
)

// newRecord returns the record of a restore that is about to apply a plan.
func (r *Restorer) newRecord(p *Plan) *plan.Document {
	now := r.archive.Now()
	rec := r.document(p)
	rec.Kind, rec.Began, rec.ID = "", now.UTC().Truncate(time.Millisecond), archive.NewRestoreID(now, strings.ToLower(rand.Text()[:6]))
	rec.Arguments, rec.Message = r.o.Arguments, r.o.Message
	rec.Items = slices.DeleteFunc(rec.Items, func(x plan.DocumentItem) bool { return !x.Action.Writes() || x.Refused != "" })
	slices.SortFunc(rec.Items, func(a, b plan.DocumentItem) int { return cmp.Compare(a.Name, b.Name) })
	return rec
}

// addOutcomes adds the outcomes to the record.
func (r *Restorer) addOutcomes(rec *plan.Document, done []*plan.Outcome) {
	rec.Ended = r.archive.Now().UTC().Truncate(time.Millisecond)
	for _, out := range done {
		i, _ := slices.BinarySearchFunc(rec.Items, out.Item.Name, func(x plan.DocumentItem, n ssmbak.Name) int { return cmp.Compare(x.Name, n) })
		x := &rec.Items[i]
		x.Status, x.Written = out.Status, out.Version
		if out.Err != nil {
			x.Error = out.Err.Error()
		}
	}
}
