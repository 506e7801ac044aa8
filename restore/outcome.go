package restore

// Status is what became of an [Item].
type Status string

// The statuses of an [Outcome].
const (
	// Restored: the action was done.
	Restored Status = "restored"
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
