package plan

import (
	"maps"
	"slices"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// Document is a plan as JSON: in a plan file, for review before it is applied, and in the
// archive, as the record of the restore that applies it. It names versions and object
// versions, and contains no value. The format is public, see docs/plan-file.md.
type Document struct {
	Format int `json:"format"`
	// Kind is that of a plan file, and "" in a record.
	Kind string `json:"kind,omitempty"`
	// Applied is empty in a plan file.
	Applied
	// Account and Region are those of the parameters, and Bucket is the archive that records
	// the restore, "" for none.
	Account string `json:"account,omitempty"`
	Region  string `json:"region,omitempty"`
	Bucket  string `json:"bucket,omitempty"`
	// From is the archive whose states are restored, nil if it is that of the parameters.
	From *DocumentSource `json:"from,omitempty"`
	// Created is when a plan file was made. By is the ARN of the principal that made it, or
	// that applies a record.
	Created ssmbak.Time `json:"created,omitempty"`
	By      string      `json:"by,omitempty"`
	// At is the time that is restored, in milliseconds of UTC; zero if Undoes is set.
	At ssmbak.Time `json:"at,omitempty"`
	// Until is set for a revert, see [Plan.Until].
	Until     ssmbak.Time `json:"until,omitempty"`
	Target    string      `json:"target"`
	Recursive bool        `json:"recursive,omitempty"`
	Options   Options     `json:"options,omitzero"`
	// Items are the items of a plan except those with [ActionNone], which Unchanged counts,
	// and in a record those that the restore was to apply, by name.
	Items     []DocumentItem `json:"items"`
	Unchanged int            `json:"unchanged,omitempty"`
}

// Applied is what the record of a restore has in addition to its plan.
type Applied struct {
	Reader int    `json:"reader,omitempty"` // the least format that a program must support to read it
	Writer string `json:"writer,omitempty"`
	ID     string `json:"id,omitempty"`
	// Began is when the record was first written, before the first change, and Ended
	// when the restore had ended; zero if it still runs or was killed.
	Began time.Time `json:"began,omitzero"`
	Ended time.Time `json:"ended,omitzero"`
	// Arguments are the command's, with an absolute time, and Message is what the caller
	// gave with --message.
	Arguments string `json:"arguments,omitempty"`
	Message   string `json:"message,omitempty"`
	// Undoes is the ID of the restore that this one undoes.
	Undoes string `json:"undoes,omitempty"`
}

// DocumentSource is an archive of another account or region, or a copy of one. Owner is
// the account that owns the bucket.
type DocumentSource struct {
	Place
	Bucket string `json:"bucket"`
	Owner  string `json:"owner"`
}

// DocumentItem is an [Item] in a document.
type DocumentItem struct {
	Name   ssmbak.Name `json:"name"`
	Action Action      `json:"action"`
	// Replaces says that the parameter may be deleted and recreated. Its versions then
	// start at 1 again.
	Replaces bool `json:"replaces,omitempty"`
	// Attributes are the attributes that change.
	Attributes []ssmbak.Attribute `json:"attributes"`
	// Before is the live parameter, nil if it does not exist. After is the planned
	// parameter, nil for [ActionDelete] and [ActionKeep]; for [ActionSkip] it is the last
	// known state, nil if there is none.
	Before *DocumentSide `json:"before,omitempty"`
	After  *DocumentSide `json:"after,omitempty"`
	// Conflicts, Reason and Refused are those of the item, and Notices include its
	// warnings.
	Conflicts []Conflict `json:"conflicts,omitempty"`
	Reason    string     `json:"reason,omitempty"`
	Refused   string     `json:"refused,omitempty"`
	Notices   []string   `json:"notices,omitempty"`
	// AppliedItem is empty in a plan file.
	AppliedItem
}

// AppliedItem is the outcome of an item, in the record of a restore that has ended.
type AppliedItem struct {
	Status Status `json:"status,omitempty"`
	// Written is the number of the version that was written, 0 if none was.
	Written int64  `json:"written,omitempty"`
	Error   string `json:"error,omitempty"`
}

// DocumentSide is a parameter before or after a restore.
type DocumentSide struct {
	// Source is the name under which the value was recorded.
	Source ssmbak.Name `json:"source"`
	// Version is the version, with the object versions of Source that hold its value. A
	// planned version has no time, and the number that is expected.
	Version timeline.Version `json:"version"`
	// Recorded is the recorded version of Source that is restored, zero for Before.
	Recorded timeline.Ref `json:"recorded,omitzero"`
	// From are the object versions in the bucket of [Document.From]; Version has none then.
	From []timeline.ObjectRef `json:"from,omitempty"`
	// Tags and Labels are nil if they are not known.
	Tags   map[string]string `json:"tags"`
	Labels map[string]int64  `json:"labels"`
}

// Document returns the document of a plan file. from is nil if the plan is not for a restore
// from another archive. The caller sets Account, Region, Bucket, Created and By.
func (p *Plan) Document(o Options, from *DocumentSource) *Document {
	d := &Document{
		Format: fileFormat, Kind: fileKind, Applied: Applied{Undoes: p.Undoes}, From: from, Until: p.Until,
		Target: p.Target.String(), Recursive: p.Target.Recursive(), Options: o, Items: []DocumentItem{},
	}
	if p.Undoes == "" {
		d.At = p.At
	}
	for i := range p.Items {
		if p.Items[i].Action == ActionNone {
			d.Unchanged++
			continue
		}
		d.Items = append(d.Items, documentItem(&p.Items[i], from != nil))
	}
	return d
}

// documentItem returns the item of a document. With elsewhere, the state that is restored is
// in another archive.
func documentItem(i *Item, elsewhere bool) DocumentItem {
	x := DocumentItem{
		Name: i.Name, Action: i.Action, Replaces: i.Action == ActionReplace || i.Fallback != nil, Attributes: []ssmbak.Attribute{},
		After: i.planned(elsewhere), Conflicts: i.Conflicts, Reason: i.Reason, Refused: i.Refused, Notices: slices.Concat(i.Notices, i.Warnings),
	}
	differences := i.Differences
	if i.Fallback != nil {
		differences = slices.Concat(differences, i.Fallback.Differences)
	}
	for _, d := range differences {
		if !slices.Contains(x.Attributes, d.Attribute) {
			x.Attributes = append(x.Attributes, d.Attribute)
		}
	}
	if b := i.Before; b != nil {
		x.Before = &DocumentSide{Source: i.Name, Version: timeline.Version{Version: b.Version, Objects: b.Objects}, Tags: b.Tags.V, Labels: b.Labels.V}
	}
	return x
}

// planned returns [DocumentItem.After].
func (i *Item) planned(elsewhere bool) *DocumentSide {
	v := i.After.Version
	s := &DocumentSide{
		Source: i.Origin(), Version: timeline.Version{Version: v, Objects: i.AfterObjects}, Recorded: timeline.Ref{Number: v.Number, Time: v.Time},
		Tags: i.After.Tags.V, Labels: i.After.Labels.V,
	}
	switch {
	case i.Action == ActionDelete, !i.Action.Writes() && v.Time == 0:
		return nil
	case !i.Action.Writes():
	case i.NewVersion():
		s.Version.Version = ssmbak.Version{Number: i.Expected(), Attributes: i.Write.Attributes}
	default:
		s.Source, s.Version, elsewhere = i.Name, timeline.Version{Version: i.Before.Version, Objects: i.Before.Objects}, false
	}
	if elsewhere {
		s.From, s.Version.Objects = s.Version.Objects, nil
	}
	if i.Action.Writes() {
		s.Tags, s.Labels = i.plannedAttributes()
	}
	return s
}

// plannedAttributes returns the tags and the labels after the action, nil if they are not
// known.
func (i *Item) plannedAttributes() (tags map[string]string, labels map[string]int64) {
	tags, labels = map[string]string{}, map[string]int64{}
	keeps := i.Before != nil && i.Action != ActionReplace
	if keeps {
		maps.Copy(tags, i.Before.Tags.V)
		maps.Copy(labels, i.Before.Labels.V)
	} else {
		maps.Copy(tags, i.Write.Tags)
	}
	for _, d := range i.Differences {
		if key, ok := d.Attribute.Tag(); ok && d.NoAfter {
			delete(tags, key)
		} else if ok {
			tags[key] = d.After
		}
	}
	for _, m := range i.Labels {
		if labels[m.Label] = m.To; m.To == 0 {
			delete(labels, m.Label)
		}
	}
	if keeps && !i.Before.Tags.IsKnown() {
		tags = nil
	}
	if keeps && !i.Before.Labels.IsKnown() {
		labels = nil
	}
	return tags, labels
}

// orAbsent returns the side, or the zero value for a parameter that does not exist.
func (s *DocumentSide) orAbsent() DocumentSide {
	if s == nil {
		return DocumentSide{}
	}
	return *s
}

// Text returns the text of an attribute, "" for the value. ok is false if the parameter, the
// tag or the label does not exist.
func (s *DocumentSide) Text(a ssmbak.Attribute) (text string, ok bool) {
	if s == nil {
		return "", false
	}
	if key, is := a.Tag(); is {
		text, ok = s.Tags[key]
		return text, ok
	}
	if label, is := a.Label(); is {
		n, ok := s.Labels[label]
		return number(n), ok
	}
	return Defaulted(s.Version.Attributes).Get(a), true
}
