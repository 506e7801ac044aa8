package archive

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ssmbak/ssmbak"
)

// Unproved lists the parameters of an answer whose states complete listings do not
// prove.
type Unproved struct {
	// Missed were live when a listing could not record them, and the answer is about a
	// time before their first own fact, when their states are unknown. They may be
	// missing from the answer. Sorted by name.
	Missed []Missed
	// Unsure could not be compared by the last complete listing. Sorted.
	Unsure []ssmbak.Name
}

// Empty reports whether there are no such parameters.
func (u Unproved) Empty() bool { return len(u.Missed)+len(u.Unsure) == 0 }

// shownNames bounds the names in one message.
const shownNames = 10

// NameList formats names in one line: the first ten, and how many more there are.
func NameList(names []ssmbak.Name) string {
	var b strings.Builder
	for i, name := range names[:min(len(names), shownNames)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name.String())
	}
	if more := len(names) - shownNames; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}

// MissedNames returns the names of Missed.
func (u Unproved) MissedNames() []ssmbak.Name {
	names := make([]ssmbak.Name, len(u.Missed))
	for i, m := range u.Missed {
		names[i] = m.Name
	}
	return names
}

// unproved returns which parameters of an answer are missed or unsure. means reports
// whether the answer includes a name. from and to return the states of a parameter at
// the beginning and at the end of the time of the answer, and whether it is recorded.
func (r Reconciled) unproved(means func(ssmbak.Name) bool, from, to func(ssmbak.Name) (ssmbak.State, bool)) (u Unproved) {
	for _, m := range r.Missed {
		if !means(m.Name) || !r.namesMissed(m.Name) {
			continue
		}
		if s, known := from(m.Name); !known || nothing(s) {
			u.Missed = append(u.Missed, m)
		}
	}
	for _, name := range r.Unsure {
		if !means(name) || slices.ContainsFunc(u.Missed, func(m Missed) bool { return m.Name == name }) {
			continue
		}
		if s, known := to(name); !known || s.Certainty != ssmbak.Proved {
			u.Unsure = append(u.Unsure, name)
		}
	}
	return u
}

// nothing reports whether nothing was known about the parameter yet.
func nothing(s ssmbak.State) bool {
	return s.Certainty == ssmbak.Unknown && !s.Deleted && s.Version.Time == 0
}

// meaning returns a function that reports whether an answer about a target includes a
// name. one says that the target means one parameter.
func meaning(target ssmbak.Target, one bool) func(ssmbak.Name) bool {
	if name, possible := target.Name(); possible && one {
		return func(n ssmbak.Name) bool { return n == name }
	}
	return target.Below
}
