package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// KeptVersions is how many versions of a parameter Parameter Store keeps: a
// new one drops the oldest, unless that has a label.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html
const KeptVersions = 100

// LabelMove puts a label on a version, or takes it off all of them.
type LabelMove struct {
	Label    string
	From, To int64 // 0 for no version
	Fresh    bool  // To is the version that the action writes
}

// moveLabels decides which labels of a parameter that was there have to be
// moved, and says which cannot come back.
//
// A version of the life that is live keeps its number, so its labels go where
// they were. In another life only the wanted version itself is there again, as
// the version that is written, or as the live one where nothing is.
func (c *Case) moveLabels(item *Item) {
	w := &c.After
	anew := item.Action == ActionCreate || item.Action == ActionReplace
	if item.Action == ActionReplace {
		defer c.loseLabels(item)
	}
	if !w.Labels.IsKnown() {
		if anew {
			item.Notices = append(item.Notices, "its labels are not known: it gets none")
		}
		return
	}
	writes := item.NewVersion()
	live, kept := map[string]int64{}, []timeline.Ref(nil)
	if !anew {
		if !c.Before.Labels.IsKnown() {
			return
		}
		live, kept = c.Before.Labels.V, c.Before.Kept
	}
	same := !c.moved() && slices.Contains(kept, timeline.Ref{Number: w.Version.Number, Time: w.Version.Time})
	if writes && len(kept) >= KeptVersions {
		kept = kept[1:] // the write drops the oldest
	}
	target := func(number int64) (to int64, fresh, ok bool) {
		switch {
		case same && slices.ContainsFunc(kept, func(r timeline.Ref) bool { return r.Number == number }):
			return number, false, true
		case number == w.Version.Number && writes:
			return item.Expected(), true, true
		case number == w.Version.Number:
			return c.Before.Version.Number, false, true
		}
		return 0, false, false
	}
	for _, label := range union(w.Labels.V, live) {
		if !anew && c.untouched(ssmbak.LabelAttribute(label)) {
			continue
		}
		was, wanted := w.Labels.V[label]
		from := live[label]
		if !wanted {
			item.move(LabelMove{Label: label, From: from})
			continue
		}
		to, fresh, ok := target(was)
		switch {
		case !ok && from == was && same:
			// It is on the version that the write would drop, and keeps it from that.
		case !ok && from == 0:
			item.Notices = append(item.Notices, fmt.Sprintf("label %s cannot come back: it was on version %d, which is gone", label, was))
		case !ok:
			item.Notices = append(item.Notices, fmt.Sprintf("label %s stays on version %d: it was on version %d, which is gone", label, from, was))
		case to != from:
			item.move(LabelMove{Label: label, From: from, To: to, Fresh: fresh})
		}
	}
	if writes {
		item.Refused = cmp.Or(item.Refused, blocked(item))
	}
}

// loseLabels adds the labels that a replaced parameter has now, and that are not
// put on what is created, to what differs: the way back needs them.
func (c *Case) loseLabels(item *Item) {
	for _, label := range union(c.Before.Labels.V, nil) {
		i := slices.IndexFunc(item.Differences, func(d Difference) bool { return d.Attribute == ssmbak.LabelAttribute(label) })
		if i < 0 {
			item.Differences = append(item.Differences, Difference{Attribute: ssmbak.LabelAttribute(label), NoAfter: true})
			i = len(item.Differences) - 1
		}
		item.Differences[i].Before, item.Differences[i].NoBefore = number(c.Before.Labels.V[label]), false
	}
}

// VersionLabels is the most labels that one version has.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_LabelParameterVersion.html
const VersionLabels = 10

// LabelsOn returns how many labels a live version has.
func (i *Item) LabelsOn(version int64) int {
	n := 0
	for _, at := range i.Before.Labels.V {
		if at == version {
			n++
		}
	}
	return n
}

// Blocks reports whether a label has to go before a new version fits: it is on
// the oldest of as many as Parameter Store keeps.
func (i *Item) Blocks(m LabelMove) bool {
	return i.NewVersion() && i.Before != nil && len(i.Before.Kept) >= KeptVersions && m.From == i.Before.Kept[0].Number
}

// move adds a move to what the item does.
func (i *Item) move(m LabelMove) {
	i.Labels = append(i.Labels, m)
	i.Differences = append(i.Differences, Difference{
		Attribute: ssmbak.LabelAttribute(m.Label), Before: number(m.From), After: number(m.To), NoBefore: m.From == 0, NoAfter: m.To == 0,
	})
	switch {
	case m.From == 0:
	case m.To == 0:
		i.Notices = append(i.Notices, fmt.Sprintf("label %s is taken from version %d", m.Label, m.From))
	default:
		i.Notices = append(i.Notices, fmt.Sprintf("label %s moves from version %d to version %d", m.Label, m.From, m.To))
	}
}

// blocked says why Parameter Store will refuse a new version: the oldest of as
// many as it keeps has a label, which the item does not take from it. "" if
// that is not so, or not known.
func blocked(item *Item) string {
	if item.Before == nil || item.Action == ActionReplace || len(item.Before.Kept) < KeptVersions {
		return ""
	}
	oldest := item.Before.Kept[0].Number
	var labels []string
	for _, label := range slices.Sorted(maps.Keys(item.Before.Labels.V)) {
		leaves := slices.ContainsFunc(item.Labels, func(m LabelMove) bool { return m.Label == label && !m.Fresh })
		if item.Before.Labels.V[label] == oldest && !leaves {
			labels = append(labels, label)
		}
	}
	return OldestLabelled(item.Name, oldest, labels)
}

// OldestLabelled explains Parameter Store's ParameterMaxVersionLimitExceeded.
func OldestLabelled(name ssmbak.Name, oldest int64, labels []string) string {
	if len(labels) == 0 {
		return ""
	}
	what := "label " + labels[0] + " is"
	if len(labels) > 1 {
		what = "labels " + strings.Join(labels, ", ") + " are"
	}
	return fmt.Sprintf("%s on version %d, the oldest of the %d that Parameter Store keeps, so that no new one fits: `aws ssm unlabel-parameter-version --name %s --parameter-version %d --labels %s` takes it away",
		what, oldest, KeptVersions, name, oldest, strings.Join(labels, " "))
}

// union returns the keys of both maps in order.
func union[V any](a, b map[string]V) []string {
	keys := maps.Clone(a)
	if keys == nil {
		keys = map[string]V{}
	}
	maps.Copy(keys, b)
	return slices.Sorted(maps.Keys(keys))
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
