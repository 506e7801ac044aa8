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
// A listing by path requires a request for each 50 parameters of the account, whatever
// the path, because DescribeParameters filters its pages after it has made them
// (https://github.com/google/go-cloud/issues/3135). A listing by name requires a request
// for each 50 names and finds only these. GetParametersByPath would read only the path,
// 10 parameters per page, but it uses the quota of the applications and an action that no
// other command needs.
type finder struct {
	live   *paramstore.Store
	target ssmbak.Target
	// all says that parameters that were never recorded matter.
	all     bool
	names   []ssmbak.Name // recorded names below the path
	deleted int           // the number of names whose last recorded state is a deletion
	listed  func(n int)   // reports so many live parameters as looked for
}

// unknownAreNew reports whether every live parameter that was never recorded was created
// after the time, because of two complete listings without exclusions, one not earlier
// and one not later than the time.
func unknownAreNew(complete archive.Reconciled, at ssmbak.Time) bool {
	return !complete.First.IsZero() && ssmbak.TimeOf(complete.First) <= at && at <= ssmbak.TimeOf(complete.Last) && len(complete.Excluded) == 0 &&
		!slices.ContainsFunc(complete.Once, func(e archive.Exclusion) bool { return at < ssmbak.TimeOf(e.Until) })
}

// addNames adds the names that the archive contains, and those that failed to be recorded
// in the last listing. The settled ones are below the target's path.
func (f *finder) addNames(recorded archive.Timelines, settled []archive.Settled, failed []ssmbak.Name) {
	for _, x := range settled {
		f.names = append(f.names, x.Name)
	}
	for i, name := range recorded.Names {
		if f.target.Below(name) {
			f.names = append(f.names, name)
			if _, _, absent := recorded.All[i].Newest(); absent {
				f.deleted++
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

// maxDeleted is the maximum number of deleted parameters that are listed by name, in
// addition to as many as there are other names. With more of them, a listing of the
// account is likely to require fewer requests.
const maxDeleted = 1000

// below returns the live parameters below the path, or only the recorded ones unless all
// is set.
func (f *finder) below(ctx context.Context) (map[ssmbak.Name]paramstore.Description, error) {
	if !f.all && len(f.names) > 0 && f.deleted <= len(f.names)-f.deleted+maxDeleted {
		return describeAll(ctx, f.live, f.names, f.listed)
	}
	live := make(map[ssmbak.Name]paramstore.Description)
	for d, err := range f.live.Describe(ctx, f.target) {
		if err != nil {
			return nil, err
		}
		// A parameter that is changed during the listing may be listed twice.
		if known, twice := live[d.Name]; !twice || known.Version.Time < d.Version.Time {
			live[d.Name] = d
		}
		f.listed(1)
	}
	return live, nil
}

// describeAll returns the live ones of the named parameters. It calls listed with the number
// of names of each request.
func describeAll(ctx context.Context, live *paramstore.Store, names []ssmbak.Name, listed func(n int)) (map[ssmbak.Name]paramstore.Description, error) {
	parts := slices.Collect(slices.Chunk(names, paramstore.DescribePage))
	found := make([]map[ssmbak.Name]paramstore.Description, len(parts))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(describers)
	for i, part := range parts {
		g.Go(func() (err error) {
			found[i], err = live.DescribeNamed(gctx, part)
			listed(len(part))
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

// describers is the maximum number of concurrent requests of [describeAll].
const describers = 4
