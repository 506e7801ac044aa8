package archive_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/timeline"
)

// smallParts divides an index after a few versions.
func smallParts(o *archive.Options) {
	o.Parts = archive.PartLimits{Limits: timeline.Limits{Keep: 3, Least: 2, Most: 4, Runs: 3}, Versions: 8, Bytes: 1 << 20}
}

const minute = ssmbak.Time(60_000)

// busy records versions of a parameter, one in a minute, in an archive that divides
// indexes and in one that does not.
func busy(t *testing.T, versions int64) (p place, divided, plain *archive.Writer) {
	t.Helper()
	client := connect(t, awsconn.Options{HTTPClient: emulator.New(emulator.Options{}).Client()})
	var writers []*archive.Writer
	for _, name := range []string{"divided", "plain"} {
		p = place{client: client, bucket: name}
		p.make(t.Context(), t, true)
		a, err := p.open(t, smallParts)
		if err == nil {
			err = a.Establish(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		writers = append(writers, a)
	}
	p.bucket, divided, plain = "divided", writers[0], writers[1]
	if err := divided.DivideIndexes(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n := int64(1); n <= versions; n++ {
		for _, a := range writers {
			recordBusy(t, a, n)
		}
	}
	return p, divided, plain
}

// recordBusy records one version, with an observation of the last three.
func recordBusy(t *testing.T, a *archive.Writer, n int64) {
	t.Helper()
	x, err := a.Index(t.Context(), "/busy")
	if err == nil && !x.Exists {
		x, err = beginIndex(t.Context(), a, "/busy")
	}
	if err != nil {
		t.Fatal(err)
	}
	v := version(n)
	v.Time = second + ssmbak.Time(n)*minute
	ref, err := a.PutValue(t.Context(), "/busy", v.Version, ssmbak.NewValue(fmt.Sprint("v", n)))
	if err != nil {
		t.Fatal(err)
	}
	v.Objects = []timeline.ObjectRef{{ID: ref.ID, Written: v.Time}}
	facts := timeline.Facts{
		Versions:     []timeline.Version{v},
		Observations: []timeline.Observation{{Newest: v.Ref(), Oldest: max(1, n-2), AsOf: v.Time + 1000, At: v.Time + 12_000}},
	}
	s, err := a.Update(t.Context(), x, func(f timeline.Facts) timeline.Facts { return timeline.Union(f, facts) })
	if err == nil {
		_, _, err = a.CloseRun(t.Context(), s.Index)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// parts returns the keys of the parts.
func (p place) parts(t *testing.T) (keys []string) {
	t.Helper()
	prefix := ".ssmbak/parts/"
	out, err := p.client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &p.bucket, Prefix: &prefix})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range out.Contents {
		keys = append(keys, *o.Key)
	}
	return keys
}

// state returns the state of /busy with its value, without what differs between two
// buckets.
func state(t *testing.T, a *archive.Writer, at ssmbak.Time) (ssmbak.State, []archive.Problem) {
	t.Helper()
	s, err := a.At(t.Context(), testworld.Target(t, "/busy", false), at, archive.AllValues)
	if err != nil || len(s.States) != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	return s.States[0], s.Problems
}

// TestParts compares the answers of an archive with parts with those of one without.
func TestParts(t *testing.T) {
	t.Parallel()
	const versions = 60
	p, divided, plain := busy(t, versions)
	x, err := divided.Index(t.Context(), "/busy")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(x.Facts.Versions); n > 16 {
		t.Errorf("the index has %d versions", n)
	}
	if d := x.Facts.Runs[0].Depth; d < 1 || len(x.Facts.Runs) > 8 {
		t.Errorf("%d runs, the first of the depth %d", len(x.Facts.Runs), d)
	}
	if stored := p.stored(t, ".ssmbak/index/busy"); stored["format"] != 2.0 || stored["reader"] != 2.0 {
		t.Errorf("an index with runs has format %v and reader %v", stored["format"], stored["reader"])
	}
	other := p
	if other.bucket = "plain"; len(other.parts(t)) > 0 || other.stored(t, ".ssmbak/index/busy")["reader"] != nil {
		t.Error("an index was divided, although the archive does not say so")
	}
	for n := ssmbak.Time(1); n <= versions; n++ {
		for _, at := range []ssmbak.Time{second + n*minute - 1, second + n*minute, second + n*minute + 1} {
			want, _ := state(t, plain, at)
			got, problems := state(t, divided, at)
			if diff := cmp.Diff(want.Value.V.Reveal(), got.Value.V.Reveal()); diff != "" || len(problems) > 0 {
				t.Fatalf("the value at %v differs (-plain +divided):\n%s%v", at, diff, problems)
			}
			if want.Value, got.Value = (ssmbak.Known[ssmbak.Value]{}), (ssmbak.Known[ssmbak.Value]{}); !reflect.DeepEqual(want, got) {
				t.Fatalf("the state at %v differs (-plain +divided):\n%s", at, cmp.Diff(want, got, cmp.AllowUnexported(ssmbak.Value{})))
			}
		}
	}
	target := testworld.Target(t, "/busy", false)
	want, err := plain.Log(t.Context(), target, 0, 0)
	got, err2 := divided.Log(t.Context(), target, 0, 0)
	if diff := cmp.Diff(slices.Collect(want.Changes.All()), slices.Collect(got.Changes.All())); diff != "" || err != nil || err2 != nil {
		t.Errorf("the logs differ: %v, %v\n%s", err, err2, diff)
	}
	lines, err := divided.Timelines(t.Context(), target, second+5*minute, second+30*minute)
	if err != nil {
		t.Fatal(err)
	}
	for at, known := range map[ssmbak.Time]bool{second + 5*minute: true, second + 30*minute: true, second + 45*minute: false} {
		if s, _ := lines.All[0].At(at); (s.Certainty != ssmbak.Unknown) != known {
			t.Errorf("at %v: %+v", at, s)
		}
	}
	for v, err := range divided.Verify(t.Context(), target, nil) {
		if err != nil || len(v.Findings) > 0 || v.Values != versions || v.IndexVersions < versions {
			t.Errorf("%+v, %v", v.Findings, err)
		}
	}
}

// TestLostPart removes and damages parts: each costs the moments of its run only, and
// is named.
func TestLostPart(t *testing.T) {
	t.Parallel()
	const versions = 40
	for _, test := range []struct {
		name string
		harm func(t *testing.T, p place, r timeline.Run, key string)
		says string
	}{
		{"removed", func(t *testing.T, p place, r timeline.Run, key string) { p.remove(t, key, r.Part.Object) }, "does not exist"},
		{"a delete marker harms nothing", func(t *testing.T, p place, _ timeline.Run, key string) { p.remove(t, key, "") }, ""},
		{"a newer object under its key harms nothing", func(t *testing.T, p place, _ timeline.Run, key string) { p.put(t, key, "junk") }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, a, _ := busy(t, versions)
			x, err := a.Index(t.Context(), "/busy")
			if err != nil {
				t.Fatal(err)
			}
			r := x.Facts.Runs[len(x.Facts.Runs)-1]
			key := ".ssmbak/parts/busy/" + r.Part.ID
			test.harm(t, p, r, key)
			for n := int64(1); n <= versions; n++ {
				at := second + ssmbak.Time(n)*minute
				lost := test.says != "" && at >= r.First.Time && at < r.Last.Time
				got, problems := state(t, a, at)
				if (got.Certainty == ssmbak.Unknown) != lost || !lost && got.Version.Number != n || lost != (len(problems) == 1) {
					t.Errorf("at %v: %+v, %v", at, got, problems)
				}
				if lost && (!strings.Contains(problems[0].Err.Error(), key) || !strings.Contains(problems[0].Err.Error(), test.says)) {
					t.Errorf("the problem is %v", problems[0].Err)
				}
			}
			log, err := a.Log(t.Context(), testworld.Target(t, "/busy", false), 0, 0)
			gaps := 0
			for c := range log.Changes.All() {
				if c.Operation == ssmbak.OpGap {
					gaps++
				}
			}
			if err != nil || (gaps == 1 && len(log.Problems) == 1) != (test.says != "") {
				t.Errorf("%d gaps, problems %v, %v", gaps, log.Problems, err)
			}
			for v, err := range a.Verify(t.Context(), testworld.Target(t, "/busy", false), nil) {
				found := len(v.Findings) == 1 && v.Findings[0].Fault == archive.FaultDamagedPart && v.Findings[0].Key == key
				if err != nil || found != (test.says != "") || !found && len(v.Findings) > 0 {
					t.Errorf("%+v, %v", v.Findings, err)
				}
			}
		})
	}
}

// TestForgedPart refuses a part that another object version, another parameter or
// another run has.
func TestForgedPart(t *testing.T) {
	t.Parallel()
	p, a, _ := busy(t, 30)
	x, err := a.Index(t.Context(), "/busy")
	if err != nil {
		t.Fatal(err)
	}
	runs := x.Facts.Runs
	forge := func(change func(r *timeline.Run)) {
		t.Helper()
		_, err := a.Update(t.Context(), mustIndex(t, a), func(f timeline.Facts) timeline.Facts {
			f.Runs = slices.Clone(runs)
			change(&f.Runs[0])
			return f
		})
		if err != nil {
			t.Fatal(err)
		}
		_, problems := state(t, a, runs[0].First.Time+1)
		var damaged *archive.DamagedError
		if len(problems) != 1 || !errors.As(problems[0].Err, &damaged) || damaged.Index() {
			t.Errorf("problems %v", problems)
		}
	}
	forge(func(r *timeline.Run) { r.Part.SHA256 = strings.Repeat("0", 64) })
	forge(func(r *timeline.Run) { r.Part.Object = "no-such-version" })
	forge(func(r *timeline.Run) { r.Part = runs[1].Part })
	if _, problems := state(t, a, runs[1].First.Time+1); len(problems) > 0 {
		t.Errorf("the run after the forged one: %v", problems)
	}
	if len(p.parts(t)) == 0 {
		t.Error("there are no parts")
	}
}

func mustIndex(t *testing.T, a *archive.Writer) archive.Index {
	t.Helper()
	x, err := a.Index(t.Context(), "/busy")
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestCloseRunConflict gives up if the index changed: the part is not named.
func TestCloseRunConflict(t *testing.T) {
	t.Parallel()
	_, a, _ := busy(t, 8)
	old := mustIndex(t, a)
	s, err := a.Update(t.Context(), old, add(version(100)))
	if err != nil {
		t.Fatal(err)
	}
	many := old
	many.Facts = timeline.Union(old.Facts, timeline.Facts{Versions: []timeline.Version{version(101)}})
	after, closed, err := a.CloseRun(t.Context(), many)
	if err != nil || closed || after.ETag() != s.Index.ETag() || len(mustIndex(t, a).Facts.Runs) > 0 {
		t.Errorf("closed %t, %v: %+v", closed, err, after.Facts.Runs)
	}
	if after, closed, err = a.CloseRun(t.Context(), after); err != nil || !closed || len(after.Facts.Runs) != 1 {
		t.Errorf("again: closed %t, %v", closed, err)
	}
}

// TestReindexParts rebuilds the index of a parameter with parts.
func TestReindexParts(t *testing.T) {
	t.Parallel()
	const versions = 40
	p, a, plain := busy(t, versions)
	p.put(t, ".ssmbak/index/busy", "junk")
	out, err := a.Reindex(t.Context(), "/busy")
	if err != nil || !out.Rebuilt || out.Values != 0 || out.Foreign != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	for n := ssmbak.Time(1); n <= versions; n++ {
		want, _ := state(t, plain, second+n*minute)
		got, problems := state(t, a, second+n*minute)
		if want.Certainty != got.Certainty || want.Value.V.Reveal() != got.Value.V.Reveal() || len(problems) > 0 {
			t.Errorf("version %d: %+v, %v", n, got, problems)
		}
	}
	recordBusy(t, a, versions+1)
	if got, _ := state(t, a, second+(versions+1)*minute); got.Version.Number != versions+1 {
		t.Errorf("the next version: %+v", got)
	}
}

// TestPartKeepsUnknown moves the unknown fields of facts together with the facts.
func TestPartKeepsUnknown(t *testing.T) {
	t.Parallel()
	p, a, _ := busy(t, 8)
	stored := p.stored(t, ".ssmbak/index/busy")
	for _, kind := range []string{"versions", "looks"} {
		for _, fact := range stored[kind].([]any) {
			fact.(map[string]any)["colour"] = kind
		}
	}
	stored["shape"] = "round"
	p.put(t, ".ssmbak/index/busy", zipped(text(t, stored)))
	recordBusy(t, a, 9)
	keys := p.parts(t)
	if len(keys) != 1 {
		t.Fatalf("parts %v", keys)
	}
	part := p.stored(t, keys[0])
	for _, kind := range []string{"versions", "looks"} {
		for _, fact := range part[kind].([]any) {
			if fact.(map[string]any)["colour"] != kind {
				t.Errorf("%s: %v", kind, fact)
			}
		}
	}
	if index := p.stored(t, ".ssmbak/index/busy"); index["shape"] != "round" || part["shape"] != nil {
		t.Errorf("the unknown field of the index: %v in the index, %v in the part", index["shape"], part["shape"])
	}
	if bytes.Contains([]byte(text(t, part)), []byte(`"reader"`)) {
		t.Error("a part has the reader of the index")
	}
}

func text(t *testing.T, fields map[string]any) string {
	t.Helper()
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
