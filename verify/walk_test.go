package verify_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/verify"
)

// TestWalk verifies an archive in parts, with faults that come and go.
func TestWalk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := build(t) // /app/a, /app/b, /app/b/deep, /app/gone, /app/secret, /other
		walk := func(o verify.WalkOptions) verify.Walked {
			t.Helper()
			time.Sleep(time.Hour)
			o.Version = "v1"
			out, err := verify.Walk(t.Context(), w.Archive, o)
			w.Must(err)
			return out
		}
		check := func(what string, out verify.Walked, next string, parameters, faults int, complete bool) {
			t.Helper()
			kept, _, err := w.Archive.LastVerification(t.Context())
			w.Must(err)
			if string(kept.Next) != next || out.Parameters != parameters || kept.Faults() != faults || out.Complete != complete || out.Record.Faults() != faults {
				t.Errorf("%s: next %q after %d parameters, %d faults, complete %v; want %q after %d, %d, %v: %+v",
					what, kept.Next, out.Parameters, kept.Faults(), out.Complete, next, parameters, faults, complete, kept.Findings)
			}
			if complete != (kept.Round == nil) || complete && (kept.Complete == nil || kept.Complete.Parameters != 6) {
				t.Fatalf("%s: round %+v, complete %+v", what, kept.Round, kept.Complete)
			}
		}
		half := verify.WalkOptions{Share: 0.5}
		w.forge(".ssmbak/index/app/b", []byte("junk"), nil)
		check("first half", walk(half), "/app/b/deep", 3, 1, false)
		w.forge(".ssmbak/restores/20240613T201054Z-junk", []byte("junk"), nil)
		check("second half, and the records", walk(half), "", 3, 2, true)
		w.remove(".ssmbak/index/app/b", 1)
		w.remove(".ssmbak/restores/20240613T201054Z-junk", 1)
		w.hide(".ssmbak/index/other")
		check("first half, repaired", walk(half), "/app/b/deep", 3, 1, false)
		check("second half, with another fault", walk(half), "", 3, 1, true)
		kept, _, err := w.Archive.LastVerification(t.Context())
		w.Must(err)
		if f := kept.Findings; len(f) != 1 || f[0].Name != "/other" || f[0].Fault != archive.FaultHiddenIndex {
			t.Errorf("findings: %+v", f)
		}
		if age := time.Since(kept.Since()); age != time.Hour || !kept.Complete.Ended.Equal(kept.Ran) {
			t.Errorf("everything was verified since %s, ended %s", age, kept.Complete.Ended)
		}

		w.remove(".ssmbak/index/other", 1)
		check("all", walk(verify.WalkOptions{}), "", 6, 0, true)
		check("no time", walk(verify.WalkOptions{Until: time.Now()}), "", 6, 0, true) // six are not too many

		// A record that another program wrote meanwhile stays, and junk is not believed.
		w.Must(w.Archive.KeepVerification(t.Context(), func(now archive.Verification) (archive.Verification, bool) {
			now.Next, now.Round = "/app/gone", &archive.VerificationRound{Began: time.Now()}
			return now, true
		}))
		out, err := verify.Walk(t.Context(), w.Archive, verify.WalkOptions{Found: nil, Share: 0.1})
		if w.Must(err); out.Last != "/app/secret" || out.Complete {
			t.Errorf("continued at %s, complete %v", out.Last, out.Complete)
		}
		w.forge(".ssmbak/verified", zipped(w, `{"format":1,"version":"v1","ran":"2099-01-01T00:00:00Z","complete":{"began":"2099-01-01T00:00:00Z","ended":"2099-01-01T00:00:00Z"}}`), nil)
		var damaged *archive.DamagedError
		if _, _, err := w.Archive.LastVerification(t.Context()); !errors.As(err, &damaged) {
			t.Errorf("a verification of the future: %v", err)
		}
		check("after a forged record", walk(verify.WalkOptions{}), "", 6, 1, true)
		check("which was replaced", walk(verify.WalkOptions{}), "", 6, 0, true)
	})
}

// TestRecord keeps the result of a verification that a person made.
func TestRecord(t *testing.T) {
	t.Parallel()
	w := testworld.New(t, testworld.Options{})
	began := time.Now().Add(-time.Hour)
	findings := []archive.Finding{{Fault: archive.FaultHiddenObject, Key: ".ssmbak/archive"}, {Fault: archive.FaultDamagedIndex, Name: "/b"}, {Fault: archive.FaultDamagedIndex, Name: "/a"}}
	w.Must(verify.Record(t.Context(), w.Archive, "v1", began, verify.Report{Parameters: 2}, findings))
	w.Must(verify.Record(t.Context(), w.Archive, "v0", began.Add(-time.Hour), verify.Report{}, nil)) // began earlier
	kept, _, err := w.Archive.LastVerification(t.Context())
	w.Must(err)
	names := []string{}
	for _, f := range kept.Findings {
		names = append(names, string(f.Name))
	}
	if kept.Version != "v1" || kept.Complete == nil || kept.Complete.Parameters != 2 || !slices.Equal(names, []string{"/a", "/b", ""}) {
		t.Errorf("kept %+v", kept)
	}
}

// TestWalkInTime stops at a time, and continues there.
func TestWalkInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{World: testworld.New(t, testworld.Options{})}
		for i := range 12 {
			w.put(fmt.Sprintf("/app/%02d", i), "v", ssmbak.TypeString, false)
		}
		w.Record()
		for _, want := range []verify.Walked{
			{Report: verify.Report{Parameters: 8, Last: "/app/07", Stopped: true}},
			{Report: verify.Report{Parameters: 4, Last: "/app/11"}, Complete: true},
		} {
			time.Sleep(time.Minute)
			got, err := verify.Walk(t.Context(), w.Archive, verify.WalkOptions{Until: time.Now()})
			if w.Must(err); got.Parameters != want.Parameters || got.Last != want.Last || got.Complete != want.Complete || got.Stopped != want.Stopped {
				t.Errorf("verified %+v, want %+v", got, want)
			}
		}
	})
}
