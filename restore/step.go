package restore

import (
	"context"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
)

// Step is a step of making a plan, for [Options.Planning]. Not every plan has all of them,
// and not every parameter takes part in each.
type Step int8

// The steps, in their order. The first two may overlap.
const (
	StepRecords Step = iota // what is recorded is read
	StepLive                // what is live is listed
	StepValues              // values are read and compared
	StepTags                // live tags and labels are read, as far as they matter
)

func (r *Restorer) planning(s Step, n int) {
	if r.o.Planning != nil {
		r.o.Planning(s, n)
	}
}

func (r *Restorer) described(n int) { r.planning(StepLive, n) }

// observed returns a context in which reading a target is reported.
func (r *Restorer) observed(ctx context.Context) context.Context {
	return archive.WithObserver(ctx, func(ssmbak.Name) { r.planning(StepRecords, 1) })
}

// step returns f, which then reports the step of each subject.
func (r *Restorer) step(s Step, f func(context.Context, *subject) error) func(context.Context, *subject) error {
	return func(ctx context.Context, x *subject) error {
		defer r.planning(s, 1)
		return f(ctx, x)
	}
}
