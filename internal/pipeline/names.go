package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/pattern"
)

// Description is the description of every parameter of a test. A parameter with one of the
// names and another description is not a test's.
const Description = "Test of ssmbak-stack: it is deleted within minutes, do not use it"

// ForeignError reports parameters with the names of a test that no test created.
type ForeignError struct{ Names []ssmbak.Name }

func (e *ForeignError) Error() string {
	return "no test created " + archive.NameList(e.Names) + ", which the test would overwrite and delete"
}

// RunningError reports a test that began a short time ago and has not ended.
type RunningError struct {
	ID, By string
	Began  time.Time
	// Killed is when it must have been killed, if it has not ended until then.
	Killed time.Time
}

func (e *RunningError) Error() string {
	return fmt.Sprintf("test %s of %s, which began at %s, has not ended", e.ID, e.By, e.Began.Format(time.RFC3339))
}

// ExcludedError reports that the stack does not record the parameters of a test.
type ExcludedError struct{ Patterns []string }

func (e *ExcludedError) Error() string {
	return "the stack does not record " + archive.TestPath + ", because it excludes " + strings.Join(e.Patterns, ", ")
}

// LeftError reports parameters that a test created and could not remove.
type LeftError struct {
	Names []ssmbak.Name
	Err   error
}

func (e *LeftError) Error() string {
	return "cannot remove " + archive.NameList(e.Names) + ", which the test created: " + e.Err.Error()
}

func (e *LeftError) Unwrap() error { return e.Err }

// TimeError reports a part of a test that ran out of time.
type TimeError struct {
	What  string // the part
	Limit time.Duration
	// Err is what the part was doing, or the error of ctx.
	Err error
}

func (e *TimeError) Error() string {
	text := fmt.Sprintf("ran out of time: %s did not end within %s", e.What, e.Limit)
	if e.Err == context.DeadlineExceeded { //nolint:errorlint // an error that wraps it says more
		return text
	}
	return text + ": " + e.Err.Error()
}

func (e *TimeError) Unwrap() error { return e.Err }

// within calls do, whose ctx ends after a limit. The error is a [*TimeError] if that was
// the cause.
func within(ctx context.Context, what string, limit time.Duration, do func(ctx context.Context) error) error {
	end, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := do(end)
	if err != nil && end.Err() != nil && ctx.Err() == nil {
		return &TimeError{what, limit, err}
	}
	return err
}

// check reports whether a test may run, and returns the parameters that an earlier one,
// which was killed, has left. It changes nothing.
func (r *run) check(ctx context.Context) (leftovers []ssmbak.Name, err error) {
	complete, err := r.archive.Reconciled(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range Names {
		if pattern.Any(complete.Excluded, name) {
			return nil, &ExcludedError{complete.Excluded}
		}
	}
	var foreign []ssmbak.Name
	for _, name := range Names {
		h, err := r.live.History(ctx, name)
		switch {
		case errors.Is(err, paramstore.ErrNotFound):
		case err != nil:
			return nil, err
		case h.Newest().Description != Description:
			foreign = append(foreign, name)
		default:
			leftovers = append(leftovers, name)
		}
	}
	if len(foreign) > 0 {
		return nil, &ForeignError{foreign}
	}
	ids, err := r.archive.TestIDs(ctx)
	if err != nil || len(ids) == 0 {
		return leftovers, err
	}
	last, err := r.archive.Test(ctx, ids[0])
	var damaged *archive.DamagedError
	switch {
	case errors.As(err, &damaged): // it says nothing
	case err != nil:
		return nil, err
	case last.Ended.IsZero() && time.Since(last.Began) < killedAfter:
		return nil, &RunningError{ID: last.ID, By: last.By, Began: last.Began, Killed: last.Began.Add(killedAfter)}
	}
	return leftovers, nil
}

// recreation is how long a deleted name is not created again.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html
const recreation = 30 * time.Second

func (r *run) removeLeftovers(ctx context.Context, leftovers []ssmbak.Name) error {
	if len(leftovers) == 0 {
		return nil
	}
	if err := r.live.Delete(ctx, leftovers...); err != nil {
		return err
	}
	return wait(ctx, recreation)
}

// clear removes the parameters that the test created, except those that were
// overwritten. The error is a [*LeftError].
func (r *run) clear(ctx context.Context) error {
	if err := within(ctx, "their removal", removalTime, r.removeAll); err != nil {
		return &LeftError{r.left, err}
	}
	return nil
}

func (r *run) removeAll(ctx context.Context) error {
	absent := make(map[ssmbak.Name]int) // how often in a row reads did not show it
	for {
		names, err := r.remaining(ctx, absent)
		if err == nil && len(names) > 0 {
			err = r.live.Delete(ctx, names...)
		}
		if err == nil && len(r.left) == 0 {
			return nil
		}
		if err == nil {
			err = wait(ctx, time.Second)
		}
		if err != nil {
			return err
		}
	}
}

// remaining returns the parameters to delete, and sets left to those that may still exist.
// Reads may be late by about two seconds, and a creation whose response was lost takes
// effect at any time.
func (r *run) remaining(ctx context.Context, absent map[ssmbak.Name]int) (names []ssmbak.Name, err error) {
	const answeredLooks, lostLooks = 2, 5
	r.left = nil
	for _, name := range Names {
		answered, sent := r.created[name]
		if looks := absent[name]; !sent || looks >= lostLooks || answered && looks >= answeredLooks {
			continue
		}
		h, readErr := r.live.History(ctx, name)
		switch {
		case errors.Is(readErr, paramstore.ErrNotFound):
			if absent[name]++; answered && absent[name] == 1 {
				names = append(names, name) // the read may be late
			}
		case readErr != nil:
			err = readErr
		case h.Newest().Description != Description:
			r.problem("%s was overwritten during the test, and not removed", name)
			delete(r.created, name)
			continue
		default:
			absent[name] = 0
			names = append(names, name)
		}
		r.left = append(r.left, name)
	}
	return names, err
}
