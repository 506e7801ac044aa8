// Package simulation plays random histories of Parameter Store against the real
// recorder and archive, in virtual time, and holds every answer of the archive
// against a model that keeps every state.
//
// # The model
//
// A [Plan] follows from a seed: what is changed when, which events come late,
// twice or never, and how often requests are slow, fail before or after they
// took effect, or answer from the past. [Run] plays it inside a bubble of
// testing/synctest: two recorders take events from a queue, reconciles run
// beside them, and any of them may be paused or killed between any two
// requests. Afterwards three promises are checked at every moment that could
// matter:
//
//   - what is proved is never wrong;
//   - what is last known is wrong only where an event was lost;
//   - every version that Parameter Store still has when all is quiet is in the
//     archive, with its own value and time, and a live value is its key's
//     current object.
//
// The corners that a run reached are counted, so that a test can tell that it
// tested what it says.
package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Plan is one history and the world it happens in.
type Plan struct {
	Seed    uint64
	Changes []Change
	// Lossy drops events; Lost are the places of the dropped ones in the order
	// of all events.
	Lossy bool
	// Troubles of requests, each as a share of 1,000.
	Pause, FailBefore, FailAfter, Throttle, Conflict, Stale int
	// KillMarker is the share of deletions of objects, of 1,000, before which
	// the process is killed: there are few, and nothing else comes so late.
	KillMarker int
	// Kills are after how many requests each recorder is killed, 0 for never.
	Kills []int
	// Reconciles are when a reconcile begins, and after how many requests it is
	// killed, 0 for never.
	Reconciles []Reconcile
	// Established is when the archive is made: changes may come before it.
	Established time.Duration
}

// Change is one change by a user. It happens at its time since the beginning.
type Change struct {
	At     time.Duration
	Name   string
	Delete bool
	Secret bool
	Value  string
}

// Reconcile is one run of a reconcile.
type Reconcile struct {
	At   time.Duration
	Kill int
}

func (c Change) String() string {
	switch {
	case c.Delete:
		return fmt.Sprintf("%v delete %s", c.At, c.Name)
	case c.Secret:
		return fmt.Sprintf("%v put %s (SecureString)", c.At, c.Name)
	}
	return fmt.Sprintf("%v put %s", c.At, c.Name)
}

// NewPlan returns the plan of a seed. Odd seeds lose events.
func NewPlan(seed uint64) Plan {
	r := rand.New(rand.NewPCG(seed, 0x73736d62616b))
	p := Plan{
		Seed: seed, Lossy: seed%2 == 1,
		Pause: r.IntN(40), FailBefore: r.IntN(40), FailAfter: r.IntN(60), Throttle: r.IntN(30), Conflict: r.IntN(30), Stale: r.IntN(500),
	}
	if r.IntN(4) == 0 {
		p.Established = time.Duration(r.IntN(60)) * time.Second
	}
	names := []string{"/app/db", "/app/db2", "root"}[:1+r.IntN(3)]
	live := make(map[string]bool)
	secret := make(map[string]bool)
	at := time.Duration(r.IntN(1000)) * time.Millisecond
	for i := 0; i < 4+r.IntN(9); i++ {
		name := names[r.IntN(len(names))]
		switch {
		case live[name] && r.IntN(3) == 0:
			p.Changes = append(p.Changes, Change{At: at, Name: name, Delete: true})
			live[name] = false
			if r.IntN(2) == 0 { // made anew soon
				at += time.Duration(1+r.IntN(900)) * time.Millisecond
				p.Changes = append(p.Changes, Change{At: at, Name: name, Secret: secret[name], Value: value(r, i)})
				live[name] = true
			}
		case r.IntN(12) == 0: // more versions than Parameter Store keeps
			for range keptVersions + 2 {
				p.Changes = append(p.Changes, Change{At: at, Name: name, Secret: secret[name], Value: value(r, i)})
				at += time.Duration(1+r.IntN(100)) * time.Millisecond
			}
			live[name] = true
		default:
			if !live[name] {
				secret[name] = r.IntN(2) == 0
			}
			p.Changes = append(p.Changes, Change{At: at, Name: name, Secret: secret[name], Value: value(r, i)})
			live[name] = true
		}
		at += time.Millisecond + []time.Duration{
			time.Duration(r.IntN(50)) * time.Millisecond, time.Duration(r.IntN(1000)) * time.Millisecond,
			time.Duration(r.IntN(20_000)) * time.Millisecond, time.Duration(r.IntN(100_000)) * time.Millisecond,
		}[r.IntN(4)]
	}
	for range 2 {
		kill := 0
		if r.IntN(2) == 0 {
			kill = 1 + r.IntN(40)
		}
		p.Kills = append(p.Kills, kill)
	}
	for range r.IntN(3) {
		rec := Reconcile{At: time.Duration(r.Int64N(int64(at) + int64(time.Minute)))}
		if r.IntN(4) == 0 {
			rec.Kill = 1 + r.IntN(30)
		}
		p.Reconciles = append(p.Reconciles, rec)
	}
	p.KillMarker = r.IntN(300)
	return p
}

// value makes values that a careless reader or writer would change.
func value(r *rand.Rand, i int) string {
	return fmt.Sprintf("%s%d-%x%s", []string{"", " ", "\t", "é"}[r.IntN(4)], i, r.Uint32(), []string{"", " ", "\n", "  \n"}[r.IntN(4)])
}
