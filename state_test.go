package ssmbak_test

import (
	"encoding/json"
	"testing"

	"github.com/ssmbak/ssmbak"
)

// TestCertaintyOrder checks that the zero state is not trusted, that
// more certainty is greater, and that no other number is ever called proved.
func TestCertaintyOrder(t *testing.T) {
	t.Parallel()
	if c := (ssmbak.State{}).Certainty; c != ssmbak.Unknown {
		t.Errorf("the zero state is %v", c)
	}
	if ssmbak.Unknown >= ssmbak.LastKnown || ssmbak.LastKnown >= ssmbak.Proved {
		t.Error("the certainties are out of order")
	}
	for c := ssmbak.Certainty(-128); c < 127; c++ {
		if known := c >= ssmbak.Unknown && c <= ssmbak.Proved; !known && c.String() != "unknown" {
			t.Errorf("%d is called %v", int8(c), c)
		}
	}
}

// TestStateJSON checks that a state in JSON has its words and not its value.
func TestStateJSON(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(ssmbak.State{Name: "/a", Value: ssmbak.Know(ssmbak.NewValue("hunter2"), ssmbak.Proved), Certainty: ssmbak.LastKnown, Until: ssmbak.MaxTime, Modified: 1})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if value, ok := got["Value"].(map[string]any); !ok || value["V"] != nil || value["Certainty"] != "proved" {
		t.Errorf("the value is %v", got["Value"])
	}
	for key, want := range map[string]any{"Name": "/a", "Certainty": "last-known", "Until": nil, "Modified": "1970-01-01T00:00:00.001Z"} {
		if value, there := got[key]; !there || value != want {
			t.Errorf("%s: got %v, want %v", key, value, want)
		}
	}
}
