package archive

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// ErrNoRestore says that no restore of an id was recorded.
var ErrNoRestore = errors.New("no such restore is recorded")

// Restore is the record of one restore. It is written before the first
// parameter is, and once more at the end, so it tells of every restore that may
// have changed anything, and holds all that is needed to take it back. It names
// values by the object versions that hold them and never holds one.
type Restore struct {
	Format int    `json:"format"`
	Reader int    `json:"reader,omitempty"` // the least format that a program must know to read it
	Writer string `json:"writer"`
	ID     string `json:"id"`
	// Began is when it was about to write, and Ended when it had done so; zero
	// for one that runs, or that was killed.
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended,omitzero"`
	By    string    `json:"by"` // the ARN of the caller, as STS says it
	// Arguments are those of the command, with its time as an absolute one.
	Arguments string `json:"arguments,omitempty"`
	// Target is the NAME|PATH, Recursive its flag, and At the moment that was
	// restored; At is zero where Undoes is set.
	Target    string      `json:"target"`
	Recursive bool        `json:"recursive,omitempty"`
	At        ssmbak.Time `json:"at,omitempty"`
	// Undoes is the id of the restore that this one takes back.
	Undoes string `json:"undoes,omitempty"`
	// Items are the parameters that it meant to change, by name.
	Items []RestoreItem `json:"items"`
}

// Envelope returns the format of the record and that which its reader must know.
func (r *Restore) Envelope() (format, reader int) { return r.Format, r.Reader }

// RestoreItem is one parameter of a [Restore].
type RestoreItem struct {
	Name ssmbak.Name `json:"name"`
	// Action is what was to be done, in the restore package's words.
	Action string `json:"action"`
	// Replaces says that it may delete the parameter and create it anew, from
	// version 1 on.
	Replaces bool `json:"replaces,omitempty"`
	// Attributes are those that it was to change.
	Attributes []ssmbak.Attribute `json:"attributes"`
	// Before is the parameter before the restore, nil if there was none, and
	// After what it was to be. After.Version has no time, and as its number the
	// one that was to be expected; if no version was to be written, it is that
	// of Before.
	Before *RestoreSide `json:"before,omitempty"`
	After  *RestoreSide `json:"after,omitempty"`
	// Status is what became of it, "" as long as that is not recorded; Written
	// the number of the version that was written, 0 if none was.
	Status  string `json:"status,omitempty"`
	Written int64  `json:"written,omitempty"`
	Error   string `json:"error,omitempty"`
}

// RestoreSide is a parameter before or after a restore. Version.Objects are the
// object versions that hold its value, under the key of Source.
type RestoreSide struct {
	Source  ssmbak.Name      `json:"source"`
	Version timeline.Version `json:"version"`
	// Tags and Labels are nil where they are not known.
	Tags   map[string]string `json:"tags"`
	Labels map[string]int64  `json:"labels"`
}

// maxRestore bounds what a damaged record can make a reader unpack, in bytes: a
// record of 100,000 parameters is about a quarter of it.
const maxRestore = 256 << 20

// restoreID is the form of an id: the second in which the restore began, so that
// ids sort by time, and a random end.
var restoreID = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9a-z]{1,32}$`)

// NewRestoreID returns an id for a restore that begins now. end makes it one of
// its own: small letters and digits.
func NewRestoreID(now time.Time, end string) string {
	return now.UTC().Format("20060102T150405Z") + "-" + end
}

// BeginRestore records a restore before it writes anything. The error is a
// conflict if its id is taken.
func (a *Archive) BeginRestore(ctx context.Context, r *Restore) error {
	return a.saveRestore(ctx, r, true)
}

// EndRestore records what became of a restore, in the place of what
// [Archive.BeginRestore] wrote.
func (a *Archive) EndRestore(ctx context.Context, r *Restore) error {
	return a.saveRestore(ctx, r, false)
}

func (a *Archive) saveRestore(ctx context.Context, r *Restore, first bool) error {
	if !restoreID.MatchString(r.ID) {
		return fmt.Errorf("%q is not the id of a restore", r.ID)
	}
	r.Format, r.Writer = restoreKind.Format, a.writer
	var buf bytes.Buffer
	zip := zips.Get().(*gzip.Writer)
	defer zips.Put(zip)
	zip.Reset(&buf)
	if err := json.NewEncoder(zip).Encode(r); err != nil {
		return fmt.Errorf("encode the record of restore %s: %w", r.ID, err)
	}
	if err := zip.Close(); err != nil {
		return fmt.Errorf("compress the record of restore %s: %w", r.ID, err)
	}
	key := restoresPrefix + r.ID
	_, err := a.put(ctx, put{key: key, body: buf.Bytes(), contentType: "application/gzip", absent: first})
	if first && isConflict(err) {
		// The same request, sent before, may have written it.
		if found, readErr := a.get(ctx, key, ""); readErr == nil && bytes.Equal(found.body, buf.Bytes()) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("record restore %s: %w", r.ID, err)
	}
	return nil
}

// Restore reads the record of one restore, or returns [ErrNoRestore].
func (a *Archive) Restore(ctx context.Context, id string) (*Restore, error) {
	if !restoreID.MatchString(id) {
		return nil, fmt.Errorf("%w: %q is not the id of one", ErrNoRestore, id)
	}
	key := restoresPrefix + id
	found, err := a.get(ctx, key, "")
	switch {
	case isNotFound(err):
		return nil, fmt.Errorf("%w: %s", ErrNoRestore, id)
	case isChecksum(err):
		return nil, &DamagedError{Key: key, Err: errChecksum}
	case err != nil:
		return nil, fmt.Errorf("read the record of restore %s: %w", id, err)
	}
	return decodeRestore(id, found.body)
}

func decodeRestore(id string, body []byte) (*Restore, error) {
	key := restoresPrefix + id
	zip, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, &DamagedError{Key: key, Err: err}
	}
	plain, err := io.ReadAll(io.LimitReader(zip, maxRestore+1))
	if err != nil {
		return nil, &DamagedError{Key: key, Err: err}
	}
	if len(plain) > maxRestore {
		return nil, &DamagedError{Key: key, Err: fmt.Errorf("it unpacks to more than %d bytes", maxRestore)}
	}
	var r Restore
	if _, err := decode(key, restoreKind, plain, &r); err != nil {
		return nil, err
	}
	if r.ID != id {
		return nil, &DamagedError{Key: key, Err: fmt.Errorf("it is the record of %q", r.ID)}
	}
	return &r, nil
}

// Restores reads the records of the newest restores, the newest first: at most
// limit of them, all if it is 0. more is how many older ones there are. A record
// that cannot be read is an error that names it.
func (a *Archive) Restores(ctx context.Context, limit int) (all []*Restore, more int, err error) {
	var ids []string
	pages := s3.NewListObjectsV2Paginator(a.client, &s3.ListObjectsV2Input{
		Bucket: &a.o.Bucket, Prefix: aws.String(restoresPrefix), ExpectedBucketOwner: a.owner(),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, 0, fmt.Errorf("list the restores in bucket %s: %w", a.o.Bucket, translate(err))
		}
		for _, o := range page.Contents {
			if id := strings.TrimPrefix(aws.ToString(o.Key), restoresPrefix); restoreID.MatchString(id) {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	if limit > 0 && len(ids) > limit {
		ids, more = ids[:limit], len(ids)-limit
	}
	all = make([]*Restore, len(ids))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(min(a.o.Parallel, 8)) // a record may be large
	for i, id := range ids {
		g.Go(func() (err error) {
			all[i], err = a.Restore(gctx, id)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, 0, err
	}
	return all, more, nil
}
