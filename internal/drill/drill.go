// Package drill restores a path below [ssmbak.DrillPath], compares every attribute with the
// archive that it came from, and removes everything again.
//
// Before the first write, the archive of the account and region gets the record of the drill with the names of all
// parameters. A parameter is that of a drill, and may be removed, only if its name is in the
// record and Parameter Store says that the author of the drill created it after the drill had
// begun, and that it has no other version. The name contains the random ID of the drill.
package drill

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
)

const (
	// Most is the greatest number of parameters of a drill, whose values are in memory.
	Most = 10_000
	// parallel bounds the concurrent parameters. Their writes are paced by the store.
	parallel = 8
	// slack is how much longer than the writes need a drill may take.
	slack = 30 * time.Minute
	// cleaning bounds the removal after the drill has ended or was interrupted.
	cleaning = 30 * time.Minute
	// imageType is a data type whose values Parameter Store checks after the write.
	imageType = "aws:ec2:image"
)

// Drill is a planned drill.
type Drill struct {
	// Record is what the archive keeps.
	Record archive.Drill
	// Rate is the number of writes per second.
	Rate float64
	// Kept are parameters at names of the drill that the drill did not create, or that
	// were changed since. They are not removed.
	Kept []ssmbak.Name
	// Begun says that the archive has the record of the drill, and parameters may have been
	// written.
	Begun bool
	// Progress, if not nil, is called after each written parameter.
	Progress func(done, total int)

	archive *archive.Archive
	live    *paramstore.Store
	items   []*item
	mu      sync.Mutex
}

// item is one parameter.
type item struct {
	origin, name ssmbak.Name
	state        ssmbak.State
	written      bool // by this process, as version 1
	otherKey     bool
}

// TooManyError refuses a drill of more than [Most] parameters.
type TooManyError struct {
	Target     ssmbak.Target
	Parameters int
}

func (e *TooManyError) Error() string {
	return fmt.Sprintf("%s has %d parameters, and a drill restores at most %d", e.Target, e.Parameters, Most)
}

// Prepare reads the states of the target at a time from an archive and plans a drill, which the
// archive a records; both may be the same. by is the ARN of the caller, and rate the writes per
// second to which live is limited. The error may be a [*TooManyError].
func Prepare(ctx context.Context, from, a *archive.Archive, live *paramstore.Store, target ssmbak.Target, at ssmbak.Time, by string, rate float64) (*Drill, error) {
	snap, err := from.At(ctx, target, at, archive.NoValues)
	if err != nil {
		return nil, err
	}
	if n := len(snap.States); n > Most {
		return nil, &TooManyError{target, n}
	}
	if snap, err = from.At(ctx, target, at, archive.AllValues); err != nil {
		return nil, err
	}
	now := a.Now().UTC().Truncate(time.Millisecond)
	d := &Drill{archive: a, live: live, Rate: rate, Record: archive.Drill{
		ID: archive.NewRestoreID(now, strings.ToLower(rand.Text()[:6])), By: by, Path: target.String(), At: at, Began: now, Names: []ssmbak.Name{},
	}}
	if from != a {
		d.Record.From = from.Bucket()
	}
	for _, p := range snap.Problems {
		d.found(p.Name, p.Err.Error())
	}
	for _, state := range snap.States {
		switch {
		case state.Certainty == ssmbak.Unknown || state.Version.DataType == imageType:
			d.Record.Skipped++
		case state.Deleted:
		case !state.Value.IsKnown() && slices.ContainsFunc(snap.Problems, func(p archive.Problem) bool { return p.Name == state.Name }):
		case !state.Value.IsKnown():
			d.found(state.Name, "its value is unavailable: "+state.Value.Reason)
		default:
			d.add(state)
		}
	}
	d.Record.Until = now.Add(slack + 2*d.Estimate())
	return d, nil
}

func (d *Drill) add(state ssmbak.State) {
	name, err := ssmbak.ParseName(strings.TrimSuffix(d.Record.Prefix(), "/") + string(state.Name))
	if err != nil { // below the prefix, it would be too long or have too many levels
		d.Record.Skipped++
		return
	}
	d.items = append(d.items, &item{origin: state.Name, name: name, state: state})
	d.Record.Names = append(d.Record.Names, name)
}

func (d *Drill) found(name ssmbak.Name, reason string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Record.Findings = append(d.Record.Findings, archive.DrillFinding{Name: name, Reason: reason})
}

// Writes returns the number of requests that create and remove the parameters.
func (d *Drill) Writes() int {
	return len(d.items) + (len(d.items)+paramstore.DeletePage-1)/paramstore.DeletePage
}

// Estimate returns how long the writes take.
func (d *Drill) Estimate() time.Duration {
	return time.Duration(float64(d.Writes()) / d.Rate * float64(time.Second)).Round(time.Second)
}

// ErrTime reports a drill that took much longer than its estimate.
var ErrTime = errors.New("ran out of time before everything was written and compared")

// Run writes, compares and removes the parameters. If ctx ends, it writes nothing more, but
// still removes what it wrote. The results are in d.Record, also after an error, which says
// why the drill was not begun, not completed, or not removed.
func (d *Drill) Run(ctx context.Context) error {
	if err := d.archive.BeginDrill(ctx, d.Record); err != nil {
		// The record was stored nevertheless, and would block other drills.
		if errors.As(err, new(*archive.NotVersionedError)) {
			d.Record.Ended, d.Record.Incomplete = d.archive.Now(), true
			_ = d.archive.EndDrill(ctx, d.Record) // it fails for the same reason
		}
		return err
	}
	d.Begun = true
	work, cancel := context.WithDeadline(ctx, d.Record.Until)
	defer cancel()
	began := time.Now()
	err := d.write(work)
	d.Record.Seconds = time.Since(began).Seconds()
	if err == nil {
		err = d.compare(work)
	}
	d.Record.Incomplete = err != nil
	if err != nil && work.Err() != nil && ctx.Err() == nil {
		err = outOfTime(err)
	}
	end, stop := context.WithTimeout(context.WithoutCancel(ctx), cleaning)
	defer stop()
	return errors.Join(err, d.remove(end))
}

// outOfTime returns [ErrTime] with what the drill was doing, if the error says it.
func outOfTime(err error) error {
	if err == context.DeadlineExceeded { //nolint:errorlint // an error that wraps it says more
		return ErrTime
	}
	return fmt.Errorf("%w: %w", ErrTime, err)
}

// each calls do for each item, concurrently, until ctx ends.
func (d *Drill) each(ctx context.Context, do func(ctx context.Context, i *item) error) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, i := range d.items {
		g.Go(func() error {
			if err := gctx.Err(); err != nil {
				return err
			}
			return do(gctx, i)
		})
	}
	return g.Wait()
}

func (d *Drill) write(ctx context.Context) error {
	return d.each(ctx, func(ctx context.Context, i *item) error {
		err := d.put(ctx, i)
		if errors.Is(err, paramstore.ErrCredentials) || ctx.Err() != nil {
			return cmp.Or(err, ctx.Err())
		}
		if err != nil {
			d.found(i.origin, "it could not be written: "+err.Error())
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if err == nil {
			d.Record.Written++
			i.written = true
		}
		if d.Progress != nil {
			d.Progress(d.Record.Written, len(d.items))
		}
		return nil
	})
}

// put creates one parameter, without policies and labels. A secret whose key the caller may not
// use is written with the account's default key.
func (d *Drill) put(ctx context.Context, i *item) error {
	w := paramstore.Write{Name: i.name, Attributes: i.state.Version.Attributes, Value: i.state.Value.V, Tags: plan.UserTags(i.state.Tags.V)}
	w.Policies = ""
	_, err := d.live.Put(ctx, w)
	if err != nil && w.Type == ssmbak.TypeSecureString && w.KeyID != "" && !errors.Is(err, paramstore.ErrExists) && ctx.Err() == nil && keyError(err) {
		w.KeyID, i.otherKey = "", true
		if _, err = d.live.Put(ctx, w); err == nil {
			d.mu.Lock()
			d.Record.OtherKey++
			d.mu.Unlock()
		}
	}
	return err
}

// keyError reports whether a write may have failed because of its key.
func keyError(err error) bool {
	text := err.Error()
	return strings.Contains(text, "InvalidKeyId") || strings.Contains(text, "AccessDenied") || strings.Contains(text, "KMS")
}
