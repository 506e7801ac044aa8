// Package restoring simulates random stories of restores with the emulator, which keeps
// every state of every parameter. It consists of tests; see package simulation. In each
// story:
//
//   - Users change parameters at random, and the real recorder records the changes.
//   - Users continue to change parameters, and only a part is recorded.
//   - A restore to a random moment, with random options, encounters throttling, failures
//     before and after requests took effect, and concurrent changes by users. It can be
//     interrupted, or killed at any request.
//   - A second restore completes it without faults.
//   - Both are undone, newest first, and the undo is undone, too.
//
// In some stories the users have changed parameters in another account and region, and the
// restore reads the archive of that account or a copy of it, which S3 may not have replicated
// completely. This account has parameters of the same names, and an archive of its own or
// none. Nothing is ever written to the archive elsewhere.
//
// In other stories, the same is played with reverts instead of restores: other users change
// parameters before, between and after the two times.
//
// After each step, the parameters, the owners of changes, the outcomes and the restore
// records are compared with the states that the emulator keeps.
package restoring
