// Package legacy reads the records of the legacy ssmbak, which is written in Python,
// without converting them.
//
// # The format
//
// A parameter's key is its name with one leading slash. For each event about a new value
// the legacy ssmbak stored one object version, whose body is the value and whose tags
// are ssmbakTime (the event's Unix second), ssmbakType and, if the event had one,
// ssmbakDescription, without the characters that S3 does not allow in a tag and cut to
// 256 characters. For a deletion it stored a delete marker. Delete markers have no tags,
// so the event's time is lost and only LastModified remains. The legacy ssmbak adds the
// slash that is missing in events about names of one level. Only its script that backs
// up everything at once does not: it stores such names under a key without a slash,
// which its reader finds only under the name without the slash. This package does not
// read those.
//
// # The rules
//
// The state at a time T in seconds is that of the object version or marker with the
// newest second at or before T. The second of a version is its ssmbakTime, that of a
// marker its LastModified. If several have the same second, the one stored last counts.
// A listing returns versions and markers separately, and LastModified has a precision of
// one second, so the order of a version and a marker stored in the same second is
// unknown: the legacy ssmbak takes the marker as the later one, and so does this
// package, unless the listing says which of them is the latest.
//
// This package reads facts; the timeline package applies the rules to them. A body is
// the value byte for byte. The legacy reader trimmed white space at both ends; this
// package does not.
package legacy

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/timeline"
)

// Options are the options of [Read] and [One].
type Options struct {
	// Parallel bounds the concurrent reads of tags, in addition to the listing; 64 if
	// zero.
	Parallel int
	// Ours reports whether the object version or delete marker with this ID is not a
	// legacy record. It is then skipped without a request. Nil skips nothing. It is
	// never called by two goroutines at once.
	Ours func(objectVersionID string) bool
	// Until is when the bucket was adopted. Younger object versions and delete markers
	// are skipped. Zero skips nothing.
	Until ssmbak.Time
}

// Result is what [Read] found.
type Result struct {
	// Facts are the facts about each parameter, oldest in storage first. No list is
	// empty.
	Facts map[ssmbak.Name][]timeline.Legacy
	// Skipped counts the object versions and delete markers that are not legacy records:
	// those whose key is not a parameter's name, such as all under ".ssmbak/", and
	// object versions without a valid ssmbakTime or that were removed between the
	// listing and the reading of their tags.
	Skipped int
}

// Read lists every object version and delete marker whose key begins with prefix and
// returns the legacy facts about every parameter that keep accepts, or about all if keep
// is nil. A canonical name is its own key, so "/" is the prefix of all parameters.
//
// It sends one request per 1,000 object versions and markers under prefix, and one for
// the tags of each object version that is kept. It requires the permissions
// s3:ListBucketVersions and s3:GetObjectVersionTagging. keep may be called more than
// once for a name and must always return the same result; it is never called by two
// goroutines at once. After the first error Read returns no part of the result.
func Read(ctx context.Context, b *bucket.Bucket, o Options, prefix string, keep func(ssmbak.Name) bool) (Result, error) {
	return read(ctx, b, o, prefix, func(key string) verdict {
		name, err := ssmbak.ParseName(key)
		switch {
		case err != nil || name.String() != key:
			return skip
		case keep != nil && !keep(name):
			return leave
		}
		return take
	})
}

// One returns the legacy facts about one parameter, oldest in storage first. It reads no
// other key.
func One(ctx context.Context, b *bucket.Bucket, o Options, name ssmbak.Name) ([]timeline.Legacy, error) {
	result, err := read(ctx, b, o, name.String(), func(key string) verdict {
		if key != name.String() {
			return stop // a key comes before all others that begin with it
		}
		return take
	})
	return result.Facts[name], err
}

// verdict is what to do with the entries of a key.
type verdict int8

const (
	take  verdict = iota // read them
	leave                // ignore them
	skip                 // count them as skipped
	stop                 // end the listing
)

// entry is one object version or delete marker.
type entry struct {
	fact    timeline.Legacy
	missing bool // not a legacy record
	ours    bool
}

func read(ctx context.Context, b *bucket.Bucket, o Options, prefix string, judge func(key string) verdict) (Result, error) {
	if o.Parallel <= 0 {
		o.Parallel = 64
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(o.Parallel + 1) // one for the listing
	var result Result
	histories := make(map[ssmbak.Name][]*entry) // newest in storage first
	group.Go(func() error {
		for v, err := range b.Versions(ctx, bucket.Listing{Prefix: prefix}) {
			if err != nil {
				return err
			}
			switch judge(v.Key) {
			case stop:
				return nil
			case leave:
				continue
			case skip:
				result.Skipped++
				continue
			case take:
			}
			e := &entry{fact: timeline.Legacy{ID: v.ID, Deleted: v.Marker, LastModified: v.Modified}}
			histories[ssmbak.Name(v.Key)] = append(histories[ssmbak.Name(v.Key)], e)
			e.ours = o.Ours != nil && o.Ours(v.ID) || o.Until != 0 && v.Modified > o.Until
			if e.ours || v.Marker {
				continue
			}
			group.Go(func() error { return fill(ctx, b, v.Key, e) })
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return Result{}, fmt.Errorf("read the legacy records under %q of bucket %s: %w", prefix, b.Name, err)
	}

	result.Facts = make(map[ssmbak.Name][]timeline.Legacy, len(histories))
	for name, history := range histories {
		facts, missing := oldestFirst(history)
		if len(facts) > 0 {
			result.Facts[name] = facts
		}
		result.Skipped += missing
	}
	return result, nil
}

// oldestFirst turns a history, newest first, into facts, oldest first, and counts the
// entries that are not legacy records. Skipped entries count in Sequence, so that an
// object version always has the same one.
func oldestFirst(history []*entry) (facts []timeline.Legacy, missing int) {
	for i, e := range slices.Backward(history) {
		switch {
		case e.missing:
			missing++
		case !e.ours:
			e.fact.Sequence = len(history) - 1 - i
			facts = append(facts, e.fact)
		}
	}
	return facts, missing
}
