package ui

import (
	"context"
	"net/http"
	"net/url"

	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/plan"
)

// compareView is the view model of the differences between two times.
type compareView struct {
	A, B           stamp
	Earlier, Later string // as TIMEs
	Summary        string
	Rows           []treeRow
	Pager          pager
	Filter         filterView
	Revert         string
}

func (s *Server) compare(r *http.Request) (*page, error) {
	rec, v, err := s.requested(r)
	if err != nil {
		return nil, err
	}
	if v.A == 0 {
		v.A = v.At
	}
	if v.B == 0 {
		v.B = rec.now
	}
	return s.composed(r, rec, "Comparing all parameters", s.differences(v, v.A, v.B), func(ctx context.Context) (*page, error) {
		p := s.newPage("compare", "Compare", "/compare", v, rec)
		var err error
		p.Body, err = s.compareView(ctx, rec, v)
		return p, err
	})
}

func (s *Server) compareView(ctx context.Context, rec *records, v view) (compareView, error) {
	c, err := rec.compared(ctx, s, v.A, v.B)
	if err != nil {
		return compareView{}, err
	}
	out := compareView{A: at(v.A, s.zone()), B: at(v.B, s.zone()), Earlier: v.A.String(), Later: v.B.String(), Summary: render.ComparisonSummary(c.Count, c.Unchanged), Filter: v.filterView("/compare")}
	out.Filter.Hidden["a"], out.Filter.Hidden["b"] = out.Earlier, out.Later
	var items []plan.Item
	for _, item := range rec.selected(v, c.Items, v.A, v.B) {
		if item.Action != plan.ActionNone {
			items = append(items, item)
		}
	}
	items, out.Pager = paged(v, "/compare", items, treeRows)
	if items, err = s.valued(ctx, rec, items, v.A, v.B); err != nil {
		return compareView{}, err
	}
	if out.Rows, err = s.treeRows(ctx, rec, v, items, v.A, v.B); err != nil {
		return compareView{}, err
	}
	if s.o.Live && v.A < v.B {
		out.Revert = planLink(url.Values{"kind": {kindRevert}, "from": {v.A.String()}, "until": {v.B.String()}})
	}
	return out, nil
}
