package restoring

import (
	"errors"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// corners must each be reached in enough histories.
var corners = []string{
	"action create", "action update", "action replace", "action delete", "action none", "action keep", "action skip",
	"status restored", "status deleted", "status unchanged", "status refused", "status failed",
	"refused: created since the plan", "refused: changed since the plan", "refused: deleted since the plan",
	"refused: type", "refused: data type", "data type stays", "data type replaced", "refused: key", "refused: oldest labelled", "refused: not in the archive",
	"type refused in place, replaced", "put back after a failed create", "overwrote a concurrent change",
	"throttled", "failed before its effect", "answer lost", "answer of a put lost, seen as ours",
	"killed before the first write", "killed between writes", "killed before the record's end", "killed with a record, taken back",
	"killed while a parameter was away", "interrupted", "nothing begun",
	"label moved", "label on an older version put back", "label that cannot come back",
	"tag added", "tag removed", "expiration skipped", "policies cleared", "tier stays Advanced", "another key",
	"relocated", "exact", "excluded by a pattern", "a pattern that matches nothing", "one parameter", "last known", "last known tags or labels",
	"second run finished the first", "nothing left to do",
	"undo", "undo of the undo", "undo killed", "undo refused: changed", "undo refused: deleted",
	"an event was lost", "a plan failed", "an index was divided", "a time in a part",
	"few reads", "tags that were not read are as recorded", "plans with few and with many reads are the same",
	"an index was hidden", "an entry of the register was hidden", "a hidden parameter was named",
	"the archive of another account", "a copy of an archive", "a copy that lags", "a copy that lacks objects", "a parameter that is not replicated was named",
	"mapped keys", "refused: key of the other account", "a value that names the other account", "without an archive", "an undo that reads the archive elsewhere",
}

// countAttempt counts the corners that an attempt reached.
func (s *story) countAttempt(a *attempt) {
	p := a.run
	if a.killed {
		switch {
		case p.wrote == 0:
			s.Counts.Add("killed before the first write")
		case p.ended:
			s.Counts.Add("killed after the record's end")
		case p.last.Record():
			s.Counts.Add("killed before the record's end")
		default:
			s.Counts.Add("killed between writes")
		}
	}
	for _, out := range a.res.Outcomes {
		name := string(out.Item.Name)
		var idle *restore.NotStartedError
		switch {
		case a.killed && out.Replaced && !a.after[name].live:
			s.Counts.Add("killed while a parameter was away")
		case errors.As(out.Err, &idle):
			s.Counts.Add("nothing begun")
		case out.Replaced && out.Item.Action == plan.ActionUpdate && out.Status == plan.StatusRestored:
			s.Counts.Add("type refused in place, replaced")
		}
		if out.Status != plan.StatusRestored && out.Status != plan.StatusDeleted {
			continue
		}
		if _, lost := s.lostPuts.Load(name); lost && out.Version != 0 {
			s.Counts.Add("answer of a put lost, seen as ours")
			s.lostPuts.Delete(name)
		}
		if out.Item.After.Certainty == ssmbak.LastKnown {
			s.Counts.Add("last known")
		}
		if strings.Contains(strings.Join(out.Item.Notices, " "), "the last known ones") {
			s.Counts.Add("last known tags or labels")
		}
		for _, d := range out.Item.Differences {
			_, tag := d.Attribute.Tag()
			switch {
			case tag && d.NoAfter:
				s.Counts.Add("tag removed")
			case tag:
				s.Counts.Add("tag added")
			case d.Attribute == ssmbak.AttributePolicies && d.After == "" && out.Item.Action == plan.ActionUpdate:
				s.Counts.Add("policies cleared")
			}
		}
		if p.id == 2 {
			s.Counts.Add("second run finished the first")
		}
	}
	if a.undoes != nil && a.undoes.killed {
		s.Counts.Add("killed with a record, taken back")
	}
}
