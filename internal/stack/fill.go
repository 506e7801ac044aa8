package stack

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ssmbak/ssmbak/archive"
)

// Fill starts a reconcile of all parameters and returns without waiting for it to
// finish.
func (s *Stack) Fill(ctx context.Context, reconciler string) error {
	_, err := s.lambda.Invoke(ctx, &lambda.InvokeInput{
		FunctionName: &reconciler, InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(`{"ssmbak":"reconcile"}`),
	})
	if err != nil {
		return &FillError{err}
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

// fillPatience is how long [Stack.Create] waits for the reconcile that it starts.
const fillPatience = 2 * time.Minute

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

// listing returns how far the last listing came.
func listing(ctx context.Context, a *archive.Archive) (Listing, error) {
	p, err := a.Progress(ctx)
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
	}, err
}

// awaitFill waits for the listing of the reconcile that was started at a time, for
// fillPatience. It returns how far the listing came, or zero if it is not known. A failure
// is not reported, since the stack is complete.
func (s *Stack) awaitFill(ctx context.Context, bucket string, began time.Time) (l Listing) {
	ctx, cancel := context.WithTimeout(ctx, fillPatience)
	defer cancel()
	for ctx.Err() == nil {
		a, err := s.openArchive(ctx, bucket)
		if err == nil {
			var last Listing
			if last, err = listing(ctx, a); err == nil && !last.Began.Before(began.Add(-time.Minute)) {
				if l = last; l.Left == 0 {
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
