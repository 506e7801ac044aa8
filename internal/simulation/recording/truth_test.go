package recording

import (
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// truth is what Parameter Store held of a name at one moment.
type truth struct {
	live   bool
	life   int // counts from 1; of the last life where live is not set
	number int64
	at     time.Time // of the version, or the deletion
	moment time.Time // from when the version is current
	value  string
	tags   map[string]string
	labels map[string]int64
}

func (w *world) truth(name string, at time.Time) truth { return truthOf(w.ssm.Truth(name), at) }

// momentsOf returns when each change counts as made: a version at its own time,
// or a millisecond after the one before it in its life, anything else when it was.
func momentsOf(changes []ssmapi.Change) []time.Time {
	all := make([]time.Time, len(changes))
	var last time.Time // of the version before
	for i, c := range changes {
		all[i] = c.Time
		switch c.Op {
		case "Create":
			last = c.Modified
			all[i] = last
		case "Update":
			if last = last.Add(time.Millisecond); c.Modified.After(last) {
				last = c.Modified
			}
			all[i] = last
		}
	}
	return all
}

func truthOf(changes []ssmapi.Change, at time.Time) truth {
	var t truth
	moments := momentsOf(changes)
	for i, c := range changes {
		if moments[i].After(at) {
			continue
		}
		switch c.Op {
		case "Delete":
			t = truth{life: t.life, at: c.Time}
		case "Create":
			t = truth{live: true, life: t.life + 1, number: c.Version, at: c.Modified, moment: moments[i], value: c.Value}
		case "Update":
			t.live, t.number, t.at, t.moment, t.value = true, c.Version, c.Modified, moments[i], c.Value
		}
		if !c.Time.After(at) || t.tags == nil && t.labels == nil {
			t.tags, t.labels = c.Tags, c.Labels
		}
	}
	return t
}
