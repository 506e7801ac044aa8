package paramstore

import (
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
)

// BusyPatience is how long writes that fail with TooManyUpdates are retried. AWS
// returns it without a message for concurrent writes of a parameter, which succeed
// when retried. It also returns it, sometimes for days, for the creation of a
// parameter that was deleted before: "Failed to create the parameter since stale
// tags associated to the name detected".
// https://github.com/airbnb/streamalert/issues/682
// https://github.com/awslabs/aws-orbit-workbench/issues/1170
const BusyPatience = 10 * time.Minute

// busyUnsaid is how long a write waits before [Options.Waiting] is called.
const busyUnsaid = 2 * time.Second

// busy records since when the writes of each parameter have failed with
// TooManyUpdates. It is safe for concurrent use.
type busy struct {
	waiting func(parameter, message string) // may be nil

	mu     sync.Mutex
	spells map[string]spell // by parameter
}

// spell is an interval in which every write of a parameter failed.
type spell struct{ first, last time.Time }

// since records another failure and returns how long the writes of a parameter have
// been failing. A write that starts after an earlier one gave up is tried once.
func (b *busy) since(parameter string) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, s := time.Now(), b.spells[parameter]
	if now.Sub(s.last) > BusyPatience {
		s.first = now
	}
	s.last = now
	b.spells[parameter] = s
	return now.Sub(s.first)
}

func (b *busy) over(parameter string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.spells, parameter)
}

// say reports that a write of a parameter is waiting.
func (b *busy) say(parameter, message string) {
	if b.waiting == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting(parameter, message)
}

// busyWith returns AWS's message if err is TooManyUpdates.
func busyWith(err error) (message string, ok bool) {
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "TooManyUpdates" {
		return "", false
	}
	return api.ErrorMessage(), true
}

// parameterOf returns the name of the parameter that a call writes, or "" if it
// does not write exactly one.
func parameterOf(input any) string {
	switch in := input.(type) {
	case *ssm.PutParameterInput:
		return aws.ToString(in.Name)
	case *ssm.LabelParameterVersionInput:
		return aws.ToString(in.Name)
	case *ssm.UnlabelParameterVersionInput:
		return aws.ToString(in.Name)
	case *ssm.AddTagsToResourceInput:
		return aws.ToString(in.ResourceId)
	case *ssm.RemoveTagsFromResourceInput:
		return aws.ToString(in.ResourceId)
	}
	return ""
}
