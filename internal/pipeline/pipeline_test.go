package pipeline_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

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
