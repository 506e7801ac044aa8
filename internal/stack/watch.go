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

// watch follows what CloudFormation does with a stack.
type watch struct {
	s  *Stack
	id string // of the stack, under which also a deleted one is found
	// last is the newest event that was there before, "" for none.
	last string
	seen []Event // those that came, oldest first
}

// begin notes which events there are, before something is done to the stack.
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

// appear is how long a stack may take to be seen after it was created.
const appear = time.Minute

// end waits until CloudFormation is done, tells each event, and returns the stack
// as it is then. The error is a [*FailedError] if it is not in one of the
// states that are wanted, a [*NotFoundError] if there is no stack, and a
// [*WatchError] if the end was not seen. With an error there may be no stack.
func (w *watch) end(ctx context.Context, wanted ...types.StackStatus) (*types.Stack, error) {
	began := time.Now()
	for {
		st, err := w.s.describe(ctx, w.id)
		if err != nil {
			return nil, &WatchError{Name: w.s.o.Name, Err: err}
		}
		if st != nil || time.Since(began) > appear {
			if err := w.tell(ctx); err != nil && !notFound(err) {
				return nil, &WatchError{Name: w.s.o.Name, Err: err}
			}
		}
		switch {
		case st == nil && slices.Contains(wanted, types.StackStatusDeleteComplete) && time.Since(began) > appear:
			return nil, nil
		case st == nil && time.Since(began) > appear:
			return nil, &NotFoundError{w.s.o.Name, w.s.conn.Region()}
		case st == nil || strings.HasSuffix(string(st.StackStatus), "_IN_PROGRESS"):
		case slices.Contains(wanted, st.StackStatus):
			return st, nil
		default:
			return st, failed(w.s.o.Name, string(st.StackStatus), w.seen)
		}
		select {
		case <-ctx.Done():
			return nil, &WatchError{Name: w.s.o.Name, Err: ctx.Err()}
		case <-time.After(w.s.o.Poll):
		}
	}
}

// tell passes on the events that came since the last look.
func (w *watch) tell(ctx context.Context) error {
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
		w.seen = append(w.seen, e)
		w.s.o.Event(e)
	}
	return nil
}

// steady waits until nobody works on a stack any more, and tells what happens
// meanwhile. The error is a [*NotFoundError] if the stack was deleted meanwhile.
func (s *Stack) steady(ctx context.Context, st *types.Stack) (*types.Stack, error) {
	if !strings.HasSuffix(string(st.StackStatus), "_IN_PROGRESS") || st.StackStatus == types.StackStatusReviewInProgress {
		return st, nil
	}
	s.o.Note(fmt.Sprintf("the stack %s is %s: its end is awaited first", s.o.Name, st.StackStatus))
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
