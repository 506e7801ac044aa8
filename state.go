package ssmbak

import "encoding/json"

// Type is the type of a parameter, in AWS's own words.
type Type string

// The types of Parameter Store.
const (
	TypeString       Type = "String"
	TypeStringList   Type = "StringList"
	TypeSecureString Type = "SecureString"
)

// Certainty says how far an answer about a moment can be trusted. The zero
// value is Unknown.
type Certainty int8

const (
	// Unknown is the answer where the evidence contradicts the last known
	// state, or there is none. Nothing acts on it unless told to.
	Unknown Certainty = iota
	// LastKnown is an answer that nothing contradicts and nothing later
	// confirms. Only a change whose event never came could make it wrong.
	LastKnown
	// Proved is an answer that a later look confirms. It is never wrong.
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

// MarshalJSON returns the word of [Certainty.String].
func (c Certainty) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

// Version is one version of a parameter as Parameter Store keeps it, without
// its value, tags and labels. Number and Time together identify it for ever:
// numbers start at 1 again after a delete.
type Version struct {
	Number int64  `json:"number"`
	Time   Time   `json:"time"` // LastModifiedDate
	User   string `json:"user,omitempty"`
	Attributes
}

// Same reports whether v and w are one version: with one number, of one time.
func (v Version) Same(w Version) bool { return v.Number == w.Number && v.Time == w.Time }

// State is everything that is known of a parameter at one point in time.
type State struct {
	Name Name
	// Deleted says that there was no such parameter. With Certainty Unknown it
	// is only the last known answer.
	Deleted bool
	// Version is the version that was current; its Number is 0 where Deleted is
	// set or nothing was ever known.
	Version Version
	// Value is the version's value. If it is unknown although the version is
	// known, its Reason says why; the Reason is empty if the value was not asked
	// for.
	Value Known[Value]
	// Modified is when the state began: the version's time, or for a deletion
	// the beginning of the second or of the bounds in which it happened.
	Modified Time
	// Certainty of the state, tags and labels apart.
	Certainty Certainty
	// ProvedUntil is the last moment for which this state is proved, zero if
	// there is none.
	ProvedUntil Time
	// From and Until bound the answer: for every T in [From, Until) it is the
	// same.
	From, Until Time
	// Reason says in one clause why Certainty is Unknown.
	Reason string
	// Tags are the parameter's tags. Last known tags are wrong only if an event
	// never came, or a look answered from the past.
	Tags Known[map[string]string]
	// Labels maps each label of the parameter to the number of its version.
	// Labels of later versions are left out.
	Labels Known[map[string]int64]
}
