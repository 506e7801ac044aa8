package archive

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

const drillKey = reserved + "drill"

var drillKind = bucket.Kind[Drill]{Format: 1, Gzip: true, Limit: 64 << 20, Latest: (*Drill).latest, Check: checkDrill}

// Drill is the record of the last drill: a restore below [ssmbak.DrillPath] whose
// parameters are compared and removed again. What a killed drill left can be removed by it.
type Drill struct {
	Format int    `json:"format"`
	Reader int    `json:"reader,omitempty"` // the least format that a program must support to read it
	Writer string `json:"writer"`
	ID     string `json:"id"` // like that of a restore
	By     string `json:"by"` // the ARN of the caller, from STS
	// Path was restored as of At.
	Path string      `json:"path"`
	At   ssmbak.Time `json:"at"`
	// From is the bucket of the archive that was restored, "" if it is the one with the record.
	From string `json:"from,omitempty"`
	// Began is when the record was first written. The drill writes nothing after Until.
	// Ended is when everything was removed again, zero if that is not known.
	Began time.Time `json:"began"`
	Until time.Time `json:"until"`
	Ended time.Time `json:"ended,omitzero"`
	// Names are the parameters that it may have written, below [Drill.Prefix].
	Names []ssmbak.Name `json:"names"`
	// Written is the number of parameters that it wrote, in Seconds, Compared that of those
	// that were compared, and Skipped that of those whose states are unknown.
	Written  int     `json:"written,omitempty"`
	Compared int     `json:"compared,omitempty"`
	Skipped  int     `json:"skipped,omitempty"`
	Seconds  float64 `json:"seconds,omitempty"`
	// OtherKey is the number of secrets that were written with the account's default key,
	// because the caller may not use theirs.
	OtherKey int `json:"otherKey,omitempty"`
	// Findings are the parameters that could not be restored or differ, the first 1,000.
	Findings []DrillFinding `json:"findings,omitempty"`
	// Incomplete says that the drill ended before it had written and compared everything.
	Incomplete bool `json:"incomplete,omitempty"`
}

// DrillFinding is a recorded parameter that could not be restored, or that differs.
type DrillFinding struct {
	Name   ssmbak.Name `json:"name"`
	Reason string      `json:"reason"` // one clause, never a value
}

// maxFindings bounds the findings in a record.
const maxFindings = 1000

// maxDrill bounds the time that a drill has, so that a forged record does not prevent drills
// for longer. The greatest drill has less than a day.
const maxDrill = 7 * 24 * time.Hour

// Prefix returns the prefix of the parameters of the drill. It ends with a slash.
func (d *Drill) Prefix() string { return ssmbak.DrillPath + d.ID + "/" }

func (d *Drill) latest() ssmbak.Time { return max(ssmbak.TimeOf(d.Began), ssmbak.TimeOf(d.Ended)) }

func checkDrill(_ string, d *Drill) error {
	if !restoreID.MatchString(d.ID) || d.By == "" || d.Began.IsZero() {
		return errors.New("its ID, its author or its beginning is missing")
	}
	if d.Until.Before(d.Began) || d.Until.Sub(d.Began) > maxDrill || !d.Ended.IsZero() && d.Ended.Before(d.Began) {
		return errors.New("its times are impossible")
	}
	if min(d.Written, d.Compared, d.Skipped, d.OtherKey) < 0 || d.Seconds < 0 || len(d.Findings) > maxFindings {
		return errors.New("its numbers are impossible")
	}
	for _, name := range d.Names {
		// Otherwise the removal would delete other parameters.
		if !strings.HasPrefix(string(name), d.Prefix()) {
			return fmt.Errorf("it has the name %s", name)
		}
	}
	return nil
}

// DrillInProgressError refuses to begin a drill while the parameters of another one may exist.
type DrillInProgressError struct{ Drill Drill }

func (e *DrillInProgressError) Error() string {
	return fmt.Sprintf("drill %s of %s is in progress, or was killed", e.Drill.ID, e.Drill.By)
}

// LastDrill reads the record of the last drill. exists is false if there was none. The error
// may be a [*FormatError] or a [*DamagedError].
func (a *Archive) LastDrill(ctx context.Context) (d Drill, exists bool, err error) {
	found, err := load(ctx, a, &drillKind, drillKey)
	return found.Value, found.Exists && err == nil, err
}

// BeginDrill writes the record of a drill, before its first parameter is written. The error
// is a [*DrillInProgressError] if another drill has not ended.
func (a *Archive) BeginDrill(ctx context.Context, d Drill) error {
	return a.saveDrill(ctx, d, func(now Drill, exists bool) error {
		if exists && now.Ended.IsZero() && now.ID != d.ID {
			return &DrillInProgressError{now}
		}
		return nil
	})
}

// EndDrill replaces the record of the same drill. It does nothing if another drill has begun
// since.
func (a *Archive) EndDrill(ctx context.Context, d Drill) error {
	err := a.saveDrill(ctx, d, func(now Drill, exists bool) error {
		if exists && now.ID != d.ID {
			return errOtherDrill
		}
		return nil
	})
	if errors.Is(err, errOtherDrill) {
		return nil
	}
	return err
}

var errOtherDrill = errors.New("another drill has begun")

func (a *Archive) saveDrill(ctx context.Context, d Drill, refuse func(now Drill, exists bool) error) error {
	d.Writer, d.Findings = a.writer, d.Findings[:min(len(d.Findings), maxFindings)]
	return overwrite(ctx, a, &drillKind, drillKey, func(now bucket.Document[Drill]) (Drill, bool, error) {
		return d, true, refuse(now.Value, now.Exists && !now.Invalid) // a damaged one names nothing that could be removed
	})
}
