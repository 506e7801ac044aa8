// Package stack manages the CloudFormation stack of ssmbak: it creates, updates,
// watches and deletes it.
//
// A template cannot contain the code of a Go function, so a stack is created in two
// steps: first everything but the functions, then, after their zip was uploaded to
// the archive's bucket, the functions, by an update. Events in between wait in the
// queue. An interrupted operation is resumed by the same call.
//
// No operation replaces the bucket, its key or the queue, and none deletes the
// bucket or the key.
package stack

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/stack/code"
)

// Options configure a [Stack].
type Options struct {
	Name string
	// Version is the version of this ssmbak.
	Version string
	// Code returns the functions' zip for arm64 or x86_64. It is called only when the
	// zip is needed.
	Code func(ctx context.Context, architecture string) (code.Zip, error)
	// CodeFile is the file of Code that the user has named, "" for none. A stack whose code
	// is published refuses it.
	CodeFile string
	// Tags are those of the stack, which CloudFormation adds to its resources; nil keeps
	// them. ServiceRole is the ARN of the role with which CloudFormation changes the stack;
	// "" means the previous one, or else the caller's permissions.
	Tags        map[string]string
	ServiceRole string
	// Event is called once for each event of the stack while an operation is in
	// progress, oldest first. Note is called with messages for the user. Both may be
	// nil.
	Event func(Event)
	Note  func(text string)
	// Poll is the interval at which the state of the stack is polled while an
	// operation is in progress; 0 means 3 seconds.
	Poll time.Duration
	// Logger receives debug output; nil discards it.
	Logger *slog.Logger
}

// Stack is a stack, which may not exist yet. It is not safe for concurrent use.
type Stack struct {
	o      Options
	conn   *awsconn.Conn
	cfn    *cloudformation.Client
	sqs    *sqs.Client
	lambda *lambda.Client
}

// maxName is the maximum length of a name. The functions' names are derived from it
// and may have at most 64 characters.
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
const maxName = 50

var stackName = form(`^[a-zA-Z][a-zA-Z0-9-]{0,49}$`)

// New returns the stack with the name in o. It makes no request. The error is a
// [*NameError].
func New(conn *awsconn.Conn, o Options) (*Stack, error) {
	if !stackName().MatchString(o.Name) {
		return nil, &NameError{o.Name}
	}
	if o.Event == nil {
		o.Event = func(Event) {}
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
	if o.Poll <= 0 {
		o.Poll = 3 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	config := conn.Config()
	return &Stack{
		o: o, conn: conn, cfn: cloudformation.NewFromConfig(config), sqs: sqs.NewFromConfig(config), lambda: lambda.NewFromConfig(config),
	}, nil
}

// The outputs of the stack.
const (
	OutputBucketName        = "BucketName"
	OutputKeyArn            = "KeyArn"
	OutputSignKeyArn        = "SignKeyArn"
	OutputLambdaName        = "LambdaName"
	OutputReconcilerName    = "ReconcilerName"
	OutputVerifierName      = "VerifierName"
	OutputQueueURL          = "QueueUrl"
	OutputDeadLetterURL     = "DeadLetterUrl"
	OutputReaderPolicyArn   = "ReaderPolicyArn"
	OutputRestorerPolicyArn = "RestorerPolicyArn"
	OutputPointerName       = "PointerName"
	OutputVersion           = "Version"

	// outputLegacyBucket is the output [OutputBucketName] of a stack of the legacy
	// ssmbak.
	outputLegacyBucket = "Bucketname"
)

// Logical IDs of resources. The legacy ssmbak's template has the same for those that
// it has.
const (
	resourceBucket         = "Bucket"
	resourceKey            = "Key"
	resourceQueue          = "Q"
	resourceFunction       = "Function"
	resourceReconciler     = "Reconciler"
	resourceVerifier       = "Verifier"
	resourceFunctionRole   = "FunctionRole"
	resourceReconcilerRole = "ReconcilerRole"
	resourceVerifierRole   = "VerifierRole"
	resourcePointer        = "BucketParam"
)

const stackType = "AWS::CloudFormation::Stack"

// tags returns the tags of the stack after a change; st is nil if it does not exist yet.
func (s *Stack) tags(st *types.Stack) (all []types.Tag) {
	if s.o.Tags == nil && st != nil {
		return st.Tags
	}
	for _, key := range slices.Sorted(maps.Keys(s.o.Tags)) {
		all = append(all, types.Tag{Key: &key, Value: aws.String(s.o.Tags[key])})
	}
	return all
}

// serviceRole returns the ARN of the role of CloudFormation, or nil to keep the previous one.
func (s *Stack) serviceRole() *string {
	if s.o.ServiceRole == "" {
		return nil
	}
	return &s.o.ServiceRole
}

// describe returns the current description of the stack, or nil if it does not
// exist.
func (s *Stack) describe(ctx context.Context, nameOrID string) (*types.Stack, error) {
	out, err := s.cfn.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &nameOrID})
	if isAPIError(err, "ValidationError", "does not exist") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("describe the stack %s: %w", s.o.Name, err)
	}
	if len(out.Stacks) == 0 {
		return nil, nil
	}
	return &out.Stacks[0], nil
}

// existing returns the current description of the stack. The error is a
// [*NotFoundError] if the stack does not exist.
func (s *Stack) existing(ctx context.Context) (*types.Stack, error) {
	st, err := s.describe(ctx, s.o.Name)
	if err == nil && st == nil {
		err = &NotFoundError{s.o.Name, s.conn.Region()}
	}
	return st, err
}

// kind says which program created a stack.
type kind int8

const (
	foreign kind = iota // neither this ssmbak nor the legacy one
	ours
	legacy
)

// kind returns the kind of a stack, by its parameters and resources.
func (s *Stack) kind(ctx context.Context, st *types.Stack) (kind, error) {
	if _, ok := parametersOf(st)[parameterCodeKey]; ok {
		return ours, nil
	}
	all, err := s.Resources(ctx)
	if err != nil {
		return foreign, err
	}
	for id, kind := range map[string]string{
		resourceBucket: "AWS::S3::Bucket", resourceQueue: "AWS::SQS::Queue", resourceFunction: "AWS::Lambda::Function", "EventRule": "AWS::Events::Rule",
	} {
		if !slices.ContainsFunc(all, func(r Resource) bool { return r.LogicalID == id && r.Type == kind }) {
			return foreign, nil
		}
	}
	return legacy, nil
}

func parametersOf(st *types.Stack) parameters {
	p := make(parameters)
	for _, x := range st.Parameters {
		p[aws.ToString(x.ParameterKey)] = aws.ToString(x.ParameterValue)
	}
	return p
}

// Output is an output of a stack.
type Output struct{ Key, Value, Description string }

// Outputs returns the outputs of the stack. The error is a [*NotFoundError] if the
// stack does not exist.
func (s *Stack) Outputs(ctx context.Context) ([]Output, error) {
	st, err := s.existing(ctx)
	if err != nil {
		return nil, err
	}
	return outputsOf(st), nil
}

func outputsOf(st *types.Stack) []Output {
	all := make([]Output, 0, len(st.Outputs))
	for _, o := range st.Outputs {
		all = append(all, Output{aws.ToString(o.OutputKey), aws.ToString(o.OutputValue), aws.ToString(o.Description)})
	}
	return all
}

func output(st *types.Stack, key string) string {
	for _, o := range outputsOf(st) {
		if o.Key == key || key == OutputBucketName && o.Key == outputLegacyBucket {
			return o.Value
		}
	}
	return ""
}

// BucketName returns the name of the archive's bucket, also for a stack of the
// legacy ssmbak. The error is a [*NotFoundError] if the stack does not exist, a
// [*StateError] if its creation is incomplete, or a [*ForeignError] if ssmbak did not
// create it.
func (s *Stack) BucketName(ctx context.Context) (string, error) {
	return s.outputOrResource(ctx, OutputBucketName, resourceBucket)
}

// LambdaName returns the name of the function that records changes, also for a stack
// of the legacy ssmbak. The errors are those of [Stack.BucketName].
func (s *Stack) LambdaName(ctx context.Context) (string, error) {
	return s.outputOrResource(ctx, OutputLambdaName, resourceFunction)
}

// outputOrResource returns the output with a key or, if there is none, the physical
// ID of a resource.
func (s *Stack) outputOrResource(ctx context.Context, key, logicalID string) (string, error) {
	st, err := s.existing(ctx)
	if err != nil {
		return "", err
	}
	if value := output(st, key); value != "" {
		return value, nil
	}
	all, err := s.Resources(ctx)
	if err != nil {
		return "", err
	}
	for _, r := range all {
		if r.LogicalID == logicalID && r.PhysicalID != "" {
			return r.PhysicalID, nil
		}
	}
	if _, ok := parametersOf(st)[parameterCodeKey]; ok {
		return "", &StateError{s.o.Name, string(st.StackStatus) + " without its functions", fmt.Sprintf("`ssmbak-stack %s create` resumes its creation", s.o.Name)}
	}
	return "", &ForeignError{s.o.Name}
}

// Resource is a resource of a stack.
type Resource struct {
	LogicalID            string `json:"Resource"`
	PhysicalID           string `json:"PhysicalId"`
	Type, Status, Reason string
}

// Resources returns the resources of the stack. The error is a [*NotFoundError] if
// the stack does not exist.
func (s *Stack) Resources(ctx context.Context) ([]Resource, error) {
	all := []Resource{}
	pages := cloudformation.NewListStackResourcesPaginator(s.cfn, &cloudformation.ListStackResourcesInput{StackName: &s.o.Name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if isAPIError(err, "ValidationError", "does not exist") {
			return nil, &NotFoundError{s.o.Name, s.conn.Region()}
		}
		if err != nil {
			return nil, fmt.Errorf("list the resources of the stack %s: %w", s.o.Name, err)
		}
		for _, r := range page.StackResourceSummaries {
			if aws.ToString(r.LogicalResourceId) == "" {
				continue
			}
			all = append(all, Resource{
				aws.ToString(r.LogicalResourceId), aws.ToString(r.PhysicalResourceId), aws.ToString(r.ResourceType), string(r.ResourceStatus), aws.ToString(r.ResourceStatusReason),
			})
		}
	}
	return all, nil
}

// Event is an event of a stack.
type Event struct {
	ID   string
	Time time.Time // in UTC
	// Status is a status such as CREATE_COMPLETE. Resource is the resource's logical
	// ID, or the stack's name for an event of the stack.
	Status, Resource, Type, Reason string
}

// Events returns the events of the stack, newest first. The error is a
// [*NotFoundError] if the stack does not exist.
func (s *Stack) Events(ctx context.Context) iter.Seq2[Event, error] { return s.events(ctx, s.o.Name) }

func (s *Stack) events(ctx context.Context, nameOrID string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		pages := cloudformation.NewDescribeStackEventsPaginator(s.cfn, &cloudformation.DescribeStackEventsInput{StackName: &nameOrID})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if isAPIError(err, "ValidationError", "does not exist") {
				yield(Event{}, &NotFoundError{s.o.Name, s.conn.Region()})
				return
			}
			if err != nil {
				yield(Event{}, fmt.Errorf("list the events of the stack %s: %w", s.o.Name, err))
				return
			}
			for _, e := range page.StackEvents {
				x := Event{
					aws.ToString(e.EventId), aws.ToTime(e.Timestamp).UTC(), string(e.ResourceStatus), aws.ToString(e.LogicalResourceId),
					aws.ToString(e.ResourceType), aws.ToString(e.ResourceStatusReason),
				}
				if !yield(x, nil) {
					return
				}
			}
		}
	}
}

// notFound reports whether err means that the stack does not exist.
func notFound(err error) bool {
	var missing *NotFoundError
	return errors.As(err, &missing)
}
