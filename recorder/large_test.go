package recorder_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/timeline"
)

// TestLargeIndexIsDivided records one version more of a parameter whose index grew beyond
// the greatest size before indexes were divided: runs are closed first, and the version is
// recorded. If there is no run to close, the sync says why it fails.
func TestLargeIndexIsDivided(t *testing.T) {
	t.Parallel()
	for _, closable := range []bool{true, false} {
		t.Run(fmt.Sprint("closable ", closable), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := testworld.New(t, testworld.Options{Emulator: emulator.Options{SSM: ssmapi.Options{MaxVersions: 4}}})
				put := func(n int) {
					t.Helper()
					_, err := w.SSM.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/a"), Value: aws.String(fmt.Sprint(n)), Type: types.ParameterTypeString, Overwrite: aws.Bool(true)})
					w.Must(err)
					time.Sleep(20 * time.Second)
				}
				for n := range 60 {
					put(n)
					w.Must(w.Recorder.Sync(t.Context(), "/a"))
				}
				w.Must(w.Archive.DivideIndexes(t.Context()))
				limits := archive.PartLimits{Limits: timeline.Limits{Keep: 4, Least: 1, Most: 8, Runs: 64}, Versions: 6, Bytes: 1 << 20, Most: 8 << 10}
				if !closable {
					limits.Versions = 1000
				}
				a, err := archive.Open(t.Context(), w.Conn.S3(), archive.Options{Bucket: "archive", Account: account, Region: region, Parts: limits})
				w.Must(err)
				r := recorder.New(a, paramstore.New(w.Conn.SSM(), paramstore.Options{}), recorder.Options{Account: account, Region: region})
				put(60)
				err = r.Sync(t.Context(), "/a")
				if !closable {
					var large *archive.TooLargeError
					if !errors.As(err, &large) {
						t.Errorf("sync: %v", err)
					}
					return
				}
				w.Must(err)
				lines, err := a.Timelines(t.Context(), testworld.Target(t, "/a", false))
				w.Must(err)
				x, err := a.Index(t.Context(), "/a")
				w.Must(err)
				if n := len(lines.All[0].Facts().Versions); n != 61 || len(x.Facts.Runs) == 0 {
					t.Errorf("%d versions are recorded, want 61; %d runs", n, len(x.Facts.Runs))
				}
			})
		})
	}
}
