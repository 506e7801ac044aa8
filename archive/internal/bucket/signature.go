package bucket

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// metaSignature is the user metadata of an object that holds its signature, so that a
// reader has it without another request.
const metaSignature = "ssmbak-signature"

// Signatures sign and verify the documents of the kinds that have [Kind].Signed.
type Signatures struct {
	// Sign returns the signature of an object, as printable ASCII. Nil refuses to write
	// one.
	Sign func(ctx context.Context, key string, body []byte) (string, error)
	// Verify returns an error unless the signature is that of the object. It sends no
	// request.
	Verify func(key string, body []byte, signature string) error
	// Required says that an object without a valid signature is invalid, unless Accepts
	// reports true. Otherwise it is read, and [Document].Unsigned says why.
	Required bool
	// Accepts reports whether an object without a valid signature that S3 stored at this
	// time is read nevertheless. Nil accepts none.
	Accepts func(key string, modified time.Time) bool
}

// SignatureError reports an object that its writers did not sign.
type SignatureError struct{ Err error }

func (e *SignatureError) Error() string { return e.Err.Error() }

func (e *SignatureError) Unwrap() error { return e.Err }

// Missing reports whether the object has no signature at all.
func (e *SignatureError) Missing() bool { return errors.Is(e.Err, errNoSignature) }

var (
	errNoSignature    = errors.New("it is not signed")
	errWrongSignature = errors.New("its signature is wrong")
)

// SignError means that an object could not be signed. It was not written.
type SignError struct {
	Key string
	Err error
}

func (e *SignError) Error() string { return fmt.Sprintf("sign %s: %v", e.Key, e.Err) }

func (e *SignError) Unwrap() error { return e.Err }

// sign adds the signature of an object to its metadata.
func (b *Bucket) sign(ctx context.Context, w *Write) error {
	s := b.Signatures
	if s == nil || !w.Signed {
		return nil
	}
	if s.Sign == nil {
		return &SignError{w.Key, errors.New("the objects of this archive are signed, but this program has no key for it")}
	}
	signature, err := s.Sign(ctx, w.Key, w.Body)
	if err != nil {
		return &SignError{w.Key, err}
	}
	w.Metadata = map[string]string{metaSignature: signature}
	return nil
}

// Verify reads an object of at most limit bytes and returns its version. The error is a
// [*SignatureError] if its signature is missing or wrong, and otherwise as in [Bucket.Get].
// Signatures must have a Verify.
func (b *Bucket) Verify(ctx context.Context, key string, limit int64) (version string, err error) {
	o, err := b.Get(ctx, key, "", limit)
	defer o.free()
	if err != nil {
		return o.ID, err
	}
	return o.ID, b.verify(o)
}

// verify returns a [*SignatureError] for an object whose signature is missing or wrong.
func (b *Bucket) verify(o Object) error {
	signature, ok := o.Metadata[metaSignature]
	if !ok {
		return &SignatureError{errNoSignature}
	}
	if err := b.Signatures.Verify(o.Key, o.Body, signature); err != nil {
		return &SignatureError{fmt.Errorf("%w: %w", errWrongSignature, err)}
	}
	return nil
}

// verify checks the signature of a document that was read, or that could not be read
// because of err. It returns err, or an [*InvalidError] with a [*SignatureError].
func (r rules) verify(b *Bucket, o Object, d *Stored, err error) error {
	s := b.Signatures
	if !r.signed || s == nil || s.Verify == nil {
		return err
	}
	required := s.Required || r.needsSignature
	if d.Invalid { // no body: too large, or of a multipart upload, and so not ours
		if required && !errors.Is(err, ErrChecksum) {
			err = &InvalidError{&SignatureError{err}}
		}
		return err
	}
	if d.Unsigned = b.verify(o); d.Unsigned == nil || !required || s.Accepts != nil && s.Accepts(o.Key, o.Modified) {
		return nil
	}
	d.Invalid = true
	return &InvalidError{d.Unsigned}
}
