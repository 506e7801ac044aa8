package ui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/changeset"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// The strip's size, in its own units, and the number of its bars.
const (
	stripWidth  = 960
	stripHeight = 120
	bars        = 96
	// leastSpan is the shortest period of the strip.
	leastSpan = 96 * time.Millisecond
)

// kind is a kind of changes that a bar counts.
type kind struct {
	name, class string
	operations  []ssmbak.Operation
}

// kinds are all kinds, from the bottom of a bar.
var kinds = []kind{
	{"created", "create", []ssmbak.Operation{ssmbak.OpCreate}},
	{"updated", "update", []ssmbak.Operation{ssmbak.OpUpdate}},
	{"deleted", "delete", []ssmbak.Operation{ssmbak.OpDelete}},
	{"tags and labels", "attributes", []ssmbak.Operation{ssmbak.OpTag, ssmbak.OpLabel}},
	{"gaps", "gap", []ssmbak.Operation{ssmbak.OpGap}},
}

// strip is the changes of a period as bars.
type strip struct {
	From, Until stamp
	Total       string
	Counts      []count
	Bars        []bar
	Bands       []band
	Sets        []mark
	Lines       []mark
	Label       string
	Axis        []string    // when its quarters begin, in UTC
	LocalAxis   []string    // the same in local time, nil if that is UTC
	Marks       []namedMark // of the period
	More        int         // marks after them
	Links       []anchor    // to move and zoom
	Table       []bar       // the bars with changes
}

// namedMark is a mark that a person or a pipeline has set. Its link moves the cursor to it.
type namedMark struct {
	Name, Message string
	At            stamp
	Link          string
}

type count struct {
	Name, Class string
	N           int
}

// bar is the changes of a part of the period. Its link moves the cursor right before them.
type bar struct {
	X, Width, N int
	Label       string
	Link        string
	Counts      []count
	Parts       []part
}

type part struct {
	Class             string
	X, Y, Width, High int
}

// band is a period in which something is not known.
type band struct {
	X, Width     int
	Class, Label string
}

// mark is a moment.
type mark struct {
	X            int
	Class, Label string
}

type anchor struct{ ID, Text, Link string }

// span returns the period of the strip: that of the view, or the shortest of some usual
// ones that contains the cursor and changes, without the time before the first of them.
func (r *records) span(v view) (from, until ssmbak.Time) {
	until = cmp.Or(v.Until, r.now.Add(time.Millisecond))
	if from = v.From; from == 0 {
		first, last := until.Add(-time.Second), ssmbak.MinTime
		for i := range r.changes {
			if c := &r.changes[i]; c.From != ssmbak.MinTime {
				first, last = min(first, c.From), max(last, c.From)
			}
		}
		if v.At >= first {
			last = min(last, v.At)
		}
		from = first - (until-first)/50
		for _, usual := range []time.Duration{10 * time.Minute, time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour} {
			if begin := until.Add(-usual); begin <= last {
				from = max(from, begin)
				break
			}
		}
	}
	if from > until {
		from, until = until, from
	}
	if until-from < ssmbak.Time(leastSpan/time.Millisecond) {
		until = from.Add(leastSpan)
	}
	return from, until
}

// strip returns the view model of the strip. changes are those of the period that the
// filters include.
func (r *records) strip(v view, changes []*ssmbak.Change, times render.View) strip {
	scale, zone := scale{v.From, v.Until}, times.Zone
	out := strip{From: at(v.From, zone), Until: at(v.Until, zone), Total: shell.Count(len(changes), "change", "changes")}
	for _, k := range kinds {
		out.Counts = append(out.Counts, count{k.name, k.class, 0})
	}
	all := make([]bar, bars)
	first := make([]ssmbak.Time, bars) // the first change of each
	for i := range all {
		all[i].X, all[i].Width = i*stripWidth/bars, stripWidth/bars
		all[i].Counts = slices.Clone(out.Counts)
	}
	for _, c := range changes {
		moment := c.From
		if moment == ssmbak.MinTime {
			moment = c.Until
		}
		i := min(scale.x(moment)*bars/stripWidth, bars-1)
		k := slices.IndexFunc(kinds, func(k kind) bool { return slices.Contains(k.operations, c.Operation) })
		all[i].Counts[k].N++
		out.Counts[k].N++
		if all[i].N++; first[i] == 0 || moment < first[i] {
			first[i] = moment
		}
	}
	most := 1
	for _, b := range all {
		most = max(most, b.N)
	}
	for i := range all {
		b := &all[i]
		if b.N == 0 {
			continue
		}
		y := stripHeight
		for _, c := range b.Counts {
			if c.N > 0 {
				high := max(3, c.N*(stripHeight-20)/most)
				y -= high
				b.Parts = append(b.Parts, part{c.Class, b.X + 1, y, b.Width - 2, high})
			}
		}
		stop := r.stopBefore(first[i])
		b.Link = v.with(func(v *view) { v.At = stop }).link("/")
		b.Label = fmt.Sprintf("%s from %s: %s", shell.Count(b.N, "change", "changes"), times.Exact(scale.at(b.X)), summary(b.Counts))
		out.Table = append(out.Table, *b)
	}
	out.Bars = all
	out.Bands, out.Lines, out.Sets = r.bands(scale, times), r.marksOf(v, scale, times), setMarks(r.sets, scale, times)
	out.Axis = scale.axis(time.UTC)
	if times.Both {
		out.LocalAxis = scale.axis(zone)
	}
	out.Label = fmt.Sprintf("%s from %s to %s", out.Total, times.Exact(v.From), times.Exact(v.Until))
	out.Marks, out.More = r.namedMarks(v, zone)
	out.Links = r.moves(v)
	return out
}

// axis returns when the quarters of the strip begin in a zone, as precisely as people need it.
func (s scale) axis(zone *time.Location) (all []string) {
	layout := time.DateOnly
	switch span := time.Duration(s.until-s.from) * time.Millisecond; {
	case span < 2*time.Minute:
		layout = "15:04:05.000"
	case span < 24*time.Hour:
		layout = time.TimeOnly
	case span < 60*24*time.Hour:
		layout = "01-02 15:04"
	}
	for i := range ssmbak.Time(4) {
		all = append(all, (s.from + (s.until-s.from)*i/4).Std().In(zone).Format(layout))
	}
	return all
}

// shownMarks is the number of marks that are listed.
const shownMarks = 20

// namedMarks returns the newest marks of the period, and the number of others.
func (r *records) namedMarks(v view, zone *time.Location) (shown []namedMark, more int) {
	var all []archive.Mark
	for _, m := range r.marks {
		if m.At >= v.From && m.At < v.Until {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b archive.Mark) int { return cmp.Or(cmp.Compare(b.At, a.At), strings.Compare(a.Name, b.Name)) })
	for _, m := range all[:min(shownMarks, len(all))] {
		shown = append(shown, namedMark{m.Name, m.Message, at(m.At, zone), v.with(func(v *view) { v.At = m.At }).link("/")})
	}
	return shown, len(all) - len(shown)
}

// stopBefore returns the latest of the moments right before changes that is before one.
func (r *records) stopBefore(moment ssmbak.Time) ssmbak.Time {
	n, _ := slices.BinarySearch(r.stops, moment)
	if n == 0 {
		return moment - 1
	}
	return r.stops[n-1]
}

// bands returns what is not known: the time before recording began, and unknown states.
func (r *records) bands(s scale, times render.View) (all []band) {
	add := func(p period, class, label string) {
		if p.From < s.until && p.Until > s.from {
			x := s.x(p.From)
			all = append(all, band{x, max(2, s.x(p.Until)-x), class, label})
		}
	}
	if since := r.lines.Since; since != 0 {
		add(period{ssmbak.MinTime, since}, "unrecorded", "before recording began at "+times.Exact(since))
	}
	for _, p := range r.unknown {
		add(p.period, "unknown", fmt.Sprintf("unknown from %s until %s: %s", times.Exact(p.From), times.Exact(p.Until), archive.NameList(p.names)))
	}
	return all
}

// marksOf returns the lines of the cursor, of the last complete listing, and of marks.
func (r *records) marksOf(v view, s scale, times render.View) (all []mark) {
	add := func(t ssmbak.Time, class, label string) {
		if t >= s.from && t < s.until {
			all = append(all, mark{s.x(t), class, label + " " + times.Exact(t)})
		}
	}
	for _, m := range r.marks {
		add(m.At, "mark", "mark "+m.Name+" at")
	}
	slices.SortFunc(all, func(a, b mark) int { return cmp.Or(cmp.Compare(a.X, b.X), strings.Compare(a.Label, b.Label)) })
	add(r.lines.Complete, "complete", "complete up to")
	add(v.At, "cursor", "cursor at")
	return all
}

// mostSets is the number of sets that the strip marks, so that each is visible.
const mostSets = 300

// setMarks returns the first changes of the sets.
func setMarks(sets []changeset.Set, s scale, times render.View) (all []mark) {
	for _, set := range sets {
		if set.From >= s.from && set.From < s.until && len(all) < mostSets {
			label := shell.Count(len(set.Changes), "change", "changes") + " by " + set.By + " from " + times.Exact(set.From) + " to " + times.Exact(set.Until-1)
			if n := len(set.Overlaps); n > 0 {
				label += ", overlaps " + shell.Count(n, "set", "sets")
			}
			all = append(all, mark{s.x(set.From), "set", label})
		}
	}
	return all
}

// moves returns the links that move the cursor and the period.
func (r *records) moves(v view) (all []anchor) {
	add := func(id, text string, change func(*view)) {
		all = append(all, anchor{id, text, v.with(change).link("/")})
	}
	n, found := slices.BinarySearch(r.stops, v.At)
	if n > 0 {
		add("previous", "Previous set", func(v *view) { v.At = r.stops[n-1]; v.show() })
	}
	if found {
		n++
	}
	if n < len(r.stops) {
		add("next", "Next set", func(v *view) { v.At = r.stops[n]; v.show() })
	}
	width := v.Until - v.From
	add("earlier", "Earlier", func(v *view) { v.From -= width / 2; v.Until -= width / 2 })
	add("later", "Later", func(v *view) { v.From += width / 2; v.Until += width / 2 })
	add("in", "Zoom in", func(v *view) { v.center(width / 4) })
	add("out", "Zoom out", func(v *view) { v.center(width * 4) })
	for _, usual := range []struct {
		text string
		time.Duration
	}{{"1 hour", time.Hour}, {"1 day", 24 * time.Hour}, {"30 days", 30 * 24 * time.Hour}} {
		add("", usual.text, func(v *view) { v.From, v.Until = r.now.Add(-usual.Duration), r.now.Add(time.Millisecond) })
	}
	return all
}

// show moves the period so that it contains the cursor.
func (v *view) show() {
	if v.At < v.From || v.At >= v.Until {
		v.center(v.Until - v.From)
	}
}

// center sets a period around the cursor if the period contains it, or around its middle.
func (v *view) center(width ssmbak.Time) {
	middle := v.From + (v.Until-v.From)/2
	if v.At >= v.From && v.At < v.Until || width == v.Until-v.From {
		middle = v.At
	}
	width = max(width, ssmbak.Time(leastSpan/time.Millisecond))
	v.From, v.Until = middle-width/2, middle+width-width/2
}

// scale maps a period to the width of the strip.
type scale struct{ from, until ssmbak.Time }

func (s scale) x(t ssmbak.Time) int {
	t = min(max(t, s.from), s.until)
	return int(float64(t-s.from) / float64(s.until-s.from) * stripWidth)
}

func (s scale) at(x int) ssmbak.Time {
	return s.from + ssmbak.Time(float64(x)/stripWidth*float64(s.until-s.from))
}

// summary returns the counts that are not zero.
func summary(counts []count) string {
	var parts []string
	for _, c := range counts {
		if c.N > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", c.Name, c.N))
		}
	}
	return strings.Join(parts, ", ")
}
