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

// maxVersions is the number of versions of a parameter that Parameter Store keeps. A new
// version removes the oldest one, but is refused if the oldest one has a label.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html
const maxVersions = 100

// LabelMove moves a label to a version, or removes it.
type LabelMove struct {
	Label    string
	From, To int64 // 0 for no version
	ToNew    bool  // To is the version that the action writes
}

// moveLabels adds the labels to move to the item, with notices about labels that cannot
// be restored.
//
// Versions of the current life keep their numbers, and so do their labels. In another
// life, of all versions only the restored one exists again: as the version that is
// written, or as the live one if nothing is written.
func (c *Case) moveLabels(item *Item) {
	w := &c.After
	recreates := item.Action == ActionCreate || item.Action == ActionReplace
	if item.Action == ActionReplace {
		defer c.addLostLabels(item)
	}
	if !w.Labels.IsKnown() {
		if recreates {
			item.Notices = append(item.Notices, "its labels are unknown: it is created without labels")
		}
		return
	}
	writes := item.NewVersion()
	before, history := map[string]int64{}, []timeline.Ref(nil)
	if !recreates {
		if !c.Before.Labels.IsKnown() {
			return
		}
		before, history = c.Before.Labels.V, c.Before.History
	}
	same := !c.copied() && slices.Contains(history, timeline.Ref{Number: w.Version.Number, Time: w.Version.Time})
	if writes && len(history) >= maxVersions {
		history = history[1:] // the write removes the oldest
	}
	target := func(number int64) (to int64, fresh, ok bool) {
		switch {
		case same && slices.ContainsFunc(history, func(r timeline.Ref) bool { return r.Number == number }):
			return number, false, true
		case number == w.Version.Number && writes:
			return item.Expected(), true, true
		case number == w.Version.Number:
			return c.Before.Version.Number, false, true
		}
		return 0, false, false
	}
	for _, label := range union(w.Labels.V, before) {
		if !recreates && c.isUntouched(ssmbak.LabelAttribute(label)) {
			continue
		}
		old, restored := w.Labels.V[label]
		from := before[label]
		if !restored {
			item.move(LabelMove{Label: label, From: from})
			continue
		}
		to, fresh, ok := target(old)
		switch {
		case !ok && from == old && same:
			// It is on the oldest version, and prevents the write from removing that.
		case !ok && from == 0:
			item.Notices = append(item.Notices, fmt.Sprintf("label %s cannot be restored: it was on version %d, which no longer exists", label, old))
		case !ok:
			item.Notices = append(item.Notices, fmt.Sprintf("label %s stays on version %d: it was on version %d, which no longer exists", label, from, old))
		case to != from:
			item.move(LabelMove{Label: label, From: from, To: to, ToNew: fresh})
		}
	}
	if writes {
		item.Refused = cmp.Or(item.Refused, blocked(item))
	}
}

// addLostLabels adds the labels that a replaced parameter loses to its differences,
// because an undo needs them.
func (c *Case) addLostLabels(item *Item) {
	for _, label := range union(c.Before.Labels.V, nil) {
		i := slices.IndexFunc(item.Differences, func(d Difference) bool { return d.Attribute == ssmbak.LabelAttribute(label) })
		if i < 0 {
			item.Differences = append(item.Differences, Difference{Attribute: ssmbak.LabelAttribute(label), NoAfter: true})
			i = len(item.Differences) - 1
		}
		item.Differences[i].Before, item.Differences[i].NoBefore = number(c.Before.Labels.V[label]), false
	}
}

// VersionLabels is the maximum number of labels of one version.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_LabelParameterVersion.html
const VersionLabels = 10

// LabelsOn returns the number of labels of a version of Before, which must not be nil.
func (i *Item) LabelsOn(version int64) int {
	n := 0
	for _, at := range i.Before.Labels.V {
		if at == version {
			n++
		}
	}
	return n
}

// Blocks reports whether the label must be moved before the new version is written,
// because it is on the oldest of as many versions as Parameter Store keeps.
func (i *Item) Blocks(m LabelMove) bool {
	return i.NewVersion() && i.Before != nil && len(i.Before.History) >= maxVersions && m.From == i.Before.History[0].Number
}

// OldestIsLost reports whether Parameter Store may remove the oldest version when the item
// writes a new one, unless that has a label.
func (i *Item) OldestIsLost() bool {
	return i.NewVersion() && i.Before != nil && i.Before.Version.Number >= maxVersions
}

// move adds a label move to the item.
func (i *Item) move(m LabelMove) {
	i.Labels = append(i.Labels, m)
	i.Differences = append(i.Differences, labelDifference(m.Label, m.From, m.To))
	switch {
	case m.From == 0:
	case m.To == 0:
		i.Notices = append(i.Notices, fmt.Sprintf("label %s is removed from version %d", m.Label, m.From))
	default:
		i.Notices = append(i.Notices, fmt.Sprintf("label %s moves from version %d to version %d", m.Label, m.From, m.To))
	}
}

// blocked returns the reason why Parameter Store will refuse a new version, "" if it
// will not or if that is unknown: the oldest of as many versions as it keeps has a label
// that the item does not move.
func blocked(item *Item) string {
	if item.Before == nil || item.Action == ActionReplace || len(item.Before.History) < maxVersions {
		return ""
	}
	oldest := item.Before.History[0].Number
	var labels []string
	for _, label := range slices.Sorted(maps.Keys(item.Before.Labels.V)) {
		leaves := slices.ContainsFunc(item.Labels, func(m LabelMove) bool { return m.Label == label && !m.ToNew })
		if item.Before.Labels.V[label] == oldest && !leaves {
			labels = append(labels, label)
		}
	}
	return OldestLabelled(item.Name, oldest, labels)
}

// OldestLabelled returns an explanation of Parameter Store's error
// ParameterMaxVersionLimitExceeded, with the command that removes the labels of the oldest
// version. It returns "" if there are no labels.
func OldestLabelled(name ssmbak.Name, oldest int64, labels []string) string {
	if len(labels) == 0 {
		return ""
	}
	what := "label " + labels[0] + " is"
	if len(labels) > 1 {
		what = "labels " + strings.Join(labels, ", ") + " are"
	}
	return fmt.Sprintf("%s on version %d, the oldest of the %d that Parameter Store keeps, which prevents a new version: `aws ssm unlabel-parameter-version --name %s --parameter-version %d --labels %s` removes it",
		what, oldest, maxVersions, name, oldest, strings.Join(labels, " "))
}

// union returns the keys of both maps, sorted.
func union[V any](a, b map[string]V) []string {
	keys := maps.Clone(a)
	if keys == nil {
		keys = map[string]V{}
	}
	maps.Copy(keys, b)
	return slices.Sorted(maps.Keys(keys))
}

// labelDifference returns the move of a label between versions, 0 for no version.
func labelDifference(label string, before, after int64) Difference {
	return Difference{Attribute: ssmbak.LabelAttribute(label), Before: number(before), After: number(after), NoBefore: before == 0, NoAfter: after == 0}
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
