// Package recording simulates random histories of Parameter Store with the real recorder
// and archive, and compares every answer of the archive with a model that keeps every
// state. It consists of tests; see package simulation.
//
// A plan is determined by a seed: what changes when, which events are late, duplicated or
// lost, and how often requests are slow, fail before or after they took effect, or return
// stale responses. Two recorders process the events of a queue, reconciles run
// concurrently, and each of these can be paused or killed between any two requests.
// Afterwards, these promises are checked at every relevant moment:
//
//   - Proved answers are never wrong, not even for a concurrent reader.
//   - Last known answers are wrong only if an event was lost and, after a reconcile, only
//     if this can never be found out, because no version of a life or none of the last
//     changes before its end was ever observed.
//   - Known tags and labels are correct if no event of them was lost and, after a
//     reconcile, in any life that it observed.
//   - Unknown answers are bounded. In a calm world, they are limited to the second of a
//     deletion, to the surroundings of a deletion whose event was lost, and to versions
//     that Parameter Store no longer had.
//   - A parameter that existed during a complete listing is never absent at that time,
//     whatever the reconcile was not allowed to read or write.
//   - Once all changes were recorded, every version in Parameter Store is in the archive
//     with its value and time, and a live value is the current object under its key, so
//     that no lifecycle rule removes it.
package recording
