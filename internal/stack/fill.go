package stack

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ssmbak/ssmbak/archive"
)

// Fill starts a reconcile of all parameters by the stack's reconciler, also if ctx has ended.
// Unless it ends, Fill waits for up to two minutes, and then sets d.Listing to how far a
// listing came that began at since or later. The error is a [*FillError].
func (s *Stack) Fill(ctx context.Context, d *Deployed, since time.Time) error {
	starting, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTime)
	defer cancel()
	_, err := s.lambda.Invoke(starting, &lambda.InvokeInput{
		FunctionName: &d.ReconcilerName, InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(`{"ssmbak":"reconcile"}`),
	})
	if err != nil {
		return &FillError{err}
	}
	d.Filling = true
	if l := s.awaitFill(ctx, d.BucketName, since); !l.Began.IsZero() {
		d.Listing = l
	}
	return nil
}

// FillError reports that the stack is complete, but that the reconcile that fills
// its archive could not be started.
type FillError struct{ Err error }

func (e *FillError) Error() string {
	return "start the reconcile that fills the archive: " + e.Err.Error()
}

func (e *FillError) Unwrap() error { return e.Err }

// fillPatience is how long [Stack.Fill] waits for the reconcile that it starts, and startTime
// how long it tries to start it.
const (
	fillPatience = 2 * time.Minute
	startTime    = 20 * time.Second
)

// Listing is how far the last listing of all parameters came. Its lists of names are
// sorted.
type Listing struct {
	// Began is when it began, or zero if there was none.
	Began time.Time `json:"Time"`
	// Total is the number of parameters that it compares, and Left of those that are
	// still to be compared.
	Total, Left int
	// Unreadable lists parameters with a value that the functions could not read, Failed
	// those that could not be recorded, and Gaps those with newly found gaps.
	Unreadable, Failed, Gaps []string
}

// listed returns how far a listing came.
func listed(p archive.Progress) Listing {
	names := func(keep func(archive.Attempt) bool) []string {
		all := []string{} // not null in JSON
		for _, name := range p.Names(keep) {
			all = append(all, string(name))
		}
		return all
	}
	return Listing{
		Began: p.Began, Total: p.Total, Left: len(p.Todo),
		Unreadable: names(func(a archive.Attempt) bool { return a.Unreadable != "" }),
		Failed:     names(func(a archive.Attempt) bool { return a.Failed != "" }),
		Gaps:       names(func(a archive.Attempt) bool { return a.Gap }),
	}
}

// awaitFill waits for a listing that began at since or later, and for the values that it
// reads again, for fillPatience. It returns how far the listing came, or zero if that is not
// known. A failure is not reported, since the stack is complete.
func (s *Stack) awaitFill(ctx context.Context, bucket string, since time.Time) (l Listing) {
	ctx, cancel := context.WithTimeout(ctx, fillPatience)
	defer cancel()
	for ctx.Err() == nil {
		a, err := s.OpenArchive(ctx, bucket)
		if err == nil {
			var p archive.Progress
			if p, err = a.Progress(ctx); err == nil && !p.Began.Before(since) {
				again := p.Names(func(a archive.Attempt) bool { return a.Unreadable != "" && a.Tried.Add(time.Second).Before(p.Began) })
				if l = listed(p); p.Ended && len(again) == 0 {
					return l
				}
			}
		}
		if err != nil && ctx.Err() == nil {
			s.o.Logger.DebugContext(ctx, "cannot read the progress of the reconcile", "error", err.Error())
		}
		select {
		case <-ctx.Done():
		case <-time.After(s.o.Poll):
		}
	}
	return l
}
