// Package acceptance settles in a live account what ssmbak assumes about AWS and no
// document says. It has only tests, and those that send requests to AWS only with the build
// tag aws:
//
//	SSMBAK_AWS_ACCEPTANCE=123456789012 go test -tags aws -count 1 -timeout 15m -v ./internal/acceptance
//
// A fact names what is assumed, the public source of the assumption, and the place in ssmbak
// that depends on it. For each, the test prints "PASS as assumed", "DIFFERENT" with what AWS
// does, which fails it, or "NOT SETTLED" with the reason.
//
// Without SSMBAK_AWS_ACCEPTANCE, the same facts are played on the emulator, in virtual time,
// and on moto. What an emulation cannot play is skipped by name.
//
// docs/testing.md says which permissions a run needs, what it creates and how it is removed.
package acceptance
