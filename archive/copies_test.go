package archive_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/timeline"
)

// TestCopies reads values whose objects are copies of their version, and others.
func TestCopies(t *testing.T) {
	t.Parallel()
	later, list := version(1), version(1)
	later.Time = ssmbak.TimeOf(time.Now().Add(time.Hour))
	list.Type = ssmbak.TypeStringList
	for _, test := range []struct {
		name    string
		of      timeline.Version // to read
		written timeline.Version // whose metadata the object has
		bare    bool             // it has none
		want    bool
	}{
		{"a copy", version(1), version(1), false, true},
		{"of another version", version(2), version(1), false, false},
		{"of another type", list, version(1), false, false},
		{"without metadata", version(1), version(1), true, false},
		{"from before the version", later, later, false, false},
		{"of a legacy fact", timeline.Version{}, version(1), true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, p := emulated(t, 1)
			a := p.ready(t)
			ref := timeline.ObjectRef{}
			if test.bare {
				ref.ID = p.putID(t, "/a", "v", nil)
			} else {
				ref = valueOf(t, a, "/a", test.written)
			}
			v, err := a.Value(t.Context(), "/a", test.of.Version, []timeline.ObjectRef{ref})
			var damaged *archive.DamagedError
			if test.want && err != nil || !test.want && !errors.As(err, &damaged) {
				t.Errorf("%q, %v, want it read: %v", v.Reveal(), err, test.want)
			}
		})
	}
}

// TestClockSkewed refuses to write with a clock that differs from that of S3: the objects would
// count as damaged, or their times would be wrong.
func TestClockSkewed(t *testing.T) {
	t.Parallel()
	for ahead, want := range map[time.Duration]bool{0: true, 20 * time.Second: true, 40 * time.Second: false, time.Hour: false, -20 * time.Second: true, -40 * time.Second: false, -time.Hour: false} {
		t.Run(ahead.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				local := emulator.New(emulator.Options{Clock: emulator.NewClock(time.Now().Add(-ahead))})
				local.S3.CreateBucket("archive", true)
				p := place{client: connect(t, awsconn.Options{HTTPClient: local.Client(), MaxAttempts: 1}), bucket: "archive"}
				a, err := p.open(t)
				if err != nil {
					t.Fatal(err)
				}
				var clock *bucket.ClockError
				err = a.Establish(t.Context())
				if want && err != nil || !want && !errors.As(err, &clock) {
					t.Errorf("establish: %v, want it established: %v", err, want)
				}
			})
		})
	}
}
