package verify

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
)

// WalkOptions are the options of [Walk].
type WalkOptions struct {
	// Share is the share of the parameters that one call verifies at most: 0.1 is a tenth. 0
	// means all.
	Share float64
	// Until is when it stops, at the latest after some more parameters; zero means never.
	Until time.Time
	// Version is the version of the program.
	Version string
	// Found is called with each finding immediately. It may be nil.
	Found func(archive.Finding)
}

// Walked is the result of [Walk].
type Walked struct {
	Report
	// Record is the record as it was written, or as it would have been if another
	// verification had not been recorded meanwhile.
	Record archive.Verification
	// Complete says that this call completed a verification of the archive.
	Complete bool
}

// Walk verifies the part of the archive that follows what the last call verified, in the byte
// order of the names, and after the last name the records. It keeps where it ended, and what
// it found, in the archive, also if it returns an error.
//
// A damaged record of an earlier call is not believed: the walk begins again. If another
// verification is recorded meanwhile, that record stays.
//
// Requests: in addition to those of [Run], one per 1,000 parameters if Share is set.
func Walk(ctx context.Context, a *archive.Archive, o WalkOptions) (Walked, error) {
	before, _, err := a.LastVerification(ctx)
	var damaged *archive.DamagedError
	if err != nil && !errors.As(err, &damaged) {
		return Walked{}, err
	}
	began := time.Now().UTC()
	most, err := shareOf(ctx, a, o.Share)
	if err != nil {
		return Walked{}, err
	}
	var found []archive.Finding
	report, failed := Run(ctx, a, everything(), Options{After: before.Next, Most: most, Until: o.Until, Found: func(f archive.Finding) {
		found = append(found, f)
		if o.Found != nil {
			o.Found(f)
		}
	}})
	out := Walked{Report: report, Complete: failed == nil && !report.Stopped}
	if failed != nil && report.Last == "" {
		return out, failed
	}
	out.Record = advance(before, report, found, out.Complete, began)
	out.Record.Version = o.Version
	err = a.KeepVerification(context.WithoutCancel(ctx), func(now archive.Verification) (archive.Verification, bool) {
		return out.Record, now.Ran.Equal(before.Ran)
	})
	return out, errors.Join(failed, err)
}

func everything() ssmbak.Target {
	all, err := ssmbak.ParseTarget("/", true)
	if err != nil {
		panic(err) // it is valid
	}
	return all
}

// shareOf returns the number of parameters that are a share of all, 0 for all of them.
func shareOf(ctx context.Context, a *archive.Archive, share float64) (int, error) {
	if share <= 0 || share >= 1 {
		return 0, nil
	}
	n := 0
	for _, err := range a.Names(ctx, everything()) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return max(1, int(math.Ceil(share*float64(n)))), nil
}

// advance returns the record after a call that verified what follows before.Next. Earlier
// findings stay until the same part of the archive is verified again.
func advance(before archive.Verification, report Report, found []archive.Finding, complete bool, began time.Time) archive.Verification {
	v := archive.Verification{Ran: time.Now().UTC(), Complete: before.Complete, Next: report.Last, More: before.More}
	round := archive.VerificationRound{Began: began}
	if before.Round != nil {
		round = *before.Round
	} else {
		v.More = 0
	}
	round.Parameters += report.Parameters
	round.IndexVersions += report.IndexVersions
	round.Values += report.Values
	round.Expired += report.Expired
	round.Redacted += report.Redacted
	v.Round = &round
	if complete {
		round.Ended = v.Ran
		v.Complete, v.Round, v.Next = &round, nil, ""
	}
	for _, f := range before.Findings {
		again := complete && (f.OfRecords() || f.Name > before.Next) || !f.OfRecords() && f.Name > before.Next && f.Name <= report.Last
		if !again {
			v.Findings = append(v.Findings, f)
		}
	}
	v.Findings = append(v.Findings, found...)
	slices.SortStableFunc(v.Findings, func(x, y archive.Finding) int {
		switch {
		case x.OfRecords() == y.OfRecords() && x.Name < y.Name, !x.OfRecords() && y.OfRecords():
			return -1
		case x.OfRecords() == y.OfRecords() && x.Name == y.Name:
			return 0
		}
		return 1
	})
	return v
}

// Record keeps the result of a verification of all of the archive that began at a time. It
// replaces the record of an earlier one, and the progress of one that a [Walk] makes.
func Record(ctx context.Context, a *archive.Archive, version string, began time.Time, report Report, found []archive.Finding) error {
	v := advance(archive.Verification{}, report, found, true, began.UTC())
	v.Version = version
	return a.KeepVerification(ctx, func(now archive.Verification) (archive.Verification, bool) {
		return v, now.Complete == nil || !now.Complete.Began.After(began)
	})
}
