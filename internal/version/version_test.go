package version

import "testing"

func TestString(t *testing.T) {
	if got := String(); got == "" {
		t.Error("a test has no version")
	}
	stamped = "v1.2.3"
	defer func() { stamped = "" }()
	if got := String(); got != "v1.2.3" {
		t.Errorf("got %s, want the stamped one", got)
	}
}
