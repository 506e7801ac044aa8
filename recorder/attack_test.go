package recorder_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// attack runs one attack in a world of its own and in virtual time. The world's
// archive and live parameters are clean: what goes wrong does so for recorders.
func attack(t *testing.T, o emulator.Options, do func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, o, nil)
		w.Recorder = w.another(nil)
		do(t, w)
	})
}

// noEvents loses every event.
func noEvents(o emulator.Options) emulator.Options {
	o.Queue.Copies = func(string) int { return 0 }
	return o
}

// another returns one more recorder, with faults of its own.
func (w *world) another(faults emulator.FaultFunc) *recorder.Recorder {
	w.Helper()
	_, r := w.Another(w.Connect(w.AWS.ClientWith(faults)))
	return r
}

// meanwhile does something each time just before a request that fits takes
// effect, as often as times says. The last such request is the one that met
// the last of it.
func meanwhile(op, prefix string, times int, do func()) emulator.FaultFunc {
	return func(_, o, key string) emulator.Fault {
		if o == op && strings.HasPrefix(key, prefix) && times > 0 {
			times--
			do()
		}
		return emulator.Fault{}
	}
}

// set writes a value without waiting afterwards.
func (w *world) set(t *testing.T, name, value string) {
	t.Helper()
	w.write(t, paramstore.Write{Name: ssmbak.Name(name), Value: ssmbak.NewValue(value), Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}})
}

func (w *world) write(t *testing.T, p paramstore.Write) {
	t.Helper()
	_, err := w.Live.DescribeOne(t.Context(), p.Name)
	p.Overwrite = err == nil
	if _, err := w.Live.Put(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

func (w *world) remove(t *testing.T, name string) {
	t.Helper()
	if err := w.Live.Delete(t.Context(), ssmbak.Name(name)); err != nil {
		t.Fatal(err)
	}
}

func (w *world) label(t *testing.T, name, label string, version int64) {
	t.Helper()
	in := &ssm.LabelParameterVersionInput{Name: aws.String(name), Labels: []string{label}, ParameterVersion: aws.Int64(version)}
	if _, err := w.SSM.LabelParameterVersion(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

// handle returns a handler of batches by one recorder, which notes the errors
// of the messages returned to the queue.
func handle(r *recorder.Recorder, errs *[]error) emulator.Handler {
	return func(ctx context.Context, batch []emulator.Message) (failed []string) {
		messages := make([]recorder.Message, len(batch))
		for i, m := range batch {
			messages[i] = recorder.Message(m)
		}
		for _, f := range r.Handle(ctx, messages) {
			failed = append(failed, f.ID)
			if errs != nil {
				*errs = append(*errs, f.Err)
			}
		}
		return failed
	}
}

// drainBy lets one recorder empty the queue.
func (w *world) drainBy(t *testing.T, r *recorder.Recorder) (errs []error) {
	t.Helper()
	if err := w.AWS.Queue.Drain(t.Context(), handle(r, &errs)); err != nil {
		t.Fatal(err)
	}
	if dead := w.AWS.Queue.DeadLetters(); len(dead) != 0 {
		t.Errorf("%d messages became dead letters", len(dead))
	}
	return errs
}

func (w *world) reconcile(t *testing.T, o recorder.ReconcileOptions) recorder.Report {
	t.Helper()
	report, err := w.Recorder.Reconcile(t.Context(), testworld.Everything(t), o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// answer returns a short description of a parameter's state at a time.
func (w *world) answer(t *testing.T, name string, at time.Time) string {
	t.Helper()
	target, err := ssmbak.ParseTarget(name, false)
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.Archive.At(t.Context(), target, ssmbak.TimeOf(at), archive.AllValues)
	if err != nil || len(s.States) > 1 {
		t.Fatalf("%s at %v: %+v, %v", name, at, s, err)
	}
	if len(s.States) == 0 {
		return "no record"
	}
	switch st := s.States[0]; {
	case st.Deleted:
		return st.Certainty.String() + " deleted"
	case st.Version.Number == 0:
		return st.Certainty.String()
	case !st.Value.IsKnown():
		return fmt.Sprintf("%s version %d without value", st.Certainty, st.Version.Number)
	default:
		return st.Certainty.String() + " " + st.Value.V.Reveal()
	}
}

// moment is what the archive must answer at one.
type moment struct {
	at   time.Time
	want string
}

func (w *world) answers(t *testing.T, name string, moments ...moment) {
	t.Helper()
	for _, m := range moments {
		if got := w.answer(t, name, m.at); got != m.want {
			t.Errorf("%s at %v: %s, want %s", name, m.at.UTC().Format("15:04:05.000"), got, m.want)
		}
	}
}

// facts are the facts of a parameter in few words, tags and labels apart.
func (w *world) facts(t *testing.T, name string) []string {
	t.Helper()
	values := w.values(name)
	var all []string
	f := w.index(t, name).Facts
	for _, v := range f.Versions {
		text := "without value: " + v.Unreadable
		for _, o := range v.Objects {
			text = values[o.ID]
		}
		all = append(all, fmt.Sprintf("%d %s", v.Number, text))
	}
	for range f.Deletions {
		all = append(all, "deletion")
	}
	for _, tr := range f.MissedChanges {
		all = append(all, "missed "+string(tr.Operation))
	}
	return all
}

// values are the value objects of a parameter by their ids.
func (w *world) values(name string) map[string]string {
	values := make(map[string]string)
	for _, v := range w.AWS.S3.Versions(bucket, name) {
		values[v.VersionID] = string(v.Body)
	}
	return values
}

// top is the current object of a parameter's key.
func (w *world) top(name string) string {
	all := w.AWS.S3.Versions(bucket, name)
	switch {
	case len(all) == 0:
		return "nothing"
	case all[0].Marker:
		return "a marker"
	}
	return string(all[0].Body)
}

// wantCurrent checks the current object of a parameter's key.
func (w *world) wantCurrent(t *testing.T, name, want string) {
	t.Helper()
	if got := w.top(name); got != want {
		t.Errorf("current object of %s is %s, want %s", name, got, want)
	}
}

// right compares every answer of at least this certainty with the truth at every
// relevant time, including tags and labels.
func (w *world) right(t *testing.T, level ssmbak.Certainty, names ...string) {
	t.Helper()
	lines, err := w.Archive.Timelines(t.Context(), testworld.Everything(t))
	if err != nil || len(lines.Problems) > 0 {
		t.Fatal(err, lines.Problems)
	}
	for _, name := range names {
		i := slices.Index(lines.Names, ssmbak.Name(name))
		if i < 0 {
			t.Errorf("nothing is recorded of %s", name)
			continue
		}
		values, truth := w.values(name), w.AWS.SSM.Truth(name)
		var moments []ssmbak.Time
		for j, c := range truth {
			at := ssmbak.TimeOf(c.Time)
			moments = append(moments, at-1, at, at+1, at+1000)
			if j > 0 {
				moments = append(moments, at-(at-ssmbak.TimeOf(truth[j-1].Time))/2)
			}
		}
		for _, at := range append(moments, ssmbak.TimeOf(time.Now())) {
			said, refs := lines.All[i].At(at)
			if said.Certainty < level {
				continue
			}
			now := 0
			for now < len(truth) && ssmbak.TimeOf(truth[now].Time) <= at {
				now++
			}
			if now == 0 || truth[now-1].Op == "Delete" {
				if !said.Deleted {
					t.Errorf("%s at %v: %v version %d, it was not there", name, at, said.Certainty, said.Version.Number)
				}
				continue
			}
			was := truth[now-1]
			switch {
			case said.Deleted || said.Version.Number != was.Version:
				t.Errorf("%s at %v: %v version %d (deleted: %v), it was version %d", name, at, said.Certainty, said.Version.Number, said.Deleted, was.Version)
			case len(refs) > 0 && values[refs[len(refs)-1].ID] != was.Value:
				t.Errorf("%s at %v: %s, it was %s", name, at, values[refs[len(refs)-1].ID], was.Value)
			case said.Tags.IsProved() && !maps.Equal(said.Tags.V, was.Tags):
				t.Errorf("%s at %v: tags %v, they were %v", name, at, said.Tags.V, was.Tags)
			case said.Labels.IsProved() && !maps.Equal(said.Labels.V, was.Labels):
				t.Errorf("%s at %v: labels %v, they were %v", name, at, said.Labels.V, was.Labels)
			}
		}
	}
}

// final checks that after one reconcile the archive has the present state of each
// parameter and that the right object is current.
func (w *world) final(t *testing.T, names ...string) {
	t.Helper()
	time.Sleep(time.Minute)
	if report := w.reconcile(t, recorder.ReconcileOptions{}); !report.Complete || len(report.Failed) > 0 {
		t.Errorf("the last reconcile: %+v", report)
	}
	for _, name := range names {
		truth := w.AWS.SSM.Truth(name)
		now, want, top := truth[len(truth)-1], "last-known deleted", "a marker"
		if now.Op != "Delete" {
			want, top = "last-known "+now.Value, now.Value
		}
		w.answers(t, name, moment{time.Now(), want})
		w.wantCurrent(t, name, top)
	}
	w.right(t, ssmbak.Proved, names...)
}

// nth is the place of an event in the order in which they were sent, 1 for the
// first.
func nth(eventID string) int {
	n, _ := strconv.ParseInt(eventID[len(eventID)-12:], 16, 64)
	return int(n)
}
