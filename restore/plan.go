package restore

import (
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/plan"
)

// Plan is what a restore would do, and what it could not find out.
type Plan struct {
	plan.Plan
	// Problems are the parameters whose record, or a value that was needed,
	// could not be read whole, by name. Their items are unknown or refused.
	Problems []archive.Problem
	// Unproved are the parameters of the target that the plan is not sure of, and
	// that may be missing from it.
	Unproved archive.Unproved
}
