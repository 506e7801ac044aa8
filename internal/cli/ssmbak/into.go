package ssmbakcli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// intoOptions are the options of a restore from the archive of another account or region, or
// from a copy, into the caller's Parameter Store.
type intoOptions struct {
	into           string // ACCOUNT/REGION, "" for a restore in place
	ownBucket      string
	withoutArchive bool
	planned        bool // by a plan file
	drill          bool // which needs an archive that records it
}

func (o *intoOptions) addFlags(cmd *cobra.Command) {
	o.addSource(cmd, "restore")
	cmd.Flags().BoolVar(&o.withoutArchive, "without-archive", false, "with --into, restore without an archive that records it: nothing is saved before it is overwritten, and there is no undo")
}

// addSource adds the flags that say where a restore or a drill comes from.
func (o *intoOptions) addSource(cmd *cobra.Command, what string) {
	f := cmd.Flags()
	f.StringVar(&o.into, "into", "", "restore from the archive in --bucket, of any account and region, into this one, which must be the caller's: `ACCOUNT/REGION`")
	f.StringVar(&o.ownBucket, "own-bucket", "", "with --into, the `BUCKET` of the archive that records the "+what+" (default: as --bucket without --into)")
}

// check returns an error for flags that are invalid or exclude each other.
func (o *intoOptions) check(a *app) error {
	switch {
	case o.into == "" && o.ownBucket != "" && o.drill:
		return shell.Usage("add --into ACCOUNT/REGION, or omit it", "--own-bucket goes with --into")
	case o.into == "" && (o.ownBucket != "" || o.withoutArchive):
		return shell.Usage("add --into ACCOUNT/REGION, or omit them", "--own-bucket and --without-archive go with --into")
	case o.into == "":
		return nil
	case o.ownBucket != "" && o.withoutArchive:
		return shell.Usage("omit one of them", "--own-bucket and --without-archive exclude each other")
	case a.flags.bucket == "":
		return shell.Usage("name the bucket of the archive to restore from with --bucket", "--into requires --bucket")
	}
	if _, ok := plan.ParsePlace(o.into); !ok {
		return shell.Usage("give an account and a region, as in --into 123456789012/us-east-1", "--into %q must be ACCOUNT/REGION", o.into)
	}
	return nil
}

// copyError refuses to write to an archive whose bucket is in another region, so that it is a
// copy.
type copyError struct {
	Bucket, Region string
	Archive        archive.Identity
}

func (e *copyError) Error() string {
	return fmt.Sprintf("bucket %s is in %s, so it is a copy of the archive of account %s in %s", e.Bucket, e.Region, e.Archive.Account, e.Archive.Region)
}

// suggestInto adds to the refusal of another archive what to type instead. command is the
// one that was refused, without the flags of every command.
func (a *app) suggestInto(ctx context.Context, conn *awsconn.Conn, command string, err error) error {
	var message string
	if mismatch, ok := errors.AsType[*archive.MismatchError](err); ok {
		message = mismatch.Error()
	} else if replica, ok := errors.AsType[*copyError](err); ok {
		message = replica.Error()
	}
	if message == "" || a.flags.bucket == "" {
		return err
	}
	account, other := conn.Account(ctx)
	if other != nil {
		return err
	}
	return shell.KindWrongAccount.Fail("`"+command+" --into "+account+"/"+conn.Region()+"` restores from it into this account and region; nothing was changed", "%s", message)
}

// openPlanned opens the archive for a plan: what is how the archive that records it is used.
// command is the one that was given, without the flags of every command.
func (a *app) openPlanned(ctx context.Context, o intoOptions, what access, command string) (*session, error) {
	conn, err := a.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if o.into != "" {
		return a.openInto(ctx, conn, o, what)
	}
	s, err := a.openWith(ctx, conn, what)
	if err != nil {
		return nil, a.suggestInto(ctx, conn, command, err)
	}
	if what == writing {
		return s, s.archive.Establish(ctx)
	}
	return s, nil
}

// openInto opens the archive in --bucket to restore from it, and the one that records the
// restore.
func (a *app) openInto(ctx context.Context, conn *awsconn.Conn, o intoOptions, what access) (*session, error) {
	caller, err := conn.Caller(ctx)
	if err != nil {
		return nil, err
	}
	into, _ := plan.ParsePlace(o.into)
	if here := (plan.Place{Account: caller.Account, Region: conn.Region()}); into != here {
		if o.planned {
			return nil, &plan.FileError{Reason: fmt.Sprintf("it is for account %s in %s, but this is account %s in %s", into.Account, into.Region, here.Account, here.Region)}
		}
		return nil, shell.KindWrongAccount.Fail("a restore writes to the caller's own Parameter Store: use --profile and --region, or --into "+here.String()+"; nothing was changed",
			"--into %s is not the account and region of the caller, %s", into, here)
	}
	s := &session{conn: conn, live: a.live(conn), caller: caller, into: true}
	public, err := a.publicKey()
	if err != nil {
		return nil, err
	}
	ownKey := public // SSMBAK_PUBLIC_KEY is the key of the caller's own stack
	if a.flags.publicKey == "" {
		public = nil
	} else {
		ownKey = nil
	}
	s.archive, err = a.openBucket(ctx, conn, reading, "--bucket", archive.Options{
		Bucket: a.flags.bucket, Account: into.Account, Region: into.Region, Owner: a.flags.owner, Elsewhere: true, PublicKey: public, Logger: a.Log,
	})
	if err != nil {
		return nil, err
	}
	a.opened = s.archive
	a.noteClock()
	id, exists := s.archive.Identity()
	if !exists {
		return nil, shell.KindNoArchive.Fail("a restore into another account or region needs an archive that says what it records; `ssmbak-stack NAME update` converts a bucket of the legacy ssmbak",
			"bucket %s has no archive", a.flags.bucket)
	}
	if err := a.checkARN(id.Account, id.Region); err != nil {
		return nil, err
	}
	a.noteIdentity(id)
	if o.withoutArchive {
		a.Announce(into.Account, conn, "no archive: there is no undo")
		return s, nil
	}
	bucket, from := o.ownBucket, "--own-bucket"
	switch {
	case o.planned:
		from = "the plan"
	case bucket == "":
		if bucket, from, err = a.ownBucket(ctx, conn); err != nil {
			return nil, a.noOwnArchive(o, err)
		}
	}
	if bucket == a.flags.bucket {
		return nil, shell.Usage("omit --into to restore from it; name another one with --own-bucket if it is a copy", "bucket %s (from %s) is the archive of this account and region itself", bucket, from)
	}
	a.Announce(into.Account, conn, "bucket "+bucket+" (from "+from+")")
	s.own, err = a.openBucket(ctx, conn, what, from, archive.Options{Bucket: bucket, Account: into.Account, Region: into.Region, PublicKey: ownKey, Logger: a.Log})
	if err != nil {
		return nil, a.noOwnArchive(o, err)
	}
	if err := a.sign(ctx, s, s.own, what, ownKey); err != nil {
		return nil, err
	}
	if what == writing {
		return s, s.own.Establish(ctx)
	}
	return s, nil
}

// noOwnArchive adds to an error about the archive that records a restore what to do without
// one.
func (a *app) noOwnArchive(o intoOptions, err error) error {
	f := explain(err)
	if f.Kind == shell.KindNoBucket || f.Kind == shell.KindWrongAccount {
		what, without := "restore", "--without-archive restores without one, and then there is no undo; "
		if o.drill {
			what, without = "drill", ""
		}
		return f.Kind.Fail("name the bucket of this account and region with --own-bucket, or create one with `ssmbak-stack NAME create`; "+without+"nothing was changed", "the %s cannot be recorded: %s", what, f.Message)
	}
	if replica, ok := errors.AsType[*copyError](err); ok {
		return shell.KindWrongAccount.Fail("name the bucket of this account and region with --own-bucket; nothing was changed", "the restore cannot be recorded: %s", replica)
	}
	return err
}

// move returns the places between which a restore from another archive moves states.
func (s *session) move() plan.Move {
	id, _ := s.archive.Identity()
	return plan.Move{From: plan.Place{Account: id.Account, Region: id.Region}, Into: plan.Place{Account: s.caller.Account, Region: s.conn.Region()}}
}

// from sets the archive that is restored in the options of a restore from another one.
func (s *session) from(ro *restore.Options) {
	if s.into {
		ro.From, ro.Into = s.archive, s.move().Into
	}
}

// undoing returns the command that undoes a restore. It uses the archive that recorded it.
func (a *app) undoing(s *session, id string) string {
	command := "ssmbak undo " + id
	if s.into {
		command += shell.Given("bucket", s.own.Bucket()) + a.Where()
	}
	return command
}

// openSource opens the archive that a restore came from if it is not known what the restore
// wrote, since only that has the values which it was to write. If that is out of reach, the
// undo does without.
func (a *app) openSource(ctx context.Context, s *session, ro *restore.Options, id string) error {
	record, err := s.archive.RestoreRecord(ctx, id)
	if err != nil || !restore.NeedsSource(record) {
		return nil //nolint:nilerr // the undo reports it
	}
	from, why := record.From, "was killed"
	if !record.Ended.IsZero() {
		why = "lost the answer to a request"
	}
	ro.From, err = a.openBucket(ctx, s.conn, reading, "the record of the restore", archive.Options{
		Bucket: from.Bucket, Account: s.caller.Account, Region: s.conn.Region(), Owner: from.Owner, Elsewhere: true, Logger: a.Log,
	})
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		ro.From = nil
		a.NoteFacts(shell.Facts{"RestoreId": id, "Bucket": from.Bucket, "Account": from.Owner, "Error": reason(err)}, "restore %s %s, and the archive that it came from, in bucket %s of account %s, cannot be read: %s", id, why, from.Bucket, from.Owner, reason(err))
		return nil
	}
	a.NoteFacts(shell.Facts{"RestoreId": id, "Bucket": from.Bucket, "Account": from.Owner}, "restore %s %s: comparing what it wrote with the archive that it came from, in bucket %s of account %s", id, why, from.Bucket, from.Owner)
	return nil
}
