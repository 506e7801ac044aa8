package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// fileFormat is the format of a plan file that this package writes, and the newest that it
// reads.
const fileFormat = 1

// fileKind distinguishes a plan file from other JSON.
const fileKind = "ssmbak restore plan"

// FileError is the reason why a plan file cannot be applied.
type FileError struct{ Reason string }

func (e *FileError) Error() string { return "the plan cannot be applied: " + e.Reason }

// ParseFile decodes the JSON of a plan file, or returns a [*FileError]. It refuses a
// newer format, unknown fields, and those of [Applied] and [AppliedItem].
func ParseFile(text []byte) (*Document, error) {
	var envelope struct {
		Format int    `json:"format"`
		Kind   string `json:"kind"`
		ID     string `json:"id"`
	}
	switch err := json.Unmarshal(text, &envelope); {
	case err == nil && envelope.ID != "":
		return nil, &FileError{"it is the record of a restore, not a plan"}
	case err != nil || envelope.Kind != fileKind:
		return nil, &FileError{"it is not a plan file; `ssmbak restore --dry-run --out FILE` writes one"}
	case envelope.Format > fileFormat:
		return nil, &FileError{fmt.Sprintf("it has format %d, this ssmbak reads up to format %d: use a newer ssmbak", envelope.Format, fileFormat)}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var f Document
	applied := func(x DocumentItem) bool { return x.AppliedItem != AppliedItem{} }
	if err := d.Decode(&f); err != nil || f.Format < 1 || f.Applied != (Applied{}) || slices.ContainsFunc(f.Items, applied) {
		return nil, &FileError{"it was edited or is damaged"}
	}
	return &f, nil
}

// Select returns the items of a new plan for the parameters in the file, in the order of
// the file. Items that differ from those in the file are refused. It returns a
// [*FileError] if the file contains a parameter twice.
func (d *Document) Select(items []Item) ([]Item, error) {
	now := make(map[ssmbak.Name]Item, len(items))
	for _, item := range items {
		now[item.Name] = item
	}
	var selected []Item
	seen := make(map[ssmbak.Name]bool, len(d.Items))
	for _, planned := range d.Items {
		if seen[planned.Name] {
			return nil, &FileError{"it was edited: it contains " + string(planned.Name) + " twice"}
		}
		seen[planned.Name] = true
		item, ok := now[planned.Name]
		if !ok && planned.Action == ActionDelete {
			gone := ssmbak.State{Name: planned.Name, Deleted: true, Certainty: ssmbak.LastKnown}
			item = Item{Name: planned.Name, Action: ActionNone, Reason: reasonGone, After: gone}
		} else if !ok {
			const unknown = "nothing is known about it now"
			item = Item{Name: planned.Name, Action: planned.Action, Refused: unknown, After: ssmbak.State{Name: planned.Name, Reason: unknown}}
			if source := planned.After.orAbsent().Source; source != planned.Name {
				item.Source = source
			}
		} else if why := planned.changed(&item); why != "" {
			item.Refused = why
		}
		selected = append(selected, item)
	}
	return selected, nil
}

// changed returns the reason why the item of a new plan is refused, "" if it does what was
// planned or nothing is left to do. Tags and labels that it does not change may have
// changed, and copies of values may have been added.
func (x *DocumentItem) changed(now *Item) string {
	if now.Action == ActionNone {
		return ""
	}
	y := documentItem(now, false)
	wasBefore, before, wasAfter, after := x.Before.orAbsent(), y.Before.orAbsent(), x.After.orAbsent(), y.After.orAbsent()
	differs := func(a ssmbak.Attribute) bool {
		return fmt.Sprint(x.Before.Text(a)) != fmt.Sprint(y.Before.Text(a)) || fmt.Sprint(x.After.Text(a)) != fmt.Sprint(y.After.Text(a))
	}
	what := "other attributes differ now"
	switch {
	case wasBefore.Version.Ref() != before.Version.Ref():
		what = "it was " + describe(wasBefore.Version.Ref()) + " and is now " + describe(before.Version.Ref())
	case wasAfter.Recorded != after.Recorded:
		what = "the version to restore was " + describe(wasAfter.Recorded) + " and is now " + describe(after.Recorded)
	case x.Action != y.Action:
		what = fmt.Sprintf("the action was %s and is now %s", x.Action, y.Action)
	case wasAfter.Source != after.Source, wasAfter.Version.Attributes != after.Version.Attributes, x.Replaces != y.Replaces:
	case !slices.Equal(x.Attributes, y.Attributes), slices.ContainsFunc(x.Attributes, differs):
	default:
		return ""
	}
	return "it changed since the plan was made: " + what
}

// describe returns a description of a version for messages.
func describe(r timeline.Ref) string {
	if r.Time == 0 {
		return "absent"
	}
	return fmt.Sprintf("version %d of %s", r.Number, r.Time)
}
