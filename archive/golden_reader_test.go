package archive_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/internal/testkit/program"
)

// readings asks docs/reader/reader.py for the states at several times, one on each line.
const readings = `
import json, sys
sys.path.insert(0, "../docs/reader")
import reader
archive = reader.opened(sys.argv[1])
for line in sys.stdin:
    print(json.dumps(archive.at(reader.ms(line.strip()))))
`

// TestGoldenIndependentReader checks that docs/reader/reader.py, which was written from
// the specification, finds the recorded states and values in the golden archive.
func TestGoldenIndependentReader(t *testing.T) {
	t.Parallel()
	program.Need(t, "python3", "SSMBAK_REQUIRE_READERS", "apt-get install python3")
	answers := readGolden[goldenAnswers](t, "answers.json")
	var times strings.Builder
	for _, want := range answers {
		times.WriteString(want.At.String() + "\n")
	}
	c := exec.CommandContext(t.Context(), "python3", "-c", readings, filepath.Join("testdata", "golden", "objects.json"))
	c.Stdin, c.Stderr = strings.NewReader(times.String()), os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	printed := json.NewDecoder(bytes.NewReader(out))
	for _, want := range answers {
		var got goldenAnswers
		if err := printed.Decode(&got); err != nil {
			t.Fatal(err)
		}
		for i, s := range want.States {
			want.States[i] = shown(s)
			if i < len(got.States) { // it prints some of those that are proved
				g := &got.States[i]
				g.Tags, want.States[i].Tags = alike(g.Tags, s.Tags, s.TagsHow)
				g.Labels, want.States[i].Labels = alike(g.Labels, s.Labels, s.LabelsHow)
			}
		}
		got.At = want.At
		if len(got.Unreadable) == 0 {
			got.Unreadable = nil
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("at %v (-got +want):\n%s", want.At, diff)
		}
	}
}

// shown returns the part of a state that the independent reader prints.
func shown(s goldenState) goldenState {
	if s.Certainty == "unknown" {
		return goldenState{Name: s.Name, Certainty: s.Certainty}
	}
	s.NoValue, s.Modified, s.ProvedUntil = nil, 0, 0
	s.Tags, s.TagsHow, s.Labels, s.LabelsHow = nil, "", nil, ""
	return s
}

// alike returns what to compare of tags or labels: what the independent reader prints, if
// that is not empty, must be proved.
func alike[V any](printed, recorded map[string]V, how string) (got, want map[string]V) {
	switch {
	case len(printed) == 0:
		return nil, nil
	case how != "known": // as the recorded answers call what is proved
		return printed, nil
	}
	return printed, recorded
}
