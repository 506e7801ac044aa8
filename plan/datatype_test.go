package plan

import (
	"testing"

	"github.com/ssmbak/ssmbak"
)

// TestFits checks which values each data type accepts.
func TestFits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		dataType string
		kind     ssmbak.Type
		value    string
		want     bool
	}{
		{"text", ssmbak.TypeString, "anything", true},
		{"of the future", ssmbak.TypeString, "anything", true},
		{"integer", ssmbak.TypeString, "-42", true},
		{"integer", ssmbak.TypeString, "ami-12345678", false},
		{"integer", ssmbak.TypeStringList, "1,2", true},
		{"integer", ssmbak.TypeStringList, "1,two", false},
		{"float", ssmbak.TypeString, "2.5", true},
		{"float", ssmbak.TypeString, "ami-12345678", false},
	} {
		if got := fits(test.dataType, test.kind, test.value); got != test.want {
			t.Errorf("%s of type %s under %s: got %t, want %t", test.value, test.kind, test.dataType, got, test.want)
		}
	}
}
