package archive_test

import (
	"errors"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// TestTestRecord writes and reads the records of tests, one of them damaged.
func TestTestRecord(t *testing.T) {
	t.Parallel()
	w := testworld.New(t, testworld.Options{})
	began := time.Now().UTC().Truncate(time.Millisecond)
	record := &archive.TestRecord{ID: "20240613T201054Z-aa", Began: began, By: "me"}
	w.Must(w.Archive.BeginTest(t.Context(), record))
	if err := w.Archive.BeginTest(t.Context(), &archive.TestRecord{ID: record.ID, Began: began, By: "else"}); err == nil {
		t.Error("two tests have one ID")
	}
	record.Ended, record.Restored, record.Account = began.Add(time.Second), true, map[string]string{"tagEvents": "no"}
	record.Steps = []archive.TestStep{{Kind: "create", Name: archive.TestPath + "1", Sent: began, Recorded: true, Lag: 1500}}
	w.Must(w.Archive.EndTest(t.Context(), record))
	w.Must(w.AWS.S3.Put(w.Archive.Bucket(), ".ssmbak/tests/20240613T201055Z-bb", []byte("damaged")))
	ids, err := w.Archive.TestIDs(t.Context())
	if w.Must(err); len(ids) != 2 || ids[0] != "20240613T201055Z-bb" {
		t.Fatalf("tests: %q", ids)
	}
	got, err := w.Archive.Test(t.Context(), record.ID)
	if w.Must(err); !got.Restored || !got.Ended.Equal(record.Ended) || len(got.Steps) != 1 || got.Steps[0].Lag != 1500 || got.Account["tagEvents"] != "no" {
		t.Errorf("read %+v", got)
	}
	if _, err := w.Archive.Test(t.Context(), "20240613T201056Z-cc"); !errors.Is(err, archive.ErrNoTest) {
		t.Errorf("a test that there is not: %v", err)
	}
	found, err := w.Archive.VerifyRecords(t.Context())
	if w.Must(err); len(found) != 1 || found[0].Fault != archive.FaultDamagedTest {
		t.Errorf("verify finds %+v", found)
	}
	w.Must(w.Archive.EndTest(t.Context(), &archive.TestRecord{ID: ids[0], Began: time.Now().Add(time.Hour)}))
	var damaged *archive.DamagedError
	if _, err := w.Archive.Test(t.Context(), ids[0]); !errors.As(err, &damaged) {
		t.Errorf("a test of the future: %v", err)
	}
}
