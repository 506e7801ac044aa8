package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// Redrive moves all dead letters back to the queue and waits until this has finished.
// If progress is not nil, it is called with the number of messages moved so far and
// the approximate total. Where SQS does not support moving messages, Redrive receives
// each message, sends it to the queue and then deletes it. An interrupt then loses no
// message but can duplicate one, which the recorder tolerates.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
func (s *Stack) Redrive(ctx context.Context, progress func(moved, of int64)) (moved int64, err error) {
	st, err := s.existing(ctx)
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
	visible, err := s.depth(ctx, dead)
	if err != nil || visible == 0 {
		return 0, err
	}
	_, err = s.sqs.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: &from, DestinationArn: &to})
	if isUnsupported(err) {
		return s.moveEach(ctx, dead, queue, int64(visible), progress)
	}
	// If a task is already running, wait for that one.
	if err != nil && !strings.Contains(err.Error(), "already") {
		return 0, fmt.Errorf("move the dead letters of the stack %s: %w", s.o.Name, err)
	}
	for {
		out, err := s.sqs.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: &from, MaxResults: aws.Int32(1)})
		if err != nil {
			return moved, fmt.Errorf("read the progress of moving the dead letters: %w", err)
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
			return moved, fmt.Errorf("wait for the dead letters to be moved: %w", ctx.Err())
		case <-time.After(s.o.Poll):
		}
	}
}

// isUnsupported reports whether err means that a service does not support an
// operation, as in partitions where it is not available.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
func isUnsupported(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	code := api.ErrorCode()
	return slices.Contains([]string{"UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", "InvalidAction", "UnknownOperationException"}, code)
}

// moveEach moves the messages of one queue to another. Each is sent before it is
// deleted. It stops when a long poll, which queries all servers, returns no messages.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
func (s *Stack) moveEach(ctx context.Context, from, to string, of int64, progress func(moved, of int64)) (moved int64, err error) {
	for {
		out, err := s.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &from, MaxNumberOfMessages: 10, WaitTimeSeconds: 5})
		if err != nil {
			return moved, fmt.Errorf("receive the dead letters of the stack %s: %w", s.o.Name, err)
		}
		if len(out.Messages) == 0 {
			return moved, nil
		}
		for _, m := range out.Messages {
			if _, err := s.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &to, MessageBody: m.Body}); err != nil {
				return moved, fmt.Errorf("send a dead letter of the stack %s to its queue: %w", s.o.Name, err)
			}
			if _, err := s.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &from, ReceiptHandle: m.ReceiptHandle}); err != nil {
				return moved, fmt.Errorf("delete a dead letter of the stack %s that was sent to its queue: %w", s.o.Name, err)
			}
			moved++
			if progress != nil {
				progress(moved, max(moved, of))
			}
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

// depth returns the approximate number of visible messages in a queue.
func (s *Stack) depth(ctx context.Context, url string) (int, error) {
	const visible = sqstypes.QueueAttributeNameApproximateNumberOfMessages
	out, err := s.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{visible}})
	if err != nil {
		return 0, fmt.Errorf("count the messages of %s: %w", url, err)
	}
	n, _ := strconv.Atoi(out.Attributes[string(visible)])
	return n, nil
}
