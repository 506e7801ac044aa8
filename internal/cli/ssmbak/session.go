package ssmbakcli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/stack"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// access is the kind of access of a command to the archive.
type access int8

const (
	reading  access = iota
	planning        // like writing, but the caller may lack the permission to write
	marking         // writing only marks, which are not signed
	writing
)

// unlessDry is the access of a command that writes unless it is a dry run.
func unlessDry(dry bool) access {
	if dry {
		return planning
	}
	return writing
}

// session is an open archive and the caller's account.
type session struct {
	conn    *awsconn.Conn
	archive *archive.Archive // which the command reads
	live    *paramstore.Store
	caller  awsconn.Caller
	// into is set for a restore from another archive than that of the caller's Parameter
	// Store. own is the latter, which records what happens: archive if into is not set, nil
	// with --without-archive.
	into bool
	own  *archive.Archive
}

// exists returns an error if the bucket has no archive yet.
func (s *session) exists() error {
	if _, exists := s.archive.Identity(); !exists {
		return shell.KindNoArchive.Fail("`ssmbak reconcile` creates one", "bucket %s has no archive yet", s.archive.Bucket())
	}
	return nil
}

// open finds the bucket and opens the archive in it. For a command that writes, it first
// prints where.
func (a *app) open(ctx context.Context, what access) (*session, error) {
	conn, err := a.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return a.openWith(ctx, conn, what)
}

// openWith is open with a connection.
func (a *app) openWith(ctx context.Context, conn *awsconn.Conn, what access) (*session, error) {
	var bucket, from string
	var lookUp error
	var looked sync.WaitGroup
	looked.Go(func() { bucket, from, lookUp = a.bucket(ctx, conn) }) // does not need the caller
	caller, err := conn.Caller(ctx)
	looked.Wait()
	if err != nil {
		return nil, err
	}
	account := caller.Account
	// --bucket may name the archive of another account or region, which is safe to read.
	elsewhere := what == reading && a.flags.bucket != ""
	if !elsewhere {
		if err := a.checkARN(account, conn.Region()); err != nil {
			return nil, err
		}
	}
	if lookUp != nil {
		return nil, lookUp
	}
	if what != reading {
		a.Announce(account, conn, "bucket "+bucket+" (from "+from+")")
	}
	a.Log.DebugContext(ctx, "open the archive", "account", account, "region", conn.Region(), "endpoint", conn.Endpoint(), "bucket", bucket, "from", from)
	public, err := a.publicKey()
	if err != nil {
		return nil, err
	}
	o := archive.Options{
		Bucket: bucket, Account: account, Region: conn.Region(), Owner: a.flags.owner, Logger: a.Log,
		Elsewhere: elsewhere, PublicKey: public,
	}
	if what == reading {
		o.First = a.first
	}
	opened, err := a.openBucket(ctx, conn, what, from, o)
	if err != nil {
		return nil, err
	}
	id, ok := opened.Identity()
	if !ok {
		id.Account, id.Region = account, conn.Region()
	}
	if err := a.checkARN(id.Account, id.Region); err != nil {
		return nil, err
	}
	if id.Account != account || id.Region != conn.Region() {
		a.noteIdentity(id)
	}
	s := &session{conn: conn, archive: opened, own: opened, live: a.live(conn), caller: caller}
	a.opened = opened
	a.noteClock()
	return s, a.sign(ctx, s, opened, what, public)
}

// live returns the caller's Parameter Store.
func (a *app) live(conn *awsconn.Conn) *paramstore.Store {
	return paramstore.New(conn.SSM(), paramstore.Options{Tagging: conn.Tagging(), MaxRate: a.maxRate, Waiting: a.noteBusy, Logger: a.Log})
}

// noteClock prints by how much the clock of this machine is wrong, if that is not negligible for
// the person who types a TIME.
func (a *app) noteClock() {
	off, which := time.Until(a.opened.Now()).Round(time.Second), "behind"
	if off < 0 {
		off, which = -off, "ahead of"
	}
	if off > 10*time.Second {
		a.NoteFacts(shell.Facts{"Seconds": off.Seconds()}, "the clock of this machine is %v %s that of AWS: times such as now and 2h are wrong by that", off, which)
	}
}

// noteIdentity prints whose archive it is, if it is not the caller's.
func (a *app) noteIdentity(id archive.Identity) {
	a.foreign = true
	a.NoteFacts(shell.Facts{"Account": id.Account, "Region": id.Region}, "archive of account %s in %s", id.Account, id.Region)
}

// openBucket opens the archive in a bucket, whose name comes from a setting. The bucket of a
// command that only reads may be in any region, which S3 names.
func (a *app) openBucket(ctx context.Context, conn *awsconn.Conn, what access, from string, o archive.Options) (*archive.Archive, error) {
	opened, err := archive.Open(ctx, conn.S3(), o)
	if region, known := awsconn.BucketRegion(err); known {
		redirected := err
		opened, err = archive.Open(ctx, conn.S3In(region), o)
		a.foreign = a.foreign || err == nil && what == reading
		if err == nil && what != reading {
			if id, exists := opened.Identity(); exists {
				err = &copyError{Bucket: o.Bucket, Region: region, Archive: id}
			} else {
				err = redirected
			}
		}
	}
	if errors.Is(err, archive.ErrNoBucket) {
		return nil, shell.KindNoBucket.Fail("its name comes from "+from+"; `aws s3 ls` lists the buckets", "bucket %s does not exist", o.Bucket)
	}
	return opened, err
}

// bucket returns the archive's bucket and the source of its name. If a configured source
// fails, bucket returns an error instead of trying the next one, so that no command uses
// the wrong bucket.
func (a *app) bucket(ctx context.Context, conn *awsconn.Conn) (bucket, from string, err error) {
	if a.flags.bucket != "" {
		return a.flags.bucket, "--bucket", nil
	}
	return a.ownBucket(ctx, conn)
}

// ownBucket is [app.bucket] without --bucket.
func (a *app) ownBucket(ctx context.Context, conn *awsconn.Conn) (bucket, from string, err error) {
	if b := a.Getenv("SSMBAK_BUCKET"); b != "" {
		return b, "SSMBAK_BUCKET", nil
	}
	if name := a.Getenv("SSMBAK_STACKNAME"); name != "" {
		bucket, err := bucketOf(ctx, conn, name)
		return bucket, "SSMBAK_STACKNAME " + name, err
	}
	out, err := conn.SSM().GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(stack.DefaultPointer), WithDecryption: aws.Bool(true)})
	if missing := new(*types.ParameterNotFound); errors.As(err, missing) {
		return "", "", shell.KindNoBucket.Fail("set it with --bucket or SSMBAK_BUCKET", "no bucket is configured, and parameter %s does not exist", stack.DefaultPointer)
	}
	if err != nil {
		return "", "", fmt.Errorf("read the bucket name from parameter %s: %w", stack.DefaultPointer, err)
	}
	return aws.ToString(out.Parameter.Value), "parameter " + stack.DefaultPointer, nil
}

// bucketOf returns the bucket of a stack.
func bucketOf(ctx context.Context, conn *awsconn.Conn, name string) (string, error) {
	s, err := stack.New(conn, stack.Options{Name: name})
	if err == nil {
		var bucket string
		if bucket, err = s.BucketName(ctx); err == nil {
			return bucket, nil
		}
	}
	if message, _, ok := shell.ExplainAWS(err); ok {
		return "", shell.KindNoBucket.Fail("set the bucket with --bucket or SSMBAK_BUCKET", "cannot look up the bucket of stack %q (from SSMBAK_STACKNAME): %s", name, message)
	}
	return "", shell.KindNoBucket.Fail("set SSMBAK_STACKNAME to a stack created with `ssmbak-stack NAME create`, or set the bucket with --bucket or SSMBAK_BUCKET", "SSMBAK_STACKNAME is %q: %s", name, err)
}

// recorder returns the recorder of this archive.
func (s *session) recorder(a *app) *recorder.Recorder {
	return recorder.New(s.own, s.live, recorder.Options{Account: s.caller.Account, Region: s.conn.Region(), Logger: a.Log})
}

// values returns which values to read.
func (a *app) values() archive.Values {
	if a.flags.decrypt {
		return archive.AllValues
	}
	return archive.PublicValues
}

// atHome returns an error if the archive is that of another account or region. what uses the
// caller's own.
func (s *session) atHome(what string) error {
	id, exists := s.archive.Identity()
	if !exists || id.Account == s.caller.Account && id.Region == s.conn.Region() {
		return nil
	}
	return shell.KindWrongAccount.Fail("use a profile of that account (--profile) and --region "+id.Region, "%s, but bucket %s is the archive of account %s in %s", what, s.archive.Bucket(), id.Account, id.Region)
}
