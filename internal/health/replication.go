package health

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak/archive"
)

const (
	// slow and stuck are how long an object waits for replication that S3 does not replicate as
	// usual, within 15 minutes, or not at all.
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html
	slow  = 15 * time.Minute
	stuck = 2 * time.Hour
)

// Replication is what S3 says about the replication of objects that were read: of the
// indexes that the other checks read, and of the newest values of those that changed last.
type Replication struct {
	// Bucket is the destination.
	Bucket string
	// Seen is the number of objects, Pending of those that wait, Failed of those that S3 could
	// not replicate and does not try again, and Never of those that no rule selected when they
	// were stored.
	Seen, Pending, Failed, Never int
}

// replicated is an object whose replication status was read.
type replicated struct {
	key    string
	status archive.Replication
	stored time.Time
}

// replication checks whether S3 replicates the archive, if its stack says so or if a rule has
// selected the object that identifies it. Of the metrics of S3, those of waiting objects are
// in the region of the copy, and cost a request for each; the status of an index comes with
// its contents. It sends one request for the rule, and one for each of at most 50 values.
func (i *inspection) replication(ctx context.Context, d *archive.Deployment, read []archive.Index) []Check {
	want := ""
	if d != nil {
		want = d.Replica
	}
	if status := i.archive.Replication(); want == "" && (status == archive.ReplicationNone || status == archive.ReplicationReplica) {
		return nil
	}
	again := "`ssmbak-stack " + i.stackName(d) + " update` sets it up again; find out who changed it"
	bucket := i.archive.Bucket()
	out, err := i.conn.S3().GetBucketReplication(ctx, &s3.GetBucketReplicationInput{Bucket: &bucket, ExpectedBucketOwner: &i.owner})
	api, known := errors.AsType[smithy.APIError](err)
	switch {
	case known && api.ErrorCode() == "ReplicationConfigurationNotFoundError":
		return problem("replication", "S3 does not replicate the bucket any more"+before(want), again)
	case err != nil:
		return unseen("replication", "whether S3 replicates the bucket", "s3:GetReplicationConfiguration", err)
	}
	rule, found := ruleTo(out.ReplicationConfiguration, want)
	if !found {
		return problem("replication", "no enabled rule replicates the bucket"+before(want), again)
	}
	r := &Replication{Bucket: destination(rule)}
	i.report.Replication = r
	all, err := i.statuses(ctx, read)
	if err != nil {
		return unseen("replication", "which values are replicated", "s3:GetObjectVersion", err)
	}
	return r.checks(i, i.stackName(d), all)
}

// before returns where the archive was replicated to, in a sentence.
func before(bucket string) string {
	if bucket == "" {
		return ""
	}
	return " to " + bucket
}

// ruleTo returns the enabled rule whose destination is a bucket, or the first one for "".
func ruleTo(c *types.ReplicationConfiguration, bucket string) (types.ReplicationRule, bool) {
	if c == nil {
		return types.ReplicationRule{}, false
	}
	n := slices.IndexFunc(c.Rules, func(r types.ReplicationRule) bool {
		return r.Status == types.ReplicationRuleStatusEnabled && (bucket == "" || destination(r) == bucket)
	})
	if n < 0 {
		return types.ReplicationRule{}, false
	}
	return c.Rules[n], true
}

func destination(r types.ReplicationRule) string {
	if r.Destination == nil {
		return ""
	}
	arn := aws.ToString(r.Destination.Bucket)
	return arn[strings.LastIndex(arn, ":")+1:]
}

// statuses returns the status of each index that was read, and of the newest values.
func (i *inspection) statuses(ctx context.Context, read []archive.Index) (all []replicated, err error) {
	slices.SortStableFunc(read, func(a, b archive.Index) int { return b.Modified().Compare(a.Modified()) })
	for _, x := range read {
		if x.Exists {
			all = append(all, replicated{"the index of " + x.Name.String(), x.Replication(), x.Modified()})
		}
	}
	var lock sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(reading)
	for _, x := range read[:min(len(read), newest)] {
		v, _ := x.Newest()
		if len(v.Objects) == 0 {
			continue
		}
		g.Go(func() error {
			status, err := i.archive.ValueReplication(ctx, x.Name, v.Objects[0])
			if errors.Is(err, archive.ErrExpired) {
				return nil // verify names it
			}
			lock.Lock()
			defer lock.Unlock()
			all = append(all, replicated{"the value of " + x.Name.String(), status, v.Objects[0].Written.Std()})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b replicated) int { return cmp.Compare(a.key, b.key) })
	return all, nil
}

// checks counts and judges.
func (r *Replication) checks(i *inspection, stack string, all []replicated) []Check {
	var failed, never string
	var waiting time.Duration
	for _, x := range all {
		switch x.status {
		case archive.ReplicationFailed:
			r.Failed++
			failed = cmp.Or(failed, x.key)
		case archive.ReplicationPending:
			r.Pending++
			waiting = max(waiting, i.now.Sub(x.stored))
		case archive.ReplicationNone:
			r.Never++
			never = cmp.Or(never, x.key)
		case archive.ReplicationCompleted, archive.ReplicationReplica:
		}
	}
	r.Seen = len(all)
	const batch = "S3 Batch Replication then replicates them"
	of := fmt.Sprintf(" of %s to bucket %s", number(r.Seen, "object"), r.Bucket)
	switch {
	case r.Failed > 0:
		return problem("replication", fmt.Sprintf("S3 could not replicate %d%s, first %s", r.Failed, of, failed),
			"compare the policies of the bucket and its key with those of `ssmbak-stack "+stack+" replica-template`; "+batch)
	case r.Pending > 0 && waiting > stuck:
		return problem("replication", fmt.Sprintf("%d%s are waiting, the first for %s", r.Pending, of, span(waiting)), "find out whether the bucket and its region can be reached; S3 then continues")
	case r.Never > 0:
		return warning("replication", fmt.Sprintf("no rule selected %d%s, first %s", r.Never, of, never), "they are older than the rule, or under a key that it does not select: "+batch)
	case r.Pending > 0 && waiting > slow:
		return warning("replication", fmt.Sprintf("%d%s are waiting, the first for %s", r.Pending, of, span(waiting)), "try again in an hour")
	case r.Pending > 0:
		return ok("replication", fmt.Sprintf("to bucket %s: %d of %s are waiting, the others are replicated", r.Bucket, r.Pending, number(r.Seen, "object")))
	}
	return ok("replication", fmt.Sprintf("to bucket %s: all of %s are replicated", r.Bucket, number(r.Seen, "object")))
}
