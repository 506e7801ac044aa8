package archive_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// taken writes legacy records of two parameters, one of them deleted, and an object of
// another program. Then ssmbak records a third parameter.
func taken(t *testing.T, p place) *archive.Writer {
	t.Helper()
	putLegacy(t, p, "/app/db", "old")
	putLegacy(t, p, "/app/gone", "old")
	p.remove(t, "/app/gone", "")
	p.put(t, "/app/stranger", "s")
	p.put(t, "no-slash", "s")
	a := p.ready(t)
	begin(t, a, "/app/ours", 1)
	return a
}

// adopt adopts the archive and fails the test if there is any problem.
func adopt(t *testing.T, a *archive.Writer) int {
	t.Helper()
	n, problems, err := a.Adopt(t.Context())
	if err != nil || len(problems) > 0 {
		t.Fatalf("adopt: %v, %v", problems, err)
	}
	return n
}

// answers formats what the archive contains, as a path and name by name.
func answers(t *testing.T, a *archive.Writer) (all []string) {
	t.Helper()
	for _, moment := range []ssmbak.Time{0, ssmbak.Seconds(1718308999), ssmbak.Seconds(1718309000), second, second + 1000, ssmbak.Seconds(4e9)} {
		for _, what := range []ssmbak.Target{testworld.Target(t, "/", true), testworld.Target(t, "/app/db", false), testworld.Target(t, "/app/gone", false), testworld.Target(t, "/app/ours", false)} {
			got, err := a.At(t.Context(), what, moment, archive.AllValues)
			if err != nil || len(got.Problems) > 0 {
				t.Fatalf("%v at %v: %v, %v", what, moment, got.Problems, err)
			}
			for _, s := range got.States {
				all = append(all, fmt.Sprintf("%v at %v: %+v %q", what, moment, s, s.Value.V.Reveal()))
			}
		}
	}
	return all
}

// TestAdopt checks that adoption changes no answer, and saves requests.
func TestAdopt(t *testing.T) {
	t.Parallel()
	local, p := emulated(t, 1)
	a := taken(t, p)
	before := answers(t, a)
	local.ResetCounts()
	if n := adopt(t, a); n != 2 {
		t.Errorf("%d indexes were written, want 2", n)
	}
	want := map[string]int{"s3:ListObjectsV2": 1, "s3:ListObjectVersions": 1, "s3:GetObjectTagging": 3, "s3:GetObject": 3, "s3:PutObject": 3, "s3:HeadObject": 2}
	if diff := cmp.Diff(want, local.Counts()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	for _, name := range []string{"/app/stranger", "no-slash"} {
		if v := local.S3.Versions(p.bucket, ".ssmbak/index/"+strings.TrimPrefix(name, "/")); len(v) > 0 {
			t.Errorf("%s has an index", name)
		}
	}
	again := p.ready(t)
	for i, x := range []*archive.Writer{a, again} {
		local.ResetCounts()
		if _, err := x.At(t.Context(), testworld.Target(t, "/", true), second, archive.AllValues); err != nil {
			t.Fatal(err)
		}
		if n := local.Counts()["s3:ListObjectVersions"]; n != 0 {
			t.Errorf("archive %d: %d listings of versions to read a path", i, n)
		}
		if diff := cmp.Diff(before, answers(t, x)); diff != "" {
			t.Errorf("archive %d, answers (-before +after):\n%s", i, diff)
		}
	}
	local.ResetCounts()
	if n := adopt(t, again); n != 0 {
		t.Errorf("adopted again: %d", n)
	}
	if diff := cmp.Diff(map[string]int{"s3:GetObject": 1}, local.Counts()); diff != "" {
		t.Errorf("adopted again, requests (-want +got):\n%s", diff)
	}
}

// TestAdoptNothing checks that an archive without legacy records is not adopted.
func TestAdoptNothing(t *testing.T) {
	t.Parallel()
	local, p := emulated(t, 1)
	unborn, err := p.open(t)
	if err != nil {
		t.Fatal(err)
	}
	own := p.ready(t)
	begin(t, own, "/a", 1)
	local.ResetCounts()
	adopt(t, unborn)
	adopt(t, own)
	if n := len(local.Counts()); n != 0 {
		t.Errorf("it asked for %v", local.Counts())
	}
	if _, err := p.open(t); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"s3:GetObject": 1}, local.Counts()); diff != "" {
		t.Errorf("opening it, requests (-want +got):\n%s", diff)
	}
}

// TestAdoptFaults interrupts the adoption, and lets the next one continue.
func TestAdoptFaults(t *testing.T) {
	t.Parallel()
	lost := emulator.Fault{LostAfter: true}
	tests := []struct {
		name     string
		rule     emulator.Rule
		problems []ssmbak.Name
		fails    bool
		adopted  bool
	}{
		{name: "the mark's answer is lost", rule: emulator.Rule{Op: "PutObject", KeyPrefix: ".ssmbak/adopted", Fault: lost}, adopted: true},
		{name: "an index's answer is lost", rule: emulator.Rule{Op: "PutObject", KeyPrefix: ".ssmbak/index/app/gone", Fault: lost}, adopted: true},
		{name: "another writer meets the mark", rule: emulator.Rule{Op: "PutObject", KeyPrefix: ".ssmbak/adopted", Fault: emulator.Conflict}, adopted: true},
		{name: "the mark is denied", rule: emulator.Rule{Op: "PutObject", KeyPrefix: ".ssmbak/adopted", Fault: emulator.Denied}, fails: true},
		{name: "an index is denied", rule: emulator.Rule{Op: "PutObject", KeyPrefix: ".ssmbak/index/app/gone", Fault: emulator.Denied}, problems: []ssmbak.Name{"/app/gone"}},
		{name: "an index is not read", rule: emulator.Rule{Op: "GetObject", KeyPrefix: ".ssmbak/index/app/db", Fault: emulator.Denied}, problems: []ssmbak.Name{"/app/db"}},
		{name: "the metadata of its objects cannot be read", rule: emulator.Rule{Op: "HeadObject", KeyPrefix: "/app/db", Fault: emulator.Fault{LostBefore: true}}, problems: []ssmbak.Name{"/app/db"}},
		{name: "value objects may not be read", rule: emulator.Rule{Op: "HeadObject", KeyPrefix: "/app/db", Fault: emulator.Denied}, adopted: true},
		{name: "versions are not listed", rule: emulator.Rule{Op: "ListObjectVersions", Fault: emulator.Denied}, fails: true},
		{name: "indexes are not listed", rule: emulator.Rule{Op: "ListObjectsV2", Fault: emulator.Denied}, fails: true},
		{name: "tags are not read", rule: emulator.Rule{Op: "GetObjectTagging", KeyPrefix: "/app/gone", Fault: emulator.Denied}, fails: true},
		{name: "the mark is not read", rule: emulator.Rule{Op: "GetObject", KeyPrefix: ".ssmbak/adopted", Fault: emulator.Denied}, fails: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			local, p := emulated(t, 1)
			a := taken(t, p)
			before := answers(t, a)
			test.rule.Times = 1
			local.Faults.Add(test.rule)
			_, problems, err := a.Adopt(t.Context())
			var names []ssmbak.Name
			for _, p := range problems {
				names = append(names, p.Name)
			}
			if (err != nil) != test.fails || !slices.Equal(names, test.problems) {
				t.Errorf("got %v, %v", problems, err)
			}
			if got := len(local.S3.Versions(p.bucket, ".ssmbak/adopted")) > 0; got != test.adopted {
				t.Errorf("marked: %v, want %v", got, test.adopted)
			}
			local.Faults.Clear()
			if diff := cmp.Diff(before, answers(t, a)); diff != "" {
				t.Errorf("answers after it (-before +after):\n%s", diff)
			}
			b := p.ready(t)
			adopt(t, b)
			if len(local.S3.Versions(p.bucket, ".ssmbak/adopted")) != 1 {
				t.Error("it is not marked once")
			}
			if diff := cmp.Diff(before, answers(t, b)); diff != "" {
				t.Errorf("answers after the next (-before +after):\n%s", diff)
			}
		})
	}
}

// TestAdoptCancelled ends the context half-way: the names that were not reached
// are no problems.
func TestAdoptCancelled(t *testing.T) {
	t.Parallel()
	local, p := emulated(t, 1)
	taken(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	client := connect(t, awsconn.Options{HTTPClient: &http.Client{Transport: inspector{local.Client().Transport, func(r *http.Request) {
		if op, _, _ := s3api.Operation(r); op == "HeadObject" {
			cancel()
		}
	}}}})
	a := place{client: client, bucket: p.bucket}.ready(t)
	if _, problems, err := a.Adopt(ctx); err == nil || len(problems) > 0 {
		t.Errorf("got %v, %v, want the context's error alone", problems, err)
	}
	if len(local.S3.Versions(p.bucket, ".ssmbak/adopted")) != 0 {
		t.Error("it is marked")
	}
	adopt(t, p.ready(t))
}

// TestAdoptMeets lets a recorder record a name for the first time while it is adopted: its
// value is never taken for a legacy record, at any point of the adoption.
func TestAdoptMeets(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"ListObjectsV2 ", "ListObjectVersions ", "GetObjectTagging /app/db", "GetObject .ssmbak/index/app/db", "HeadObject /app/db", "PutObject .ssmbak/index/app/db", "PutObject .ssmbak/adopted"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			local, p := emulated(t, 1)
			other := taken(t, p)
			var met atomic.Bool
			client := connect(t, awsconn.Options{HTTPClient: &http.Client{Transport: inspector{local.Client().Transport, func(r *http.Request) {
				if op, _, key := s3api.Operation(r); op+" "+key == when && met.CompareAndSwap(false, true) {
					begin(t, other, "/app/db", 1)
				}
			}}}})
			a, err := place{client: client, bucket: p.bucket}.open(t)
			if err != nil {
				t.Fatal(err)
			}
			met.Store(false)
			adopt(t, a)
			if !met.Load() {
				t.Fatal("there was no conflict")
			}
			x, err := a.Index(t.Context(), "/app/db")
			if err != nil || len(x.Facts.Legacy) != 1 || len(x.Facts.Versions) != 1 {
				t.Errorf("got %+v, %v, want one fact of the legacy ssmbak and a version", x.Facts, err)
			}
		})
	}
}

// TestAdoptLost checks that Adopt skips a parameter whose index was deleted.
func TestAdoptLost(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		lose func(t *testing.T, p place)
	}{
		{"removed", func(t *testing.T, p place) { p.erase(t, ".ssmbak/index/app/ours") }},
		{"under a marker", func(t *testing.T, p place) { p.remove(t, ".ssmbak/index/app/ours", "") }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			local, p := emulated(t, 1)
			a := taken(t, p)
			test.lose(t, p)
			before := p.history(t, ".ssmbak/index/app/ours")
			n, problems, err := a.Adopt(t.Context())
			var lost *archive.MissingIndexError
			if err != nil || n != 2 || len(problems) != 1 || problems[0].Name != "/app/ours" || !errors.As(problems[0].Err, &lost) {
				t.Fatalf("got %d, %v, %v", n, problems, err)
			}
			if diff := cmp.Diff(before, p.history(t, ".ssmbak/index/app/ours")); diff != "" {
				t.Errorf("it was written to:\n%s", diff)
			}
			if len(local.S3.Versions(p.bucket, ".ssmbak/adopted")) != 0 {
				t.Error("it is marked")
			}
			reindex(t, a, "/app/ours")
			adopt(t, a)
		})
	}
}

// TestAdopted checks names without an index after the adoption: what was stored later is
// no legacy record, whoever wrote it, and a parameter whose index was deleted is not taken
// for one without records.
func TestAdopted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(second.Std().Add(time.Hour)))
		_, p := emulated(t, 1)
		a := taken(t, p)
		time.Sleep(time.Hour)
		adopt(t, a)
		had, err := a.Index(t.Context(), "/app/db")
		if err != nil || len(had.Facts.Legacy) != 1 {
			t.Fatalf("%+v, %v", had.Facts, err)
		}
		p.erase(t, ".ssmbak/index/app/db")
		time.Sleep(time.Hour)
		putLegacy(t, p, "/app/later", "new")
		putLegacy(t, p, "/app/first", "new")
		putLegacy(t, p, "/app/ours", "legacy")

		for _, a := range []*archive.Writer{a, p.ready(t)} {
			if s, err := a.At(t.Context(), testworld.Target(t, "/app/later", false), second, archive.AllValues); err != nil || len(s.States) != 0 {
				t.Errorf("what came later: %+v, %v, want nothing", s, err)
			}
			if st := at(t, a, "/app/ours", second+1); st.Value.V.Reveal() != "v1" {
				t.Errorf("what is ours: %+v", st)
			}
			if err := a.CheckIndex(t.Context(), "/app/later"); err != nil {
				t.Errorf("what came later has lost nothing: %v", err)
			}
			var lost *archive.MissingIndexError
			if _, err := a.LegacyFacts(t.Context(), "/app/db"); !errors.As(err, &lost) {
				t.Errorf("the first reading of one without its index: %v", err)
			}
			if _, err := a.At(t.Context(), testworld.Target(t, "/app/db", false), second, archive.AllValues); !errors.As(err, &lost) {
				t.Errorf("asking for a lost one: %v", err)
			}
			if got := broken(t, a, testworld.Target(t, "/", true)); !slices.Equal(got, []ssmbak.Name{"/app/db"}) {
				t.Errorf("broken: %v", got)
			}
		}
		x, err := beginIndex(t.Context(), a, "/app/first")
		if err != nil || len(x.Facts.Legacy) != 0 {
			t.Errorf("first recorded: %+v, %v, want no legacy facts", x.Facts, err)
		}
		reindex(t, a, "/app/db")
		holds(t, a, "/app/db", had.Facts)
	})
}

// TestAdoptedDamaged refuses to guess.
func TestAdoptedDamaged(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		damaged    bool
	}{
		{"newer", `{"format":2,"reader":2,"adopted":"2024-06-13T21:00:00Z"}`, false},
		{"no time", `{"format":1}`, true},
		{"no JSON", "adopted", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, p := emulated(t, 1)
			a := taken(t, p)
			p.put(t, ".ssmbak/adopted", test.text)
			_, err := p.open(t)
			_, _, err2 := a.Adopt(t.Context())
			for _, err := range []error{err, err2} {
				var format *archive.FormatError
				var damaged *archive.DamagedError
				if errors.As(err, &damaged) != test.damaged || errors.As(err, &format) == test.damaged {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}

// TestAdoptTogether lets another adoption be faster at each step: one mark wins,
// and each of the two ends well.
func TestAdoptTogether(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"ListObjectVersions ", "GetObject .ssmbak/index/app/db", "PutObject .ssmbak/index/app/db", "PutObject .ssmbak/adopted"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			local, p := emulated(t, 1)
			other := taken(t, p)
			before := answers(t, other)
			var met atomic.Bool
			client := connect(t, awsconn.Options{HTTPClient: &http.Client{Transport: inspector{local.Client().Transport, func(r *http.Request) {
				if op, _, key := s3api.Operation(r); op+" "+key == when && met.CompareAndSwap(false, true) {
					adopt(t, other)
				}
			}}}})
			a, err := place{client: client, bucket: p.bucket}.open(t)
			if err != nil {
				t.Fatal(err)
			}
			adopt(t, a)
			if !met.Load() || len(local.S3.Versions(p.bucket, ".ssmbak/adopted")) != 1 {
				t.Errorf("met: %v; %d marks, want 1", met.Load(), len(local.S3.Versions(p.bucket, ".ssmbak/adopted")))
			}
			if diff := cmp.Diff(before, answers(t, a)); diff != "" {
				t.Errorf("answers (-before +after):\n%s", diff)
			}
		})
	}
}
