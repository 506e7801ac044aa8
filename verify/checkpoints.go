package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
)

// The faults that a comparison with a copy of the bucket finds.
const (
	FaultNotInSource archive.Fault = "not-in-source" // what a checkpoint of the copy has is gone from the source
	FaultNotInCopy   archive.Fault = "not-in-copy"   // what a checkpoint of the source has is not in the copy
	FaultRewritten   archive.Fault = "rewritten"     // a checkpoint of the copy is another one in the source
)

const (
	// sampled is the age of the oldest checkpoint whose leaves a verification of a sample
	// looks for: others were the newest one during an earlier verification.
	sampled = 8 * 24 * time.Hour
	// replication is how long S3 may take to replicate an object before its absence is a
	// fault: it replicates most within 15 minutes.
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html
	replication = 2 * time.Hour
)

// Checkpoints counts what checkpoints have.
type Checkpoints struct {
	// Number is that of the valid checkpoints, and Last the newest one.
	Number int
	Last   archive.CheckpointLine
	// Denied says that the caller may not read them, so that nothing of them was verified.
	Denied bool
	// ObjectVersions are those of all checkpoints that were looked for. Of them, Expired were
	// removed by a lifecycle rule, Redacted by a redaction, and Removed otherwise.
	ObjectVersions             int64
	Expired, Redacted, Removed int
}

// count counts an object version that is gone, and reports whether nothing explains that.
func (c *Checkpoints) count(g archive.Gone) bool {
	switch {
	case g.Expired:
		c.Expired++
	case !g.Redacted.IsZero():
		c.Redacted++
	default:
		c.Removed++
		return true
	}
	return false
}

// read counts the checkpoints of an archive, and adds what is wrong with them.
func (c *Checkpoints) read(ctx context.Context, a *archive.Archive, found func(...archive.Finding)) ([]archive.Checkpoint, error) {
	all, faults, err := a.Checkpoints(ctx)
	if c.Denied = archive.IsDenied(err); c.Denied {
		return nil, nil
	}
	found(faults...)
	if c.Number = len(all); c.Number > 0 {
		c.Last = all[c.Number-1].Line()
	}
	return all, err
}

// checkpoints verifies the checkpoints of the archive, and looks for what they have.
func (r *run) checkpoints(ctx context.Context) error {
	all, err := r.report.Checkpoints.read(ctx, r.archive, r.found)
	if err != nil || r.report.Checkpoints.Denied {
		return err
	}
	for _, known := range r.o.Known {
		r.found(archive.CheckKnown(all, known)...)
	}
	if r.o.Sample > 0 && r.o.Sample < 1 {
		all = since(all, r.now.Add(-sampled))
	}
	if len(all) == 0 {
		return nil
	}
	in, err := r.archive.Inventory(ctx)
	if err != nil {
		return err
	}
	report := &r.report.Checkpoints
	n, faults, err := r.archive.VerifyLeaves(ctx, all, in, func(g archive.Gone) {
		if report.count(g) {
			r.found(finding(archive.FaultRemoved, g, "neither a lifecycle rule of then nor a redaction explains that it is gone"))
		} else if r.o.Gone != nil {
			r.o.Gone(g)
		}
	})
	report.ObjectVersions = n
	r.found(faults...)
	return err
}

// since returns the checkpoints from a time on.
func since(all []archive.Checkpoint, at ssmbak.Time) []archive.Checkpoint {
	for i, c := range all {
		if c.Time >= at {
			return all[i:]
		}
	}
	return nil
}

func finding(fault archive.Fault, g archive.Gone, why string) archive.Finding {
	return archive.Finding{
		Fault: fault, Name: g.Name(), Key: g.Key, ObjectVersion: g.ID,
		Detail: fmt.Sprintf("checkpoint %d of %s has this object version: %s", g.Checkpoint.Sequence, g.Checkpoint.Time, why),
	}
}

// Copy is what a comparison with a copy of the bucket found.
type Copy struct {
	// Source counts what the checkpoints of the copy have in the source, and Copy the
	// other way round.
	Source, Copy Checkpoints
	Findings     int
}

// CompareCopy compares an archive with a copy of its bucket that S3 replicates, whose object
// versions have the same IDs: the checkpoints of both, and what those of each have with the
// object versions of the other. It finds what a principal removed from the source or
// rewrote there who may do everything in its account, but nothing in that of the copy. found
// is called with each finding. It reads no value.
func CompareCopy(ctx context.Context, replica, source *archive.Archive, found func(archive.Finding)) (Copy, error) {
	var c Copy
	add := func(all ...archive.Finding) {
		c.Findings += len(all)
		for _, f := range all {
			found(f)
		}
	}
	// Those of the replica itself are found by its own verification.
	ours, err := c.Source.read(ctx, replica, func(...archive.Finding) {})
	if err != nil || c.Source.Denied {
		return c, err
	}
	theirs, err := c.Copy.read(ctx, source, add)
	if err != nil || c.Copy.Denied {
		return c, err
	}
	add(different(ours, theirs)...)
	there, err := source.Inventory(ctx)
	if err != nil {
		return c, err
	}
	here, err := replica.Inventory(ctx)
	if err != nil {
		return c, err
	}
	n, _, err := replica.VerifyLeaves(ctx, ours, there, func(g archive.Gone) {
		if c.Source.count(g) {
			add(finding(FaultNotInSource, g, "it is gone from bucket "+source.Bucket()))
		}
	})
	if c.Source.ObjectVersions = n; err != nil {
		return c, err
	}
	// The newest checkpoints need not be replicated yet.
	old := theirs[:len(theirs)-len(since(theirs, ssmbak.TimeOf(time.Now().Add(-replication))))]
	n, faults, err := source.VerifyLeaves(ctx, old, here, func(g archive.Gone) {
		if c.Copy.count(g) {
			add(finding(FaultNotInCopy, g, "it is not in bucket "+replica.Bucket()))
		}
	})
	c.Copy.ObjectVersions = n
	add(faults...)
	return c, err
}

// different compares the checkpoints of a copy with those of the source.
func different(ours, theirs []archive.Checkpoint) (found []archive.Finding) {
	lines := make(map[int64]archive.CheckpointLine, len(theirs))
	for _, c := range theirs {
		lines[c.Sequence] = c.Line()
	}
	replicated := ssmbak.TimeOf(time.Now().Add(-replication))
	known := make(map[int64]bool, len(ours))
	for _, c := range ours {
		known[c.Sequence] = true
		switch line, ok := lines[c.Sequence]; {
		case !ok:
			found = append(found, archive.Finding{Fault: FaultNotInSource, Key: c.Key(), Detail: "this checkpoint of the copy is gone from the source"})
		case line != c.Line():
			found = append(found, archive.Finding{Fault: FaultRewritten, Key: c.Key(), Detail: "it is another checkpoint in the source: " + line.String()})
		}
	}
	for _, c := range theirs {
		if !known[c.Sequence] && c.Time < replicated {
			found = append(found, archive.Finding{Fault: FaultNotInCopy, Key: c.Key(), Detail: "this checkpoint of the source is not in the copy"})
		}
	}
	return found
}
