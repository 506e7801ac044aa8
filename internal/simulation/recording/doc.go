// Package recording plays random histories of Parameter Store against the real
// recorder and archive, and holds every answer of the archive against a model that
// keeps every state. It consists of tests; package simulation is their engine.
//
// # The model
//
// A plan follows from a seed: what is changed when, which events come late, twice or
// never, and how often requests are slow, fail before or after they took effect, or
// answer from the past. Two recorders take events from a queue, reconciles run at
// the same time, and any of them may be paused or killed between any two requests.
// Afterwards these promises are checked at every moment that could matter:
//
//   - what is proved is never wrong, not even to a reader in the middle;
//   - what is last known is wrong only where an event was lost, and after a
//     reconcile only where it can never be found out: no version of a life was ever
//     seen, or none of the last changes before its end;
//   - tags and labels that are known are right, as long as no event of them was
//     lost, and after a reconcile in any life that it met;
//   - what is unknown is bounded: in a calm world by the second of a deletion,
//     by what surrounds a deletion whose event was lost, and by versions that
//     Parameter Store no longer had;
//   - what was live while a complete listing ran is never taken for absent at
//     that time, whatever the reconcile was not allowed to read or write;
//   - every version that Parameter Store still has when all is quiet is in the
//     archive, with its own value and time, and a live value is its key's
//     current object, so that no lifecycle rule can remove it.
package recording
