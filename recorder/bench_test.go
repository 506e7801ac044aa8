package recorder_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// BenchmarkRecord records one change of a parameter with 50 versions.
// The time is that of recorder and emulator together.
func BenchmarkRecord(b *testing.B) {
	for _, kind := range []ssmbak.Type{ssmbak.String, ssmbak.SecureString} {
		b.Run(string(kind), func(b *testing.B) {
			aws := emulator.New(emulator.Options{
				SSM:   ssmapi.Options{MaxVersions: 50},
				Queue: emulator.QueueOptions{Copies: func(string) int { return 0 }},
			})
			aws.S3.CreateBucket(bucket, true)
			conn, err := awsconn.Load(b.Context(), awsconn.Options{Anonymous: true, Region: region, EndpointURL: "http://127.0.0.1", HTTPClient: aws.Client()})
			if err != nil {
				b.Fatal(err)
			}
			a, err := archive.Open(b.Context(), conn.S3(), archive.Options{Bucket: bucket, Account: account, Region: region})
			if err != nil {
				b.Fatal(err)
			}
			if err := a.Establish(b.Context()); err != nil {
				b.Fatal(err)
			}
			live := paramstore.New(conn.SSM(), paramstore.Options{})
			r := recorder.New(a, live, recorder.Options{Account: account, Region: region})
			put := func(i int) {
				w := paramstore.Write{Name: "/app/db", Value: ssmbak.NewValue(fmt.Sprint("value ", i)), Overwrite: i > 0, Attributes: ssmbak.Attributes{Type: kind}}
				if _, err := live.Put(b.Context(), w); err != nil {
					b.Fatal(err)
				}
			}
			for i := range 49 {
				put(i)
			}
			if err := r.Sync(b.Context(), "/app/db"); err != nil {
				b.Fatal(err)
			}
			requests, changes := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				put(50 + changes)
				event := fmt.Appendf(nil, `{"id":"%d","detail-type":"Parameter Store Change","source":"aws.ssm","account":%q,"region":%q,"time":%q,"detail":{"operation":"Update","name":"/app/db"}}`,
					changes, account, region, time.Now().UTC().Format(time.RFC3339))
				aws.ResetCounts()
				b.StartTimer()
				for _, f := range r.Handle(b.Context(), []recorder.Message{{ID: "1", Body: event, Receives: 1}}) {
					b.Fatal(f.Err)
				}
				for _, n := range aws.Counts() {
					requests += n
				}
				changes++
			}
			b.ReportMetric(float64(requests)/float64(changes), "requests/change")
		})
	}
}
