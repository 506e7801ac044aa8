package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

const (
	checkpointsPrefix = reserved + "checkpoints/"
	leavesPrefix      = checkpointsPrefix + "leaves/"
)

// Expiration is a lifecycle rule of the bucket that removes noncurrent object versions.
type Expiration = bucket.Expiration

// Checkpoint says which object versions of an archive existed at about a time. It is
// signed, and has the digest of the one before it, so that whoever knows its line, or has a
// copy of the bucket, finds what was removed or rewritten since, even by an administrator
// of the account.
type Checkpoint struct {
	Format int    `json:"format"`
	Reader int    `json:"reader,omitempty"` // the least format that a program must support to read it
	Writer string `json:"writer"`
	// Sequence is greater than that of the checkpoint before it, usually by 1.
	Sequence int64 `json:"sequence"`
	// Time is when the listing of the object versions began.
	Time    ssmbak.Time `json:"time"`
	Account string      `json:"account"`
	Region  string      `json:"region"`
	// Before is the checkpoint before it, nil for the first one.
	Before *CheckpointLine `json:"before,omitempty"`
	// Expirations are the lifecycle rules of the bucket that remove object versions, nil if
	// the writer could not read them.
	Expirations *[]Expiration `json:"lifecycle,omitempty"`
	// Count is the number of leaves, and Root that of the Merkle tree over the roots of
	// Leaves, in hexadecimal.
	Count  int64        `json:"count"`
	Root   string       `json:"root"`
	Leaves []LeafObject `json:"leaves,omitempty"`

	sha256 string // of the object's bytes, in hexadecimal
}

var checkpointKind = bucket.Kind[Checkpoint]{
	Format: 1, Limit: 16 << 20, Signed: true, NeedsSignature: true, Latest: (*Checkpoint).latest, Check: checkCheckpoint,
	Identities: map[string]bucket.Identity{"leaves": bucket.By("root", "id")},
}

func (c *Checkpoint) latest() ssmbak.Time { return c.Time }

// Key returns the key of the checkpoint's object.
func (c *Checkpoint) Key() string { return checkpointKey(c.Sequence) }

// Line returns the line that people keep to recognize the checkpoint.
func (c *Checkpoint) Line() CheckpointLine { return CheckpointLine{c.Sequence, c.Time, c.sha256} }

// CheckpointLine identifies a checkpoint, so that whoever keeps it can tell whether that
// checkpoint, or one before it, was rewritten.
type CheckpointLine struct {
	Sequence int64       `json:"sequence"`
	Time     ssmbak.Time `json:"time"`
	SHA256   string      `json:"sha256"` // of the object's bytes, in hexadecimal
}

// String returns the three fields with spaces between them.
func (l CheckpointLine) String() string { return fmt.Sprintf("%d %s %s", l.Sequence, l.Time, l.SHA256) }

// ParseCheckpointLine parses what [CheckpointLine.String] returns.
func ParseCheckpointLine(text string) (CheckpointLine, error) {
	fields := strings.Fields(text)
	if len(fields) != 3 {
		return CheckpointLine{}, errors.New("it must have a number, a time and a SHA-256")
	}
	sequence, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil || sequence < 1 {
		return CheckpointLine{}, fmt.Errorf("%q is not the number of a checkpoint", fields[0])
	}
	at, err := time.Parse(time.RFC3339, fields[1])
	if err != nil {
		return CheckpointLine{}, fmt.Errorf("%q is not a time such as 2024-06-13T20:10:54.123Z", fields[1])
	}
	if !isDigest(fields[2]) {
		return CheckpointLine{}, fmt.Errorf("%q is not a SHA-256 in hexadecimal", fields[2])
	}
	return CheckpointLine{sequence, ssmbak.TimeOf(at), fields[2]}, nil
}

func checkpointKey(sequence int64) string { return fmt.Sprintf("%s%010d", checkpointsPrefix, sequence) }

// sequenceOf returns the sequence number in the key of a checkpoint.
func sequenceOf(key string) (int64, bool) {
	sequence, err := strconv.ParseInt(strings.TrimPrefix(key, checkpointsPrefix), 10, 64)
	return sequence, err == nil && sequence > 0 && checkpointKey(sequence) == key
}

func checkCheckpoint(key string, c *Checkpoint) error {
	count := int64(0)
	for _, o := range c.Leaves {
		if o.Count < 1 || o.Count > maxLeaves {
			return fmt.Errorf("it has an object of %d leaves", o.Count)
		}
		count += int64(o.Count)
	}
	root, err := treeOf(c.Leaves)
	switch {
	case checkpointKey(c.Sequence) != key:
		return fmt.Errorf("it is checkpoint %d", c.Sequence)
	case c.Time == 0 || c.Account == "" || c.Region == "":
		return errors.New("its time, its account or its region is missing")
	case c.Before != nil && (c.Before.Sequence >= c.Sequence || c.Before.Time >= c.Time):
		return errors.New("it is not later than the one before it")
	case err != nil:
		return err
	case count != c.Count || root != c.Root:
		return errors.New("its count or root is not that of its leaves")
	}
	return nil
}

// checkpointVersions are the object versions of the key of one checkpoint.
type checkpointVersions struct {
	sequence int64
	ids      []string // the oldest first, without delete markers
	marker   string   // ID of the current version, if that is a delete marker
}

// listCheckpoints lists the keys of checkpoints, the oldest first.
func (a *Archive) listCheckpoints(ctx context.Context) (all []checkpointVersions, err error) {
	for v, err := range a.bucket.Versions(ctx, bucket.Listing{Prefix: checkpointsPrefix, Delimiter: "/"}) {
		if err != nil {
			return nil, err
		}
		sequence, ok := sequenceOf(v.Key)
		if !ok {
			continue
		}
		if n := len(all); n == 0 || all[n-1].sequence != sequence {
			all = append(all, checkpointVersions{sequence: sequence})
			if v.Marker {
				all[n].marker = v.ID
			}
		}
		if !v.Marker {
			last := &all[len(all)-1]
			last.ids = slices.Insert(last.ids, 0, v.ID)
		}
	}
	return all, nil
}

// readCheckpoint reads a checkpoint: the oldest object version of its key that is valid,
// since a checkpoint is written once. If all are invalid, the error is that of the oldest
// one, as in [load]; nil with a nil checkpoint means that all were removed after the listing.
func (a *Archive) readCheckpoint(ctx context.Context, v checkpointVersions) (*Checkpoint, error) {
	var first error
	for _, id := range v.ids {
		d, body, err := checkpointKind.LoadBytes(ctx, a.bucket, checkpointKey(v.sequence), id)
		if d.Invalid {
			if first == nil {
				first = a.documentError(checkpointKey(v.sequence), err)
			}
			continue
		}
		if err != nil {
			return nil, a.documentError(checkpointKey(v.sequence), err)
		}
		if d.Exists {
			sum := sha256.Sum256(body)
			d.Value.sha256 = hex.EncodeToString(sum[:])
			return &d.Value, nil
		}
	}
	return nil, first
}

// newest returns the newest valid checkpoint, nil if there is none. earlier bounds how many
// are read.
func (a *Archive) newest(ctx context.Context, all []checkpointVersions) (*Checkpoint, error) {
	var first error
	for i, v := range slices.Backward(all) {
		if len(all)-i > earlierVersions {
			break
		}
		c, err := a.readCheckpoint(ctx, v)
		if c != nil {
			return c, nil
		}
		if _, damaged := errors.AsType[*DamagedError](err); err != nil && !damaged {
			return nil, err
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// LastCheckpoint reads the newest valid checkpoint, with one request per 1,000 checkpoints,
// and one to read it. exists is false if there is none.
func (a *Archive) LastCheckpoint(ctx context.Context) (c Checkpoint, exists bool, err error) {
	all, err := a.listCheckpoints(ctx)
	if err != nil {
		return Checkpoint{}, false, err
	}
	found, err := a.newest(ctx, all)
	if err != nil || found == nil {
		return Checkpoint{}, false, err
	}
	return *found, true, nil
}

const (
	// checkpointAge is the age of the newest checkpoint from which on another one is
	// written: a day, and less by more than the time between two reconciles usually varies.
	checkpointAge = 23 * time.Hour
	// smallCheckpoint is the number of leaves up to which an archive gets a checkpoint
	// after each change.
	smallCheckpoint = 10_000
)

// Checkpoint writes a checkpoint, unless the newest one is less than a day old and either
// has more than 10,000 leaves or the same ones. wrote reports whether it did: of several
// writers at once, one does. It does nothing in an archive that is not signed.
//
// It sends one request per 1,000 object versions, one for each new object of leaves, and
// about five others. Its memory does not depend on the number of leaves.
func (w *Writer) Checkpoint(ctx context.Context) (wrote bool, err error) {
	if !w.signs {
		return false, nil
	}
	all, err := w.listCheckpoints(ctx)
	if err != nil {
		return false, err
	}
	last, err := w.newest(ctx, all)
	if _, damaged := errors.AsType[*DamagedError](err); err != nil && !damaged {
		return false, err // else another program wrote all of them
	}
	next := Checkpoint{Writer: w.writer, Sequence: 1, Time: ssmbak.TimeOf(time.Now()), Account: w.identity.Account, Region: w.identity.Region}
	recent := false
	if last != nil {
		recent = next.Time < last.Time.Add(checkpointAge)
		if recent && last.Count > smallCheckpoint {
			return false, nil
		}
		line := last.Line()
		next.Sequence, next.Before = last.Sequence+1, &line
	}
	for _, v := range all { // another program may have taken the key
		if v.sequence == next.Sequence {
			next.Sequence++
		}
	}
	rules, err := w.bucket.Expirations(ctx)
	switch {
	case err == nil:
		next.Expirations = &rules
	case bucket.IsDenied(err):
		w.o.Logger.WarnContext(ctx, "cannot read the lifecycle rules of the bucket: the checkpoint does not have them", "error", err.Error())
	default:
		return false, err
	}
	if err := w.addLeaves(ctx, &next, last); err != nil {
		return false, err
	}
	if recent && last.Root == next.Root && reflect.DeepEqual(last.Expirations, next.Expirations) {
		return false, nil
	}
	out, err := checkpointKind.Swap(ctx, w.bucket, checkpointKey(next.Sequence), bucket.Document[Checkpoint]{},
		func(d bucket.Document[Checkpoint]) (Checkpoint, bool, error) { return next, !d.Exists, nil },
		func(context.Context) (bucket.Document[Checkpoint], error) {
			return bucket.Document[Checkpoint]{Stored: bucket.Stored{Exists: true}}, nil
		}) // another writer's
	return out.Wrote, err
}

// addLeaves lists the leaves of a checkpoint, and writes the objects with them that the
// checkpoint before it does not have.
func (w *Writer) addLeaves(ctx context.Context, next, last *Checkpoint) error {
	kept, err := w.keptLeaves(ctx, last)
	if err != nil {
		return err
	}
	d := leavesDocument{Format: leavesFormat}
	flush := func() error {
		o, err := w.putLeaves(ctx, d, kept)
		next.Leaves, next.Count, d.leaves = append(next.Leaves, o), next.Count+int64(o.Count), d.leaves[:0]
		return err
	}
	for l, err := range w.objectVersions(ctx) {
		if err != nil {
			return err
		}
		if !covers(l) {
			continue
		}
		if d.leaves = append(d.leaves, l); ends(len(d.leaves), l.hash()) {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if len(d.leaves) > 0 {
		if err := flush(); err != nil {
			return err
		}
	}
	next.Root, err = treeOf(next.Leaves)
	return err
}

// putLeaves writes an object of leaves, unless it is among the kept ones.
func (w *Writer) putLeaves(ctx context.Context, d leavesDocument, kept map[string]LeafObject) (o LeafObject, err error) {
	body, err := leavesKind.Encode(&d, bucket.Unknown{})
	if err != nil {
		return o, fmt.Errorf("encode leaves: %w", err)
	}
	sum := sha256.Sum256(body)
	o = LeafObject{Root: rootOf(d.leaves), Count: len(d.leaves), SHA256: hex.EncodeToString(sum[:])}
	if same, ok := kept[o.SHA256]; ok {
		return same, nil
	}
	key := leavesKey(o.Root)
	if o.ID, _, err = w.bucket.Put(ctx, bucket.Write{Key: key, Body: body, ContentType: "application/gzip"}); err != nil {
		return o, fmt.Errorf("write %s of bucket %s: %w", key, w.o.Bucket, err)
	}
	return o, nil
}

// keptLeaves returns the objects of leaves of a checkpoint that still exist, by their
// SHA-256.
func (w *Writer) keptLeaves(ctx context.Context, last *Checkpoint) (map[string]LeafObject, error) {
	kept := make(map[string]LeafObject)
	if last == nil || len(last.Leaves) == 0 {
		return kept, nil
	}
	named := make(map[[2]string]LeafObject, len(last.Leaves))
	for _, o := range last.Leaves {
		named[[2]string{leavesKey(o.Root), o.ID}] = o
	}
	for v, err := range w.bucket.Versions(ctx, bucket.Listing{Prefix: leavesPrefix}) {
		if err != nil {
			return nil, err
		}
		if o, ok := named[[2]string{v.Key, v.ID}]; ok && !v.Marker {
			kept[o.SHA256] = o
		}
	}
	return kept, nil
}
