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

// Reindexed is the outcome of [Archive.Reindex].
type Reindexed struct {
	Name ssmbak.Name
	// Rebuilt says that the index was rebuilt. Otherwise all other fields except
	// Registered are zero: the index was intact, or only the legacy ssmbak recorded the
	// parameter, which then needs no index.
	Rebuilt bool
	// Registered says that the parameter has an index, but was missing in the register of
	// names, or hidden in it, and was added.
	Registered bool
	// Older is the object version of the index from which the facts came, and OlderTime
	// when S3 stored it, to the second; "" and zero if no version could be read.
	Older     string
	OlderTime ssmbak.Time
	// Versions counts the versions of the parameter in the rebuilt index.
	Versions int
	// Values counts the value objects that the older index did not name, and Legacy the
	// object versions and delete markers of the legacy ssmbak, if no older index could
	// be read.
	Values, Legacy int
	// Foreign counts object versions of other programs, and Unreadable those whose
	// metadata cannot be decoded, or that were removed during the call. They are not
	// changed.
	Foreign, Unreadable int
	// Missing describes the facts that could not be rebuilt.
	Missing []string
}

// onlyInIndex describes the facts that value objects do not contain.
var onlyInIndex = []string{
	"deletions", "observations and what they proved", "tags", "labels", "descriptions", "allowed patterns", "policies", "events",
	"versions without a value object",
}

// Reindex rebuilds the index of a parameter if it is damaged or missing, and adds the
// parameter to the register if that lacks it. It does not change an intact index.
//
// The facts come from the newest object version of the index that can be read, which has
// those of all earlier ones, and from the metadata of the value objects that it does not
// name, with one request each. Delete markers are not facts, since a late writer may have
// added them. What other writers add meanwhile is kept.
//
// The error is [ErrNothing] if the bucket contains nothing of the parameter, and a
// [*FormatError] if only a newer ssmbak can read a version of the index that is needed.
// After an error, calling it again is safe.
func (a *Archive) Reindex(ctx context.Context, name ssmbak.Name) (Reindexed, error) {
	out := Reindexed{Name: name}
	exists, err := a.checkIndex(ctx, name)
	if exists || needsReindex(err) {
		entry, err := a.entry(ctx, name)
		if err == nil && (entry.ID == "" || entry.Marker) {
			out.Registered, err = a.register(ctx, name)
		}
		if err != nil {
			return out, err
		}
	}
	switch {
	case err == nil:
		return out, nil
	case !needsReindex(err):
		return out, fmt.Errorf("rebuild the index of %s: %w", name, err)
	}
	if isUnsigned(err) {
		if err := a.mayBeSigned(ctx, err); err != nil {
			return out, fmt.Errorf("rebuild the index of %s: %w", name, err)
		}
	}
	base, err := a.replaceable(ctx, name)
	if err != nil {
		return out, fmt.Errorf("rebuild the index of %s: %w", name, err)
	}
	found, unknown, err := a.collect(ctx, &out)
	if err != nil {
		return out, fmt.Errorf("rebuild the index of %s: %w", name, err)
	}
	s, err := a.replaceBy(ctx, base, found, unknown)
	if err != nil {
		return out, err
	}
	out.Rebuilt, out.Versions = true, len(s.Index.Facts.Versions)
	return out, nil
}

// CheckIndex returns nil if the index of a parameter is intact, or if only the legacy
// ssmbak recorded the parameter. The error is a [*DamagedError] or a [*MissingIndexError],
// which [Archive.Reindex] repairs, a [*FormatError], [ErrNothing], or that of a request.
func (a *Archive) CheckIndex(ctx context.Context, name ssmbak.Name) error {
	_, err := a.checkIndex(ctx, name)
	return err
}

// checkIndex also reports whether there is an index.
func (a *Archive) checkIndex(ctx context.Context, name ssmbak.Name) (exists bool, err error) {
	x, err := a.Index(ctx, name)
	if x.Forged() && err == nil {
		err = a.documentError(indexKey(name), &bucket.InvalidError{Err: x.object.Unsigned})
	}
	if err != nil || x.Exists {
		return x.Exists, err
	}
	values, err := a.bucket.History(ctx, string(name))
	if err != nil {
		return false, err
	}
	if len(values) == 0 {
		return false, ErrNothing
	}
	missing := !a.hasLegacy()
	if !missing {
		if missing, err = a.missesIndex(ctx, name, valueIDs(values)); err != nil {
			return false, err
		}
	}
	if missing {
		return false, &MissingIndexError{Name: name}
	}
	return false, nil
}

// replaceable reads an index like [Archive.Index], but returns an empty one for an index
// that is damaged or has a delete marker, so that any facts may replace it.
func (a *Archive) replaceable(ctx context.Context, name ssmbak.Name) (Index, error) {
	all, err := a.bucket.History(ctx, indexKey(name))
	if err != nil {
		return Index{}, err
	}
	empty := replaced(all)
	if len(all) == 0 || all[0].Marker {
		return newIndex(name, empty), nil
	}
	// Check the object version whose ETag is replaced.
	current, err := a.index(ctx, name, all[0].ID)
	if needsReindex(err) {
		empty.Exists, empty.ETag = true, all[0].ETag
		return newIndex(name, empty), nil
	}
	return current, err
}

// collect returns every fact about a parameter that the bucket still contains, and sets
// in out where they came from. unknown holds the unknown fields of the older index.
func (a *Archive) collect(ctx context.Context, out *Reindexed) (facts timeline.Facts, unknown bucket.Unknown, err error) {
	indexes, err := a.bucket.History(ctx, indexKey(out.Name))
	if err != nil {
		return facts, unknown, err
	}
	indexes = slices.DeleteFunc(indexes, func(v bucket.Version) bool { return v.Marker })
	complete := false // nothing was written after the older index
	unreadable := 0
	for _, v := range indexes {
		x, err := a.index(ctx, out.Name, v.ID)
		if isUnsigned(err) { // no recorder wrote it
			continue
		}
		if needsReindex(err) || err == nil && !x.Exists {
			unreadable++
			continue
		}
		if err != nil {
			return facts, unknown, err
		}
		facts, unknown, complete = x.Facts, x.object.Unknown, unreadable == 0
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
		out.Missing = append(out.Missing, "everything recorded after "+out.OlderTime.String()+" except values")
	}
	if _, _, absent := timeline.New(out.Name, facts, timeline.Coverage{}).Newest(); !absent && len(out.Missing) > 0 && current.Marker {
		out.Missing = append(out.Missing, "the deletion for which the delete marker of "+current.Modified.String()+" was added, unless it was added late")
	}
	return facts, unknown, nil
}

// addValues adds the object versions of a parameter's key that the facts do not name.
func (a *Archive) addValues(ctx context.Context, out *Reindexed, facts timeline.Facts, all []bucket.Version) (timeline.Facts, error) {
	named := make(map[string]bool)
	moved, _, err := a.opened(ctx, out.Name, facts, allParts)
	if err != nil {
		return facts, err
	}
	for _, v := range moved.Versions {
		for _, ref := range v.Objects {
			named[ref.ID] = true
		}
	}
	for _, o := range facts.Legacy {
		named[o.ID] = true
	}
	all = slices.DeleteFunc(all, func(v bucket.Version) bool { return v.Marker || named[v.ID] })
	found := make([]described, len(all))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(a.o.Parallel)
	for i, v := range all {
		g.Go(func() (err error) {
			found[i], err = a.describe(gctx, v.Key, v.ID)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return facts, err
	}
	var added timeline.Facts
	foreign := make(map[string]bool, len(all))
	for i, d := range found {
		foreign[all[i].ID] = d.foreign
		switch {
		case d.foreign:
			out.Foreign++
		case d.unreadable, d.gone:
			out.Unreadable++
		default:
			out.Values++
			d.version.Objects = []timeline.ObjectRef{{ID: all[i].ID, Written: all[i].Modified}}
			added.Versions = append(added.Versions, d.version)
		}
	}
	if out.Older == "" && a.hasLegacy() {
		var err error
		if added.Legacy, err = a.legacyOf(ctx, out.Name, foreign); err != nil {
			return facts, err
		}
		for _, o := range added.Legacy {
			out.Legacy++
			if !o.Deleted {
				out.Foreign--
			}
		}
	}
	return timeline.Union(facts, describedAs(facts, added)), nil
}

// legacyOf returns the legacy facts about a parameter: the foreign object versions that
// have the legacy tags, and the delete markers that were stored before the archive was
// created, since this ssmbak may have added later ones.
func (a *Archive) legacyOf(ctx context.Context, name ssmbak.Name, foreign map[string]bool) ([]timeline.Legacy, error) {
	o := a.legacyOptions()
	o.Ours = func(id string) bool {
		is, known := foreign[id]
		return known && !is
	}
	facts, err := legacy.One(ctx, a.bucket, o, name)
	return slices.DeleteFunc(facts, func(f timeline.Legacy) bool {
		if f.Deleted {
			return f.LastModified.Add(time.Second) > a.since() // LastModified has a precision of one second
		}
		return !foreign[f.ID]
	}), err
}

// describedAs returns facts with each version replaced by that of base, if base has it:
// an index says more about a version than the metadata of a value object.
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
