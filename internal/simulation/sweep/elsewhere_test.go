package sweep

import (
	"context"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// elsewhere is the bucket with the archive of another account, which had the parameters of
// this one.
const elsewhere = "elsewhere"

// foreign makes the archive of another account, from what was recorded before w.at.
func (w *world) foreign() {
	w.Helper()
	w.AWS.S3.CreateBucket(elsewhere, true)
	w.must(w.AWS.S3.Replicate(bucket, w.AWS.S3, elsewhere, func(v s3api.Version) bool {
		return v.Key == ".ssmbak/archive" || v.LastModified.After(w.at.Std())
	}))
	w.must(w.AWS.S3.Put(elsewhere, ".ssmbak/archive", []byte(`{"format":1,"account":"999999999999","region":"eu-west-1","created":"2000-01-01T00:00:00Z"}`)))
}

// openForeign opens that archive.
func (w *world) openForeign(ctx context.Context, conn *awsconn.Conn) (*archive.Archive, error) {
	return archive.Open(ctx, conn.S3(), archive.Options{Bucket: elsewhere, Account: account, Region: region, Elsewhere: true})
}

// restoreForeign restores from it as the command does.
func (w *world) restoreForeign(p *process, at ssmbak.Time) (restore.Result, error) {
	return w.command(p, func(ctx context.Context, r *restore.Restorer) (*restore.Plan, error) {
		return r.Plan(ctx, testworld.Target(w, "/app", true), at)
	}, func(ctx context.Context, conn *awsconn.Conn, o *restore.Options) (err error) {
		o.Into = plan.Place{Account: account, Region: region}
		o.From, err = w.openForeign(ctx, conn)
		return err
	})
}

// undoForeign undoes a restore from it. It reads that archive only if it must.
func (w *world) undoForeign(p *process, id string) (restore.Result, error) {
	return w.command(p, func(ctx context.Context, r *restore.Restorer) (*restore.Plan, error) { return r.Undo(ctx, id) },
		func(ctx context.Context, conn *awsconn.Conn, o *restore.Options) error {
			record, err := w.archive().RestoreRecord(ctx, id)
			if err == nil && restore.NeedsSource(record) {
				o.From, err = w.openForeign(ctx, conn)
			}
			return err
		})
}

// TestRestoreElsewhere sweeps a restore from the archive of another account. The same command
// heals, after which both restores are undone from the account's own archive.
func TestRestoreElsewhere(t *testing.T) {
	t.Parallel()
	scene{
		prepare: func(w *world) {
			w.changed()
			w.foreign()
		},
		run: func(w *world, p *process) {
			_, err := w.restoreForeign(p, w.at)
			w.checkBetween(w.now, w.then)
			if err == nil {
				w.checkLive("a restore that succeeded", w.then)
			}
		},
		heal: func(w *world) {
			time.Sleep(time.Minute)
			if _, err := w.restoreForeign(w.calm(), w.at); err != nil {
				w.Problem("the second restore: %v", err)
			}
			w.checkLive("after the second restore", w.then)
			again, err := w.restoreForeign(w.calm(), w.at)
			if err != nil || again.ID != "" {
				w.Problem("a third restore changes something: %+v, %v", again.Outcomes, err)
			}
			all, _, err := w.archive().RestoreRecords(w.Context(), 0)
			w.must(err)
			for _, record := range all {
				if _, err := w.undoForeign(w.calm(), record.ID); err != nil {
					w.Problem("undo of restore %s: %v", record.ID, err)
				}
			}
			w.checkLive("after the undo", w.now)
			w.drain()
		},
		every: 10,
	}.sweep(t)
}
