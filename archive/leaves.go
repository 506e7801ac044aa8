package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

// Leaf is an object version that existed when a checkpoint was written.
type Leaf struct {
	Key  string `json:"key"`
	ID   string `json:"id"`   // of the object version
	Size int64  `json:"size"` // in bytes
	// Noncurrent is since when it was not the current version of its key, by S3's clock, to
	// the second; zero if it was.
	Noncurrent ssmbak.Time `json:"noncurrent,omitzero"`
}

// hash returns the hash of the leaf, which covers its key, object version and size.
func (l Leaf) hash() [sha256.Size]byte {
	return hashLeaf([]byte(l.Key + "\n" + l.ID + "\n" + strconv.FormatInt(l.Size, 10)))
}

// Name returns the parameter to which the object belongs, "" for a restore record.
func (l Leaf) Name() ssmbak.Name {
	for _, of := range []func(string) (ssmbak.Name, bool){nameOfValue, nameOfIndex, nameOfEntry} {
		if name, ok := of(l.Key); ok {
			return name
		}
	}
	if path, ok := strings.CutPrefix(l.Key, partPrefix); ok {
		if name, ok := nameOfValue(path[:max(0, strings.LastIndexByte(path, '/'))]); ok {
			return name
		}
	}
	return ""
}

// leafPrefixes are the prefixes of the leaves, in byte order.
var leafPrefixes = []string{indexPrefix + "/", namesPrefix + "/", partPrefix + "/", recordsPrefix, "/"}

// covers reports whether a checkpoint has an object version as a leaf: those of values,
// parts, restore records and the register, and the current one of an index.
func covers(l Leaf) bool {
	if id, record := strings.CutPrefix(l.Key, recordsPrefix); record {
		return restoreID.MatchString(id)
	}
	if l.Name() == "" {
		return false
	}
	_, index := nameOfIndex(l.Key)
	return !index || l.Noncurrent == 0
}

// objectVersions lists the object versions, without delete markers, under the prefixes of
// leaves: keys in byte order, and within a key the newest first. An error is the last thing
// that it yields. It sends one request per 1,000 versions and markers.
func (a *Archive) objectVersions(ctx context.Context) iter.Seq2[Leaf, error] {
	return func(yield func(Leaf, error) bool) {
		for _, prefix := range leafPrefixes {
			var above bucket.Version
			for v, err := range a.bucket.Versions(ctx, bucket.Listing{Prefix: prefix}) {
				if err != nil {
					yield(Leaf{}, err)
					return
				}
				l := Leaf{Key: v.Key, ID: v.ID, Size: v.Size}
				if above.Key == v.Key {
					l.Noncurrent = above.Modified
				}
				above = v
				if !v.Marker && !yield(l, nil) {
					return
				}
			}
		}
	}
}

const (
	// maxLeaves is the greatest number of leaves in one object, and one in usualLeaves ends
	// an object, so that a change replaces few of them.
	maxLeaves   = 16 << 10
	usualLeaves = 4 << 10
)

// ends reports whether an object of n leaves ends with a leaf.
func ends(n int, leaf [sha256.Size]byte) bool {
	return n >= maxLeaves || (int(leaf[0])<<8|int(leaf[1]))%usualLeaves == 0
}

// LeafObject is an object with consecutive leaves of a checkpoint.
type LeafObject struct {
	Root   string `json:"root"` // of their Merkle tree, in hexadecimal
	Count  int    `json:"count"`
	ID     string `json:"id"`     // the object version
	SHA256 string `json:"sha256"` // of its bytes, in hexadecimal
}

func leavesKey(root string) string { return leavesPrefix + root }

// leavesDocument is such an object: a line for itself, and one for each leaf.
type leavesDocument struct {
	Format int `json:"format"`
	Reader int `json:"reader,omitempty"` // the least format that a program must support to read it
	leaves []Leaf
}

const leavesFormat = 1

var leavesKind = bucket.Kind[leavesDocument]{Format: leavesFormat, Gzip: true, Limit: 64 << 20}

// ReadLines reads the lines. The error is a [*bucket.NewerError] if only a newer program
// can read them.
func (d *leavesDocument) ReadLines(lines *json.Decoder, limit int64) error {
	if err := lines.Decode(d); err != nil {
		return fmt.Errorf("read its first line: %w", err)
	}
	if d.Reader > leavesFormat {
		return &bucket.NewerError{Reader: d.Reader, Format: leavesFormat}
	}
	if d.Format < 1 {
		return errors.New("its first line is incomplete")
	}
	return eachLine(lines, func(l Leaf) error {
		if limit -= entrySize + int64(len(l.Key)+len(l.ID)); limit < 0 || len(d.leaves) == maxLeaves {
			return errors.New("it has too many leaves")
		}
		d.leaves = append(d.leaves, l)
		return nil
	})
}

// WriteLines writes the lines.
func (d *leavesDocument) WriteLines(lines *json.Encoder) error {
	if err := lines.Encode(d); err != nil {
		return err
	}
	for _, l := range d.leaves {
		if err := lines.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

// rootOf returns the root of the Merkle tree of leaves.
func rootOf(leaves []Leaf) string {
	var tree merkle
	for _, l := range leaves {
		tree.add(l.hash())
	}
	root := tree.root()
	return hex.EncodeToString(root[:])
}

// treeOf returns the root of the Merkle tree whose leaves are the roots of objects.
func treeOf(objects []LeafObject) (string, error) {
	var tree merkle
	for _, o := range objects {
		root, err := hex.DecodeString(o.Root)
		if err != nil || len(root) != sha256.Size {
			return "", fmt.Errorf("%q is not a root", o.Root)
		}
		tree.add(hashLeaf(root))
	}
	root := tree.root()
	return hex.EncodeToString(root[:]), nil
}

// readLeaves reads an object of leaves. The error is a [*DamagedError] if it is missing or
// not the object that the checkpoint names.
func (a *Archive) readLeaves(ctx context.Context, o LeafObject) ([]Leaf, error) {
	key := leavesKey(o.Root)
	object, err := a.bucket.Get(ctx, key, o.ID, leavesKind.Limit)
	switch invalid, isInvalid := errors.AsType[*bucket.InvalidError](err); {
	case errors.Is(err, bucket.ErrNotFound), bucket.IsInvalid(err):
		return nil, &DamagedError{Bucket: a.o.Bucket, Key: key, Err: errors.New("the object version that the checkpoint names does not exist")}
	case isInvalid:
		return nil, &DamagedError{Bucket: a.o.Bucket, Key: key, Err: invalid.Err}
	case err != nil:
		return nil, fmt.Errorf("read %s of bucket %s: %w", key, a.o.Bucket, err)
	}
	if sum := sha256.Sum256(object.Body); hex.EncodeToString(sum[:]) != o.SHA256 {
		return nil, &DamagedError{Bucket: a.o.Bucket, Key: key, Err: errors.New("its SHA-256 is not that in the checkpoint")}
	}
	d, _, err := leavesKind.DecodeObject(ctx, a.bucket, object)
	if err == nil && (len(d.leaves) != o.Count || rootOf(d.leaves) != o.Root) {
		err = &bucket.InvalidError{Err: errors.New("its leaves are not those of the checkpoint")}
	}
	return d.leaves, a.documentError(key, err)
}
