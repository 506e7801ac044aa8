package plan

// Status is the result of an [Item].
type Status string

// The statuses of an [Outcome].
const (
	// StatusRestored: the parameter was created, updated or replaced.
	StatusRestored Status = "restored"
	// StatusDeleted: the parameter was deleted. Older restore records have
	// StatusRestored for that.
	StatusDeleted Status = "deleted"
	// StatusUnchanged: there was nothing to do.
	StatusUnchanged Status = "unchanged"
	// StatusRefused: nothing was written, for the reason in Err.
	StatusRefused Status = "refused"
	// StatusFailed: the action was not completed, or its result is unknown.
	StatusFailed Status = "failed"
)

// Outcome is an item with its result.
type Outcome struct {
	Item   Item
	Status Status
	// Err is set if Status is StatusRefused or StatusFailed, and Remedy is what helps
	// then.
	Err    error
	Remedy Remedy
	// Version is the number of the version that was written, 0 if none was.
	Version int64
	// Relabelled says that labels were moved before the version was written.
	Relabelled bool
	// Replaced says that the parameter was deleted in order to recreate it.
	Replaced bool
	// Changed says that the parameter was changed, or may have been.
	Changed bool
}

// Remedy is what helps if an item was refused or failed.
type Remedy string

// The remedies of an [Outcome].
const (
	// RemedyNone: no restore helps, or nothing failed.
	RemedyNone Remedy = "none"
	// RemedyRerun: the same restore again, with a new plan.
	RemedyRerun Remedy = "rerun"
	// RemedyReplace: the same restore with [Options.Replace].
	RemedyReplace Remedy = "replace"
	// RemedyFix: the same restore after the cause in Err is fixed.
	RemedyFix Remedy = "fix"
)
