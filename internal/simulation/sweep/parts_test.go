package sweep

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/timeline"
)

// smallParts divides an index after six versions, and a list of runs after two. Parameter
// Store keeps four versions here, so that none in a part comes again.
var smallParts = archive.PartLimits{Limits: timeline.Limits{Keep: 4, Least: 1, Most: 2, Runs: 2}, Versions: 6, Bytes: 1 << 20}

// divided records as the function does, but divides indexes above smallParts.
type divided struct {
	w        *world
	process  *process
	recorder *recorder.Recorder
}

// handle is like [lambda.handle].
func (d *divided) handle(ctx context.Context, batch []emulator.Message) (failed []string) {
	if d.process.Dead() {
		d.process, d.recorder = d.w.calm(), nil
	}
	var err error
	if d.recorder == nil {
		d.recorder, err = d.start()
	}
	if err == nil {
		failed = testworld.Handler(d.recorder)(d.process.Context(), batch)
	}
	if err == nil && !d.process.Dead() {
		return failed
	}
	failed = nil
	for _, m := range batch {
		failed = append(failed, m.ID)
	}
	return failed
}

func (d *divided) start() (*recorder.Recorder, error) {
	conn := d.process.connect()
	o := archive.Options{Bucket: bucket, Account: account, Region: region, DivideIndexes: true, Parts: smallParts}
	a, err := archive.Open(d.process.Context(), conn.S3(), o)
	if err == nil {
		err = a.Establish(d.process.Context())
	}
	if err != nil {
		return nil, err
	}
	live := paramstore.New(conn.SSM(), paramstore.Options{})
	return recorder.New(a, live, recorder.Options{Account: account, Region: region}), nil
}

// TestCloseRuns sweeps the recording of a parameter that changes so often that its runs,
// and then their list, move to parts. The messages come again, and a later change divides
// the index if that failed.
func TestCloseRuns(t *testing.T) {
	t.Parallel()
	busy := func(w *world, from, to int) func() {
		return func() {
			for n := from; n <= to; n++ {
				w.put("/app/busy", fmt.Sprint("b", n))
			}
		}
	}
	scene{
		kept:    4,
		prepare: func(w *world) { w.recordWith((&divided{w: w, process: w.calm()}).handle, busy(w, 1, 6)) },
		run: func(w *world, p *process) {
			w.recordWith((&divided{w: w, process: p}).handle, func() {
				busy(w, 7, 7)()
				time.Sleep(2 * time.Minute) // before too many versions are gone
				busy(w, 8, 9)()
				time.Sleep(2 * time.Minute)
				busy(w, 10, 12)()
			})
		},
		heal: func(w *world) {
			w.recordWith((&divided{w: w, process: w.calm()}).handle, busy(w, 13, 16))
			x, err := w.archive().Index(w.Context(), "/app/busy")
			w.must(err)
			if len(x.Facts.Runs) == 0 || len(x.Facts.Versions) > 2*smallParts.Versions {
				w.Problem("the index has %d runs and %d versions", len(x.Facts.Runs), len(x.Facts.Versions))
			}
		},
		late: true,
	}.sweep(t)
}
