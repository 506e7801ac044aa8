package recording

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ssmbak/ssmbak/internal/simulation"
)

func TestMain(m *testing.M) { simulation.Main(m) }

var histories = simulation.Simulation[Plan]{
	Plan:      NewPlan,
	Play:      func(_ *testing.T, p Plan, counts *simulation.Counts) *simulation.World { return run(p, counts) },
	Smaller:   shrinks,
	Corners:   corners,
	Enough:    50_000,
	Histories: 80,
	Short:     250,
	Summary:   summary,
}

// TestKept plays the seeds that once broke a promise.
func TestKept(t *testing.T) { histories.TestKept(t, "testdata/seeds.txt") }

// TestSimulation plays random histories and demands every promise of each, and
// every corner of all of them.
func TestSimulation(t *testing.T) { histories.Test(t) }

// shrinks returns plans with one thing less.
func shrinks(p Plan) []Plan {
	var all []Plan
	without := func(change func(*Plan)) {
		q := p
		q.Changes, q.Kills, q.Reconciles, q.Readers = slices.Clone(p.Changes), slices.Clone(p.Kills), slices.Clone(p.Reconciles), slices.Clone(p.Readers)
		change(&q)
		if fmt.Sprint(q) != fmt.Sprint(p) {
			all = append(all, q)
		}
	}
	for _, field := range []func(*Plan) *int{
		func(p *Plan) *int { return &p.Repeat }, func(p *Plan) *int { return &p.Lose }, func(p *Plan) *int { return &p.Pause }, func(p *Plan) *int { return &p.FailBefore }, func(p *Plan) *int { return &p.FailAfter },
		func(p *Plan) *int { return &p.KillMarker }, func(p *Plan) *int { return &p.Throttle }, func(p *Plan) *int { return &p.Conflict }, func(p *Plan) *int { return &p.Stale },
	} {
		without(func(q *Plan) { *field(q) = 0 })
	}
	without(func(q *Plan) { q.Established, q.Hurt, q.Lifecycle = 0, 0, false })
	without(func(q *Plan) { q.Hide = 0 })
	without(func(q *Plan) { q.Trail, q.TrailLose = false, 0 })
	without(func(q *Plan) { q.TrailLose = 0 })
	without(func(q *Plan) { q.Established = 0 })
	without(func(q *Plan) { q.StepBack = false })
	without(func(q *Plan) { q.Readers = nil })
	without(func(q *Plan) { q.Reconciles = nil })
	without(func(q *Plan) { q.Forged = nil })
	without(func(q *Plan) { clear(q.Kills) })
	for i := range p.Changes {
		without(func(q *Plan) { q.Changes = slices.Delete(q.Changes, i, i+1) })
	}
	return all
}
