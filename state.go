package ssmbak

import "encoding/json"

// Type is the type of a parameter, as AWS names it.
type Type string

// The types of parameters.
const (
	TypeString       Type = "String"
	TypeStringList   Type = "StringList"
	TypeSecureString Type = "SecureString"
)

// Certainty says how certain an answer is. The zero value is Unknown. A greater value
// is more certain.
type Certainty int8

const (
	// Unknown means that facts contradict the last known state, or that there are no
	// facts. A restore skips such a parameter by default.
	Unknown Certainty = iota
	// LastKnown means that nothing contradicts the answer and nothing later confirms
	// it. It is wrong only if the event of a change never arrived, or has not yet.
	LastKnown
	// Proved means that a later observation confirms the answer. It is never wrong.
	Proved
)

// String returns "unknown", "last-known" or "proved".
func (c Certainty) String() string {
	switch c {
	case Proved:
		return "proved"
	case LastKnown:
		return "last-known"
	case Unknown:
		return "unknown"
	}
	return "unknown"
}

// MarshalJSON returns the text of [Certainty.String].
func (c Certainty) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

// Version is one version of a parameter as Parameter Store keeps it, without its
// value, tags and labels. Number and Time together identify it; the number alone does
// not, since numbers start at 1 again after a deletion.
type Version struct {
	Number int64  `json:"number"`
	Time   Time   `json:"time"`           // LastModifiedDate
	User   string `json:"user,omitempty"` // LastModifiedUser, an ARN
	Attributes
}

// Same reports whether v and w have the same number and time, and so are one version.
func (v Version) Same(w Version) bool { return v.Number == w.Number && v.Time == w.Time }

// State is everything that is known about a parameter at one point in time.
type State struct {
	Name Name
	// Deleted says that the parameter did not exist. If Certainty is Unknown it is
	// only the last known answer.
	Deleted bool
	// Version is the current version. Its Number is 0 if Deleted is set, if nothing
	// was known yet, or if the legacy ssmbak recorded it.
	Version Version
	// Value is the version's value. If it is unknown although the version is known,
	// its Reason says why; the Reason is empty if the value was not requested.
	Value Known[Value]
	// Modified is when the state began: the version's time, or for a deletion the
	// beginning of the second or of the bounds in which it happened.
	Modified Time
	// By is who began it, as far as is known: who made the version, or deleted the
	// parameter, see [Change].
	By string
	// Certainty is that of the state, without tags and labels.
	Certainty Certainty
	// ProvedUntil is the last time for which this state is proved, zero if there is
	// no such time.
	ProvedUntil Time
	// From and Until bound the answer: it is the same for every time in
	// [From, Until).
	From, Until Time
	// Reason says in one clause why Certainty is Unknown.
	Reason string
	// Tags are the parameter's tags. Last known tags are wrong only if an event never
	// arrived, or if a read returned stale data.
	Tags Known[map[string]string]
	// Labels maps each label of the parameter to the number of its version, without
	// labels of later versions.
	Labels Known[map[string]int64]
	// AttributesChanged says that an event reported a change of tags or labels in the
	// second of the time, which has a precision of one second: before the time or after it.
	AttributesChanged bool
}

// Recorded reports whether anything was known about the parameter yet.
func (s State) Recorded() bool {
	return s.Version.Number != 0 || s.Deleted || s.Value.IsKnown() || s.Version.Time != 0
}
