package archive

import (
	"cmp"
	"iter"
	"slices"

	"github.com/ssmbak/ssmbak"
)

// Changes are changes in the order of a [Log]. Each takes a few bytes, since they share what
// most changes have in common. A Changes is never modified, and safe for concurrent use.
type Changes struct {
	rows  []changeRow
	names []ssmbak.Name
	kinds []changeKind
}

// changeRow is one change: what differs between most changes of the same kind.
type changeRow struct {
	until  ssmbak.Time
	number int64 // of the version
	name   uint32
	kind   uint32
}

// changeKind is what changes can share. The change in it has no name, and no number and no
// Until; its other times are in the instants.
type changeKind struct {
	change              ssmbak.Change
	time, from, version instant
}

// instant is a time, or that many milliseconds before the Until of the change.
type instant struct {
	at       ssmbak.Time
	relative bool
}

func instantOf(t, until ssmbak.Time) instant {
	if t == 0 || t == ssmbak.MinTime || t == ssmbak.MaxTime {
		return instant{at: t}
	}
	return instant{until - t, true}
}

func (i instant) time(until ssmbak.Time) ssmbak.Time {
	if i.relative {
		return until - i.at
	}
	return i.at
}

// Len returns the number of changes.
func (l Changes) Len() int { return len(l.rows) }

// At returns the change with an index. The caller must not modify its maps.
func (l Changes) At(i int) ssmbak.Change {
	row := l.rows[i]
	k := &l.kinds[row.kind]
	c := k.change
	c.Name, c.Until, c.Version.Number = l.names[row.name], row.until, row.number
	c.Time, c.From, c.Version.Time = k.time.time(row.until), k.from.time(row.until), k.version.time(row.until)
	return c
}

// All yields the changes.
func (l Changes) All() iter.Seq[ssmbak.Change] {
	return func(yield func(ssmbak.Change) bool) {
		for i := range l.rows {
			if !yield(l.At(i)) {
				return
			}
		}
	}
}

// Where returns the changes for which keep returns true.
func (l Changes) Where(keep func(ssmbak.Change) bool) Changes {
	var rows []changeRow
	for i := range l.rows {
		if keep(l.At(i)) {
			rows = append(rows, l.rows[i])
		}
	}
	l.rows = rows
	return l
}

// First returns the first n changes, or all if there are fewer.
func (l Changes) First(n int) Changes {
	l.rows = l.rows[:min(n, len(l.rows))]
	return l
}

// Reversed returns the changes in the opposite order.
func (l Changes) Reversed() Changes {
	l.rows = slices.Clone(l.rows)
	slices.Reverse(l.rows)
	return l
}

// gathered are the changes of a log while it is read.
type gathered struct {
	Changes
	earlier [][]changeRow      // before those of Changes
	known   map[kindKey]uint32 // the index of a kind
}

// mostRows bounds the rows in one slice: one of all rows would be copied to grow while the old
// one is still in memory.
const mostRows = 1 << 10

// kindKey identifies a kind of changes without tags and labels.
type kindKey struct {
	operation        ssmbak.Operation
	by, reason       string
	version          ssmbak.Version
	missing          ssmbak.Numbers
	time, from, made instant
}

// mostKinds bounds the kinds that are compared with later changes: those of more principals
// or descriptions are hardly repeated.
const mostKinds = 10_000

// add adds the changes of one parameter that keep accepts, the newest first. They are sorted,
// oldest first.
func (g *gathered) add(changes []ssmbak.Change, keep func(ssmbak.Change) bool) {
	named := false
	for _, c := range slices.Backward(changes) {
		if !keep(c) {
			continue
		}
		if !named {
			g.names, named = append(g.names, c.Name), true
		}
		if len(g.rows) == mostRows {
			g.earlier, g.rows = append(g.earlier, g.rows), make([]changeRow, 0, mostRows)
		}
		g.rows = append(g.rows, changeRow{until: c.Until, number: c.Version.Number, name: uint32(len(g.names) - 1), kind: g.kind(c)})
	}
}

// kind returns the index of the kind of a change.
func (g *gathered) kind(c ssmbak.Change) uint32 {
	k := changeKind{change: c, time: instantOf(c.Time, c.Until), from: instantOf(c.From, c.Until), version: instantOf(c.Version.Time, c.Until)}
	k.change.Name, k.change.Time, k.change.From, k.change.Until, k.change.Version.Number, k.change.Version.Time = "", 0, 0, 0, 0, 0
	i := uint32(len(g.kinds))
	if c.Tags == nil && c.Labels == nil && c.Moved == nil {
		key := kindKey{c.Operation, c.By, c.Reason, k.change.Version, c.Missing, k.time, k.from, k.version}
		if known, ok := g.known[key]; ok {
			return known
		}
		if len(g.known) < mostKinds {
			g.known[key] = i
		}
	}
	g.kinds = append(g.kinds, k)
	return i
}

// sorted returns the changes in the order of a [Log].
func (g *gathered) sorted() Changes {
	if len(g.earlier) > 0 {
		g.rows, g.earlier = slices.Concat(append(g.earlier, g.rows)...), nil
	}
	slices.SortStableFunc(g.rows, func(a, b changeRow) int {
		return cmp.Or(cmp.Compare(b.until, a.until), cmp.Compare(g.names[a.name], g.names[b.name]))
	})
	return g.Changes
}
