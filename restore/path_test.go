package restore_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

func TestPath(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/app/deleted", "gone by then")
		w.put("/app/lost", "one")
		w.put("/app/damaged", "one")
		w.pass()
		w.remove("/app/deleted")
		w.put("/app/deep/er", "one")
		w.put("/app/a", secret, secureString("alias/app"))
		w.Record()
		then := w.pass()
		w.put("/app/a", "two", secureString("alias/app"))
		w.put("/app/lost", "two")
		w.put("/app/new", "one")
		w.Record()
		w.AWS.S3.RemoveVersion(bucket, "/app/lost", w.AWS.S3.Versions(bucket, "/app/lost")[1].VersionID)
		index := w.AWS.S3.Versions(bucket, ".ssmbak/index/app/damaged")
		w.AWS.S3.Corrupt(bucket, ".ssmbak/index/app/damaged", index[0].VersionID, []byte("{}"))

		path, err := restore.OpenPath(w.Context(), w.config(), restore.PathOptions{Bucket: bucket, Path: "/app/", Recursive: true, At: then.Std()})
		w.Must(err)
		snapshot, err := path.Preview(w.Context())
		w.Must(err)
		if p := snapshot.Problems; len(p) != 1 || p[0].Name != "/app/damaged" {
			t.Errorf("problems %v, want one of /app/damaged", p)
		}
		target, err := ssmbak.ParseTarget("/app/", true)
		w.Must(err)
		asked, err := w.Archive.At(w.Context(), target, then, archive.AllValues)
		w.Must(err)
		if diff := cmp.Diff(snapshot.States, asked.States, cmp.Comparer(func(a, b ssmbak.Value) bool { return a.Equal(b) })); diff != "" {
			t.Errorf("preview (-Path +Archive.At):\n%s", diff)
		}
		var got []string
		for _, s := range snapshot.States {
			text := fmt.Sprintf("%s version %d", s.Name, s.Version.Number)
			switch {
			case s.Deleted:
				text = fmt.Sprintf("%s deleted", s.Name)
			case s.Value.IsKnown():
				text += " " + s.Value.V.Reveal()
			default:
				text += ": " + s.Value.Reason
			}
			got = append(got, text)
		}
		want := []string{
			"/app/a version 1 " + secret, "/app/deep/er version 1 one", "/app/deleted deleted",
			"/app/lost version 1: the value object is no longer in the bucket", "/app/new deleted",
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("preview (-got +want):\n%s", diff)
		}
		todo, err := path.Plan(w.Context())
		w.Must(err)
		if n := todo.Changes(); n != 1 {
			t.Errorf("the plan changes %d parameters, want only /app/a", n)
		}
		result, err := path.Restore(w.Context())
		w.Must(err)
		want = []string{
			"restored update /app/a version 3", "refused skip /app/damaged", "unchanged none /app/deep/er",
			"unchanged none /app/deleted", "refused skip /app/lost", "unchanged keep /app/new",
		}
		if diff := cmp.Diff(results(result.Outcomes), want); diff != "" {
			t.Errorf("outcomes (-got +want):\n%s", diff)
		}
		record, err := w.Archive.RestoreRecord(w.Context(), result.ID)
		w.Must(err)
		if !strings.HasPrefix(record.By, "arn:aws:") {
			t.Errorf("By in the record is %q, want the caller's ARN", record.By)
		}
	})
}

// TestOpenPath checks the errors of OpenPath.
func TestOpenPath(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		good := restore.PathOptions{Bucket: bucket, Path: "/app", At: time.Now()}
		tests := []struct {
			name   string
			change func(*restore.PathOptions, *aws.Config)
			want   string
		}{
			{"a path that is none", func(o *restore.PathOptions, _ *aws.Config) { o.Path = "no/path" }, "no/path"},
			{"no bucket", func(o *restore.PathOptions, _ *aws.Config) { o.Bucket = "" }, "PathOptions.Bucket"},
			{"a bucket that does not exist", func(o *restore.PathOptions, _ *aws.Config) { o.Bucket = "none" }, archive.ErrNoBucket.Error()},
			{"no time", func(o *restore.PathOptions, _ *aws.Config) { o.At = time.Time{} }, "PathOptions.At"},
			{"no region", func(_ *restore.PathOptions, c *aws.Config) { c.Region = "" }, "no region"},
			{"another region", func(_ *restore.PathOptions, c *aws.Config) { c.Region = "eu-west-1" }, "eu-west-1"},
		}
		for _, test := range tests {
			o, cfg := good, w.config()
			test.change(&o, &cfg)
			if _, err := restore.OpenPath(w.Context(), cfg, o); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: error %v, want one that contains %q", test.name, err, test.want)
			}
		}
	})
}

// TestOpenReversal checks the errors of OpenReversal.
func TestOpenReversal(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		for want, change := range map[string]func(*restore.ReversalOptions){
			"ReversalOptions.Bucket":     func(o *restore.ReversalOptions) { o.Bucket = "" },
			"ReversalOptions.From or To": func(o *restore.ReversalOptions) { o.To = time.Time{} },
			"is not before To":           func(o *restore.ReversalOptions) { o.From = o.To },
			"no/path":                    func(o *restore.ReversalOptions) { o.Path = "no/path" },
			archive.ErrNoBucket.Error():  func(o *restore.ReversalOptions) { o.Bucket = "none" },
		} {
			o := restore.ReversalOptions{Bucket: bucket, Path: "/app", From: time.Now().Add(-time.Hour), To: time.Now()}
			change(&o)
			if _, err := restore.OpenReversal(w.Context(), w.config(), o); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want one that contains %q", err, want)
			}
		}
	})
}

// TestPathWithoutArchive checks that without an archive in the bucket, nothing is recorded
// and an exact restore does not delete a live parameter.
func TestPathWithoutArchive(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.AWS.S3.CreateBucket("empty", true)
		w.put("/app/a", "one")
		path, err := restore.OpenPath(w.Context(), w.config(), restore.PathOptions{
			Bucket: "empty", Path: "/app/a", At: time.Now().Add(-time.Hour), Restore: restore.Options{Options: plan.Options{Exact: true}},
		})
		w.Must(err)
		snapshot, err := path.Preview(w.Context())
		w.Must(err)
		if len(snapshot.States) != 0 {
			t.Errorf("preview %v, want nothing", snapshot.States)
		}
		result, err := path.Restore(w.Context())
		w.Must(err)
		for _, o := range result.Outcomes {
			if o.Changed {
				t.Errorf("%s: %s, want it unchanged", o.Item.Name, o.Status)
			}
		}
		if got := w.AWS.S3.Versions("empty", ""); len(got) != 0 {
			t.Errorf("it wrote %v", got)
		}
	})
}
