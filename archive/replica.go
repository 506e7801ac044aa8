package archive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/timeline"
)

// NotReplicatedError reports an object that a copy of an archive does not have, although
// another object names it: it is not replicated yet, or a lifecycle rule removed it.
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

// Replication is the status of S3 replication of an object.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-status.html
type Replication string

// The statuses of an object: no rule selected it when it was stored; it is waiting, which is
// also that of an object whose destination cannot be reached; the destination has it; S3 may
// not replicate it, and does not try again; it is a replica itself.
const (
	ReplicationNone      Replication = ""
	ReplicationPending   Replication = "PENDING"
	ReplicationCompleted Replication = "COMPLETED"
	ReplicationFailed    Replication = "FAILED"
	ReplicationReplica   Replication = "REPLICA"
)

// replicationOf returns the status for that of an answer. S3 documents two spellings.
func replicationOf(status types.ReplicationStatus) Replication {
	if status == types.ReplicationStatusComplete {
		return ReplicationCompleted
	}
	return Replication(status)
}

// Replication returns the status of S3 replication of the object that identifies the archive,
// as it was when the archive was opened.
func (a *Archive) Replication() Replication { return a.replication }

// ValueReplication returns the status of S3 replication of a value object, with one request.
// The error is [ErrExpired] if the object does not exist any more.
func (a *Archive) ValueReplication(ctx context.Context, name ssmbak.Name, ref timeline.ObjectRef) (Replication, error) {
	status, err := a.bucket.Replication(ctx, string(name), ref.ID)
	if errors.Is(err, bucket.ErrNotFound) {
		err = ErrExpired
	}
	if err != nil {
		return ReplicationNone, fmt.Errorf("read the replication status of %s: %w", name, err)
	}
	return replicationOf(status), nil
}

// isReplica reports whether an object version is known to be made by S3 replication.
func (a *Archive) isReplica(ctx context.Context, key, version string) bool {
	status, err := a.bucket.Replication(ctx, key, version)
	return err == nil && replicationOf(status) == ReplicationReplica
}

// Replica reports whether the archive was opened with Options.Elsewhere and is a copy made
// by S3 replication. Complete listings prove nothing about a copy, since S3 may replicate
// later objects before earlier ones.
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
