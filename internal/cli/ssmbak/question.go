package ssmbakcli

import (
	"context"

	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/restore"
)

// asks reports whether the user is asked before the plan is applied.
func (a *app) asks(p *restore.Plan, o restoreOptions) bool {
	return !o.yes && p.Applied() > 0 && a.Unasked() == ""
}

// agree returns nil if the plan may be applied: the user agreed, gave --yes, or need not
// agree.
func (a *app) agree(ctx context.Context, s *session, p *restore.Plan, o restoreOptions) error {
	switch {
	case a.asks(p, o):
		return a.ask(ctx, s, p, o)
	case (s.into || p.NeedsConfirmation()) && p.Applied() > 0 && !o.yes:
		why := render.Grave(p)
		if s.into {
			why = s.moves()
		}
		return shell.KindConfirmationRequired.Fail("review it with --dry-run, then add --yes; nothing was changed", "%s, and %s", why, a.Unasked())
	}
	return nil
}

// ask shows a plan and returns nil if the user agrees to it.
func (a *app) ask(ctx context.Context, s *session, p *restore.Plan, o restoreOptions) error {
	q := render.Question{
		Title: render.Title(p, o.to, a.view(a.Stderr)), Account: s.caller.Account, Region: s.conn.Region(), Rows: a.Rows(), MaxRate: o.maxRate,
	}
	if err := q.Write(a.Stderr, p, a.view(a.Stderr)); err != nil {
		return err
	}
	if s.into {
		return a.AskFor(ctx, s.moves(), s.caller.Account)
	}
	if p.NeedsConfirmation() {
		return a.AskGravely(ctx, render.Grave(p))
	}
	return a.Ask(ctx)
}

// moves returns the reason why a restore from another archive requires confirmation.
func (s *session) moves() string {
	id, _ := s.archive.Identity()
	return "this restore writes to account " + s.caller.Account + " in " + s.conn.Region() + " what account " + id.Account + " had in " + id.Region
}
