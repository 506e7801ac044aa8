package restore_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// hide adds a delete marker to a key.
func (w *world) hide(key string) {
	w.Helper()
	_, err := w.Connect(w.AWS.Client()).S3().DeleteObject(w.Context(), &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: &key})
	w.Must(err)
}

// TestHiddenParameter checks that plans, comparisons and undo name a parameter whose index
// is hidden, do not change it, and treat the others as usual.
func TestHiddenParameter(t *testing.T) {
	t.Parallel()
	for _, hidden := range []string{"/app/b", "/app/gone"} {
		inWorld(t, emulator.Options{}, func(w *world) {
			for _, name := range []string{"/app/a", "/app/b", "/app/gone"} {
				w.put(name, "one")
			}
			w.Record()
			then := w.pass()
			w.remove("/app/gone")
			w.put("/app/a", "two")
			w.put("/app/b", "two")
			w.Record()
			w.pass()
			w.apply(w.Context(), w.plan("/app", true, then, restore.Options{}), restore.Options{})
			w.Record()
			w.pass()
			records, _, err := w.Archive.RestoreRecords(w.Context(), 1)
			w.Must(err)
			w.put("/app/c", "one") // created later
			w.put("/app/a", "three")
			w.Record()
			w.hide(".ssmbak/index" + hidden)

			named := func(what string, problems []archive.Problem) {
				w.Helper()
				var missing *archive.MissingIndexError
				if len(problems) != 1 || !errors.As(problems[0].Err, &missing) || string(missing.Name) != hidden {
					w.Errorf("%s: problems %v, want %s", what, problems, hidden)
				}
			}
			for _, o := range []restore.Options{{}, {Options: plan.Options{Exact: true, AssumeLastKnown: true}}, {Options: plan.Options{To: "/copy"}}} {
				p := w.plan("/app", true, then, o)
				named("plan", p.Problems)
				if !slices.ContainsFunc(p.Items, func(i plan.Item) bool {
					return strings.HasSuffix(string(i.Name), strings.TrimPrefix(hidden, "/app")) && i.Action == plan.ActionSkip
				}) {
					w.Errorf("%+v: %v", o.Options, actions(p))
				}
			}
			c, err := restore.New(w.Archive, w.Live, nil, restore.Options{}).Compare(w.Context(), testworld.Target(w, "/app", true), then, ssmbak.TimeOf(time.Now()))
			w.Must(err)
			named("comparison", c.Problems)

			before := w.state()
			undo, err := w.restorer(restore.Options{}).Undo(w.Context(), records[0].ID)
			w.Must(err)
			named("undo", undo.Problems)
			outcomes := w.apply(w.Context(), undo, restore.Options{})
			if w.state()[hidden] != before[hidden] || !strings.Contains(errs(outcomes), "its record cannot be read") {
				w.Errorf("undo changed %s: %v", hidden, results(outcomes))
			}
		})
	}
}

// erase deletes every version of a key.
func (w *world) erase(key string) {
	w.Helper()
	client := w.Connect(w.AWS.Client()).S3()
	versions, err := client.ListObjectVersions(w.Context(), &s3.ListObjectVersionsInput{Bucket: aws.String(bucket), Prefix: &key})
	w.Must(err)
	for _, v := range versions.Versions {
		_, err := client.DeleteObject(w.Context(), &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: v.Key, VersionId: v.VersionId})
		w.Must(err)
	}
}

// hiding hides keys before the second read of an index.
type hiding struct {
	aws.HTTPClient
	index string
	reads *int
	hide  func()
}

func (c hiding) Do(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, c.index) {
		if *c.reads++; *c.reads == 2 {
			c.hide()
		}
	}
	return c.HTTPClient.Do(r)
}

// TestHiddenWhileItPlans hides the index of a parameter, or erases it and its entry in the
// register, after a revert of the changes of one principal has read its states. Who changed it is then
// not known, so that it is skipped.
func TestHiddenWhileItPlans(t *testing.T) {
	t.Parallel()
	for _, keys := range [][]string{{".ssmbak/index/app/a"}, {".ssmbak/index/app/a", ".ssmbak/names/app/a"}} {
		inWorld(t, emulator.Options{}, func(w *world) {
			w.as("deploy", func() { w.put("/app/a", "one") })
			w.Record()
			from := w.pass()
			w.as("other", func() { w.put("/app/a", "two") })
			w.Record()
			to := w.pass()
			reads := 0
			w.Archive, _ = w.Another(w.Connect(hiding{w.AWS.Client(), keys[0], &reads, func() {
				if len(keys) == 1 {
					w.hide(keys[0])
					return
				}
				for _, key := range keys {
					w.erase(key)
				}
			}}))
			p := w.revert("/app", from, to, restore.Options{Options: plan.Options{Principals: []string{"deploy"}}})
			if len(p.Items) != 1 || p.Items[0].Action != plan.ActionSkip || !strings.Contains(p.Items[0].Reason, "its record cannot be read") {
				w.Errorf("hidden %v: got %v: %v", keys, actions(p), p.Items)
			}
			if reads < 2 {
				w.Errorf("the index was read %d times", reads)
			}
		})
	}
}
