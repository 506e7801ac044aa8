package archive_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// TestVerification writes and reads the record of verifications, within its bounds.
func TestVerification(t *testing.T) {
	t.Parallel()
	w := testworld.New(t, testworld.Options{})
	now := time.Now().UTC().Truncate(time.Millisecond)
	if _, exists, err := w.Archive.LastVerification(t.Context()); exists || err != nil {
		t.Fatal(exists, err)
	}
	record := archive.Verification{
		Version: "v1", Ran: now, Complete: &archive.VerificationRound{Began: now.Add(-time.Hour), Ended: now, Parameters: 3},
		Round: &archive.VerificationRound{Began: now}, Next: "/app/m",
	}
	for range 1002 {
		record.Findings = append(record.Findings, archive.Finding{Fault: archive.FaultDamagedIndex, Name: "/app/db", Detail: strings.Repeat("é", 1000)})
	}
	keep := func(v archive.Verification) {
		w.Must(w.Archive.KeepVerification(t.Context(), func(archive.Verification) (archive.Verification, bool) { return v, true }))
	}
	keep(record)
	got, exists, err := w.Archive.LastVerification(t.Context())
	if w.Must(err); !exists || len(got.Findings) != 1000 || got.Faults() != 1002 || got.Next != "/app/m" || !got.Since().Equal(now.Add(-time.Hour)) {
		t.Errorf("read %d findings of %d, next %s, since %s", len(got.Findings), got.Faults(), got.Next, got.Since())
	}
	if d := got.Findings[0].Detail; len(d) > 1024 || !strings.HasSuffix(d, "é...") {
		t.Errorf("a detail has %d bytes: %q", len(d), d[len(d)-10:])
	}
	w.Must(w.Archive.KeepVerification(t.Context(), func(now archive.Verification) (archive.Verification, bool) {
		if now.Version != "v1" {
			t.Errorf("replacing %q", now.Version)
		}
		return archive.Verification{}, false
	}))
	for name, change := range map[string]func(v *archive.Verification){
		"of the future":               func(v *archive.Verification) { v.Ran = now.Add(time.Hour) },
		"a round of the future":       func(v *archive.Verification) { v.Round.Began = now.Add(time.Hour) },
		"complete before it began":    func(v *archive.Verification) { v.Complete.Ended = now.Add(-2 * time.Hour) },
		"complete without an end":     func(v *archive.Verification) { v.Complete.Ended = time.Time{} },
		"a round with an end":         func(v *archive.Verification) { v.Round.Ended = now },
		"fewer than no parameters":    func(v *archive.Verification) { v.Complete.Parameters = -1 },
		"fewer than no more findings": func(v *archive.Verification) { v.More = -2 },
		"continues nothing":           func(v *archive.Verification) { v.Round = nil },
		"never ran":                   func(v *archive.Verification) { v.Ran = time.Time{} },
		"a finding without a fault":   func(v *archive.Verification) { v.Findings = []archive.Finding{{Name: "/app/db"}} },
	} {
		forged := record
		complete, round := *record.Complete, *record.Round
		forged.Complete, forged.Round, forged.Findings = &complete, &round, nil
		change(&forged)
		forged.Format = 1
		text, err := json.Marshal(forged)
		w.Must(err)
		w.Must(w.AWS.S3.Put(w.Archive.Bucket(), ".ssmbak/verified", testworld.Compressed(t, bytes.NewReader(text))))
		var damaged *archive.DamagedError
		if _, exists, err := w.Archive.LastVerification(t.Context()); exists || !errors.As(err, &damaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	keep(record) // replaces a damaged one
	if _, exists, err := w.Archive.LastVerification(t.Context()); !exists || err != nil {
		t.Error(exists, err)
	}
}

// TestDamagedDocuments checks that objects that no answer depends on are verified, too.
func TestDamagedDocuments(t *testing.T) {
	t.Parallel()
	w := testworld.New(t, testworld.Options{})
	now := time.Now()
	w.Must(w.Archive.KeepDeployment(t.Context(), archive.Deployment{Stack: "ssmbak"}))
	w.Must(w.Archive.BeginDrill(t.Context(), archive.Drill{ID: archive.NewRestoreID(now, "abc"), By: "me", Began: now, Until: now.Add(time.Minute), Names: []ssmbak.Name{}}))
	w.Must(w.Archive.KeepVerification(t.Context(), func(archive.Verification) (archive.Verification, bool) { return archive.Verification{Ran: now}, true }))
	check := func(what string, want ...string) {
		t.Helper()
		found, err := w.Archive.VerifyRecords(t.Context())
		w.Must(err)
		var got []string
		for _, f := range found {
			got = append(got, string(f.Fault)+" "+f.Key)
			if !f.OfRecords() {
				t.Errorf("%s: %+v is of a parameter", what, f)
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: found %q, want %q", what, got, want)
		}
	}
	check("intact")
	w.Must(w.Archive.KeepDeployment(t.Context(), archive.Deployment{Stack: "ssmbak", Code: "5a"}))
	check("a digest that is none", "damaged-object .ssmbak/stack")
	w.Must(w.Archive.KeepDeployment(t.Context(), archive.Deployment{Stack: "ssmbak", MissedHours: -1}))
	check("an impossible number of hours", "damaged-object .ssmbak/stack")
	w.Must(w.Archive.EndDrill(t.Context(), archive.Drill{ID: archive.NewRestoreID(now, "abc"), By: "me", Began: now, Until: now.Add(1000 * time.Hour)}))
	check("a drill that has weeks", "damaged-object .ssmbak/drill", "damaged-object .ssmbak/stack")
	w.Must(w.Archive.EndDrill(t.Context(), archive.Drill{ID: archive.NewRestoreID(now, "abc"), By: "me", Began: now, Until: now.Add(time.Hour), Skipped: -1}))
	check("a drill that skipped fewer than none", "damaged-object .ssmbak/drill", "damaged-object .ssmbak/stack")
	for _, key := range []string{".ssmbak/stack", ".ssmbak/drill", ".ssmbak/verified"} {
		w.Must(w.AWS.S3.Put(w.Archive.Bucket(), key, []byte("junk")))
	}
	check("junk", "damaged-object .ssmbak/drill", "damaged-object .ssmbak/stack", "damaged-object .ssmbak/verified")
}
