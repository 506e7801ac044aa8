package archive

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/document"
	"github.com/ssmbak/ssmbak/archive/internal/legacy"
	"github.com/ssmbak/ssmbak/timeline"
)

// Reindexed is what [Archive.Reindex] did.
type Reindexed struct {
	Name ssmbak.Name
	// Rebuilt says that the index had to be rebuilt, and was. Otherwise it was
	// whole, or only the original ssmbak recorded the parameter so far, which
	// needs no index; then nothing was written and all else here is zero.
	Rebuilt bool
	// Older is the version of the index object from which its facts came, and
	// OlderTime when S3 got it; "" and zero if none could be read.
	Older     string
	OlderTime ssmbak.Time
	// Versions are those that the index knows now.
	Versions int
	// Values counts the value objects that no older index named, and Originals
	// what the original ssmbak wrote, where no older index could be read.
	Values, Originals int
	// Foreign counts object versions that neither wrote, and Unreadable those
	// whose metadata cannot be understood, or that were removed meanwhile. They
	// are left where they are.
	Foreign, Unreadable int
	// Lacks says in words what could not be rebuilt.
	Lacks []string
}

// lost is what only an index knows.
var lost = []string{
	"deletions", "looks and what they proved", "tags", "labels", "descriptions", "allowed patterns", "policies", "events",
	"versions without a value object",
}

// Reindex rebuilds the index of a parameter that is damaged, was deleted, or
// lies under a delete marker. An index that is whole is left alone.
//
// The facts come from the newest older version of the index that can be read:
// since an index only grows, it holds those of all before it. What it does not
// name of the parameter's value objects is read from their metadata, one request
// for each. Delete markers are no facts, since a late writer may have left them.
// Other writers may be at work; what they add meanwhile is kept.
//
// The error is [ErrNothing] if the archive holds nothing of the parameter, and a
// [*FormatError] if its index, or an older version of it that would be needed,
// has a newer format. After an error nothing was written, or all of it.
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
	base.unknown = document.Least(base.unknown, unknown)
	s, err := a.update(ctx, base, func(f timeline.Facts) timeline.Facts { return timeline.Union(f, describedAs(f, found)) },
		func(ctx context.Context, name ssmbak.Name) (Index, error) {
			x, err := a.replaceable(ctx, name)
			x.unknown = document.Least(x.unknown, unknown)
			return x, err
		})
	if err != nil {
		return out, err
	}
	out.Rebuilt, out.Versions = true, len(s.Index.Facts.Versions)
	return out, nil
}

// CheckIndex returns nil if the index of a parameter is whole, or if there is
// none and only the original ssmbak recorded the parameter. Else it returns why
// not: a [*DamagedError] or a [*LostIndexError], which [Archive.Reindex] repairs,
// a [*FormatError], or [ErrNothing]. Any other error means that it is not known.
func (a *Archive) CheckIndex(ctx context.Context, name ssmbak.Name) error {
	x, err := a.Index(ctx, name)
	if err != nil || x.Exists {
		return err
	}
	h, err := a.history(ctx, string(name))
	if err != nil {
		return err
	}
	if len(h.versions)+len(h.markers) == 0 {
		return ErrNothing
	}
	lost := !a.hasOriginals()
	if !lost {
		if lost, err = a.lostIndex(ctx, name, h.ids()); err != nil {
			return err
		}
	}
	if lost {
		return &LostIndexError{Name: name}
	}
	return nil
}

// needsReindex reports whether err says that an index has to be rebuilt.
func needsReindex(err error) bool {
	var damaged *DamagedError
	var gone *LostIndexError
	return errors.As(err, &damaged) && damaged.Index() || errors.As(err, &gone)
}

// replaceable reads an index like [Archive.Index], but what is damaged or lost
// is one without a fact that any facts may replace.
func (a *Archive) replaceable(ctx context.Context, name ssmbak.Name) (Index, error) {
	h, err := a.history(ctx, indexKey(name))
	if err != nil {
		return Index{}, err
	}
	x := Index{Name: name, broken: true, swap: int64(len(h.versions))}
	if len(h.versions) == 0 || !h.versions[0].latest {
		return x, nil
	}
	// The bytes that are judged must be those of the ETag that is replaced.
	top := h.versions[0]
	current, err := a.index(ctx, name, top.id)
	if needsReindex(err) {
		x.Exists, x.etag = true, top.etag
		return x, nil
	}
	return current, err
}

// gather collects every fact about a parameter that the bucket still holds, and
// notes in out where they came from. unknown is what this program does not know of
// the older index.
func (a *Archive) gather(ctx context.Context, out *Reindexed) (facts timeline.Facts, unknown document.Unknown, err error) {
	indexes, err := a.history(ctx, indexKey(out.Name))
	if err != nil {
		return facts, unknown, err
	}
	complete := false // nothing was ever written after the older index
	for i, v := range indexes.versions {
		x, err := a.index(ctx, out.Name, v.id)
		if needsReindex(err) || err == nil && !x.Exists {
			continue
		}
		if err != nil {
			return facts, unknown, err
		}
		facts, unknown, complete = x.Facts, x.unknown, i == 0
		out.Older, out.OlderTime = v.id, v.modified
		break
	}
	values, err := a.history(ctx, string(out.Name))
	if err != nil {
		return facts, unknown, err
	}
	if facts, err = a.addValues(ctx, out, facts, values.versions); err != nil {
		return facts, unknown, err
	}
	switch {
	case out.Older == "":
		out.Lacks = append(out.Lacks, lost...)
	case !complete:
		out.Lacks = append(out.Lacks, "what was recorded after "+out.OlderTime.String()+", other than values")
	}
	if _, _, absent := timeline.New(out.Name, facts, timeline.Horizon{}).Newest(); !absent && len(out.Lacks) > 0 && len(values.markers) > 0 && values.markers[0].latest {
		out.Lacks = append(out.Lacks, "the deletion of which a delete marker of "+values.markers[0].modified.String()+" tells, which may be late")
	}
	return facts, unknown, nil
}

// addValues adds to the facts what the object versions of a parameter's key say
// that the facts do not name.
func (a *Archive) addValues(ctx context.Context, out *Reindexed, facts timeline.Facts, all []objectVersion) (timeline.Facts, error) {
	named := make(map[string]bool)
	for _, v := range facts.Versions {
		for _, ref := range v.Objects {
			named[ref.ID] = true
		}
	}
	for _, o := range facts.Legacy {
		named[o.ID] = true
	}
	all = slices.DeleteFunc(all, func(v objectVersion) bool { return named[v.id] })
	labels := make([]label, len(all))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(a.o.Parallel)
	for i, v := range all {
		g.Go(func() (err error) {
			labels[i], err = a.label(gctx, v.key, v.id)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return facts, err
	}
	var found timeline.Facts
	foreign := make(map[string]bool, len(all))
	for i, l := range labels {
		foreign[all[i].id] = l.foreign
		switch {
		case l.foreign:
			out.Foreign++
		case l.unreadable, l.gone:
			out.Unreadable++
		default:
			out.Values++
			l.version.Objects = []timeline.ObjectRef{{ID: all[i].id, Written: all[i].modified}}
			found.Versions = append(found.Versions, l.version)
		}
	}
	if out.Older == "" && a.hasOriginals() {
		var err error
		if found.Legacy, err = a.originals(ctx, out.Name, foreign); err != nil {
			return facts, err
		}
		for _, o := range found.Legacy {
			out.Originals++
			if !o.Deleted {
				out.Foreign--
			}
		}
	}
	return timeline.Union(facts, describedAs(facts, found)), nil
}

// originals returns what the original ssmbak wrote of a parameter: of the object
// versions that are foreign those that have its tags, and delete markers. A
// marker is surely the original's only if it was there before the archive was.
func (a *Archive) originals(ctx context.Context, name ssmbak.Name, foreign map[string]bool) ([]timeline.Legacy, error) {
	o := a.originalOptions()
	o.Ours = func(id string) bool {
		is, known := foreign[id]
		return known && !is
	}
	facts, err := legacy.One(ctx, a.client, o, name)
	if err != nil {
		return nil, fmt.Errorf("read what the original recorded of %s: %w", name, translate(err))
	}
	return slices.DeleteFunc(facts, func(f timeline.Legacy) bool {
		if f.Deleted {
			return f.LastModified.Add(time.Second) > a.since() // LastModified is cut to whole seconds
		}
		return !foreign[f.ID]
	}), nil
}

// describedAs returns the facts with each version as base knows it, where it
// does: the metadata of a value object says less of a version than an index.
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

// label is what the metadata of one object version says.
type label struct {
	version    timeline.Version
	foreign    bool // it has none of ours
	unreadable bool // it cannot be understood
	gone       bool // the object version is no longer there
}

// label reads the metadata of one object version under a parameter's key.
func (a *Archive) label(ctx context.Context, key, id string) (label, error) {
	out, err := a.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &a.o.Bucket, Key: &key, VersionId: &id, ExpectedBucketOwner: a.owner()})
	if err = translate(err); isNotFound(err) {
		return label{gone: true}, nil // a lifecycle rule may remove one at any time
	}
	if err != nil {
		return label{}, fmt.Errorf("read the metadata of %s (object version %s): %w", key, id, err)
	}
	return readLabel(out.Metadata), nil
}

// lastTime is the end of the year 9999, the last that an index can hold.
const lastTime = 253_402_300_799_999

// readLabel is the inverse of what [Archive.PutValue] writes as metadata.
func readLabel(metadata map[string]string) label {
	number, ours := metadata[metaVersion]
	if !ours {
		return label{foreign: true}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	ms, err2 := strconv.ParseInt(metadata[metaTime], 10, 64)
	kind := ssmbak.Type(metadata[metaType])
	if err != nil || err2 != nil || n < 1 || ms < 1 || ms > lastTime ||
		kind != ssmbak.String && kind != ssmbak.StringList && kind != ssmbak.SecureString {
		return label{unreadable: true}
	}
	return label{version: timeline.Version{
		Number: n, Time: ssmbak.Time(ms), Type: kind, KeyID: metadata[metaKeyID],
		Tier: metadata[metaTier], DataType: metadata[metaDataType], User: metadata[metaUser],
	}}
}

// anyOurs reports whether ssmbak wrote one of the object versions.
func (a *Archive) anyOurs(ctx context.Context, key string, ids []string) (bool, error) {
	for _, id := range ids {
		l, err := a.label(ctx, key, id)
		if isDenied(err) {
			return a.anySHA256(ctx, key, ids)
		}
		if err != nil {
			return false, err
		}
		if !l.foreign && !l.gone {
			return true, nil
		}
	}
	return false, nil
}

// anySHA256 is [Archive.anyOurs] for who may not read a value object, as the
// recorder may not: ssmbak sends the SHA-256 of each, which a listing shows, and
// the original never did.
func (a *Archive) anySHA256(ctx context.Context, key string, ids []string) (bool, error) {
	h, err := a.history(ctx, key)
	return slices.ContainsFunc(h.versions, func(v objectVersion) bool { return v.sha256 && slices.Contains(ids, v.id) }), err
}

// objectVersion is one object version or delete marker as a listing shows it.
type objectVersion struct {
	key, id, etag string
	modified      ssmbak.Time // S3's clock, in whole seconds
	latest        bool
	marker        bool
	sha256        bool // it came with that checksum
}

// history is what stands under one key: object versions and delete markers, each
// newest first.
type history struct{ versions, markers []objectVersion }

func (h history) ids() []string {
	ids := make([]string, len(h.versions))
	for i, v := range h.versions {
		ids[i] = v.id
	}
	return ids
}

// history lists what stands under one key. Keys are listed in the order of their
// bytes, so a key comes before all others that begin with it.
func (a *Archive) history(ctx context.Context, key string) (history, error) {
	var h history
	for page, err := range a.versions(ctx, key, "") {
		if err != nil {
			return history{}, err
		}
		for _, v := range page {
			switch {
			case v.key != key:
			case v.marker:
				h.markers = append(h.markers, v)
			default:
				h.versions = append(h.versions, v)
			}
		}
		if slices.ContainsFunc(page, func(v objectVersion) bool { return v.key != key }) {
			break
		}
	}
	return h, nil
}

// versions yields the pages of a listing of object versions and delete markers.
// An error is the last thing that it yields.
func (a *Archive) versions(ctx context.Context, prefix, delimiter string) iter.Seq2[[]objectVersion, error] {
	return func(yield func([]objectVersion, error) bool) {
		in := &s3.ListObjectVersionsInput{Bucket: &a.o.Bucket, ExpectedBucketOwner: a.owner(), Prefix: &prefix}
		if delimiter != "" {
			in.Delimiter = &delimiter
		}
		pages := s3.NewListObjectVersionsPaginator(a.client, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(nil, fmt.Errorf("list the versions under %s: %w", prefix, translate(err)))
				return
			}
			all := make([]objectVersion, 0, len(page.Versions)+len(page.DeleteMarkers))
			for _, v := range page.Versions {
				all = append(all, objectVersion{
					key: aws.ToString(v.Key), id: aws.ToString(v.VersionId), etag: aws.ToString(v.ETag),
					modified: ssmbak.TimeOf(aws.ToTime(v.LastModified)), latest: aws.ToBool(v.IsLatest),
					sha256: slices.Contains(v.ChecksumAlgorithm, types.ChecksumAlgorithmSha256),
				})
			}
			for _, m := range page.DeleteMarkers {
				all = append(all, objectVersion{
					key: aws.ToString(m.Key), id: aws.ToString(m.VersionId),
					modified: ssmbak.TimeOf(aws.ToTime(m.LastModified)), latest: aws.ToBool(m.IsLatest), marker: true,
				})
			}
			if !yield(all, nil) {
				return
			}
		}
	}
}
