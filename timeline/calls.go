package timeline

import (
	"cmp"
	"slices"

	"github.com/ssmbak/ssmbak"
)

// API is an operation of Parameter Store that changes a parameter, as CloudTrail names it.
type API string

// The operations of a [Call].
const (
	APIPut     API = "PutParameter"
	APIDelete  API = "DeleteParameter" // DeleteParameters too
	APITag     API = "AddTagsToResource"
	APIUntag   API = "RemoveTagsFromResource"
	APILabel   API = "LabelParameterVersion"
	APIUnlabel API = "UnlabelParameterVersion"
)

// Call is a successful request of a principal that names the parameter, as CloudTrail
// reports it. It completed in [Second, Second+1s). Event identifies it.
//
// A call says only who may have made a change that other facts show, see
// [Timeline.Changes]. No state, no change and no certainty follows from it.
type Call struct {
	Event  string `json:"event"` // CloudTrail's event ID
	Second int64  `json:"second"`
	API    API    `json:"api"`
	By     string `json:"by"` // the principal: an ARN, or an AWS service
	// Version is the number of the version that the request made, or to which it
	// attached labels; 0 if CloudTrail does not say. Without it, PutParameter says
	// nothing about versions.
	Version int64 `json:"version,omitempty"`
	// Tags are the tags that the request set, and Labels the labels that it named. A
	// tag that it removed is nil.
	Tags   map[string]*string `json:"tags,omitempty"`
	Labels []string           `json:"labels,omitempty"`
}

// callSlack is how much earlier or later than the second of its call a change may have
// happened, in milliseconds: CloudTrail has the second in which the request completed, by
// the clock of the host that served it.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
const callSlack = 1000

// earliest and latest bound the moment of the change that the call made, both included.
func (k Call) earliest() ssmbak.Time { return beginning(k.Second) - callSlack }
func (k Call) latest() ssmbak.Time   { return beginning(k.Second) + 1000 + callSlack - 1 }

// unit is a part of a change that one call makes completely: a version, a deletion, one
// tag or one label.
type unit struct {
	op      ssmbak.Operation // OpUpdate for each version
	key     string           // of the tag or label
	value   string           // of the tag
	number  int64            // of the version that has the label
	removed bool
}

// unitsOf returns the parts of a change. A gap may hide a version, and unless it is
// within a life, a deletion.
func unitsOf(x ssmbak.Change) (units []unit) {
	switch x.Operation {
	case ssmbak.OpCreate, ssmbak.OpUpdate:
		return []unit{{op: ssmbak.OpUpdate}}
	case ssmbak.OpDelete:
		return []unit{{op: ssmbak.OpDelete}}
	case ssmbak.OpGap:
		if x.Reason == reasonMissing || x.Reason == reasonPart {
			return []unit{{op: ssmbak.OpUpdate}}
		}
		return []unit{{op: ssmbak.OpUpdate}, {op: ssmbak.OpDelete}}
	case ssmbak.OpTag:
		for key, value := range x.Tags {
			units = append(units, tagUnit(key, value))
		}
	case ssmbak.OpLabel:
		for label, number := range x.Labels {
			units = append(units, unit{op: ssmbak.OpLabel, key: label, number: number, removed: number == 0})
		}
	}
	return units
}

func tagUnit(key string, value *string) unit {
	u := unit{op: ssmbak.OpTag, key: key, removed: value == nil}
	if value != nil {
		u.value = *value
	}
	return u
}

// mayHaveMade reports whether the call may have made a part of a change.
func (k Call) mayHaveMade(x ssmbak.Change, u unit) bool {
	if !x.Within(k.earliest(), k.latest()) {
		return false
	}
	switch u.op {
	case ssmbak.OpUpdate:
		return k.API == APIPut && k.mayBeNumber(x)
	case ssmbak.OpDelete:
		return k.API == APIDelete
	case ssmbak.OpTag:
		value, ok := k.Tags[u.key]
		return ok && tagUnit(u.key, value) == u
	case ssmbak.OpLabel:
		return slices.Contains(k.Labels, u.key) && (k.API == APIUnlabel) == u.removed && (u.removed || k.Version == 0 || k.Version == u.number)
	case ssmbak.OpCreate, ssmbak.OpGap:
	}
	return false
}

// mayBeNumber reports whether a version or a gap may be, or have, the version that the
// call made.
func (k Call) mayBeNumber(x ssmbak.Change) bool {
	switch m := x.Missing; {
	case k.Version == 0:
		return false
	case x.Operation == ssmbak.OpGap:
		return m.First == 0 || m.First <= k.Version && k.Version <= m.Last
	default:
		return x.Version.Number == 0 || x.Version.Number == k.Version
	}
}

// Adds reports whether the call may say more than the facts about a version: not if it
// made a version of which Parameter Store itself names the principal.
func (f Facts) Adds(k Call) bool {
	if k.API != APIPut || len(k.Tags) > 0 {
		return true
	}
	return k.Version != 0 && !slices.ContainsFunc(f.Versions, func(v Version) bool {
		return v.User != "" && v.Number == k.Version && v.Moment() >= k.earliest() && v.Moment() <= k.latest()
	})
}

// actors sets who made each change. Parameter Store names the principal of a version.
// That of any other change is the one of the calls that may have made it, if all of them
// are by one principal and none may have made, or be hidden by, another change or gap.
func (c *changes) actors() {
	calls := slices.SortedFunc(slices.Values(c.timeline.facts.Calls), func(a, b Call) int {
		return cmp.Or(cmp.Compare(a.Second, b.Second), cmp.Compare(a.Event, b.Event))
	})
	type part struct {
		call int
		unit unit
	}
	count := make(map[part]int) // the changes that the call may have made with this part
	each := func(x ssmbak.Change, u unit, visit func(call int)) {
		first, _ := slices.BinarySearchFunc(calls, x.From.Second()-2, func(k Call, second int64) int { return cmp.Compare(k.Second, second) })
		for i := first; i < len(calls) && calls[i].earliest() <= x.Until; i++ {
			if calls[i].mayHaveMade(x, u) {
				visit(i)
			}
		}
	}
	if len(calls) > 0 {
		for _, x := range c.all {
			for _, u := range unitsOf(x) {
				each(x, u, func(call int) { count[part{call, u}]++ })
			}
		}
	}
	for i := range c.all {
		x := &c.all[i]
		if x.By = x.Version.User; x.By != "" || len(calls) == 0 || !attributable(*x) {
			continue
		}
		by, certain := "", true
		for _, u := range unitsOf(*x) {
			if x.Operation == ssmbak.OpGap && u.op == ssmbak.OpDelete {
				continue
			}
			found := false
			each(*x, u, func(call int) {
				found = true
				certain = certain && count[part{call, u}] == 1 && (by == "" || by == calls[call].By)
				by = calls[call].By
			})
			certain = certain && found
		}
		if certain {
			x.By = by
		}
	}
}

// attributable reports whether a change without a principal may get that of a call. A gap
// may only if it is one version of a life, and a change of tags not if another one was
// missed before it. The times of the legacy ssmbak's records are not those of the changes.
func attributable(x ssmbak.Change) bool {
	switch x.Reason {
	case reasonLegacy, reasonMarker, reasonTagsMissed:
		return false
	case reasonEvent:
		return x.Until-x.From <= slack+1000
	case reasonMissing:
		return x.Missing.First != 0 && x.Missing.First == x.Missing.Last
	}
	return x.Operation != ssmbak.OpGap
}

// actor returns who began the answer of a span that is not unknown, "" if that is not
// known.
func (t *Timeline) actor(s Span) string {
	if s.Kind == KindPresent && s.Version.User != "" || len(t.facts.Calls) == 0 {
		return s.Version.User
	}
	for _, c := range slices.Backward(t.changes()) {
		switch {
		case c.Operation == ssmbak.OpTag || c.Operation == ssmbak.OpLabel || c.Until > s.From:
		case s.Kind == KindPresent && c.Version.Same(s.Version.Version), s.Kind == KindAbsent && c.Operation == ssmbak.OpDelete:
			return c.By
		case s.Kind == KindAbsent:
			return ""
		}
	}
	return ""
}
