package stack

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// matches reports whether an event matches a pattern: for each field in the pattern, the
// event has a value that the pattern lists.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
func matches(t *testing.T, pattern, event any) bool {
	t.Helper()
	switch p := pattern.(type) {
	case map[string]any:
		e, ok := event.(map[string]any)
		if !ok {
			return false
		}
		for field, want := range p {
			got, ok := e[field]
			if !ok || !matches(t, want, got) {
				return false
			}
		}
		return true
	case []any:
		for _, want := range p {
			if _, plain := want.(string); !plain {
				t.Fatalf("unsupported part of a pattern: %v", want)
			}
		}
		if list, ok := event.([]any); ok {
			return slices.ContainsFunc(list, func(v any) bool { return slices.Contains(p, v) })
		}
		return slices.Contains(p, event)
	}
	t.Fatalf("unsupported pattern: %v", pattern)
	return false
}

// TestEventPatterns checks that each event in testdata matches only the rule that the
// file's name begins with, or no rule if that is "none".
func TestEventPatterns(t *testing.T) {
	t.Parallel()
	r := render(t, defaultsWithCode)
	rules := []string{"EventRule", "PolicyRule", "TagRule", "TrailRule"}
	files, err := filepath.Glob("testdata/events/*.json")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d events, %v", len(files), err)
	}
	seen := make(map[string]int)
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var event any
		if err := json.Unmarshal(body, &event); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		want, _, _ := strings.Cut(filepath.Base(file), "-")
		seen[want]++
		for _, rule := range rules {
			if got := matches(t, get(t, r, rule, "EventPattern"), event); got != (rule == want) {
				t.Errorf("%s matches %s: %v", filepath.Base(file), rule, got)
			}
		}
	}
	for _, rule := range append(rules, "none") {
		if seen[rule] == 0 {
			t.Errorf("no event for %s", rule)
		}
	}
}
