package restore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// PathOptions are the options of [OpenPath]. Bucket, Path and At are required.
type PathOptions struct {
	// Bucket is the bucket of the archive.
	Bucket string
	// Path is the name of a parameter or a path, as [ssmbak.ParseTarget] reads it:
	// with Recursive set, everything below the path; with a trailing slash, its
	// direct children.
	Path      string
	Recursive bool
	// At is the time to restore, in any zone, with a precision of one millisecond. The
	// changes of that millisecond are included.
	At time.Time
	// Restore are the options of [Path.Plan] and [Path.Restore]. An empty By becomes the
	// ARN of the caller.
	Restore Options
	// Live are the options of the requests to Parameter Store, such as a limit for the
	// rate of writes.
	Live paramstore.Options
}

// Path is a parameter, or a path of parameters, at one time. It does what the commands
// preview and restore do, with the same calls: [archive.Archive.At], [Restorer.Plan] and
// [Restorer.Apply]. It is safe for concurrent use.
type Path struct {
	archive  *archive.Archive
	restorer *Restorer
	target   ssmbak.Target
	at       ssmbak.Time
}

// OpenPath opens the archive of cfg's account and region. It changes nothing, and sends
// requests to the Security Token Service and to S3. Live values that the archive does not
// have are recorded before they are overwritten, unless the bucket holds no archive yet.
//
// The errors are those of [ssmbak.ParseTarget] and [archive.Open], and those of AWS.
func OpenPath(ctx context.Context, cfg aws.Config, o PathOptions) (*Path, error) {
	target, err := ssmbak.ParseTarget(o.Path, o.Recursive)
	switch {
	case err != nil:
		return nil, err
	case o.Bucket == "":
		return nil, errors.New("PathOptions.Bucket is empty: name the bucket of the archive")
	case o.At.IsZero():
		return nil, errors.New("PathOptions.At is zero: give the time to restore")
	case cfg.Region == "":
		return nil, errors.New("the aws.Config has no region")
	}
	a, r, err := connect(ctx, cfg, o.Bucket, o.Restore, o.Live)
	if err != nil {
		return nil, err
	}
	return &Path{archive: a, restorer: r, target: target, at: ssmbak.TimeOf(o.At)}, nil
}

// connect opens the archive of cfg's account and region, and returns a restorer from it.
func connect(ctx context.Context, cfg aws.Config, bucket string, o Options, lo paramstore.Options) (*archive.Archive, *Restorer, error) {
	caller, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, nil, fmt.Errorf("determine the account of the credentials: %w", err)
	}
	account, log := aws.ToString(caller.Account), o.Logger
	a, err := archive.Open(ctx, s3.NewFromConfig(cfg), archive.Options{Bucket: bucket, Account: account, Region: cfg.Region, Logger: log})
	if err != nil {
		return nil, nil, err
	}
	if lo.Logger == nil {
		lo.Logger = log
	}
	live := paramstore.New(ssm.NewFromConfig(cfg), lo)
	var sync Syncer
	if _, ok := a.Identity(); ok {
		sync = recorder.New(a, live, recorder.Options{Account: account, Region: cfg.Region, Logger: log})
	}
	o.By = cmp.Or(o.By, aws.ToString(caller.Arn))
	return a, New(a, live, sync, o), nil
}

// Preview returns the states at the time, with values, from the archive alone. An error
// means that there is no result; the snapshot lists the parameters that could not be read
// or are not certain.
func (p *Path) Preview(ctx context.Context) (archive.Snapshot, error) {
	return p.archive.At(ctx, p.target, p.at, archive.AllValues)
}

// Plan returns what [Path.Restore] would do, see [Restorer.Plan].
func (p *Path) Plan(ctx context.Context) (*Plan, error) {
	return p.restorer.Plan(ctx, p.target, p.at)
}

// Restore makes a plan and applies it, even if [plan.Plan.NeedsConfirmation] reports that
// a person should confirm it. A failed parameter does not stop the others, so a caller
// must check the outcomes.
func (p *Path) Restore(ctx context.Context) (Result, error) {
	todo, err := p.Plan(ctx)
	if err != nil {
		return Result{}, err
	}
	return p.restorer.Apply(ctx, todo)
}
