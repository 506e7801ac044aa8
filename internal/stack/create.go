package stack

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// Made is what a stack has after it was created or updated.
type Made struct {
	BucketName, KeyArn, LambdaName, ReconcilerName, PointerName, ReaderPolicyArn, RestorerPolicyArn, Version string
	// Admins are who may change the bucket, besides the root user: ARNs and
	// patterns. There are none of a bucket that is not the stack's.
	Admins []string
	// Filling says that a reconcile was started, which records all that is there.
	Filling bool
}

func made(st *types.Stack) Made {
	p, all := parametersOf(st), []string{}
	if p[parameterAdminArns] != "" && p[parameterBucketName] == "" {
		all = strings.Split(p[parameterAdminArns], ",")
	}
	return Made{
		Admins: all,

		BucketName: output(st, OutputBucketName), KeyArn: output(st, OutputKeyArn), LambdaName: output(st, OutputLambdaName),
		ReconcilerName: output(st, OutputReconcilerName), PointerName: output(st, OutputPointerName),
		ReaderPolicyArn: output(st, OutputReaderPolicyArn), RestorerPolicyArn: output(st, OutputRestorerPolicyArn), Version: output(st, OutputVersion),
	}
}

// Create makes the stack, or goes on with one that is half made, and starts a
// reconcile that fills the archive unless noFill is set.
//
// The errors to tell apart are [*ExistsError], [*OriginalError], [*ForeignError],
// [*StateError], [*SettingError], [*BucketError], [*PointerError],
// [*FailedError], [*WatchError], [*AdminError], [*CodeError], [*HeaderError] and [*FillError].
func (s *Stack) Create(ctx context.Context, v Values, noFill bool) (Made, error) {
	named, err := v.parameters()
	if err != nil {
		return Made{}, err
	}
	st, err := s.describe(ctx, s.o.Name)
	if err != nil {
		return Made{}, err
	}
	if st == nil || st.StackStatus == types.StackStatusDeleteComplete {
		st, err = s.first(ctx, named)
	} else {
		st, err = s.resume(ctx, st)
	}
	if err != nil {
		return Made{}, err
	}
	if parametersOf(st)[parameterCodeKey] == "" {
		if st, err = s.second(ctx, st, named); err != nil {
			return Made{}, err
		}
	}
	if err := s.verifyCode(ctx, parametersOf(st)[parameterCodeKey]); err != nil {
		return Made{}, err
	}
	m := made(st)
	if err := s.keepPolicy(ctx, parametersOf(st)); err != nil {
		return m, err
	}
	if err := s.keepEncryption(ctx, m.BucketName, parametersOf(st), st); err != nil {
		return m, err
	}
	if noFill {
		return m, nil
	}
	if err := s.Fill(ctx, m.ReconcilerName); err != nil {
		return m, err
	}
	m.Filling = true
	return m, nil
}

// first makes everything but the functions.
func (s *Stack) first(ctx context.Context, named parameters) (*types.Stack, error) {
	p := defaults()
	maps.Copy(p, named)
	p[parameterVersion] = s.o.Version
	if err := s.complete(ctx, p); err != nil {
		return nil, err
	}
	if b := p[parameterBucketName]; b != "" {
		if err := s.adopt(ctx, b, p, named); err != nil {
			return nil, err
		}
	}
	if err := s.headers(ctx, p); err != nil {
		return nil, err
	}
	if err := s.free(ctx, p[parameterPointerName]); err != nil {
		return nil, err
	}
	out, err := s.cfn.CreateStack(ctx, &cloudformation.CreateStackInput{
		StackName: &s.o.Name, TemplateBody: aws.String(Template()), Parameters: p.input(),
		Capabilities: []types.Capability{types.CapabilityCapabilityIam}, ClientRequestToken: token("create"),
	})
	if err != nil {
		return nil, s.sent(fmt.Errorf("create the stack %s: %w", s.o.Name, err))
	}
	w := &watch{s: s, id: aws.ToString(out.StackId)}
	return w.end(ctx, types.StackStatusCreateComplete)
}

// complete checks all parameters together, and names the caller as the admin
// where nobody else is. The error is a [*SettingError], or an [*AdminError] if
// the caller is none of the admins of a bucket that the stack has the policy of.
func (s *Stack) complete(ctx context.Context, p parameters) error {
	if err := p.check(); err != nil {
		return err
	}
	if err := p.checkDecrypt(s.o.Name); err != nil {
		return err
	}
	caller, err := s.conn.Caller(ctx)
	if err != nil {
		return err
	}
	if p[parameterAdminArns] == "" {
		p[parameterAdminArns] = strings.Join(admins(caller.ARN), ",")
	}
	if p[parameterBucketName] != "" {
		return nil
	}
	return checkAdmins(p[parameterAdminArns], caller.ARN)
}

// admitted finds out, before anything is sent, whether the policy of the stack's
// bucket lets the caller go on. The error is an [*AdminError] if it does not.
func (s *Stack) admitted(ctx context.Context, have parameters) error {
	if have[parameterAdminArns] == "" || have[parameterBucketName] != "" {
		return nil
	}
	caller, err := s.conn.Caller(ctx)
	if err != nil {
		return err
	}
	return checkAdmins(have[parameterAdminArns], caller.ARN)
}

// resume waits for a stack that is being made, and refuses what cannot become
// one. The stack that it returns may be whole: then it was being made so.
func (s *Stack) resume(ctx context.Context, st *types.Stack) (*types.Stack, error) {
	if err := s.workable(st); err != nil {
		return nil, err
	}
	busy := st.StackStatus
	st, err := s.steady(ctx, st)
	if err != nil {
		return nil, err
	}
	if err := s.workable(st); err != nil {
		return nil, err
	}
	kind, err := s.kind(ctx, st)
	switch {
	case err != nil:
		return nil, err
	case kind == foreign:
		return nil, &ForeignError{s.o.Name}
	case kind == original:
		return nil, &OriginalError{s.o.Name}
	case parametersOf(st)[parameterCodeKey] == "":
	case busy == st.StackStatus:
		return nil, &ExistsError{s.o.Name}
	default:
		return st, nil
	}
	s.o.Note(fmt.Sprintf("the stack %s is half made: it is gone on with", s.o.Name))
	return st, nil
}

// workable returns a [*StateError] for a stack that nothing can be done to.
func (s *Stack) workable(st *types.Stack) error {
	advice := ""
	switch st.StackStatus {
	case types.StackStatusRollbackComplete, types.StackStatusRollbackFailed, types.StackStatusCreateFailed, types.StackStatusDeleteFailed:
		advice = fmt.Sprintf("it never was whole: `ssmbak-stack %s delete`, then create it anew; `ssmbak-stack %s events` tells why", s.o.Name, s.o.Name)
	case types.StackStatusUpdateRollbackFailed:
		advice = fmt.Sprintf("mend what `ssmbak-stack %s events` names, then `aws cloudformation continue-update-rollback --stack-name %s`", s.o.Name, s.o.Name)
	case types.StackStatusReviewInProgress:
		advice = fmt.Sprintf("a change set began it and was never executed: `ssmbak-stack %s delete` takes it away", s.o.Name)
	case types.StackStatusDeleteInProgress, types.StackStatusRollbackInProgress:
		advice = fmt.Sprintf("wait until that has ended: `ssmbak-stack %s events` shows it", s.o.Name)
	default:
		return nil
	}
	return &StateError{s.o.Name, string(st.StackStatus), advice}
}

// second adds the functions to a stack that has everything else.
func (s *Stack) second(ctx context.Context, st *types.Stack, named parameters) (*types.Stack, error) {
	if err := s.admitted(ctx, parametersOf(st)); err != nil {
		return nil, err
	}
	p := defaults()
	maps.Copy(p, parametersOf(st))
	maps.Copy(p, named)
	if err := s.complete(ctx, p); err != nil {
		return nil, err
	}
	zip, err := s.o.Code(ctx, p[parameterArchitecture])
	if err != nil {
		return nil, err
	}
	if err := s.headers(ctx, p); err != nil {
		return nil, err
	}
	bucket := output(st, OutputBucketName)
	if p[parameterCodeKey], p[parameterCodeVersion], err = s.upload(ctx, bucket, zip, encryption(p, st), false); err != nil {
		return nil, err
	}
	p[parameterVersion] = s.o.Version
	st, _, err = s.change(ctx, st, p, false)
	return st, err
}

// Fill starts a reconcile that records everything, and does not wait for it.
func (s *Stack) Fill(ctx context.Context, reconciler string) error {
	_, err := s.lambda.Invoke(ctx, &lambda.InvokeInput{
		FunctionName: &reconciler, InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(`{"ssmbak":"reconcile"}`),
	})
	if err != nil {
		return &FillError{err}
	}
	return nil
}

// FillError says that the stack is whole and the reconcile that fills its
// archive was not started.
type FillError struct{ Err error }

func (e *FillError) Error() string {
	return "start the reconcile that fills the archive: " + e.Err.Error()
}

func (e *FillError) Unwrap() error { return e.Err }

// input returns the parameters as CloudFormation takes them, by name.
func (p parameters) input() []types.Parameter {
	known := defaults()
	var all []types.Parameter
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if _, ok := known[name]; ok {
			all = append(all, types.Parameter{ParameterKey: aws.String(name), ParameterValue: aws.String(p[name])})
		}
	}
	return all
}
