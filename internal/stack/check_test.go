package stack_test

import (
	"slices"
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/permission"
	"github.com/ssmbak/ssmbak/internal/stack"
)

// TestCheckOfRestorers checks that restore --check finds nothing missing for a restorer of a
// stack, and that it asks about every action on parameters, keys and objects that one uses.
func TestCheckOfRestorers(t *testing.T) {
	t.Parallel()
	place := permission.Place{Partition: "aws", Account: account, Region: region, Target: "/app/*"}
	names := []ssmbak.Name{"/app/db"}
	needs := append(slices.Concat(place.LiveNeeds(names), place.RecordNeeds(bucket, names)), place.KeyNeed("arn:aws:kms:us-east-1:123456789012:key/app", "/app/db"))
	role := stack.PersonOf(t, map[string]string{}, "ReaderPolicy", "RestorerPolicy")
	asked := map[string]bool{
		// Only reconcile and verify need these.
		"tag:GetResources": true,
		// Only parameters of the data type aws:ec2:image need this.
		"ec2:DescribeImages": true,
		// Only status needs these.
		"kms:DescribeKey": true, "lambda:GetFunctionConfiguration": true, "lambda:ListEventSourceMappings": true, "sqs:GetQueueAttributes": true,
		"s3:GetBucketObjectLockConfiguration": true, "s3:GetEncryptionConfiguration": true, "s3:GetReplicationConfiguration": true, "ssm:GetServiceSetting": true,
	}
	for _, need := range needs {
		for _, action := range need.Actions {
			asked[action] = true
			for _, resource := range need.Resources {
				if r := stack.NewRequest(action, resource, need.Context); !role.Allows(r) {
					t.Errorf("the check would report as missing for a restorer: %v", r)
				}
			}
		}
	}
	for _, r := range collect(t, archive.Encryption{Values: archive.HeaderNone, Indexes: archive.HeaderS3}).restorer {
		if !asked[r.Action()] {
			t.Errorf("it does not ask about %v", r)
			asked[r.Action()] = true // once is enough
		}
	}
}
