// Package timeline computes the states of a parameter over time from the facts
// recorded about it.
//
// [New] is a pure function: the same set of facts gives the same [Timeline], in
// whatever order the facts arrive and however often. Nothing in this package
// reads a clock or performs I/O. A Timeline is safe for concurrent use.
//
// # Model
//
// A life of a parameter begins with version 1. Each change of the value
// increments the version number, and a deletion ends the life. Parameter Store
// keeps nothing of a deleted parameter, and a recreated one starts again with
// version 1.
//
// [Facts] are versions with their times, deletions reported by events,
// observations of Parameter Store, and events whose versions were never read. A
// fact is never changed or withdrawn, so two sets of facts merge by [Union].
//
// # Observations
//
// Parameter Store is eventually consistent, so a read may return an earlier
// state. An [Observation] therefore has two times: AsOf, the time up to which
// its result certainly includes every change, and At, the time at which the read
// completed. A version that was read was still current at AsOf, unless it was
// created later. A parameter that existed at AsOf and was not found had been
// deleted by At. Only observations prove a state; events report changes.
//
// # Runs
//
// A parameter that changes often has more facts than one index should have.
// [Timeline.Close] moves the interior of a [Run] to a part. A reader of a moment
// within the run adds the part by [Facts.Open], and a reader of all changes adds all
// parts; then every answer is that of all facts. Without the part, the moments of the
// run are unknown.
//
// # Certainty
//
// A state is proved if an observation confirms it, and then no further fact
// changes the answer. It is last known if no fact contradicts it; only a change
// whose event was lost can make it wrong. It is unknown otherwise.
package timeline
