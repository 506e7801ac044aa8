package stack

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
)

// Status describes the state of a stack as CloudFormation knows it.
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
	// Deployment has the names of the functions and queues, as far as they exist.
	Deployment archive.Deployment `json:"-"`
}

// Status returns the current status. The error is a [*NotFoundError] if the stack does
// not exist, or a [*ForeignError] if ssmbak did not create it.
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
		HasFunctions: kind == legacy || output(st, OutputLambdaName) != "", BucketName: output(st, OutputBucketName), Deployment: s.deployment(st),
	}
	if out.Legacy {
		out.Version = "" // the parameter of this name is the legacy ssmbak's own version
	}
	return out, nil
}

// Deployment describes the stack as its archive does, see [archive.Deployment], with one
// request to CloudFormation. The error is a [*NotFoundError] if the stack does not exist.
func (s *Stack) Deployment(ctx context.Context) (*archive.Deployment, error) {
	st, err := s.existing(ctx)
	if err != nil {
		return nil, err
	}
	d := s.deployment(st)
	return &d, nil
}

func (s *Stack) deployment(st *types.Stack) archive.Deployment {
	p := parametersOf(st)
	d := archive.Deployment{
		Stack: s.o.Name, Version: p[parameterVersion], Recorder: output(st, OutputLambdaName), Reconciler: output(st, OutputReconcilerName),
		Queue: output(st, OutputQueueURL), DeadLetters: output(st, OutputDeadLetterURL),
		Code: p.digest(), Replica: p[parameterReplica],
	}
	if st.CreationTime != nil {
		d.Time = ssmbak.TimeOf(*st.CreationTime)
	}
	d.MissedHours, _ = strconv.Atoi(p["MissedHours"])
	if d.Verifier = output(st, OutputVerifierName); d.Verifier != "" {
		d.VerifyHours, _ = strconv.Atoi(p[parameterVerifyHours])
	}
	return d
}
