package timeline_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/testkit/program"
	"github.com/ssmbak/ssmbak/timeline"
)

// questions asks docs/reader/reader.py for the states of histories.
const questions = `
import json, sys
sys.path.insert(0, "../docs/reader")
import reader
for line in sys.stdin:
    q = json.loads(line)
    t = reader.Timeline(q["facts"], reader.ms(q["created"]), 0, 0)
    print(json.dumps([t.state(at) for at in q["at"]]))
`

// question is a history and the moments, in milliseconds, for which states are asked.
type question struct {
	Facts   timeline.Facts `json:"facts"`
	Created ssmbak.Time    `json:"created"`
	At      []int64        `json:"at"`
	line    *timeline.Timeline
}

// answer is a state as docs/reader/reader.py prints it.
type answer struct {
	Certainty string `json:"certainty"`
	Deleted   bool   `json:"deleted"`
	Number    int64  `json:"number"`
	Time      int64  `json:"time"`
}

// contradicts returns how an answer of the independent reader says something else than
// the span, or more; "" if it does not.
func (a answer) contradicts(s timeline.Span, at ssmbak.Time) string {
	switch {
	case a.Certainty == "unknown":
		return ""
	case s.Unknown:
		return "it knows what is unknown"
	case a.Deleted != (s.Kind == timeline.KindAbsent), !a.Deleted && (a.Number != s.Version.Number || a.Time != int64(s.Version.Time)):
		return "it is another state"
	case a.Certainty == "proved" && s.Certainty(at) != ssmbak.Proved:
		return "it is more certain"
	}
	return ""
}

// TestIndependentReader checks that the independent reader in Python, which was written
// from the specification, agrees with this package about random histories: where it
// gives an answer, it is the same and no more certain, and it seldom gives none.
func TestIndependentReader(t *testing.T) {
	t.Parallel()
	program.Need(t, "python3", "SSMBAK_REQUIRE_READERS", "apt-get install python3")
	var all []question
	var in bytes.Buffer
	for seed := range uint64(cases(t, 500)) {
		r := rand.New(rand.NewPCG(seed, 11))
		w := newWorld(r, seed%2 == 1)
		c := timeline.Coverage{Since: start - 500_000}
		q := question{Facts: w.facts, Created: c.Since, line: timeline.New("/n", w.facts, c)}
		for _, at := range w.moments() {
			q.At = append(q.At, int64(at))
		}
		all = append(all, q)
		if err := json.NewEncoder(&in).Encode(q); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), "python3", "-c", questions)
	c.Stdin, c.Stderr = &in, os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	answers := json.NewDecoder(bytes.NewReader(out))
	known, answered, failed := 0, 0, 0
	for seed, q := range all {
		var got []answer
		if err := answers.Decode(&got); err != nil || len(got) != len(q.At) {
			t.Fatalf("seed %d: %d answers, %v", seed, len(got), err)
		}
		for i, a := range got {
			at := ssmbak.Time(q.At[i])
			s := q.line.Span(at)
			if problem := a.contradicts(s, at); problem != "" {
				if failed++; failed <= 3 {
					text, _ := json.Marshal(q.Facts)
					t.Errorf("seed %d at %v: %s: got %+v, want %+v\n%s", seed, at, problem, a, s, text)
				}
			}
			if !s.Unknown {
				known++
				if a.Certainty != "unknown" && (a.Certainty == "proved") == (s.Certainty(at) == ssmbak.Proved) {
					answered++
				}
			}
		}
	}
	t.Logf("%d histories, %d known states, %d of them answered alike, %d contradictions", len(all), known, answered, failed)
	if answered*100 < known*90 {
		t.Errorf("only %d of %d known states are answered alike", answered, known)
	}
}

// attributesAnswer are tags and labels as docs/reader/reader.py prints them: nil if they are
// not proved.
type attributesAnswer struct {
	Tags   map[string]string `json:"tags"`
	Labels map[string]int64  `json:"labels"`
}

// TestIndependentReaderOfTags checks that the tags and labels that the independent reader
// prints are proved, and the same.
func TestIndependentReaderOfTags(t *testing.T) {
	t.Parallel()
	program.Need(t, "python3", "SSMBAK_REQUIRE_READERS", "apt-get install python3")
	var all []question
	var in bytes.Buffer
	for seed := range uint64(cases(t, 500)) / 4 {
		w := newTaggedOf(rand.New(rand.NewPCG(seed, 12)), seed%2 == 1, seed%3 == 0, 10, 30)
		c := timeline.Coverage{Since: start - 500_000}
		q := question{Facts: w.facts, Created: c.Since, line: timeline.New("/n", w.facts, c)}
		for _, change := range w.changes {
			for _, at := range []ssmbak.Time{change.at - 1, change.at, change.at + 999, change.at + 5000, change.at + 20_000, change.at + 500_000} {
				q.At = append(q.At, int64(at))
			}
		}
		all = append(all, q)
		if err := json.NewEncoder(&in).Encode(q); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), "python3", "-c", questions)
	c.Stdin, c.Stderr = &in, os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	answers := json.NewDecoder(bytes.NewReader(out))
	tags, knownTags, labels, knownLabels, failed := 0, 0, 0, 0, 0
	for seed, q := range all {
		var got []attributesAnswer
		if err := answers.Decode(&got); err != nil || len(got) != len(q.At) {
			t.Fatalf("seed %d: %d answers, %v", seed, len(got), err)
		}
		for i, a := range got {
			s, _ := q.line.At(ssmbak.Time(q.At[i]))
			if s.Tags.IsProved() {
				knownTags++
			}
			if s.Labels.IsProved() {
				knownLabels++
			}
			if a.Tags != nil {
				tags++
			}
			if a.Labels != nil {
				labels++
			}
			if a.Tags != nil && (!s.Tags.IsProved() || !maps.Equal(a.Tags, s.Tags.V)) || a.Labels != nil && (!s.Labels.IsProved() || !maps.Equal(a.Labels, s.Labels.V)) {
				if failed++; failed <= 3 {
					text, _ := json.Marshal(map[string]any{"tags": q.Facts.Tags, "labels": q.Facts.Labels})
					t.Errorf("seed %d at %v: got %v and %v, want %v and %v\n%s", seed, ssmbak.Time(q.At[i]), a.Tags, a.Labels, s.Tags, s.Labels, text)
				}
			}
		}
	}
	t.Logf("%d of %d proved tags and %d of %d proved labels are answered alike, %d contradictions", tags, knownTags, labels, knownLabels, failed)
	if tags*100 < knownTags*30 || labels*100 < knownLabels*10 {
		t.Error("too few are answered")
	}
}
