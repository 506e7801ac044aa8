package restore

import (
	"errors"

	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
)

// Result is the result of [Restorer.Apply].
type Result struct {
	// ID is the ID of the restore record, for [Restorer.Undo]; "" if there was nothing to
	// write.
	ID string
	// Outcomes has one outcome for each item of the plan, in their order.
	Outcomes []plan.Outcome
	// Unrecorded is the error because of which the record does not contain the outcomes,
	// nil if it does. The restore can be undone nevertheless.
	Unrecorded error
}

// remedy returns what helps if the item was refused or failed.
func remedy(o *plan.Outcome) plan.Remedy {
	var refused *refusal
	var permanent *paramstore.RefusedError
	switch {
	case o.Err == nil || o.Item.Action == plan.ActionSkip:
		return plan.RemedyNone
	case errors.As(o.Err, &refused) && refused.remedy != "":
		return refused.remedy
	case refused != nil, errors.As(o.Err, &permanent):
		return plan.RemedyFix
	}
	return plan.RemedyRerun
}

// changed reports whether the parameter was changed, or may have been.
func changed(o *plan.Outcome) bool {
	var idle *NotStartedError
	var permanent *paramstore.RefusedError
	switch {
	case o.Status == plan.StatusRestored, o.Status == plan.StatusDeleted, o.Version != 0, o.Replaced, o.Relabelled:
		return true
	case o.Status != plan.StatusFailed || errors.As(o.Err, &idle):
		return false
	}
	return !errors.As(o.Err, &permanent)
}
