package stack

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Retained names the resources that are retained when a stack is deleted.
type Retained struct{ BucketName, KeyArn string }

// Retains returns what [Stack.Delete] would retain. The error says why the stack
// cannot be deleted.
func (s *Stack) Retains(ctx context.Context) (Retained, error) {
	_, retained, err := s.deletable(ctx)
	return retained, err
}

func (s *Stack) deletable(ctx context.Context) (*types.Stack, Retained, error) {
	st, err := s.existing(ctx)
	if err != nil {
		return nil, Retained{}, err
	}
	kind, err := s.kind(ctx, st)
	if err != nil {
		return nil, Retained{}, err
	}
	// A stack whose creation failed may lack everything that identifies it.
	incomplete := st.StackStatus == types.StackStatusRollbackComplete || st.StackStatus == types.StackStatusReviewInProgress
	switch {
	case kind == legacy:
		return nil, Retained{}, &LegacyError{s.o.Name}
	case kind == foreign && !incomplete:
		return nil, Retained{}, &ForeignError{s.o.Name}
	case aws.ToBool(st.EnableTerminationProtection):
		return nil, Retained{}, &TerminationError{s.o.Name}
	}
	return st, Retained{output(st, OutputBucketName), output(st, OutputKeyArn)}, nil
}

// Delete deletes the stack, but retains its bucket and key.
//
// Errors that callers may want to distinguish are [*NotFoundError],
// [*ForeignError], [*LegacyError], [*TerminationError], [*FailedError] and
// [*WatchError].
func (s *Stack) Delete(ctx context.Context) (Retained, error) {
	st, retained, err := s.deletable(ctx)
	if err != nil {
		return retained, err
	}
	id := aws.ToString(st.StackId)
	w, err := s.begin(ctx, id)
	if err != nil {
		return retained, err
	}
	if _, err := s.cfn.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &id, ClientRequestToken: token("delete")}); err != nil {
		return retained, s.requestError(fmt.Errorf("delete the stack %s: %w", s.o.Name, err))
	}
	_, err = w.end(ctx, types.StackStatusDeleteComplete)
	return retained, err
}
