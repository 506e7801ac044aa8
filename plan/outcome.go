package plan

// Status is what became of an [Item].
type Status string

// The statuses of an [Outcome].
const (
	// StatusRestored: the parameter was created, updated or replaced.
	StatusRestored Status = "restored"
	// StatusDeleted: the parameter was deleted. Records of older versions call that
	// restored.
	StatusDeleted Status = "deleted"
	// StatusUnchanged: there was nothing to do.
	StatusUnchanged Status = "unchanged"
	// StatusRefused: nothing was written, for a reason that Err says.
	StatusRefused Status = "refused"
	// StatusFailed: the action was not done or only in part, or it is not known
	// whether it was done.
	StatusFailed Status = "failed"
)

// Outcome is what became of one item.
type Outcome struct {
	Item   Item
	Status Status
	// Err says why the status is StatusRefused or StatusFailed, and Remedy what
	// helps then.
	Err    error
	Remedy Remedy
	// Version is the number of the version that was written, 0 if none was.
	Version int64
	// Relabelled says that labels were moved before the version was written.
	Relabelled bool
	// Replaced says that the parameter was deleted to be created again.
	Replaced bool
	// Changed says that Parameter Store was changed, or may have been.
	Changed bool
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
