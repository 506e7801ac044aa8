package archive

import (
	"context"
	"fmt"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

// Encryption sets the encryption headers of writes. By default, values are written without
// a header, so that the bucket's default encryption applies, and everything under .ssmbak/
// with AES256 (SSE-S3), so that reading it does not require the key of the values.
type Encryption struct {
	// Values is the header of value objects, Indexes that of all other objects.
	Values  Header `json:"values,omitempty"`
	Indexes Header `json:"indexes,omitempty"`
}

// Header is the encryption header of a write: one of the constants, or the ARN of a KMS
// key, which is sent with aws:kms. "" is the default for the kind of object.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-kms-encryption.html
type Header string

// Headers without a key.
const (
	HeaderNone Header = "none"   // no header: the bucket's default encryption
	HeaderS3   Header = "AES256" // SSE-S3
)

var headerKey = regexp.MustCompile(`^arn:[a-z-]+:kms:([a-z0-9-]+):([0-9]{12}):key/[a-zA-Z0-9-]+$`)

// check validates a header of an archive. A key of another account is refused, since
// it would give that account control over everything that is written from then on.
func (h Header) check(account, region string) error {
	if h == "" || h == HeaderNone || h == HeaderS3 {
		return nil
	}
	key := headerKey.FindStringSubmatch(string(h))
	switch {
	case key == nil:
		return fmt.Errorf("encryption header %q must be none, AES256 or the ARN of a KMS key", string(h))
	case key[1] != region || key[2] != account:
		return fmt.Errorf("encryption header %s is not a key of account %s in %s", h, account, region)
	}
	return nil
}

func (e Encryption) check(account, region string) error {
	if err := e.Values.check(account, region); err != nil {
		return err
	}
	return e.Indexes.check(account, region)
}

// compact returns e with the default headers as "".
func (e Encryption) compact() Encryption {
	if e.Values == HeaderNone {
		e.Values = ""
	}
	if e.Indexes == HeaderS3 {
		e.Indexes = ""
	}
	return e
}

// Set sets the header of a write. value says whether it writes a value object.
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

// encryption returns the headers of the options if they are set, else the archive's.
func (a *Archive) encryption() Encryption {
	if a.o.Encryption != nil {
		return *a.o.Encryption
	}
	return a.identity.Encryption
}

// KeepEncryption records Options.Encryption in the archive, for every writer whose options
// set none. It establishes the archive if there is none, unless the encryption is the
// default.
func (a *Archive) KeepEncryption(ctx context.Context) error {
	want := a.encryption().compact()
	base, err := load(ctx, a, &identityKind, identityKey)
	switch {
	case err != nil, !base.Exists && want == Encryption{}:
		return err
	case !base.Exists:
		return a.Establish(ctx)
	}
	out, err := swap(ctx, a, &identityKind, identityKey, base, func(d bucket.Document[Identity]) (Identity, bool, error) {
		if !d.Exists {
			return Identity{}, false, fmt.Errorf("%s of bucket %s was deleted by another program", identityKey, a.o.Bucket)
		}
		id := d.Value
		id.Encryption = want
		return id, d.Value.Encryption.compact() != want, nil
	})
	if err == nil {
		a.identity, a.exists = out.Value, true
	}
	return err
}
