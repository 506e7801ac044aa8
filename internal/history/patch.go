// Package history says of recorded changes what they changed, and which restore made them.
package history

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/timeline"
)

// Patcher compares the states before and after changes. It is safe for concurrent use.
type Patcher struct {
	archive    *archive.Archive
	reconciled archive.Reconciled

	mu       sync.Mutex
	lines    map[ssmbak.Name]*timeline.Timeline // nil for a parameter without an index
	problems []archive.Problem
}

// New returns a Patcher of an archive. r is what complete listings have proved, and lines are
// the timelines that the caller has read, with all parts; it reads the index of every other
// parameter.
func New(a *archive.Archive, r archive.Reconciled, lines map[ssmbak.Name]*timeline.Timeline) *Patcher {
	p := &Patcher{archive: a, reconciled: r, lines: make(map[ssmbak.Name]*timeline.Timeline)}
	maps.Copy(p.lines, lines)
	return p
}

// Problems returns the parameters whose values could not be read.
func (p *Patcher) Problems() []archive.Problem {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.problems)
}

// Patch sets what a change of a version changed. Changes of tags and labels say so
// themselves. It reads two values, and one index with its parts for each parameter.
func (p *Patcher) Patch(ctx context.Context, e *render.LogEntry) error {
	if e.Operation != ssmbak.OpCreate && e.Operation != ssmbak.OpUpdate && e.Operation != ssmbak.OpDelete {
		return nil
	}
	if e.From == ssmbak.MinTime {
		e.Unpatched = "its time is unknown"
		return nil
	}
	line, err := p.line(ctx, e.Name)
	if err != nil {
		return err
	}
	if line == nil {
		e.Unpatched = "it has only records of the legacy ssmbak"
		return nil
	}
	before, after := plan.Side{At: e.From - 1}, plan.Side{At: e.From}
	before.State, before.Objects = line.At(before.At)
	if after.State, after.Objects = line.At(after.At); e.Operation == ssmbak.OpDelete {
		after.State, after.Objects = ssmbak.State{Name: e.Name, Deleted: true, Certainty: ssmbak.LastKnown}, nil
	}
	if e.Operation == ssmbak.OpCreate {
		before.State, before.Objects = ssmbak.State{Name: e.Name, Deleted: true, Certainty: ssmbak.LastKnown}, nil
	}
	for _, side := range []*plan.Side{&before, &after} {
		if side.State.Certainty == ssmbak.Unknown {
			e.Unpatched = "the state at " + side.At.String() + " is unknown: " + side.State.Reason
			return nil
		}
		side.State.Tags, side.State.Labels = ssmbak.Known[map[string]string]{}, ssmbak.Known[map[string]int64]{}
		if err := p.value(ctx, e.Name, side); err != nil {
			return err
		}
	}
	e.Patch = plan.Compare(before, after, false)
	return nil
}

// line returns the timeline of a parameter, nil if it has no index.
func (p *Patcher) line(ctx context.Context, name ssmbak.Name) (*timeline.Timeline, error) {
	p.mu.Lock()
	line, known := p.lines[name]
	p.mu.Unlock()
	if known {
		return line, nil
	}
	x, err := p.archive.Index(ctx, name)
	if err != nil {
		return nil, err
	}
	if x.Exists {
		// The log has named a part that cannot be read. Its changes are not compared.
		if line, _, err = p.archive.Timeline(ctx, x, p.reconciled); err != nil {
			return nil, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines[name] = line
	return line, nil
}

// value reads the value of a side. One that may not be read is unknown.
func (p *Patcher) value(ctx context.Context, name ssmbak.Name, side *plan.Side) error {
	if side.State.Deleted || len(side.Objects) == 0 {
		return nil
	}
	value, problem, err := p.archive.KnownValue(ctx, name, side.State.Version, side.Objects)
	if awsconn.IsDenied(err) {
		return nil
	}
	if problem != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.problems = append(p.problems, archive.Problem{Name: name, Err: problem})
	}
	side.State.Value = value
	return err
}
