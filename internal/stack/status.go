package stack

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Status describes the state of a stack, its queues and its archive.
type Status struct {
	// Stack is CloudFormation's status, such as UPDATE_COMPLETE, and Reason its reason
	// or "".
	Stack, Reason string
	// Version is the version of ssmbak that last deployed the stack, or "" for one of
	// the legacy ssmbak.
	Version string
	// Legacy reports whether the legacy ssmbak created the stack.
	Legacy bool
	// HasFunctions reports whether the stack is complete.
	HasFunctions bool
	BucketName   string
	// Waiting is the approximate number of changes that wait to be recorded, InFlight
	// of those being recorded, and DeadLetters of those that could not be recorded.
	Waiting, InFlight, DeadLetters int
	// MissedHours is the number of hours without a reconcile after which there is an
	// alarm.
	MissedHours int
	// Complete is the time up to which the archive is complete, or zero if unknown.
	Complete time.Time `json:"CompleteUpTo"`
	// Listing is the last listing that was not without changes.
	Listing Listing
}

// Status returns the current status, as reported by CloudFormation, SQS and the
// archive. The error is a [*NotFoundError] if the stack does not exist, or a
// [*ForeignError] if ssmbak did not create it.
func (s *Stack) Status(ctx context.Context) (Status, error) {
	st, err := s.existing(ctx)
	if err != nil {
		return Status{}, err
	}
	kind, err := s.kind(ctx, st)
	if err != nil {
		return Status{}, err
	}
	if kind == foreign {
		return Status{}, &ForeignError{s.o.Name}
	}
	out := Status{
		Stack: string(st.StackStatus), Reason: aws.ToString(st.StackStatusReason), Version: parametersOf(st)[parameterVersion], Legacy: kind == legacy,
		HasFunctions: kind == legacy || output(st, OutputLambdaName) != "", BucketName: output(st, OutputBucketName),
	}
	out.MissedHours, _ = strconv.Atoi(parametersOf(st)["MissedHours"])
	if out.Legacy {
		out.Version = "" // the parameter of this name is the legacy ssmbak's own version
	}
	if url := output(st, OutputQueueURL); url != "" {
		if out.Waiting, out.InFlight, err = s.depth(ctx, url); err != nil {
			return out, err
		}
	}
	if url := output(st, OutputDeadLetterURL); url != "" {
		if out.DeadLetters, _, err = s.depth(ctx, url); err != nil {
			return out, err
		}
	}
	if out.BucketName == "" || out.Legacy {
		return out, nil
	}
	a, err := s.openArchive(ctx, out.BucketName)
	if err != nil {
		return out, err
	}
	complete, err := a.Reconciled(ctx)
	if err != nil {
		return out, err
	}
	out.Complete = complete.Last
	out.Listing, err = listing(ctx, a)
	return out, err
}

// depth returns the approximate number of messages in a queue.
func (s *Stack) depth(ctx context.Context, url string) (visible, inFlight int, err error) {
	out, err := s.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{
		sqstypes.QueueAttributeNameApproximateNumberOfMessages, sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
	}})
	if err != nil {
		return 0, 0, fmt.Errorf("count the messages of %s: %w", url, err)
	}
	visible, _ = strconv.Atoi(out.Attributes[string(sqstypes.QueueAttributeNameApproximateNumberOfMessages)])
	inFlight, _ = strconv.Atoi(out.Attributes[string(sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible)])
	return visible, inFlight, nil
}
