package stack

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Kept is what stays of a deleted stack.
type Kept struct{ BucketName, KeyArn string }

// Keeps returns what would stay of the stack, if it were deleted.
func (s *Stack) Keeps(ctx context.Context) (Kept, error) {
	st, err := s.known(ctx)
	if err != nil {
		return Kept{}, err
	}
	kind, err := s.kind(ctx, st)
	if err != nil {
		return Kept{}, err
	}
	// What never got so far may lack everything by which it is known.
	begun := st.StackStatus == types.StackStatusRollbackComplete || st.StackStatus == types.StackStatusReviewInProgress
	if kind != ours && !(begun && kind != original) {
		if kind == original {
			return Kept{}, &OriginalError{s.o.Name}
		}
		return Kept{}, &ForeignError{s.o.Name}
	}
	if aws.ToBool(st.EnableTerminationProtection) {
		return Kept{}, &ProtectionError{s.o.Name}
	}
	return Kept{output(st, OutputBucketName), output(st, OutputKeyArn)}, nil
}

// Delete deletes the stack. Its bucket and key stay, with all that they hold.
func (s *Stack) Delete(ctx context.Context) (Kept, error) {
	kept, err := s.Keeps(ctx)
	if err != nil {
		return kept, err
	}
	st, err := s.known(ctx)
	if err != nil {
		return kept, err
	}
	id := aws.ToString(st.StackId)
	w, err := s.begin(ctx, id)
	if err != nil {
		return kept, err
	}
	if _, err := s.cfn.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &id, ClientRequestToken: token("delete")}); err != nil {
		return kept, s.sent(fmt.Errorf("delete the stack %s: %w", s.o.Name, err))
	}
	_, err = w.end(ctx, types.StackStatusDeleteComplete)
	return kept, err
}
