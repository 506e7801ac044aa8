// Package simulation plays random histories in virtual time, each of which follows
// from one number, its seed, and prints the seed of a history that fails.
//
// # The model
//
// A [World] is an emulated account, and the source of all chance in one history.
// A [Process] is a program that runs in it: its requests are slow and fail, and it
// is killed at any of them, as its [Course] says. What a history does and what has
// to hold in it is up to a [Simulation], of which there are two: package recording
// plays recorders and reconciles, package restoring restores and their undo.
//
// Chance depends on the seed and on what it decides, never on which goroutine came
// first, so that a seed gives the same history again.
//
// The corners that a run reaches are counted, so that a test can show that it tested
// what it says.
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
	histories = flag.Uint64("histories", 0, "how many random histories TestSimulation plays")
	seed      = flag.Uint64("seed", 0, "play this one history, and shrink it if it fails")
)

// mostProblems is how many problems of one history are printed.
const mostProblems = 6

// Simulation is one kind of histories.
type Simulation[P any] struct {
	// Plan returns what happens in the history of a seed.
	Plan func(seed uint64) P
	// Play plays it in a bubble of testing/synctest, with t the test of that bubble.
	Play func(t *testing.T, plan P, counts *Counts) *World
	// Smaller returns plans with less in them, to look for a small one that fails;
	// nil if there are none.
	Smaller func(P) []P
	// Corners are what Enough histories reach, each at least once.
	Corners []string
	Enough  uint64
	// Histories is how many [Simulation.Test] plays without the flag -histories,
	// and Short how many with -short.
	Histories, Short uint64
	// Summary says more about a run than its corners; nil for no more.
	Summary func(*Counts) string
}

// Main runs the tests of a package that plays histories. It gives the garbage
// collector less to do: a history lives for milliseconds.
func Main(m *testing.M) {
	debug.SetGCPercent(1600)
	os.Exit(m.Run()) //nolint:forbidigo // it is the main of tests
}

// Test plays the histories of the seeds from 1 on until one fails, and demands every
// corner if there are enough of them. With the flag -seed it plays that history alone
// and looks for a smaller plan that fails too.
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

// TestKept plays the histories of the seeds in a file. A line begins with a seed, or
// with # where it is a comment.
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

// holds plays the history of a seed and reports whether every promise held.
func (s Simulation[P]) holds(t *testing.T, n uint64, counts *Counts) bool {
	t.Helper()
	ended := false
	defer func() {
		if !ended { // it called FailNow or panicked
			t.Errorf("seed %d did not come to its end; %s", n, again(n))
		}
	}()
	w := s.play(t, s.Plan(n), counts)
	ended = true
	if len(w.problems) == 0 {
		return true
	}
	t.Errorf("seed %d breaks a promise; %s:\n%v", n, again(n), w)
	return false
}

// again says how to play one seed.
func again(n uint64) string {
	return fmt.Sprintf("`go test . -run TestSimulation -seed %d` in this package plays it alone", n)
}

func (s Simulation[P]) play(t *testing.T, plan P, counts *Counts) (w *World) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { w = s.Play(t, plan, counts) })
	return w
}

// one plays one seed and, if it fails, looks for a smaller plan that fails too.
func (s Simulation[P]) one(t *testing.T, n uint64) {
	t.Helper()
	plan := s.Plan(n)
	w := s.play(t, plan, &Counts{})
	if len(w.problems) == 0 {
		t.Logf("holds:\n%v\n%v", plan, w)
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
