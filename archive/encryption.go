package archive

import (
	"bytes"
	"context"
	"fmt"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ssmbak/ssmbak/archive/internal/document"
)

// Encryption is what writes say about how S3 encrypts an object, since the
// policies of an organization may demand or forbid a header. Its zero value is
// the default: values without a header, so that the bucket decides, and
// everything under .ssmbak/ with S3's own key, so that what ssmbak needs to read
// does not depend on the key that guards the values.
type Encryption struct {
	// Values is the header of value objects, Indexes that of every object under
	// .ssmbak/.
	Values  Header `json:"values,omitempty"`
	Indexes Header `json:"indexes,omitempty"`
}

// Header is the encryption header of a write: one of the constants, or the ARN of
// the KMS key that is sent with aws:kms. An empty one is the default of the kind
// of object.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-kms-encryption.html
type Header string

// Headers that name no key.
const (
	HeaderNone Header = "none"   // no header: the bucket decides
	HeaderS3   Header = "AES256" // S3's own key
)

var headerKey = regexp.MustCompile(`^arn:[a-z-]+:kms:([a-z0-9-]+):([0-9]{12}):key/[a-zA-Z0-9-]+$`)

// check returns what is wrong with a header of an archive. A key of another
// account would give whoever wrote it there power over all that follows.
func (h Header) check(account, region string) error {
	if h == "" || h == HeaderNone || h == HeaderS3 {
		return nil
	}
	key := headerKey.FindStringSubmatch(string(h))
	switch {
	case key == nil:
		return fmt.Errorf("the encryption header %q is none of none, AES256 and the ARN of a KMS key", string(h))
	case key[1] != region || key[2] != account:
		return fmt.Errorf("the encryption header names %s, which is not a key of account %s in %s", h, account, region)
	}
	return nil
}

func (e Encryption) check(account, region string) error {
	if err := e.Values.check(account, region); err != nil {
		return err
	}
	return e.Indexes.check(account, region)
}

// compact leaves out what is the default.
func (e Encryption) compact() Encryption {
	if e.Values == HeaderNone {
		e.Values = ""
	}
	if e.Indexes == HeaderS3 {
		e.Indexes = ""
	}
	return e
}

// Set puts a header into a write, of a value object or of one under .ssmbak/.
func (e Encryption) Set(in *s3.PutObjectInput, value bool) {
	h := e.Indexes
	if h == "" {
		h = HeaderS3
	}
	if value {
		if h = e.Values; h == "" {
			h = HeaderNone
		}
	}
	switch h {
	case HeaderNone:
	case HeaderS3:
		in.ServerSideEncryption = types.ServerSideEncryptionAes256
	default:
		key := string(h)
		in.ServerSideEncryption, in.SSEKMSKeyId = types.ServerSideEncryptionAwsKms, &key
	}
}

// encryption is what this archive's writes say: the options' if they say
// something, else the archive's.
func (a *Archive) encryption() Encryption {
	if a.o.Encryption != nil {
		return *a.o.Encryption
	}
	return a.identity.Encryption
}

// KeepEncryption makes [Options].Encryption that of every writer whose options
// have none: it replaces .ssmbak/archive unless that says so already. Without an
// archive one is made, unless the encryption is the default. It may be repeated.
func (a *Archive) KeepEncryption(ctx context.Context) error {
	want := a.encryption().compact()
	for range maxSwaps {
		found, err := a.get(ctx, identityKey, "")
		switch {
		case isNotFound(err) && want == Encryption{}:
			return nil
		case isNotFound(err):
			return a.Establish(ctx)
		case err != nil:
			return fmt.Errorf("read the identity of bucket %s: %w", a.o.Bucket, err)
		}
		var id Identity
		unknown, err := decode(identityKey, identityKind, found.body, &id)
		if err != nil {
			return err
		}
		if id.Encryption.compact() == want {
			return nil
		}
		id.Encryption = want
		id.Format, id.Reader = identityKind.Envelope(unknown, 0)
		body, err := document.Encode(identityKind, &id, unknown)
		if err != nil {
			return fmt.Errorf("encode the identity: %w", err)
		}
		_, err = a.put(ctx, put{key: identityKey, body: body, contentType: "application/json", match: found.etag})
		if err == nil {
			a.identity, a.exists = id, true
			return nil
		}
		if !isConflict(err) && !isNotFound(err) {
			// A lost answer may hide that the write took effect.
			if again, readErr := a.get(ctx, identityKey, ""); readErr != nil || !bytes.Equal(again.body, body) {
				return fmt.Errorf("write the encryption header into the identity of bucket %s: %w", a.o.Bucket, err)
			}
		}
	}
	return fmt.Errorf("write the encryption header into the identity of bucket %s: %d other writers were faster, try again", a.o.Bucket, maxSwaps)
}
