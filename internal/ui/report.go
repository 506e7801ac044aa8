package ui

import (
	"context"
	"fmt"
	"html/template"
	"io"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// The numbers of rows of a report.
const (
	reportSets    = 500
	reportChanges = 2000
	reportRows    = 1000
)

// Period is what a report shows: the cursor, and the period of the strip. A zero time is
// that of the page.
type Period struct{ At, From, Until ssmbak.Time }

// reportView is the view model of a report.
type reportView struct {
	Changes changesView
	Tree    treeView
}

// Report writes the page as one HTML file for others: without secrets, links and scripts.
func (s *Server) Report(ctx context.Context, w io.Writer, o Period) error {
	rec, err := s.read(ctx)
	if err != nil {
		return err
	}
	v := view{At: o.At, From: o.From, Until: o.Until, Page: 1}
	if v.At == 0 {
		v.At = rec.start()
	}
	v.From, v.Until = rec.span(v)
	style, err := files.ReadFile("static/ui.css")
	if err != nil {
		return err
	}
	p := s.newPage("report", "Report of "+s.o.Target.String(), "", v, rec)
	p.Report, p.Style = true, template.CSS(style) //nolint:gosec // a file of this package
	body := reportView{Changes: s.changesView(rec, v, reportSets, reportChanges)}
	if body.Tree, err = s.treeView(ctx, rec, v, reportRows); err != nil {
		return err
	}
	body.unlink()
	p.Body = body
	p.Commands = []string{s.command("ui " + s.target() + " --report FILE --at " + v.At.String() + " --since " + v.From.String() + " --until " + v.Until.String())}
	for _, rows := range []struct {
		pager
		one, many string
	}{
		{body.Changes.Pager, "set of changes is", "sets of changes are"}, {body.Changes.Below, "change is", "changes are"}, {body.Tree.Pager, "parameter is", "parameters are"},
	} {
		if n := rows.Total - rows.Last; n > 0 {
			p.Notes = append(p.Notes, shell.Count(n, rows.one, rows.many)+" not in the report, which has the first ones")
		}
	}
	text, err := p.render()
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// unlink removes the addresses, which lead nowhere from a file.
func (r *reportView) unlink() {
	c := &r.Changes
	c.Strip.Links, c.Strip.Table = nil, nil
	for i := range c.Strip.Bars {
		c.Strip.Bars[i].Link = ""
	}
	for i := range c.Strip.Marks {
		c.Strip.Marks[i].Link = ""
	}
	for i := range c.Sets {
		set := &c.Sets[i]
		set.Look, set.Compare, set.Revert = "", "", ""
		for j := range set.Overlaps {
			set.Overlaps[j].Look = ""
		}
		for j := range set.Names {
			set.Names[j].Link = ""
		}
	}
	for i := range c.Changes {
		c.Changes[i].Look, c.Changes[i].Name.Link = "", ""
	}
	for i := range r.Tree.Rows {
		r.Tree.Rows[i].Name.Link = ""
	}
	for _, p := range []*pager{&c.Pager, &c.Below, &r.Tree.Pager} {
		p.Previous, p.Next = "", ""
	}
}
