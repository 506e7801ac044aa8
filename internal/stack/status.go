package stack

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ssmbak/ssmbak/archive"
)

// Status is how a stack is.
type Status struct {
	// Stack is CloudFormation's word, and Reason its reason, if it gives one.
	Stack, Reason string
	// Version is that of the ssmbak that wrote it, "" for one of the original.
	Version string
	// Original says that it is one of the original.
	Original bool
	// HasFunctions says that it is whole.
	HasFunctions bool
	BucketName   string
	// Waiting counts the changes that wait to be recorded, InFlight those that are
	// being recorded, DeadLetters those that could not be.
	Waiting, InFlight, DeadLetters int
	// MissedHours is how many hours without a reconcile are an alarm.
	MissedHours int
	// Complete is up to when the archive lacks nothing, zero if that is not
	// known.
	Complete time.Time
}

// Status asks how the stack is: CloudFormation, both queues and the archive. The
// error is a [*NotFoundError] if there is no stack.
func (s *Stack) Status(ctx context.Context) (Status, error) {
	st, err := s.known(ctx)
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
		Stack: string(st.StackStatus), Reason: aws.ToString(st.StackStatusReason), Version: parametersOf(st)[parameterVersion], Original: kind == original,
		HasFunctions: kind == original || output(st, OutputLambdaName) != "", BucketName: output(st, OutputBucketName),
	}
	out.MissedHours, _ = strconv.Atoi(parametersOf(st)["MissedHours"])
	if out.Original {
		out.Version = "" // it has one of its own
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
	if out.BucketName == "" || out.Original {
		return out, nil
	}
	caller, err := s.conn.Caller(ctx)
	if err != nil {
		return out, err
	}
	a, err := archive.Open(ctx, s.conn.S3(), archive.Options{Bucket: out.BucketName, Account: caller.Account, Region: s.conn.Region(), Logger: s.o.Logger})
	if err != nil {
		return out, err
	}
	complete, err := a.Reconciled(ctx)
	out.Complete = complete.Last
	return out, err
}

// depth returns how many messages a queue has, about, as SQS counts them.
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
