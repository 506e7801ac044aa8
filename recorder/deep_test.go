package recorder_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/recorder"
)

// TestDeepRequests reads an unchanged account again, with two requests for each parameter:
// its index and its history. Then it finds labels and tags that changed without an event, and
// a value that is hidden.
func TestDeepRequests(t *testing.T) {
	attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
		const parameters = 40
		name := func(i int) string { return fmt.Sprintf("/app/%02d", i) }
		for i := range parameters {
			w.set(t, name(i), "v")
		}
		w.label(t, name(0), "l", 1)
		time.Sleep(time.Minute)
		w.reconcile(t, recorder.ReconcileOptions{})
		w.remove(t, name(3))
		time.Sleep(time.Hour)
		w.reconcile(t, recorder.ReconcileOptions{Deep: true}) // of which the archive knows the labels
		time.Sleep(time.Hour)
		w.AWS.ResetCounts()
		if report := w.reconcile(t, recorder.ReconcileOptions{Deep: true}); !report.Complete || report.Checked != parameters || len(report.Recorded) > 0 {
			t.Errorf("unchanged: %+v", report)
		}
		counts := w.AWS.Counts()
		total := 0
		for _, n := range counts {
			total += n
		}
		if counts["ssm:GetParameterHistory"] != parameters || total > 2*parameters+20 {
			t.Errorf("%d requests for %d parameters: %v", total, parameters, counts)
		}

		_, err := w.SSM.UnlabelParameterVersion(t.Context(), &ssm.UnlabelParameterVersionInput{Name: aws.String(name(0)), ParameterVersion: aws.Int64(1), Labels: []string{"l"}})
		w.Must(err)
		_, err = w.SSM.AddTagsToResource(t.Context(), &ssm.AddTagsToResourceInput{
			ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String(name(1)), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}},
		})
		w.Must(err)
		_, err = w.Conn.S3().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String(name(2))})
		w.Must(err)
		time.Sleep(time.Hour)
		began := ssmbak.TimeOf(time.Now())
		report := w.reconcile(t, recorder.ReconcileOptions{Deep: true})
		if !slices.Equal(report.Recorded, []ssmbak.Name{"/app/00", "/app/01", "/app/02"}) {
			t.Errorf("recorded %v", report.Recorded)
		}
		w.wantCurrent(t, name(2), "v")
		for i := range 2 {
			state := w.state(t, name(i), time.Now())
			if !state.Labels.IsProved() || len(state.Labels.V) > 0 || !state.Tags.IsProved() || len(state.Tags.V) != i {
				t.Errorf("%s has the labels %v and the tags %v", name(i), state.Labels, state.Tags)
			}
		}
		for _, f := range w.index(t, name(0)).Facts.Tags {
			if f.LastAt < began {
				t.Errorf("with the labels, the tags were not read: %+v", f)
			}
		}
		time.Sleep(time.Hour)
		// The next reconcile reads a value again that was restored.
		if report := w.reconcile(t, recorder.ReconcileOptions{}); report.Same != parameters-1 {
			t.Errorf("afterwards: %+v", report)
		}

		_, err = w.SSM.RemoveTagsFromResource(t.Context(), &ssm.RemoveTagsFromResourceInput{
			ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String(name(1)), TagKeys: []string{"team"},
		})
		w.Must(err)
		w.AWS.Faults.Add(emulator.Rule{Service: "tagging", Fault: emulator.Denied})
		if report := w.reconcile(t, recorder.ReconcileOptions{Deep: true}); !slices.Equal(report.Recorded, []ssmbak.Name{"/app/01"}) {
			t.Errorf("recorded %v without a list of tags", report.Recorded)
		}
	})
}

// TestDeepReplaced has an index replaced, and tags changed, while a deep reconcile lists: the
// parameter is read completely, tags included.
func TestDeepReplaced(t *testing.T) {
	attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
		w.set(t, "/a", "v1")
		w.set(t, "/b", "v")
		time.Sleep(time.Minute)
		w.reconcile(t, recorder.ReconcileOptions{})
		time.Sleep(time.Hour)
		other := w.Recorder
		w.Recorder = w.another(meanwhile("GetObject", ".ssmbak/index/a", 1, func() {
			w.set(t, "/a", "v2")
			w.Must(other.Sync(t.Context(), "/a"))
		}))
		w.AWS.ResetCounts()
		w.reconcile(t, recorder.ReconcileOptions{Deep: true})
		if n := w.AWS.Counts()["ssm:ListTagsForResource"]; n != 2 {
			t.Errorf("the tags were read %d times, want once by each recorder", n)
		}
		time.Sleep(time.Hour)
		w.final(t, "/a", "/b")
	})
}

// TestDeepValues damages values in the bucket. A deep reconcile of a path records those again
// that Parameter Store has, and no reconcile of anything else reads values.
func TestDeepValues(t *testing.T) {
	attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
		before := make(map[string]time.Time)
		for name, kind := range map[string]ssmbak.Type{
			"/app/first": ssmbak.TypeString, "/app/newest": ssmbak.TypeString, "/app/expired": ssmbak.TypeString, "/app/intact": ssmbak.TypeString,
			"/app/secret": ssmbak.TypeSecureString,
		} {
			w.put(t, name, "one", kind)
			before[name] = time.Now().Add(-time.Second)
			w.put(t, name, "two", kind)
		}
		w.put(t, "/app/removed", "one", ssmbak.TypeString)
		time.Sleep(time.Minute)
		w.reconcile(t, recorder.ReconcileOptions{})
		damage := func(name string, i int) {
			if !w.AWS.S3.Corrupt(bucket, name, w.AWS.S3.Versions(bucket, name)[i].VersionID, []byte("damaged")) {
				t.Fatalf("no object %d of %s", i, name)
			}
		}
		damage("/app/first", 1)
		damage("/app/newest", 0)
		damage("/app/secret", 1)
		w.AWS.S3.RemoveVersion(bucket, "/app/expired", w.AWS.S3.Versions(bucket, "/app/expired")[1].VersionID)
		w.AWS.S3.RemoveVersion(bucket, "/app/removed", w.AWS.S3.Versions(bucket, "/app/removed")[0].VersionID)
		time.Sleep(time.Minute)

		below := func(o recorder.ReconcileOptions) []ssmbak.Name {
			t.Helper()
			report, err := w.Recorder.Reconcile(t.Context(), testworld.Target(t, "/app", true), o)
			if err != nil || len(report.Failed) > 0 {
				t.Fatalf("%+v, %v", report, err)
			}
			return report.Recorded
		}
		w.AWS.ResetCounts()
		if got := w.reconcile(t, recorder.ReconcileOptions{Deep: true}).Recorded; !slices.Equal(got, []ssmbak.Name{"/app/removed"}) {
			t.Errorf("a deep reconcile of everything recorded %v", got)
		}
		if got := below(recorder.ReconcileOptions{}); got != nil {
			t.Errorf("a reconcile of a path recorded %v", got)
		}
		damaged := []ssmbak.Name{"/app/first", "/app/newest", "/app/secret"}
		if got := below(recorder.ReconcileOptions{Deep: true, DryRun: true}); !slices.Equal(got, damaged) {
			t.Errorf("a dry run recorded %v", got)
		}
		if got := below(recorder.ReconcileOptions{Deep: true}); !slices.Equal(got, damaged) {
			t.Errorf("a deep reconcile of a path recorded %v", got)
		}
		if got := below(recorder.ReconcileOptions{Deep: true}); got != nil {
			t.Errorf("the next one recorded %v", got)
		}
		for _, name := range []string{"/app/first", "/app/newest", "/app/secret", "/app/intact"} {
			w.answers(t, name, moment{before[name], "proved one"}, moment{time.Now(), "last-known two"})
			w.wantCurrent(t, name, "two")
		}
		w.wantCurrent(t, "/app/removed", "one")
		if n := len(w.AWS.S3.Versions(bucket, "/app/expired")); n != 1 {
			t.Errorf("the expired value has %d copies of versions", n)
		}
	})
}
