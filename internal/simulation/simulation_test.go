package simulation

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

var (
	histories = flag.Int("histories", 1000, "how many random histories TestSimulation plays")
	seed      = flag.Uint64("seed", 0, "play this one history, and shrink it if it fails")
)

// enough histories reach every corner; fewer are for a look in passing, as by
// `go test` and under the race detector.
const enough = 50_000

// TestMain gives the collector less to do: a history lives for milliseconds.
func TestMain(m *testing.M) {
	debug.SetGCPercent(1600)
	os.Exit(m.Run())
}

// play runs one plan in a bubble of its own.
func play(t *testing.T, p Plan, counts *Counts) (problems []string) {
	t.Helper()
	synctest.Test(t, func(*testing.T) { problems = Run(p, counts) })
	const enough = 6
	if n := len(problems); n > enough {
		problems = append(problems[:enough], fmt.Sprintf("and %d more", n-enough))
	}
	return problems
}

// TestSimulation plays random histories and demands every promise of each, and
// every corner of all of them.
func TestSimulation(t *testing.T) {
	if *seed != 0 {
		one(t, *seed)
		return
	}
	var counts Counts
	var failed atomic.Uint64
	var next atomic.Uint64
	t.Run("histories", func(t *testing.T) {
		for worker := range runtime.GOMAXPROCS(0) {
			t.Run(strconv.Itoa(worker), func(t *testing.T) {
				t.Parallel()
				for failed.Load() == 0 {
					s := next.Add(1)
					if s > uint64(*histories) {
						return
					}
					if problems := play(t, NewPlan(s), &counts); len(problems) > 0 {
						failed.Store(s)
						t.Errorf("seed %d breaks a promise; `go test ./internal/simulation -run TestSimulation -seed %d` shrinks it:\n%s", s, s, strings.Join(problems, "\n"))
						return
					}
				}
			})
		}
	})
	if failed.Load() != 0 {
		return
	}
	t.Logf("%d histories\n%s", *histories, counts.Report())
	if missing := counts.Missing(); len(missing) > 0 && *histories >= enough {
		t.Errorf("corners that were never reached in %d histories: %s", *histories, strings.Join(missing, "; "))
	}
}

// one plays one seed and, if it fails, looks for a smaller plan that fails too.
func one(t *testing.T, seed uint64) {
	t.Helper()
	p := NewPlan(seed)
	problems := play(t, p, &Counts{})
	if len(problems) == 0 {
		t.Logf("holds:\n%v", p)
		return
	}
	for again := true; again; {
		again = false
		for _, smaller := range shrinks(p) {
			if found := play(t, smaller, &Counts{}); len(found) > 0 {
				p, problems, again = smaller, found, true
				break
			}
		}
	}
	t.Errorf("the smallest plan that fails:\n%v%s", p, strings.Join(problems, "\n"))
}

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
	without(func(q *Plan) { q.Established = 0 })
	without(func(q *Plan) { q.StepBack = false })
	without(func(q *Plan) { q.Readers = nil })
	without(func(q *Plan) { q.Reconciles = nil })
	without(func(q *Plan) { clear(q.Kills) })
	for i := range p.Changes {
		without(func(q *Plan) { q.Changes = slices.Delete(q.Changes, i, i+1) })
	}
	return all
}

// TestKept plays the seeds that once broke a promise.
func TestKept(t *testing.T) {
	text, err := os.ReadFile("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "" || strings.HasPrefix(word, "#") {
			continue
		}
		s, err := strconv.ParseUint(word, 10, 64)
		if err != nil {
			t.Fatalf("testdata/seeds.txt: %v", err)
		}
		if problems := play(t, NewPlan(s), &Counts{}); len(problems) > 0 {
			t.Errorf("seed %d: %s", s, strings.Join(problems, "\n"))
		}
	}
}
