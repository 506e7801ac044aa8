package timeline

import (
	"cmp"

	"github.com/ssmbak/ssmbak"
)

// Redaction says that the value of a version was removed from the archive permanently: it
// is unavailable, whatever copies other facts name, and is not recorded again.
type Redaction struct {
	At ssmbak.Time `json:"at"`
	By string      `json:"by"` // the ARN of the caller, from STS
}

// IsZero reports whether the version is not redacted.
func (r Redaction) IsZero() bool { return r == Redaction{} }

// reason returns why the value of a redacted version is unavailable.
func (r Redaction) reason() string { return "redacted at " + r.At.String() + " by " + r.By }

// merge returns the first of two redactions of one version.
func (r Redaction) merge(x Redaction) Redaction {
	if r.IsZero() || !x.IsZero() && cmp.Or(cmp.Compare(x.At, r.At), cmp.Compare(x.By, r.By)) < 0 {
		return x
	}
	return r
}
