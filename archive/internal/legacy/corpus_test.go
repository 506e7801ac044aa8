package legacy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"pgregory.net/rapid"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/archive/internal/legacy"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

const (
	account = testworld.Account
	region  = testworld.Region
	bucket  = "originals"
)

// base is the second to which the corpus counts.
var base = time.Date(2024, 6, 13, 20, 0, 0, 0, time.UTC)

// entry is one file of the corpus: what the legacy ssmbak stored under one key, in order,
// and the state at some times.
type entry struct {
	Why       string      `json:"why"`
	Parameter ssmbak.Name `json:"parameter"`
	Steps     []step      `json:"steps"`
	Answers   []answer    `json:"answers"`
}

// step is one write. Times are seconds after base.
type step struct {
	Put         string            `json:"put"`
	Delete      bool              `json:"delete"`
	Time        *int64            `json:"time"` // ssmbakTime
	Type        string            `json:"type"`
	Description string            `json:"description"`
	Tags        map[string]string `json:"tags"` // instead of the three
	At          int64             `json:"at"`   // when it was stored
}

// answer is the state at one second: neither a value nor deleted means that
// nothing is known.
type answer struct {
	At          int64   `json:"at"`
	Value       *string `json:"value"`
	Deleted     bool    `json:"deleted"`
	Type        *string `json:"type"`
	Description string  `json:"description"`
}

// storage is a bucket that the legacy ssmbak writes to.
type storage struct {
	aws    *emulator.AWS
	conn   *awsconn.Conn
	client *s3.Client
	bubble bool // time is that of a testing/synctest bubble
}

func newStorage(ctx context.Context, t rapid.TB) *storage {
	t.Helper()
	return connect(ctx, t, emulator.New(emulator.Options{Clock: emulator.NewClock(base.Add(-time.Hour))}))
}

func connect(ctx context.Context, t rapid.TB, aws *emulator.AWS) *storage {
	t.Helper()
	s := &storage{aws: aws}
	s.aws.S3.CreateBucket(bucket, true)
	var err error
	s.conn, err = awsconn.Load(ctx, testworld.Connection(s.aws.Client()))
	if err != nil {
		t.Fatal(err)
	}
	s.client = s.conn.S3()
	return s
}

// do stores one step as the legacy ssmbak did.
func (s *storage) do(ctx context.Context, t rapid.TB, name ssmbak.Name, st step) {
	t.Helper()
	if at := base.Add(time.Duration(st.At) * time.Second); s.bubble {
		time.Sleep(time.Until(at))
	} else {
		s.aws.Clock.Set(at)
	}
	if st.Delete {
		if _, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String(string(name))}); err != nil {
			t.Fatal(err)
		}
		return
	}
	tags := url.Values{}
	for key, value := range st.Tags {
		tags.Set(key, value)
	}
	if st.Time != nil {
		tags.Set("ssmbakTime", strconv.FormatInt(base.Unix()+*st.Time, 10))
		tags.Set("ssmbakType", st.Type)
		if st.Description != "" {
			tags.Set("ssmbakDescription", st.Description)
		}
	}
	in := &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(string(name)), Body: strings.NewReader(st.Put)}
	if len(tags) > 0 {
		in.Tagging = aws.String(tags.Encode())
	}
	if _, err := s.client.PutObject(ctx, in); err != nil {
		t.Fatal(err)
	}
}

func (s *storage) open(ctx context.Context, t rapid.TB) *archive.Archive {
	t.Helper()
	a, err := archive.Open(ctx, s.client, archive.Options{Bucket: bucket, Account: account, Region: region})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// check compares the archive's answer with one of the corpus.
func (s *storage) check(ctx context.Context, t rapid.TB, a *archive.Archive, target ssmbak.Target, name ssmbak.Name, want answer) {
	t.Helper()
	at := ssmbak.Seconds(base.Unix()+want.At) + 999
	snapshot, err := a.At(ctx, target, at, archive.AllValues)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(snapshot.States, func(st ssmbak.State) bool { return st.Name == name })
	if i < 0 {
		t.Fatalf("%s is not among %v", name, snapshot.States)
	}
	got := snapshot.States[i]
	switch {
	case want.Value == nil && !want.Deleted:
		if got.Certainty != ssmbak.Unknown || got.Value.IsKnown() {
			t.Errorf("at %d: %+v, want nothing known", want.At, got)
		}
	case want.Deleted:
		if !got.Deleted || got.Certainty == ssmbak.Unknown {
			t.Errorf("at %d: %+v, want it deleted", want.At, got)
		}
	case got.Deleted || !got.Value.IsKnown() || got.Value.V.Reveal() != *want.Value || got.Certainty == ssmbak.Unknown:
		t.Errorf("at %d: %q, %+v, want %q", want.At, got.Value.V.Reveal(), got, *want.Value)
	case want.Type != nil && string(got.Version.Type) != *want.Type, want.Description != "" && got.Version.Description != want.Description:
		t.Errorf("at %d: type %q, description %q", want.At, got.Version.Type, got.Version.Description)
	}
}

func corpus(t *testing.T) map[string]entry {
	t.Helper()
	files, err := filepath.Glob("testdata/corpus/*.json")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	all := make(map[string]entry)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var e entry
		if err := json.Unmarshal(text, &e); err != nil || e.Why == "" || len(e.Steps) == 0 || len(e.Answers) == 0 {
			t.Fatalf("%s: %v", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = e
	}
	return all
}

// TestCorpus checks that legacy records always read the same: one parameter alone, below
// a path, and after ssmbak has recorded into the bucket.
func TestCorpus(t *testing.T) {
	t.Parallel()
	everything := testworld.Everything(t)
	all := corpus(t)
	for _, file := range slices.Sorted(maps.Keys(all)) {
		e := all[file]
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			s := newStorage(t.Context(), t)
			for _, st := range e.Steps {
				s.do(t.Context(), t, e.Parameter, st)
			}
			s.do(t.Context(), t, "/neighbour", step{Put: "x", Time: new(int64), Type: "String", At: 1000})
			a := s.open(t.Context(), t)
			for _, want := range e.Answers {
				s.check(t.Context(), t, a, ssmbak.NameTarget(e.Parameter), e.Parameter, want)
				s.check(t.Context(), t, a, everything, e.Parameter, want)
			}
			live := paramstore.New(s.conn.SSM(), paramstore.Options{})
			if _, err := live.Put(t.Context(), paramstore.Write{Name: e.Parameter, Value: ssmbak.NewValue("ours"), Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}}); err != nil {
				t.Fatal(err)
			}
			// Recorded by ssmbak for the first time, nothing before changes.
			s.aws.Clock.Set(time.Now())
			if err := a.Establish(t.Context()); err != nil {
				t.Fatal(err)
			}
			if id, _ := a.Identity(); !id.Legacy {
				t.Error("the identity does not say that the legacy ssmbak wrote here")
			}
			if err := recorder.New(a, live, recorder.Options{Account: account, Region: region}).Sync(t.Context(), e.Parameter); err != nil {
				t.Fatal(err)
			}
			for _, want := range e.Answers {
				if want.At < 900 { // the version that is ours is of second 1,000
					s.check(t.Context(), t, a, ssmbak.NameTarget(e.Parameter), e.Parameter, want)
				}
			}
			ours := "ours"
			s.check(t.Context(), t, a, ssmbak.NameTarget(e.Parameter), e.Parameter, answer{At: 1000, Value: &ours})
		})
	}
}

// TestForeignKeys checks that keys that are not names are skipped and counted.
func TestForeignKeys(t *testing.T) {
	t.Parallel()
	s := newStorage(t.Context(), t)
	for _, key := range []ssmbak.Name{"no-slash", "folder/file", "/a//b", "/aws/x", ".ssmbak/lambda/x.zip", "/good"} {
		s.do(t.Context(), t, key, step{Put: "v", Time: new(int64), Type: "String", At: 1})
	}
	r, err := legacy.Read(t.Context(), s.archived(account), legacy.Options{}, "", nil)
	if err != nil || len(r.Facts) != 1 || len(r.Facts["/good"]) != 1 || r.Skipped != 5 {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = legacy.Read(t.Context(), s.archived(""), legacy.Options{}, "/", func(n ssmbak.Name) bool { return n != "/good" })
	if err != nil || len(r.Facts) != 0 {
		t.Errorf("what is not to be kept was kept: %+v, %v", r, err)
	}
	facts, err := legacy.One(t.Context(), s.archived(""), legacy.Options{}, "/goo")
	if err != nil || len(facts) != 0 {
		t.Errorf("a name that begins like another: %+v, %v", facts, err)
	}
}

// TestReadPages reads more versions than one page of the listing holds.
func TestReadPages(t *testing.T) {
	t.Parallel()
	s := newStorage(t.Context(), t)
	const names, each = 3, 700
	for i := range names * each {
		second := int64(i)
		s.do(t.Context(), t, ssmbak.Name(fmt.Sprint("/many/", i%names)), step{Put: "v", Time: &second, Type: "String", At: second})
	}
	r, err := legacy.Read(t.Context(), s.archived(""), legacy.Options{}, "/", nil)
	if err != nil || len(r.Facts) != names {
		t.Fatalf("%d names, %v", len(r.Facts), err)
	}
	for name, facts := range r.Facts {
		if len(facts) != each || facts[0].Sequence != 0 || facts[each-1].Sequence != each-1 || facts[each-1].Second < facts[0].Second {
			t.Errorf("%s: %d facts from %+v to %+v", name, len(facts), facts[0], facts[len(facts)-1])
		}
	}
}

// TestOracle compares the archive with a simple implementation of the legacy rules, for
// random histories.
func TestOracle(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		s := newStorage(ctx, t)
		var steps []step
		stored := int64(0)
		for i := range rapid.IntRange(1, 12).Draw(t, "steps") {
			// Two things of one second would lose their order in the listing,
			// if one is a marker.
			stored += int64(rapid.IntRange(1, 30).Draw(t, "pause"))
			st := step{Delete: rapid.IntRange(0, 3).Draw(t, "kind") == 0, At: stored}
			if !st.Delete {
				happened := stored - int64(rapid.IntRange(0, 60).Draw(t, "late"))
				st.Put, st.Time, st.Type = fmt.Sprint("v", i), &happened, "String"
			}
			steps = append(steps, st)
			s.do(ctx, t, "/app/db", st)
		}
		a := s.open(ctx, t)
		for second := int64(-61); second <= stored+1; second += int64(rapid.IntRange(1, 7).Draw(t, "next")) {
			s.check(ctx, t, a, ssmbak.NameTarget("/app/db"), "/app/db", oracle(steps, second))
		}
	})
}

// oracle implements the legacy rule: the newest second at or before the given one counts,
// and of several entries in one second the one that was stored last.
func oracle(steps []step, second int64) answer {
	want := answer{At: second}
	best := int64(-1 << 62)
	for _, st := range steps {
		at := st.At
		if st.Time != nil {
			at = *st.Time
		}
		if at > second || at < best {
			continue
		}
		best = at
		want.Deleted, want.Value = st.Delete, nil
		if !st.Delete {
			value := st.Put
			want.Value = &value
		}
	}
	return want
}
