package program

import (
	"os"
	"os/exec"
	"testing"
)

// Need skips the test unless the environment variable is set, so that the tests of a machine
// do not depend on what is installed there. If it is set and the program is not installed, the
// test fails. how says how to install it.
func Need(t testing.TB, name, variable, how string) {
	t.Helper()
	if os.Getenv(variable) == "" {
		t.Skipf("%s=1 runs it; it needs %s: %s", variable, name, how)
	}
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%s is not installed: %s", name, how)
	}
}
