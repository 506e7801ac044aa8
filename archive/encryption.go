package archive

import (
	"context"
	"fmt"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

// Encryption sets the encryption headers of writes, since the policies of an
// organization may require or forbid one. Its zero value is the default: values
// without a header, so that the bucket's default encryption applies, and
// everything under .ssmbak/ with S3's own key, so that reading it does not require
// the key of the values.
type Encryption struct {
	// Values is the header of value objects, Indexes that of all objects under
	// .ssmbak/.
	Values  Header `json:"values,omitempty"`
	Indexes Header `json:"indexes,omitempty"`
}

// Header is the encryption header of a write: one of the constants, or the ARN of
// a KMS key, which is sent with aws:kms. An empty one is the default of the kind
// of object.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-kms-encryption.html
type Header string

// Headers that name no key.
const (
	HeaderNone Header = "none"   // no header: the bucket's default encryption
	HeaderS3   Header = "AES256" // S3's own key
)

var headerKey = regexp.MustCompile(`^arn:[a-z-]+:kms:([a-z0-9-]+):([0-9]{12}):key/[a-zA-Z0-9-]+$`)

// check validates a header of an archive. A key of another account is refused: it
// would give that account control over all that is written from then on.
func (h Header) check(account, region string) error {
	if h == "" || h == HeaderNone || h == HeaderS3 {
		return nil
	}
	key := headerKey.FindStringSubmatch(string(h))
	switch {
	case key == nil:
		return fmt.Errorf("the encryption header %q is not none, AES256 or the ARN of a KMS key", string(h))
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

// Set sets the header of a write, of a value object or of one under .ssmbak/.
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

// encryption returns the options' headers if they have any, else the archive's.
func (a *Archive) encryption() Encryption {
	if a.o.Encryption != nil {
		return *a.o.Encryption
	}
	return a.identity.Encryption
}

// KeepEncryption records [Options].Encryption in the archive for every writer whose
// options have none: it replaces .ssmbak/archive unless that has it already. If there
// is no archive one is established, unless the encryption is the default. It may be
// repeated.
func (a *Archive) KeepEncryption(ctx context.Context) error {
	want := a.encryption().compact()
	base, err := load(ctx, a, identityKind, identityKey)
	switch {
	case err != nil, !base.Exists && want == Encryption{}:
		return err
	case !base.Exists:
		return a.Establish(ctx)
	}
	out, err := swap(ctx, a, identityKind, identityKey, base, func(d bucket.Document[Identity]) (Identity, bool, error) {
		if !d.Exists {
			return Identity{}, false, fmt.Errorf("%s of bucket %s was deleted meanwhile", identityKey, a.o.Bucket)
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
