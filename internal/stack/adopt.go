package stack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/archive"
)

// adopt checks an existing bucket that is to hold the archive, and sets in p its key
// and the encryption headers of its archive unless these are in named. Missing
// protections of the bucket are noted, but not added. The error is a [*BucketError],
// a [*SettingError], or one of package archive if the bucket holds the archive of
// another account or region.
func (s *Stack) adopt(ctx context.Context, bucket string, p, named parameters) error {
	caller, err := s.conn.Caller(ctx)
	if err != nil {
		return err
	}
	client := s.conn.S3()
	head, err := client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket, ExpectedBucketOwner: &caller.Account})
	switch code := status(err); {
	case code == http.StatusNotFound:
		return &BucketError{bucket, "does not exist"}
	case code == http.StatusForbidden:
		return &BucketError{bucket, "belongs to another account, or you may not access it"}
	case code == http.StatusMovedPermanently || err == nil && head.BucketRegion != nil && *head.BucketRegion != s.conn.Region():
		return &BucketError{bucket, "is not in " + s.conn.Region()}
	case err != nil:
		return fmt.Errorf("check bucket %s: %w", bucket, err)
	}
	v, err := client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &bucket, ExpectedBucketOwner: &caller.Account})
	if err != nil {
		return fmt.Errorf("read the versioning of bucket %s: %w", bucket, err)
	}
	if v.Status != s3types.BucketVersioningStatusEnabled {
		return &BucketError{bucket, "is not versioned"}
	}
	a, err := archive.Open(ctx, client, archive.Options{Bucket: bucket, Account: caller.Account, Region: s.conn.Region(), Logger: s.o.Logger})
	if err != nil {
		return err
	}
	if err := s.checkUnused(ctx, bucket); err != nil {
		return err
	}
	if p[parameterKeyArn] == "" {
		if p[parameterKeyArn], err = s.bucketKey(ctx, bucket, caller.Account); err != nil {
			return err
		}
	}
	s.noteMissing(ctx, client, bucket, caller.Account)
	id, _ := a.Identity()
	return s.inheritHeaders(id.Encryption, p, named)
}

// checkUnused returns a [*BucketError] if another stack records into the bucket.
func (s *Stack) checkUnused(ctx context.Context, bucket string) error {
	pages := cloudformation.NewDescribeStacksPaginator(s.cfn, &cloudformation.DescribeStacksInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("find other stacks that record into bucket %s: %w", bucket, err)
		}
		for i := range page.Stacks {
			st := &page.Stacks[i]
			if name := aws.ToString(st.StackName); name != s.o.Name && output(st, OutputBucketName) == bucket {
				return &BucketError{bucket, "is in use by the stack " + name}
			}
		}
	}
	return nil
}

// bucketKey returns the ARN of the KMS key with which a bucket encrypts by default, or
// "" for SSE-S3 and the AWS managed key.
func (s *Stack) bucketKey(ctx context.Context, bucket, account string) (string, error) {
	out, err := s.conn.S3().GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &bucket, ExpectedBucketOwner: &account})
	if status(err) == http.StatusNotFound {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the encryption of bucket %s: %w", bucket, err)
	}
	for _, rule := range out.ServerSideEncryptionConfiguration.Rules {
		d := rule.ApplyServerSideEncryptionByDefault
		if d == nil || d.SSEAlgorithm == s3types.ServerSideEncryptionAes256 || aws.ToString(d.KMSMasterKeyID) == "" {
			continue
		}
		key := aws.ToString(d.KMSMasterKeyID)
		if !keyARN().MatchString(key) {
			return "", &SettingError{"key-arn", "", fmt.Sprintf("is required: bucket %s encrypts with %s, which is not the ARN of a key", bucket, key)}
		}
		return key, nil
	}
	return "", nil
}

// noteMissing notes the protections that the template gives a bucket and that this
// one does not have.
func (s *Stack) noteMissing(ctx context.Context, client *s3.Client, bucket, account string) {
	var missing []string
	block, err := client.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &bucket, ExpectedBucketOwner: &account})
	if err != nil || !blocksAll(block.PublicAccessBlockConfiguration) {
		missing = append(missing, "public access block")
	}
	policy, err := client.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &bucket, ExpectedBucketOwner: &account})
	if err != nil || !strings.Contains(aws.ToString(policy.Policy), "aws:SecureTransport") {
		missing = append(missing, "policy that requires TLS")
	}
	if err != nil || !strings.Contains(aws.ToString(policy.Policy), "s3:DeleteObjectVersion") {
		missing = append(missing, "policy against the deletion of object versions")
	}
	if len(missing) > 0 {
		s.o.Note(fmt.Sprintf("bucket %s has no %s; its settings are not changed", bucket, strings.Join(missing, ", no ")))
	}
}

func blocksAll(c *s3types.PublicAccessBlockConfiguration) bool {
	return c != nil && !slices.ContainsFunc([]*bool{c.BlockPublicAcls, c.BlockPublicPolicy, c.IgnorePublicAcls, c.RestrictPublicBuckets}, func(b *bool) bool { return !aws.ToBool(b) })
}

// checkPointer checks that the parameter for the bucket's name does not exist. The
// error is a [*PointerError] if it does.
func (s *Stack) checkPointer(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	out, err := s.conn.SSM().GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
	var missing *ssmtypes.ParameterNotFound
	switch {
	case errors.As(err, &missing):
		return nil
	case err != nil:
		return fmt.Errorf("check whether the parameter %s exists: %w", name, err)
	}
	return &PointerError{name, aws.ToString(out.Parameter.Value)}
}
