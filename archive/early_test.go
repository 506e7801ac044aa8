package archive_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// doFunc is a client.
type doFunc func(*http.Request) (*http.Response, error)

func (f doFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

func putOne(w *testworld.World, name, value string) {
	w.Helper()
	_, err := w.SSM.PutParameter(w.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true)})
	w.Must(err)
}

// first opens the archive of a world, with the parameter of the first read.
func first(w *testworld.World, conn *awsconn.Conn, name ssmbak.Name) *archive.Archive {
	w.Helper()
	a, err := archive.Open(w.Context(), conn.S3(), archive.Options{Bucket: "archive", Account: w.Account, Region: w.Region, First: name})
	w.Must(err)
	return a
}

func sameError(x, y error) bool {
	return (x == nil) == (y == nil) && (x == nil || x.Error() == y.Error())
}

// TestFirst checks that an archive that requests the first read early answers like one that
// does not.
func TestFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := testworld.New(t, testworld.Options{})
		names := []ssmbak.Name{"/app/db", "/app/deleted", "/app/hidden", "/app/damaged", "/app/unregistered", "/path/below", "/app/late"}
		for _, name := range names[:6] {
			putOne(w, string(name), "one")
		}
		w.Record()
		time.Sleep(time.Hour)
		putOne(w, "/app/db", "two")
		deleted := "/app/deleted"
		_, err := w.SSM.DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: &deleted})
		w.Must(err)
		w.Record()
		for _, name := range []string{"/app/hidden", "/app/unregistered"} {
			w.AWS.S3.RemoveVersion("archive", ".ssmbak/index"+name, w.AWS.S3.Versions("archive", ".ssmbak/index"+name)[0].VersionID)
		}
		w.AWS.S3.RemoveVersion("archive", ".ssmbak/names/app/unregistered", w.AWS.S3.Versions("archive", ".ssmbak/names/app/unregistered")[0].VersionID)
		w.Must(w.AWS.S3.Put("archive", ".ssmbak/index/app/damaged", []byte("junk")))
		now := ssmbak.TimeOf(time.Now())
		time.Sleep(time.Second)
		putOne(w, "/app/late", "one")
		w.Drain()
		for _, wait := range []time.Duration{0, time.Hour} { // the early index counts only an hour later
			time.Sleep(wait)
			for _, text := range []string{"/app/db", "/app/deleted", "/app/hidden", "/app/damaged", "/app/unregistered", "/app/late", "/app/none", "/path", "/path/", "/app"} {
				for _, recursive := range []bool{false, true} {
					for _, at := range []ssmbak.Time{now, now.Add(-30 * time.Minute), now.Add(-2 * time.Hour)} {
						target := testworld.Target(t, text, recursive)
						want, wantErr := first(w, w.Conn, "").At(t.Context(), target, at, archive.AllValues)
						name, _ := target.Name()
						got, err := first(w, w.Conn, name).At(t.Context(), target, at, archive.AllValues)
						if !sameError(err, wantErr) {
							t.Errorf("%s at %s: %v, want %v", text, at, err, wantErr)
						}
						if d := cmp.Diff(want, got, cmp.Comparer(sameError), cmp.Comparer(func(x, y ssmbak.Value) bool { return x.Reveal() == y.Reveal() })); d != "" {
							t.Errorf("%s at %s, recursive %v: (-want +got)\n%s", text, at, recursive, d)
						}
					}
				}
			}
		}
	})
}

// TestFirstIsNotOlder checks that nothing is proved about an index that was read before the
// last complete listing recorded a change: here everything happens between the answers to
// two requests that are sent at the same time.
func TestFirstIsNotOlder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := testworld.New(t, testworld.Options{})
		putOne(w, "/app/db", "one")
		w.Record()
		time.Sleep(time.Hour)
		read := make(chan struct{})
		var armed bool
		var indexes int
		inner := w.AWS.Client()
		conn := w.Connect(doFunc(func(r *http.Request) (*http.Response, error) {
			switch {
			case !armed:
			case strings.HasSuffix(r.URL.Path, "/.ssmbak/reconciled"):
				<-read
				putOne(w, "/app/db", "two")
				w.Drain() // the event arrives before the listing
				time.Sleep(10 * time.Minute)
				w.Record()
			case strings.HasSuffix(r.URL.Path, "/.ssmbak/index/app/db"):
				if indexes++; indexes == 1 {
					defer close(read)
				}
			}
			return inner.Do(r)
		}))
		first(w, conn, "") // from now on, the host may take longer to answer
		armed = true
		a := first(w, conn, "/app/db")
		s, err := a.At(t.Context(), ssmbak.NameTarget("/app/db"), ssmbak.TimeOf(time.Now().Add(-5*time.Minute)), archive.AllValues)
		w.Must(err)
		if len(s.States) != 1 || s.States[0].Value.V.Reveal() != "two" {
			t.Errorf("after a complete listing at %s, the state at %s is %+v", s.Complete, s.At, s.States)
		}
	})
}
