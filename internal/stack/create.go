package stack

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/ssmbak/ssmbak/pattern"
)

// Deployed describes a stack after it was created or updated.
type Deployed struct {
	BucketName, KeyArn, LambdaName, ReconcilerName, PointerName, ReaderPolicyArn, RestorerPolicyArn, Version string
	// Admins are the ARNs and patterns of those who, apart from the root user, may
	// change the bucket. It is empty if the bucket does not belong to the stack.
	Admins []string
	// Listing is how far the recording of all current parameters came, and Filling reports
	// whether the reconciler was started to do it.
	Listing Listing `json:",omitzero"`
	Filling bool
	// Rate is the maximum number of reads of Parameter Store per second, and Exclude lists
	// the patterns of parameters that are not recorded.
	Rate    float64  `json:"-"`
	Exclude []string `json:"-"`
}

func deployed(st *types.Stack) Deployed {
	p, all := parametersOf(st), []string{}
	if p[parameterAdminArns] != "" && p[parameterBucketName] == "" {
		all = strings.Split(p[parameterAdminArns], ",")
	}
	rate, _ := strconv.ParseFloat(p[parameterRate], 64) // the template takes only numbers
	return Deployed{
		Admins: all, Rate: rate, Exclude: pattern.Split(p[parameterExclude]),

		BucketName: output(st, OutputBucketName), KeyArn: output(st, OutputKeyArn), LambdaName: output(st, OutputLambdaName),
		ReconcilerName: output(st, OutputReconcilerName), PointerName: output(st, OutputPointerName),
		ReaderPolicyArn: output(st, OutputReaderPolicyArn), RestorerPolicyArn: output(st, OutputRestorerPolicyArn), Version: output(st, OutputVersion),
	}
}

// Create creates the stack, or resumes an incomplete creation. It does not record the current
// parameters: [Stack.Fill] does.
//
// Errors that callers may want to distinguish are [*ExistsError], [*LegacyError],
// [*ForeignError], [*StateError], [*SettingError], [*BucketError],
// [*PointerError], [*FailedError], [*WatchError], [*AdminError], [*CodeError] and
// [*HeaderError].
func (s *Stack) Create(ctx context.Context, v Values) (Deployed, error) {
	named, err := v.parameters()
	if err != nil {
		return Deployed{}, err
	}
	st, err := s.describe(ctx, s.o.Name)
	if err != nil {
		return Deployed{}, err
	}
	if st == nil || st.StackStatus == types.StackStatusDeleteComplete {
		st, err = s.createBase(ctx, named)
	} else {
		st, err = s.resume(ctx, st)
	}
	if err != nil {
		return Deployed{}, err
	}
	if parametersOf(st)[parameterCodeKey] == "" {
		if st, err = s.addFunctions(ctx, st, named); err != nil {
			return Deployed{}, err
		}
	}
	d := deployed(st)
	return d, s.settle(ctx, st, d.BucketName, parametersOf(st))
}

// createBase creates the stack, without its functions unless their code is published.
func (s *Stack) createBase(ctx context.Context, named parameters) (*types.Stack, error) {
	p := defaults()
	maps.Copy(p, named)
	p[parameterVersion] = s.o.Version
	if err := s.completeParameters(ctx, p); err != nil {
		return nil, err
	}
	if b := p[parameterBucketName]; b != "" {
		if err := s.adopt(ctx, b, p, named); err != nil {
			return nil, err
		}
	}
	if err := s.checkHeaders(ctx, p); err != nil {
		return nil, err
	}
	if err := s.checkPointer(ctx, p[parameterPointerName]); err != nil {
		return nil, err
	}
	in := &cloudformation.CreateStackInput{
		StackName: &s.o.Name, Capabilities: []types.Capability{types.CapabilityCapabilityIam}, ClientRequestToken: token("create"), Tags: s.tags(nil), RoleARN: s.serviceRole(),
	}
	if err := p.checkUploaded(named); err != nil {
		return nil, err
	}
	if p.published() {
		template, err := s.published(ctx, p, named)
		if err != nil {
			return nil, err
		}
		in.TemplateURL = &template
	} else {
		in.TemplateBody = aws.String(base())
		p[parameterCodeKey], p[parameterCodeSHA256] = "", ""
	}
	in.Parameters = p.input()
	out, err := s.cfn.CreateStack(ctx, in)
	if err != nil {
		return nil, s.requestError(fmt.Errorf("create the stack %s: %w", s.o.Name, err))
	}
	w := &watch{s: s, id: aws.ToString(out.StackId)}
	return w.end(ctx, types.StackStatusCreateComplete)
}

// completeParameters checks all parameters together and, if there are no admins,
// sets them to the caller. The error is a [*SettingError], or an [*AdminError] if
// the bucket belongs to the stack and the caller is not one of its admins.
func (s *Stack) completeParameters(ctx context.Context, p parameters) error {
	if err := p.check(); err != nil {
		return err
	}
	if err := p.checkRegion(s.conn.Region()); err != nil {
		return err
	}
	if err := p.checkDecrypt(s.o.Name); err != nil {
		return err
	}
	p.beginSigning(time.Now())
	if p[parameterAdminArns] == "" {
		caller, err := s.conn.Caller(ctx)
		if err != nil {
			return err
		}
		p[parameterAdminArns] = strings.Join(admins(caller.ARN), ",")
	}
	return s.checkCaller(ctx, p)
}

// checkCaller checks, before anything is changed, that the policy of the stack's
// bucket allows the caller to change the stack. The error is an [*AdminError] if
// it does not, or a [*SettingError] if it allows only the root user.
func (s *Stack) checkCaller(ctx context.Context, p parameters) error {
	if p[parameterAdminArns] == "" || p[parameterBucketName] != "" {
		return nil
	}
	caller, err := s.conn.Caller(ctx)
	if err != nil {
		return err
	}
	return checkAdmins(p[parameterAdminArns], caller.ARN)
}

// resume waits for a stack whose creation is in progress. It returns the stack,
// which has its functions only if they were being added meanwhile, or an error if
// its creation cannot be completed.
func (s *Stack) resume(ctx context.Context, st *types.Stack) (*types.Stack, error) {
	if err := s.checkState(st); err != nil {
		return nil, err
	}
	before := st.StackStatus
	st, err := s.waitIdle(ctx, st)
	if err != nil {
		return nil, err
	}
	if err := s.checkState(st); err != nil {
		return nil, err
	}
	kind, err := s.kind(ctx, st)
	switch {
	case err != nil:
		return nil, err
	case kind == foreign:
		return nil, &ForeignError{s.o.Name}
	case kind == legacy:
		return nil, &LegacyError{s.o.Name}
	case parametersOf(st)[parameterCodeKey] == "":
	case before == st.StackStatus:
		return nil, &ExistsError{s.o.Name}
	default:
		return st, nil
	}
	s.o.Note(fmt.Sprintf("the stack %s is incomplete: resuming its creation", s.o.Name))
	return st, nil
}

// checkState returns a [*StateError] if the stack can neither be updated nor have
// its creation resumed.
func (s *Stack) checkState(st *types.Stack) error {
	advice := ""
	switch st.StackStatus {
	case types.StackStatusRollbackComplete, types.StackStatusRollbackFailed, types.StackStatusCreateFailed, types.StackStatusDeleteFailed:
		advice = fmt.Sprintf("`ssmbak-stack %s events` shows why; delete the stack with `ssmbak-stack %s delete`, then create it again", s.o.Name, s.o.Name)
	case types.StackStatusUpdateRollbackFailed:
		advice = fmt.Sprintf("fix the cause shown by `ssmbak-stack %s events`, then run `aws cloudformation continue-update-rollback --stack-name %s`", s.o.Name, s.o.Name)
	case types.StackStatusReviewInProgress:
		advice = fmt.Sprintf("it was created by a change set that was never executed: delete it with `ssmbak-stack %s delete`", s.o.Name)
	case types.StackStatusDeleteInProgress, types.StackStatusRollbackInProgress:
		advice = s.waitAdvice()
	default:
		return nil
	}
	return &StateError{s.o.Name, string(st.StackStatus), advice}
}

func (s *Stack) waitAdvice() string {
	return fmt.Sprintf("wait until this has finished: `ssmbak-stack %s events` shows the progress", s.o.Name)
}

// addFunctions adds the functions to a stack that has everything else.
func (s *Stack) addFunctions(ctx context.Context, st *types.Stack, named parameters) (*types.Stack, error) {
	if err := s.checkCaller(ctx, parametersOf(st)); err != nil {
		return nil, err
	}
	p := defaults()
	maps.Copy(p, parametersOf(st))
	maps.Copy(p, named)
	staged, err := s.stage(ctx, st, p, named)
	if err != nil {
		return nil, err
	}
	st, _, err = s.change(ctx, st, p, staged.template, false)
	return st, err
}

// input returns the parameters in CloudFormation's form, sorted by name.
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
