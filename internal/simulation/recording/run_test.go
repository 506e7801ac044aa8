package recording

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/simulation"
	"github.com/ssmbak/ssmbak/recorder"
)

// listing is a complete listing by a reconcile.
type listing struct {
	began ssmbak.Time
	ended time.Time
}

// enter notes that a recorder begins to handle a name, and leave that it ended.
func (w *world) enter(batch []*message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.recorders++
	if w.listings > 0 {
		w.Counts.Add(ReconcileBeside)
	}
	for _, name := range namesOf(batch) {
		w.active[name]++
		if w.active[name] > 1 {
			w.Counts.Add(TwoAtOnce)
		}
	}
}

func (w *world) leave(batch []*message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.recorders--
	for _, name := range namesOf(batch) {
		w.active[name]--
	}
}

func namesOf(batch []*message) []string {
	var names []string
	for _, m := range batch {
		names = append(names, m.name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// run plays a plan and checks every promise. It must be called in a bubble of
// testing/synctest.
func run(p Plan, counts *simulation.Counts) *simulation.World {
	w := newWorld(p, counts)
	ctx, cancel := context.WithCancel(context.Background())
	var recorders, others sync.WaitGroup
	others.Go(w.users)
	time.Sleep(p.Established)
	for i, kill := range p.Kills {
		recorders.Go(func() { w.recorder(ctx, i, kill) })
	}
	for i, r := range p.Reconciles {
		others.Go(func() {
			time.Sleep(time.Until(w.Start.Add(r.At)))
			w.reconcile(ctx, fmt.Sprint("reconcile ", i), r.Kill)
		})
	}
	if p.Hurt > 0 {
		others.Go(func() { w.hurt(ctx) })
	}
	for i, at := range p.Readers {
		others.Go(func() {
			time.Sleep(time.Until(w.Start.Add(at)))
			w.reader(ctx, i)
		})
	}
	for i, f := range p.Forged {
		others.Go(func() { w.forge(ctx, i, f) })
	}
	others.Wait()
	w.waiting.Wait()
	w.heals.Wait()
	cancel()
	recorders.Wait()
	w.check()
	return w.World
}

// recorder is a Lambda function's instance that handles batches until the end
// of the run. A killed one is followed by another.
func (w *world) recorder(ctx context.Context, id, kill int) {
	// Who waits first for a message gets it.
	time.Sleep(time.Duration(id) * time.Millisecond)
	for life := 0; ctx.Err() == nil; life++ {
		p := newProcess(w, fmt.Sprintf("recorder %d.%d", id, life), kill)
		stop := context.AfterFunc(ctx, p.End)
		p.handleAll(ctx)
		stop()
		p.End()
		kill = 0
		if ctx.Err() == nil {
			time.Sleep(time.Duration(1+w.Draw("restart", 5000)) * time.Millisecond)
		}
	}
}

// handleAll takes batches until the process is killed or the run ends.
func (p *process) handleAll(ctx context.Context) {
	var r *recorder.Recorder
	for p.Context().Err() == nil && ctx.Err() == nil {
		var batch []*message
		select {
		case <-ctx.Done():
			return
		case <-p.Context().Done():
			return
		case m := <-p.w.inbox:
			batch = append(batch, m)
		}
		for more := true; more && len(batch) < 10; {
			select {
			case m := <-p.w.inbox:
				batch = append(batch, m)
			default:
				more = false
			}
		}
		if r == nil {
			var err error
			if r, err = p.start(); err != nil {
				return // its messages come again
			}
		}
		p.handle(r, batch)
	}
}

func (p *process) handle(r *recorder.Recorder, batch []*message) {
	p.w.enter(batch)
	defer p.w.leave(batch)
	messages := make([]recorder.Message, len(batch))
	for i, m := range batch {
		messages[i] = recorder.Message{ID: m.id, Body: m.body, Sent: m.sent, Receives: m.receives}
	}
	failed, reads, events := make(map[string]bool), make(map[string]int), make(map[string]int)
	for _, m := range batch {
		reads[m.name] = p.read(m.name)
		if m.event.DetailType != trailEvent {
			events[m.name]++
		}
		if events[m.name] == 2 {
			p.w.Counts.Add(Collapsed)
		}
	}
	for _, f := range r.Handle(p.Context(), messages) {
		failed[f.ID] = true
		if p.Context().Err() == nil {
			p.w.Counts.Add(HandedBack)
		}
	}
	if p.Context().Err() != nil {
		return // a killed function reports nothing
	}
	for _, m := range batch {
		if !failed[m.id] {
			if events[m.name] > 0 && p.read(m.name) == reads[m.name] {
				p.w.Counts.Add(SettledByIndex)
			}
			m.once.Do(func() { close(m.done) })
		}
	}
}

// reconcile runs one reconcile of everything.
func (w *world) reconcile(ctx context.Context, id string, kill int) {
	p := newProcess(w, id, kill)
	defer p.End()
	stop := context.AfterFunc(ctx, p.End)
	defer stop()
	w.mu.Lock()
	w.listings++
	if w.listings > 1 {
		w.Counts.Add(ReconcilesBeside)
	}
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.listings--
		w.mu.Unlock()
	}()
	r, err := p.start()
	if err != nil {
		return
	}
	report, err := r.Reconcile(p.Context(), everything, recorder.ReconcileOptions{}) // what it could not do, a later one does
	if report.Resumed {
		w.Counts.Add(ListingContinued)
	}
	if err == nil && report.Complete {
		w.mu.Lock()
		w.complete = append(w.complete, listing{report.Began, time.Now()})
		w.mu.Unlock()
	}
}
