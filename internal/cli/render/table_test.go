package render

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jedib0t/go-pretty/v6/text"
	"pgregory.net/rapid"

	"github.com/ssmbak/ssmbak"
)

// TestWidths compares a log, a preview and a plan with golden files at the widths of terminals, in a
// pipe, and in the other formats. UPDATE=1 rewrites the files.
func TestWidths(t *testing.T) {
	t.Parallel()
	const at = ssmbak.Time(1718309454417)
	long := state(ssmbak.TypeString, strings.Repeat("0123456789 ", 20))
	long.Name = "/app/production/backend/database/connection"
	states := []ssmbak.State{state(ssmbak.TypeString, "one|two\t<b>"), long, {Name: "/app/gone", Deleted: true, Modified: at, Certainty: ssmbak.LastKnown}}
	log := entries([]ssmbak.Change{
		{Name: long.Name, Operation: ssmbak.OpUpdate, Time: at, From: at, Until: at, By: "arn:aws:sts::123456789012:assumed-role/deploy-production/alice@example.com", Version: ssmbak.Version{Number: 12, User: "arn:aws:sts::123456789012:assumed-role/deploy-production/alice@example.com"}},
		{Name: "/app/db", Operation: ssmbak.OpTag, Time: at, From: at, Until: at, Reason: "an earlier change of its tags was missed"},
		{Name: "/app/db", Operation: ssmbak.OpTag, Time: at, From: at, Until: at, Tags: manyTags(14)},
	})
	views := map[string]View{"pipe": {}, "text": {Format: Tabs}, "markdown": {Format: Markdown}}
	for _, width := range []int{60, 80, 120, 200} {
		views[fmt.Sprint(width)] = View{Width: width}
	}
	for name, view := range views {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			live := view
			live.Live = true
			if err := errors.Join(Changes(&out, slices.Values(log), view), States(&out, states, view), States(&out, states[1:2], view), Items(&out, "plan", "summary", longPlan(), live)); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "width", name+".golden")
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(out.String(), string(want)); diff != "" {
				t.Errorf("got -, want +\n%s", diff)
			}
		})
	}
}

// manyTags returns n tags.
func manyTags(n int) map[string]*string {
	tags := make(map[string]*string)
	for i := range n {
		value := fmt.Sprint("value ", i)
		tags[fmt.Sprintf("key-%02d", i)] = &value
	}
	return tags
}

// TestTablesFit checks for random cells that no line of a framed table is wider than the
// terminal, that only values and principals are cut, and that nothing is cut without one.
func TestTablesFit(t *testing.T) {
	t.Parallel()
	header := []string{"Time", "Name", "Value", "By", "Note"}
	rapid.Check(t, func(t *rapid.T) {
		cell := rapid.StringMatching(`[a-zé世 /]{0,60}`)
		row := []string{"2024-06-13T20:10:54.417Z", "/app/db", cell.Draw(t, "value"), cell.Draw(t, "by"), cell.Draw(t, "note")}
		width := rapid.IntRange(0, 250).Draw(t, "width")
		var out bytes.Buffer
		if err := Table(&out, header, [][]string{row}, View{Width: width}); err != nil {
			t.Fatal(err)
		}
		joined := strings.Join(strings.Fields(strings.NewReplacer("|", " ", "\n", " ").Replace(out.String())), "")
		for i, c := range row {
			complete := strings.Contains(joined, strings.Join(strings.Fields(c), ""))
			if !complete && i < 2 || !complete && width == 0 && !strings.Contains(out.String(), "|\n| ") {
				t.Fatalf("%s %q is cut in\n%s", header[i], c, out.String())
			}
		}
		if !strings.HasPrefix(out.String(), "+") || width == 0 {
			return
		}
		for line := range strings.Lines(out.String()) {
			if w := text.StringWidth(strings.TrimSuffix(line, "\n")); w > width {
				t.Fatalf("a line has %d columns, the terminal %d:\n%s", w, width, out.String())
			}
		}
	})
}

func TestColumns(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := Table(&out, []string{"Time", "Name", "By"}, [][]string{{"1", "a", "x"}, {"2", "b", "y"}}, View{Format: Tabs, Columns: []string{"by", "TIME", "note"}})
	if err != nil || out.String() != "x\t1\ny\t2\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
	for name, header := range map[string]string{
		"Time": "Modified", "time": "Began", "Change": "Operation", "Reason": "Note", "Text": "Note", "Arguments": "Command", "Items": "Parameters",
		"Others": "Tags and labels", "Unknown": "By unknown principals", "CompleteUpTo": "Complete up to", "RPO": "RPO (p99)", "Kind": "Exception", "Subject": "Name",
	} {
		out.Reset()
		err := Table(&out, []string{"Version", header}, [][]string{{"1", "a"}}, View{Format: Tabs, Columns: []string{name}})
		if err != nil || out.String() != "a\n" {
			t.Errorf("the field %s of JSON selects %q, %v, not the column %s", name, out.String(), err, header)
		}
	}
	out.Reset()
	if err := Table(&out, []string{"Name"}, [][]string{{"a"}}, View{Format: Tabs, Columns: []string{"Reason", "Name"}}); err != nil || out.String() != "a\n" {
		t.Errorf("without notes: %q, %v", out.String(), err)
	}
	var unknown *ColumnError
	if err := Table(&out, []string{"Time"}, nil, View{Columns: []string{"Tim"}}); !errors.As(err, &unknown) || unknown.Column != "Tim" {
		t.Errorf("got %v", err)
	}
}

// TestTabsOfManyChanges checks that changes in format [Tabs] are written while they are read:
// what that allocates grows with their number, and not with its square.
func TestTabsOfManyChanges(t *testing.T) { // not parallel, because others allocate, too
	const changes = 5000
	c := ssmbak.Change{Name: "/app/db", Operation: ssmbak.OpUpdate, By: strings.Repeat("a", 100)}
	yielded, most := 0, 0
	entries := func(yield func(LogEntry) bool) {
		for range changes {
			if yielded++; !yield(LogEntry{Change: &c}) {
				return
			}
		}
	}
	written := &countedLines{before: func(lines int) { most = max(most, yielded-changes-lines) }}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := Changes(written, entries, View{Format: Tabs}); err != nil || written.lines != changes {
		t.Fatalf("%d lines, %v", written.lines, err)
	}
	runtime.ReadMemStats(&after)
	if most > changesAtOnce {
		t.Errorf("%d changes wait", most)
	}
	if each := (after.TotalAlloc - before.TotalAlloc) / changes; each > 10<<10 {
		t.Errorf("%d bytes are allocated for each change", each)
	}
}

// countedLines counts the lines that are written to it.
type countedLines struct {
	lines  int
	before func(lines int)
}

func (w *countedLines) Write(p []byte) (int, error) {
	w.before(w.lines)
	w.lines += bytes.Count(p, []byte("\n"))
	return len(p), nil
}

// TestTableKeepsIDs checks that no width breaks the ID of a restore into two lines.
func TestTableKeepsIDs(t *testing.T) {
	t.Parallel()
	const id = "20240613T201054Z-k3x9f2"
	header := []string{"Time", "Name", "Note"}
	rows := func() [][]string {
		return [][]string{{"2024-06-13T20:10:54.417Z", "/app/db", "owner removed, restore " + id + " by arn:aws:iam::123456789012:user/local: bad deploy"}}
	}
	for width := 20; width < 160; width++ {
		var out strings.Builder
		if err := Table(&out, header, rows(), View{Width: width}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), id) {
			t.Fatalf("%d columns:\n%s", width, &out)
		}
	}
}
