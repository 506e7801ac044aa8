package restore

import (
	"cmp"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/timeline"
)

// record returns the record of a restore that is about to do what todo says.
func (r *Restorer) record(p *Plan, todo []*Outcome) *archive.RestoreRecord {
	now := time.Now()
	rec := &archive.RestoreRecord{
		ID:    archive.NewRestoreID(now, strings.ToLower(rand.Text()[:6])),
		Began: now.UTC().Truncate(time.Millisecond), By: r.o.By, Arguments: r.o.Arguments,
		Target: p.Target.String(), Recursive: p.Target.Recursive(), At: p.At, Undoes: p.Undoes,
	}
	if p.Undoes != "" {
		rec.At = 0
	}
	for _, out := range todo {
		item := &out.Item
		x := archive.RestoreItem{Name: item.Name, Action: string(item.Action), Replaces: item.Action == Replace || item.instead != nil, Attributes: []ssmbak.Attribute{}}
		for _, d := range item.Differences {
			x.Attributes = append(x.Attributes, d.Attribute)
		}
		if item.instead != nil {
			for _, d := range item.instead.Differences {
				if !slices.Contains(x.Attributes, d.Attribute) {
					x.Attributes = append(x.Attributes, d.Attribute)
				}
			}
		}
		if l := item.Live; l != nil {
			x.Before = &archive.RestoreSide{Source: item.Name, Version: recorded(l.Version, l.Objects)}
			x.Before.Tags, x.Before.Labels = l.Tags.V, l.Labels.V
		}
		x.After = item.after(x.Before)
		rec.Items = append(rec.Items, x)
	}
	slices.SortFunc(rec.Items, func(a, b archive.RestoreItem) int { return cmp.Compare(a.Name, b.Name) })
	return rec
}

// after is what the item makes of the parameter, nil if it deletes it.
func (i *Item) after(before *archive.RestoreSide) *archive.RestoreSide {
	if i.Action == Delete {
		return nil
	}
	side := &archive.RestoreSide{}
	if i.newVersion() {
		w := i.write
		side.Source = i.source()
		side.Version = recorded(ssmbak.Version{Number: i.expected(), Attributes: ssmbak.Attributes{Type: w.Type, KeyID: w.KeyID, Tier: w.Tier, DataType: w.DataType, Description: w.Description, AllowedPattern: w.AllowedPattern, Policies: w.Policies}}, i.WantedObjects)
	} else {
		side.Source, side.Version = before.Source, before.Version
	}
	side.Tags, side.Labels = i.Wanted.Tags.V, i.Wanted.Labels.V
	return side
}

func recorded(v ssmbak.Version, objects []timeline.ObjectRef) timeline.Version {
	return timeline.Version{Version: ssmbak.Version{Number: v.Number, Time: v.Time, User: v.User, Attributes: ssmbak.Attributes{Type: v.Type, KeyID: v.KeyID, Tier: v.Tier, DataType: v.DataType, Description: v.Description, AllowedPattern: v.AllowedPattern, Policies: v.Policies}}, Objects: objects}
}

// note adds to the record what became of each item.
func note(rec *archive.RestoreRecord, done []*Outcome) {
	rec.Ended = time.Now().UTC().Truncate(time.Millisecond)
	for _, out := range done {
		i, _ := slices.BinarySearchFunc(rec.Items, out.Item.Name, func(x archive.RestoreItem, n ssmbak.Name) int { return cmp.Compare(x.Name, n) })
		x := &rec.Items[i]
		x.Status, x.Written = string(out.Status), out.Version
		if out.Err != nil {
			x.Error = out.Err.Error()
		}
	}
}
