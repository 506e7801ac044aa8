package sweep

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
)

// legacy writes an object as the legacy ssmbak does, with the time of its change.
func (w *world) legacy(name, value string, at time.Time) {
	w.Helper()
	_, err := w.conn.S3().PutObject(w.Context(), &s3.PutObjectInput{
		Bucket: aws.String(bucket), Key: &name, Body: strings.NewReader(value),
		Tagging: aws.String(fmt.Sprintf("ssmbakType=String&ssmbakTime=%d", at.Unix())),
	})
	w.must(err)
}

// TestAdopt sweeps the first reconcile in a bucket of the legacy ssmbak, which creates the
// archive, records the live parameters and adopts the legacy records. The next one heals.
func TestAdopt(t *testing.T) {
	t.Parallel()
	scene{
		prepare: func(w *world) {
			for _, value := range []string{"first", "second"} {
				w.legacy("/app/db", value, time.Now())
				w.legacy("/app/gone", value, time.Now())
				time.Sleep(time.Minute)
			}
			w.hide("/app/gone")
			time.Sleep(time.Hour)
			w.put("/app/db", "live")
			w.put("/app/new", "live", secret)
		},
		run: func(w *world, p *process) { _, _ = w.reconcile(p) }, // an error is allowed
		heal: func(w *world) {
			time.Sleep(time.Minute)
			w.must(second(w.reconcile(w.calm())))
			w.checkLegacy()
		},
	}.sweep(t)
}

// checkLegacy demands that the archive is adopted, and that it answers as the legacy
// ssmbak recorded.
func (w *world) checkLegacy() {
	if len(w.AWS.S3.Versions(bucket, ".ssmbak/adopted")) == 0 {
		w.Problem("the archive is not adopted")
	}
	for minute, want := range []string{"/app/db first, /app/gone first", "/app/db second, /app/gone second", "/app/db second"} {
		at := ssmbak.TimeOf(w.Start.Add(time.Duration(minute)*time.Minute + 50*time.Second))
		found, err := w.archive().At(w.Context(), w.everything(), at, archive.AllValues)
		w.must(err)
		var got []string
		for _, s := range found.States {
			if value, known := s.Value.Get(); known && !s.Deleted {
				got = append(got, fmt.Sprint(s.Name, " ", value.Reveal()))
			}
		}
		if text := strings.Join(got, ", "); text != want || len(found.Problems) > 0 {
			w.Problem("at %v: %q, want %q, %v", at, text, want, found.Problems)
		}
	}
}
