//go:build aws

package acceptance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/internal/awsconn"
)

var (
	ownParameter = regexp.MustCompile(`^/?` + parameterPrefix + `[0-9a-f]{12}(/.*)?$`)
	ownResource  = regexp.MustCompile(`^` + resourcePrefix + `[0-9a-f]{12}-`)
)

// rolePath is the path of all roles that runs create.
const rolePath = "/ssmbak-acceptance/"

// remove removes everything that this run and killed earlier ones created: stacks, buckets,
// parameters, keys and roles, which are found by their names and tags. A key cannot be
// deleted at once; its deletion is scheduled.
//
// The error names everything that could not be removed.
func (p *place) remove(ctx context.Context) error {
	conn, err := p.connect(ctx, nil)
	if err != nil {
		return err
	}
	var all []error
	if p.kind != onEmulator {
		all = append(all, p.removeRoles(ctx, conn)) // a policy is deleted when no role has it
	}
	all = append(all, p.removeStacks(ctx, conn), p.removeBuckets(ctx, conn.S3()), p.removeParameters(ctx, conn.SSM()))
	if p.kind != onEmulator {
		all = append(all, p.removeKeys(ctx, conn)) // the bucket's, too
	}
	return errors.Join(all...)
}

// unlessDenied drops the error of a listing that the caller may not make: what it cannot list
// it could not create.
func unlessDenied(err error) error {
	if c := codeOf(err); strings.HasPrefix(c, "AccessDenied") {
		return nil
	}
	return err
}

func (p *place) removeStacks(ctx context.Context, conn *awsconn.Conn) error {
	if p.emulated != nil && !p.emulated.stacks {
		return nil
	}
	client := cloudformation.NewFromConfig(conn.Config())
	for began := time.Now(); ; {
		var left []string
		for pages := cloudformation.NewDescribeStacksPaginator(client, &cloudformation.DescribeStacksInput{}); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return unlessDenied(err)
			}
			for _, s := range page.Stacks {
				if !ownResource.MatchString(aws.ToString(s.StackName)) || s.StackStatus == cfntypes.StackStatusDeleteComplete {
					continue
				}
				left = append(left, *s.StackName)
				if s.StackStatus == cfntypes.StackStatusDeleteInProgress {
					continue
				}
				if _, err := client.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: s.StackName}); err != nil && codeOf(err) != "ValidationError" {
					return fmt.Errorf("delete the stack %s: %w", *s.StackName, err)
				}
			}
		}
		if len(left) == 0 {
			return nil
		}
		if time.Since(began) > 5*time.Minute {
			return fmt.Errorf("the stacks %q are not deleted", left)
		}
		if err := wait(ctx, 3*time.Second); err != nil {
			return fmt.Errorf("the stacks %q are not deleted: %w", left, err)
		}
	}
}

func (p *place) removeBuckets(ctx context.Context, client *s3.Client) error {
	in := &s3.ListBucketsInput{}
	if p.kind == onAWS {
		in.BucketRegion = &p.region
	}
	out, err := client.ListBuckets(ctx, in)
	if err != nil {
		return unlessDenied(err)
	}
	for _, b := range out.Buckets {
		if ownResource.MatchString(aws.ToString(b.Name)) {
			if err := removeBucket(ctx, client, b.Name); err != nil && codeOf(err) != "NoSuchBucket" {
				return fmt.Errorf("remove the bucket %s: %w", *b.Name, err)
			}
		}
	}
	return nil
}

func removeBucket(ctx context.Context, client *s3.Client, name *string) error {
	for pages := s3.NewListObjectVersionsPaginator(client, &s3.ListObjectVersionsInput{Bucket: name}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		var all []s3types.ObjectIdentifier
		for _, v := range page.Versions {
			all = append(all, s3types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		for _, m := range page.DeleteMarkers {
			all = append(all, s3types.ObjectIdentifier{Key: m.Key, VersionId: m.VersionId})
		}
		if len(all) == 0 {
			continue
		}
		if _, err := client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: name, Delete: &s3types.Delete{Objects: all}}); err != nil {
			return err
		}
	}
	_, err := client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: name})
	return err
}

// removeParameters deletes the parameters that this run created, and those with such names
// and a run's tag, until a listing does not show any.
func (p *place) removeParameters(ctx context.Context, client *ssm.Client) error {
	p.mu.Lock()
	names := slices.Sorted(maps.Keys(p.created))
	p.mu.Unlock()
	for began := time.Now(); ; {
		for some := range slices.Chunk(names, 10) {
			if _, err := client.DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: some}); err != nil {
				return fmt.Errorf("delete %q: %w", some, err)
			}
		}
		var err error
		if names, err = ownParameters(ctx, client); err != nil || len(names) == 0 {
			return err
		}
		if time.Since(began) > time.Minute {
			return fmt.Errorf("parameters are left: %q", names)
		}
		if err := wait(ctx, time.Second); err != nil {
			return fmt.Errorf("parameters are left: %q: %w", names, err)
		}
	}
}

// ownParameters lists the parameters of this and earlier runs.
func ownParameters(ctx context.Context, client *ssm.Client) (names []string, err error) {
	in := &ssm.DescribeParametersInput{MaxResults: aws.Int32(50), ParameterFilters: []types.ParameterStringFilter{
		{Key: aws.String("Name"), Option: aws.String("Contains"), Values: []string{parameterPrefix}},
		{Key: aws.String("tag:" + tag)},
	}}
	for pages := ssm.NewDescribeParametersPaginator(client, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list parameters: %w", err)
		}
		for _, each := range page.Parameters {
			if name := aws.ToString(each.Name); ownParameter.MatchString(name) {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

func (p *place) removeKeys(ctx context.Context, conn *awsconn.Conn) error {
	client := kms.NewFromConfig(conn.Config())
	for pages := kms.NewListKeysPaginator(client, &kms.ListKeysInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return unlessDenied(err)
		}
		for _, key := range page.Keys {
			tags, err := client.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: key.KeyId})
			if err != nil { // another's key, or one that is gone
				continue
			}
			for _, each := range tags.Tags {
				// CloudFormation tags the key of a stack.
				// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
				ofStack := aws.ToString(each.TagKey) == "aws:cloudformation:stack-name" && ownResource.MatchString(aws.ToString(each.TagValue))
				if aws.ToString(each.TagKey) != tag && !ofStack {
					continue
				}
				if err := scheduleDeletion(ctx, client, key.KeyId); err != nil {
					return fmt.Errorf("schedule the deletion of the key %s: %w", *key.KeyId, err)
				}
			}
		}
	}
	return nil
}

// scheduleDeletion schedules the deletion of a key, if it is not scheduled yet, as early as
// possible.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html
func scheduleDeletion(ctx context.Context, client *kms.Client, id *string) error {
	_, err := client.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: id, PendingWindowInDays: aws.Int32(7)})
	if codeOf(err) == "KMSInvalidStateException" {
		return nil
	}
	return err
}

func (p *place) removeRoles(ctx context.Context, conn *awsconn.Conn) error {
	client := iam.NewFromConfig(conn.Config())
	for pages := iam.NewListRolesPaginator(client, &iam.ListRolesInput{PathPrefix: aws.String(rolePath)}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return unlessDenied(err)
		}
		for _, role := range page.Roles {
			if !ownResource.MatchString(aws.ToString(role.RoleName)) {
				continue
			}
			if err := removeRole(ctx, client, role.RoleName); err != nil && codeOf(err) != "NoSuchEntity" {
				return fmt.Errorf("delete the role %s: %w", *role.RoleName, err)
			}
		}
	}
	return nil
}

func removeRole(ctx context.Context, client *iam.Client, name *string) error {
	inline, err := client.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: name})
	if err != nil {
		return err
	}
	for _, policy := range inline.PolicyNames {
		if _, err := client.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: &policy}); err != nil {
			return err
		}
	}
	attached, err := client.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: name})
	if err != nil {
		return err
	}
	for _, policy := range attached.AttachedPolicies {
		if _, err := client.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: policy.PolicyArn}); err != nil {
			return err
		}
	}
	_, err = client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name})
	return err
}
