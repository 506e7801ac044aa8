package restoring

import (
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/simulation"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// TestReverts plays random stories of reverts, with other users at work before, between and
// after the two times, and during the revert.
func TestReverts(t *testing.T) {
	simulation.Simulation[uint64]{
		Plan:      func(seed uint64) uint64 { return seed },
		Play:      playReverts,
		Corners:   revertCorners,
		Enough:    600,
		Histories: 40,
		Short:     60,
	}.Test(t)
}

// revertCorners must each be reached in enough histories.
var revertCorners = []string{
	"action create", "action update", "action delete", "action none", "action skip", "status restored", "status deleted", "status unchanged", "status refused", "status failed",
	"refused: changed since the plan", "refused: deleted since the plan", "refused: tags or labels changed since the plan",
	"conflict: existence", "conflict: value", "conflict: tier", "conflict: description", "conflict: tag", "conflict: label", "conflict: by others",
	"taken back: existence", "taken back: value", "taken back: tier", "taken back: description", "taken back: tag", "taken back: label",
	"only some units taken back", "tags and labels taken back while the value is in conflict", "attributed", "another life",
	"interrupted", "killed between writes", "killed with a record, taken back", "undo", "undo of the undo", "an event was lost", "an index was divided", "nothing left to do",
}

func playReverts(t *testing.T, seed uint64, counts *simulation.Counts) *simulation.World {
	s := newStory(t, seed, counts)
	s.playReverts(seed%8 == 4)
	return s.World
}

// alice is one of the users that change parameters in some stories.
const alice = "arn:aws:iam::" + simulation.Account + ":user/alice"

func (s *story) playReverts(busy bool) {
	s.names = allNames
	if s.lossy = s.chance(8); s.lossy {
		s.Event("events are lost")
	}
	if s.chance(2) {
		for _, user := range []string{"alice", "alice", "bob"} {
			s.people = append(s.people, s.account.Connect(testworld.As(s.AWS.Client(), user)).SSM())
		}
	}
	s.account.Record()
	if busy {
		s.busy("/app/a")
	}
	s.history(4+s.rand.IntN(12), true)
	s.see(1)
	s.history(4+s.rand.IntN(12), true)
	s.see(2)
	first := s.rand.IntN(len(s.moments) - 1)
	s.at = s.moments[first]
	for s.until <= s.at {
		s.until = s.moments[min(len(s.moments)-1, first+1+s.rand.IntN(16))].Add(time.Millisecond)
	}
	s.history(s.rand.IntN(8), false)
	s.see(3)
	s.chooseRevert()
	s.Event("revert %v until %s", s, s.until)
	troubled := s.revertInTrouble()
	if s.Fixed("hides", 5) == 0 {
		s.heal(s.account.Context())
	}
	s.rest()
	calm := s.revertAgain()
	s.back(troubled, calm)
	s.secrets(troubled, calm)
}

// chooseRevert chooses what is reverted, and whose changes.
func (s *story) chooseRevert() {
	s.text, s.recursive = "/app", true
	if s.chance(8) {
		s.text, s.recursive = "/app/a", false
	}
	s.options = restore.Options{Parallel: 1 + s.rand.IntN(8), By: "arn:aws:iam::123456789012:user/local", Arguments: "revert it"}
	if s.people != nil && s.chance(2) {
		s.options.Principals = []string{"user/alice"}
	}
	if s.recursive && s.chance(8) {
		s.options.Exclude = []string{"[a-c]"}
	}
	if s.chance(8) {
		s.disabled = true
		s.AWS.SSM.DisableKey("alias/k1")
	}
}

func (s *story) reverter(r *restore.Restorer) (*restore.Plan, error) {
	return r.Revert(s.account.Context(), testworld.Target(s.account, s.text, s.recursive), s.at, s.until)
}

// revertInTrouble reverts in a troubled world.
func (s *story) revertInTrouble() *attempt {
	p := s.newRun(1)
	p.attempts = []int{2, 10}[s.rand.IntN(2)]
	if s.chance(2) {
		p.trouble = s.rand.IntN(200)
	}
	if !s.chance(4) {
		p.ambush = 1 + s.rand.IntN(400)
	}
	if s.chance(4) {
		p.killAt, p.killAfter = 1+s.rand.IntN(20), s.chance(2)
	}
	return s.attempt(&attempt{run: p, what: "the first revert", options: s.options}, s.reverter)
}

// revertAgain reverts in peace, and finds nothing to do after that.
func (s *story) revertAgain() *attempt {
	if s.chance(2) {
		s.AWS.SSM.EnableKey("alias/k1")
	}
	p := s.newRun(2)
	p.attempts = 3
	a := s.attempt(&attempt{run: p, what: "the second revert", options: s.options, calm: true}, s.reverter)
	if a == nil {
		return nil
	}
	s.rest()
	again, err := s.reverter(s.newRun(3).begin(s.options))
	if err != nil {
		s.Problem("planning again: %v", err)
		return a
	}
	for i := range again.Items {
		item := &again.Items[i]
		out := a.outcome(string(item.Name))
		if out != nil && out.Item.Action == plan.ActionSkip && item.After.Certainty == ssmbak.Proved {
			continue // the archive has learned what it was
		}
		if item.Action.Writes() && item.Refused == "" && (out == nil || out.Err == nil && !learned(out.Item, *item)) {
			s.Problem("planning again after %s of %s: %s %s", a.what, item.Name, item.Action, differs(item))
		}
	}
	return a
}

// learned reports whether the archive has learned more about tags or labels since a plan.
func learned(was, is plan.Item) bool {
	return len(is.Notices) < len(was.Notices) || more(was.After, is.After)
}
