package restore_test

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator"
)

// A seed of the simulation is one story, in virtual time and against the
// emulator, which remembers every state of every parameter:
//
//   - users change parameters at random, and the real recorder records them;
//   - everything goes on changing, recorded only in part;
//   - a restore to a random moment, with random options, meets throttling,
//     failures before and after the effect, and users who change parameters
//     meanwhile; it may be interrupted, or killed at any request;
//   - a second one finishes it in peace;
//   - both are taken back, the newest first, and that is taken back again.
//
// After each step what Parameter Store holds, who changed what, what was
// reported and what was recorded are held against the states that the emulator
// remembers. Which seed failed stands in the name of the test; it runs alone
// with SSMBAK_SEED set, and many with SSMBAK_CASES.

// corners are what enough seeds reach, each at least once.
var corners = []string{
	"action create", "action update", "action replace", "action delete", "action none", "action kept", "action unknown",
	"status restored", "status deleted", "status unchanged", "status refused", "status failed",
	"refused: created since the plan", "refused: changed since the plan", "refused: deleted since the plan",
	"refused: type", "refused: data type", "data type stays", "data type replaced", "refused: key", "refused: oldest labelled", "refused: not in the archive",
	"type refused in place, replaced", "put back after a failed create", "overwrote what was changed at the same time",
	"throttled", "failed before its effect", "answer lost", "answer of a put lost, seen as ours",
	"killed before the first write", "killed between writes", "killed before the record's end", "killed with a record, taken back",
	"killed while a parameter was away", "interrupted", "nothing begun",
	"label moved", "label on an older version put back", "label that cannot come back",
	"tag added", "tag removed", "expiration left out", "policies cleared", "tier stays Advanced", "another key",
	"beside", "exact", "left out by a pattern", "a pattern that matches nothing", "one parameter", "last known", "last known tags or labels",
	"second run finished the first", "nothing left to do",
	"way back", "way back of the way back", "way back killed", "way back refused: changed", "way back refused: deleted",
	"an event was lost", "a plan failed",
}

// tally counts corners. It may be used by many goroutines at once.
type tally struct {
	mu sync.Mutex
	of map[string]int
}

func (c *tally) add(corner string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = make(map[string]int)
	}
	c.of[corner]++
}

// enough seeds reach every corner.
const enough = 600

func TestSimulation(t *testing.T) {
	t.Parallel()
	var counts tally
	if text := os.Getenv("SSMBAK_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		simulate(t, seed, &counts)
		return
	}
	cases := uint64(300)
	if testing.Short() {
		cases = 40
	}
	if text := os.Getenv("SSMBAK_CASES"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		cases = n
	}
	var next, failed atomic.Uint64
	t.Run("seeds", func(t *testing.T) {
		for worker := range runtime.GOMAXPROCS(0) {
			t.Run(strconv.Itoa(worker), func(t *testing.T) {
				t.Parallel()
				for seed := next.Add(1); seed <= cases && failed.Load() < 3; seed = next.Add(1) {
					if !t.Run(fmt.Sprint("seed", seed), func(t *testing.T) { simulate(t, seed, &counts) }) {
						failed.Add(1)
					}
				}
			})
		}
	})
	if failed.Load() > 0 {
		return
	}
	var missing []string
	for _, corner := range corners {
		if counts.of[corner] == 0 {
			missing = append(missing, corner)
		}
	}
	var report strings.Builder
	for _, corner := range slices.Sorted(maps.Keys(counts.of)) {
		fmt.Fprintf(&report, "%7d %s\n", counts.of[corner], corner)
	}
	t.Logf("%d seeds\n%s", cases, report.String())
	if len(missing) > 0 && cases >= enough {
		t.Errorf("corners that no seed reached: %s", strings.Join(missing, "; "))
	}
}

// simulate plays one seed and reports all that was wrong in one block.
func simulate(t *testing.T, seed uint64, counts *tally) {
	t.Helper()
	s := &story{seed: seed, counts: counts}
	o := emulator.Options{}
	o.Queue.Copies = s.copies
	inWorld(t, o, func(w *world) {
		s.world = w
		start := time.Now()
		s.play()
		if len(s.problems) == 0 {
			return
		}
		var b strings.Builder
		fmt.Fprintf(&b, "\nseed %d: `SSMBAK_SEED=%d go test ./restore -run TestSimulation` plays it alone\n", seed, seed)
		for _, e := range s.events {
			fmt.Fprintf(&b, "%9.3fs  %s\n", e.at.Sub(start).Seconds(), e.text)
		}
		for _, p := range s.problems {
			fmt.Fprintf(&b, "WRONG: %s\n", p)
		}
		t.Error(b.String())
	})
}
