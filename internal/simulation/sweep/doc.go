// Package sweep lets every request of a command fail once. It consists of tests; see
// package simulation.
//
// A [scene] is something that ssmbak does: recording, a reconcile, a restore, a revert, an
// undo, a redaction, closing a run, or the adoption of an archive of the legacy ssmbak. It is
// played once without a fault, to list its requests, and then once for each request and each
// way in which that request can fail. Afterwards comes what heals it by promise, and nothing
// else: the queue delivers the messages again, the next reconcile runs, or the same command is
// typed again. Then verification must find nothing, the archive must give the answers of
// the run without a fault, and the live parameters must be as promised.
//
// The random simulations cover more combinations; the sweep skips no request.
package sweep
