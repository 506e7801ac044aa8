package restore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

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
	Options   FileOptions `json:"options"`
	// Items are all that the plan concerns, by name, but for those in which
	// nothing differs; Unchanged counts these.
	Items     []FileItem `json:"items"`
	Unchanged int        `json:"unchanged"`
}

// FileOptions are the [Options] that decide what a plan does.
type FileOptions struct {
	AssumeLastKnown bool     `json:"assumeLastKnown,omitempty"`
	Exact           bool     `json:"exact,omitempty"`
	Replace         bool     `json:"replace,omitempty"`
	Own             bool     `json:"own,omitempty"`
	To              string   `json:"to,omitempty"`
	Only            []string `json:"only,omitempty"`
	Exclude         []string `json:"exclude,omitempty"`
	KeyID           string   `json:"keyId,omitempty"`
}

// FileItem is an [Item] in a plan file.
type FileItem struct {
	Name   ssmbak.Name `json:"name"`
	Source ssmbak.Name `json:"source,omitempty"`
	Action Action      `json:"action"`
	// Wanted is the version that is restored, and Live the one that is
	// overwritten or deleted; nil where there is none.
	Wanted      *FileVersion     `json:"wanted,omitempty"`
	Live        *FileVersion     `json:"live,omitempty"`
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
	Live      *string          `json:"live"`
	Wanted    *string          `json:"wanted"`
}

// FileError says why a plan file cannot be applied.
type FileError struct{ Reason string }

func (e *FileError) Error() string { return "the plan cannot be applied: " + e.Reason }

// File returns the plan as it is kept.
func (r *Restorer) File(p *Plan) *File {
	id, _ := r.archive.Identity()
	f := &File{
		Format: FileFormat, Kind: fileKind, Account: id.Account, Region: id.Region, Bucket: r.archive.Bucket(),
		Created: ssmbak.TimeOf(time.Now()), By: r.o.By, At: p.At, Target: p.Target.String(), Recursive: p.Target.Recursive(),
		Options: FileOptions{
			AssumeLastKnown: r.o.AssumeLastKnown, Exact: r.o.Exact, Replace: r.o.Replace, Own: r.o.Own,
			To: r.o.To, Only: r.o.Only, Exclude: r.o.Exclude, KeyID: r.o.KeyID,
		},
		Items: []FileItem{},
	}
	for i := range p.Items {
		if p.Items[i].Action == None {
			f.Unchanged++
			continue
		}
		f.Items = append(f.Items, fileItem(&p.Items[i]))
	}
	return f
}

func fileItem(i *Item) FileItem {
	x := FileItem{Name: i.Name, Source: i.Source, Action: i.Action, Reason: i.Reason, Refused: i.Refused, Notices: slices.Concat(i.Notices, i.Warnings)}
	if v := i.Wanted.Version; v.Time != 0 {
		x.Wanted = &FileVersion{Number: v.Number, Time: v.Time}
		for _, o := range i.WantedObjects {
			x.Wanted.Objects = append(x.Wanted.Objects, o.ID)
		}
	}
	if l := i.Live; l != nil {
		x.Live = &FileVersion{Number: l.Version.Number, Time: l.Version.Time}
		for _, o := range l.Objects {
			x.Live.Objects = append(x.Live.Objects, o.ID)
		}
	}
	for _, d := range i.Differences {
		y := FileDifference{Attribute: d.Attribute}
		if !d.Value && !d.NoLive {
			y.Live = &d.Live
		}
		if !d.Value && !d.NoWanted {
			y.Wanted = &d.Wanted
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

// Apply returns the options with which the plan was made, others being those of o.
func (f *File) Apply(o Options) Options {
	x := f.Options
	o.AssumeLastKnown, o.Exact, o.Replace, o.Own = x.AssumeLastKnown, x.Exact, x.Replace, x.Own
	o.To, o.Only, o.Exclude, o.KeyID = x.To, x.Only, x.Exclude, x.KeyID
	return o
}

// PlanFile makes the plan of a file anew. The Restorer must have the options
// with which it was made, see [File.Apply]. What has moved since is refused, and
// what stands not in the file is left alone.
//
// The error is a [*FileError] if the file is one of another account, region or
// bucket.
func (r *Restorer) PlanFile(ctx context.Context, f *File) (*Plan, error) {
	id, _ := r.archive.Identity()
	if f.Account != id.Account || f.Region != id.Region {
		return nil, &FileError{fmt.Sprintf("it is for account %s in %s, and this is account %s in %s", f.Account, f.Region, id.Account, id.Region)}
	}
	if f.Bucket != r.archive.Bucket() {
		return nil, &FileError{fmt.Sprintf("it is for the archive in bucket %s, and this is bucket %s", f.Bucket, r.archive.Bucket())}
	}
	target, err := ssmbak.ParseTarget(f.Target, f.Recursive)
	if err != nil {
		return nil, &FileError{err.Error()}
	}
	plan, err := r.Plan(ctx, target, f.At)
	if err != nil {
		return nil, err
	}
	now := make(map[ssmbak.Name]Item, len(plan.Items))
	for _, item := range plan.Items {
		now[item.Name] = item
	}
	plan.Items = nil
	seen := make(map[ssmbak.Name]bool, len(f.Items))
	for _, planned := range f.Items {
		if seen[planned.Name] {
			return nil, &FileError{"it was changed by hand: " + string(planned.Name) + " stands in it twice"}
		}
		seen[planned.Name] = true
		item, ok := now[planned.Name]
		if !ok && planned.Action == Delete {
			gone := ssmbak.State{Name: planned.Name, Deleted: true, Certainty: ssmbak.LastKnown}
			item = Item{Name: planned.Name, Action: None, Reason: "it is gone already", Wanted: gone}
		} else if !ok {
			const nothing = "nothing is known of it any more"
			item = Item{Name: planned.Name, Source: planned.Source, Action: planned.Action, Refused: nothing, Wanted: ssmbak.State{Name: planned.Name, Reason: nothing}}
		} else if why := planned.moved(&item); why != nil {
			item.Refused = why.Error()
		}
		plan.Items = append(plan.Items, item)
	}
	return plan, nil
}

// moved returns what has changed between the planned item and the one that would
// be planned now, nil for nothing. That nothing is left to do is no change.
func (x *FileItem) moved(now *Item) error {
	if now.Action == None {
		return nil
	}
	y := fileItem(now)
	what := ""
	switch {
	case !x.Live.same(y.Live):
		what = "it is " + y.Live.String() + " now, and was " + x.Live.String()
	case !x.Wanted.same(y.Wanted):
		what = "what it was at that time is " + y.Wanted.String() + " now, and was " + x.Wanted.String()
	case x.Action != y.Action || x.Source != y.Source:
		what = fmt.Sprintf("%s was planned, and now it would be %s", x.Action, y.Action)
	case !slices.EqualFunc(x.Differences, y.Differences, FileDifference.same):
		what = "other attributes differ now"
	default:
		return nil
	}
	return errors.New("it moved since the plan was made: " + what)
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
	return d.Attribute == e.Attribute && equal(d.Live, e.Live) && equal(d.Wanted, e.Wanted)
}
