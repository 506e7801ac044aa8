package pipeline_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/pipeline"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/recorder"
)

// TestEventNeeded runs a test where no event arrives, while reconciles record every change:
// the pipeline does not work, although everything is recorded.
func TestEventNeeded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := testworld.New(t, testworld.Options{})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		everything := testworld.Everything(t)
		go func() {
			for ctx.Err() == nil {
				time.Sleep(5 * time.Second)
				_, _ = w.Recorder.Reconcile(ctx, everything, recorder.ReconcileOptions{}) // fails when the test ends
			}
		}()
		result, err := pipeline.Run(t.Context(), w.Archive, w.Live, w.Recorder, pipeline.Options{Account: testworld.Account, Region: testworld.Region, By: "arn:aws:iam::123456789012:user/me"})
		if err != nil || result.Unrecorded != nil {
			t.Fatal(err, result.Unrecorded)
		}
		if len(result.Steps) != len(pipeline.Names) || len(result.Problems) == 0 {
			t.Fatalf("%d steps, problems %q", len(result.Steps), result.Problems)
		}
		for _, s := range result.Steps {
			if s.Recorded {
				t.Errorf("%s of %s counts as recorded by its event after %d ms", s.Kind, s.Name, s.Lag)
			}
		}
		for _, name := range pipeline.Names {
			if x, err := w.Archive.Index(t.Context(), name); err != nil || len(x.Facts.Versions) == 0 {
				t.Errorf("%s was not recorded by a reconcile: %v", name, err)
			}
		}
	})
}

// TestOutOfTime delays the restore of a test, and the removal of its parameters, until no
// time is left: the error says which, and not just that a deadline passed.
func TestOutOfTime(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		events bool // whether changes are recorded: the restore is not tried without
		rule   emulator.Rule
		wants  []string
		left   int
	}{
		{"restore", true, emulator.Rule{Service: "s3", Op: "PutObject", KeyPrefix: ".ssmbak/restores/"}, []string{
			"ran out of time: the restore and its comparison did not end within 30s: restore /newvoll/ssmbak/test/ to ",
		}, 0},
		{"removal", false, emulator.Rule{Service: "ssm", Op: "DeleteParameters"}, []string{
			"cannot remove /newvoll/ssmbak/test/1, ", "which the test created: ran out of time: their removal did not end within 45s",
		}, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := testworld.New(t, testworld.Options{})
				test.rule.Fault = emulator.Fault{Delay: time.Hour}
				w.AWS.Faults.Add(test.rule)
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				if test.events {
					go w.AWS.Queue.Run(ctx, testworld.Handler(w.Recorder))
				}
				_, err := pipeline.Run(t.Context(), w.Archive, w.Live, w.Recorder, pipeline.Options{Account: testworld.Account, Region: testworld.Region, By: "arn:aws:iam::123456789012:user/me"})
				var late *pipeline.TimeError
				if !errors.As(err, &late) {
					t.Fatalf("%v", err)
				}
				for _, want := range test.wants {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%q does not contain %q", err, want)
					}
				}
				var left *pipeline.LeftError
				if errors.As(err, &left) != (test.left > 0) || left != nil && len(left.Names) != test.left {
					t.Errorf("it left %+v, want %d", left, test.left)
				}
			})
		})
	}
}
