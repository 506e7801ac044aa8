// Package simulation runs random histories in virtual time. Each history is determined by
// a number, its seed, which is printed if the history fails.
//
// A [World] is an emulated account and the source of randomness for one history. A
// [Process] is a program that runs in it. Its requests can be slow and can fail, and it
// can be killed at any of them, as determined by its [Course]. A [Simulation] determines
// what happens in a history and what is checked. There are two: package recording
// simulates recorders and reconciles, and package restoring simulates restore, revert and undo.
//
// Random decisions depend on the seed and the subject of the decision, but not on the
// order of goroutines, so that histories are reproducible.
//
// The corners that a run reaches are counted, so that a test can check that it has
// covered them.
package simulation

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

var (
	histories = flag.Uint64("histories", 0, "number of random histories of TestSimulation")
	seed      = flag.Uint64("seed", 0, "run only this history, and shrink it if it fails")
)

// mostProblems is the maximum number of problems printed for one history.
const mostProblems = 6

// Simulation is a kind of histories.
type Simulation[P any] struct {
	// Plan returns the plan of the history of a seed.
	Plan func(seed uint64) P
	// Play runs a plan in a bubble of testing/synctest, whose test is t.
	Play func(t *testing.T, plan P, counts *Counts) *World
	// Smaller returns smaller plans, for shrinking a history that fails. It may be nil.
	Smaller func(P) []P
	// Corners must each be reached at least once in Enough histories.
	Corners []string
	Enough  uint64
	// Histories is the number of histories that [Simulation.Test] runs without the flag
	// -histories, and Short the number with -short.
	Histories, Short uint64
	// Summary returns an additional summary of a run. It may be nil.
	Summary func(*Counts) string
}

// Main runs the tests of a package with simulations. It makes garbage collections rare,
// since histories exist only for milliseconds.
func Main(m *testing.M) {
	debug.SetGCPercent(1600)
	os.Exit(m.Run()) //nolint:forbidigo // it is the main of tests
}

// Test runs the histories of the seeds from 1 on until one fails, and checks that all
// corners were reached if there are enough histories. With the flag -seed, it runs only
// that history and, if it fails, looks for a smaller plan that fails, too.
func (s Simulation[P]) Test(t *testing.T) {
	t.Helper()
	if *seed != 0 {
		s.one(t, *seed)
		return
	}
	last := s.Histories
	switch {
	case *histories != 0:
		last = *histories
	case testing.Short():
		last = s.Short
	}
	var counts Counts
	var next, failed atomic.Uint64
	t.Run("histories", func(t *testing.T) {
		for worker := range runtime.GOMAXPROCS(0) {
			t.Run(strconv.Itoa(worker), func(t *testing.T) {
				t.Parallel()
				for n := next.Add(1); n <= last && failed.Load() == 0; n = next.Add(1) {
					if !s.holds(t, n, &counts) {
						failed.Store(n)
					}
				}
			})
		}
	})
	if failed.Load() != 0 || t.Failed() {
		return
	}
	summary := ""
	if s.Summary != nil {
		summary = s.Summary(&counts)
	}
	t.Logf("%d histories\n%s%v", last, summary, &counts)
	if missing := counts.Missing(s.Corners); len(missing) > 0 && last >= s.Enough {
		t.Errorf("corners that were never reached in %d histories: %s", last, strings.Join(missing, "; "))
	}
}

// TestKept runs the histories of the seeds in a file. Each line begins with a seed, or with
// # if it is a comment.
func (s Simulation[P]) TestKept(t *testing.T, file string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		word, _, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		if word == "" || strings.HasPrefix(word, "#") {
			continue
		}
		n, err := strconv.ParseUint(word, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		s.holds(t, n, &Counts{})
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// holds runs the history of a seed and reports whether it kept all promises.
func (s Simulation[P]) holds(t *testing.T, n uint64, counts *Counts) bool {
	t.Helper()
	ended := false
	defer func() {
		if !ended { // it called FailNow or panicked
			t.Errorf("seed %d did not complete; %s", n, again(t, n))
		}
	}()
	w := s.play(t, s.Plan(n), counts)
	ended = true
	if len(w.problems) == 0 {
		return true
	}
	t.Errorf("seed %d breaks a promise; %s:\n%v", n, again(t, n), w)
	return false
}

// again returns how to run one seed.
func again(t *testing.T, n uint64) string {
	test, _, _ := strings.Cut(t.Name(), "/")
	return fmt.Sprintf("`go test . -run %s -seed %d` in this package runs only this seed", test, n)
}

func (s Simulation[P]) play(t *testing.T, plan P, counts *Counts) (w *World) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { w = s.Play(t, plan, counts) })
	return w
}

// one runs one seed and, if it fails, looks for a smaller plan that fails, too.
func (s Simulation[P]) one(t *testing.T, n uint64) {
	t.Helper()
	plan := s.Plan(n)
	w := s.play(t, plan, &Counts{})
	if len(w.problems) == 0 {
		t.Logf("passed:\n%v\n%v", plan, w)
		return
	}
	for again := s.Smaller != nil; again; {
		again = false
		for _, smaller := range s.Smaller(plan) {
			if found := s.play(t, smaller, &Counts{}); len(found.problems) > 0 {
				plan, w, again = smaller, found, true
				break
			}
		}
	}
	t.Errorf("the smallest plan that fails:\n%v\n%v", plan, w)
}
