package archive

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

const verificationKey = reserved + "verified"

var verificationKind = bucket.Kind[Verification]{
	Format: 1, Gzip: true, Limit: 8 << 20, Latest: (*Verification).latest, Check: checkVerification,
	Identities: map[string]bucket.Identity{"findings": bucket.By("fault", "name", "key", "objectVersion")},
}

// Verification is the record of the verifications of an archive. A verification of all of
// it may take several runs, each of which continues the last one. No answer about a
// parameter depends on it.
type Verification struct {
	Format int    `json:"format"`
	Reader int    `json:"reader,omitempty"` // the least format that a program must support to read it
	Writer string `json:"writer"`
	// Version is the version of the program that ran last, and Ran when it ended, in UTC.
	Version string    `json:"version"`
	Ran     time.Time `json:"ran"`
	// Complete is the last complete verification, and Round one that is in progress. Either
	// may be nil. Round has verified the parameters up to Next, in the byte order of the
	// names.
	Complete *VerificationRound `json:"complete,omitempty"`
	Round    *VerificationRound `json:"round,omitempty"`
	Next     ssmbak.Name        `json:"next,omitempty"`
	// Findings are the faults that were found when each object was last verified, at most
	// 1,000, and More counts those that the round in progress found in addition.
	Findings []Finding `json:"findings,omitempty"`
	More     int       `json:"more,omitempty"`
}

// VerificationRound is a verification of all of the archive.
type VerificationRound struct {
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended,omitzero"` // zero while it is in progress
	// The numbers of parameters and objects that were read, of values that a lifecycle rule
	// has removed, and of redacted versions.
	Parameters    int `json:"parameters"`
	IndexVersions int `json:"indexVersions"`
	Values        int `json:"values"`
	Expired       int `json:"expired,omitempty"`
	Redacted      int `json:"redacted,omitempty"`
}

// Faults returns the number of faults, also of those that are not listed.
func (v Verification) Faults() int { return len(v.Findings) + v.More }

// Since returns the time since which everything was verified or, before the first complete
// verification, since which one has been in progress; zero without either.
func (v Verification) Since() time.Time {
	for _, round := range []*VerificationRound{v.Complete, v.Round} {
		if round != nil {
			return round.Began
		}
	}
	return time.Time{}
}

func (v *Verification) latest() ssmbak.Time {
	latest := ssmbak.TimeOf(v.Ran)
	for _, round := range []*VerificationRound{v.Complete, v.Round} {
		if round != nil {
			latest = max(latest, ssmbak.TimeOf(round.Began), ssmbak.TimeOf(round.Ended))
		}
	}
	return latest
}

// maxDetail is the greatest length of a finding's detail in bytes.
const maxDetail = 1 << 10

func checkVerification(_ string, v *Verification) error {
	if v.Ran.IsZero() || v.More < 0 || len(v.Findings) > maxFindings {
		return errors.New("its time is missing, or its numbers are impossible")
	}
	for _, round := range []*VerificationRound{v.Complete, v.Round} {
		if round == nil {
			continue
		}
		if round.Began.IsZero() || !round.Ended.IsZero() && round.Ended.Before(round.Began) || round.Ended.IsZero() != (round == v.Round) {
			return errors.New("the times of its rounds are impossible")
		}
		if min(round.Parameters, round.IndexVersions, round.Values, round.Expired, round.Redacted) < 0 {
			return errors.New("it counts fewer than no objects")
		}
	}
	if v.Next != "" && v.Round == nil {
		return errors.New("it continues no round")
	}
	for _, f := range v.Findings {
		if f.Fault == "" || len(f.Detail) > maxDetail {
			return fmt.Errorf("it has a finding of %d bytes, or without a fault", len(f.Detail))
		}
	}
	return nil
}

// LastVerification reads the record of the verifications. exists is false if there was none.
// The error may be a [*FormatError] or a [*DamagedError].
func (a *Archive) LastVerification(ctx context.Context) (v Verification, exists bool, err error) {
	found, err := load(ctx, a, &verificationKind, verificationKey)
	return found.Value, found.Exists && err == nil, err
}

// KeepVerification replaces the record of the verifications by what change returns for
// the current one, which is empty if there is none or if it is damaged. If change returns
// false, nothing is written. It may be called several times.
func (a *Archive) KeepVerification(ctx context.Context, change func(now Verification) (Verification, bool)) error {
	return overwrite(ctx, a, &verificationKind, verificationKey, func(now bucket.Document[Verification]) (Verification, bool, error) {
		next, write := change(now.Value)
		next.Writer = a.writer
		if more := len(next.Findings) - maxFindings; more > 0 {
			next.Findings, next.More = next.Findings[:maxFindings], next.More+more
		}
		for i := range next.Findings {
			next.Findings[i].Detail = cut(next.Findings[i].Detail)
		}
		return next, write, nil
	})
}

// cut returns at most maxDetail bytes of a detail.
func cut(detail string) string {
	if len(detail) <= maxDetail {
		return detail
	}
	end := maxDetail - len("...")
	for !utf8.RuneStart(detail[end]) {
		end--
	}
	return strings.ToValidUTF8(detail[:end], "") + "..."
}

// verifyDocuments returns a finding for each damaged object that no answer depends on: the
// description of the stack, and the records of the last drill and of the verifications.
// Objects of a newer program, and those that the caller may not read, are not verified.
func (a *Archive) verifyDocuments(ctx context.Context) (found []Finding, err error) {
	for _, read := range []func() error{
		func() error { _, _, err := a.Deployment(ctx); return err },
		func() error { _, _, err := a.LastDrill(ctx); return err },
		func() error { _, _, err := a.LastVerification(ctx); return err },
	} {
		err := read()
		var format *FormatError
		if damaged, ok := errors.AsType[*DamagedError](err); ok {
			found = append(found, Finding{Fault: FaultDamagedObject, Key: damaged.Key, Detail: damaged.Err.Error()})
		} else if err != nil && !errors.As(err, &format) && !bucket.IsDenied(err) {
			return nil, err
		}
	}
	return found, nil
}
