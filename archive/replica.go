package archive

import (
	"errors"
	"fmt"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

// NotReplicatedError reports an object that a copy of an archive does not have, although
// another object names it: S3 replicates objects in any order and some time later. The copy
// cannot tell whether it had the object and a lifecycle rule removed it.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html
type NotReplicatedError struct {
	Name ssmbak.Name
	Key  string
}

func (e *NotReplicatedError) Error() string {
	what := "the value object"
	if e.Key != string(e.Name) {
		what = e.Key
	}
	return what + " is not in this copy of the archive: it is not replicated yet, or expired"
}

// Replica reports whether the archive was opened with [Options].Elsewhere and is a copy made
// by S3 replication. What complete listings proved in the archive itself proves nothing about
// a copy, since later objects may have been replicated before earlier ones.
func (a *Archive) Replica() bool { return a.replica }

// missingIndex returns the error for a registered parameter without an index.
func (a *Archive) missingIndex(name ssmbak.Name) error {
	if a.replica {
		return &NotReplicatedError{Name: name, Key: indexKey(name)}
	}
	return &MissingIndexError{Name: name, Hidden: true}
}

// notReplicated reports whether an error of S3 says that a copy does not have an object
// version. S3 also calls a version ID invalid that the bucket never had.
func (a *Archive) notReplicated(err error) bool {
	return a.replica && (errors.Is(err, bucket.ErrNotFound) || bucket.IsInvalid(err))
}

// unlisted returns what listings proved about a copy: nothing about completeness.
func (r Reconciled) unlisted() Reconciled {
	r.First, r.Last, r.Tags, r.Labels = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	return r
}

// addNotReplicated adds an object that a copy does not have.
func (v *Verified) addNotReplicated(what, key, version string) {
	v.add(FaultNotReplicated, key, version, fmt.Sprintf("%s is not in this copy: it is not replicated yet, or expired", what))
}
