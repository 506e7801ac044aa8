package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/paramstore"
)

// ReversalOptions are the options of [OpenReversal]. Bucket, Path, From and To are
// required.
type ReversalOptions struct {
	// Bucket, Path and Recursive are as in [PathOptions].
	Bucket    string
	Path      string
	Recursive bool
	// What changed after From, up to and including To, is taken back. The times may be in
	// any zone and have a precision of one millisecond.
	From, To time.Time
	// Restore are the options of [Reversal.Plan] and [Reversal.Revert], as far as
	// [Restorer.Revert] uses them. An empty By becomes the ARN of the caller.
	Restore Options
	// Live are the options of the requests to Parameter Store, such as a limit for the
	// rate of writes.
	Live paramstore.Options
}

// Reversal takes back what changed between two times. It does what the command revert
// does, with the same calls: [Restorer.Revert] and [Restorer.Apply]. It is safe for
// concurrent use.
type Reversal struct {
	restorer *Restorer
	target   ssmbak.Target
	from, to ssmbak.Time
}

// OpenReversal opens the archive of cfg's account and region. Its requests and errors are
// those of [OpenPath].
func OpenReversal(ctx context.Context, cfg aws.Config, o ReversalOptions) (*Reversal, error) {
	target, err := ssmbak.ParseTarget(o.Path, o.Recursive)
	from, to := ssmbak.TimeOf(o.From), ssmbak.TimeOf(o.To)
	switch {
	case err != nil:
		return nil, err
	case o.Bucket == "":
		return nil, errors.New("ReversalOptions.Bucket is empty: name the bucket of the archive")
	case o.From.IsZero() || o.To.IsZero():
		return nil, errors.New("ReversalOptions.From or To is zero: give the times between which changes are taken back")
	case from >= to:
		return nil, fmt.Errorf("ReversalOptions.From %s is not before To %s", from, to)
	case cfg.Region == "":
		return nil, errors.New("the aws.Config has no region")
	}
	_, r, err := connect(ctx, cfg, o.Bucket, o.Restore, o.Live)
	if err != nil {
		return nil, err
	}
	return &Reversal{restorer: r, target: target, from: from, to: to}, nil
}

// Plan returns what [Reversal.Revert] would do, see [Restorer.Revert].
func (r *Reversal) Plan(ctx context.Context) (*Plan, error) {
	return r.restorer.Revert(ctx, r.target, r.from, r.to)
}

// Revert makes a plan and applies it, even if [plan.Plan.NeedsConfirmation] reports that
// a person should confirm it. Units in conflict are in the items of the outcomes. A failed
// parameter does not stop the others, so a caller must check the outcomes.
func (r *Reversal) Revert(ctx context.Context) (Result, error) {
	todo, err := r.Plan(ctx)
	if err != nil {
		return Result{}, err
	}
	return r.restorer.Apply(ctx, todo)
}
