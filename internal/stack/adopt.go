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

// adopt checks a bucket that is to hold the archive and is not of the stack, and
// fills in its key, and the encryption headers of the archive in it unless they
// are named. What the bucket lacks is noted and left as it is. The error is a
// [*BucketError], a [*SettingError], or one of package archive where another
// archive is in it.
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
		return &BucketError{bucket, "belongs to another account, or may not be seen"}
	case code == http.StatusMovedPermanently || err == nil && head.BucketRegion != nil && *head.BucketRegion != s.conn.Region():
		return &BucketError{bucket, "is not in " + s.conn.Region()}
	case err != nil:
		return fmt.Errorf("look at bucket %s: %w", bucket, err)
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
	if err := s.alone(ctx, bucket); err != nil {
		return err
	}
	if p[parameterKeyArn] == "" {
		if p[parameterKeyArn], err = s.keyOf(ctx, bucket, caller.Account); err != nil {
			return err
		}
	}
	s.lacks(ctx, client, bucket, caller.Account)
	id, _ := a.Identity()
	return s.inherit(id.Encryption, p, named)
}

// alone finds another stack that records into the same bucket.
func (s *Stack) alone(ctx context.Context, bucket string) error {
	pages := cloudformation.NewDescribeStacksPaginator(s.cfn, &cloudformation.DescribeStacksInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("look for another stack that records into bucket %s: %w", bucket, err)
		}
		for i := range page.Stacks {
			st := &page.Stacks[i]
			if name := aws.ToString(st.StackName); name != s.o.Name && output(st, OutputBucketName) == bucket {
				return &BucketError{bucket, "is recorded into by the stack " + name}
			}
		}
	}
	return nil
}

// keyOf returns the ARN of the KMS key that a bucket encrypts with, "" for S3's
// own keys.
func (s *Stack) keyOf(ctx context.Context, bucket, account string) (string, error) {
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
		if !keyARN.MatchString(key) {
			return "", &SettingError{"key-arn", "", fmt.Sprintf("is needed: bucket %s encrypts with %s, which is no ARN of a key", bucket, key)}
		}
		return key, nil
	}
	return "", nil
}

// lacks notes what a bucket of the stack would have and this one does not.
func (s *Stack) lacks(ctx context.Context, client *s3.Client, bucket, account string) {
	var missing []string
	block, err := client.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &bucket, ExpectedBucketOwner: &account})
	if err != nil || !all(block.PublicAccessBlockConfiguration) {
		missing = append(missing, "a public access block")
	}
	policy, err := client.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &bucket, ExpectedBucketOwner: &account})
	if err != nil || !strings.Contains(aws.ToString(policy.Policy), "aws:SecureTransport") {
		missing = append(missing, "a policy that demands TLS")
	}
	if err != nil || !strings.Contains(aws.ToString(policy.Policy), "s3:DeleteObjectVersion") {
		missing = append(missing, "a policy that keeps object versions from being deleted")
	}
	if len(missing) > 0 {
		s.o.Note(fmt.Sprintf("bucket %s stays as it is; it lacks %s", bucket, strings.Join(missing, ", ")))
	}
}

func all(c *s3types.PublicAccessBlockConfiguration) bool {
	return c != nil && !slices.ContainsFunc([]*bool{c.BlockPublicAcls, c.BlockPublicPolicy, c.IgnorePublicAcls, c.RestrictPublicBuckets}, func(b *bool) bool { return !aws.ToBool(b) })
}

// free finds out whether the parameter for the bucket's name is still to be had.
// The error is a [*PointerError] if it is not.
func (s *Stack) free(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	out, err := s.conn.SSM().GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
	var missing *ssmtypes.ParameterNotFound
	switch {
	case errors.As(err, &missing):
		return nil
	case err != nil:
		return fmt.Errorf("look whether there is a parameter %s: %w", name, err)
	}
	return &PointerError{name, aws.ToString(out.Parameter.Value)}
}
