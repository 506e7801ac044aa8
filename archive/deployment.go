package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

const deploymentKey = reserved + "stack"

var deploymentKind = bucket.Kind[Deployment]{Format: 1, Limit: 64 << 10, Latest: (*Deployment).latest, Check: checkDeployment}

// Deployment describes the stack that records into the archive, so that readers without
// permissions for CloudFormation find its functions and queues. No answer about a parameter
// depends on it.
type Deployment struct {
	Format int    `json:"format"`
	Reader int    `json:"reader,omitempty"` // the least format that a program must support to read it
	Writer string `json:"writer"`
	// Stack is the name of the stack, and Version the version of ssmbak that deployed it at
	// Time, in milliseconds of UTC.
	Stack   string      `json:"stack"`
	Version string      `json:"version,omitempty"`
	Time    ssmbak.Time `json:"time"`
	// Recorder and Reconciler are the names of the functions, and Code is the SHA-256, in
	// hexadecimal, of the zip that they run.
	Recorder   string `json:"recorder,omitempty"`
	Reconciler string `json:"reconciler,omitempty"`
	Code       string `json:"code,omitempty"`
	// Queue and DeadLetters are the URLs of the queues.
	Queue       string `json:"queue,omitempty"`
	DeadLetters string `json:"deadLetters,omitempty"`
	// MissedHours is the number of hours without a complete reconcile after which there is
	// an alarm.
	MissedHours int `json:"missedHours,omitempty"`
	// Verifier is the name of the function that verifies the archive on a schedule, "" if
	// there is none, and VerifyHours the number of hours without a complete verification after
	// which there is an alarm.
	Verifier    string `json:"verifier,omitempty"`
	VerifyHours int    `json:"verifyHours,omitempty"`
	// Replica is the bucket to which the stack lets S3 replicate the archive, "" for none.
	Replica string `json:"replica,omitempty"`
}

// isDigest reports whether a text is a SHA-256 in hexadecimal digits of lower case.
func isDigest(text string) bool {
	return len(text) == 2*sha256.Size && strings.Trim(text, "0123456789abcdef") == ""
}

func (d *Deployment) latest() ssmbak.Time { return d.Time }

func checkDeployment(_ string, d *Deployment) error {
	if d.Stack == "" {
		return errors.New("it names no stack")
	}
	if d.MissedHours < 0 || d.VerifyHours < 0 || d.Code != "" && !isDigest(d.Code) {
		return errors.New("its numbers, or the digest of its code, are impossible")
	}
	return nil
}

// Deployment reads the description of the stack. exists is false if no stack of this
// version of ssmbak records into the archive. The error may be a [*FormatError] or a
// [*DamagedError].
func (a *Archive) Deployment(ctx context.Context) (d Deployment, exists bool, err error) {
	found, err := load(ctx, a, &deploymentKind, deploymentKey)
	return found.Value, found.Exists && err == nil, err
}

// KeepDeployment replaces the description of the stack, also a damaged one, and sets its
// time.
func (a *Archive) KeepDeployment(ctx context.Context, d Deployment) error {
	d.Writer, d.Time = a.writer, ssmbak.TimeOf(time.Now())
	return overwrite(ctx, a, &deploymentKind, deploymentKey, func(now bucket.Document[Deployment]) (Deployment, bool, error) {
		return d, now.Value.Writer != d.Writer || now.Value.Time != d.Time, nil
	})
}
