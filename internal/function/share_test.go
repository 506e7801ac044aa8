package function_test

import (
	"math"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak/internal/function"
)

func TestShare(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rate, recorders string
		want            float64
		fail            string
	}{
		{"", "", 10.0 / 3, ""},
		{"10", "2", 10.0 / 3, ""},
		{"30", "5", 5, ""},
		{"7", "", 7.0 / 3, ""},
		{"", "4", 2, ""},
		{"0", "2", 0, "not a positive number"},
		{"-1", "2", 0, "not a positive number"},
		{"NaN", "2", 0, "not a positive number"},
		{"Inf", "2", 0, "not a positive number"},
		{"many", "2", 0, "not a positive number"},
		{"10", "0", 0, "not a positive integer"},
		{"10", "two", 0, "not a positive integer"},
	}
	for _, test := range tests {
		got, err := function.Share(test.rate, test.recorders)
		if test.fail == "" && (err != nil || math.Abs(got-test.want) > 1e-9) || test.fail != "" && (err == nil || !strings.Contains(err.Error(), test.fail)) {
			t.Errorf("Share(%q, %q): %v, %v, want %v %s", test.rate, test.recorders, got, err, test.want, test.fail)
		}
	}
}
