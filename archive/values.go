package archive

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/timeline"
)

// maxValue bounds a value in bytes, well above the greatest of Parameter Store (8 KB).
// https://docs.aws.amazon.com/general/latest/gr/ssm.html
const maxValue = 64 << 10

// Value reads the value of one version of a parameter. refs are its copies. The metadata of
// each must agree with the number, the time and the type of of, and S3 must not have stored
// it before that time, unless of has no number, as in legacy facts.
//
// The error is [ErrExpired] if no copy exists any more, a [*NotReplicatedError] if the
// archive is a replica that has none, and a [*DamagedError] if no object is a copy, or if
// the copies differ.
func (a *Archive) Value(ctx context.Context, name ssmbak.Name, of ssmbak.Version, refs []timeline.ObjectRef) (ssmbak.Value, error) {
	var text []byte
	var found bool
	var problem error
	damaged := func(ref timeline.ObjectRef, err error) error {
		return &DamagedError{Name: name, Bucket: a.o.Bucket, Key: string(name), Object: ref.ID, Err: err}
	}
	for _, ref := range refs {
		o, err := a.copyOf(ctx, name, of, ref)
		invalid, isInvalid := errors.AsType[*bucket.InvalidError](err)
		switch {
		case errors.Is(err, bucket.ErrNotFound), a.notReplicated(err):
		case isInvalid:
			problem = cmp.Or(problem, damaged(ref, invalid.Err))
		case err != nil:
			return ssmbak.Value{}, fmt.Errorf("read the value of %s: %w", name, err)
		case found && !bytes.Equal(text, o.Body):
			return ssmbak.Value{}, damaged(ref, errors.New("it differs from another copy of the value"))
		default:
			text, found = o.Body, true
		}
	}
	switch {
	case found:
		return ssmbak.NewValue(string(text)), nil
	case problem != nil:
		return ssmbak.Value{}, problem
	case a.replica:
		return ssmbak.Value{}, &NotReplicatedError{Name: name, Key: string(name)}
	}
	return ssmbak.Value{}, fmt.Errorf("read the value of %s: %w", name, ErrExpired)
}

// IsDamaged reports whether a value has copies, but [Archive.Value] accepts none of them. It
// reads them until it finds one that is intact.
func (a *Archive) IsDamaged(ctx context.Context, name ssmbak.Name, of ssmbak.Version, refs []timeline.ObjectRef) (damaged bool, err error) {
	for _, ref := range refs {
		_, err := a.copyOf(ctx, name, of, ref)
		_, isInvalid := errors.AsType[*bucket.InvalidError](err)
		switch {
		case err == nil:
			return false, nil
		case isInvalid:
			damaged = true
		case !errors.Is(err, bucket.ErrNotFound):
			return false, fmt.Errorf("read the value of %s: %w", name, err)
		}
	}
	return damaged, nil
}

// copyOf reads a copy of the value of a version. The error is a [*bucket.InvalidError] if the
// object is none.
func (a *Archive) copyOf(ctx context.Context, name ssmbak.Name, of ssmbak.Version, ref timeline.ObjectRef) (bucket.Object, error) {
	o, err := a.bucket.Get(ctx, string(name), ref.ID, maxValue)
	if err == nil {
		err = checkCopy(o, of)
	}
	return o, err
}

// checkCopy returns a [*bucket.InvalidError] for an object that is not a copy of the value
// of a version.
func checkCopy(o bucket.Object, of ssmbak.Version) error {
	if of.Number == 0 {
		return nil
	}
	d := readMetadata(o.Metadata)
	switch {
	case d.foreign:
		return &bucket.InvalidError{Err: errors.New("no recorder wrote it")}
	case d.unreadable:
		return &bucket.InvalidError{Err: errors.New("its metadata cannot be decoded")}
	case d.version.Number != of.Number || d.version.Time != of.Time || d.version.Type != of.Type:
		return &bucket.InvalidError{Err: fmt.Errorf("the index names it as version %d of %s (%s), its metadata as version %d of %s (%s)",
			of.Number, of.Time, of.Type, d.version.Number, d.version.Time, d.version.Type)}
	case ssmbak.TimeOf(o.Modified).Add(time.Second+bucket.Tolerance) < of.Time:
		return &bucket.InvalidError{Err: fmt.Errorf("it was stored at %s, before its version was made at %s", ssmbak.TimeOf(o.Modified), of.Time)}
	}
	return nil
}

// KnownValue is [Archive.Value], but an unavailable value is unknown, with the reason.
// problem is the [*DamagedError] or the [*NotReplicatedError], which affects only this
// parameter.
func (a *Archive) KnownValue(ctx context.Context, name ssmbak.Name, of ssmbak.Version, refs []timeline.ObjectRef) (value ssmbak.Known[ssmbak.Value], problem, err error) {
	v, err := a.Value(ctx, name, of, refs)
	absent, isAbsent := errors.AsType[*NotReplicatedError](err)
	switch {
	case isAbsent:
		return ssmbak.Known[ssmbak.Value]{Reason: absent.Error()}, absent, nil
	case err == nil:
		return ssmbak.Know(v, ssmbak.Proved), nil, nil
	case errors.Is(err, ErrExpired):
		return ssmbak.Known[ssmbak.Value]{Reason: ErrExpired.Error()}, nil, nil
	case Unavailable(err):
		return ssmbak.Known[ssmbak.Value]{Reason: "the value object is damaged"}, err, nil
	}
	return value, nil, err
}

// Current is the current object version, or delete marker, of a parameter's key.
type Current struct {
	ID       string // "" if the key has no version
	Marker   bool
	Modified time.Time // when S3 stored it, to the second
}

// Current returns the current object version of a parameter's key, with one request: S3
// lists the versions of a key newest first.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/list-obj-version-enabled-bucket.html
func (a *Archive) Current(ctx context.Context, name ssmbak.Name) (Current, error) {
	for v, err := range a.bucket.Versions(ctx, bucket.Listing{Prefix: string(name), PageSize: 1}) {
		if err != nil || v.Key != string(name) {
			return Current{}, err
		}
		return Current{ID: v.ID, Marker: v.Marker, Modified: v.Modified.Std()}, nil
	}
	return Current{}, nil
}

// described is what the metadata of one object version says.
type described struct {
	version    timeline.Version
	foreign    bool // not written by this ssmbak
	unreadable bool // the metadata cannot be decoded
	gone       bool // the object version no longer exists
}

// describe reads the metadata of one object version of a parameter's key.
func (a *Archive) describe(ctx context.Context, key, id string) (described, error) {
	metadata, err := a.bucket.Metadata(ctx, key, id)
	if errors.Is(err, bucket.ErrNotFound) {
		return described{gone: true}, nil // a lifecycle rule may remove one at any time
	}
	if err != nil {
		return described{}, fmt.Errorf("read the metadata of %s (object version %s): %w", key, id, err)
	}
	return readMetadata(metadata), nil
}

// lastTime is the end of the year 9999 in milliseconds, the last time that RFC 3339
// can represent.
const lastTime = 253_402_300_799_999

// readMetadata decodes the metadata that [Writer.PutValue] writes.
func readMetadata(metadata map[string]string) described {
	number, ours := metadata[metaVersion]
	if !ours {
		return described{foreign: true}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	ms, err2 := strconv.ParseInt(metadata[metaTime], 10, 64)
	kind := ssmbak.Type(metadata[metaType])
	if err != nil || err2 != nil || n < 1 || ms < 1 || ms > lastTime ||
		kind != ssmbak.TypeString && kind != ssmbak.TypeStringList && kind != ssmbak.TypeSecureString {
		return described{unreadable: true}
	}
	return described{version: timeline.Version{Version: ssmbak.Version{
		Number: n, Time: ssmbak.Time(ms), User: metadata[metaUser],
		Attributes: ssmbak.Attributes{Type: kind, KeyID: metadata[metaKeyID], Tier: metadata[metaTier], DataType: metadata[metaDataType]},
	}}}
}

// anyOurs reports whether this ssmbak wrote one of the object versions.
func (a *Archive) anyOurs(ctx context.Context, key string, ids []string) (bool, error) {
	for _, id := range ids {
		d, err := a.describe(ctx, key, id)
		if bucket.IsDenied(err) {
			return a.anySHA256(ctx, key, ids)
		}
		if err != nil {
			return false, err
		}
		if !d.foreign && !d.gone {
			return true, nil
		}
	}
	return false, nil
}

// anySHA256 is [Archive.anyOurs] for callers without permission to read value objects,
// such as the recorder: a listing shows that this ssmbak sent a SHA-256 checksum, which
// the legacy ssmbak never did.
func (a *Archive) anySHA256(ctx context.Context, key string, ids []string) (bool, error) {
	all, err := a.bucket.History(ctx, key)
	return slices.ContainsFunc(all, func(v bucket.Version) bool { return v.SHA256 && slices.Contains(ids, v.ID) }), err
}

// valueIDs returns the IDs of the object versions in a history, without delete markers.
func valueIDs(all []bucket.Version) []string {
	var ids []string
	for _, v := range all {
		if !v.Marker {
			ids = append(ids, v.ID)
		}
	}
	return ids
}
