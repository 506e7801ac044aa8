package archive

import (
	"errors"
	"fmt"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

// Errors that callers branch on.
var (
	// ErrNoBucket means that the bucket does not exist.
	ErrNoBucket = bucket.ErrNoBucket
	// ErrExpired means that every copy of a value was removed from the bucket, by a
	// lifecycle rule or by a person. The version existed.
	ErrExpired = errors.New("the value object is no longer in the bucket")
	// ErrNothing means that the bucket contains neither an index nor a value object
	// of the parameter.
	ErrNothing = errors.New("the archive has no record of it")
)

// NotVersionedError refuses a write to a bucket that is not versioned. Its fields are
// Bucket and Status, the state of the bucket's versioning: "" if versioning was never
// enabled.
type NotVersionedError = bucket.NotVersionedError

// BudgetError refuses an object that needs more memory than [Options].Budget allows. It
// affects no other object, and a process with a greater budget may read it.
type BudgetError = bucket.BudgetError

// ClockError refuses a write by a program whose clock differs from that of S3 by more than half a
// minute, since its times would be wrong. Its field Ahead says how far; it is less than zero for a
// clock that is behind.
type ClockError = bucket.ClockError

// Tolerance is how far a time that a machine wrote may differ from AWS's: the archive refuses a
// write, with a [*ClockError], before its clock differs so much.
const Tolerance = bucket.Tolerance

// MismatchError refuses the archive of another account or region.
type MismatchError struct {
	Bucket          string
	Archive         Identity
	Account, Region string // the caller's, or an event's
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("bucket %s is the archive of account %s in %s, not of account %s in %s",
		e.Bucket, e.Archive.Account, e.Archive.Region, e.Account, e.Region)
}

// HiddenError refuses an archive in which an essential object has a delete marker, or is
// missing although indexes exist: without it, recorded parameters would be taken for
// absent.
type HiddenError struct {
	Bucket, Key string
	// Copy says that S3 replication made the index that exists: then the object is perhaps
	// only not replicated yet.
	Copy bool
}

func (e *HiddenError) Error() string {
	if e.Copy {
		return fmt.Sprintf("%s is not in bucket %s, which is a copy of an archive: it is not replicated yet, or was removed", e.Key, e.Bucket)
	}
	return fmt.Sprintf("%s was removed from bucket %s, but the archive is in use", e.Key, e.Bucket)
}

// FormatError refuses an object that only a newer ssmbak can read. It affects no other
// object.
type FormatError struct {
	Bucket    string
	Key       string
	Format    int // the format that its reader must support
	Supported int // the newest format of such an object that this ssmbak supports
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s requires a reader of format %d, this ssmbak supports format %d: use a newer ssmbak", e.Key, e.Format, e.Supported)
}

// DamagedError reports an object that fails its checksum or cannot be decoded.
type DamagedError struct {
	Name        ssmbak.Name // "" if the object belongs to no parameter
	Bucket, Key string
	Object      string // the object version that was named, "" if it was the current one
	Err         error
}

func (e *DamagedError) Error() string {
	if e.Object != "" {
		return fmt.Sprintf("%s (object version %s) is damaged: %v", e.Key, e.Object, e.Err)
	}
	return fmt.Sprintf("%s is damaged: %v", e.Key, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// Index reports whether the object is a parameter's index, which [Archive.Reindex]
// rebuilds.
func (e *DamagedError) Index() bool { return e.Name != "" && e.Key == indexKey(e.Name) }

// MissingIndexError reports a parameter that was recorded but has no index.
// [Archive.Reindex] rebuilds it; no writer creates an empty one.
type MissingIndexError struct {
	Name ssmbak.Name
	// Hidden says that the index has a delete marker, or that there is none although the
	// name is registered: a reconcile restores it.
	Hidden bool
}

func (e *MissingIndexError) Error() string {
	if e.Hidden {
		return fmt.Sprintf("the index of %s is missing: `ssmbak reconcile` restores it", e.Name)
	}
	return fmt.Sprintf("the index of %s is missing, although the parameter was recorded: `ssmbak reindex %[1]s` rebuilds it", e.Name)
}

// TooLargeError reports an index that is not written because it would be too large. Nothing
// was recorded. [Writer.CloseRun] makes an index smaller.
type TooLargeError struct {
	Name        ssmbak.Name
	Bytes, Most int64
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the index of %s would have %.1f MiB, at most %.1f are written: it has more facts than can be moved to parts", e.Name, float64(e.Bytes)/(1<<20), float64(e.Most)/(1<<20))
}

// Unavailable reports whether err says that a value was removed from the bucket or is
// damaged. Such an error affects only one parameter.
func Unavailable(err error) bool {
	var damaged *DamagedError
	return errors.Is(err, ErrExpired) || errors.As(err, &damaged)
}

// Unreadable reports whether err says that an index is damaged, missing, not replicated, or of
// a newer program. Such an error affects only one parameter.
func Unreadable(err error) bool {
	var format *FormatError
	var budget *BudgetError
	var absent *NotReplicatedError
	return needsReindex(err) || errors.As(err, &format) || errors.As(err, &budget) || errors.As(err, &absent)
}

// needsReindex reports whether err says that an index must be rebuilt.
func needsReindex(err error) bool {
	var damaged *DamagedError
	var missing *MissingIndexError
	return errors.As(err, &damaged) && damaged.Index() || errors.As(err, &missing)
}

// IsDenied reports whether S3 refused a request because the caller lacks a permission.
func IsDenied(err error) bool { return bucket.IsDenied(err) }
