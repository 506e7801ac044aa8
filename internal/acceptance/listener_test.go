//go:build aws

package acceptance

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ssmbak/ssmbak/internal/awsconn"
)

// listener gets events.
type listener interface {
	// seen returns those that came so far.
	seen() []json.RawMessage
}

// listen returns the listener of the run, which it starts if there is none. The error is an
// *unsettled if there can be none.
func (s *scratch) listen(ctx context.Context) (listener, error) {
	switch {
	case s.emulated != nil:
		return s.emulated, nil
	case s.kind != onAWS:
		return nil, notSettled("events cannot be seen at this endpoint")
	}
	s.listening.Lock()
	defer s.listening.Unlock()
	if s.heard != nil {
		return s.heard, nil
	}
	q, err := s.place.newQueue(ctx, s.plain)
	if strings.HasPrefix(codeOf(err), "AccessDenied") {
		err = notSettled("the credentials may not create the stack of a rule and a queue: %v", err)
	}
	if err != nil {
		return nil, err
	}
	go q.receive(ctx) // the context of all facts
	s.heard = q
	return q, nil
}

// rules is the template of a queue that gets the events about parameters.
const rules = `{"Resources": {
	"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"MessageRetentionPeriod": 3600}},
	"Policy": {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "Queue"}], "PolicyDocument": {"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": ["Queue", "Arn"]}}]}}},
	"Changes": {"Type": "AWS::Events::Rule", "DependsOn": "Policy", "Properties": {
		"EventPattern": {"source": ["aws.ssm"], "detail-type": ["Parameter Store Change", "Parameter Store Policy Action"]},
		"Targets": [{"Id": "queue", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}]}},
	"Tags": {"Type": "AWS::Events::Rule", "DependsOn": "Policy", "Properties": {
		"EventPattern": {"source": ["aws.tag"], "detail": {"service": ["ssm"], "resource-type": ["parameter"]}},
		"Targets": [{"Id": "queue", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}]}}},
	"Outputs": {"Url": {"Value": {"Ref": "Queue"}}}}`

// queue is a listener by a queue that the rules of a stack send events to.
type queue struct {
	client *sqs.Client
	url    string

	mu  sync.Mutex
	all []json.RawMessage
}

// newQueue creates the stack, and waits until it is complete.
func (p *place) newQueue(ctx context.Context, conn *awsconn.Conn) (*queue, error) {
	client, name := cloudformation.NewFromConfig(conn.Config()), p.resource("events")
	if _, err := client.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: &name, TemplateBody: aws.String(rules)}); err != nil {
		return nil, err
	}
	for {
		out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
		if err != nil {
			return nil, err
		}
		switch st := out.Stacks[0]; {
		case st.StackStatus == cfntypes.StackStatusCreateComplete:
			return &queue{client: sqs.NewFromConfig(conn.Config()), url: aws.ToString(st.Outputs[0].OutputValue)}, nil
		case st.StackStatus != cfntypes.StackStatusCreateInProgress:
			return nil, notSettled("the stack of the rule and the queue is %s: %s", st.StackStatus, aws.ToString(st.StackStatusReason))
		}
		if err := wait(ctx, 3*time.Second); err != nil {
			return nil, err
		}
	}
}

// receive receives events until ctx ends. Other parameters' events, which the facts ignore,
// are received, too.
func (q *queue) receive(ctx context.Context) {
	for ctx.Err() == nil {
		out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &q.url, MaxNumberOfMessages: 10, WaitTimeSeconds: 10})
		if err != nil {
			_ = wait(ctx, time.Second) // the events are missed, which the facts say
			continue
		}
		for _, m := range out.Messages {
			text := json.RawMessage(aws.ToString(m.Body))
			if strings.Contains(string(text), parameterPrefix) {
				q.mu.Lock()
				q.all = append(q.all, text)
				q.mu.Unlock()
			}
			_, _ = q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &q.url, ReceiptHandle: m.ReceiptHandle}) // or it is seen twice
		}
	}
}

func (q *queue) seen() []json.RawMessage {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.all)
}

// testListener sends events to the queue of the listener on moto, which has no events, and
// checks that those of other names are ignored.
func testListener(ctx context.Context, t *testing.T, p *place) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn, err := p.connect(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	q, err := p.newQueue(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/other/a", "/" + p.rootName() + "/a"} {
		body := `{"source":"aws.ssm","detail":{"name":"` + name + `"}}`
		if _, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: &body}); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	go func() { defer close(done); q.receive(ctx) }()
	for began := time.Now(); len(q.seen()) == 0; {
		if time.Since(began) > time.Minute {
			t.Fatal("the listener got no event")
		}
		_ = wait(ctx, 10*time.Millisecond)
	}
	cancel()
	<-done
	if all := q.seen(); len(all) != 1 || !strings.Contains(string(all[0]), p.rootName()) {
		t.Errorf("the listener got %s", all)
	}
}
