package health

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/ssmbak/ssmbak/archive"
)

// identity says which archive this is. The first reconcile of a stack creates it.
func (i *inspection) identity(d *archive.Deployment) []Check {
	id, exists := i.archive.Identity()
	switch {
	case !exists && d != nil && i.now.Sub(d.Time.Std()) < missedAfter(d):
		return warning("archive", "bucket "+i.archive.Bucket()+" has no archive yet", "the first reconcile of the stack creates it")
	case !exists:
		return problem("archive", "bucket "+i.archive.Bucket()+" has no archive yet", "`ssmbak reconcile` creates one")
	}
	return ok("archive", fmt.Sprintf("bucket %s, account %s in %s, recording since %s", i.archive.Bucket(), id.Account, id.Region, id.Created.UTC().Format("2006-01-02T15:04:05Z")))
}

func (i *inspection) versioning(ctx context.Context) []Check {
	bucket := i.archive.Bucket()
	out, err := i.conn.S3().GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &bucket, ExpectedBucketOwner: &i.owner})
	switch {
	case err != nil:
		return unseen("versioning", "whether the bucket is versioned", "s3:GetBucketVersioning", err)
	case out.Status != types.BucketVersioningStatusEnabled:
		status := string(out.Status)
		if status == "" {
			status = "off"
		}
		return problem("versioning", "versioning is "+status+": nothing is recorded, and what is overwritten is lost",
			"`aws s3api put-bucket-versioning --bucket "+bucket+" --versioning-configuration Status=Enabled`")
	}
	return ok("versioning", "enabled")
}

// encryption checks the bucket's default encryption, which is that of values, and its key.
func (i *inspection) encryption(ctx context.Context) []Check {
	bucket := i.archive.Bucket()
	out, err := i.conn.S3().GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &bucket, ExpectedBucketOwner: &i.owner})
	if api, known := errors.AsType[smithy.APIError](err); known && api.ErrorCode() == "ServerSideEncryptionConfigurationNotFoundError" {
		return ok("encryption", "by S3 (AES256)") // of buckets from before 2023
	}
	if err != nil {
		return unseen("encryption", "how the bucket encrypts", "s3:GetEncryptionConfiguration", err)
	}
	key, algorithm := "", "none"
	if c := out.ServerSideEncryptionConfiguration; c != nil && len(c.Rules) > 0 && c.Rules[0].ApplyServerSideEncryptionByDefault != nil {
		d := c.Rules[0].ApplyServerSideEncryptionByDefault
		key, algorithm = aws.ToString(d.KMSMasterKeyID), string(d.SSEAlgorithm)
	}
	if key == "" {
		return ok("encryption", "by S3 ("+algorithm+")")
	}
	described, err := kms.NewFromConfig(i.conn.Config()).DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &key})
	if missing := new(kmstypes.NotFoundException); errors.As(err, &missing) {
		return problem("encryption", "the key "+key+" does not exist: no value can be read or recorded", "restore it from a backup of its key material, or record into a new bucket")
	}
	if err != nil {
		return unseen("encryption", "the state of the key "+key, "kms:DescribeKey", err)
	}
	switch state := described.KeyMetadata.KeyState; state {
	case kmstypes.KeyStateEnabled:
		return ok("encryption", "with the key "+key)
	case kmstypes.KeyStatePendingDeletion:
		return problem("encryption", "the key "+key+" is about to be deleted, and with it every value", "`aws kms cancel-key-deletion --key-id "+key+"`, then `aws kms enable-key --key-id "+key+"`")
	default:
		return problem("encryption", "the key "+key+" is "+string(state)+": no value can be read or recorded", "`aws kms enable-key --key-id "+key+"`")
	}
}

func (i *inspection) lock(ctx context.Context) []Check {
	bucket := i.archive.Bucket()
	out, err := i.conn.S3().GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &bucket, ExpectedBucketOwner: &i.owner})
	if api, known := errors.AsType[smithy.APIError](err); known && api.ErrorCode() == "ObjectLockConfigurationNotFoundError" {
		return ok("lock", "none: admins may delete object versions")
	}
	if err != nil {
		return unseen("lock", "whether object versions are locked", "s3:GetBucketObjectLockConfiguration", err)
	}
	if c := out.ObjectLockConfiguration; c != nil && c.Rule != nil && c.Rule.DefaultRetention != nil {
		r := c.Rule.DefaultRetention
		days := int(aws.ToInt32(r.Days)) + 365*int(aws.ToInt32(r.Years))
		return ok("lock", string(r.Mode)+", "+number(days, "day"))
	}
	return ok("lock", "enabled, without a default retention")
}
