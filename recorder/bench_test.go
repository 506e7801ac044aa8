package recorder_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// BenchmarkRecord records one change of a parameter with 50 versions.
// The time is that of recorder and emulator together.
func BenchmarkRecord(b *testing.B) {
	for _, kind := range []ssmbak.Type{ssmbak.TypeString, ssmbak.TypeSecureString} {
		b.Run(string(kind), func(b *testing.B) {
			w := testworld.New(b, testworld.Options{Emulator: emulator.Options{
				SSM:   ssmapi.Options{MaxVersions: 50},
				Queue: emulator.QueueOptions{Copies: func(string) int { return 0 }},
			}})
			put := func(i int) {
				in := paramstore.Write{Name: "/app/db", Value: ssmbak.NewValue(fmt.Sprint("value ", i)), Overwrite: i > 0, Attributes: ssmbak.Attributes{Type: kind}}
				if _, err := w.Live.Put(b.Context(), in); err != nil {
					b.Fatal(err)
				}
			}
			for i := range 49 {
				put(i)
			}
			if err := w.Recorder.Sync(b.Context(), "/app/db"); err != nil {
				b.Fatal(err)
			}
			requests, changes := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				put(50 + changes)
				written, err := w.Live.DescribeOne(b.Context(), "/app/db")
				if err != nil {
					b.Fatal(err)
				}
				event := fmt.Appendf(nil, `{"id":"%d","detail-type":"Parameter Store Change","source":"aws.ssm","account":%q,"region":%q,"time":%q,"detail":{"operation":"Update","name":"/app/db"}}`,
					changes, account, region, written.Version.Time.Std().UTC().Format(time.RFC3339)) // as Parameter Store dates its events
				w.AWS.ResetCounts()
				b.StartTimer()
				for _, f := range w.Recorder.Handle(b.Context(), []recorder.Message{{ID: "1", Body: event, Receives: 1}}) {
					b.Fatal(f.Err)
				}
				for _, n := range w.AWS.Counts() {
					requests += n
				}
				changes++
			}
			b.ReportMetric(float64(requests)/float64(changes), "requests/change")
		})
	}
}
