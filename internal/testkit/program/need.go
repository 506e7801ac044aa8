package program

import (
	"os"
	"os/exec"
	"testing"
)

// Need skips the test if a program is not installed, or fails it if the environment variable
// is set. how says how to install it.
func Need(t testing.TB, name, variable, how string) {
	t.Helper()
	if _, err := exec.LookPath(name); err == nil {
		return
	}
	if os.Getenv(variable) != "" {
		t.Fatalf("%s is not installed: %s", name, how)
	}
	t.Skipf("%s is not installed: %s", name, how)
}
