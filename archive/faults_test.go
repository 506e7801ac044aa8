package archive_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/timeline"
)

// emulated is a bucket of an S3 in which things go wrong on demand.
func emulated(t *testing.T, attempts int) (*emulator.AWS, place) {
	t.Helper()
	local := emulator.New(emulator.Options{})
	client := connect(t, awsconn.Options{
		HTTPClient: local.Client(), MaxAttempts: attempts, Backoff: func(int) time.Duration { return 0 },
	})
	local.S3.CreateBucket("archive", true)
	return local, place{client: client, bucket: "archive"}
}

// TestLostAnswers loses the response to each kind of write after it took effect, with a
// client that retries and one that does not.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	lost := emulator.Fault{LostAfter: true}
	for _, attempts := range []int{1, 3} {
		t.Run(fmt.Sprint(attempts, " attempts"), func(t *testing.T) {
			t.Parallel()
			local, p := emulated(t, attempts)
			a, err := p.open(t)
			if err != nil {
				t.Fatal(err)
			}
			local.Faults.Add(emulator.Rule{Op: "PutObject", KeyPrefix: ".ssmbak/archive", Times: 1, Fault: lost})
			if err := a.Establish(t.Context()); err != nil {
				t.Errorf("establish: %v", err)
			}
			if _, exists := a.Identity(); !exists {
				t.Error("the identity is not known")
			}

			local.Faults.Add(emulator.Rule{Op: "PutObject", KeyPrefix: ".ssmbak/index/a", Times: 1, Fault: lost})
			x, err := beginIndex(t.Context(), a, "/a")
			if err != nil || !x.Exists {
				t.Fatalf("begin: %+v, %v", x, err)
			}
			local.Faults.Add(emulator.Rule{Op: "PutObject", KeyPrefix: ".ssmbak/index/a", Times: 1, Fault: lost})
			out, err := a.Update(t.Context(), x, add(version(1)))
			if err != nil || len(out.Index.Facts.Versions) != 1 {
				t.Fatalf("update: %+v, %v", out, err)
			}
			// It returned the stored index: the next swap has no conflict.
			if out, err = a.Update(t.Context(), out.Index, add(version(2))); err != nil || out.Met || len(out.Index.Facts.Versions) != 2 {
				t.Errorf("the update after it: %+v, %v", out, err)
			}
			if n := len(local.S3.Versions("archive", ".ssmbak/index/a")); n != 3 {
				t.Errorf("the index was written %d times, want 3", n)
			}

			began := time.Date(2024, 6, 13, 20, 0, 0, 0, time.UTC)
			local.Faults.Add(emulator.Rule{Op: "PutObject", KeyPrefix: ".ssmbak/reconciled", Times: 1, Fault: lost})
			err = a.MarkReconciled(t.Context(), archive.Listing{Began: began})
			if attempts > 1 && err != nil {
				t.Errorf("reconciled: %v", err)
			}
			if r, err := a.Reconciled(t.Context()); err != nil || !r.Last.Equal(began) {
				t.Errorf("reconciled %+v, %v", r, err)
			}
		})
	}
}

// TestCutBefore closes the connection before an index is written: the update must not
// report success.
func TestCutBefore(t *testing.T) {
	t.Parallel()
	local, p := emulated(t, 1)
	a := p.ready(t)
	x, err := beginIndex(t.Context(), a, "/a")
	if err != nil {
		t.Fatal(err)
	}
	local.Faults.Add(emulator.Rule{Op: "PutObject", KeyPrefix: ".ssmbak/index/a", Times: 1, Fault: emulator.Fault{LostBefore: true}})
	out, err := a.Update(t.Context(), x, add(version(1)))
	stored, readErr := a.Index(t.Context(), "/a")
	if readErr != nil {
		t.Fatal(readErr)
	}
	if (err == nil) != (len(stored.Facts.Versions) == 1) {
		t.Errorf("update %+v, %v, but %d versions are stored", out, err, len(stored.Facts.Versions))
	}
	if out, err = a.Update(t.Context(), out.Index, add(version(1))); err != nil || len(out.Index.Facts.Versions) != 1 {
		t.Errorf("again: %+v, %v", out, err)
	}
}

// TestConflict answers a swap with 409, which S3 does while another writer's is
// under way.
func TestConflict(t *testing.T) {
	t.Parallel()
	local, p := emulated(t, 1)
	a := p.ready(t)
	x := archive.Index{Name: "/a"}
	for n := range int64(3) {
		local.Faults.Add(emulator.Rule{Op: "PutObject", KeyPrefix: ".ssmbak/index/a", Times: 2, Fault: emulator.Conflict})
		out, err := a.Update(t.Context(), x, add(version(n+1)))
		if err != nil || !out.Wrote || !out.Met || len(out.Index.Facts.Versions) != int(n+1) {
			t.Fatalf("%+v, %v", out, err)
		}
		x = out.Index
	}
	local.Faults.Add(emulator.Rule{Op: "PutObject", KeyPrefix: ".ssmbak/index/a", Fault: emulator.Conflict})
	if _, err := a.Update(t.Context(), x, add(version(9))); err == nil || !strings.Contains(err.Error(), "try again") {
		t.Errorf("a conflict without end: %v", err)
	}
}

// TestDenied checks that a refusal is reported as one, never as absence.
func TestDenied(t *testing.T) {
	t.Parallel()
	local, p := emulated(t, 1)
	a := p.ready(t)
	begin(t, a, "/app/a", 1)
	for _, r := range []emulator.Rule{
		{Op: "GetObject", KeyPrefix: ".ssmbak/reconciled"},
		{Op: "GetObject", KeyPrefix: ".ssmbak/index"},
		{Op: "GetObject", KeyPrefix: "/app/a"},
		{Op: "ListObjectsV2"},
	} {
		for _, fault := range []emulator.Fault{emulator.Denied, emulator.SlowDown, {LostBefore: true}} {
			r.Fault = fault
			local.Faults.Clear()
			local.Faults.Add(r)
			if s, err := a.At(t.Context(), testworld.Target(t, "/app", true), second+1000, archive.AllValues); err == nil {
				t.Errorf("%s of %s with %+v: %+v without an error", r.Op, r.KeyPrefix, fault, s)
			}
		}
	}
	local.Faults.Clear()
	local.Faults.Add(emulator.Rule{Op: "PutObject", KeyPrefix: ".ssmbak/index", Fault: emulator.Denied})
	if out, err := a.Update(t.Context(), archive.Index{Name: "/b"}, add(version(1))); err == nil || out.Wrote {
		t.Errorf("a swap that is denied: %+v, %v", out, err)
	}
}

// TestMissingIndexUnread checks that callers without permission to read value objects,
// such as the recorder, find a missing index, and do not take the objects of another
// program for those of ssmbak.
func TestMissingIndexUnread(t *testing.T) {
	t.Parallel()
	local, p := emulated(t, 1)
	a := p.ready(t)
	value(t, a, "/ours", 1) // a value whose index is gone
	p.put(t, "/theirs", "v")
	local.Faults.Add(emulator.Rule{Op: "HeadObject", Fault: emulator.Denied})
	var lost *archive.MissingIndexError
	if _, err := a.LegacyFacts(t.Context(), "/ours"); !errors.As(err, &lost) {
		t.Errorf("a value without index: %v, want a MissingIndexError", err)
	}
	if _, err := a.LegacyFacts(t.Context(), "/theirs"); err != nil {
		t.Errorf("what another program stored: %v", err)
	}
}

// TestCorrupted changes stored bytes under S3's own checksum, one object after
// the other.
func TestCorrupted(t *testing.T) {
	t.Parallel()
	local, p := emulated(t, 1)
	a := p.ready(t)
	begin(t, a, "/app/a", 1)
	begin(t, a, "/app/b", 1)
	if err := a.MarkReconciled(t.Context(), archive.Listing{Began: time.Unix(1718309000, 0)}); err != nil {
		t.Fatal(err)
	}
	corrupt := func(key, body string) (restore func()) {
		t.Helper()
		v := local.S3.Versions("archive", key)[0]
		if !local.S3.Corrupt("archive", key, v.VersionID, []byte(body)) {
			t.Fatalf("%s is not there", key)
		}
		return func() { local.S3.Corrupt("archive", key, v.VersionID, v.Body) }
	}
	var damaged *archive.DamagedError

	restore := corrupt("/app/a", "v2")
	s, err := a.At(t.Context(), testworld.Target(t, "/app", true), second+1000, archive.AllValues)
	if err != nil || len(s.States) != 2 || s.States[0].Value.IsKnown() || s.States[0].Value.Reason == "" || !s.States[1].Value.IsKnown() {
		t.Errorf("a value: %+v, %v", s, err)
	}
	if len(s.Problems) != 1 || s.Problems[0].Name != "/app/a" || !errors.As(s.Problems[0].Err, &damaged) || strings.Contains(damaged.Error(), "v2") {
		t.Errorf("problems %v", s.Problems)
	}
	restore()

	restore = corrupt(".ssmbak/index/app/b", "v2")
	s, err = a.At(t.Context(), testworld.Target(t, "/app", true), second+1000, archive.AllValues)
	if err != nil || len(s.States) != 1 || len(s.Problems) != 1 || s.Problems[0].Name != "/app/b" || !errors.As(s.Problems[0].Err, &damaged) {
		t.Errorf("an index: %+v, %v", s, err)
	}
	if out, err := a.Update(t.Context(), archive.Index{Name: "/app/b"}, add(version(2))); !errors.As(err, &damaged) {
		t.Errorf("a writer over a damaged index: %+v, %v", out, err)
	}
	restore()

	restore = corrupt(".ssmbak/reconciled", `{"format":1}`)
	if r, err := a.Reconciled(t.Context()); !errors.As(err, &damaged) {
		t.Errorf("the last listing: %+v, %v", r, err)
	}
	restore()

	corrupt(".ssmbak/archive", `{"format":1,"account":"999999999999","region":"us-east-1"}`)
	if _, err := p.open(t); !errors.As(err, &damaged) {
		t.Errorf("the identity: %v", err)
	}
}

// TestRequests counts the requests of an answer: one per 1,000 names, one per parameter,
// one per value, and one for the last complete listing.
func TestRequests(t *testing.T) {
	t.Parallel()
	local, p := emulated(t, 1)
	a := p.ready(t)
	const names = 11
	local.S3.SetPageSize(10)
	for i := range names {
		name := ssmbak.Name(fmt.Sprintf("/app/%04d", i))
		var f timeline.Facts
		for n := range int64(3) {
			f.Versions = append(f.Versions, version(n+1))
		}
		f.Versions[2].Objects = []timeline.ObjectRef{value(t, a, name, 3)}
		if _, err := a.Update(t.Context(), archive.Index{Name: name}, add(f.Versions...)); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name   string
		target ssmbak.Target
		values archive.Values
		want   int
	}{
		{"a path", testworld.Target(t, "/app/", false), archive.AllValues, 1 + 2 + 2*names},
		{"a path without values", testworld.Target(t, "/app/", false), archive.NoValues, 1 + 2 + names},
		{"a text that could be a name", testworld.Target(t, "/app", true), archive.NoValues, 1 + 2 + 2 + names},
		{"one parameter", testworld.Target(t, "/app/0007", false), archive.AllValues, 1 + 2},
	}
	count := func(name string, target ssmbak.Target, values archive.Values, want int) {
		t.Helper()
		local.ResetCounts()
		s, err := a.At(t.Context(), target, second+1000, values)
		if err != nil || len(s.Problems) != 0 {
			t.Fatalf("%s: %v, %v", name, s.Problems, err)
		}
		got := 0
		for _, n := range local.Counts() {
			got += n
		}
		if got != want {
			t.Errorf("%s cost %d requests, want %d: %v", name, got, want, local.Counts())
		}
	}
	for _, test := range tests {
		count(test.name, test.target, test.values, test.want)
	}
	// To find hidden indexes, it costs exactly one more listing, and one more request for
	// a name without an index.
	complete(t, a)
	for i, more := range []int{2, 2, 1 + 2, 0} {
		test := tests[i]
		count(test.name+", with a register", test.target, test.values, test.want+more)
	}
}

// inspector checks each request that is sent.
type inspector struct {
	next http.RoundTripper
	look func(*http.Request)
}

func (i inspector) RoundTrip(r *http.Request) (*http.Response, error) {
	i.look(r)
	return i.next.RoundTrip(r)
}

// TestOwnerIsSent checks that every request names the account that must own the
// bucket.
func TestOwnerIsSent(t *testing.T) {
	t.Parallel()
	local := emulator.New(emulator.Options{})
	local.S3.CreateBucket("archive", true)
	var mu sync.Mutex
	asked := make(map[string]bool)
	client := connect(t, awsconn.Options{HTTPClient: &http.Client{Transport: inspector{local.Client().Transport, func(r *http.Request) {
		op, _, key := s3api.Operation(r)
		mu.Lock()
		defer mu.Unlock()
		asked[op] = true
		if got := r.Header.Get("X-Amz-Expected-Bucket-Owner"); got != account {
			t.Errorf("%s of %q names the owner %q", op, key, got)
		}
	}}}})
	p := place{client: client, bucket: "archive"}
	putLegacy(t, place{client: connect(t, awsconn.Options{HTTPClient: local.Client()}), bucket: "archive"}, "/old", "v")
	a := p.ready(t)
	begin(t, a, "/a", 1)
	if err := a.MarkDeleted(t.Context(), "/a"); err != nil {
		t.Fatal(err)
	}
	if err := a.MarkReconciled(t.Context(), archive.Listing{Began: time.Unix(1718309000, 0)}); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"/a", "/old", "/"} {
		if _, err := a.At(t.Context(), testworld.Target(t, what, false), second+1000, archive.AllValues); err != nil {
			t.Fatal(err)
		}
	}
	for _, op := range []string{"GetBucketVersioning", "GetObject", "PutObject", "DeleteObject", "ListObjectsV2", "ListObjectVersions", "GetObjectTagging"} {
		if !asked[op] {
			t.Errorf("%s was not asked: %v", op, asked)
		}
	}
}
