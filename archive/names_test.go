package archive_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// complete says in the archive that its register is complete.
func complete(t *testing.T, a *archive.Writer) {
	t.Helper()
	if err := a.MarkReconciled(t.Context(), archive.Listing{Began: time.Now(), Registered: true}); err != nil {
		t.Fatal(err)
	}
}

// named returns the names of problems that say that an index is hidden.
func named(t *testing.T, problems []archive.Problem) []ssmbak.Name {
	t.Helper()
	var names []ssmbak.Name
	for _, p := range problems {
		var missing *archive.MissingIndexError
		if !errors.As(p.Err, &missing) || !missing.Hidden || missing.Name != p.Name {
			t.Errorf("%s: %v", p.Name, p.Err)
		}
		names = append(names, p.Name)
	}
	return names
}

// TestRegister checks that a name is registered once, before its index, whatever happens
// to the request.
func TestRegister(t *testing.T) {
	t.Parallel()
	const key = ".ssmbak/names/app/db"
	faults := map[string][]emulator.Fault{
		"no fault": nil, "a lost response": {{LostAfter: true}}, "a conflict": {emulator.Conflict},
		"conflicts": {emulator.Conflict, emulator.Conflict, emulator.Conflict},
	}
	for name, all := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			local, p := emulated(t, 3)
			var order []string
			client := connect(t, awsconn.Options{MaxAttempts: 3, Backoff: func(int) time.Duration { return 0 }, HTTPClient: &http.Client{Transport: inspector{local.Client().Transport, func(r *http.Request) {
				if op, _, key := s3api.Operation(r); op == "PutObject" {
					order = append(order, key)
				}
			}}}})
			a := place{client: client, bucket: p.bucket}.ready(t)
			for _, f := range all {
				local.Faults.Add(emulator.Rule{Op: "PutObject", KeyPrefix: key, Times: 1, Fault: f})
			}
			begin(t, a, "/app/db", 1)
			if x, err := a.Index(t.Context(), "/app/db"); err != nil {
				t.Error(err)
			} else if _, err := a.Update(t.Context(), x, add(version(2))); err != nil {
				t.Error(err)
			}
			if n := len(local.S3.Versions(p.bucket, key)); n != 1 {
				t.Errorf("the name has %d entries in the register", n)
			}
			first, index := slices.Index(order, key), slices.Index(order, ".ssmbak/index/app/db")
			if first < 0 || index < first || slices.Contains(order[index:], key) {
				t.Errorf("the order of writes was %v", order)
			}
		})
	}
	// Without its entry, no index is written.
	local, p := emulated(t, 1)
	a := p.ready(t)
	local.Faults.Add(emulator.Rule{Op: "PutObject", KeyPrefix: key, Fault: emulator.Denied})
	if _, err := beginIndex(t.Context(), a, "/app/db"); err == nil || len(local.S3.Versions(p.bucket, ".ssmbak/index/app/db")) > 0 {
		t.Errorf("an index was written without its entry in the register: %v", err)
	}
}

// TestHidden checks that every reader names a registered parameter without an index,
// however the index and its entry were removed.
func TestHidden(t *testing.T) {
	t.Parallel()
	purge := func(t *testing.T, local *emulator.AWS, key string) {
		t.Helper()
		for _, v := range local.S3.Versions("archive", key) {
			local.S3.RemoveVersion("archive", key, v.VersionID)
		}
	}
	tests := map[string]func(t *testing.T, local *emulator.AWS, p place){
		"a delete marker": func(t *testing.T, _ *emulator.AWS, p place) { p.remove(t, ".ssmbak/index/app/b", "") },
		"delete markers over both": func(t *testing.T, _ *emulator.AWS, p place) {
			p.remove(t, ".ssmbak/index/app/b", "")
			p.remove(t, ".ssmbak/names/app/b", "")
		},
		"no version": func(t *testing.T, local *emulator.AWS, _ place) { purge(t, local, ".ssmbak/index/app/b") },
		"only a delete marker": func(t *testing.T, local *emulator.AWS, p place) {
			purge(t, local, ".ssmbak/index/app/b")
			p.remove(t, ".ssmbak/index/app/b", "")
		},
	}
	for name, hide := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			local, p := emulated(t, 1)
			a := p.ready(t)
			for _, name := range []ssmbak.Name{"/app/a", "/app/b", "/app/b/c", "/app/c"} {
				begin(t, a, name, 1)
			}
			purge(t, local, "/app/b") // so that only the register names it
			complete(t, a)
			hide(t, local, p)
			for _, x := range []struct {
				target ssmbak.Target
				states int
			}{
				{testworld.Target(t, "/app/", false), 2},
				{testworld.Target(t, "/app", true), 3},
				{testworld.Everything(t), 3},
				{ssmbak.NameTarget("/app/b"), 0},
			} {
				snap, err := a.At(t.Context(), x.target, ssmbak.MaxTime-1, archive.NoValues)
				log, err2 := a.Log(t.Context(), x.target, 0, 0)
				lines, err3 := a.Timelines(t.Context(), x.target)
				if err := errors.Join(err, err2, err3); err != nil || len(snap.States) != x.states || snap.Unchecked || log.Unchecked || lines.Unchecked {
					t.Errorf("%s: %+v, %v", x.target, snap, err)
				}
				for _, problems := range [][]archive.Problem{snap.Problems, log.Problems, lines.Problems} {
					if diff := cmp.Diff([]ssmbak.Name{"/app/b"}, named(t, problems)); diff != "" {
						t.Errorf("%s: hidden (-want +got):\n%s", x.target, diff)
					}
				}
			}
			r, err := a.Reconciled(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var missing *archive.MissingIndexError
			if x, err := a.KnownIndex(t.Context(), "/app/b", r); !errors.As(err, &missing) || !missing.Hidden {
				t.Errorf("%+v, %v", x, err)
			}
			if x, err := a.KnownIndex(t.Context(), "/app/d", r); err != nil || x.Exists {
				t.Errorf("%+v, %v", x, err)
			}
		})
	}
}

// TestUnchecked checks that readers say when they cannot find hidden indexes, and send no
// request for it.
func TestUnchecked(t *testing.T) {
	t.Parallel()
	_, legacy := emulated(t, 1)
	putLegacy(t, legacy, "/app/old", "v")
	a, err := legacy.open(t)
	if err != nil {
		t.Fatal(err)
	}
	if snap, err := a.At(t.Context(), testworld.Everything(t), second, archive.NoValues); err != nil || snap.Unchecked {
		t.Errorf("a bucket without an archive: %+v, %v", snap, err)
	}
	local, p := emulated(t, 1)
	a = p.ready(t)
	begin(t, a, "/app/a", 1)
	p.remove(t, ".ssmbak/index/app/a", "")
	local.ResetCounts()
	snap, err := a.At(t.Context(), testworld.Everything(t), second, archive.NoValues)
	if err != nil || !snap.Unchecked || len(snap.Problems) > 0 {
		t.Errorf("%+v, %v", snap, err)
	}
	if n := local.Counts()["s3:ListObjectVersions"]; n != 0 {
		t.Errorf("%d listings of versions", n)
	}
}

// TestRegisteredMeanwhile checks that a parameter that is first recorded during a read is
// not called hidden.
func TestRegisteredMeanwhile(t *testing.T) {
	t.Parallel()
	for _, target := range []ssmbak.Target{testworld.Everything(t), ssmbak.NameTarget("/app/b")} {
		local, p := emulated(t, 1)
		other := p.ready(t)
		begin(t, other, "/app/a", 1)
		complete(t, other)
		var listed, met atomic.Bool
		client := connect(t, awsconn.Options{HTTPClient: &http.Client{Transport: inspector{local.Client().Transport, func(r *http.Request) {
			op, _, _ := s3api.Operation(r)
			switch {
			case op == "ListObjectsV2" && strings.Contains(r.URL.RawQuery, "index"), op == "GetObject" && strings.HasSuffix(r.URL.Path, ".ssmbak/index/app/b"):
				listed.Store(true) // that there is no index yet
			case op == "ListObjectVersions" && strings.Contains(r.URL.RawQuery, "names") && met.CompareAndSwap(false, true):
				for !listed.Load() {
					time.Sleep(time.Millisecond)
				}
				time.Sleep(10 * time.Millisecond) // the listing of indexes is served
				begin(t, other, "/app/b", 1)
			}
		}}}})
		a := place{client: client, bucket: p.bucket}.ready(t)
		snap, err := a.At(t.Context(), target, ssmbak.MaxTime-1, archive.NoValues)
		if err != nil || len(snap.Problems) > 0 || len(snap.States) == 0 || snap.States[len(snap.States)-1].Name != "/app/b" || !met.Load() {
			t.Errorf("%s: %+v, %v", target, snap, err)
		}
	}
}
