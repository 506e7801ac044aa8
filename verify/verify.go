// Package verify shows that an archive can be trusted: it reads every object of it,
// and compares what it records with what Parameter Store holds.
//
// The faults within the archive are those of [archive.Archive.Verify]. With a live
// store, every version that Parameter Store still keeps is compared with its record.
// Verification writes nothing, except that [Walk] and [Record] keep the result in the
// archive.
package verify

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/timeline"
)

// The faults that a comparison with Parameter Store finds.
const (
	FaultUnrecorded   archive.Fault = "unrecorded"    // a live parameter, version or value that the archive does not hold
	FaultValueDiffers archive.Fault = "value-differs" // the recorded value is not the live one
	FaultDiffers      archive.Fault = "differs"       // recorded attributes are not the live ones
	FaultGone         archive.Fault = "gone"          // recorded as live, but it does not exist
)

// settling is how long a change may take to be recorded before its absence is a fault.
const settling = 5 * time.Minute

// parallel is how many live parameters are compared at once. Their requests are paced by
// the store.
const parallel = 8

// Options say what to verify.
type Options struct {
	// Sample is the share of the parameters to verify, chosen at random: 0.01 is one
	// in a hundred. 0 means all.
	Sample float64
	// After omits the parameters up to this name, in the byte order of the names. The
	// verification stops after Most parameters, and at the earliest after some, at the time
	// Until. Zero values do not stop it.
	After ssmbak.Name
	Most  int
	Until time.Time
	// Live is compared with the archive unless it is nil.
	Live *paramstore.Store
	// Found is called with each finding immediately, and Progress with the
	// number of parameters verified and of all to verify. Neither is called by two
	// goroutines at once; both may be nil. Progress costs one more listing.
	Found    func(archive.Finding)
	Progress func(verified, total int)
	// Known are lines of checkpoints that the caller keeps. A verification of everything
	// finds those that are missing or were rewritten.
	Known []archive.CheckpointLine
	// Gone is called like Found, with each object version of a checkpoint that a lifecycle
	// rule or a redaction removed. It may be nil.
	Gone func(archive.Gone)
	// Redacted is called like Found, with each version whose value was removed from the
	// archive permanently. It may be nil.
	Redacted func(ssmbak.Name, timeline.Version)
}

// Report counts what a verification read.
type Report struct {
	// Parameters are those that were verified.
	Parameters int
	// IndexVersions and Values are objects of the archive, and Expired values that a
	// lifecycle rule has removed from it.
	IndexVersions, Values, Expired int
	// Compared counts the versions that were compared with Parameter Store, and
	// Unreadable the parameters whose secrets could not be decrypted for that.
	Compared, Unreadable int
	Findings             int
	// Redacted counts the versions whose values were removed from the archive permanently.
	Redacted int
	// Last is the last parameter that was verified, and Stopped says that it stopped there:
	// what follows, also the records, was not verified.
	Last    ssmbak.Name
	Stopped bool
	// Checkpoints is zero unless everything was verified.
	Checkpoints Checkpoints
}

// run is one verification.
type run struct {
	archive *archive.Archive
	o       Options
	seed    maphash.Seed
	now     ssmbak.Time
	exclude []string
	live    map[ssmbak.Name]paramstore.Description // not yet compared
	total   int
	// taken and full belong to the listing, which runs concurrently: the parameters to verify,
	// and that those are the most.
	taken  int
	full   bool
	report Report
}

// Run verifies the parameters of a target, and for the root path the restore records,
// the objects that concern all of the archive, and the checkpoints. Of a sample of the
// parameters, it looks for what the checkpoints of the last eight days have. After an error the report counts what
// was verified before it.
//
// Requests: those of [archive.Archive.Verify], [archive.Archive.Checkpoints],
// [archive.Archive.Inventory] and [archive.Archive.VerifyLeaves]; with a live store, one DescribeParameters
// per 50 parameters, one GetParameterHistory per 50 versions of each, the same again
// with decryption for a SecureString, and one GetObject for each version.
func Run(ctx context.Context, a *archive.Archive, target ssmbak.Target, o Options) (Report, error) {
	r := &run{archive: a, o: o, seed: maphash.MakeSeed(), now: ssmbak.TimeOf(time.Now())}
	if err := r.list(ctx, target); err != nil {
		return r.report, err
	}
	if o.Progress != nil {
		for name, err := range a.Names(ctx, target) {
			if err != nil {
				return r.report, err
			}
			if r.include(name) {
				r.total++
			}
		}
	}
	batch := make([]archive.Verified, 0, parallel)
	for v, err := range a.Verify(ctx, target, r.take) {
		if err != nil {
			return r.report, err
		}
		if batch = append(batch, v); len(batch) < parallel {
			continue
		}
		if err := r.verify(ctx, batch); err != nil {
			return r.report, err
		}
		if batch = batch[:0]; !o.Until.IsZero() && !time.Now().Before(o.Until) {
			r.report.Stopped = true
			return r.report, nil
		}
	}
	r.report.Stopped = r.full // the listing has ended
	if err := r.verify(ctx, batch); err != nil || r.report.Stopped {
		return r.report, err
	}
	r.unrecorded()
	if target.Root() && target.Recursive() {
		found, err := a.VerifyRecords(ctx)
		if r.found(found...); err != nil {
			return r.report, err
		}
		return r.report, r.checkpoints(ctx)
	}
	return r.report, nil
}

// take reports whether to verify a parameter, in the order of the names.
func (r *run) take(name ssmbak.Name) bool {
	if !r.include(name) || r.full {
		return false
	}
	if r.o.Most > 0 && r.taken == r.o.Most {
		r.full = true
		return false
	}
	r.taken++
	return true
}

// include reports whether a parameter is to be verified.
func (r *run) include(name ssmbak.Name) bool {
	if r.o.After != "" && name <= r.o.After {
		return false
	}
	if r.o.Sample <= 0 || r.o.Sample >= 1 {
		return true
	}
	const buckets = 1 << 32
	return float64(maphash.String(r.seed, string(name))%buckets) < r.o.Sample*buckets
}

func (r *run) found(all ...archive.Finding) {
	r.report.Findings += len(all)
	for _, f := range all {
		if r.o.Found != nil {
			r.o.Found(f)
		}
	}
}

// list reads the live parameters of the target.
func (r *run) list(ctx context.Context, target ssmbak.Target) error {
	if r.o.Live == nil {
		return nil
	}
	reconciled, err := r.archive.Reconciled(ctx)
	var hidden *archive.HiddenError
	if err != nil && !errors.As(err, &hidden) { // which is a finding
		return err
	}
	r.exclude, r.live = reconciled.Excluded, make(map[ssmbak.Name]paramstore.Description)
	if name, possible := target.Name(); possible {
		d, err := r.o.Live.DescribeOne(ctx, name)
		if err != nil && !errors.Is(err, paramstore.ErrNotFound) {
			return err
		}
		if err == nil && r.include(name) {
			r.live[name] = d
		}
	}
	for d, err := range r.o.Live.Describe(ctx, target) {
		if err != nil {
			return err
		}
		if r.include(d.Name) && !r.excluded(d.Name) {
			r.live[d.Name] = d
		}
	}
	return nil
}

func (r *run) excluded(name ssmbak.Name) bool { return pattern.Any(r.exclude, name) }

// verify takes what the archive holds of some parameters, and compares it with what is
// live.
func (r *run) verify(ctx context.Context, batch []archive.Verified) error {
	compared := make([]comparison, len(batch))
	if r.o.Live != nil {
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(parallel)
		for i, v := range batch {
			if _, live := r.live[v.Name]; !live && !v.Live || !v.Index.Exists || r.excluded(v.Name) {
				continue
			}
			g.Go(func() (err error) {
				compared[i], err = r.compare(gctx, v)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	for i, v := range batch {
		r.report.Parameters++
		r.report.Last = v.Name
		r.report.IndexVersions += v.IndexVersions
		r.report.Values += v.Values
		r.report.Expired += v.Expired
		r.redacted(v)
		r.report.Compared += compared[i].versions
		if compared[i].unreadable {
			r.report.Unreadable++
		}
		delete(r.live, v.Name)
		r.found(v.Findings...)
		r.found(compared[i].findings...)
		if r.o.Progress != nil {
			r.o.Progress(r.report.Parameters, max(r.report.Parameters, r.total))
		}
	}
	return nil
}

// redacted counts and reports the redacted versions of a parameter.
func (r *run) redacted(v archive.Verified) {
	r.report.Redacted += len(v.Redacted)
	for _, version := range v.Redacted {
		if r.o.Redacted != nil {
			r.o.Redacted(v.Name, version)
		}
	}
}

// unrecorded names the live parameters of which the archive holds nothing.
func (r *run) unrecorded() {
	for _, name := range slices.Sorted(maps.Keys(r.live)) {
		if r.live[name].Version.Time.Add(settling) < r.now {
			r.found(archive.Finding{Fault: FaultUnrecorded, Name: name, Detail: "it is live, but the archive holds nothing of it: `ssmbak reconcile` records it"})
		}
	}
}

// comparison is what a comparison of one parameter found.
type comparison struct {
	findings   []archive.Finding
	versions   int
	unreadable bool
}

// compare compares every version that Parameter Store keeps of a parameter with its
// record.
func (r *run) compare(ctx context.Context, v archive.Verified) (c comparison, err error) {
	add := func(fault archive.Fault, format string, args ...any) {
		c.findings = append(c.findings, archive.Finding{Fault: fault, Name: v.Name, Detail: fmt.Sprintf(format, args...)})
	}
	history, err := r.o.Live.History(ctx, v.Name)
	if errors.Is(err, paramstore.ErrNotFound) {
		return c, r.gone(ctx, v, add)
	}
	if err != nil {
		return c, err
	}
	secrets := make(map[timeline.Ref]ssmbak.Value)
	if slices.ContainsFunc(history.Versions, func(v paramstore.Version) bool { return !v.Value.IsKnown() }) {
		all, err := r.o.Live.Secrets(ctx, v.Name)
		var denied *paramstore.UnreadableError
		switch {
		case errors.As(err, &denied):
			c.unreadable = true
		case errors.Is(err, paramstore.ErrNotFound):
		case err != nil:
			return c, err
		}
		for _, s := range all {
			secrets[timeline.Ref{Number: s.Number, Time: s.Time}] = s.Value
		}
	}
	for _, live := range history.Versions {
		ref := timeline.Ref{Number: live.Number, Time: live.Time}
		recorded, ok := v.Index.Facts.Version(ref)
		switch {
		case !ok && live.Time.Add(settling) >= r.now:
			continue
		case !ok:
			add(FaultUnrecorded, "version %d of %s is live, but not recorded: `ssmbak reconcile` records it", live.Number, live.Time)
			continue
		}
		c.versions++
		if names := differing(recorded.Attributes, live.Attributes); names != "" {
			add(FaultDiffers, "version %d: recorded with another %s", live.Number, names)
		}
		value, known := live.Value.Get()
		if !known {
			value, known = secrets[ref]
		}
		if !recorded.Redacted.IsZero() {
			continue
		}
		if len(recorded.Objects) == 0 {
			add(FaultUnrecorded, "the value of version %d is not recorded: %s", live.Number, recorded.Unreadable)
			continue
		}
		if !known {
			continue
		}
		held, _, err := r.archive.KnownValue(ctx, v.Name, recorded.Version, recorded.Objects)
		switch {
		case err != nil:
			return c, err
		case !held.IsKnown(): // among the archive's own findings, or expired
		case !held.V.Equal(value):
			add(FaultValueDiffers, "version %d of %s: the recorded value is not the one in Parameter Store", live.Number, live.Time)
		}
	}
	return c, nil
}

// gone adds a finding if a parameter that is recorded as live does not exist. The index
// is read again: its deletion may have been recorded meanwhile.
func (r *run) gone(ctx context.Context, v archive.Verified, add func(archive.Fault, string, ...any)) error {
	index, err := r.archive.Index(ctx, v.Name)
	if err != nil {
		return err
	}
	if newest, live := index.Newest(); live && newest.Time.Add(settling) < r.now {
		add(FaultGone, "it is recorded as live, but does not exist: `ssmbak reconcile` records its deletion")
	}
	return nil
}

// differing names the attributes in which a record and the live version differ. What
// was not recorded, because a rebuilt index lacks it, is no difference.
func differing(recorded, live ssmbak.Attributes) string {
	var names []string
	for name, text := range recorded.All() {
		if *text != "" && *text != live.Get(name) {
			names = append(names, string(name))
		}
	}
	return strings.Join(names, ", ")
}
