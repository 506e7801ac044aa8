package archive

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

// Signing says that the writers of an archive sign its indexes and the objects that say
// what is complete, so that readers need not trust everybody who may write to the bucket.
// The zero value says that they do not.
type Signing struct {
	// Key is the ARN of the KMS key, of the archive's account and region.
	Key string `json:"key"`
	// Bucket is the bucket that the signatures name. It differs from that of a copy.
	Bucket string `json:"bucket"`
	// Since is when signing began, UTC, in seconds.
	Since time.Time `json:"since"`
}

// Signer signs for the writers of an archive, with an ECDSA key on the curve P-256. It must
// be safe for concurrent use.
type Signer interface {
	Public() *ecdsa.PublicKey
	// Sign returns the signature of a SHA-256 digest, in ASN.1.
	Sign(ctx context.Context, digest []byte) ([]byte, error)
}

// SignError means that an object was not written, since it could not be signed. Its field
// Key is that of the object.
type SignError = bucket.SignError

// SignatureError reports an object whose signature is missing or wrong. No writer that may
// sign wrote it.
type SignatureError = bucket.SignatureError

// signingGrace is for how long after [Signing].Since an unsigned object may be one of a
// writer that does not sign yet: an update of the stack, and then the longest run of a
// function that it replaced, end within it.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const signingGrace = time.Hour

func (s Signing) check(account, region string) error {
	if s == (Signing{}) {
		return nil
	}
	if s.Bucket == "" || s.Since.IsZero() {
		return errors.New("its signing is incomplete")
	}
	if key := headerKey.FindStringSubmatch(s.Key); key == nil || key[1] != region || key[2] != account {
		return fmt.Errorf("its signing key %q is not a key of account %s in %s", s.Key, account, region)
	}
	return nil
}

// signing returns what the options say about signatures, or else the archive.
func (a *Archive) signing() Signing {
	if a.o.Signing != nil {
		return *a.o.Signing
	}
	return a.identity.Signing
}

// digest returns what is signed of an object: SHA-256 of a text that no other object has.
func (a *Archive) digest(key string, body []byte) []byte {
	name := a.signing().Bucket
	if name == "" {
		name = a.o.Bucket
	}
	account, region := a.identity.Account, a.identity.Region
	if !a.exists {
		account, region = a.o.Account, a.o.Region
	}
	sum := sha256.Sum256(body)
	text := sha256.Sum256([]byte(strings.Join([]string{"ssmbak archive 1", account, region, name, hex.EncodeToString(sum[:]), key}, "\n")))
	return text[:]
}

func (a *Archive) verifySignature(public *ecdsa.PublicKey) func(string, []byte, string) error {
	return func(key string, body []byte, signature string) error {
		raw, err := base64.StdEncoding.DecodeString(signature)
		if err != nil {
			return errors.New("it is not base64")
		}
		if !ecdsa.VerifyASN1(public, a.digest(key, body), raw) {
			return errors.New("it is not that of the public key for this object")
		}
		return nil
	}
}

// SignWith makes the archive sign what it writes, and build only on what is signed: the
// newest signed version of an object counts, and the next write replaces the current one. A
// nil signer refuses to write what is to be signed. It must be called right after [Open].
//
// Objects from before Signing.Since, by S3's clock, are accepted without a signature only
// if Options.Signing says since when: that in the bucket may be forged.
func (a *Archive) SignWith(s Signer) {
	a.bucket.Signatures = &bucket.Signatures{}
	if s == nil {
		if a.o.PublicKey != nil {
			a.bucket.Signatures.Verify = a.verifySignature(a.o.PublicKey)
		}
		return
	}
	a.signs = true
	a.bucket.Signatures = &bucket.Signatures{
		Verify: a.verifySignature(s.Public()), Required: true, Accepts: a.predatesSigning,
		Sign: func(ctx context.Context, key string, body []byte) (string, error) {
			signature, err := s.Sign(ctx, a.digest(key, body))
			return base64.StdEncoding.EncodeToString(signature), err
		},
	}
}

// Signs reports whether the archive signs what it writes.
func (a *Archive) Signs() bool { return a.signs }

// predatesSigning reports whether an unsigned object may be from before the archive was
// signed. The reconcile cache and the progress of a listing are not needed: without them,
// everything is compared and signed. No checkpoint was ever written without a signature.
func (a *Archive) predatesSigning(key string, modified time.Time) bool {
	s := a.o.Signing
	needed := key != cacheKey && key != progressKey && !strings.HasPrefix(key, checkpointsPrefix)
	return needed && s != nil && !s.Since.IsZero() && !modified.After(s.Since.Add(signingGrace))
}

// Unsigned is an object whose signature is missing or wrong.
type Unsigned struct {
	Key  string
	Name ssmbak.Name // of an index, "" otherwise
	Err  error
	// Replaced says that its newest signed version was used instead.
	Replaced bool
}

// Unsigned returns the objects without a valid signature that were read since [Open], by
// key. It is empty if signatures are not verified.
func (a *Archive) Unsigned() []Unsigned {
	a.unsignedLock.Lock()
	defer a.unsignedLock.Unlock()
	all := make([]Unsigned, 0, len(a.unsigned))
	for _, u := range a.unsigned {
		all = append(all, u)
	}
	slices.SortFunc(all, func(x, y Unsigned) int { return strings.Compare(x.Key, y.Key) })
	return all
}

func (a *Archive) noteUnsigned(key string, err error, replaced bool) {
	name, _ := nameOfIndex(key)
	a.unsignedLock.Lock()
	defer a.unsignedLock.Unlock()
	if a.unsigned == nil {
		a.unsigned = make(map[string]Unsigned)
	}
	a.unsigned[key] = Unsigned{Key: key, Name: name, Err: err, Replaced: replaced}
}

// newestSigned returns the newest signed version of an index as the contents of its current
// version d, which is not signed, so that a swap replaces that. damage is the error of the
// current version, which newestSigned returns if no version is signed.
func (a *Archive) newestSigned(ctx context.Context, name ssmbak.Name, d bucket.Document[indexDocument], damage error) (bucket.Document[indexDocument], error) {
	key, read := indexKey(name), 0
	for v, err := range a.bucket.Versions(ctx, bucket.Listing{Prefix: key}) {
		if err != nil {
			return d, err
		}
		if v.Key != key {
			break
		}
		if v.Marker || v.ID == d.ID {
			continue
		}
		if read++; read > earlierVersions {
			break
		}
		old, err := indexKind.Load(ctx, a.bucket, key, v.ID)
		if old.Invalid || err == nil && !old.Exists {
			continue
		}
		if err != nil {
			return d, err
		}
		a.o.Logger.WarnContext(ctx, "an index was written by another program: using its newest signed version",
			"name", string(name), "version", d.ID, "signed", v.ID, "stored", v.Modified.String(), "error", damage.Error())
		d.Value, d.Unknown, d.Unsigned = old.Value, old.Unknown, damage
		a.noteUnsigned(key, damage, true)
		return d, nil
	}
	return d, damage
}

// isUnsigned reports whether err says that an object was refused because of its signature.
func isUnsigned(err error) bool {
	var unsigned *SignatureError
	return errors.As(err, &unsigned)
}

// Forged reports whether the current version of the index is not signed, so that its newest
// signed version was read instead.
func (x Index) Forged() bool { return x.object.Invalid && x.object.Unsigned != nil }

// unproved reports whether a reader who knows the public key calls nothing in the index
// proved.
func (a *Archive) unproved(x Index) bool { return !a.signs && x.object.Unsigned != nil }

// verifies reports whether signatures are verified.
func (a *Archive) verifies() bool {
	return a.bucket.Signatures != nil && a.bucket.Signatures.Verify != nil
}

// verifySigned verifies the signatures of the objects, other than indexes, that are to have
// one. Only the functions use the reconcile cache and the progress of the listing: those are
// omitted for a caller who may not read them.
func (a *Archive) verifySigned(ctx context.Context) (found []Finding, err error) {
	if !a.verifies() {
		return nil, nil
	}
	for _, key := range []string{reconciledKey, cacheKey, progressKey} {
		version, err := a.bucket.Verify(ctx, key, cacheKind.Limit)
		var invalid *bucket.InvalidError
		switch {
		case isUnsigned(err):
			found = append(found, Finding{Fault: faultOf(err), Key: key, ObjectVersion: version, Detail: err.Error()})
		case errors.Is(err, bucket.ErrNotFound), errors.As(err, &invalid): // not believed anyway
		case bucket.IsDenied(err) && key != reconciledKey:
		case err != nil:
			return nil, fmt.Errorf("read %s of bucket %s: %w", key, a.o.Bucket, err)
		}
	}
	return found, nil
}

// outdated reports whether an object that can be read is to be replaced nevertheless.
func outdated[T any](d bucket.Document[T]) bool { return d.Invalid || d.Unsigned != nil }

// KeepSigning records in the archive whether its writers sign, for programs that the stack
// does not configure. Programs that do not support signing refuse the archive from then on.
// It establishes the archive if there is none, unless s is the zero value.
func (a *Archive) KeepSigning(ctx context.Context, s Signing) error {
	s.Since = s.Since.UTC().Truncate(time.Second)
	base, err := load(ctx, a, &identityKind, identityKey)
	switch {
	case err != nil, !base.Exists && s == Signing{}:
		return err
	case !base.Exists:
		a.o.Signing = &s
		return a.Establish(ctx)
	}
	out, err := swap(ctx, a, &identityKind, identityKey, base, func(d bucket.Document[Identity]) (Identity, bool, error) {
		id := d.Value
		id.Signing = s
		return id, d.Exists && d.Value.Signing != s, s.check(id.Account, id.Region)
	})
	if err == nil && out.Exists {
		a.identity = out.Value
	}
	return err
}

// readerOfIdentity returns the least format that a program must support: one that does not
// sign would write what no program believes.
func readerOfIdentity(id *Identity) int {
	if id.Signing != (Signing{}) {
		return 2
	}
	return 1
}

var errNotSignedYet = errors.New("indexes from before the archive was signed are not signed yet: the next complete reconcile of the stack signs them")

// mayBeSigned returns an error as long as an unsigned index may be one from before the
// archive was signed, whose facts a rebuilt one would lack.
func (a *Archive) mayBeSigned(ctx context.Context, unsigned error) error {
	r, err := a.Reconciled(ctx)
	if err == nil && r.Signed.IsZero() {
		err = fmt.Errorf("%w: %w", errNotSignedYet, unsigned)
	}
	return err
}
