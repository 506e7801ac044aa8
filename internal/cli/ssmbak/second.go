package ssmbakcli

import (
	"fmt"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// begin returns where the TIME begins that was read as at: for a time in whole
// seconds its second, for any other its millisecond. whole tells the two apart.
func (a *app) begin(text string, at ssmbak.Time) (begin ssmbak.Time, whole bool) {
	before, err := ssmbak.ParseTime("before:"+text, a.Now())
	whole = err == nil && before == at-1000
	if whole {
		return before + 1, true
	}
	return at, false
}

// noteSecond says which of the states began in the second of a TIME in whole
// seconds, since such a time means the end of it, and what to type for the moment
// before. It knows of versions and deletions, not of tags and labels.
func (a *app) noteSecond(text string, at ssmbak.Time, states []ssmbak.State) {
	if _, whole := a.begin(text, at); !whole {
		return
	}
	n, first := 0, ssmbak.Name("")
	for _, st := range states {
		if st.Modified.Second() != at.Second() && !deletedWithin(st, at) {
			continue
		}
		if n++; n == 1 {
			first = st.Name
		}
	}
	if n == 0 {
		return
	}
	what := string(first)
	if n > 1 {
		what = fmt.Sprintf("%d parameters", n)
	}
	a.Note("%s changed within this second: before:%s is the moment before it", what, at.Whole())
}

// noteSecondOf is noteSecond for the parameters of a plan.
func (a *app) noteSecondOf(text string, at ssmbak.Time, items []plan.Item) {
	states := make([]ssmbak.State, len(items))
	for i, item := range items {
		states[i] = item.After
		states[i].Name = item.Name
	}
	a.noteSecond(text, at, states)
}

// deletedWithin reports whether a state is unknown for no longer than the second
// of at: something happened in it at a moment that nobody knows, as a deletion
// does.
func deletedWithin(st ssmbak.State, at ssmbak.Time) bool {
	second := ssmbak.Seconds(at.Second())
	return st.Certainty == ssmbak.Unknown && st.From >= second && st.Until <= second+1000
}

// deletion writes the moment of one, or of the bounds in which it happened, to be
// pasted: without a fraction where only the second is known.
func deletion(at ssmbak.Time) string {
	if at == ssmbak.Seconds(at.Second()) {
		return at.Whole()
	}
	return at.String()
}

// beforeUnknown is the part of a hint that names the moment before a second in
// which everything that is unknown in a plan changed; "" if that is not so.
func beforeUnknown(made *restore.Plan) string {
	n := 0
	for _, item := range made.Items {
		if item.Action != plan.ActionUnknown {
			continue
		}
		if n++; !deletedWithin(item.After, made.At) {
			return ""
		}
	}
	if n == 0 {
		return ""
	}
	return "before:" + made.At.Whole() + " is the moment before this second; "
}
