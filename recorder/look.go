package recorder

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
)

// lookEvery is how often each parameter is looked at whatever the reconcile cache says,
// which anybody who may write to the bucket can forge together with an index.
const lookEvery = 7 * 24 * time.Hour

// lookAgain is the part of lookEvery before a listing that always counts as not looked at,
// since the start of the last listing can be forged too.
const lookAgain = time.Hour

// due reports whether a parameter is to be looked at whatever the cache says: its moment in
// each week, which follows from its name, came since the last complete listing, or within
// the last hour.
func (run *reconcile) due(name ssmbak.Name) bool {
	since := run.began.Add(-lookAgain)
	if run.last.Before(since) {
		since = run.last
	}
	if run.began.Sub(since) >= lookEvery {
		return true
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails, see hash.Hash
	moment := time.Duration(h.Sum64() % uint64(lookEvery))
	ago := (time.Duration(run.began.UnixNano())%lookEvery - moment + lookEvery) % lookEvery
	return ago < run.began.Sub(since)
}

// restoreFacts adds to an index what an earlier version of it knew, if another program
// removed it.
func (run *reconcile) restoreFacts(ctx context.Context, name ssmbak.Name, x archive.Index) error {
	earlier, ok := run.known[name]
	if !ok || !x.Exists {
		return nil
	}
	lost, err := run.r.archive.RestoreFacts(ctx, x, earlier, run.began.Add(-lookEvery-lookAgain))
	if err != nil {
		return fmt.Errorf("compare the index of %s with an older version: %w", name, err)
	}
	if lost != "" {
		run.r.log.WarnContext(ctx, "another program removed facts from an index: they were restored", "name", string(name), "facts", lost)
	}
	return nil
}
