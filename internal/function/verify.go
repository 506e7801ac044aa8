package function

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/verify"
)

// Verified is the response to {"ssmbak":"verify"}. Parameters counts those that were verified
// by this invocation, and Faults those of all of the archive, as of when each object was last
// verified. Complete says that this invocation completed a verification of the archive.
type Verified struct {
	Parameters, Faults int
	Complete           bool
}

// VerifyShare parses the share of the parameters that one invocation verifies, such as 10 or
// 10%. It is "" for all of them.
func VerifyShare(percent string) (float64, error) {
	if percent == "" {
		return 1, nil
	}
	n, err := strconv.ParseFloat(strings.TrimSuffix(percent, "%"), 64)
	if err != nil || !(n > 0 && n <= 100) {
		return 0, fmt.Errorf("the share to verify %q is not a percentage", percent)
	}
	return n / 100, nil
}

// verifyTime is the part of the time of an invocation in which it verifies. The rest is for
// what is being read then, and for the record.
const verifyTime = 0.75

// verify verifies the part of the archive that follows what the last invocation verified. It
// writes nothing but its record. It is never given what is needed to write the archive.
func (f *Function) verify(ctx context.Context) (Verified, error) {
	conn, o, err := f.reach(ctx)
	if err != nil {
		return Verified{}, err
	}
	if o.Signing, err = f.signing(); err != nil {
		return Verified{}, err
	}
	key, err := f.signingKey(ctx, conn)
	if err != nil {
		return Verified{}, err
	}
	if key != nil {
		o.PublicKey = key.Public()
	}
	a, err := archive.Open(ctx, conn.S3(), o)
	if err != nil {
		return Verified{}, err
	}
	if _, exists := a.Identity(); !exists {
		f.o.Logger.InfoContext(ctx, "nothing to verify: no archive yet")
		return Verified{}, nil
	}
	w := verify.WalkOptions{Share: f.o.VerifyShare, Version: f.o.Version, Found: func(x archive.Finding) {
		f.o.Logger.WarnContext(ctx, "fault in the archive", "fault", string(x.Fault), "name", string(x.Name), "key", x.Key, "version", x.ObjectVersion, "detail", x.Detail)
	}}
	if deadline, ok := ctx.Deadline(); ok {
		w.Until = time.Now().Add(time.Duration(math.Round(verifyTime * float64(time.Until(deadline)))))
	}
	walked, err := verify.Walk(ctx, a, w)
	answer := Verified{Parameters: walked.Parameters, Faults: walked.Record.Faults(), Complete: walked.Complete}
	if since := walked.Record.Since(); !since.IsZero() {
		f.measure(ctx, metric{metricFaults, float64(answer.Faults)}, metric{metricVerifyAge, max(0, time.Since(since).Hours())})
	}
	f.o.Logger.InfoContext(ctx, "verified", "parameters", answer.Parameters, "faults", answer.Faults, "complete", answer.Complete, "next", string(walked.Record.Next))
	return answer, err
}
