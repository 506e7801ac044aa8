package ssmbakcli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/health"
)

// placeFlags say for which profiles and regions status is shown.
type placeFlags struct {
	profiles, regions []string
	file              string
}

func (p placeFlags) given() bool { return len(p.profiles)+len(p.regions) > 0 || p.file != "" }

// place is one row.
type place struct{ profile, region string }

// all returns each profile in each region, and the lines of the file.
func (p placeFlags) all() (all []place, err error) {
	profiles, regions := p.profiles, p.regions
	if len(profiles) == 0 {
		profiles = []string{""}
	}
	if len(regions) == 0 {
		regions = []string{""}
	}
	if p.file != "" {
		text, err := os.ReadFile(p.file)
		if err != nil {
			return nil, shell.Usage("give a file with one PROFILE, or PROFILE REGION, per line", "--accounts-file: %v", err)
		}
		for n, line := range strings.Split(string(text), "\n") {
			line, _, _ = strings.Cut(line, "#")
			switch words := strings.Fields(line); {
			case len(words) > 2:
				return nil, shell.Usage("write PROFILE or PROFILE REGION", "--accounts-file: line %d of %s has %d words", n+1, p.file, len(words))
			case len(words) == 2:
				all = append(all, place{words[0], words[1]})
			case len(words) == 1:
				for _, region := range regions {
					all = append(all, place{words[0], region})
				}
			}
		}
		if len(p.profiles) == 0 {
			return all, nil
		}
	}
	for _, profile := range profiles {
		for _, region := range regions {
			all = append(all, place{profile, region})
		}
	}
	return all, nil
}

// inspecting bounds the accounts that are read at once.
const inspecting = 8

// placeRow is the status of one account in one region, in JSON. Error says why there is none.
type placeRow struct {
	Profile string
	Error   *string
	Code    *shell.Kind
	statusRow
}

// runStatuses prints a table with one row for each place. A place that cannot be read does not
// stop the others.
func (a *app) runStatuses(ctx context.Context, target ssmbak.Target, flags placeFlags) error {
	places, err := flags.all()
	if err != nil {
		return err
	}
	rows := make([]placeRow, len(places))
	var g errgroup.Group
	g.SetLimit(inspecting)
	for i, p := range places {
		g.Go(func() error {
			rows[i] = a.statusOf(ctx, target, p)
			return nil
		})
	}
	_ = g.Wait() // errors are in the rows
	if err := ctx.Err(); err != nil {
		return err
	}
	problems, failed := 0, 0
	for _, row := range rows {
		problems += row.Count(health.Problem)
		failed += row.Count(health.Unseen)
		if row.Error != nil {
			failed++
		}
	}
	if err := a.Data(rows, func(w io.Writer) error { return a.writeStatuses(w, rows) }); err != nil {
		return err
	}
	return shell.Judged(problems, failed)
}

func (a *app) statusOf(ctx context.Context, target ssmbak.Target, p place) placeRow {
	row := placeRow{Profile: cmp.Or(p.profile, a.Flags.Profile)}
	conn, err := a.ConnectTo(ctx, row.Profile, cmp.Or(p.region, a.Flags.Region))
	if err == nil {
		row.Region = conn.Region()
		row.Report, err = a.inspect(ctx, conn, target)
		row.Region = conn.Region()
	}
	if err != nil {
		f := explain(err)
		row.Error, row.Code, row.State, row.Region = &f.Message, new(f.CodeName()), health.Unseen, cmp.Or(row.Region, p.region)
		row.Checks = []health.Check{}
		return row
	}
	row.State = row.Report.State()
	return row
}

func (a *app) writeStatuses(w io.Writer, rows []placeRow) error {
	v, cells := a.view(w), make([][]string, len(rows))
	for i, row := range rows {
		complete, rpo := "", ""
		if row.CompleteUpTo != 0 {
			complete = v.Exact(row.CompleteUpTo)
		}
		if row.RPO != nil && row.RPO.Changes > 0 {
			rpo = row.RPO.Text()
		}
		cells[i] = []string{row.Profile, row.Region, row.Account, string(row.statusRow.State), complete, rpo, v.Local(note(row))}
	}
	return render.Table(w, []string{"Profile", "Region", "Account", "State", "Complete up to", "RPO (p99)", "Note"}, cells, v)
}

// note names what needs attention.
func note(row placeRow) string {
	if row.Error != nil {
		return *row.Error
	}
	var names []string
	for _, c := range row.Checks {
		if c.State == health.Problem || c.State == health.Unseen {
			names = append(names, fmt.Sprintf("%s: %s", c.Name, c.Text))
		}
	}
	return strings.Join(names, "; ")
}
