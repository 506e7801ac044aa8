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

func TestStamps(t *testing.T) {
	stampedRevision, stampedDate = "a6ff0f3", "2024-06-13T20:10:54Z"
	defer func() { stampedRevision, stampedDate = "", "" }()
	if Revision() != "a6ff0f3" || Date() != "2024-06-13T20:10:54Z" {
		t.Errorf("got %s of %s, want the stamped ones", Revision(), Date())
	}
	const variable = "-X github.com/ssmbak/ssmbak/internal/version.stamped"
	want := variable + "=v1.2.3 " + variable + "Revision=a6ff0f3 " + variable + "Date=2024-06-13T20:10:54Z"
	if got := Stamps("v1.2.3"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	stampedRevision = ""
	if got := Stamps("v1.2.3"); Revision() == "" && got != variable+"=v1.2.3" {
		t.Errorf("got %s without a revision", got)
	}
}
