package archive_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/timeline"
)

// signer is a key in memory.
type signer struct{ *ecdsa.PrivateKey }

func newSigner(t *testing.T) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{key}
}

func (s signer) Public() *ecdsa.PublicKey { return &s.PublicKey }

func (s signer) Sign(_ context.Context, digest []byte) ([]byte, error) {
	return ecdsa.SignASN1(rand.Reader, s.PrivateKey, digest)
}

// TestSignatureOfOneObject checks that the signature of an index is that of one bucket, key,
// content and signing key: a reader who changes any of them does not accept it.
func TestSignatureOfOneObject(t *testing.T) {
	t.Parallel()
	local, p := emulated(t, 1)
	a, key := p.ready(t), newSigner(t)
	signing := archive.Signing{Key: "arn:aws:kms:" + region + ":" + account + ":key/1", Bucket: p.bucket, Since: time.Now().UTC().Truncate(time.Second)}
	if err := a.KeepSigning(t.Context(), signing); err != nil {
		t.Fatal(err)
	}
	a.SignWith(key)
	x, err := a.Index(t.Context(), "/a")
	if err == nil {
		_, err = a.Update(t.Context(), x, add(version(1)))
	}
	if err != nil {
		t.Fatal(err)
	}
	reads := func(change ...func(*archive.Options)) (certain bool) {
		t.Helper()
		r, err := p.open(t, append(change, func(o *archive.Options) {
			if o.PublicKey == nil {
				o.PublicKey = key.Public()
			}
		})...)
		if err != nil {
			t.Fatal(err)
		}
		x, err := r.Index(t.Context(), "/a")
		if err != nil {
			t.Fatal(err)
		}
		signed := len(r.Unsigned()) == 0
		if r.Coverage(x, archive.Reconciled{}).Unproved == signed {
			t.Errorf("signed: %v, and what it says may be proved: %v", signed, signed)
		}
		return signed
	}
	if !reads() {
		t.Error("its own signature is refused")
	}
	if reads(func(o *archive.Options) { o.PublicKey = newSigner(t).Public() }) {
		t.Error("the signature of another key is accepted")
	}
	if reads(func(o *archive.Options) { o.Signing = &archive.Signing{Bucket: "another"} }) {
		t.Error("the signature of another bucket is accepted")
	}
	moved := local.S3.Versions(p.bucket, ".ssmbak/index/a")[0]
	p.putID(t, ".ssmbak/index/c", string(moved.Body), moved.Metadata)
	r, err := p.open(t, func(o *archive.Options) { o.PublicKey = key.Public() })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Index(t.Context(), "/c"); err == nil || len(r.Unsigned()) != 1 {
		t.Errorf("under another key: %v, not signed: %v", err, r.Unsigned())
	}
	b, err := a.Index(t.Context(), "/b")
	if err == nil {
		_, err = a.Update(t.Context(), b, func(f timeline.Facts) timeline.Facts { return f })
	}
	if err != nil {
		t.Fatal(err)
	}
	a.SignWith(nil)
	if _, err = a.Update(t.Context(), b, add(version(1))); !errors.As(err, new(*archive.SignError)) {
		t.Errorf("a writer without a key: %v", err)
	}
}
