package archive_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/timeline"
)

// TestRestoreIndex checks that a hidden index is restored with all of its facts, or not at
// all.
func TestRestoreIndex(t *testing.T) {
	t.Parallel()
	type outcome int
	const (
		same    outcome = iota // restored, with the facts from before
		empty                  // restored, without any fact
		nothing                // nothing to restore
		damaged                // a DamagedError
		missing                // a MissingIndexError
	)
	all := func(t *testing.T, local *emulator.AWS, p place) {
		t.Helper()
		for _, v := range local.S3.Versions(p.bucket, ".ssmbak/index/a") {
			local.S3.RemoveVersion(p.bucket, ".ssmbak/index/a", v.VersionID)
		}
	}
	tests := map[string]struct {
		hide func(t *testing.T, local *emulator.AWS, p place)
		want outcome
	}{
		"a delete marker":        {func(t *testing.T, _ *emulator.AWS, p place) { mark(t, p) }, same},
		"two delete markers":     {func(t *testing.T, _ *emulator.AWS, p place) { mark(t, p); mark(t, p) }, same},
		"none":                   {func(*testing.T, *emulator.AWS, place) {}, nothing},
		"over a damaged version": {func(t *testing.T, _ *emulator.AWS, p place) { junk(t, p); mark(t, p) }, damaged},
		"over nothing, with values": {func(t *testing.T, local *emulator.AWS, p place) {
			all(t, local, p)
			mark(t, p)
		}, missing},
		"over nothing": {func(t *testing.T, local *emulator.AWS, p place) {
			all(t, local, p)
			mark(t, p)
			for _, v := range local.S3.Versions(p.bucket, "/a") {
				local.S3.RemoveVersion(p.bucket, "/a", v.VersionID)
			}
		}, empty},
		"no version": {all, nothing},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			local, p := emulated(t, 1)
			a := p.ready(t)
			begin(t, a, "/a", 1)
			x, err := a.Index(t.Context(), "/a")
			if err != nil {
				t.Fatal(err)
			}
			v := version(2)
			v.Description, v.Unreadable = "known to the index alone", "no key"
			out, err := a.Update(t.Context(), x, add(v))
			if err != nil {
				t.Fatal(err)
			}
			test.hide(t, local, p)
			restored, err := a.RestoreIndex(t.Context(), "/a")
			var d *archive.DamagedError
			var m *archive.MissingIndexError
			switch test.want {
			case damaged, missing:
				if restored || test.want == damaged && !errors.As(err, &d) || test.want == missing && !errors.As(err, &m) {
					t.Errorf("restored %v, %v", restored, err)
				}
				return
			case nothing:
				if restored || err != nil {
					t.Errorf("restored %v, %v", restored, err)
				}
				return
			case same, empty:
			}
			if !restored || err != nil {
				t.Errorf("restored %v, %v", restored, err)
			}
			want := out.Index.Facts
			if test.want == empty {
				want = timeline.Facts{}
			}
			got, err := a.Index(t.Context(), "/a")
			if diff := cmp.Diff(want, got.Facts, cmpopts.EquateEmpty()); err != nil || !got.Exists || diff != "" {
				t.Errorf("%v, facts (-want +got):\n%s", err, diff)
			}
			if got.ETag() == out.Index.ETag() {
				t.Error("the ETag of the restored index is an earlier one")
			}
			if again, err := a.RestoreIndex(t.Context(), "/a"); again || err != nil {
				t.Errorf("again: restored %v, %v", again, err)
			}
		})
	}
}

// TestRestoreIndexMeets lets another writer in between the reading and the swap: what it
// recorded is kept.
func TestRestoreIndexMeets(t *testing.T) {
	t.Parallel()
	tests := map[string]func(t *testing.T, other *archive.Writer, p place){
		"another restore": func(t *testing.T, other *archive.Writer, _ place) {
			if _, err := other.RestoreIndex(t.Context(), "/a"); err != nil {
				t.Error(err)
			}
		},
		"another restore and a recorder": func(t *testing.T, other *archive.Writer, _ place) {
			_, err := other.RestoreIndex(t.Context(), "/a")
			x, err2 := other.Index(t.Context(), "/a")
			_, err3 := other.Update(t.Context(), x, add(version(3)))
			if err := errors.Join(err, err2, err3); err != nil {
				t.Error(err)
			}
		},
		"another restore and a recorder, hidden again": func(t *testing.T, other *archive.Writer, p place) {
			_, err := other.RestoreIndex(t.Context(), "/a")
			x, err2 := other.Index(t.Context(), "/a")
			_, err3 := other.Update(t.Context(), x, add(version(3)))
			if err := errors.Join(err, err2, err3); err != nil {
				t.Error(err)
			}
			mark(t, p)
		},
		"a recorder that was paused before its first index": func(t *testing.T, other *archive.Writer, _ place) {
			if _, err := other.Update(t.Context(), archive.Index{Name: "/a"}, add(version(3))); err != nil {
				t.Error(err)
			}
		},
	}
	for name, meet := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			local, p := emulated(t, 1)
			other := p.ready(t)
			begin(t, other, "/a", 1)
			mark(t, p)
			var met atomic.Bool
			client := connect(t, awsconn.Options{HTTPClient: &http.Client{Transport: inspector{local.Client().Transport, func(r *http.Request) {
				if op, _, key := s3api.Operation(r); op == "PutObject" && key == ".ssmbak/index/a" && met.CompareAndSwap(false, true) {
					meet(t, other, p)
				}
			}}}})
			a := place{client: client, bucket: p.bucket}.ready(t)
			if _, err := a.RestoreIndex(t.Context(), "/a"); err != nil || !met.Load() {
				t.Fatalf("%v, met %v", err, met.Load())
			}
			x, err := a.Index(t.Context(), "/a")
			if err != nil || !x.Facts.Has(version(1).Ref()) || name != "another restore" && !x.Facts.Has(version(3).Ref()) {
				t.Errorf("%+v, %v", x, err)
			}
		})
	}
}

// TestUncompared checks that what a writer replaced by an index over a delete marker, and
// was killed after, is in the index after its next update.
func TestUncompared(t *testing.T) {
	t.Parallel()
	nothing := func(f timeline.Facts) timeline.Facts { return f }
	for name, replace := range map[string]func(t *testing.T, a *archive.Writer, p place){
		"by a recorder that was paused before its first index": func(t *testing.T, a *archive.Writer, p place) {
			mark(t, p)
			if _, err := a.Update(t.Context(), archive.Index{Name: "/a"}, add(version(3))); err != nil {
				t.Fatal(err)
			}
		},
		"by a restore, after another one and a recorder": func(t *testing.T, a *archive.Writer, p place) {
			older := p.stored(t, ".ssmbak/index/a")
			x, err := a.Index(t.Context(), "/a")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := a.Update(t.Context(), x, add(version(3))); err != nil {
				t.Fatal(err)
			}
			mark(t, p)
			older["uncompared"] = true
			text, err := json.Marshal(older)
			if err != nil {
				t.Fatal(err)
			}
			p.put(t, ".ssmbak/index/a", zipped(string(text)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, p := emulated(t, 1)
			a := p.ready(t)
			begin(t, a, "/a", 1)
			replace(t, a, p)
			x, err := a.Index(t.Context(), "/a")
			if err != nil || x.Facts.Has(version(1).Ref()) && x.Facts.Has(version(3).Ref()) {
				t.Fatalf("nothing is missing: %+v, %v", x.Facts, err)
			}
			for i := range 2 {
				out, err := a.Update(t.Context(), x, nothing)
				if err != nil || out.Wrote != (i == 0) || !out.Index.Facts.Has(version(1).Ref()) || !out.Index.Facts.Has(version(3).Ref()) {
					t.Fatalf("%d: %+v, %v", i, out, err)
				}
				x = out.Index
			}
		})
	}
}

// TestRestoreIndexFuture checks that a hidden index of a newer program keeps the fields
// that this one does not know.
func TestRestoreIndexFuture(t *testing.T) {
	t.Parallel()
	p, a, before := futureArchive(t)
	p.remove(t, ".ssmbak/index/app/db", "")
	if restored, err := a.RestoreIndex(t.Context(), "/app/db"); err != nil || !restored {
		t.Fatalf("restored %v, %v", restored, err)
	}
	got, want := p.stored(t, ".ssmbak/index/app/db"), object(t, before)
	for field := range want {
		if field == "swap" || field == "writer" || field == "reader" { // without a reader it is 1
			continue
		}
		if diff := cmp.Diff(want[field], got[field]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", field, diff)
		}
	}
}

// TestReindexRegisters checks that a rebuild adds a name to the register that lacks it or
// has it under a delete marker.
func TestReindexRegisters(t *testing.T) {
	t.Parallel()
	local, p := emulated(t, 1)
	a := p.ready(t)
	begin(t, a, "/a", 1)
	for _, remove := range []func(){
		func() { p.remove(t, ".ssmbak/names/a", "") },
		func() {
			for _, v := range local.S3.Versions(p.bucket, ".ssmbak/names/a") {
				local.S3.RemoveVersion(p.bucket, ".ssmbak/names/a", v.VersionID)
			}
		},
	} {
		remove()
		var damaged []ssmbak.Name
		complete(t, a)
		for name, err := range a.Damaged(t.Context(), ssmbak.NameTarget("/a")) {
			if err != nil {
				t.Fatal(err)
			}
			damaged = append(damaged, name)
		}
		if diff := cmp.Diff([]ssmbak.Name{"/a"}, damaged); diff != "" {
			t.Errorf("damaged (-want +got):\n%s", diff)
		}
		if out, err := a.Reindex(t.Context(), "/a"); err != nil || out.Rebuilt || !out.Registered {
			t.Errorf("%+v, %v", out, err)
		}
		if out, err := a.Reindex(t.Context(), "/a"); err != nil || out.Rebuilt || out.Registered {
			t.Errorf("again: %+v, %v", out, err)
		}
	}
}
