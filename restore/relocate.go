package restore

import (
	"context"
	"maps"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/plan"
)

// planRelocated plans a restore to copies, see [plan.Options.To], or from another archive,
// see [Options.From].
func (r *Restorer) planRelocated(ctx context.Context, target ssmbak.Target, at ssmbak.Time) (*Plan, error) {
	recorded, err := r.source().Timelines(ctx, target, at)
	if err != nil {
		return nil, err
	}
	complete, err := r.source().Reconciled(ctx)
	if err != nil {
		return nil, err
	}
	here := complete // what is known about the restored Parameter Store
	if r.o.From != nil {
		if here, err = r.listed(ctx); err != nil {
			return nil, err
		}
	}
	d, err := r.o.Destination(target, recorded.One)
	if err != nil {
		return nil, err
	}
	byName := make(map[ssmbak.Name]*subject)
	add := func(origin ssmbak.Name) (*subject, error) {
		if r.o.From == nil && d.Contains(origin) {
			return &subject{}, nil
		}
		name, err := d.Of(origin)
		if err != nil {
			return nil, err
		}
		byName[name] = &subject{name: name, origin: origin}
		return byName[name], nil
	}
	for i, origin := range recorded.Names {
		s, err := add(origin)
		if err != nil {
			return nil, err
		}
		s.past = recorded.All[i]
	}
	for _, p := range recorded.Problems {
		s, err := add(p.Name)
		if err != nil {
			return nil, err
		}
		s.problem = p.Err
	}
	if err := r.findAtDestination(ctx, target, d, recorded.One, byName, here); err != nil {
		return nil, err
	}
	out := &Plan{Plan: plan.Plan{At: at, Target: target, Version: r.version(), Complete: recorded.Complete, Since: recorded.Since}, Unchecked: recorded.Unchecked}
	subjects := sorted(byName)
	if err := r.o.CheckNames(origins(subjects)); err != nil {
		return nil, err
	}
	subjects = r.exclude(&out.Plan, subjects, recorded.One, complete.Excluded)
	subjects = slices.DeleteFunc(subjects, func(s *subject) bool {
		excluded := !recorded.One && r.unrecordedHere(s.name, here)
		if excluded {
			out.Unrecorded = append(out.Unrecorded, s.name)
		}
		return excluded
	})
	err = r.finish(ctx, out, subjects, here, recorded.One, func(_ context.Context, s *subject) error {
		s.c.Move = r.move()
		r.fillAfter(s, at, complete)
		return nil
	})
	out.Unproved = r.unproved(recorded, target, at, at, subjects)
	return out, err
}

// findAtDestination adds the live and recorded parameters at the destination.
func (r *Restorer) findAtDestination(ctx context.Context, target ssmbak.Target, d plan.Destination, one bool, byName map[ssmbak.Name]*subject, complete archive.Reconciled) error {
	if one {
		for name, s := range byName {
			found, err := r.live.DescribeNamed(ctx, []ssmbak.Name{name})
			if err != nil {
				return err
			}
			if live, ok := found[name]; ok {
				s.live = &live
			}
			return r.reload(ctx, s, complete)
		}
		return nil
	}
	below, err := d.Target(target)
	if err == nil && r.o.To == "" { // it is a path there, whatever its name is here
		below, err = ssmbak.ParseTarget(target.Prefix(), target.Recursive())
	}
	if err != nil {
		return err
	}
	var lines archive.Timelines
	if r.archive != nil {
		if lines, err = r.archive.Timelines(ctx, below, ssmbak.MaxTime); err != nil {
			return err
		}
	}
	// Other parameters at the destination are kept unless Exact is set.
	f := &finder{live: r.live, listed: r.described, target: below, all: r.o.Exact || r.o.FindNew}
	f.addNames(lines, nil, slices.Collect(maps.Keys(byName)))
	live, err := f.below(ctx)
	if err != nil {
		return err
	}
	for name, found := range live {
		if byName[name] == nil {
			if r.o.From == nil && d.IsSource(name) {
				continue
			}
			byName[name] = &subject{name: name, origin: d.Origin(name)}
		}
		byName[name].live = &found
	}
	for i, name := range lines.Names {
		if s := byName[name]; s != nil {
			s.line = lines.All[i]
		}
	}
	for _, p := range lines.Problems {
		if s := byName[p.Name]; s != nil && s.problem == nil {
			s.problem = p.Err
		}
	}
	return nil
}
