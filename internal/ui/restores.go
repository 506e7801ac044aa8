package ui

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// shownRestores is the number of restores that are listed, as by undo.
const shownRestores = 20

// restoresView is the view model of the list of restores.
type restoresView struct {
	Rows []restoreRow
	More string
}

type restoreRow struct {
	ID               string
	Began            stamp
	By, Command      string
	Parameters, Undo string
	State            string
}

func (s *Server) restores(r *http.Request) (*page, error) {
	return s.composed(r, nil, "Reading the restores", []string{s.command("undo")}, s.restoresPage)
}

func (s *Server) restoresPage(ctx context.Context) (*page, error) {
	records, more, err := s.o.Archive.RestoreRecords(ctx, shownRestores)
	if err != nil {
		return nil, err
	}
	var v restoresView
	if more > 0 {
		v.More = shell.Count(more, "older restore is", "older restores are") + " not shown: `ssmbak undo --all` lists all"
	}
	for _, row := range render.RestoreRows(records) {
		out := restoreRow{
			ID: row.ID, Began: at(row.Time, s.zone()), By: string(row.By), Command: row.Command(), Parameters: fmt.Sprint(row.Items), State: row.State(),
		}
		if s.o.Live {
			out.Undo = planLink(url.Values{"kind": {kindUndo}, "id": {row.ID}})
		}
		v.Rows = append(v.Rows, out)
	}
	p := s.newPage("restores", "Restores", "/restores", view{}, nil)
	p.Body = v
	return p, nil
}
