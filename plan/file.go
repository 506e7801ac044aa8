package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// fileFormat is the format of a [File] that this package writes, and the newest that it
// reads.
const fileFormat = 1

// fileKind distinguishes a plan file from other JSON.
const fileKind = "ssmbak restore plan"

// File is a plan as JSON, for review before it is applied. It names versions and object
// versions, and contains no value. The format is public, see docs/plan-file.md.
type File struct {
	Format int    `json:"format"`
	Kind   string `json:"kind"`
	// Account and Region are those of the parameters, and Bucket is the archive that records
	// the restore, "" for none.
	Account string `json:"account"`
	Region  string `json:"region"`
	Bucket  string `json:"bucket"`
	// From is the archive whose states are restored, nil if it is that of the parameters.
	From    *FileSource `json:"from,omitempty"`
	Created ssmbak.Time `json:"created"`
	By      string      `json:"by,omitempty"`
	// At is the time that is restored, in milliseconds of UTC.
	At ssmbak.Time `json:"at"`
	// Until is set for a revert, see [Plan.Until].
	Until     ssmbak.Time `json:"until,omitempty"`
	Target    string      `json:"target"`
	Recursive bool        `json:"recursive"`
	Options   Options     `json:"options"`
	// Items are the items of the plan, by name, except those with [ActionNone], which
	// Unchanged counts.
	Items     []FileItem `json:"items"`
	Unchanged int        `json:"unchanged"`
}

// FileSource is an archive of another account or region, or a copy of one. Owner is the
// account that owns the bucket.
type FileSource struct {
	Place
	Bucket string `json:"bucket"`
	Owner  string `json:"owner"`
}

// FileItem is an [Item] in a plan file.
type FileItem struct {
	Name   ssmbak.Name `json:"name"`
	Source ssmbak.Name `json:"source,omitempty"`
	Action Action      `json:"action"`
	// After is the version that is restored, and Before the one that is overwritten or
	// deleted. Each is nil if there is no such version.
	After       *FileVersion     `json:"after,omitempty"`
	Before      *FileVersion     `json:"before,omitempty"`
	Differences []FileDifference `json:"differences,omitempty"`
	Conflicts   []FileConflict   `json:"conflicts,omitempty"`
	Reason      string           `json:"reason,omitempty"`
	Refused     string           `json:"refused,omitempty"`
	Notices     []string         `json:"notices,omitempty"`
}

// FileVersion is one version of a parameter. Objects are the IDs of the object versions
// in the bucket that hold its value.
type FileVersion struct {
	Number  int64       `json:"number"`
	Time    ssmbak.Time `json:"time"`
	Objects []string    `json:"objects,omitempty"`
}

// FileDifference is a [Difference] without values. A side is nil if the attribute is the
// value, or if that side does not have it.
type FileDifference struct {
	Attribute ssmbak.Attribute `json:"attribute"`
	Before    *string          `json:"before"`
	After     *string          `json:"after"`
}

// FileConflict is a [Conflict]. Time is the earliest time of the change, zero if it is
// unknown.
type FileConflict struct {
	Unit   Unit        `json:"unit"`
	Reason string      `json:"reason"`
	By     string      `json:"by,omitempty"`
	Time   ssmbak.Time `json:"time,omitempty"`
}

// FileError is the reason why a plan file cannot be applied.
type FileError struct{ Reason string }

func (e *FileError) Error() string { return "the plan cannot be applied: " + e.Reason }

// NewFile returns the file of a plan. The caller sets Account, Region, Bucket, From, Created
// and By.
func NewFile(p *Plan, o Options) *File {
	f := &File{
		Format: fileFormat, Kind: fileKind, At: p.At, Until: p.Until, Target: p.Target.String(), Recursive: p.Target.Recursive(), Options: o, Items: []FileItem{},
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
		x.After = fileVersion(v, i.AfterObjects)
	}
	if b := i.Before; b != nil {
		x.Before = fileVersion(b.Version, b.Objects)
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
	for _, c := range i.Conflicts {
		x.Conflicts = append(x.Conflicts, FileConflict{Unit: c.Unit, Reason: c.Reason, By: c.By, Time: c.Time()})
	}
	return x
}

func fileVersion(v ssmbak.Version, objects []timeline.ObjectRef) *FileVersion {
	x := &FileVersion{Number: v.Number, Time: v.Time}
	for _, o := range objects {
		x.Objects = append(x.Objects, o.ID)
	}
	return x
}

// ParseFile decodes the JSON of a plan file, or returns a [*FileError]. It refuses a
// newer format and unknown fields.
func ParseFile(text []byte) (*File, error) {
	var envelope struct {
		Format int    `json:"format"`
		Kind   string `json:"kind"`
	}
	switch err := json.Unmarshal(text, &envelope); {
	case err != nil || envelope.Kind != fileKind:
		return nil, &FileError{"it is not a plan file; `ssmbak restore --dry-run --out FILE` writes one"}
	case envelope.Format > fileFormat:
		return nil, &FileError{fmt.Sprintf("it has format %d, this ssmbak reads up to format %d: use a newer ssmbak", envelope.Format, fileFormat)}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var f File
	if err := d.Decode(&f); err != nil || f.Format < 1 {
		return nil, &FileError{"it was edited or is damaged"}
	}
	return &f, nil
}

// Select returns the items of a new plan for the parameters in the file, in the order of
// the file. Items that differ from those in the file are refused. It returns a
// [*FileError] if the file contains a parameter twice.
func (f *File) Select(items []Item) ([]Item, error) {
	now := make(map[ssmbak.Name]Item, len(items))
	for _, item := range items {
		now[item.Name] = item
	}
	var selected []Item
	seen := make(map[ssmbak.Name]bool, len(f.Items))
	for _, planned := range f.Items {
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
			item = Item{Name: planned.Name, Source: planned.Source, Action: planned.Action, Refused: unknown, After: ssmbak.State{Name: planned.Name, Reason: unknown}}
		} else if why := planned.changed(&item); why != "" {
			item.Refused = why
		}
		selected = append(selected, item)
	}
	return selected, nil
}

// changed returns the reason why the item of a new plan is refused, "" if it does what
// was planned or nothing is left to do.
func (x *FileItem) changed(now *Item) string {
	if now.Action == ActionNone {
		return ""
	}
	y := fileItem(now)
	what := ""
	switch {
	case !x.Before.same(y.Before):
		what = "it was " + x.Before.String() + " and is now " + y.Before.String()
	case !x.After.same(y.After):
		what = "the version to restore was " + x.After.String() + " and is now " + y.After.String()
	case x.Action != y.Action || x.Source != y.Source:
		what = fmt.Sprintf("the action was %s and is now %s", x.Action, y.Action)
	case !slices.EqualFunc(x.Differences, y.Differences, FileDifference.same):
		what = "other attributes differ now"
	default:
		return ""
	}
	return "it changed since the plan was made: " + what
}

func (v *FileVersion) same(w *FileVersion) bool {
	if v == nil || w == nil {
		return v == w
	}
	return v.Number == w.Number && v.Time == w.Time
}

// String returns a description of the version for messages.
func (v *FileVersion) String() string {
	if v == nil {
		return "absent"
	}
	return fmt.Sprintf("version %d of %s", v.Number, v.Time)
}

func (d FileDifference) same(e FileDifference) bool {
	equal := func(a, b *string) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }
	return d.Attribute == e.Attribute && equal(d.Before, e.Before) && equal(d.After, e.After)
}
