package archive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

// TestPath is the path of the parameters that `ssmbak-stack NAME test` creates and deletes.
// They are recorded like all others.
const TestPath = "/newvoll/ssmbak/test/"

// ErrNoTest means that no test with an ID is recorded.
var ErrNoTest = errors.New("no such test is recorded")

// TestRecord is the record of a test of the pipeline. It is written before the first
// parameter, and again at the end. No answer about parameters depends on it. It contains no
// value.
type TestRecord struct {
	Format int    `json:"format"`
	Reader int    `json:"reader,omitempty"` // the least format that a program must support to read it
	Writer string `json:"writer"`
	ID     string `json:"id"`
	// Began is when the record was first written, and Ended when the test had removed its
	// parameters; zero if it still runs or was killed.
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended,omitzero"`
	By    string    `json:"by"` // the ARN of the caller, from STS
	// Steps are the changes that the test made, in order.
	Steps []TestStep `json:"steps,omitempty"`
	// Restored says that the test's parameters were restored, and equal to what they
	// were at the restored time.
	Restored bool `json:"restored,omitempty"`
	// Account are the answers of this account to questions that AWS's documentation leaves
	// open, by the keys in docs/archive-format.md.
	Account map[string]string `json:"account,omitempty"`
	// Problems say what did not work, one clause each.
	Problems []string `json:"problems,omitempty"`
}

// TestStep is one change that a test made.
type TestStep struct {
	Kind string      `json:"kind"` // create, update, label, unlabel, tag, untag, delete or recreate
	Name ssmbak.Name `json:"name"`
	Sent time.Time   `json:"sent"` // when the request was sent
	// Recorded says that the archive had the change's event Lag milliseconds after Sent.
	// Otherwise it did not within Waited milliseconds.
	Recorded bool  `json:"recorded,omitempty"`
	Lag      int64 `json:"lag,omitempty"`
	Waited   int64 `json:"waited,omitempty"`
}

func (t *TestRecord) latest() ssmbak.Time {
	return max(ssmbak.TimeOf(t.Began), ssmbak.TimeOf(t.Ended))
}

func checkTest(key string, t *TestRecord) error {
	if key != testsPrefix+t.ID {
		return fmt.Errorf("it is the record of test %q", t.ID)
	}
	return nil
}

// BeginTest writes the record of a test, before its first parameter is changed. It fails if
// the ID, see [NewRestoreID], is in use.
func (a *Archive) BeginTest(ctx context.Context, t *TestRecord) error {
	return a.saveTest(ctx, t, true)
}

// EndTest replaces the record that [Archive.BeginTest] wrote.
func (a *Archive) EndTest(ctx context.Context, t *TestRecord) error {
	return a.saveTest(ctx, t, false)
}

func (a *Archive) saveTest(ctx context.Context, t *TestRecord, first bool) error {
	if !restoreID.MatchString(t.ID) {
		return fmt.Errorf("%q is not the ID of a test", t.ID)
	}
	t.Writer = a.writer
	return a.putRecord(ctx, "test "+t.ID, testsPrefix+t.ID, first, func() ([]byte, error) { return testKind.Encode(t, bucket.Unknown{}) })
}

// Test reads the record of one test. The error is [ErrNoTest] if there is none, and may be
// a [*FormatError] or a [*DamagedError].
func (a *Archive) Test(ctx context.Context, id string) (*TestRecord, error) {
	return readRecord(ctx, a, &testKind, testsPrefix, id, ErrNoTest)
}

// TestIDs returns the IDs of the recorded tests, newest first.
func (a *Archive) TestIDs(ctx context.Context) (ids []string, err error) {
	return a.recordIDs(ctx, testsPrefix, "")
}

// verifyTests returns a finding for each damaged record of a test.
func (a *Archive) verifyTests(ctx context.Context) (found []Finding, err error) {
	ids, err := a.TestIDs(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		_, err := a.Test(ctx, id)
		var format *FormatError
		if damaged, ok := errors.AsType[*DamagedError](err); ok {
			found = append(found, Finding{Fault: FaultDamagedTest, Key: damaged.Key, Detail: damaged.Err.Error()})
		} else if err != nil && !errors.Is(err, ErrNoTest) && !errors.As(err, &format) {
			return nil, err
		}
	}
	return found, nil
}
