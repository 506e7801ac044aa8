package recorder

import (
	"reflect"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// grow returns base with the facts of a reading and its events added, or base itself
// if there is nothing to add. It is called again with the current facts for each
// attempt to swap the index, so that no two events can claim the same version.
func (r *Recorder) grow(name ssmbak.Name, base, seen timeline.Facts, rd reading, s syncRequest) timeline.Facts {
	signals := s.signals
	f := timeline.Union(base, seen)
	f = timeline.Union(f, timeline.Facts{Versions: rd.moments(f)})
	for _, n := range signals {
		if n.announces() {
			f.Claim(n.announcement())
		}
	}
	news, same := rd.attributes(r.timeline(name, f))
	f = timeline.Union(f, news)
	first := s.recordAbsent && rd.gone && base.Empty()
	if reflect.DeepEqual(f, base) && !first && agrees(r.timeline(name, f), rd) && len(open(r.timeline(name, f), rd, signals)) == 0 {
		return base
	}
	if !agrees(r.timeline(name, f), rd) || !redundant(f, rd, signals) {
		f = timeline.Union(f, timeline.Facts{Observations: rd.observations()})
	}
	unsettled := open(r.timeline(name, f), rd, signals)
	var traces []timeline.MissedChange
	for _, n := range signals {
		if unsettled[n.event] && n.announces() && rd.read.Ended >= ssmbak.Seconds(n.second).Add(giveUp) {
			traces = append(traces, timeline.MissedChange{Event: n.event, Second: n.second, Operation: n.operation})
		}
	}
	if f = timeline.Union(f, timeline.Facts{MissedChanges: traces}); reflect.DeepEqual(f, base) {
		return base
	}
	return timeline.Union(f, same)
}

// redundant reports whether a reading that found no parameter adds nothing to a
// recorded one: that one is later than every known version, and conclusive for every
// event.
func redundant(f timeline.Facts, rd reading, signals []signal) bool {
	return rd.gone && slices.ContainsFunc(f.Observations, func(g timeline.Observation) bool {
		return g.Gone &&
			!slices.ContainsFunc(f.Versions, func(v timeline.Version) bool { return v.Moment() >= g.AsOf }) &&
			!slices.ContainsFunc(signals, func(n signal) bool { return n.operation != "" && !g.Conclusive(n.second) })
	})
}

func (n signal) announces() bool {
	return n.operation == ssmbak.OpCreate || n.operation == ssmbak.OpUpdate
}

func (n signal) announcement() timeline.Announcement {
	return timeline.Announcement{Event: n.event, Second: n.second, Operation: n.operation}
}

// agrees reports whether the reading shows the newest known version, so that
// recording it would add nothing.
func agrees(t *timeline.Timeline, rd reading) bool {
	newest, present, absent := t.Newest()
	if rd.gone {
		return absent
	}
	seen := rd.newest()
	ref := timeline.Ref{Number: seen.Number, Time: seen.Time}
	// A rebuilt index may have a version without an observation.
	return present && newest.Ref() == ref && slices.ContainsFunc(t.Facts().Observations, func(k timeline.Observation) bool { return !k.Gone && k.Newest == ref })
}

// open returns the IDs of the events that are not settled.
func open(t *timeline.Timeline, rd reading, signals []signal) map[string]bool {
	open := make(map[string]bool)
	for _, n := range signals {
		switch {
		case n.operation == ssmbak.OpDelete:
			if rd.outlives(n.second) || t.Undecided(n.second) && !asOfLook(rd).Conclusive(n.second) {
				open[n.event] = true
			}
		case n.announces():
			facts := t.Facts()
			traced := slices.ContainsFunc(facts.MissedChanges, func(tr timeline.MissedChange) bool { return tr.Event == n.event })
			claimed := slices.ContainsFunc(facts.Versions, func(v timeline.Version) bool { return slices.Contains(v.Events, n.event) })
			if !traced && !claimed && !t.Excludes(n.announcement()) {
				open[n.event] = true
			}
		case n.observe:
			if !asOfLook(rd).Conclusive(n.second) {
				open[n.event] = true
			}
		}
	}
	return open
}

// asOfLook returns an observation for [timeline.Observation.Conclusive].
func asOfLook(rd reading) timeline.Observation { return timeline.Observation{AsOf: asOf(rd.read)} }
