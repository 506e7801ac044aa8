// Package stack is the CloudFormation stack of ssmbak and its life: it creates,
// updates, watches and deletes it.
//
// # The model
//
// A Go function cannot stand inline in a template, so a stack is made in two
// steps: everything but the functions, then their zip is uploaded to the
// archive's bucket and an update adds them. Events in between wait in the queue.
// Whatever is interrupted is taken up by the same call again.
//
// Nothing here ever deletes or replaces the bucket, its key or the queue.
package stack

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"regexp"
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

// Options say which stack is meant.
type Options struct {
	Name string
	// Version is that of this ssmbak.
	Version string
	// Code returns the functions' zip for arm64 or x86_64. It is asked only when
	// the zip is needed.
	Code func(ctx context.Context, architecture string) (code.Zip, error)
	// Event is told each event of the stack as it comes, the oldest first, each
	// once; nil for none. Note is told what a person should know.
	Event func(Event)
	Note  func(text string)
	// Poll is how long to wait between looks at a stack that is worked on, 3 s
	// if zero.
	Poll time.Duration
	// Logger takes what happens below; nothing if nil.
	Logger *slog.Logger
}

// Stack is one stack by its name. It may be used by one goroutine at a time.
type Stack struct {
	o      Options
	conn   *awsconn.Conn
	cfn    *cloudformation.Client
	sqs    *sqs.Client
	lambda *lambda.Client
}

// maxName is how long a name may be: those of the functions are made from it,
// and have 64 characters at most.
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
const maxName = 50

var stackName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]{0,49}$`)

// New returns the stack of a name. It makes no request. The error is a
// [*NameError].
func New(conn *awsconn.Conn, o Options) (*Stack, error) {
	if !stackName.MatchString(o.Name) {
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

// Names of the stack's outputs.
const (
	OutputBucketName        = "BucketName"
	OutputKeyArn            = "KeyArn"
	OutputLambdaName        = "LambdaName"
	OutputReconcilerName    = "ReconcilerName"
	OutputQueueURL          = "QueueUrl"
	OutputDeadLetterURL     = "DeadLetterUrl"
	OutputReaderPolicyArn   = "ReaderPolicyArn"
	OutputRestorerPolicyArn = "RestorerPolicyArn"
	OutputPointerName       = "PointerName"
	OutputVersion           = "Version"

	// outputOriginalBucket is what the original's template calls the bucket.
	outputOriginalBucket = "Bucketname"
)

// Logical ids of resources, those of the original's template.
const (
	resourceBucket         = "Bucket"
	resourceKey            = "Key"
	resourceQueue          = "Q"
	resourceFunction       = "Function"
	resourceReconciler     = "Reconciler"
	resourceFunctionRole   = "FunctionRole"
	resourceReconcilerRole = "ReconcilerRole"
	resourcePointer        = "BucketParam"
)

const stackType = "AWS::CloudFormation::Stack"

// describe returns the stack as it is, nil if there is none.
func (s *Stack) describe(ctx context.Context, nameOrID string) (*types.Stack, error) {
	out, err := s.cfn.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &nameOrID})
	if says(err, "ValidationError", "does not exist") {
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

// known returns the stack as it is. The error is a [*NotFoundError] if there is
// none.
func (s *Stack) known(ctx context.Context) (*types.Stack, error) {
	st, err := s.describe(ctx, s.o.Name)
	if err == nil && st == nil {
		err = &NotFoundError{s.o.Name, s.conn.Region()}
	}
	return st, err
}

// kind is whose template a stack is of.
type kind int8

const (
	foreign kind = iota
	ours
	original
)

// kind finds out whose template a stack is of.
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
	return original, nil
}

func parametersOf(st *types.Stack) parameters {
	p := make(parameters)
	for _, x := range st.Parameters {
		p[aws.ToString(x.ParameterKey)] = aws.ToString(x.ParameterValue)
	}
	return p
}

// Output is one output of a stack.
type Output struct{ Key, Value, Description string }

// Outputs returns the stack's outputs. The error is a [*NotFoundError] if there
// is no stack.
func (s *Stack) Outputs(ctx context.Context) ([]Output, error) {
	st, err := s.known(ctx)
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
		if o.Key == key || key == OutputBucketName && o.Key == outputOriginalBucket {
			return o.Value
		}
	}
	return ""
}

// BucketName returns the name of the archive's bucket, also of a stack of the
// original. The error is a [*NotFoundError] if there is no stack, and a
// [*ForeignError] if it has no bucket.
func (s *Stack) BucketName(ctx context.Context) (string, error) {
	return s.named(ctx, OutputBucketName, resourceBucket)
}

// LambdaName returns the name of the function that records changes, also of a
// stack of the original. The errors are those of [Stack.BucketName].
func (s *Stack) LambdaName(ctx context.Context) (string, error) {
	return s.named(ctx, OutputLambdaName, resourceFunction)
}

// named returns an output, or the resource that it would name.
func (s *Stack) named(ctx context.Context, key, logicalID string) (string, error) {
	st, err := s.known(ctx)
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
		return "", &StateError{s.o.Name, string(st.StackStatus) + " without its functions", fmt.Sprintf("`ssmbak-stack %s create` goes on", s.o.Name)}
	}
	return "", &ForeignError{s.o.Name}
}

// Resource is one resource of a stack.
type Resource struct{ LogicalID, PhysicalID, Type, Status, Reason string }

// Resources returns the stack's resources.
func (s *Stack) Resources(ctx context.Context) ([]Resource, error) {
	all := []Resource{}
	pages := cloudformation.NewListStackResourcesPaginator(s.cfn, &cloudformation.ListStackResourcesInput{StackName: &s.o.Name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if says(err, "ValidationError", "does not exist") {
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

// Event is one event of a stack.
type Event struct {
	ID   string
	Time time.Time
	// Status is such as CREATE_COMPLETE, Resource the logical id, the stack's
	// name for the stack itself.
	Status, Resource, Type, Reason string
}

// Events returns the stack's events, the newest first.
func (s *Stack) Events(ctx context.Context) iter.Seq2[Event, error] { return s.events(ctx, s.o.Name) }

func (s *Stack) events(ctx context.Context, nameOrID string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		pages := cloudformation.NewDescribeStackEventsPaginator(s.cfn, &cloudformation.DescribeStackEventsInput{StackName: &nameOrID})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if says(err, "ValidationError", "does not exist") {
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

// notFound reports whether err says that there is no stack.
func notFound(err error) bool {
	var missing *NotFoundError
	return errors.As(err, &missing)
}
