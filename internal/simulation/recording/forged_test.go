package recording

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// Forged is an event of a change that never happened.
type Forged struct {
	At   time.Duration
	Name string
	Kind string
	// Off is the time of the event, relative to At.
	Off time.Duration
	// Queued says that it comes with a message. All others invoke the function directly.
	Queued bool
}

// forgedKinds are the kinds of events that invoke the function directly.
var forgedKinds = []string{"Create", "Update", "Delete", "LabelParameterVersion", "tags", "expiration"}

const (
	forgedReceives = 3                // after which a forged message becomes a dead letter
	forgedAfter    = 20 * time.Second // how long a parameter is unchanged before its deletion is forged
)

// forges adds forged events to some plans: by a principal that may invoke the function, at
// any time, and a deletion in the queue of a parameter that is not deleted any more. It draws
// from a source of its own and leaves the kept seeds alone.
func (d *draft) forges() {
	switch d.Seed % 32 {
	case 7, 22, 24, 29:
	default:
		return
	}
	r := rand.New(rand.NewPCG(d.Seed, 0x666f726765))
	end, last := time.Duration(0), d.Changes[r.IntN(len(d.Changes))]
	for _, c := range d.Changes {
		end = max(end, c.At)
	}
	for range 1 + r.IntN(4) {
		d.Forged = append(d.Forged, Forged{
			At: time.Duration(r.Int64N(int64(end + time.Minute))), Name: d.Changes[r.IntN(len(d.Changes))].Name,
			Kind: forgedKinds[r.IntN(len(forgedKinds))], Off: time.Duration(r.IntN(120_000)-60_000) * time.Millisecond,
		})
	}
	d.Forged = append(d.Forged, Forged{At: end + forgedAfter + time.Duration(r.IntN(60_000))*time.Millisecond, Name: last.Name, Kind: "Delete", Queued: true})
}

// event returns the forged event.
func (f Forged) event(w *world, number int) ssmapi.Event {
	e := ssmapi.Event{
		ID: fmt.Sprintf("f0f0f0f0-0000-4000-8000-%012x", number), DetailType: "Parameter Store Change", Source: "aws.ssm", Account: account, Region: region,
		Time: time.Now().Add(f.Off).UTC().Truncate(time.Second), Resources: []string{"arn:aws:ssm:" + region + ":" + account + ":parameter" + nameOf(ssmapi.Event{Detail: map[string]any{"name": f.Name}})},
		Detail: map[string]any{"operation": f.Kind, "name": f.Name, "type": "String"},
	}
	switch f.Kind {
	case "LabelParameterVersion":
		e.Detail["label"], e.Detail["fromVersion"], e.Detail["toVersion"] = "prod", "1", "2"
	case "tags":
		e.DetailType, e.Source = "Tag Change on Resource", "aws.tag"
		e.Detail = map[string]any{"service": "ssm", "resource-type": "parameter", "version": 1000, "tags": map[string]string{"t": "forged"}, "changed-tag-keys": []string{"t"}}
	case "expiration":
		e.DetailType = "Parameter Store Policy Action"
		e.Detail = map[string]any{"policy-type": "Expiration", "parameter-name": f.Name, "parameter-type": "String", "action-status": "Success"}
	}
	return e
}

// forge sends a forged event.
func (w *world) forge(ctx context.Context, number int, f Forged) {
	time.Sleep(time.Until(w.Start.Add(f.At)))
	e := f.event(w, number)
	w.Event("forged (queued: %v): %s of %s", f.Queued, f.Kind, f.Name)
	if f.Queued {
		w.forgeMessage(number, e)
		return
	}
	p := newProcess(w, fmt.Sprint("forged ", number), 0)
	defer p.End()
	stop := context.AfterFunc(ctx, p.End)
	defer stop()
	r, err := p.start()
	if err != nil {
		return
	}
	w.Counts.Add(ForgedDirect)
	_ = r.SyncEvent(p.Context(), e.JSON()) // a request may fail
}

// forgeMessage delivers the event of a deletion of a parameter that exists: no recorder may
// settle it.
func (w *world) forgeMessage(number int, e ssmapi.Event) {
	m := &message{id: fmt.Sprint("forged-", number), event: e, name: nameOf(e), body: e.JSON(), sent: time.Now(), done: make(chan struct{})}
	if t := w.truth(m.name, time.Now()); !t.live || time.Since(t.at) < forgedAfter {
		return
	}
	w.Counts.Add(ForgedDeletion)
	for m.receives = 1; m.receives <= forgedReceives; m.receives++ {
		w.inbox <- m
		select {
		case <-m.done:
			w.Problem("a forged deletion of %s is settled, which exists", m.name)
			return
		case <-time.After(visibility):
		}
	}
}
