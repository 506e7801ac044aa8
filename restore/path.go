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

// PathOptions say what a [Path] is. Bucket, Path and At are required.
type PathOptions struct {
	// Bucket holds the archive.
	Bucket string
	// Path is the name of a parameter or a path, as [ssmbak.ParseTarget] reads it:
	// with Recursive set, everything below the path; with a trailing slash, its
	// direct children.
	Path      string
	Recursive bool
	// At is the time, to the millisecond, in any zone: changes up to the end of
	// that millisecond have happened.
	At time.Time
	// Restore tunes [Path.Plan] and [Path.Restore]. By is the ARN of the caller if
	// it is empty.
	Restore Options
	// Live tunes how Parameter Store is called, as with a bound on the rate of
	// writes.
	Live paramstore.Options
}

// Path is a parameter, or a path of parameters, at one time. It does what the
// commands preview and restore do, by the same calls: [archive.Archive.At],
// [Restorer.Plan] and [Restorer.Apply]. It may be used by many goroutines at once.
type Path struct {
	archive  *archive.Archive
	restorer *Restorer
	target   ssmbak.Target
	at       ssmbak.Time
}

// OpenPath opens the archive of the account and region that cfg leads to. It
// asks the Security Token Service for the account, and S3 for the archive, and
// changes nothing. Values of live parameters that the archive lacks are recorded
// before they are overwritten, unless the bucket holds no archive yet.
//
// The errors are those of [ssmbak.ParseTarget] and [archive.Open], and those of
// AWS.
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
		return nil, errors.New("the aws.Config names no region")
	}
	caller, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, fmt.Errorf("ask which account the credentials belong to: %w", err)
	}
	account, log := aws.ToString(caller.Account), o.Restore.Logger
	a, err := archive.Open(ctx, s3.NewFromConfig(cfg), archive.Options{Bucket: o.Bucket, Account: account, Region: cfg.Region, Logger: log})
	if err != nil {
		return nil, err
	}
	if o.Live.Logger == nil {
		o.Live.Logger = log
	}
	live := paramstore.New(ssm.NewFromConfig(cfg), o.Live)
	var sync Syncer
	if _, ok := a.Identity(); ok {
		sync = recorder.New(a, live, recorder.Options{Account: account, Region: cfg.Region, Logger: log})
	}
	o.Restore.By = cmp.Or(o.Restore.By, aws.ToString(caller.Arn))
	return &Path{archive: a, restorer: New(a, live, sync, o.Restore), target: target, at: ssmbak.TimeOf(o.At)}, nil
}

// Preview returns what was there at the time, with its values, from the archive
// alone. An error means that there is no answer at all; parameters that could not
// be read, or that are not certain, are named in the snapshot.
func (p *Path) Preview(ctx context.Context) (archive.Snapshot, error) {
	return p.archive.At(ctx, p.target, p.at, archive.AllValues)
}

// Plan returns what [Path.Restore] would do now, and writes nothing to Parameter
// Store.
func (p *Path) Plan(ctx context.Context) (*Plan, error) {
	return p.restorer.Plan(ctx, p.target, p.at)
}

// Restore brings the parameters back: it makes a plan and applies it, without a
// question, also where [Plan.Asks] reports that a person should agree. One
// parameter that fails stops no other, so the outcomes have to be looked at.
func (p *Path) Restore(ctx context.Context) (Result, error) {
	out, err := p.Plan(ctx)
	if err != nil {
		return Result{}, err
	}
	return p.restorer.Apply(ctx, out)
}
