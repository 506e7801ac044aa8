package sweep

import (
	"cmp"
	"testing"
	"testing/synctest"

	"github.com/ssmbak/ssmbak/internal/simulation"
	"github.com/ssmbak/ssmbak/internal/testkit/extent"
)

func TestMain(m *testing.M) { simulation.Main(m) }

// scene is something that ssmbak does, in a world of its own.
type scene struct {
	// prepare leads to the beginning of the scene, run is what is swept, with requests of
	// the process p, and heal what heals a fault by promise.
	prepare func(w *world)
	run     func(w *world, p *process)
	heal    func(w *world)
	// late says that a fault may delay observations beyond the next change.
	late bool
	// kept is how many versions Parameter Store keeps of a parameter, 100 if zero.
	kept int
	// every is which requests fail in a short run: one in so many, every fifth one if zero.
	every int
}

// sweep plays a scene without a fault, and then once per request and failure.
func (s scene) sweep(t *testing.T) {
	t.Helper()
	var good *world
	synctest.Test(t, func(t *testing.T) { good = s.play(t, fault{}, &simulation.Counts{}) })
	faults, few := []fault{{}}, 1
	for i := range ofWrites {
		for n, r := range good.swept.requestsSent() {
			if !extent.Long() && n%cmp.Or(s.every, 5) != 0 {
				continue
			}
			ways := ofReads
			if r.writes {
				ways = ofWrites
			}
			if i < len(ways) {
				faults = append(faults, fault{r.request, ways[i]})
			}
		}
		if i == 0 || extent.Long() {
			few = len(faults)
		}
	}
	simulation.Simulation[fault]{
		Plan: func(seed uint64) fault { return faults[min(seed, uint64(len(faults)))-1] },
		Play: func(t *testing.T, f fault, counts *simulation.Counts) *simulation.World {
			w := s.play(t, f, counts)
			w.compare(good, s.late)
			return w.World
		},
		Histories: uint64(few), Short: uint64(few),
	}.Test(t)
}

// play plays a scene and checks everything.
func (s scene) play(t *testing.T, f fault, counts *simulation.Counts) *world {
	w := newWorld(t, counts, s.kept)
	s.prepare(w)
	w.swept = w.newProcess("swept", f)
	s.run(w, w.swept)
	w.swept.End()
	if f.how != none && !w.swept.reached() {
		w.Problem("%s request %d was never sent: %s", f.how, f.number, f.subject)
	}
	counts.Add("requests: " + string(f.how))
	s.heal(w)
	w.check()
	return w
}
