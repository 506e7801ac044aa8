package restore

import (
	"cmp"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/plan"
)

// newRecord returns the record of a restore that is about to apply todo.
func (r *Restorer) newRecord(p *Plan, todo []*plan.Outcome) *archive.RestoreRecord {
	now := time.Now()
	rec := &archive.RestoreRecord{
		ID:    archive.NewRestoreID(now, strings.ToLower(rand.Text()[:6])),
		Began: now.UTC().Truncate(time.Millisecond), By: r.o.By, Arguments: r.o.Arguments, Message: r.o.Message,
		Target: p.Target.String(), Recursive: p.Target.Recursive(), At: p.At, Until: p.Until, Undoes: p.Undoes,
	}
	elsewhere := r.o.From != nil && p.Undoes == ""
	switch {
	case p.Undoes != "":
		rec.At = 0
	case elsewhere:
		id, _ := r.o.From.Identity()
		rec.From = &archive.RecordSource{Account: id.Account, Region: id.Region, Bucket: r.o.From.Bucket(), Owner: r.o.From.Owner()}
	}
	for _, out := range todo {
		item := &out.Item
		x := archive.RestoreItem{Name: item.Name, Action: string(item.Action), Replaces: item.Action == plan.ActionReplace || item.Fallback != nil, Attributes: []ssmbak.Attribute{}}
		for _, d := range item.Differences {
			x.Attributes = append(x.Attributes, d.Attribute)
		}
		if item.Fallback != nil {
			for _, d := range item.Fallback.Differences {
				if !slices.Contains(x.Attributes, d.Attribute) {
					x.Attributes = append(x.Attributes, d.Attribute)
				}
			}
		}
		before, after := item.Versions()
		if before != nil {
			x.Before = &archive.RestoreSide{Source: item.Name, Version: *before, Tags: item.Before.Tags.V, Labels: item.Before.Labels.V}
		}
		if after != nil {
			x.After = &archive.RestoreSide{Source: item.Name, Version: *after, Tags: item.After.Tags.V, Labels: item.After.Labels.V}
			if item.NewVersion() {
				x.After.Source = item.Origin()
				if elsewhere {
					x.After.From, x.After.Version.Objects = x.After.Version.Objects, nil
				}
			}
		}
		rec.Items = append(rec.Items, x)
	}
	slices.SortFunc(rec.Items, func(a, b archive.RestoreItem) int { return cmp.Compare(a.Name, b.Name) })
	return rec
}

// addOutcomes adds the outcomes to the record.
func addOutcomes(rec *archive.RestoreRecord, done []*plan.Outcome) {
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
