// Package extent says how much tests that try many cases try.
package extent

import "os"

// Long reports whether they try every case, for minutes: the environment variable
// SSMBAK_LONG is set. Otherwise they try some of the cases, so that go test ./... ends in
// time, and the same ones each time.
func Long() bool {
	return os.Getenv("SSMBAK_LONG") != "" //nolint:forbidigo // a setting of the tests
}
