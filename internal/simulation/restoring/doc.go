// Package restoring plays random stories of restores against the emulator, which
// remembers every state of every parameter. It consists of tests; package
// simulation is their engine. In one story:
//
//   - users change parameters at random, and the real recorder records them;
//   - everything goes on changing, recorded only in part;
//   - a restore to a random moment, with random options, meets throttling,
//     failures before and after the effect, and users who change parameters
//     meanwhile; it may be interrupted, or killed at any request;
//   - a second one finishes it without trouble;
//   - both are undone, the newest first, and the undo is undone again.
//
// After each step what Parameter Store holds, who changed what, what was reported and
// what was recorded are compared with the states that the emulator remembers.
package restoring
