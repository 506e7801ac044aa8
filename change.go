package ssmbak

// Operation is what a change did to a parameter.
type Operation string

// The operations of a [Change]. The first three have the names that AWS uses in its
// events.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-cwe.html
const (
	OpCreate Operation = "Create"
	OpUpdate Operation = "Update"
	OpDelete Operation = "Delete"
	// OpTag and OpLabel are changes of the parameter's tags and labels.
	OpTag   Operation = "Tag"
	OpLabel Operation = "Label"
	// OpGap is a span of time in which something was missed.
	OpGap Operation = "Gap"
)

// Change is one recorded change of a parameter, or a known gap in the record.
type Change struct {
	Name      Name
	Operation Operation
	// Time is when it happened. For a version it is the version's own time, or one
	// millisecond after the previous version if its time steps back. For a change
	// known from an event alone it is the beginning of the event's second, or of the
	// part of that second in which the change is possible. It is zero if only From
	// and Until are known.
	Time Time
	// From and Until bound it: it happened in [From, Until), or, if they are equal,
	// at that time. From is MinTime if there is no lower bound.
	From, Until Time
	// By is the principal that made the change, an ARN or the name of an AWS service:
	// that of the version, and of other changes the one that CloudTrail reports. It is
	// empty if the principal is not known.
	By string
	// Version is the version that OpCreate or OpUpdate made. Its Number is 0 if the
	// legacy ssmbak recorded it.
	Version Version
	// Missing are the versions that are known to have existed in an OpGap.
	Missing Numbers
	// Tags are the tags that OpTag changed: the new values, nil for removed tags.
	Tags map[string]*string
	// Labels are the labels that OpLabel moved: the numbers of their versions, 0 for
	// removed labels.
	Labels map[string]int64
	// Moved are the numbers of the versions from which those labels moved, as far as
	// an event names them.
	Moved map[string]int64
	// Reason says in one clause why it is a gap, or what is not known of it; "" if
	// there is nothing to say.
	Reason string
}

// Numbers are the version numbers from First to Last. The zero value is empty.
type Numbers struct {
	First, Last int64
}

// Bounded reports whether only the bounds of the change's time are known.
func (c Change) Bounded() bool { return c.Time == 0 }

// Within reports whether the change may have happened between since and until,
// inclusive.
func (c Change) Within(since, until Time) bool {
	last := c.Until
	if c.From < c.Until {
		last--
	}
	return c.From <= until && last >= since
}
