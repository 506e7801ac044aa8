package restore

import (
	"errors"

	"github.com/ssmbak/ssmbak/paramstore"
)

// Status is what became of an [Item].
type Status string

// The statuses of an [Outcome].
const (
	// Restored: the parameter was created, updated or replaced.
	Restored Status = "restored"
	// Deleted: the parameter was deleted. Records of older versions call that
	// restored.
	Deleted Status = "deleted"
	// Unchanged: there was nothing to do.
	Unchanged Status = "unchanged"
	// Refused: nothing was written, for a reason that Err says.
	Refused Status = "refused"
	// Failed: the action was not done or only in part, or it is not known
	// whether it was done.
	Failed Status = "failed"
)

// Result is what became of a plan.
type Result struct {
	// ID is that of the restore's record, by which it can be taken back; "" if
	// there was nothing to write.
	ID string
	// Outcomes has one outcome for each item of the plan, in their order.
	Outcomes []Outcome
	// Unrecorded says why the record does not hold what became of the restore;
	// nil if it does. It can be taken back all the same.
	Unrecorded error
}

// Outcome is what became of one item.
type Outcome struct {
	Item   Item
	Status Status
	// Err says why the status is Refused or Failed.
	Err error
	// Version is the number of the version that was written, 0 if none was.
	Version int64
	// Replaced says that the parameter was deleted to be created anew.
	Replaced bool

	// relabelled says that labels were moved before the version was written.
	relabelled bool
}

// Remedy is what helps where an item was refused or failed.
type Remedy string

// The remedies of an [Outcome].
const (
	// RemedyNone: nothing that a restore could do, or nothing went wrong.
	RemedyNone Remedy = "none"
	// RemedyRerun: the same restore, which makes a new plan, may do it now.
	RemedyRerun Remedy = "rerun"
	// RemedyReplace: the same restore with [Options.Replace].
	RemedyReplace Remedy = "replace"
	// RemedyFix: the same restore, once the cause that Err names is fixed.
	RemedyFix Remedy = "fix"
)

// Remedy returns what helps where the status is Refused or Failed.
func (o Outcome) Remedy() Remedy {
	var refused *refusal
	var permanent *paramstore.RefusedError
	switch {
	case o.Err == nil || o.Item.Action == Unknown:
		return RemedyNone
	case errors.As(o.Err, &refused) && refused.remedy != "":
		return refused.remedy
	case refused != nil, errors.As(o.Err, &permanent):
		return RemedyFix
	}
	return RemedyRerun
}

// Changed reports whether Parameter Store was changed, or may have been.
func (o Outcome) Changed() bool {
	var idle *NotBegunError
	var permanent *paramstore.RefusedError
	switch {
	case o.Status == Restored, o.Status == Deleted, o.Version != 0, o.Replaced, o.relabelled:
		return true
	case o.Status != Failed || errors.As(o.Err, &idle):
		return false
	}
	return !errors.As(o.Err, &permanent)
}
