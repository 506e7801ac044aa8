package ssmbak

// Operation is what a change did to a parameter.
type Operation string

// The operations of a [Change]. The first three are AWS's words, as its events
// use them.
const (
	OpCreate Operation = "Create"
	OpUpdate Operation = "Update"
	OpDelete Operation = "Delete"
	// Tag and Label are changes of the parameter's tags and labels.
	OpTag   Operation = "Tag"
	OpLabel Operation = "Label"
	// Gap is a stretch of time in which something was missed.
	OpGap Operation = "Gap"
)

// Change is one thing that happened to a parameter, or that is known to be
// missing from what was recorded of it.
type Change struct {
	Name      Name
	Operation Operation
	// Time is when it happened: for a version its own time, or one millisecond
	// after the version before it where its time steps back, for what an event
	// told the beginning of that second, or of what is left of it. It is zero
	// where only From and Until are known.
	Time Time
	// From and Until bound it: it happened in [From, Until), or, where they are
	// equal, at that moment. From is MinTime where nothing bounds it.
	From, Until Time
	// Version is the version that a Create or an Update made. Its Number is 0
	// where the original ssmbak recorded it.
	Version Version
	// Missing are the versions of a Gap that surely were there.
	Missing Numbers
	// Tags are the tags that a Tag changed: the new values, nil for those that
	// were taken away.
	Tags map[string]*string
	// Labels are the labels that a Label moved: the numbers of their versions,
	// 0 for those that were taken away.
	Labels map[string]int64
	// Moved are the numbers of the versions from which those labels came, of
	// which an event told them.
	Moved map[string]int64
	// Reason says in one clause why something is a Gap, or what is not known of
	// the change; "" if there is nothing to say.
	Reason string
}

// Numbers are the version numbers from First to Last. The zero value has none.
type Numbers struct {
	First, Last int64
}

// Bounded reports whether only bounds are known of when the change happened.
func (c Change) Bounded() bool { return c.Time == 0 }

// Within reports whether the change may have happened from since to until, both
// included.
func (c Change) Within(since, until Time) bool {
	last := c.Until
	if c.From < c.Until {
		last--
	}
	return c.From <= until && last >= since
}
