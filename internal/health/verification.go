package health

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ssmbak/ssmbak/archive"
)

// verifyAge is the age from which on a verification that a person made says little about
// today's archive.
const verifyAge = 90 * 24 * time.Hour

// lastVerification says what the last verifications found.
func (i *inspection) lastVerification(ctx context.Context, d *archive.Deployment) []Check {
	now, scheduled, logs := "`ssmbak verify --record` verifies it now", false, ""
	missed := verifyAge
	if d != nil && d.Verifier != "" {
		scheduled, logs, missed = true, "see why with `aws logs tail /aws/lambda/"+d.Verifier+"`", time.Duration(d.VerifyHours)*time.Hour
	}
	v, exists, err := i.archive.LastVerification(ctx)
	var damaged *archive.DamagedError
	switch {
	case errors.As(err, &damaged):
		return problem("verification", "the record of the verifications is damaged: "+damaged.Err.Error(), now+"; find out who changed .ssmbak/verified")
	case err != nil:
		return unseen("verification", "the last verification", "s3:GetObject on .ssmbak/verified", err)
	case !exists && scheduled && i.now.Sub(d.Time.Std()) < missed:
		return ok("verification", "none yet: "+d.Verifier+" makes the first one on its schedule")
	case !exists && scheduled:
		return problem("verification", "none yet, though the stack verifies on a schedule", logs)
	case !exists:
		return warning("verification", "none yet: the archive was never verified", "`ssmbak-stack "+i.stackName(d)+" update --verify 'rate(1 day)'` verifies it every day, and "+now)
	}
	i.report.Verified = timeOf(completeBegan(v))
	faults := v.Faults()
	i.report.Faults = &faults
	text, progress := "not complete yet", ""
	if v.Complete != nil {
		text = fmt.Sprintf("of %s, %s, %s and %s", timeOf(v.Complete.Began), i.ago(v.Complete.Began), number(v.Complete.Parameters, "parameter"), number(v.Complete.Values, "value"))
	}
	if v.Round != nil {
		progress = fmt.Sprintf("; another is in progress, with %s so far", number(v.Round.Parameters, "parameter"))
	}
	text += progress
	switch age := i.now.Sub(v.Since()); {
	case faults > 0:
		return problem("verification", fmt.Sprintf("%s: %s, first %s", text, number(faults, "fault"), describe(v.Findings)), "`ssmbak verify` lists all of them, and says what to do")
	case age >= missed && scheduled:
		return problem("verification", text, cmp.Or(logs, now))
	case age >= missed:
		return warning("verification", text, now)
	}
	return ok("verification", text+": no faults")
}

func completeBegan(v archive.Verification) time.Time {
	if v.Complete == nil {
		return time.Time{}
	}
	return v.Complete.Began
}

// describe returns the first finding in a sentence.
func describe(all []archive.Finding) string {
	if len(all) == 0 {
		return "not listed"
	}
	f := all[0]
	return string(f.Fault) + " of " + cmp.Or(f.Name.String(), f.Key, "the archive")
}

// stackName returns the name of the stack for a command line.
func (i *inspection) stackName(d *archive.Deployment) string {
	if d == nil {
		return "NAME"
	}
	return d.Stack
}
