package restore

import (
	"context"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
)

// finder finds the live parameters below a target's path.
//
// A listing by path costs a page for each 50 parameters of the account, whatever
// the path, because DescribeParameters filters its pages after it has made them
// (https://github.com/google/go-cloud/issues/3135).
// Asking for names costs a request for each 50 of them and finds nothing that is
// not named. GetParametersByPath would read the path alone, 10 a page, but on the
// quota that applications live on, and with an action that no other command needs.
type finder struct {
	live   *paramstore.Store
	target ssmbak.Target
	// all says that parameters matter that the archive does not know.
	all   bool
	names []ssmbak.Name // that the archive knows below the path
	gone  int           // how many of them were deleted, as far as is known
}

// knowsAll reports whether every live parameter that the archive does not know was
// created after the moment, and so is no part of the past: a complete listing that
// left nothing out was not earlier, and another one not later.
func knowsAll(complete archive.Reconciled, at ssmbak.Time) bool {
	return !complete.First.IsZero() && ssmbak.TimeOf(complete.First) <= at && at <= ssmbak.TimeOf(complete.Last) && len(complete.Excluded) == 0 &&
		!slices.ContainsFunc(complete.Once, func(e archive.Exclusion) bool { return at < ssmbak.TimeOf(e.Until) })
}

// know takes the names that the archive knows: those that have records, and those
// of which the last listing said that it could not record them.
func (f *finder) know(recorded archive.Timelines, failed []ssmbak.Name) {
	for i, name := range recorded.Names {
		if f.target.Below(name) {
			f.names = append(f.names, name)
			if _, _, absent := recorded.All[i].Newest(); absent {
				f.gone++
			}
		}
	}
	for _, p := range recorded.Problems {
		if f.target.Below(p.Name) {
			f.names = append(f.names, p.Name)
		}
	}
	for _, name := range failed {
		if f.target.Below(name) {
			f.names = append(f.names, name)
		}
	}
	slices.Sort(f.names)
	f.names = slices.Compact(f.names)
}

// manyGone is how many deleted parameters are asked for by their names, besides as
// many as there are others. More of them make a listing of the account cheaper,
// which holds those others at least.
const manyGone = 1000

// below returns the live parameters below the path: all of them, or those that are
// known.
func (f *finder) below(ctx context.Context) (map[ssmbak.Name]paramstore.Description, error) {
	if !f.all && len(f.names) > 0 && f.gone <= len(f.names)-f.gone+manyGone {
		return described(ctx, f.live, f.names)
	}
	live := make(map[ssmbak.Name]paramstore.Description)
	for d, err := range f.live.Describe(ctx, f.target) {
		if err != nil {
			return nil, err
		}
		// A name that is changed while it is listed may come twice.
		if known, twice := live[d.Name]; !twice || known.Version.Time < d.Version.Time {
			live[d.Name] = d
		}
	}
	return live, nil
}

// described returns those of the parameters that are live, asked for by name.
func described(ctx context.Context, live *paramstore.Store, names []ssmbak.Name) (map[ssmbak.Name]paramstore.Description, error) {
	parts := slices.Collect(slices.Chunk(names, paramstore.DescribePage))
	found := make([]map[ssmbak.Name]paramstore.Description, len(parts))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(describers)
	for i, part := range parts {
		g.Go(func() (err error) {
			found[i], err = live.DescribeNamed(gctx, part)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	all := make(map[ssmbak.Name]paramstore.Description, len(names))
	for _, part := range found {
		maps.Copy(all, part)
	}
	return all, nil
}

// describers bounds the requests for names at once.
const describers = 4
