package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
)

// Parameters is the part of [paramstore.Store] that a removal uses.
type Parameters interface {
	DescribeNamed(ctx context.Context, names []ssmbak.Name) (map[ssmbak.Name]paramstore.Description, error)
	Delete(ctx context.Context, names ...ssmbak.Name) error
}

// made reports whether a live parameter is one that the drill created, unchanged. An emulation
// may not say who created it: then sure, that the drill did, is enough.
func made(d archive.Drill, live ssmbak.Version, sure bool) bool {
	by := live.User == d.By || sure && !strings.HasPrefix(live.User, "arn:")
	return live.Number == 1 && by && live.Time >= ssmbak.TimeOf(d.Began).Add(-archive.Tolerance)
}

// Clean removes what the last drill left, if it was killed: the time until which it may write is
// over. It returns the number of parameters that it removed, and those that it kept because
// the drill did not create them, or because they were changed since.
func Clean(ctx context.Context, a *archive.Archive, live Parameters, now time.Time) (removed int, kept []ssmbak.Name, err error) {
	d, exists, err := a.LastDrill(ctx)
	if err != nil || !exists || !d.Ended.IsZero() || now.Before(Abandoned(d)) {
		return 0, nil, err
	}
	removed, kept, err = remove(ctx, live, d, nil)
	if err != nil {
		return removed, kept, err
	}
	d.Ended, d.Incomplete = now.UTC().Truncate(time.Millisecond), true
	return removed, kept, a.EndDrill(ctx, d)
}

// Abandoned returns when a drill that has not ended was killed or could not remove its
// parameters: from then on [Clean] removes them.
func Abandoned(d archive.Drill) time.Time { return d.Until.Add(cleaning) }

// remove removes the parameters of a drill. sure are those that certainly are the drill's even
// if they are not listed yet.
func remove(ctx context.Context, live Parameters, d archive.Drill, sure map[ssmbak.Name]bool) (removed int, kept []ssmbak.Name, err error) {
	found, err := live.DescribeNamed(ctx, d.Names)
	if err != nil {
		return 0, nil, err
	}
	var ours []ssmbak.Name
	for _, name := range d.Names {
		switch v, exists := found[name]; {
		case exists && !made(d, v.Version, sure[name]):
			kept = append(kept, name)
		case exists || sure[name]:
			ours = append(ours, name)
		}
	}
	for page := range slices.Chunk(ours, paramstore.DeletePage) {
		if e := live.Delete(ctx, page...); e != nil {
			err = errors.Join(err, e)
			continue
		}
		removed += len(page)
	}
	return removed, kept, err
}

// remove removes what the drill wrote, and records the results.
func (d *Drill) remove(ctx context.Context) error {
	sure := make(map[ssmbak.Name]bool)
	unsure := false
	for _, i := range d.items {
		sure[i.name] = i.written
		unsure = unsure || !i.written
	}
	if unsure { // an interrupted write may take effect, and be listed, later
		select {
		case <-ctx.Done():
		case <-time.After(patience):
		}
	}
	_, kept, err := remove(ctx, d.live, d.Record, sure)
	d.Kept = kept
	if err == nil {
		d.Record.Ended = d.archive.Now().UTC().Truncate(time.Millisecond)
	} else {
		err = fmt.Errorf("remove the parameters of the drill: %w", err)
	}
	return errors.Join(err, d.archive.EndDrill(ctx, d.Record))
}
