// Package awsclock compares the clock of this machine with that of AWS.
package awsclock

import (
	"sync/atomic"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
)

// Clock is the clock of this machine as the last response of a service showed it. The zero value
// has seen none, and believes the machine. It is safe for concurrent use.
type Clock struct{ ahead atomic.Int64 }

// Differences in these bounds are not clear: a response is some time on its way, and its Date has
// a precision of one second. https://www.rfc-editor.org/rfc/rfc9110#name-date
const (
	behind = 2 * time.Second
	ahead  = 3 * time.Second
)

// Note compares the clocks by the response to a request.
func (c *Clock) Note(response middleware.Metadata) {
	server, ok := awsmiddleware.GetServerTime(response)
	local, ok2 := awsmiddleware.GetResponseAt(response)
	if ok && ok2 {
		c.ahead.Store(int64(local.Sub(server)))
	}
}

// Ahead returns by how much the clock of this machine is ahead of that of the service, less than
// zero if it is behind, and zero if they do not clearly differ. It may be too great by the time
// that the response was on its way, and by a second.
func (c *Clock) Ahead() time.Duration {
	d := time.Duration(c.ahead.Load())
	if -behind <= d && d <= ahead {
		return 0
	}
	return d
}

// Now returns the time by the clock of this machine, or by that of the service if they clearly
// differ.
func (c *Clock) Now() time.Time { return time.Now().Add(-c.Ahead()) }
