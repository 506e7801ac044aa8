package recorder

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
)

// checkAgain is the time before a listing that always counts as not checked, since the
// start of the last listing can be forged too.
const checkAgain = time.Hour

// isDue reports whether a parameter is to be read whatever the cache says: its moment in
// each period of [Options.CheckEvery], which follows from its name, came since the last
// complete listing, or within the last hour.
func (run *reconcile) isDue(name ssmbak.Name) bool {
	period := run.r.o.CheckEvery
	if period <= 0 {
		return false
	}
	since := run.began.Add(-checkAgain)
	if !run.last.IsZero() && run.last.Before(since) {
		since = run.last
	}
	if run.began.Sub(since) >= period {
		return true
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails, see hash.Hash
	moment := time.Duration(h.Sum64() % uint64(period))
	ago := (time.Duration(run.began.UnixNano())%period - moment + period) % period
	return ago < run.began.Sub(since)
}

// restoreFacts adds to an index what an earlier version of it knew, if another program
// removed it: the version that the cache knows, or for a name that is due the versions
// since it was due before.
func (run *reconcile) restoreFacts(ctx context.Context, name ssmbak.Name, x archive.Index) error {
	earlier := ""
	if !run.due[name] {
		run.mu.Lock()
		earlier = run.proofs.Entries[name].ID
		run.mu.Unlock()
	}
	if !x.Exists || earlier == "" && !run.due[name] {
		return nil
	}
	lost, err := run.r.archive.RestoreFacts(ctx, x, earlier, run.began.Add(-run.r.o.CheckEvery-checkAgain))
	if err != nil {
		return fmt.Errorf("compare the index of %s with an older version: %w", name, err)
	}
	if lost != "" {
		run.r.log.WarnContext(ctx, "another program removed facts from an index: they were restored", "name", string(name), "facts", lost)
		run.mu.Lock()
		defer run.mu.Unlock()
		run.report.LostFacts = append(run.report.LostFacts, name)
	}
	return nil
}
