package health

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/timeline"
)

const (
	// MaxNames bounds the names that are listed, and so the requests.
	MaxNames = 200_000
	// MaxSample bounds the indexes that are read: newest of those that changed last, the
	// others chosen at random.
	MaxSample = 200
	newest    = 50
	// window is the time for which the delay of recording is measured.
	window = 30 * 24 * time.Hour
	// late is a delay of recording that is not normal. The stack's alarm Lag has the same.
	late = 15 * time.Minute
	// reading bounds the concurrent reads.
	reading = 16
)

// RPO is the time from the creation of a version, by Parameter Store's clock, to the moment at
// which S3 had stored its value, over the last 30 days. Until then, a version is lost if it is
// replaced more than 100 times or deleted. Versions from before recording began are not
// counted, nor are those of the interior of a run, which only parts contain.
type RPO struct {
	// Changes is the number of versions that were measured, and Missed that of changes of
	// which only the event was recorded.
	Changes, Missed int
	// Read is the number of parameters that were read, of Changed ones whose records changed.
	// Those that were not read are as likely to be late as the ones that were.
	Read, Changed int
	// P50, P99 and Max are the median, the 99th percentile and the maximum.
	P50, P99, Max Seconds
	// Last is the newest change that was read, and LastName its parameter.
	Last     ssmbak.Time
	LastName ssmbak.Name
}

// changes checks how late changes are recorded, whether indexes are hidden, and whether those
// that were read are replicated.
func (i *inspection) changes(ctx context.Context, d *archive.Deployment) []Check {
	if _, exists := i.archive.Identity(); !exists {
		return nil
	}
	everything, err := ssmbak.ParseTarget("/", true)
	if err != nil {
		return unseen("last change", "the recorded parameters", "s3:ListBucket", err)
	}
	var indexed []archive.Listed
	var registered []ssmbak.Name
	var g errgroup.Group
	g.Go(func() error {
		for x, err := range i.archive.Indexes(ctx, everything) {
			if err != nil || len(indexed) >= MaxNames {
				return err
			}
			indexed = append(indexed, x)
		}
		return nil
	})
	var registerErr error
	g.Go(func() error {
		for x, err := range i.archive.Register(ctx, everything) {
			if err != nil || len(registered) >= MaxNames {
				registerErr = err
				return nil
			}
			registered = append(registered, x.Name)
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return unseen("last change", "the recorded parameters", "s3:ListBucket", err)
	}
	var all []Check
	if registerErr != nil {
		all = unseen("hidden", "the register of names", "s3:ListBucketVersions", registerErr)
	} else {
		all = i.hidden(ctx, indexed, registered)
	}
	read, delays := i.delays(ctx, indexed)
	return append(append(all, delays...), i.replication(ctx, d, read)...)
}

// hidden checks whether every registered name has an index.
func (i *inspection) hidden(ctx context.Context, indexed []archive.Listed, registered []ssmbak.Name) []Check {
	r, err := i.archive.Reconciled(ctx)
	if err != nil {
		return unseen("hidden", "whether the register of names is complete", "s3:GetObject on .ssmbak/reconciled", err)
	}
	if r.Names.IsZero() {
		return warning("hidden", "not checked: the register of names is not complete yet", "the next complete reconcile completes it; `ssmbak reconcile` runs one")
	}
	last := ssmbak.Name("")
	if len(indexed) == MaxNames {
		last = indexed[MaxNames-1].Name
	}
	var lacking []ssmbak.Name
	for _, name := range registered {
		_, found := slices.BinarySearchFunc(indexed, name, func(x archive.Listed, name ssmbak.Name) int { return cmp.Compare(x.Name, name) })
		if !found && (last == "" || name < last) && len(lacking) < MaxSample {
			lacking = append(lacking, name)
		}
	}
	i.report.Hidden = []ssmbak.Name{}
	for _, name := range lacking { // few: the index of a new name may have been written since
		_, err := i.archive.KnownIndex(ctx, name, r)
		missing, hidden := errors.AsType[*archive.MissingIndexError](err)
		switch {
		case hidden && missing.Hidden:
			i.report.Hidden = append(i.report.Hidden, name)
		case err != nil:
			return unseen("hidden", "the index of "+name.String(), "s3:GetObject on .ssmbak/index/*", err)
		}
	}
	if n := len(i.report.Hidden); n > 0 {
		return problem("hidden", number(n, "parameter")+" without its index: "+some(i.report.Hidden), "`ssmbak reconcile` restores the indexes; find out who removed them")
	}
	return ok("hidden", "none")
}

// sample returns the indexes to read, of those that changed in the window.
func (i *inspection) sample(indexed []archive.Listed) (read []archive.Listed, changed int) {
	since := i.now.Add(-window)
	recent := slices.DeleteFunc(slices.Clone(indexed), func(x archive.Listed) bool { return x.Modified.Before(since) })
	changed = len(recent)
	if changed <= MaxSample {
		return recent, changed
	}
	slices.SortStableFunc(recent, func(a, b archive.Listed) int { return b.Modified.Compare(a.Modified) })
	rest := recent[newest:]
	rand.Shuffle(len(rest), func(a, b int) { rest[a], rest[b] = rest[b], rest[a] })
	return recent[:MaxSample], changed
}

// delays measures how late changes were recorded, and returns the indexes that it read.
func (i *inspection) delays(ctx context.Context, indexed []archive.Listed) ([]archive.Index, []Check) {
	read, changed := i.sample(indexed)
	found := make([]archive.Index, len(read))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(reading)
	for n, x := range read {
		g.Go(func() error {
			index, err := i.archive.Index(gctx, x.Name)
			if archive.Unreadable(err) {
				return nil // verify names it
			}
			found[n] = index
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, unseen("last change", "when changes were recorded", "s3:GetObject on .ssmbak/index/*", err)
	}
	rpo := &RPO{Read: len(read), Changed: changed}
	id, _ := i.archive.Identity()
	from := max(ssmbak.TimeOf(i.now.Add(-window)), ssmbak.TimeOf(id.Created))
	var all []time.Duration
	for n, x := range read {
		rpo.note(x.Name, found[n].Facts)
		all = append(all, measured(found[n].Facts, from)...)
		for _, m := range found[n].Facts.MissedChanges {
			if ssmbak.Seconds(m.Second) >= from {
				rpo.Missed++
			}
		}
	}
	slices.Sort(all)
	rpo.Changes = len(all)
	rpo.P50, rpo.P99, rpo.Max = Seconds(percentile(all, 50)), Seconds(percentile(all, 99)), Seconds(percentile(all, 100))
	i.report.RPO = rpo
	return found, rpo.checks(i)
}

// measured returns the delays of the versions that were made from a time on.
func measured(f timeline.Facts, from ssmbak.Time) (all []time.Duration) {
	for _, v := range f.Versions {
		if v.Time < from || len(v.Objects) == 0 {
			continue
		}
		written := v.Objects[0].Written
		for _, o := range v.Objects {
			written = min(written, o.Written)
		}
		all = append(all, max(0, written.Std().Sub(v.Time.Std())))
	}
	return all
}

// percentile returns the smallest value that at least p percent of the values do not exceed,
// zero if there are none. all is sorted.
func percentile(all []time.Duration, p int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	return all[max(0, (len(all)*p+99)/100-1)]
}

// note notes the newest change of a parameter.
func (r *RPO) note(name ssmbak.Name, f timeline.Facts) {
	see := func(at ssmbak.Time) {
		if at > r.Last {
			r.Last, r.LastName = at, name
		}
	}
	for _, v := range f.Versions {
		see(v.Time)
	}
	for _, d := range f.Deletions {
		see(ssmbak.Seconds(d.Second))
	}
	for _, x := range f.Tags {
		see(ssmbak.Seconds(x.Second))
	}
	for _, x := range f.Labels {
		see(ssmbak.Seconds(x.Second))
	}
}

// Text returns the 99th percentile for a table.
func (r *RPO) Text() string { return span(time.Duration(r.P99)) }

func (r *RPO) checks(i *inspection) []Check {
	if r.Last == 0 {
		return ok("last change", "none recorded in the last 30 days")
	}
	all := ok("last change", r.Last.String()+", of "+r.LastName.String())
	if r.Changes == 0 {
		return append(all, ok("RPO", "not measured: no version was made in the last 30 days")...)
	}
	of := ""
	if r.Read < r.Changed {
		of = fmt.Sprintf(" of %d of %s", r.Read, number(r.Changed, "parameter"))
	}
	text := fmt.Sprintf("recorded after %s (p50), %s (p99), %s (max): %s in 30 days%s", span(time.Duration(r.P50)), span(time.Duration(r.P99)), span(time.Duration(r.Max)), number(r.Changes, "version"), of)
	if r.Missed > 0 {
		return append(all, warning("RPO", text+"; "+number(r.Missed, "change")+" never", "`ssmbak log / -R --since 30d` shows them as gaps")...)
	}
	if r.P99 > Seconds(late) {
		return append(all, warning("RPO", text, "the recorder's log shows why changes are recorded late")...)
	}
	return append(all, ok("RPO", text)...)
}
