package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ssmbak/ssmbak"
)

// FileFormat is the version of the format of a [File] that this package writes,
// and the newest that it reads.
const FileFormat = 1

// fileKind tells a plan file from any other JSON.
const fileKind = "ssmbak restore plan"

// File is a plan that is kept, so that a person can review it before it is
// applied. It names versions and object versions and holds no value. As JSON it
// is a public format, described in docs/plan-file.md.
type File struct {
	Format  int         `json:"format"`
	Kind    string      `json:"kind"`
	Account string      `json:"account"`
	Region  string      `json:"region"`
	Bucket  string      `json:"bucket"`
	Created ssmbak.Time `json:"created"`
	By      string      `json:"by,omitempty"`
	// At is the moment that is restored, and Target and Recursive say what.
	At        ssmbak.Time `json:"at"`
	Target    string      `json:"target"`
	Recursive bool        `json:"recursive"`
	Options   Options     `json:"options"`
	// Items are all that the plan concerns, by name, but for those in which
	// nothing differs; Unchanged counts these.
	Items     []FileItem `json:"items"`
	Unchanged int        `json:"unchanged"`
}

// FileItem is an [Item] in a plan file.
type FileItem struct {
	Name   ssmbak.Name `json:"name"`
	Source ssmbak.Name `json:"source,omitempty"`
	Action Action      `json:"action"`
	// After is the version that is restored, and Before the one that is
	// overwritten or deleted; nil where there is none.
	After       *FileVersion     `json:"after,omitempty"`
	Before      *FileVersion     `json:"before,omitempty"`
	Differences []FileDifference `json:"differences,omitempty"`
	Reason      string           `json:"reason,omitempty"`
	Refused     string           `json:"refused,omitempty"`
	Notices     []string         `json:"notices,omitempty"`
}

// FileVersion is one version of a parameter. Objects are the ids of the object
// versions in the bucket that hold its value.
type FileVersion struct {
	Number  int64       `json:"number"`
	Time    ssmbak.Time `json:"time"`
	Objects []string    `json:"objects,omitempty"`
}

// FileDifference is a [Difference] without values: both sides are nil for the
// value itself, and where there is nothing on that side.
type FileDifference struct {
	Attribute ssmbak.Attribute `json:"attribute"`
	Before    *string          `json:"before"`
	After     *string          `json:"after"`
}

// FileError says why a plan file cannot be applied.
type FileError struct{ Reason string }

func (e *FileError) Error() string { return "the plan cannot be applied: " + e.Reason }

// NewFile returns the plan as it is kept. What the plan does not say of the file
// is left to the caller.
func NewFile(p *Plan, o Options) *File {
	f := &File{
		Format: FileFormat, Kind: fileKind, At: p.At, Target: p.Target.String(), Recursive: p.Target.Recursive(), Options: o, Items: []FileItem{},
	}
	for i := range p.Items {
		if p.Items[i].Action == ActionNone {
			f.Unchanged++
			continue
		}
		f.Items = append(f.Items, fileItem(&p.Items[i]))
	}
	return f
}

func fileItem(i *Item) FileItem {
	x := FileItem{Name: i.Name, Source: i.Source, Action: i.Action, Reason: i.Reason, Refused: i.Refused, Notices: slices.Concat(i.Notices, i.Warnings)}
	if v := i.After.Version; v.Time != 0 {
		x.After = &FileVersion{Number: v.Number, Time: v.Time}
		for _, o := range i.AfterObjects {
			x.After.Objects = append(x.After.Objects, o.ID)
		}
	}
	if l := i.Before; l != nil {
		x.Before = &FileVersion{Number: l.Version.Number, Time: l.Version.Time}
		for _, o := range l.Objects {
			x.Before.Objects = append(x.Before.Objects, o.ID)
		}
	}
	for _, d := range i.Differences {
		y := FileDifference{Attribute: d.Attribute}
		if !d.Value && !d.NoBefore {
			y.Before = &d.Before
		}
		if !d.Value && !d.NoAfter {
			y.After = &d.After
		}
		x.Differences = append(x.Differences, y)
	}
	return x
}

// ParseFile reads the JSON of a plan file, or returns a [*FileError].
func ParseFile(text []byte) (*File, error) {
	var envelope struct {
		Format int    `json:"format"`
		Kind   string `json:"kind"`
	}
	switch err := json.Unmarshal(text, &envelope); {
	case err != nil || envelope.Kind != fileKind:
		return nil, &FileError{"it is no plan file; `ssmbak restore --dry-run --out FILE` writes one"}
	case envelope.Format > FileFormat:
		return nil, &FileError{fmt.Sprintf("it has format %d, this ssmbak reads up to format %d: use a newer ssmbak", envelope.Format, FileFormat)}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var f File
	if err := d.Decode(&f); err != nil || f.Format < 1 {
		return nil, &FileError{"it was changed by hand, or is damaged"}
	}
	return &f, nil
}

// Select returns the items of the file as they would be planned now, from those of
// a plan that was made again. What has moved since is refused, and what is not in
// the file is left out. The error is a [*FileError] if a parameter is in it twice.
func (f *File) Select(items []Item) ([]Item, error) {
	now := make(map[ssmbak.Name]Item, len(items))
	for _, item := range items {
		now[item.Name] = item
	}
	var selected []Item
	seen := make(map[ssmbak.Name]bool, len(f.Items))
	for _, planned := range f.Items {
		if seen[planned.Name] {
			return nil, &FileError{"it was changed by hand: " + string(planned.Name) + " stands in it twice"}
		}
		seen[planned.Name] = true
		item, ok := now[planned.Name]
		if !ok && planned.Action == ActionDelete {
			gone := ssmbak.State{Name: planned.Name, Deleted: true, Certainty: ssmbak.LastKnown}
			item = Item{Name: planned.Name, Action: ActionNone, Reason: "it is gone already", After: gone}
		} else if !ok {
			const nothing = "nothing is known of it any more"
			item = Item{Name: planned.Name, Source: planned.Source, Action: planned.Action, Refused: nothing, After: ssmbak.State{Name: planned.Name, Reason: nothing}}
		} else if why := planned.moved(&item); why != "" {
			item.Refused = why
		}
		selected = append(selected, item)
	}
	return selected, nil
}

// moved returns what has changed between the planned item and the one that would
// be planned now, "" for nothing. That nothing is left to do is no change.
func (x *FileItem) moved(now *Item) string {
	if now.Action == ActionNone {
		return ""
	}
	y := fileItem(now)
	what := ""
	switch {
	case !x.Before.same(y.Before):
		what = "it is " + y.Before.String() + " now, and was " + x.Before.String()
	case !x.After.same(y.After):
		what = "what it was at that time is " + y.After.String() + " now, and was " + x.After.String()
	case x.Action != y.Action || x.Source != y.Source:
		what = fmt.Sprintf("%s was planned, and now it would be %s", x.Action, y.Action)
	case !slices.EqualFunc(x.Differences, y.Differences, FileDifference.same):
		what = "other attributes differ now"
	default:
		return ""
	}
	return "it moved since the plan was made: " + what
}

func (v *FileVersion) same(w *FileVersion) bool {
	if v == nil || w == nil {
		return v == w
	}
	return v.Number == w.Number && v.Time == w.Time
}

// String names the version.
func (v *FileVersion) String() string {
	if v == nil {
		return "not there"
	}
	return fmt.Sprintf("version %d of %s", v.Number, v.Time)
}

func (d FileDifference) same(e FileDifference) bool {
	equal := func(a, b *string) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }
	return d.Attribute == e.Attribute && equal(d.Before, e.Before) && equal(d.After, e.After)
}
