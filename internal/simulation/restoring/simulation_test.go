package restoring

import (
	"testing"

	"github.com/ssmbak/ssmbak/internal/simulation"
)

func TestMain(m *testing.M) { simulation.Main(m) }

// TestSimulation plays random stories and demands every promise of each, and every
// corner of all of them.
func TestSimulation(t *testing.T) {
	simulation.Simulation[uint64]{
		Plan:      func(seed uint64) uint64 { return seed },
		Play:      play,
		Corners:   corners,
		Enough:    600,
		Histories: 50,
		Short:     40,
	}.Test(t)
}
