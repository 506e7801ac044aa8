package stackcli

import (
	"context"
	"io"
)

func (a *app) redrive(ctx context.Context) error {
	s, err := a.openToWrite(ctx)
	if err != nil {
		return err
	}
	progress := a.NewProgress("redrive")
	defer progress.Close()
	moved, err := s.Redrive(ctx, func(moved, of int64) { progress.Set(int(moved), int(of)) })
	progress.Close()
	if err != nil {
		return err
	}
	return a.Data(struct{ Moved int64 }{moved}, func(io.Writer) error {
		if err := a.Print("moved back to the queue: %d", moved); err != nil || moved == 0 {
			return err
		}
		a.Note("`%s` shows whether they have been recorded", a.command("status"))
		return nil
	})
}
