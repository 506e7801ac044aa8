package archive

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// Checkpoints reads all valid checkpoints, the oldest first, with one request per 1,000 and
// one for each. It finds those that are damaged, hidden, unsigned if signatures are
// verified, or not followed by the next one.
func (a *Archive) Checkpoints(ctx context.Context) (all []Checkpoint, found []Finding, err error) {
	listed, err := a.listCheckpoints(ctx)
	if err != nil {
		return nil, nil, err
	}
	read, damage := make([]*Checkpoint, len(listed)), make([]error, len(listed))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(a.o.Parallel)
	for i, v := range listed {
		g.Go(func() (err error) {
			read[i], err = a.readCheckpoint(gctx, v)
			if damaged, ok := errors.AsType[*DamagedError](err); ok {
				damage[i], err = damaged.Err, nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	add := func(fault Fault, v checkpointVersions, id, format string, args ...any) {
		found = append(found, Finding{Fault: fault, Key: checkpointKey(v.sequence), ObjectVersion: id, Detail: fmt.Sprintf(format, args...)})
	}
	for i, v := range listed {
		if v.marker != "" {
			add(FaultHiddenObject, v, v.marker, "it has a delete marker")
		}
		if len(v.ids) > 1 {
			add(FaultCheckpoint, v, v.ids[len(v.ids)-1], "another program wrote it again")
		}
		switch c := read[i]; {
		case isUnsigned(damage[i]):
			add(faultOf(damage[i]), v, v.ids[0], "%v", damage[i])
		case damage[i] != nil:
			add(FaultCheckpoint, v, v.ids[0], "%v", damage[i])
		case c == nil: // only a delete marker is left, or it was removed after the listing
		case a.exists && (c.Account != a.identity.Account || c.Region != a.identity.Region):
			add(FaultCheckpoint, v, "", "it is one of account %s in %s", c.Account, c.Region)
		default:
			if why := notAfter(c, all); why != "" {
				add(FaultChain, v, "", "%s", why)
			}
			all = append(all, *c)
		}
	}
	return all, found, nil
}

// notAfter returns why a checkpoint does not follow the last one of earlier, "" if it does.
func notAfter(c *Checkpoint, earlier []Checkpoint) string {
	switch n := len(earlier); {
	case c.Before == nil && n == 0:
		return ""
	case c.Before == nil:
		return "it says that there is none before it"
	case n == 0 || earlier[n-1].Sequence < c.Before.Sequence:
		return fmt.Sprintf("checkpoint %d, which it follows, is missing", c.Before.Sequence)
	case earlier[n-1].Line() != *c.Before:
		return fmt.Sprintf("checkpoint %d is not the one that it follows", earlier[n-1].Sequence)
	}
	return ""
}

// Inventory is which object versions exist. It takes 8 bytes of memory for each.
type Inventory struct {
	archive *Archive
	seed    maphash.Seed
	hashes  []uint64 // sorted
}

// Inventory lists the object versions of values, indexes, parts, restore records and the
// register, with one request per 1,000.
func (a *Archive) Inventory(ctx context.Context) (*Inventory, error) {
	in := &Inventory{archive: a, seed: maphash.MakeSeed()}
	for l, err := range a.objectVersions(ctx) {
		if err != nil {
			return nil, err
		}
		in.hashes = append(in.hashes, in.hash(l))
	}
	slices.Sort(in.hashes)
	return in, nil
}

// hash returns a hash that differs from one inventory to the next.
func (in *Inventory) hash(l Leaf) uint64 {
	l.Noncurrent = 0 // it may have become noncurrent since
	return maphash.Comparable(in.seed, l)
}

func (in *Inventory) has(l Leaf) bool {
	_, found := slices.BinarySearch(in.hashes, in.hash(l))
	return found
}

// Gone is an object version that a checkpoint has and that does not exist anymore.
type Gone struct {
	Leaf
	Checkpoint CheckpointLine // the newest one that has it
	// Expired says that a lifecycle rule of then explains that it is gone, and Redacted, if
	// it is not zero, which redaction of its parameter does.
	Expired  bool
	Redacted timeline.Redaction
}

// VerifyLeaves looks for each leaf of some checkpoints of the archive, sorted, among the
// object versions of an inventory that was made later, of the archive or of a bucket that
// holds it. It calls gone once with each that does not exist, those of the newest
// checkpoint first. A leaf that several checkpoints have in the same object counts once in
// compared. found are objects of leaves that are missing or damaged.
//
// It sends one request for each object of leaves, usually of 4,096, and reads the index of
// each parameter that lacks a value. Its memory depends only on the number of leaves that
// are gone.
func (a *Archive) VerifyLeaves(ctx context.Context, all []Checkpoint, in *Inventory, gone func(Gone)) (compared int64, found []Finding, err error) {
	r := leafReader{archive: a, in: in, read: make(map[LeafObject]bool), gone: make(map[uint64]bool), report: gone}
	for _, c := range slices.Backward(all) {
		if err := r.verify(ctx, &c); err != nil {
			return r.compared, r.found, err
		}
	}
	return r.compared, r.found, nil
}

// leafReader verifies the leaves of several checkpoints, the newest first.
type leafReader struct {
	archive  *Archive
	in       *Inventory
	read     map[LeafObject]bool
	gone     map[uint64]bool // already reported
	report   func(Gone)
	compared int64
	found    []Finding
	// name is the parameter of the last leaf whose index was read, and redactions what it
	// says.
	name       ssmbak.Name
	redactions redactions
}

// parallelLeaves is how many objects of leaves are in memory at once.
const parallelLeaves = 4

func (r *leafReader) verify(ctx context.Context, c *Checkpoint) error {
	objects := slices.DeleteFunc(slices.Clone(c.Leaves), func(o LeafObject) bool { return r.read[o] })
	for some := range slices.Chunk(objects, parallelLeaves) {
		leaves, damage := make([][]Leaf, len(some)), make([]error, len(some))
		g, gctx := errgroup.WithContext(ctx)
		for i, o := range some {
			g.Go(func() (err error) {
				leaves[i], err = r.archive.readLeaves(gctx, o)
				if damaged, ok := errors.AsType[*DamagedError](err); ok {
					damage[i], err = damaged, nil
				}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		for i, o := range some {
			r.read[o] = true
			if damage[i] != nil {
				r.found = append(r.found, Finding{
					Fault: FaultCheckpoint, Key: leavesKey(o.Root), ObjectVersion: o.ID, Detail: fmt.Sprintf("the leaves of checkpoint %d: %v", c.Sequence, errors.Unwrap(damage[i])),
				})
			}
			for _, l := range leaves[i] {
				if err := r.compare(ctx, c, l); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// compare looks for a leaf in the inventory.
func (r *leafReader) compare(ctx context.Context, c *Checkpoint, l Leaf) error {
	r.compared++
	if r.in.has(l) || r.gone[r.in.hash(l)] {
		return nil
	}
	r.gone[r.in.hash(l)] = true
	g := Gone{Leaf: l, Checkpoint: c.Line(), Expired: c.expires(l, time.Now())}
	if name, value := nameOfValue(l.Key); value && !g.Expired {
		if name != r.name {
			var err error
			if r.redactions, err = r.in.archive.redactionsOf(ctx, name); err != nil {
				return err
			}
			r.name = name
		}
		g.Redacted = r.redactions.of(l.ID)
	}
	r.report(g)
	return nil
}

// expires reports whether a lifecycle rule of the checkpoint may have removed a leaf of it
// by now. A version that was current became noncurrent after the checkpoint at the earliest.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html#intro-lifecycle-rules-actions
func (c *Checkpoint) expires(l Leaf, now time.Time) bool {
	since := c.Time
	if l.Noncurrent != 0 {
		since = l.Noncurrent
	}
	return c.Expirations != nil && slices.ContainsFunc(*c.Expirations, func(e Expiration) bool {
		return strings.HasPrefix(l.Key, e.Prefix) && !now.Before(since.Std().AddDate(0, 0, int(e.Days)))
	})
}

// redactions are the redactions of a parameter, and the object versions that are copies of
// its other versions.
type redactions struct {
	first timeline.Redaction
	other map[string]bool
}

// of returns the redaction that explains that an object version is gone, zero if none does: a
// redaction also removes copies that no index names.
func (r redactions) of(id string) timeline.Redaction {
	if r.other[id] {
		return timeline.Redaction{}
	}
	return r.first
}

// redactionsOf reads the redactions of a parameter. An index that cannot be read says
// nothing.
func (a *Archive) redactionsOf(ctx context.Context, name ssmbak.Name) (redactions, error) {
	r := redactions{other: make(map[string]bool)}
	x, err := a.Index(ctx, name)
	if err == nil {
		x.Facts, _, err = a.opened(ctx, name, x.Facts, allParts)
	}
	if Unreadable(err) {
		return r, nil
	}
	for _, v := range x.Facts.Versions {
		if r.first.IsZero() || !v.Redacted.IsZero() && v.Redacted.At < r.first.At {
			r.first = v.Redacted
		}
		for _, o := range v.Objects {
			r.other[o.ID] = true
		}
	}
	return r, err
}

// CheckKnown checks that all has the checkpoint that a line describes.
func CheckKnown(all []Checkpoint, known CheckpointLine) []Finding {
	f := Finding{Fault: FaultKnown, Key: checkpointKey(known.Sequence), Detail: "the known checkpoint is missing"}
	for _, c := range all {
		if c.Sequence != known.Sequence {
			continue
		}
		if c.Line() == known {
			return nil
		}
		f.Detail = "it is not the known checkpoint: its line is " + c.Line().String()
	}
	return []Finding{f}
}
