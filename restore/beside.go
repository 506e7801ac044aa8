package restore

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
)

// DestinationError says why nothing can be restored to the prefix that was
// given by [Options.To].
type DestinationError struct{ To, Reason string }

func (e *DestinationError) Error() string {
	return fmt.Sprintf("nothing can be restored to %s: %s", e.To, e.Reason)
}

// destination is where parameters are restored to.
type destination struct {
	from string // what recorded names begin with, with a slash at its end
	to   string // what stands for it
}

// destination returns where the target goes. one says that the target is one
// parameter.
func (o Options) destination(target ssmbak.Target, one bool) (destination, error) {
	if o.To == "" {
		return destination{from: "/", to: "/"}, nil
	}
	to, err := ssmbak.ParseTarget(strings.TrimSuffix(o.To, "/")+"/", target.Recursive())
	if err != nil {
		return destination{}, &DestinationError{o.To, "it is no path"}
	}
	d := destination{from: target.Prefix(), to: to.Prefix()}
	if one {
		name, _ := target.Name()
		if d.from = path.Dir(string(name)); d.from != "/" {
			d.from += "/"
		}
	}
	if d.to == d.from {
		return destination{}, &DestinationError{o.To, "that is where it is; leave --to out to restore it there"}
	}
	return d, nil
}

// of returns the name to which a recorded one is restored.
func (d destination) of(name ssmbak.Name) (ssmbak.Name, error) {
	if d.from == d.to {
		return name, nil
	}
	to, err := ssmbak.ParseName(d.to + strings.TrimPrefix(string(name), d.from))
	if err != nil {
		return "", &DestinationError{d.to, err.Error()}
	}
	return to, nil
}

// origin returns the recorded name that would be restored to a live one.
func (d destination) origin(name ssmbak.Name) ssmbak.Name {
	return ssmbak.Name(d.from + strings.TrimPrefix(string(name), d.to))
}

// itself reports whether a recorded name lies below the destination: a copy that
// lies in what is copied does not copy itself.
func (d destination) itself(name ssmbak.Name) bool {
	return d.from != d.to && strings.HasPrefix(d.to, d.from) && strings.HasPrefix(string(name), d.to)
}

// copied reports whether a live name below the destination is one of those that
// are copied: where that lies above them, they are no part of what is there.
func (d destination) copied(name ssmbak.Name) bool {
	return strings.HasPrefix(d.from, d.to) && strings.HasPrefix(string(name), d.from)
}

// below returns the path of live parameters that stand for those below the
// target.
func (d destination) below(target ssmbak.Target) (ssmbak.Target, error) {
	if d.from == d.to {
		return target, nil
	}
	return ssmbak.ParseTarget(d.to, target.Recursive())
}

// planBeside plans a restore to other parameters than those that were recorded.
func (r *Restorer) planBeside(ctx context.Context, target ssmbak.Target, at ssmbak.Time) (*Plan, error) {
	recorded, err := r.archive.Timelines(ctx, target)
	if err != nil {
		return nil, err
	}
	complete, err := r.archive.Reconciled(ctx)
	if err != nil {
		return nil, err
	}
	d, err := r.o.destination(target, recorded.One)
	if err != nil {
		return nil, err
	}
	byName := make(map[ssmbak.Name]*subject)
	add := func(origin ssmbak.Name) (*subject, error) {
		if d.itself(origin) {
			return &subject{}, nil
		}
		name, err := d.of(origin)
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
	if err := r.findBeside(ctx, target, d, recorded.One, byName, complete); err != nil {
		return nil, err
	}
	plan := &Plan{At: at, Target: target, Complete: recorded.Complete, Since: recorded.Since}
	subjects := sorted(byName)
	if err := r.o.checkSubjects(subjects); err != nil {
		return nil, err
	}
	subjects = r.leaveOut(plan, subjects, recorded.One, complete.Excluded)
	err = r.finish(ctx, plan, subjects, complete, recorded.One, func(_ context.Context, s *subject) error {
		r.want(s, at, complete)
		return nil
	})
	plan.Unproved = r.unproved(recorded, target, at, subjects)
	return plan, err
}

// findBeside adds what is live and recorded where the target goes to.
func (r *Restorer) findBeside(ctx context.Context, target ssmbak.Target, d destination, one bool, byName map[ssmbak.Name]*subject, complete archive.Reconciled) error {
	if one {
		for name, s := range byName {
			found, err := r.live.DescribeNamed(ctx, []ssmbak.Name{name})
			if err != nil {
				return err
			}
			if live, ok := found[name]; ok {
				s.live = &live
			}
			return r.recall(ctx, s, complete)
		}
		return nil
	}
	below, err := d.below(target)
	if err != nil {
		return err
	}
	lines, err := r.archive.Timelines(ctx, below)
	if err != nil {
		return err
	}
	// What is there and not copied is kept unless Exact is set, whatever it was.
	f := &finder{live: r.live, target: below, all: r.o.Exact || r.o.FindNew}
	f.know(lines, slices.Collect(maps.Keys(byName)))
	live, err := f.below(ctx)
	if err != nil {
		return err
	}
	for name, found := range live {
		if byName[name] == nil {
			if d.copied(name) {
				continue
			}
			byName[name] = &subject{name: name, origin: d.origin(name)}
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
