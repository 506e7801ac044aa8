package stack

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// watch waits for an operation of CloudFormation on a stack to finish.
type watch struct {
	s        *Stack
	id       string  // the stack's ID, by which deleted stacks are found, too
	last     string  // ID of the newest event reported or present at the start, or ""
	reported []Event // oldest first
}

// begin returns a watch that reports only events from now on. It is called before an
// operation starts.
func (s *Stack) begin(ctx context.Context, id string) (*watch, error) {
	w := &watch{s: s, id: id}
	for e, err := range s.events(ctx, id) {
		if err != nil && !notFound(err) {
			return nil, err
		}
		w.last = e.ID
		break
	}
	return w, nil
}

// appearTimeout is how long a created stack may take to appear in responses.
const appearTimeout = time.Minute

// end waits until the operation has finished, reports each event, and returns the
// stack. The error is a [*FailedError] if the stack's status is not one of wanted, a
// [*NotFoundError] if the stack does not exist, or a [*WatchError] if waiting was
// interrupted or failed. The returned stack may be nil with an error.
func (w *watch) end(ctx context.Context, wanted ...types.StackStatus) (*types.Stack, error) {
	began := time.Now()
	for {
		st, err := w.s.describe(ctx, w.id)
		if err != nil {
			return nil, &WatchError{Name: w.s.o.Name, Err: err}
		}
		if st != nil || time.Since(began) > appearTimeout {
			if err := w.report(ctx); err != nil && !notFound(err) {
				return nil, &WatchError{Name: w.s.o.Name, Err: err}
			}
		}
		switch {
		case st == nil && slices.Contains(wanted, types.StackStatusDeleteComplete) && time.Since(began) > appearTimeout:
			return nil, nil
		case st == nil && time.Since(began) > appearTimeout:
			return nil, &NotFoundError{w.s.o.Name, w.s.conn.Region()}
		case st == nil || strings.HasSuffix(string(st.StackStatus), "_IN_PROGRESS"):
		case slices.Contains(wanted, st.StackStatus):
			return st, nil
		default:
			return st, failed(w.s.o.Name, string(st.StackStatus), w.reported)
		}
		select {
		case <-ctx.Done():
			return nil, &WatchError{Name: w.s.o.Name, Err: ctx.Err()}
		case <-time.After(w.s.o.Poll):
		}
	}
}

// report reports the events since the last call.
func (w *watch) report(ctx context.Context) error {
	last := w.last
	var fresh []Event
	for e, err := range w.s.events(ctx, w.id) {
		if err != nil {
			return err
		}
		if e.ID == last {
			break
		}
		fresh = append(fresh, e)
	}
	slices.Reverse(fresh)
	for _, e := range fresh {
		w.last = e.ID
		w.reported = append(w.reported, e)
		w.s.o.Event(e)
	}
	return nil
}

// waitIdle waits until no operation on the stack is in progress, and reports the
// events meanwhile. The error is a [*NotFoundError] if the stack was deleted
// meanwhile.
func (s *Stack) waitIdle(ctx context.Context, st *types.Stack) (*types.Stack, error) {
	if !strings.HasSuffix(string(st.StackStatus), "_IN_PROGRESS") || st.StackStatus == types.StackStatusReviewInProgress {
		return st, nil
	}
	s.o.Note(fmt.Sprintf("the stack %s is %s: waiting for this to finish", s.o.Name, st.StackStatus))
	w, err := s.begin(ctx, aws.ToString(st.StackId))
	if err != nil {
		return nil, err
	}
	st, err = w.end(ctx, types.StackStatus("").Values()...)
	if err == nil && (st == nil || st.StackStatus == types.StackStatusDeleteComplete) {
		return nil, &NotFoundError{s.o.Name, s.conn.Region()}
	}
	return st, err
}
