package restore

import (
	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/plan"
)

// Undone returns how many of the parameters that a restore changed were undone since, and
// how many it changed. later are the records of all later restores; an undo that was itself
// undone does not count. A parameter that an undo refused is not undone.
func Undone(r *plan.Document, later []*plan.Document) (undone, changed int) {
	all := changedBy(r)
	left := standing(r, all, later)
	return len(all) - len(left), len(all)
}

// standing returns the names that a restore changed and that no undo changed back since.
func standing(r *plan.Document, changed map[ssmbak.Name]bool, later []*plan.Document) map[ssmbak.Name]bool {
	left := make(map[ssmbak.Name]bool, len(changed))
	for name := range changed {
		left[name] = true
	}
	for _, u := range later {
		if u.Undoes != r.ID {
			continue
		}
		for name := range standing(u, changedBy(u), later) {
			delete(left, name)
		}
	}
	return left
}

// changedBy returns the names that a restore changed, or, if it was killed, may have
// changed.
func changedBy(r *plan.Document) map[ssmbak.Name]bool {
	names := make(map[ssmbak.Name]bool)
	for _, x := range r.Items {
		if x.Status == plan.StatusRestored || x.Status == plan.StatusDeleted || x.Status == "" {
			names[x.Name] = true
		}
	}
	return names
}

// Copies reports whether a restore wrote copies elsewhere, see [plan.Options.To].
func Copies(r *plan.Document) bool {
	for _, x := range r.Items {
		if x.After != nil && x.After.Source != x.Name {
			return true
		}
	}
	return false
}
