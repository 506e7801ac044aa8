package stack

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Redrive moves the dead letters back to the queue, to be recorded, and waits for
// the end of that. It tells progress, if that is not nil, how many were moved
// and how many there are, about.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
func (s *Stack) Redrive(ctx context.Context, progress func(moved, of int64)) (moved int64, err error) {
	st, err := s.known(ctx)
	if err != nil {
		return 0, err
	}
	dead, queue := output(st, OutputDeadLetterURL), output(st, OutputQueueURL)
	if dead == "" || queue == "" {
		return 0, &ForeignError{s.o.Name}
	}
	from, err := s.arn(ctx, dead)
	if err != nil {
		return 0, err
	}
	to, err := s.arn(ctx, queue)
	if err != nil {
		return 0, err
	}
	if visible, _, err := s.depth(ctx, dead); err != nil || visible == 0 {
		return 0, err
	}
	_, err = s.sqs.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: &from, DestinationArn: &to})
	// One that runs already is watched instead.
	if err != nil && !strings.Contains(err.Error(), "already") {
		return 0, fmt.Errorf("move the dead letters of the stack %s: %w", s.o.Name, err)
	}
	for {
		out, err := s.sqs.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: &from, MaxResults: aws.Int32(1)})
		if err != nil {
			return moved, fmt.Errorf("look how far the dead letters are moved: %w", err)
		}
		if len(out.Results) > 0 {
			task := out.Results[0]
			moved = task.ApproximateNumberOfMessagesMoved
			if progress != nil {
				progress(moved, aws.ToInt64(task.ApproximateNumberOfMessagesToMove))
			}
			switch state := aws.ToString(task.Status); state {
			case "COMPLETED":
				return moved, nil
			case "FAILED", "CANCELLED":
				return moved, fmt.Errorf("move the dead letters of the stack %s: the task ended as %s: %s", s.o.Name, state, aws.ToString(task.FailureReason))
			}
		}
		select {
		case <-ctx.Done():
			return moved, fmt.Errorf("watch the dead letters being moved: %w", ctx.Err())
		case <-time.After(s.o.Poll):
		}
	}
}

func (s *Stack) arn(ctx context.Context, url string) (string, error) {
	out, err := s.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn}})
	if err != nil {
		return "", fmt.Errorf("find the queue %s: %w", url, err)
	}
	return out.Attributes[string(sqstypes.QueueAttributeNameQueueArn)], nil
}
