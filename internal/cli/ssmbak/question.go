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
	case p.NeedsConfirmation() && p.Applied() > 0 && !o.yes:
		return shell.KindConfirmationRequired.Fail("review it with --dry-run, then add --yes; nothing was changed", "%s, and %s", render.Grave(p), a.Unasked())
	}
	return nil
}

// ask shows a plan and returns nil if the user agrees to it.
func (a *app) ask(ctx context.Context, s *session, p *restore.Plan, o restoreOptions) error {
	q := render.Question{
		Title: render.Title(p, o.to), Account: s.caller.Account, Region: s.conn.Region(), Rows: a.Rows(), MaxRate: o.maxRate,
	}
	if err := q.Write(a.Stderr, p, a.view(a.Stderr)); err != nil {
		return err
	}
	if p.NeedsConfirmation() {
		return a.AskGravely(ctx, render.Grave(p))
	}
	return a.Ask(ctx)
}
