package archive_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/timeline"
)

// The golden archive was written by the code of 2026-11-25 and is never written
// again: a bucket with every kind of object and every kind of fact of format 1,
// an index under a delete marker and a damaged one, and the answers of that code
// for times between the changes.
const goldenBucket, goldenSeed = "backup", 42

// goldenObject is one object version. Those of a key are in the order in which they were
// stored. Body is base64, Text is text.
type goldenObject struct {
	Key, ID, Body, Text string
	Marker              bool
	Modified            time.Time
	Tags, Metadata      map[string]string
}

// goldenState is the recorded state of one parameter at one time.
type goldenState struct {
	Name                     ssmbak.Name
	Value, NoValue           any
	Deleted                  bool
	Certainty                string
	Number, Time             int64
	User, Type, KeyID, Tier  string
	DataType, Description    string
	AllowedPattern, Policies string
	Modified, ProvedUntil    int64
	Tags                     map[string]string
	TagsHow, LabelsHow       string
	Labels                   map[string]int64
}

type goldenAnswers struct {
	At         ssmbak.Time
	States     []goldenState
	Unreadable []ssmbak.Name
}

func readGolden[T any](t *testing.T, file string) (all []T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "golden", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// loadGolden returns the golden archive in a bucket of its own.
func loadGolden(t *testing.T) *archive.Writer {
	t.Helper()
	aws := emulator.New(emulator.Options{Seed: goldenSeed})
	aws.S3.CreateBucket(goldenBucket, true)
	var versions []s3api.Version
	for _, o := range readGolden[goldenObject](t, "objects.json") {
		v := s3api.Version{Key: o.Key, VersionID: o.ID, Marker: o.Marker, Body: []byte(o.Text), Tags: o.Tags, Metadata: o.Metadata, LastModified: o.Modified}
		if o.Body != "" {
			body, err := base64.StdEncoding.DecodeString(o.Body)
			if err != nil {
				t.Fatal(err)
			}
			v.Body = body
		}
		versions = append(versions, v)
	}
	if err := aws.S3.Load(goldenBucket, versions); err != nil {
		t.Fatal(err)
	}
	p := place{client: connect(t, awsconn.Options{HTTPClient: aws.Client()}), bucket: goldenBucket}
	a, err := p.open(t)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// answered returns the current answers in the form of the recorded ones.
func answered(t *testing.T, a *archive.Writer, at ssmbak.Time) goldenAnswers {
	t.Helper()
	everything := testworld.Everything(t)
	snap, err := a.At(t.Context(), everything, at, archive.AllValues)
	if err != nil {
		t.Fatal(err)
	}
	how := func(c ssmbak.Certainty) string {
		return map[ssmbak.Certainty]string{ssmbak.Proved: "known", ssmbak.LastKnown: "last-known"}[c]
	}
	out := goldenAnswers{At: at}
	for _, p := range snap.Problems {
		out.Unreadable = append(out.Unreadable, p.Name)
	}
	for _, s := range snap.States {
		v := s.Version
		g := goldenState{
			Name: s.Name, Deleted: s.Deleted, Certainty: s.Certainty.String(), Number: v.Number, Time: int64(v.Time),
			User: v.User, Type: string(v.Type), KeyID: v.KeyID, Tier: v.Tier, DataType: v.DataType, Description: v.Description,
			AllowedPattern: v.AllowedPattern, Policies: v.Policies, Modified: int64(s.Modified), ProvedUntil: int64(s.ProvedUntil),
			Tags: s.Tags.V, Labels: s.Labels.V, TagsHow: how(s.Tags.Certainty), LabelsHow: how(s.Labels.Certainty),
		}
		if value, ok := s.Value.Get(); ok {
			g.Value = value.Reveal()
		}
		if s.Value.Reason != "" {
			g.NoValue = true
		}
		// The recorded answers do not distinguish an empty map from nil.
		if len(g.Tags) == 0 {
			g.Tags = nil
		}
		if len(g.Labels) == 0 {
			g.Labels = nil
		}
		out.States = append(out.States, g)
	}
	return out
}

// TestGolden reads an archive that the code of format 1's first day wrote, and
// gives the same answers as that code did; and gives them again after every
// index was replaced.
func TestGolden(t *testing.T) {
	t.Parallel()
	a := loadGolden(t)
	answers := readGolden[goldenAnswers](t, "answers.json")
	for _, want := range answers {
		for i := range want.States { // older answers contain what is not known
			s := &want.States[i]
			if s.TagsHow == "" {
				s.Tags = nil
			}
			if s.LabelsHow == "" {
				s.Labels = nil
			}
		}
		if diff := cmp.Diff(answered(t, a, want.At), want); diff != "" {
			t.Errorf("at %v (-got +want):\n%s", want.At, diff)
		}
	}
	restores, more, err := a.RestoreRecords(t.Context(), 0)
	if err != nil || more != 0 {
		t.Fatalf("restores: %d more, %v", more, err)
	}
	if len(restores) != 2 || restores[0].Undoes != restores[1].ID || len(restores[1].Items) == 0 || restores[1].Ended.IsZero() {
		t.Errorf("restores: got %+v", restores)
	}
	r, err := a.Reconciled(t.Context())
	if err != nil || len(r.Unsure) != 2 || len(r.Missed) != 2 || len(r.Excluded) != 1 || len(r.Once) != 1 || r.Tags.IsZero() || r.Labels.IsZero() {
		t.Errorf("reconciled: got %+v, %v", r, err)
	}
	everything := testworld.Everything(t)
	n := 0
	for name, err := range a.Names(t.Context(), everything) {
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(answers[0].Unreadable, name) {
			continue
		}
		x, err := a.Index(t.Context(), name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(x.Facts.Versions) == 0 {
			continue
		}
		// One more event that announced a version changes no answer.
		v := x.Facts.Versions[0]
		v.Events = append(slices.Clone(v.Events), "announced again")
		s, err := a.Update(t.Context(), x, func(f timeline.Facts) timeline.Facts {
			return timeline.Union(f, timeline.Facts{Versions: []timeline.Version{v}})
		})
		if err != nil || !s.Wrote {
			t.Fatalf("%s: replaced: %t, %v", name, s.Wrote, err)
		}
		n++
	}
	if n < 8 {
		t.Errorf("only %d indexes were replaced", n)
	}
	// The listing proves nothing about an index that was replaced after it, so only the
	// certainty of the answers changes.
	for _, want := range answers {
		if diff := cmp.Diff(certainly(answered(t, a, want.At)), certainly(want)); diff != "" {
			t.Errorf("after every index was replaced, at %v (-got +want):\n%s", want.At, diff)
		}
	}
}

// certainly returns the answers without their certainty.
func certainly(a goldenAnswers) goldenAnswers {
	a.States = slices.Clone(a.States)
	for i := range a.States {
		s := &a.States[i]
		s.Certainty, s.ProvedUntil, s.Tags, s.Labels, s.TagsHow, s.LabelsHow = "", 0, nil, nil, "", ""
	}
	return a
}
