package recording

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

const trailEvent = "AWS API Call via CloudTrail"

// message is one event on its way.
type message struct {
	id       string
	event    ssmapi.Event
	name     string
	body     []byte
	sent     time.Time
	receives int
	done     chan struct{}
	once     sync.Once
}

// nameOf returns the parameter of an event.
func nameOf(e ssmapi.Event) string {
	for _, key := range []string{"name", "parameter-name"} {
		if name, ok := e.Detail[key].(string); ok {
			return "/" + strings.TrimPrefix(name, "/")
		}
	}
	_, name, _ := strings.Cut(e.Resources[0], ":parameter/")
	return "/" + name
}

// lose notes what the loss of an event may hide.
func (w *world) lose(e ssmapi.Event, name string) {
	w.Counts.Add(EventLost)
	operation, _ := e.Detail["operation"].(string)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case e.DetailType == "Tag Change on Resource":
		w.tagLost[name] = true
		w.Counts.Add(TagEventLost)
	case operation == "LabelParameterVersion":
		w.labelLost[name] = true
	case operation == "Delete":
		w.dropped[name] = append(w.dropped[name], time.Now())
		fallthrough
	default:
		w.lost[name] = true
	}
}

// emit sends an event on its way: late, twice, out of order or never.
func (w *world) emit(e ssmapi.Event) {
	if e.DetailType == trailEvent {
		w.trailed(e)
		return
	}
	name := nameOf(e)
	if e.DetailType == "Parameter Store Policy Action" {
		w.Counts.Add(Expired)
	}
	w.mu.Lock()
	w.events++
	number := w.events
	w.mu.Unlock()
	copies := 1
	if w.Chance("copies", w.plan.Repeat) {
		copies = 2
		w.Counts.Add(CameTwice)
	}
	if w.Chance("loss", w.plan.Lose) {
		copies = 0
		w.lose(e, name)
	}
	for i := range copies {
		delay := time.Duration(200+w.Draw("delay", 3000)) * time.Millisecond
		if w.Chance("late", 250) {
			delay = time.Duration(w.Draw("delay", 400_000)) * time.Millisecond
		}
		// No two messages come at one instant, or their order would be chance.
		delay += time.Duration(2*number+i) * time.Microsecond
		if delay > time.Minute {
			w.Counts.Add(CameLate)
		}
		m := &message{id: fmt.Sprintf("%s-%d", e.ID, i), event: e, name: name, body: e.JSON(), done: make(chan struct{})}
		w.waiting.Add(1)
		go w.deliver(m, delay, time.Now())
	}
}

// deliver delivers a message until a recorder is done with it.
func (w *world) deliver(m *message, delay time.Duration, happened time.Time) {
	defer w.waiting.Done()
	time.Sleep(delay)
	m.sent = time.Now()
	operation, _ := m.event.Detail["operation"].(string)
	deletion := operation == "Delete"
	if (m.event.Source == "aws.tag" || operation == "LabelParameterVersion") && w.truth(m.name, m.sent).number > w.truth(m.name, happened).number {
		w.Counts.Add(LateAttribute)
	}
	w.mu.Lock()
	if _, again := w.came[m.event.ID]; !again {
		w.came[m.event.ID] = m.sent
	}
	if w.newest[m.name].After(happened) {
		w.Counts.Add(OutOfOrder)
	} else {
		w.newest[m.name] = happened
	}
	w.mu.Unlock()
	for m.receives = 1; m.receives <= maxReceives; m.receives++ {
		if deletion && m.receives > 1 && w.truth(m.name, time.Now()).live {
			w.Counts.Add(DeletionAgain)
		}
		w.inbox <- m
		select {
		case <-m.done:
			return
		case <-time.After(visibility):
		}
	}
	w.Problem("message %s of %s was delivered %d times and never done", m.id, m.name, maxReceives)
}
