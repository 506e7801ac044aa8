package drill_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"go.uber.org/goleak"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/drill"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// killer is the network of a process that is killed: from one request on, it sends no other. lost
// says that the last request that is sent takes effect, but has no answer.
type killer struct {
	mu   sync.Mutex
	left int // requests until then, negative for never
	lost bool
	sent int
}

func (k *killer) fault(_, _, _ string) emulator.Fault {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sent++
	switch {
	case k.left < 0 || k.sent < k.left:
		return emulator.Fault{}
	case k.sent == k.left && k.lost:
		return emulator.Fault{LostAfter: true}
	}
	return emulator.Fault{LostBefore: true}
}

// account has parameters of each kind.
func account(t *testing.T, k *killer) *testworld.World {
	t.Helper()
	w := testworld.New(t, testworld.Options{MaxAttempts: 1, Backoff: func(int) time.Duration { return 0 }, Client: nil, Faults: k.fault})
	put := func(name, value string, more func(*ssm.PutParameterInput)) {
		in := &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true)}
		if more != nil {
			more(in)
		}
		_, err := w.SSM.PutParameter(t.Context(), in)
		w.Must(err)
	}
	put("/app/text", "one", func(in *ssm.PutParameterInput) {
		in.Description, in.AllowedPattern = aws.String("what it is"), aws.String("^o.*")
	})
	put("/app/list", "a,b", func(in *ssm.PutParameterInput) { in.Type = types.ParameterTypeStringList })
	put("/app/secret", "hunter2", func(in *ssm.PutParameterInput) {
		in.Type, in.KeyId = types.ParameterTypeSecureString, aws.String("alias/app")
	})
	_, err := w.SSM.AddTagsToResource(t.Context(), &ssm.AddTagsToResourceInput{
		ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String("/app/text"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}},
	})
	w.Must(err)
	w.Record()
	return w
}

// live returns the names that exist below the drills' path.
func live(t *testing.T, w *testworld.World) (names []string) {
	t.Helper()
	out, err := w.SSM.GetParametersByPath(t.Context(), &ssm.GetParametersByPathInput{Path: aws.String(strings.TrimSuffix(ssmbak.DrillPath, "/")), Recursive: aws.Bool(true)})
	w.Must(err)
	for _, p := range out.Parameters {
		names = append(names, aws.ToString(p.Name))
	}
	return names
}

func run(ctx context.Context, t *testing.T, w *testworld.World) (*drill.Drill, error) {
	t.Helper()
	conn := w.Conn
	caller, err := conn.Caller(ctx)
	if err != nil {
		return nil, err
	}
	store := paramstore.New(conn.SSM(), paramstore.Options{MaxRate: 100})
	d, err := drill.Prepare(ctx, w.Archive, w.Archive, store, testworld.Target(t, "/app/", true), ssmbak.TimeOf(time.Now()), caller.ARN, 100)
	if err != nil {
		return nil, err
	}
	return d, d.Run(ctx)
}

// reconcile runs one that has no fault.
func reconcile(t *testing.T, w *testworld.World) recorder.Report {
	t.Helper()
	_, r := w.Another(w.Connect(w.AWS.Client()))
	report, err := r.Reconcile(t.Context(), testworld.Everything(t), recorder.ReconcileOptions{})
	w.Must(err)
	return report
}

// unrecorded checks that the archive has nothing about drills except their record.
func unrecorded(t *testing.T, w *testworld.World) {
	t.Helper()
	w.Drain()
	for _, key := range w.AWS.S3.Keys("archive") {
		if strings.Contains(key, ssmbak.DrillPath) {
			t.Errorf("the archive has %s", key)
		}
	}
}

func TestDrill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := account(t, &killer{left: -1})
		d, err := run(t.Context(), t, w)
		if err != nil {
			t.Fatal(err)
		}
		r := d.Record
		if r.Written != 3 || r.Compared != 3 || len(r.Findings) > 0 || r.Ended.IsZero() || r.Incomplete || len(d.Kept) > 0 || len(r.Names) != 3 {
			t.Errorf("%+v, kept %v", r, d.Kept)
		}
		if names := live(t, w); len(names) > 0 {
			t.Errorf("left %q", names)
		}
		unrecorded(t, w)
		if saved, exists, err := w.Archive.LastDrill(t.Context()); err != nil || !exists || saved.ID != r.ID || saved.Compared != 3 {
			t.Errorf("saved %+v, %v, %v", saved, exists, err)
		}
		if records, _, err := w.Archive.RestoreRecords(t.Context(), 0); err != nil || len(records) > 0 {
			t.Errorf("there are restore records, which undo would find: %v, %v", records, err)
		}
	})
}

// TestDrillKilled kills a drill at each of its requests. The reconcile after the time that it had
// removes everything that it left, and nothing that others created.
func TestDrillKilled(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		for n, last := 1, 1; n <= last; n++ {
			synctest.Test(t, func(t *testing.T) {
				k := &killer{left: -1, lost: lost}
				w := account(t, k)
				k.mu.Lock()
				k.sent, k.left = 0, n
				k.mu.Unlock()
				d, err := run(t.Context(), t, w)
				if err == nil {
					last = 0 // it was killed after its last request
				} else {
					last = n + 1
				}
				ours := live(t, w)
				other := ssmbak.DrillPath + "by-hand"
				planted := []string{other}
				if d != nil {
					planted = append(planted, d.Record.Prefix()+"app/other")
				}
				for _, name := range planted {
					_, err := w.SSM.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: aws.String("v"), Type: types.ParameterTypeString})
					w.Must(err)
				}
				// Not while the drill may still run.
				if reconcile(t, w); len(live(t, w)) != len(ours)+len(planted) {
					t.Errorf("killed at %d: removed while the drill may run: %q", n, live(t, w))
				}
				time.Sleep(2 * time.Hour)
				reconcile(t, w)
				slices.Sort(planted)
				if left := live(t, w); !slices.Equal(left, planted) {
					t.Errorf("killed at request %d, lost %v: left %q, want %q", n, lost, left, planted)
				}
				unrecorded(t, w)
			})
		}
	}
}

// TestDrillKeepsOthers checks that what another user changed at a name of the drill is kept, and
// named, by a reconcile.
func TestDrillKeepsOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := account(t, &killer{left: -1})
		caller, err := w.Conn.Caller(t.Context())
		w.Must(err)
		d := archive.Drill{ID: archive.NewRestoreID(time.Now(), "abc"), By: caller.ARN, Began: time.Now(), Until: time.Now().Add(time.Minute)}
		create := func(client *ssm.Client, name string, times int) {
			d.Names = append(d.Names, ssmbak.Name(name))
			for range times {
				_, err := client.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: aws.String("v"), Type: types.ParameterTypeString, Overwrite: aws.Bool(true)})
				w.Must(err)
			}
		}
		create(w.SSM, d.Prefix()+"ours", 1)
		create(w.SSM, d.Prefix()+"changed", 2)
		create(w.Connect(testworld.As(w.AWS.Client(), "alice")).SSM(), d.Prefix()+"alice", 1)
		w.Must(w.Archive.BeginDrill(t.Context(), d))
		time.Sleep(2 * time.Hour)
		report := reconcile(t, w)
		if left := live(t, w); report.DrillRemoved != 1 || len(report.DrillKept) != 2 || len(left) != 2 || slices.Contains(left, d.Prefix()+"ours") {
			t.Errorf("removed %d, kept %q; left %q", report.DrillRemoved, report.DrillKept, left)
		}
		if reconcile(t, w); len(live(t, w)) != 2 {
			t.Errorf("left %q", live(t, w))
		}
	})
}

// TestDrillFinds checks that a drill names what it could not restore.
func TestDrillFinds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := account(t, &killer{left: -1})
		w.AWS.SSM.DisableKey("alias/app") // its value is in the archive
		for _, v := range w.AWS.S3.Versions("archive", "/app/list") {
			w.AWS.S3.RemoveVersion("archive", "/app/list", v.VersionID)
		}
		d, err := run(t.Context(), t, w)
		if err != nil {
			t.Fatal(err)
		}
		r := d.Record
		if r.OtherKey != 1 || r.Written != 2 || len(r.Findings) != 1 || r.Findings[0].Name != "/app/list" || len(live(t, w)) > 0 {
			t.Errorf("%+v; left %q", r, live(t, w))
		}
		// One at a time.
		r.ID, r.Ended, r.Names = archive.NewRestoreID(time.Now(), "abc"), time.Time{}, nil
		w.Must(w.Archive.BeginDrill(t.Context(), r))
		if _, err := run(t.Context(), t, w); err == nil || !strings.Contains(err.Error(), "is in progress") {
			t.Errorf("a second drill at the same time: %v", err)
		}
	})
}

// TestDrillInterrupted cancels a drill after its first write.
func TestDrillInterrupted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := &killer{left: -1}
		w := account(t, k)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w.AWS.Faults.Add(emulator.Rule{Service: "ssm", Op: "ListTagsForResource", Times: 1, Fault: emulator.Fault{Delay: time.Minute}})
		time.AfterFunc(30*time.Second, cancel)
		d, err := run(ctx, t, w)
		if err == nil || d.Record.Ended.IsZero() || !d.Record.Incomplete || len(live(t, w)) > 0 {
			t.Errorf("%v, %+v; left %q", err, d.Record, live(t, w))
		}
	})
}

// TestDrillCompares changes copies between their write and the comparison.
func TestDrillCompares(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := account(t, &killer{left: -1})
		w.AWS.Faults.Add(emulator.Rule{Service: "ssm", Op: "DescribeParameters", Times: 1, Fault: emulator.Fault{Delay: time.Minute}})
		time.AfterFunc(30*time.Second, func() {
			for _, name := range live(t, w) {
				kind := types.ParameterTypeString
				switch {
				case strings.HasSuffix(name, "/secret"):
					kind = types.ParameterTypeSecureString
				case strings.HasSuffix(name, "/list"):
					continue
				}
				in := &ssm.PutParameterInput{Name: &name, Value: aws.String("other"), Type: kind, Overwrite: aws.Bool(true)}
				if kind == types.ParameterTypeSecureString {
					in.KeyId = aws.String("alias/app")
				}
				_, err := w.SSM.PutParameter(context.Background(), in)
				w.Must(err)
			}
		})
		d, err := run(t.Context(), t, w)
		if err != nil {
			t.Fatal(err)
		}
		found := make(map[ssmbak.Name]string)
		for _, f := range d.Record.Findings {
			found[f.Name] = f.Reason
		}
		if len(found) != 2 || found["/app/secret"] != "restored with another value" || !strings.Contains(found["/app/text"], "value") {
			t.Errorf("found %v", found)
		}
		if len(d.Kept) != 2 || len(live(t, w)) != 2 { // they have version 2
			t.Errorf("kept %v, left %q", d.Kept, live(t, w))
		}
	})
}

// TestDrillOutOfTime delays a drill until it has no time left.
func TestDrillOutOfTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := &killer{left: -1}
		w := account(t, k)
		w.AWS.Faults.Add(emulator.Rule{Service: "ssm", Op: "ListTagsForResource", Times: 1, Fault: emulator.Fault{Delay: time.Hour}})
		d, err := run(t.Context(), t, w)
		if !errors.Is(err, drill.ErrTime) || !strings.Contains(err.Error(), "ListTagsForResource") || d.Record.Ended.IsZero() || !d.Record.Incomplete || len(live(t, w)) > 0 {
			t.Errorf("%v, %+v; left %q", err, d.Record, live(t, w))
		}
	})
}
