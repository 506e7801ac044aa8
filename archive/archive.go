// Package archive reads and writes the S3 bucket in which ssmbak records Parameter
// Store: value objects, an index for each parameter, and the identity of the archive.
// docs/archive-format.md specifies the format.
//
// # The model
//
// The key of a value object is the parameter's canonical name. Each version of the
// parameter is one object version of it, whose body is the value. The index of a
// parameter, one small object under .ssmbak/index, holds the facts about it (see the
// timeline package). An index is replaced only by compare-and-swap and only grows, so
// any number of writers may work at once. The register, an empty object for each name
// under .ssmbak/names, reveals an index that was removed. A value object is written
// after its parameter has an index and before the index names it; a delete marker is
// written after the index.
//
// # Reading and writing
//
// An [Archive] reads. It also writes the identity ([Archive.Establish]), restore
// records ([Archive.BeginRestore]), records of tests ([Archive.BeginTest]), marks
// ([Archive.SetMark]) and rebuilt indexes ([Archive.Reindex]). Only a [Writer], which the recorder uses, records facts.
//
// # Concurrency
//
// An [Archive] may be used by many goroutines at once.
package archive

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

// Keys that are not value objects. No parameter can have such a name.
const (
	reserved      = ".ssmbak/"
	identityKey   = reserved + "archive"
	reconciledKey = reserved + "reconciled"
	adoptedKey    = reserved + "adopted"
	cacheKey      = reserved + "proved"
	progressKey   = reserved + "listing"
	indexPrefix   = reserved + "index"
	namesPrefix   = reserved + "names"
	partPrefix    = reserved + "parts"
	recordsPrefix = reserved + "restores/"
	marksPrefix   = reserved + "marks/"
	testsPrefix   = reserved + "tests/"
)

// Options are the options of [Open].
type Options struct {
	// Bucket holds the archive.
	Bucket string
	// Account and Region are the caller's: 12 digits, and a region's name. An
	// archive of another account or region is refused unless Elsewhere is set.
	Account, Region string
	// Owner is the account that must own the bucket, Account if empty.
	Owner string
	// Elsewhere allows reading the archive of another account or region.
	Elsewhere bool
	// First, if not empty, is the parameter of the first read: Open requests what that read
	// begins with at the same time as the identity of the archive. The first read is to
	// follow at once. First has no effect with PublicKey.
	First ssmbak.Name
	// Parallel bounds the concurrent requests of one call; 64 if zero.
	Parallel int
	// Budget bounds the memory, in bytes, of the indexes and other objects that are read
	// at once, whatever is in the bucket; 272 MiB if zero. An object that needs more
	// than its share of it is refused with a [*BudgetError]; with 272 MiB or more, it is
	// damaged, since no writer made it.
	Budget int64
	// Encryption sets the encryption headers of writes. Nil means the headers that the
	// archive records; the functions of a stack set their own.
	Encryption *Encryption
	// Parts says when an index is divided, see [Writer.CloseRun], and DivideIndexes
	// that [Archive.Establish] creates an archive in which they are.
	Parts         PartLimits
	DivideIndexes bool
	// Signing is how the stack signs, for its functions. Nil means what the archive records.
	Signing *Signing
	// PublicKey is the key with which readers verify signatures. Nothing in an object
	// without a valid one is proved to them, see [Archive.Unsigned]. Nil verifies nothing.
	PublicKey *ecdsa.PublicKey
	// Writes says that [Archive.Establish] follows. Open then checks at the same time that
	// the bucket is versioned.
	Writes bool
	// Logger receives a warning if the reconcile cache cannot be read. Nil discards it.
	Logger *slog.Logger
}

// defaultBudget allows the greatest index that a writer of this format ever made, 64 MiB
// of text.
const defaultBudget = 272 << 20

// Archive is an open archive.
type Archive struct {
	bucket   *bucket.Bucket
	o        Options
	identity Identity
	exists   bool // the identity object exists
	replica  bool // see Replica
	// replication is that of the identity object.
	replication Replication
	writer      string // random, identifies this Archive in the objects that it writes
	// adopted is an ssmbak.Time: every name with legacy records from before it has an
	// index. Zero if the archive is not known to be adopted.
	adopted atomic.Int64
	early   atomic.Pointer[early] // nil once it was used

	notVersioned error // with Options.Writes, what checking the versioning returned

	signs        bool // see SignWith
	unsignedLock sync.Mutex
	unsigned     map[string]Unsigned // by key
}

// Identity says which account and region an archive records.
type Identity struct {
	Format  int    `json:"format"`
	Reader  int    `json:"reader,omitempty"` // the least format that a program must support to read it
	Account string `json:"account"`
	Region  string `json:"region"`
	// Created is when recording began, UTC, in milliseconds.
	Created time.Time `json:"created"`
	// Legacy says that the bucket contained objects of the legacy ssmbak when the
	// archive was created, so that parameters in it may have no index.
	Legacy bool `json:"original,omitempty"`
	// Encryption sets the headers of every writer whose options have none; see
	// [Archive.KeepEncryption].
	Encryption Encryption `json:"encryption,omitzero"`
	// Parts says that writers divide the indexes of busy parameters: every program that
	// records in the archive supports format 2 of an index.
	Parts bool `json:"parts,omitempty"`
	// Signing says how writers sign. Functions have it from their stack.
	Signing Signing `json:"sign,omitzero"`
}

// Open opens the archive in a bucket. It also opens a bucket without an identity: an
// empty bucket, or one to which only the legacy ssmbak wrote.
//
// The error may be [ErrNoBucket], a [*MismatchError], a [*FormatError] or a
// [*DamagedError].
func Open(ctx context.Context, client *s3.Client, o Options) (*Archive, error) {
	if o.Parallel <= 0 {
		o.Parallel = 64
	}
	if o.Owner == "" {
		o.Owner = o.Account
	}
	if o.Budget == 0 {
		o.Budget = defaultBudget
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails, see crypto/rand.Read
	a := &Archive{o: o, writer: hex.EncodeToString(id[:])}
	a.bucket = &bucket.Bucket{
		Name: o.Bucket, Owner: o.Owner, Client: client,
		Budget: bucket.NewBudget(o.Budget), Encrypt: func(in *s3.PutObjectInput, value bool) { a.encryption().Set(in, value) },
	}
	if o.PublicKey != nil {
		a.SignWith(nil)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var first *early
	if o.First != "" && o.PublicKey == nil {
		first = a.readEarly(ctx, o.First)
	}
	if o.Writes {
		checked := make(chan error, 1)
		go func() { checked <- a.bucket.CheckVersioning(ctx) }()
		defer func() { a.notVersioned = <-checked }()
	}
	d, err := load(ctx, a, &identityKind, identityKey)
	if err == nil && !d.Exists {
		d, err = a.missingIdentity(ctx)
	}
	if err == nil && d.Exists {
		a.replication = replicationOf(d.Replication)
		a.replica = o.Elsewhere && a.replication == ReplicationReplica
		err = a.accept(ctx, d.Value)
	}
	if err == nil && o.Encryption != nil && !o.Elsewhere {
		err = o.Encryption.check(o.Account, o.Region)
	}
	if first != nil {
		if err != nil {
			cancel()
		}
		first.done.Wait()
		a.early.Store(first)
	}
	return a, err
}

// missingIdentity returns a [*HiddenError] if the bucket has an index but no identity: the
// identity is written before the first index. If it has been written since it was missed,
// missingIdentity returns it.
func (a *Archive) missingIdentity(ctx context.Context) (d bucket.Document[Identity], err error) {
	for v, err := range a.bucket.Versions(ctx, bucket.Listing{Prefix: indexPrefix, PageSize: 1}) {
		if err != nil {
			return d, err
		}
		if d, err = load(ctx, a, &identityKind, identityKey); err == nil && !d.Exists {
			err = &HiddenError{Bucket: a.o.Bucket, Key: identityKey, Copy: a.o.Elsewhere && !v.Marker && a.isReplica(ctx, v.Key, v.ID)}
		}
		return d, err
	}
	return d, nil
}

// Identity returns the identity of the archive and whether it exists: false for a
// bucket to which no writer of this format has written yet.
func (a *Archive) Identity() (Identity, bool) { return a.identity, a.exists }

// Now returns the time by the clock of this machine, or by S3's if they clearly differ.
func (a *Archive) Now() time.Time { return a.bucket.Clock.Now() }

// Bucket returns the name of the bucket.
func (a *Archive) Bucket() string { return a.o.Bucket }

// Owner returns the account that owns the bucket.
func (a *Archive) Owner() string { return a.o.Owner }

// accept sets the identity that was read from the bucket, or returns a
// [*MismatchError] if it is that of another account or region.
func (a *Archive) accept(ctx context.Context, id Identity) error {
	a.identity, a.exists = id, true
	account, region := a.o.Account, a.o.Region
	if !a.o.Elsewhere && (account != "" && account != id.Account || region != "" && region != id.Region) {
		return &MismatchError{Bucket: a.o.Bucket, Archive: id, Account: account, Region: region}
	}
	if !id.Legacy {
		return nil
	}
	_, err := a.readAdoption(ctx)
	return err
}

func (id *Identity) latest() ssmbak.Time {
	return max(ssmbak.TimeOf(id.Created), ssmbak.TimeOf(id.Signing.Since))
}

// checkIdentity validates an identity that was read.
func checkIdentity(_ string, id *Identity) error {
	if id.Account == "" || id.Region == "" {
		return errors.New("its account or region is missing")
	}
	return cmp.Or(id.Encryption.check(id.Account, id.Region), id.Signing.check(id.Account, id.Region))
}

// Establish prepares the archive for writing: it checks that the bucket is versioned, and
// writes the identity if there is none. It may be called concurrently and repeatedly. The
// error may be a [*NotVersionedError] or a [*MismatchError].
func (a *Archive) Establish(ctx context.Context) error {
	err := a.notVersioned
	if !a.o.Writes {
		err = a.bucket.CheckVersioning(ctx)
	}
	if err != nil || a.exists {
		return err
	}
	if a.o.Account == "" || a.o.Region == "" {
		return fmt.Errorf("establish the archive in bucket %s: account or region unknown", a.o.Bucket)
	}
	legacy := false
	for _, err := range a.bucket.Versions(ctx, bucket.Listing{Prefix: "/", PageSize: 1}) {
		if err != nil {
			return err
		}
		legacy = true // nothing else has written a key with a leading slash
		break
	}
	out, err := swap(ctx, a, &identityKind, identityKey, bucket.Document[Identity]{}, func(d bucket.Document[Identity]) (Identity, bool, error) {
		return Identity{
			Account: a.o.Account, Region: a.o.Region, Created: time.Now().UTC().Truncate(time.Millisecond), Legacy: legacy,
			Encryption: a.encryption().compact(), Parts: a.o.DivideIndexes, Signing: a.signing(),
		}, !d.Exists, nil
	})
	if err != nil {
		return err
	}
	return a.accept(ctx, out.Value)
}

// since returns when recording began, zero if it has not.
func (a *Archive) since() ssmbak.Time {
	if !a.exists {
		return 0
	}
	return ssmbak.TimeOf(a.identity.Created)
}
