package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
)

// Path is a parameter, or a path of parameters, at one moment: it can be looked
// at, and brought back. It is the shortest way to use this package; what it
// does is done by a [Restorer] without options.
type Path struct {
	restorer *Restorer
	target   ssmbak.Target
	at       ssmbak.Time
}

// NewPath returns the parameter or path at the moment: what happened in or
// before the millisecond of at has happened. A text with a trailing slash, or
// with recursive set, is a path, see [ssmbak.ParseTarget]. The other arguments
// are those of [New].
func NewPath(a *archive.Archive, live *paramstore.Store, sync Syncer, path string, recursive bool, at time.Time) (*Path, error) {
	target, err := ssmbak.ParseTarget(path, recursive)
	if err != nil {
		return nil, err
	}
	return &Path{restorer: New(a, live, sync, Options{}), target: target, at: ssmbak.TimeOf(at)}, nil
}

// Preview returns what was there at the moment, with its values, by name, from
// the archive alone. Parameters that had been deleted by then have Deleted set;
// those that did not exist yet are left out. A state whose Certainty is Unknown
// is the last known one. A value that cannot be had leaves HasValue unset and
// says why in NoValue.
//
// If the records of single parameters cannot be read, the others are returned
// together with an error that names those. Parameters that may be missing, or whose
// states the last complete listing could not confirm, are named by an
// [*archive.UnprovedError], which comes with the states too.
func (p *Path) Preview(ctx context.Context) ([]ssmbak.State, error) {
	r := p.restorer
	recorded, err := r.archive.Timelines(ctx, p.target)
	if err != nil {
		return nil, err
	}
	var subjects []*subject
	for i, line := range recorded.All {
		s := &subject{name: recorded.Names[i], origin: recorded.Names[i]}
		s.c.wanted, s.c.objects = line.At(p.at)
		if existed, _ := history(line.Facts(), p.at); existed {
			subjects = append(subjects, s)
		}
	}
	if err := each(ctx, reads, subjects, r.wantedValue); err != nil {
		return nil, err
	}
	states := make([]ssmbak.State, len(subjects))
	for i, s := range subjects {
		states[i] = s.c.wanted
	}
	var unread []error
	for _, problem := range recorded.Problems {
		unread = append(unread, fmt.Errorf("read the record of %s: %w", problem.Name, problem.Err))
	}
	if u := recorded.Unproved(p.target, p.at, p.at); !u.Empty() {
		unread = append(unread, &archive.UnprovedError{Unproved: u})
	}
	return states, errors.Join(unread...)
}

// Restore brings everything back that [Path.Preview] shows: it makes a plan and
// applies it. What had been deleted by then is deleted again; what did not
// exist yet is kept. One parameter that fails stops no other, so the outcomes
// have to be looked at.
func (p *Path) Restore(ctx context.Context) (Result, error) {
	plan, err := p.restorer.Plan(ctx, p.target, p.at)
	if err != nil {
		return Result{}, err
	}
	return p.restorer.Apply(ctx, plan)
}
