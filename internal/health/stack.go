package health

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ssmbak/ssmbak/archive"
)

// deployment returns the description of the stack, nil if there is none, and the check about
// it.
func (i *inspection) deployment(ctx context.Context) (*archive.Deployment, []Check) {
	d := i.o.Deployment
	if d == nil {
		recorded, exists, err := i.archive.Deployment(ctx)
		switch {
		case err != nil:
			return nil, unseen("stack", "which stack records", "s3:GetObject on .ssmbak/stack", err)
		case !exists:
			return nil, warning("stack", "the archive names no stack that records into it, so its functions and queues are not checked", "`ssmbak-stack NAME update` writes the names into the archive")
		}
		d = &recorded
	}
	i.report.Stack, i.report.Version = d.Stack, d.Version
	for _, url := range []string{d.Queue, d.DeadLetters} {
		// Who may write to the archive must not choose the queue of another account.
		if url != "" && (!strings.Contains(url, "/"+i.account+"/") || !strings.Contains(url, i.conn.Region())) {
			return nil, problem("stack", "the archive names the queue "+url+", which is not one of this account and region", "`ssmbak-stack "+d.Stack+" update` writes the names again; find out who changed .ssmbak/stack")
		}
	}
	text := d.Stack + ", deployed by ssmbak " + versionText(d.Version)
	if i.o.Version != "" && d.Version != i.o.Version {
		return d, warning("stack", text+", but this is "+i.o.Version, "`ssmbak-stack "+d.Stack+" update` updates it")
	}
	return d, ok("stack", text)
}

func versionText(v string) string {
	if v == "" {
		return "(unknown)"
	}
	return v
}

// functions checks that the functions run the deployed code, and that the recorder gets
// messages.
func (i *inspection) functions(ctx context.Context, d *archive.Deployment) []Check {
	if d == nil || d.Recorder == "" {
		return nil
	}
	client := lambda.NewFromConfig(i.conn.Config())
	names := []string{d.Recorder}
	for _, name := range []string{d.Reconciler, d.Verifier} {
		if name != "" {
			names = append(names, name)
		}
	}
	for _, name := range names {
		out, err := client.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
		if missing := new(lambdatypes.ResourceNotFoundException); errors.As(err, &missing) {
			return problem("functions", "the function "+name+" does not exist", "`ssmbak-stack "+d.Stack+" status` shows the state of the stack")
		}
		if err != nil {
			return unseen("functions", "the function "+name, "lambda:GetFunctionConfiguration", err)
		}
		code, _ := base64.StdEncoding.DecodeString(aws.ToString(out.CodeSha256)) // other text differs as well
		switch {
		case d.Code != "" && hex.EncodeToString(code) != d.Code:
			return problem("functions", "the function "+name+" runs other code than the stack deployed", "`ssmbak-stack "+d.Stack+" update` deploys it again; find out who changed it")
		case out.State == lambdatypes.StateFailed || out.LastUpdateStatus == lambdatypes.LastUpdateStatusFailed:
			return problem("functions", fmt.Sprintf("the function %s is not usable: %s", name, aws.ToString(out.StateReason)+aws.ToString(out.LastUpdateStatusReason)), "`ssmbak-stack "+d.Stack+" update` deploys it again")
		}
	}
	text := list(names) + ": deployed code"
	mapped, err := client.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{FunctionName: &d.Recorder})
	if err != nil {
		return append(ok("functions", text), unseen("functions", "whether "+d.Recorder+" gets messages", "lambda:ListEventSourceMappings", err)...)
	}
	for _, m := range mapped.EventSourceMappings {
		switch aws.ToString(m.State) {
		case "Enabled", "Enabling", "Updating", "Creating":
			return ok("functions", text)
		}
	}
	if len(mapped.EventSourceMappings) == 0 {
		return problem("functions", d.Recorder+" gets no messages: it has no event source mapping", "`ssmbak-stack "+d.Stack+" update`; changes wait in the queue for up to 14 days")
	}
	m := mapped.EventSourceMappings[0]
	return problem("functions", d.Recorder+" gets no messages: its event source mapping is "+aws.ToString(m.State),
		"`aws lambda update-event-source-mapping --uuid "+aws.ToString(m.UUID)+" --enabled`; changes wait in the queue for up to 14 days")
}

// busyQueue is the number of waiting changes from which on the recorder does not keep up: it
// records several in a second.
const busyQueue = 1000

// queues checks how many changes wait.
func (i *inspection) queues(ctx context.Context, d *archive.Deployment) (all []Check) {
	if d == nil || d.Queue == "" {
		return nil
	}
	logs := "`aws logs tail /aws/lambda/" + d.Recorder + "`"
	switch visible, hidden, found, err := i.depth(ctx, d.Queue); {
	case err != nil:
		all = unseen("queue", "how many changes wait", "sqs:GetQueueAttributes on "+queueName(d.Queue), err)
	case !found:
		all = problem("queue", "the queue "+d.Queue+" does not exist", "`ssmbak-stack "+d.Stack+" status` shows the state of the stack")
	default:
		i.report.Waiting, i.report.InFlight = &visible, &hidden
		text := fmt.Sprintf("%s waiting, %d being recorded", number(visible, "change"), hidden)
		if all = ok("queue", text); visible >= busyQueue {
			all = problem("queue", text+": they are not recorded as fast as they come", "see why with "+logs+"; `ssmbak-stack "+d.Stack+" update --concurrency N --ssm-rate N` makes it faster")
		}
	}
	if d.DeadLetters == "" {
		return all
	}
	switch dead, _, found, err := i.depth(ctx, d.DeadLetters); {
	case err != nil:
		return append(all, unseen("dead letters", "how many changes could not be recorded", "sqs:GetQueueAttributes on "+queueName(d.DeadLetters), err)...)
	case !found:
		return append(all, problem("dead letters", "the queue "+d.DeadLetters+" does not exist", "`ssmbak-stack "+d.Stack+" status` shows the state of the stack")...)
	case dead > 0:
		i.report.DeadLetters = &dead
		return append(all, problem("dead letters", number(dead, "change")+" could not be recorded", "see why with "+logs+" and fix the cause, then run `ssmbak-stack "+d.Stack+" redrive`")...)
	default:
		i.report.DeadLetters = &dead
		return append(all, ok("dead letters", "none")...)
	}
}

// queueName returns the name of a queue, the last part of its URL.
func queueName(url string) string { return url[strings.LastIndex(url, "/")+1:] }

// depth returns the approximate numbers of visible messages in a queue and of those being
// processed. found is false if there is no such queue.
func (i *inspection) depth(ctx context.Context, url string) (visible, hidden int, found bool, err error) {
	out, err := sqs.NewFromConfig(i.conn.Config()).GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{
		sqstypes.QueueAttributeNameApproximateNumberOfMessages, sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
	}})
	if missing := new(sqstypes.QueueDoesNotExist); errors.As(err, &missing) {
		return 0, 0, false, nil
	}
	if err != nil {
		return 0, 0, false, err
	}
	visible, err = strconv.Atoi(out.Attributes[string(sqstypes.QueueAttributeNameApproximateNumberOfMessages)])
	if err == nil {
		hidden, err = strconv.Atoi(out.Attributes[string(sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible)])
	}
	return visible, hidden, true, err
}
