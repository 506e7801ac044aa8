package recording

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/simulation"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

const (
	indexKey = ".ssmbak/index"
	entryKey = ".ssmbak/names"

	mostHides = 3 // in one history
)

// hides lets indexes and entries of the register get delete markers in some plans. It draws
// from a source of its own, so that the other histories stay unchanged.
func (d *draft) hides() {
	r := rand.New(rand.NewPCG(d.Seed, 0x68696465))
	if d.Calm || r.IntN(6) > 0 {
		return
	}
	d.Hide = 20 + r.IntN(200)
	d.Reconciles = append(d.Reconciles, Reconcile{At: time.Duration(r.Int64N(int64(d.at)/2 + 1))})
}

// hide adds a delete marker to an index or to an entry of the register now and then, before
// any request, as an administrator could by mistake or an attacker. The marker is removed
// by a reconcile or a rebuild later.
func (w *world) hide(q simulation.Request) {
	if w.plan.Hide == 0 || !w.Chance("hide "+q.Subject, w.plan.Hide) {
		return
	}
	names := w.ssm.Names()
	if len(names) == 0 {
		return
	}
	name := names[w.Draw("hidden "+q.Subject, len(names))]
	kind := indexKey
	if w.Draw("hidden kind "+q.Subject, 3) == 0 {
		kind = entryKey
	}
	if top := w.AWS.S3.Versions(bucket, kind+name); len(top) == 0 || top[0].Marker {
		return
	}
	w.mu.Lock()
	number := w.hidden
	w.hidden++
	w.mu.Unlock()
	if number >= mostHides {
		return
	}
	ctx := context.Background()
	if _, err := w.connect(ctx).S3().DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String(kind + name)}); err != nil {
		w.Problem("hide %s: %v", kind+name, err)
		return
	}
	w.Event("%s%s is hidden, before %s", kind, name, q.Subject)
	w.Counts.Add(map[string]string{indexKey: IndexUnderMarker, entryKey: EntryUnderMarker}[kind])
	w.heals.Go(func() { w.heal(ctx, number, ssmbak.Name(name)) })
}

// heal restores what was hidden: by a reconcile, which may be killed, and then by another
// one or by a rebuild. Readers read before and after the first.
func (w *world) heal(ctx context.Context, number int, name ssmbak.Name) {
	draw := func(n int) int { return w.Draw(fmt.Sprint("heal ", number), n) }
	w.reader(ctx, 100+10*number)
	time.Sleep(time.Duration(draw(120_000)) * time.Millisecond)
	w.reconcile(ctx, fmt.Sprint("heal ", number), draw(40))
	w.reader(ctx, 101+10*number)
	time.Sleep(time.Duration(draw(60_000)) * time.Millisecond)
	conn := w.connect(ctx)
	a, err := w.open(ctx, conn)
	if err != nil {
		w.Problem("open the archive: %v", err)
		return
	}
	if draw(3) == 0 {
		if _, err := a.Reindex(ctx, name); err != nil && !errors.Is(err, archive.ErrNothing) { // it has no index yet
			w.Problem("rebuild the index of %s: %v", name, err)
		}
		return
	}
	live := paramstore.New(conn.SSM(), paramstore.Options{Tagging: conn.Tagging()})
	if _, err := recorder.New(a, live, recorder.Options{Account: account, Region: region}).Reconcile(ctx, everything, recorder.ReconcileOptions{}); err != nil {
		w.Problem("reconcile what was hidden: %v", err)
	}
}

// indexes returns the names that have a current index, with its version, and those that are
// hidden: with the version of the delete marker, or "" for a name that is registered, but
// has no index yet.
func (w *world) indexes() (current, hidden map[ssmbak.Name]string) {
	current, hidden = make(map[ssmbak.Name]string), make(map[ssmbak.Name]string)
	for _, name := range w.ssm.Names() {
		switch top := w.AWS.S3.Versions(bucket, indexKey+name); {
		case len(top) == 0 && len(w.AWS.S3.Versions(bucket, entryKey+name)) > 0:
			hidden[ssmbak.Name(name)] = ""
		case len(top) == 0:
		case top[0].Marker:
			hidden[ssmbak.Name(name)] = top[0].VersionID
		default:
			current[ssmbak.Name(name)] = top[0].VersionID
		}
	}
	return current, hidden
}

// registered reports whether the archive says that its register is complete.
func (w *world) registered() bool {
	top := w.AWS.S3.Versions(bucket, ".ssmbak/reconciled")
	return len(top) > 0 && strings.Contains(string(top[0].Body), `"names":`)
}

// checkHidden checks that a read named each parameter whose index was hidden all the time,
// and called no parameter hidden that had an index all the time. The other arguments are
// what was the case before the read.
func (w *world) checkHidden(found archive.Snapshot, registered bool, current, hidden map[ssmbak.Name]string) {
	_, still := w.indexes()
	named := func(name ssmbak.Name) bool {
		return slices.ContainsFunc(found.Problems, func(p archive.Problem) bool { return p.Name == name }) || slices.Contains(found.Unproved.MissedNames(), name)
	}
	for _, name := range slices.Sorted(maps.Keys(hidden)) {
		if marker, is := still[name]; !registered || !is || marker != hidden[name] {
			continue
		}
		w.Counts.Add(HiddenNamed)
		if !named(name) {
			w.Problem("a reader does not name %s, whose index is hidden", name)
		}
	}
	for _, p := range found.Problems {
		if _, had := current[p.Name]; had && w.plan.Hide+int(w.plan.Hurt) == 0 {
			w.Problem("a reader calls %s hidden, which had an index all the time: %v", p.Name, p.Err)
		}
	}
}

// checkIntact checks after a reconcile that nothing is hidden and that no index lost facts.
func (w *world) checkIntact(ctx context.Context, a *archive.Archive) {
	if w.plan.Hide == 0 {
		return
	}
	for v, err := range a.Verify(ctx, everything, nil) {
		if err != nil {
			w.Problem("verify: %v", err)
			return
		}
		for _, f := range v.Findings {
			w.Problem("after a reconcile: %s: %s: %s", f.Fault, f.Key, f.Detail)
		}
	}
}

// overMarker notes that a process is about to write an index over a delete marker, unless it
// restores it. A writer that was paused since before the first index lacks the facts of
// that one.
func (p *process) overMarker(q object) (paused bool) {
	if q.Op != "PutObject" || !q.index || !q.first {
		return false
	}
	top := p.w.AWS.S3.Versions(bucket, q.Key)
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(top) > 0 && top[0].Marker && !p.restores[q.name]
}

// replace notes that a paused writer has replaced a hidden index: until the next update
// compares them, the facts of that are missing.
func (w *world) replace(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost[name], w.tagLost[name], w.labelLost[name] = true, true, true
}
