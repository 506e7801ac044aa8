package restoring

import (
	"maps"

	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// upToDate reports whether the archive has heard of every change of the tags and labels of a
// parameter from before the attempt. There is no event for the removal of a label.
func (s *story) upToDate(a *attempt, name string) bool {
	return !s.lossy && !a.behind && !s.unlabelled[name]
}

// excuse lets tags and labels be as before the attempt if they were not read, and the archive
// could not know that they had changed. It reports whether the labels may.
func (s *story) excuse(a *attempt, item *plan.Item, before snapshot, want *snapshot) bool {
	if item.Action != plan.ActionNone && item.Action != plan.ActionUpdate {
		return false
	}
	name := string(item.Name)
	tags, labels := item.Before.Tags, item.Before.Labels
	switch {
	case !tags.IsKnown(): // they did not matter
	case maps.Equal(tags.V, before.Tags):
		s.Counts.Add("tags that were not read are as recorded")
	case s.upToDate(a, name):
		s.Problem("%s: the plan takes the tags of %s for %v, but they were %v", a.what, name, tags.V, before.Tags)
	default:
		s.Counts.Add("tags that were not read are not as recorded")
		want.Tags = before.Tags
	}
	if !labels.IsKnown() || maps.Equal(labels.V, before.Labels) {
		return false
	}
	if s.upToDate(a, name) {
		s.Problem("%s: the plan takes the labels of %s for %v, but they were %v", a.what, name, labels.V, before.Labels)
	}
	want.Labels = before.Labels
	return true
}

// checkReads compares a plan that reads the tags and labels of every parameter with one that
// reads only those that the archive does not know.
func (s *story) checkReads(a *attempt, planned func(*restore.Restorer) (*restore.Plan, error)) {
	for _, name := range s.names {
		if !s.upToDate(a, name) {
			return
		}
	}
	o := a.options
	if o.ManyReads = 0; a.options.ManyReads == 0 {
		o.ManyReads = -1
	}
	other, err := planned(s.newRun(a.run.id + 1000).begin(o))
	if err != nil {
		s.Problem("%s: there is no plan with other reads: %v", a.what, err)
		return
	}
	s.Counts.Add("plans with few and with many reads are the same")
	if got, want := actions(other), actions(a.plan); got != want {
		s.Problem("%s: with ManyReads %d the plan is\n    %s\nand with %d\n    %s", a.what, a.options.ManyReads, want, o.ManyReads, got)
	}
}
