package recorder_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/timeline"
)

// TestClocksApart lets the recorder's clock differ from AWS's by two seconds, in
// both directions, while things happen faster and slower than that. Every event
// comes and is handled, at once or after everything has happened. If the clocks differ more, as
// that of a laptop may, less is known, but nothing wrong is proved.
func TestClocksApart(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{2 * time.Second, -2 * time.Second, 5 * time.Second, -9 * time.Second, 20 * time.Second, -20 * time.Second} {
		for _, gap := range []time.Duration{100, 1000, 2100, 12500, 30500} {
			for _, atOnce := range []bool{true, false} {
				t.Run(fmt.Sprintf("AWS %v ahead, changes every %d ms, handled at once %v", ahead, gap, atOnce), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { clocksApart(t, ahead, gap*time.Millisecond, atOnce) })
				})
			}
		}
	}
}

func clocksApart(t *testing.T, ahead, gap time.Duration, atOnce bool) {
	clock := emulator.NewClock(time.Now().Add(ahead))
	follow := func(_, _, _ string) emulator.Fault {
		clock.Set(time.Now().Add(ahead))
		return emulator.Fault{}
	}
	w := newWorld(t, emulator.Options{Clock: clock, SSM: ssmapi.Options{HistoryPage: 2}}, follow)
	w.Recorder = w.another(follow)
	by := handle(w.Recorder, nil)
	drain := func() {
		t.Helper()
		err := w.AWS.Queue.Drain(t.Context(), func(ctx context.Context, batch []emulator.Message) []string {
			// The queue advances AWS's clock to the next delivery.
			time.Sleep(time.Until(clock.Now().Add(-ahead)))
			return by(ctx, batch)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	const name = "/a"
	tag := func(team string) {
		if err := w.Live.AddTags(t.Context(), name, map[string]string{"team": team}); err != nil {
			t.Fatal(err)
		}
	}
	label := func(version int64) { w.label(t, name, "prod", version) }
	steps := []func(){
		func() { w.set(t, name, "v1") },
		func() { w.set(t, name, "v2") },
		func() { tag("blue") },
		func() { label(1) },
		func() { w.set(t, name, "v3") },
		func() { label(3) },
		func() { w.remove(t, name) },
		func() { w.set(t, name, "second life") },
		func() { tag("red") },
		func() { w.remove(t, name) },
		func() { w.set(t, name, "third life") },
		func() { w.set(t, name, "third life, v2") },
	}
	hidden := 0
	for _, step := range steps {
		time.Sleep(gap)
		step()
		if !atOnce || w.AWS.Queue.Depth() <= hidden {
			continue
		}
		// One batch: failed messages are delivered again at the end.
		ctx, cancel := context.WithCancel(t.Context())
		_ = w.AWS.Queue.Drain(ctx, func(_ context.Context, batch []emulator.Message) []string {
			failed := by(t.Context(), batch)
			hidden += len(failed)
			cancel()
			return failed
		})
	}
	drain()
	if dead := w.AWS.Queue.DeadLetters(); len(dead) != 0 {
		t.Errorf("%d messages became dead letters", len(dead))
	}
	if ahead.Abs() > timeline.Skew {
		w.right(t, ssmbak.Proved, name)
		time.Sleep(time.Minute)
		for range 2 {
			if report := w.reconcile(t, recorder.ReconcileOptions{Deep: true}); !report.Complete || len(report.Failed) > 0 {
				t.Errorf("reconcile: %+v", report)
			}
			w.right(t, ssmbak.Proved, name)
			time.Sleep(gap)
			w.remove(t, name) // without an event
			w.right(t, ssmbak.Proved, name)
			time.Sleep(time.Minute)
			w.set(t, name, "another life")
		}
		return
	}
	w.right(t, ssmbak.LastKnown, name)
	w.final(t, name)
	w.right(t, ssmbak.LastKnown, name)

	// A deletion without an event.
	time.Sleep(gap)
	w.remove(t, name)
	w.final(t, name)
}
