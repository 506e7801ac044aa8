package restore

import (
	"errors"

	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
)

// Result is what became of a plan.
type Result struct {
	// ID is that of the restore's record, by which it can be taken back; "" if
	// there was nothing to write.
	ID string
	// Outcomes has one outcome for each item of the plan, in their order.
	Outcomes []plan.Outcome
	// Unrecorded says why the record does not hold what became of the restore;
	// nil if it does. It can be taken back all the same.
	Unrecorded error
}

// remedy returns what helps where the status is refused or failed.
func remedy(o *plan.Outcome) plan.Remedy {
	var refused *refusal
	var permanent *paramstore.RefusedError
	switch {
	case o.Err == nil || o.Item.Action == plan.ActionUnknown:
		return plan.RemedyNone
	case errors.As(o.Err, &refused) && refused.remedy != "":
		return refused.remedy
	case refused != nil, errors.As(o.Err, &permanent):
		return plan.RemedyFix
	}
	return plan.RemedyRerun
}

// changed reports whether Parameter Store was changed, or may have been.
func changed(o *plan.Outcome) bool {
	var idle *NotBegunError
	var permanent *paramstore.RefusedError
	switch {
	case o.Status == plan.StatusRestored, o.Status == plan.StatusDeleted, o.Version != 0, o.Replaced, o.Relabelled:
		return true
	case o.Status != plan.StatusFailed || errors.As(o.Err, &idle):
		return false
	}
	return !errors.As(o.Err, &permanent)
}
