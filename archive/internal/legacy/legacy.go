// Package legacy reads buckets that the original ssmbak, written in Python,
// recorded to, as they are: nothing has to be converted first.
//
// # The format
//
// A parameter's key is its name with one leading slash. Each event that told
// of a new value put one object version there, whose body is the value and
// whose tags are ssmbakTime (the event's Unix second), ssmbakType and, where
// the event had one, ssmbakDescription, without the characters that S3 allows
// in no tag and cut to 256. A deletion put a delete marker there; it can carry
// no tags, so the event's time is lost and only LastModified is left. The original
// adds the slash that events about names of one level lack. Only its script that
// backs up everything at once does not: it leaves such names under a key without
// a slash, where the original's reader does not look either unless it is asked
// for the name without the slash. These are not read here.
//
// # The rules
//
// At a time T, in whole seconds, of all object versions with an ssmbakTime at
// or before T and all markers with a LastModified at or before T the one with
// the newest such second counts. Of several in one second the one stored last
// does. The listing tells versions and markers apart and shows LastModified in
// whole seconds, so where a version and a marker were stored in one second
// their order is lost: the original takes the marker as the later one, and so
// does this package, unless the listing says which of them is the latest.
//
// This package reads facts; the timeline package applies the rules to them.
// The bodies are values byte for byte. The original's reader cut white space
// off both ends of them, which is not repeated.
package legacy

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// defaultParallel is how many tag reads are under way at once unless told
// otherwise.
const defaultParallel = 64

// Options say which bucket is read, and how.
type Options struct {
	// Bucket holds the objects.
	Bucket string
	// Owner is the account that must own the bucket, sent as the expected
	// bucket owner with every request. Empty sends none.
	Owner string
	// Parallel bounds the tag reads that are under way at once, beside the
	// listing; 64 if zero.
	Parallel int
	// Ours reports that the object version or delete marker with this id is
	// known from elsewhere. It is left out without a request. Nil leaves out
	// nothing. It is never called by two goroutines at once.
	Ours func(objectVersionID string) bool
}

// Result is what [Read] found.
type Result struct {
	// Facts are the facts of each parameter, oldest in storage first. No list is
	// empty.
	Facts map[ssmbak.Name][]timeline.Legacy
	// Skipped counts the object versions and delete markers that are not the
	// original's: those whose key is no parameter's name, as all under
	// ".ssmbak/", and object versions without a readable ssmbakTime or that
	// were removed between the listing and the reading of their tags.
	Skipped int
}

// Read lists every object version and delete marker whose key begins with
// prefix and returns the original's facts about every parameter that keep
// accepts, all of them if keep is nil. A canonical name is its own key, so "/"
// is the prefix of all parameters.
//
// It costs one request per 1,000 object versions and markers under prefix, and
// one for the tags of each object version that is kept; it needs the
// permissions s3:ListBucketVersions and s3:GetObjectVersionTagging. keep may be
// asked more than once about a name and must always give the same answer; it
// is never called by two goroutines at once. The first error ends the reading
// and no part of the result is returned.
func Read(ctx context.Context, client *s3.Client, o Options, prefix string, keep func(ssmbak.Name) bool) (Result, error) {
	r := &reader{client: client, o: o}
	return r.read(ctx, prefix, func(key string) verdict {
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

// One returns the original's facts about one parameter, oldest in storage
// first, and none if it knows nothing of it. It reads no further than the
// name's own key, whatever else begins like it.
func One(ctx context.Context, client *s3.Client, o Options, name ssmbak.Name) ([]timeline.Legacy, error) {
	r := &reader{client: client, o: o}
	result, err := r.read(ctx, name.String(), func(key string) verdict {
		if key != name.String() {
			return stop // keys come in order, and a prefix is the first of them
		}
		return take
	})
	return result.Facts[name], err
}

// verdict is what is done with what stands under a key.
type verdict int8

const (
	take  verdict = iota // read it
	leave                // pass over it
	skip                 // count it as not the original's
	stop                 // nothing of interest follows
)

type reader struct {
	client *s3.Client
	o      Options
}

// entry is what became of one stored thing.
type entry struct {
	fact    timeline.Legacy
	missing bool // it is not the original's
	ours    bool
}

func (r *reader) read(ctx context.Context, prefix string, judge func(key string) verdict) (Result, error) {
	parallel := r.o.Parallel
	if parallel <= 0 {
		parallel = defaultParallel
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel + 1) // the listing has a place of its own
	var result Result
	histories := make(map[ssmbak.Name][]*entry) // newest in storage first
	group.Go(func() error {
		for s, err := range r.list(ctx, prefix) {
			if err != nil {
				return err
			}
			switch judge(s.key) {
			case stop:
				return nil
			case leave:
				continue
			case skip:
				result.Skipped++
				continue
			case take:
			}
			e := &entry{fact: timeline.Legacy{ID: s.id, Deleted: s.marker, LastModified: s.modified}}
			histories[ssmbak.Name(s.key)] = append(histories[ssmbak.Name(s.key)], e)
			e.ours = r.o.Ours != nil && r.o.Ours(s.id)
			if e.ours || s.marker {
				continue
			}
			group.Go(func() error { return r.fill(ctx, s.key, e) })
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return Result{}, fmt.Errorf("read the original's records under %q in bucket %s: %w", prefix, r.o.Bucket, err)
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

// oldestFirst turns a history, newest first, into facts, oldest first, and counts
// the entries that are not the original's. What is left out keeps its place,
// so that the same object version has the same one however it is read.
func oldestFirst(history []*entry) (facts []timeline.Legacy, missing int) {
	for i := len(history) - 1; i >= 0; i-- {
		switch e := history[i]; {
		case e.missing:
			missing++
		case !e.ours:
			e.fact.Sequence = len(history) - 1 - i
			facts = append(facts, e.fact)
		}
	}
	return facts, missing
}
