package archive

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/archive/internal/legacy"
	"github.com/ssmbak/ssmbak/timeline"
)

// Reindexed is what [Archive.Reindex] did.
type Reindexed struct {
	Name ssmbak.Name
	// Rebuilt says that the index was rebuilt. Otherwise it was intact, or only the
	// legacy ssmbak has recorded the parameter, which needs no index; then nothing
	// was written and all other fields are zero.
	Rebuilt bool
	// Older is the version of the index object from which the facts came, and
	// OlderTime when S3 stored it; "" and zero if none could be read.
	Older     string
	OlderTime ssmbak.Time
	// Versions counts those in the rebuilt index.
	Versions int
	// Values counts the value objects that no older index named, and Legacy
	// those of the legacy ssmbak if no older index could be read.
	Values, Legacy int
	// Foreign counts object versions of other programs, and Unreadable those
	// whose metadata cannot be understood, or that were removed meanwhile. They
	// are left in place.
	Foreign, Unreadable int
	// Missing says in words what could not be rebuilt.
	Missing []string
}

// onlyInIndex is what value objects do not hold.
var onlyInIndex = []string{
	"deletions", "observations and what they proved", "tags", "labels", "descriptions", "allowed patterns", "policies", "events",
	"versions without a value object",
}

// Reindex rebuilds the index of a parameter that is damaged, was deleted, or
// has a delete marker. An intact index is left unchanged.
//
// The facts come from the newest older version of the index that can be read:
// since an index only grows, it holds those of all before it. The value objects that
// it does not name are read from their metadata, with one request for each. Delete
// markers are no facts, since a late writer may have written them. Other writers may
// be at work; what they add meanwhile is kept.
//
// The error is [ErrNothing] if the archive holds nothing of the parameter, and a
// [*FormatError] if its index, or an older version of it that would be needed,
// has a newer format. After an error either nothing or all of it was written.
func (a *Archive) Reindex(ctx context.Context, name ssmbak.Name) (Reindexed, error) {
	out := Reindexed{Name: name}
	switch err := a.CheckIndex(ctx, name); {
	case err == nil:
		return out, nil
	case !needsReindex(err):
		return out, fmt.Errorf("rebuild the index of %s: %w", name, err)
	}
	base, err := a.replaceable(ctx, name)
	if err != nil {
		return out, fmt.Errorf("rebuild the index of %s: %w", name, err)
	}
	found, unknown, err := a.gather(ctx, &out)
	if err != nil {
		return out, fmt.Errorf("rebuild the index of %s: %w", name, err)
	}
	base.object.Unknown = bucket.Least(base.object.Unknown, unknown)
	s, err := a.update(ctx, base, func(f timeline.Facts) timeline.Facts { return timeline.Union(f, describedAs(f, found)) },
		func(ctx context.Context, name ssmbak.Name) (Index, error) {
			x, err := a.replaceable(ctx, name)
			x.object.Unknown = bucket.Least(x.object.Unknown, unknown)
			return x, err
		})
	if err != nil {
		return out, err
	}
	out.Rebuilt, out.Versions = true, len(s.Index.Facts.Versions)
	return out, nil
}

// CheckIndex returns nil if the index of a parameter is intact, or if there is
// none and only the legacy ssmbak has recorded the parameter. Otherwise it returns why
// not: a [*DamagedError] or a [*MissingIndexError], which [Archive.Reindex] repairs,
// a [*FormatError], or [ErrNothing]. With any other error the answer is not known.
func (a *Archive) CheckIndex(ctx context.Context, name ssmbak.Name) error {
	x, err := a.Index(ctx, name)
	if err != nil || x.Exists {
		return err
	}
	values, err := a.bucket.History(ctx, string(name))
	if err != nil {
		return err
	}
	if len(values) == 0 {
		return ErrNothing
	}
	missing := !a.hasLegacy()
	if !missing {
		if missing, err = a.missesIndex(ctx, name, valueIDs(values)); err != nil {
			return err
		}
	}
	if missing {
		return &MissingIndexError{Name: name}
	}
	return nil
}

// replaceable reads an index like [Archive.Index], but one that is damaged or has a
// delete marker counts as empty, so that any facts may replace it.
func (a *Archive) replaceable(ctx context.Context, name ssmbak.Name) (Index, error) {
	all, err := a.bucket.History(ctx, indexKey(name))
	if err != nil {
		return Index{}, err
	}
	var empty bucket.Document[indexDocument]
	empty.Invalid, empty.Value.Swap = true, int64(len(valueIDs(all)))
	if len(all) == 0 || all[0].Marker {
		return newIndex(name, empty), nil
	}
	// The bytes that are checked must be those of the ETag that is replaced.
	current, err := a.index(ctx, name, all[0].ID)
	if needsReindex(err) {
		empty.Exists, empty.ETag = true, all[0].ETag
		return newIndex(name, empty), nil
	}
	return current, err
}

// gather collects every fact about a parameter that the bucket still holds, and
// notes in out where they came from. unknown is what this program does not know of
// the older index.
func (a *Archive) gather(ctx context.Context, out *Reindexed) (facts timeline.Facts, unknown bucket.Unknown, err error) {
	indexes, err := a.bucket.History(ctx, indexKey(out.Name))
	if err != nil {
		return facts, unknown, err
	}
	indexes = slices.DeleteFunc(indexes, func(v bucket.Version) bool { return v.Marker })
	complete := false // nothing was written after the older index
	for i, v := range indexes {
		x, err := a.index(ctx, out.Name, v.ID)
		if needsReindex(err) || err == nil && !x.Exists {
			continue
		}
		if err != nil {
			return facts, unknown, err
		}
		facts, unknown, complete = x.Facts, x.object.Unknown, i == 0
		out.Older, out.OlderTime = v.ID, v.Modified
		break
	}
	values, err := a.bucket.History(ctx, string(out.Name))
	if err != nil {
		return facts, unknown, err
	}
	current := bucket.Version{}
	if len(values) > 0 {
		current = values[0]
	}
	if facts, err = a.addValues(ctx, out, facts, values); err != nil {
		return facts, unknown, err
	}
	switch {
	case out.Older == "":
		out.Missing = append(out.Missing, onlyInIndex...)
	case !complete:
		out.Missing = append(out.Missing, "what was recorded after "+out.OlderTime.String()+", other than values")
	}
	if _, _, absent := timeline.New(out.Name, facts, timeline.Coverage{}).Newest(); !absent && len(out.Missing) > 0 && current.Marker {
		out.Missing = append(out.Missing, "the deletion that left the delete marker of "+current.Modified.String()+", unless that came late")
	}
	return facts, unknown, nil
}

// addValues adds to the facts what the object versions of a parameter's key say
// that the facts do not name.
func (a *Archive) addValues(ctx context.Context, out *Reindexed, facts timeline.Facts, all []bucket.Version) (timeline.Facts, error) {
	named := make(map[string]bool)
	for _, v := range facts.Versions {
		for _, ref := range v.Objects {
			named[ref.ID] = true
		}
	}
	for _, o := range facts.Legacy {
		named[o.ID] = true
	}
	all = slices.DeleteFunc(all, func(v bucket.Version) bool { return v.Marker || named[v.ID] })
	labels := make([]label, len(all))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(a.o.Parallel)
	for i, v := range all {
		g.Go(func() (err error) {
			labels[i], err = a.label(gctx, v.Key, v.ID)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return facts, err
	}
	var found timeline.Facts
	foreign := make(map[string]bool, len(all))
	for i, l := range labels {
		foreign[all[i].ID] = l.foreign
		switch {
		case l.foreign:
			out.Foreign++
		case l.unreadable, l.gone:
			out.Unreadable++
		default:
			out.Values++
			l.version.Objects = []timeline.ObjectRef{{ID: all[i].ID, Written: all[i].Modified}}
			found.Versions = append(found.Versions, l.version)
		}
	}
	if out.Older == "" && a.hasLegacy() {
		var err error
		if found.Legacy, err = a.legacyOf(ctx, out.Name, foreign); err != nil {
			return facts, err
		}
		for _, o := range found.Legacy {
			out.Legacy++
			if !o.Deleted {
				out.Foreign--
			}
		}
	}
	return timeline.Union(facts, describedAs(facts, found)), nil
}

// legacyOf returns what the legacy ssmbak wrote of a parameter: of the foreign object
// versions those that have its tags, and delete markers. A marker is surely of the
// legacy ssmbak only if it was stored before the archive was created.
func (a *Archive) legacyOf(ctx context.Context, name ssmbak.Name, foreign map[string]bool) ([]timeline.Legacy, error) {
	o := a.legacyOptions()
	o.Ours = func(id string) bool {
		is, known := foreign[id]
		return known && !is
	}
	facts, err := legacy.One(ctx, a.bucket, o, name)
	return slices.DeleteFunc(facts, func(f timeline.Legacy) bool {
		if f.Deleted {
			return f.LastModified.Add(time.Second) > a.since() // LastModified is in whole seconds
		}
		return !foreign[f.ID]
	}), err
}

// describedAs returns the facts with each version as base describes it, if it does:
// the metadata of a value object says less about a version than an index.
func describedAs(base, facts timeline.Facts) timeline.Facts {
	facts.Versions = slices.Clone(facts.Versions)
	for i, v := range facts.Versions {
		if known, ok := base.Version(v.Ref()); ok {
			known.Objects, known.Events = v.Objects, v.Events
			facts.Versions[i] = known
		}
	}
	return facts
}
