package legacy_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/timeline"
)

// checkProved checks that proved states are true, and that every value is that of its
// version.
func (w *world) checkProved(t *testing.T, r *reading) {
	t.Helper()
	for _, name := range names {
		versions := make(map[timeline.Ref]string)
		for _, c := range w.aws.SSM.Truth(string(name)) {
			versions[timeline.Ref{Number: c.Version, Time: ssmbak.TimeOf(c.Time)}] = c.Value
		}
		for _, at := range w.moments(name, r) {
			s, value := r.at(t, name, at)
			c, there := w.truth(name, at)
			if s.Certainty == ssmbak.Proved && (s.Deleted == there || there && (s.Version.Number != c.Version || s.Version.Time != ssmbak.TimeOf(c.Time))) {
				t.Errorf("%s at %v is proved to be %+v, it was %+v", name, at, s, c)
			}
			if s.Version.Number != 0 && value != nil && *value != versions[timeline.Ref{Number: s.Version.Number, Time: s.Version.Time}] {
				t.Errorf("%s at %v: version %d has the value %q", name, at, s.Version.Number, *value)
			}
		}
	}
}

// checkComplete checks that everything in Parameter Store is recorded, that a live value
// is the current object of its key, and that a deleted parameter has a delete marker.
func (w *world) checkComplete(t *testing.T, bucket string) {
	t.Helper()
	for _, name := range names {
		stored := w.aws.S3.Versions(bucket, string(name))
		h, err := w.live.History(t.Context(), name)
		if errors.Is(err, paramstore.ErrNotFound) {
			if len(stored) > 0 && !stored[0].Marker {
				t.Errorf("%s is deleted, but its current object is %+v", name, stored[0])
			}
			continue
		}
		x, err2 := w.archives[bucket].Index(t.Context(), name)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		for _, v := range h.Versions {
			if fact, ok := x.Facts.Version(timeline.Ref{Number: v.Number, Time: v.Time}); !ok || len(fact.Objects) == 0 {
				t.Errorf("version %d of %s is lost: %+v", v.Number, name, fact)
			}
		}
		c, _ := w.truth(name, ssmbak.TimeOf(time.Now()))
		if stored[0].Marker || string(stored[0].Body) != c.Value || stored[0].Metadata["ssmbak-version"] != strconv.FormatInt(c.Version, 10) {
			t.Errorf("the live value of %s is not its current object: %+v", name, stored[0])
		}
	}
}

// first is the event time of the first fact that is ssmbak's own.
func first(f timeline.Facts) ssmbak.Time {
	first := ssmbak.MaxTime
	for _, v := range f.Versions {
		first = min(first, v.Time)
	}
	for _, d := range f.Deletions {
		first = min(first, ssmbak.Seconds(d.Second))
	}
	for _, tr := range f.MissedChanges {
		first = min(first, ssmbak.Seconds(tr.Second-1))
	}
	for _, l := range f.Observations {
		if l.Gone {
			first = min(first, l.At)
		}
	}
	return first
}

func sameState(a ssmbak.State, aValue *string, b ssmbak.State, bValue *string) bool {
	return a.Deleted == b.Deleted && a.Certainty == b.Certainty && cmp.Equal(a.Version, b.Version) && a.Reason == b.Reason && cmp.Equal(aValue, bValue) &&
		a.ProvedUntil == b.ProvedUntil && cmp.Equal(a.Tags, b.Tags) && cmp.Equal(a.Labels, b.Labels)
}

// compare checks that legacy records in the same bucket changed no answer since the first
// own fact of ssmbak, and that no value is missing.
func (w *world) compare(t *testing.T, own, shared *reading) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(own.lines)) {
		line := shared.lines[name]
		if line == nil {
			t.Fatalf("%s is not recorded", name)
		}
		for _, v := range own.lines[name].Facts().Versions {
			if fact, ok := line.Facts().Version(v.Ref()); !ok || len(fact.Objects) == 0 && len(v.Objects) > 0 {
				t.Errorf("version %d of %s is lost: %+v", v.Number, name, fact)
			}
		}
		for _, at := range append(w.moments(name, own), w.moments(name, shared)...) {
			a, aValue := own.at(t, name, at)
			b, bValue := shared.at(t, name, at)
			if at >= first(line.Facts()) && !sameState(a, aValue, b, bValue) {
				t.Errorf("%s at %v: alone %+v, shared %+v", name, at, a, b)
			}
		}
	}
}

// TestSideBySide lets both programs record into one bucket, and ssmbak alone into
// another: its answers are the same in both from its first own fact on, nothing is lost,
// and live values are the current objects in the end.
func TestSideBySide(t *testing.T) {
	eachHistory(t, sideBySide)
}

// eachHistory runs a test for each random history, in virtual time.
func eachHistory(t *testing.T, test func(t *testing.T, seed uint64)) {
	t.Parallel()
	for seed := range histories(t) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, seed) })
		})
	}
}

func sideBySide(t *testing.T, seed uint64) {
	// Without latency both buckets see everything at the same time.
	var latency func(service, op string) time.Duration
	if seed%2 == 1 {
		latency = slow(seed)
	}
	w := newWorld(t, seed, latency)
	w.python = true
	if seed%3 > 0 { // the legacy ssmbak was there before
		w.during(t, func() { w.change(t, 12) })
	}
	w.establish(t, alone, bucket)
	w.during(t, func() { w.change(t, 25) })
	if seed%4 == 0 { // and is stopped
		w.python = false
		w.during(t, func() { w.change(t, 8) })
	}
	own, shared := read(t, w.archives[alone]), read(t, w.archives[bucket])
	w.checkProved(t, own)
	w.checkProved(t, shared)
	if latency == nil {
		w.compare(t, own, shared)
	}
	time.Sleep(time.Minute) // so that no look may have answered from before the last change
	w.reconcile(t, alone)
	w.reconcile(t, bucket)
	w.checkComplete(t, alone)
	w.checkComplete(t, bucket)
	w.checkProved(t, read(t, w.archives[alone]))
	after := read(t, w.archives[bucket])
	w.checkProved(t, after)
	// What only the legacy ssmbak knew has an index now, and answers as before.
	for name, line := range shared.lines {
		if first(line.Facts()) < ssmbak.MaxTime {
			continue
		}
		if after.lines[name] == nil {
			t.Fatalf("%s, which only the legacy ssmbak recorded, is gone", name)
		}
		for _, at := range w.moments(name, shared) {
			was, old := shared.at(t, name, at)
			is, value := after.at(t, name, at)
			if was.Certainty != ssmbak.Unknown && at < first(after.lines[name].Facts()) && !sameState(was, old, is, value) {
				t.Errorf("%s at %v: %+v before it was adopted, %+v after it", name, at, was, is)
			}
		}
	}
	// Nothing is left to do.
	time.Sleep(time.Hour)
	for _, b := range []string{alone, bucket} {
		if again := w.reconcile(t, b); len(again.Recorded)+len(again.Gaps) > 0 {
			t.Errorf("%s: the second reconcile found %+v", b, again)
		}
	}
	id, _ := w.archives[bucket].Identity()
	if adopted := len(w.aws.S3.Versions(bucket, ".ssmbak/adopted")) == 1; adopted != id.Legacy {
		t.Errorf("adopted: %v, the legacy ssmbak was here: %v", adopted, id.Legacy)
	}
	w.checkComplete(t, bucket)
	w.checkProved(t, read(t, w.archives[bucket]))
}

// TestContinued records into buckets of the legacy ssmbak: the complete corpus, and random
// histories. Before the first own fact of ssmbak the answers remain those of the legacy
// ssmbak, whether a name is recorded again or only adopted.
func TestContinued(t *testing.T) {
	t.Parallel()
	for seed := range min(12, histories(t)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { continued(t, seed) })
		})
	}
}

// left is the legacy record of one name.
type left struct {
	steps   []step
	answers []answer
}

// leave returns random histories, and the legacy answers for each second.
func leave(r *rand.Rand, names int) map[ssmbak.Name]left {
	all := make(map[ssmbak.Name]left)
	for n := range names {
		name := ssmbak.Name(fmt.Sprint("/random/", n))
		if n == 0 {
			name = "/top"
		}
		var l left
		stored := int64(0)
		for i := range 1 + r.IntN(10) {
			// The listing loses the order of a version and a marker of one second.
			stored += 1 + r.Int64N(30)
			st := step{Delete: r.IntN(3) == 0, At: stored}
			if !st.Delete {
				happened := stored - r.Int64N(60)
				st.Put, st.Time, st.Type = fmt.Sprint("v", i), &happened, "String"
				d := fmt.Sprintf("été %d, (%s)", i, strings.Repeat("long ", r.IntN(100)))
				d = untaggable.ReplaceAllString(d, "")
				st.Description = d[:min(len(d), 256)]
			}
			l.steps = append(l.steps, st)
		}
		for second := int64(-61); second <= stored+1; second++ {
			l.answers = append(l.answers, oracle(l.steps, second))
		}
		all[name] = l
	}
	return all
}

func continued(t *testing.T, seed uint64) {
	w := newWorld(t, seed, nil)
	time.Sleep(time.Until(base.Add(-time.Hour)))
	all := leave(w.random, 12)
	for file, e := range corpus(t) {
		name := e.Parameter
		switch name {
		case "/top":
			name = ssmbak.Name("/" + file)
		case "/app/db":
			name = ssmbak.Name("/corpus/" + file)
		}
		all[name] = left{e.Steps, e.Answers}
	}
	type write struct {
		name ssmbak.Name
		step
	}
	var writes []write
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, st := range all[name].steps {
			writes = append(writes, write{name, st})
		}
	}
	slices.SortStableFunc(writes, func(a, b write) int { return int(a.At - b.At) })
	for _, x := range writes {
		w.do(t.Context(), t, x.name, x.step)
	}

	continuing := make(map[ssmbak.Name]int64) // by name, the second of what ssmbak recorded
	check := func(when string) {
		t.Helper()
		a, err := archive.Open(t.Context(), w.client, archive.Options{Bucket: bucket, Account: account, Region: region})
		if err != nil {
			t.Fatal(err)
		}
		r := read(t, a)
		for name, l := range all {
			for _, want := range l.answers {
				if s, value := r.at(t, name, ssmbak.Seconds(base.Unix()+want.At)+999); !want.is(s, value) {
					t.Errorf("%s: %s at %d: %+v, want %+v", when, name, want.At, s, want)
				}
			}
			if second, ok := continuing[name]; ok {
				if s, value := r.at(t, name, ssmbak.Seconds(second)+999); value == nil || *value != "ours" || s.Certainty != ssmbak.Proved {
					t.Errorf("%s: %s is %+v, want what ssmbak recorded", when, name, s)
				}
			}
		}
	}
	check("left by the legacy ssmbak")
	time.Sleep(time.Until(base.Add(time.Hour)))
	w.establish(t, bucket)
	check("established")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if w.random.IntN(3) > 0 {
			continue
		}
		if _, err := w.live.Put(t.Context(), paramstore.Write{Name: name, Value: ssmbak.NewValue("ours"), Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}}); err != nil {
			t.Fatal(err)
		}
		continuing[name] = time.Now().Unix()
		time.Sleep(time.Minute)
		if err := w.recorder(bucket).Sync(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	check("continued")
	w.reconcile(t, bucket)
	check("adopted")

	w.aws.ResetCounts()
	a, err := archive.Open(t.Context(), w.client, archive.Options{Bucket: bucket, Account: account, Region: region})
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := a.At(t.Context(), testworld.Everything(t), ssmbak.TimeOf(time.Now()), archive.NoValues)
	known := 0
	for _, l := range all {
		if slices.ContainsFunc(l.answers, func(a answer) bool { return a.Deleted || a.Value != nil }) {
			known++
		}
	}
	if err != nil || len(snapshot.States) != known {
		t.Errorf("%d states, %v, want %d", len(snapshot.States), err, known)
	}
	// The indexes and the register, and .ssmbak/archive, .ssmbak/adopted and .ssmbak/reconciled.
	if diff := cmp.Diff(map[string]int{"s3:ListObjectsV2": 1, "s3:ListObjectVersions": 1, "s3:GetObject": known + 3}, w.aws.Counts()); diff != "" {
		t.Errorf("requests to read the path (-want +got):\n%s", diff)
	}

	// What the legacy ssmbak did not see being deleted is found out by the next one.
	report := w.reconcile(t, bucket)
	check("reconciled")
	for name, l := range all {
		if _, ok := continuing[name]; ok {
			continue
		}
		last := l.answers[len(l.answers)-1]
		if got := slices.Contains(report.Deleted, name); got != (last.Value != nil) {
			t.Errorf("%s found deleted: %v, after %+v", name, got, last)
		}
		if s, _ := read(t, a).at(t, name, ssmbak.TimeOf(time.Now())); last.Value != nil && !s.Deleted {
			t.Errorf("%s is %+v now", name, s)
		}
	}
}

// is reports whether the state is the answer.
func (a answer) is(s ssmbak.State, value *string) bool {
	switch {
	case a.Deleted:
		return s.Deleted && s.Certainty == ssmbak.LastKnown
	case a.Value == nil:
		return s.Certainty == ssmbak.Unknown && value == nil
	}
	return !s.Deleted && s.Certainty == ssmbak.LastKnown && value != nil && *value == *a.Value &&
		(a.Type == nil || string(s.Version.Type) == *a.Type) && (a.Description == "" || s.Version.Description == a.Description)
}

// TestReadByLegacy reads records of ssmbak by the legacy rules: where ssmbak has an
// answer, it is the same. They may differ within a second in which something changed, and
// between a deletion and its delete marker, which has only the time of its creation.
func TestReadByLegacy(t *testing.T) {
	eachHistory(t, readByLegacy)
}

func readByLegacy(t *testing.T, seed uint64) {
	var latency func(service, op string) time.Duration
	if seed%2 == 1 {
		latency = slow(seed)
	}
	w := newWorld(t, seed, latency)
	w.establish(t, bucket)
	w.during(t, func() { w.change(t, 40) })
	ours := read(t, w.archives[bucket])
	for _, name := range names {
		var steps []step
		var markers []time.Time
		for _, v := range slices.Backward(w.aws.S3.Versions(bucket, string(name))) {
			st := step{Delete: v.Marker, At: v.LastModified.Unix(), Put: string(v.Body)}
			if v.Marker {
				markers = append(markers, v.LastModified)
			} else {
				second, err := strconv.ParseInt(v.Tags["ssmbakTime"], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				st.Time, st.Type, st.Description = &second, v.Tags["ssmbakType"], v.Tags["ssmbakDescription"]
			}
			steps = append(steps, st)
		}
		changes := w.aws.SSM.Truth(string(name))
		if len(changes) == 0 {
			continue
		}
		end := time.Now().Unix() + 1
		for second := changes[0].Time.Unix() - 2; second <= end; second++ {
			if slices.ContainsFunc(changes, func(c ssmapi.Change) bool { return c.Time.Unix() == second }) {
				continue
			}
			state, value := ours.at(t, name, ssmbak.Seconds(second)+999)
			if state.Certainty == ssmbak.Unknown {
				continue
			}
			theirs := oracle(steps, second)
			c, _ := w.truth(name, ssmbak.Seconds(second)+999)
			switch {
			case !state.Deleted && value == nil: // it was unavailable
			case second < end && state.Deleted && theirs.Value != nil && !slices.ContainsFunc(markers, func(m time.Time) bool { return !m.Before(c.Time) && m.Unix() <= second }):
			case latency != nil && !state.Deleted && theirs.Deleted && slices.ContainsFunc(markers, func(m time.Time) bool { return m.After(c.Time) && m.Before(c.Time.Add(2*time.Second)) }):
				// The next life began while the marker was on its way.
			case state.Deleted != (theirs.Value == nil), !state.Deleted && *value != *theirs.Value:
				t.Fatalf("%s at %d: ours %+v, theirs %+v; %+v", name, second, state, theirs, steps)
			}
		}
	}
}

// TestAdoptionContinues lets a reconcile adopt only some parameters: it is still complete,
// and the next one continues.
func TestAdoptionContinues(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		rule   emulator.Rule
		failed []ssmbak.Name
	}{
		{"one index is not written", emulator.Rule{Op: "PutObject", KeyPrefix: ".ssmbak/index/app/b", Fault: emulator.Denied}, []ssmbak.Name{"/app/b"}},
		{"there is no time for the tags", emulator.Rule{Op: "GetObjectTagging", Fault: emulator.Fault{Delay: time.Hour}}, nil},
		{"there is no time for one index", emulator.Rule{Op: "GetObject", KeyPrefix: ".ssmbak/index/app/b", Fault: emulator.Fault{Delay: time.Hour}}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 0, nil)
				time.Sleep(time.Until(base))
				for _, name := range []ssmbak.Name{"/app/a", "/app/b"} {
					w.do(t.Context(), t, name, step{Put: "v", Time: second(1), Type: "String", At: 1})
				}
				w.establish(t, bucket)
				w.aws.Faults.Add(test.rule)
				ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
				defer cancel()
				report, err := w.recorder(bucket).Reconcile(ctx, testworld.Everything(t), recorder.ReconcileOptions{})
				var failed []ssmbak.Name
				for _, f := range report.Failed {
					failed = append(failed, f.Name)
				}
				if err != nil || !report.Complete || !slices.Equal(failed, test.failed) {
					t.Errorf("got %+v, %v, want it complete", report, err)
				}
				noted, err := w.archives[bucket].Reconciled(t.Context())
				if err != nil || noted.Last.IsZero() || !slices.Equal(noted.Unsure, test.failed) {
					t.Errorf("noted %+v, %v", noted, err)
				}
				if len(w.aws.S3.Versions(bucket, ".ssmbak/adopted")) != 0 {
					t.Error("it is marked as adopted")
				}
				w.aws.Faults.Clear()
				w.reconcile(t, bucket)
				if len(w.aws.S3.Versions(bucket, ".ssmbak/adopted")) != 1 {
					t.Error("it is not marked as adopted")
				}
				r := read(t, w.archives[bucket])
				for _, name := range []ssmbak.Name{"/app/a", "/app/b"} {
					if s, value := r.at(t, name, ssmbak.Seconds(base.Unix()+2)); value == nil || *value != "v" {
						t.Errorf("%s: %+v", name, s)
					}
				}
			})
		})
	}
}
