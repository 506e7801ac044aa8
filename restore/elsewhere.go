package restore

import (
	"context"
	"errors"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/plan"
)

// source returns the archive whose states are restored.
func (r *Restorer) source() *archive.Archive {
	if r.o.From != nil {
		return r.o.From
	}
	return r.archive
}

// move returns the places between which states are moved, nil if they are restored where
// they were recorded.
func (r *Restorer) move() *plan.Move {
	if r.o.From == nil {
		return nil
	}
	id, _ := r.o.From.Identity()
	return &plan.Move{From: plan.Place{Account: id.Account, Region: id.Region}, Into: r.o.Into}
}

// listed returns what complete listings of the restored Parameter Store have proved.
func (r *Restorer) listed(ctx context.Context) (archive.Reconciled, error) {
	if r.archive == nil {
		return archive.Reconciled{}, nil
	}
	return r.archive.Reconciled(ctx)
}

// unrecordedHere reports whether the recorder of the restored Parameter Store excludes a
// parameter, so that what is overwritten could not be saved.
func (r *Restorer) unrecordedHere(name ssmbak.Name, here archive.Reconciled) bool {
	return r.o.From != nil && pattern.Any(here.Excluded, name)
}

// readLive reads a live parameter for a restore without an archive of its own, which saves
// nothing. A value that cannot be decrypted is unknown, and therefore differs.
func (r *Restorer) readLive(ctx context.Context, s *subject) error {
	if r.archive != nil || s.live == nil {
		return nil
	}
	h, err := r.live.History(ctx, s.name)
	if errors.Is(err, paramstore.ErrNotFound) {
		return nil // it was deleted since, which Apply detects
	}
	if err != nil {
		return err
	}
	newest := h.Newest()
	value := newest.Value
	if newest.Type == ssmbak.TypeSecureString {
		secret, err := r.live.Secret(ctx, s.name, newest.Number)
		unreadable, denied := errors.AsType[*paramstore.UnreadableError](err)
		switch {
		case denied:
			value = ssmbak.Known[ssmbak.Value]{Reason: unreadable.Error()}
		case errors.Is(err, paramstore.ErrNotFound):
			return nil
		case err != nil:
			return err
		case secret.Number == newest.Number && secret.Time == newest.Time:
			value = ssmbak.Know(secret.Value, ssmbak.Proved)
		}
	}
	s.c.Before.Version, s.c.Before.Value, s.c.Unsaved = newest.Version, value, ""
	return nil
}
