package paramstore

import (
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
)

// BusyPatience is how long writes of a parameter that are refused with
// TooManyUpdates are tried. There are two kinds: one without a message where
// writes of a parameter meet, which passes at once, and one that lasts, for days
// at times, where a parameter is created after its deletion: "Failed to create
// the parameter since stale tags associated to the name detected".
// https://github.com/airbnb/streamalert/issues/682
// https://github.com/awslabs/aws-orbit-workbench/issues/1170
const BusyPatience = 10 * time.Minute

// busyUnsaid is for how long nothing is said of it.
const busyUnsaid = 2 * time.Second

// busy is since when the writes of parameters are refused with TooManyUpdates. Its
// methods may be called by many goroutines at once.
type busy struct {
	waiting func(parameter, message string) // nil says nothing

	mu     sync.Mutex
	spells map[string]spell // by parameter
}

// spell is a time in which all writes of a parameter are refused.
type spell struct{ first, last time.Time }

// since returns for how long the writes of a parameter have been refused, this
// answer being the latest. What begins after another one gave up is tried once.
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

// say says that a parameter is waited for.
func (b *busy) say(parameter, message string) {
	if b.waiting == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting(parameter, message)
}

// busyWith returns what AWS says with a TooManyUpdates.
func busyWith(err error) (message string, ok bool) {
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "TooManyUpdates" {
		return "", false
	}
	return api.ErrorMessage(), true
}

// parameterOf returns the name of the parameter that a call writes, "" if it
// writes none or several.
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
