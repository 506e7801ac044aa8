// Package health finds out whether an archive and the stack that fills it are healthy, as
// far as the caller may see.
//
// It reads the settings of the bucket, the functions, the queues and the archive, with read-only
// requests. What the caller may not see is neither healthy nor not: it is named together
// with the permission that would show it. No check guesses.
package health

import (
	"cmp"
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
)

// State is the result of a check.
type State string

// The states, from best to worst.
const (
	OK      State = "ok"
	Warning State = "warning" // works, but less is protected, measured or proved than could be
	Unseen  State = "unseen"  // the caller could not look
	Problem State = "problem" // needs attention
)

// states is the order of the states.
var states = []State{OK, Warning, Unseen, Problem}

// Check is one line of a status.
type Check struct {
	Name  string `json:"Check"`
	State State
	// Text says what was found, and Do what to do about it, "" for [OK]. Commands are in
	// backquotes.
	Text, Do string
}

// Report is the result of all checks.
type Report struct {
	Account, Region, Bucket string
	Checks                  []Check
	Figures
}

// Figures are what the checks measured. A pointer is nil, and a time zero, if that is not
// known.
type Figures struct {
	Stack, Version                 string
	Waiting, InFlight, DeadLetters *int
	// LastReconcile is when the last listing began, and CompleteUpTo when the last complete
	// one did. Left is the number of parameters that are left of the last one.
	LastReconcile, CompleteUpTo ssmbak.Time
	Left                        *int
	// Unreadable lists parameters with unavailable values, Failed those that could not be
	// recorded, Gaps those with newly found gaps, and Hidden those with a hidden index. They
	// are null in JSON if they are not known.
	Unreadable, Failed, Gaps, Hidden []ssmbak.Name
	RPO                              *RPO
	RTO                              *RTO
	// Checkpoint is the line of the newest checkpoint, "" if there is none.
	Checkpoint string `json:",omitempty"`
	// Drill is the last drill, nil if there was none.
	Drill *archive.Drill `json:"-"`
	// Verified is when the last complete verification of the archive began, and Faults the
	// number of faults that verifications found; nil if that is not known.
	Verified ssmbak.Time
	Faults   *int
	// Replication is what S3 says about the copy of the archive, nil if there is none.
	Replication *Replication `json:",omitempty"`
}

// Options say what to check.
type Options struct {
	// Deployment describes the stack; nil means the description in the archive.
	Deployment *archive.Deployment
	// Version is the version of this program.
	Version string
	// Owner is the account that must own the bucket, "" for the caller's.
	Owner string
	// Target is what a restore is estimated for.
	Target ssmbak.Target
	// Now is the present; nil means [time.Now].
	Now func() time.Time
}

// inspection is one run of all checks.
type inspection struct {
	conn    *awsconn.Conn
	archive *archive.Archive
	account string
	owner   string // of the bucket
	o       Options
	now     time.Time

	report Report
}

// Run runs all checks of an open archive of the caller's account and region. The error is
// that of ctx; any other failure is in the report.
//
// Requests: one to three for each check, one per 1,000 parameters for each of three
// listings of up to [MaxNames] parameters, and one for each of the at most [MaxSample] indexes
// that are read.
func Run(ctx context.Context, conn *awsconn.Conn, a *archive.Archive, account string, o Options) (Report, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	i := &inspection{conn: conn, archive: a, account: account, owner: cmp.Or(o.Owner, account), o: o, now: o.Now()}
	i.report = Report{Account: account, Region: conn.Region(), Bucket: a.Bucket()}
	deployment, described := i.deployment(ctx)
	probes := []func(context.Context) []Check{
		func(context.Context) []Check { return i.identity(deployment) },
		i.versioning, i.encryption, i.lock,
		func(context.Context) []Check { return described },
		func(ctx context.Context) []Check { return i.functions(ctx, deployment) },
		func(ctx context.Context) []Check { return i.queues(ctx, deployment) },
		func(ctx context.Context) []Check { return i.coverage(ctx, deployment) },
		i.checkpoint,
		func(ctx context.Context) []Check { return i.changes(ctx, deployment) },
		func(ctx context.Context) []Check { return i.lastVerification(ctx, deployment) },
		i.lastRestore, i.lastDrill, i.estimate,
	}
	found := make([][]Check, len(probes))
	var g errgroup.Group
	for n, probe := range probes {
		g.Go(func() error {
			found[n] = probe(ctx)
			return nil
		})
	}
	_ = g.Wait() // no probe returns an error
	for _, checks := range found {
		i.report.Checks = append(i.report.Checks, checks...)
	}
	return i.report, ctx.Err()
}

// State returns the worst state of the checks.
func (r Report) State() State {
	for n := len(states) - 1; n > 0; n-- {
		if r.Count(states[n]) > 0 {
			return states[n]
		}
	}
	return OK
}

// Count returns the number of checks with a state.
func (r Report) Count(s State) (n int) {
	for _, c := range r.Checks {
		if c.State == s {
			n++
		}
	}
	return n
}

func ok(name, text string) []Check { return []Check{{Name: name, State: OK, Text: text}} }

func problem(name, text, do string) []Check { return []Check{{name, Problem, text, do}} }

func warning(name, text, do string) []Check { return []Check{{name, Warning, text, do}} }

// unseen returns the check for something that could not be seen: what is its name in a
// sentence, and permission allows the request that failed.
func unseen(name, what, permission string, err error) []Check {
	if awsconn.IsDenied(err) {
		return []Check{{name, Unseen, "could not see " + what, permission + " would show it"}}
	}
	return []Check{{name, Unseen, "could not see " + what + ": " + awsconn.Redacted(err.Error()), "try again"}}
}

// ago returns how long ago a time was, without needless precision.
func (i *inspection) ago(at time.Time) string {
	d := i.now.Sub(at)
	switch {
	case d < time.Minute:
		return "less than a minute ago"
	case d < 2*time.Hour:
		return number(int(d.Minutes()), "minute") + " ago"
	case d < 48*time.Hour:
		return number(int(d.Hours()), "hour") + " ago"
	}
	return number(int(d.Hours()/24), "day") + " ago"
}
