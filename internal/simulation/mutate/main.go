// Command mutate breaks the recorder and the archive in known ways, one at a time, and
// checks that the simulation, or a test of a package, finds each mutation. It must be run
// in the module's root, where it changes no file.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// mutation replaces the only occurrence of old in a file by fresh.
type mutation struct {
	name, file, old, fresh string
}

var mutations = []mutation{
	{
		"the swap is dropped: an index is written without a condition", "archive/internal/bucket/document.go",
		", Absent: !read.Exists, Match: read.ETag, Signed", ", Signed",
	},
	{
		"the facts of a writer that loses a conflict are dropped", "archive/internal/bucket/document.go",
		"\t\tout.Document = fresh\n", "\t\tout.Document = fresh\n\t\treturn out, nil\n",
	},
	{
		"values are trimmed", "archive/writer.go",
		"Body: []byte(value.Reveal())", "Body: []byte(strings.TrimSpace(value.Reveal()))",
	},
	{
		"stale reads are trusted", "timeline/facts.go",
		"const Staleness = 10 * time.Second", "const Staleness = 0 * time.Second",
	},
	{
		"a secret is kept without comparing its time", "recorder/values.go",
		"secret.Number != v.Number || secret.Time != v.Time", "secret.Number != v.Number",
	},
	{
		"a page of history is skipped", "paramstore/read.go",
		"for _, p := range out.Parameters {\n\t\t\th.Versions", "for _, p := range out.Parameters {\n\t\t\tif page == 1 {\n\t\t\t\tcontinue\n\t\t\t}\n\t\t\th.Versions",
	},
	{
		"an empty last page of a history is taken for its end", "recorder/reading.go",
		"if newest.Page < r.pages-1 {", "if false {",
	},
	{
		"a look speaks for the time at which it ended", "recorder/reading.go",
		"return w.Began.Add(-timeline.Staleness)", "return w.Ended",
	},
	{
		"a look that found nothing speaks for versions that are younger than it is sure", "timeline/placement.go",
		"if s := &t.slots[i]; s.prev == nil || s.provesEnd(o) {", "if s := &t.slots[i]; true {",
	},
	{
		"the second of a deletion is taken for known", "timeline/spans.go",
		"c.unknown(max(e.from, s.unproved()), e.until, reasonSecond)", "_ = reasonSecond",
	},
	{
		"a life is not taken for ended where its numbers begin again", "timeline/spans.go",
		"c.unknown(absent, s.until(), reasonBounds)", "_ = absent",
	},
	{
		"a listing counts for what was recorded after it", "archive/reconciled.go",
		" || !modified.Add(time.Second).Before(complete)", "",
	},
	{
		"missed names are taken for absent: a listing covers them", "archive/reconciled.go",
		" || r.missed(name) {", " {",
	},
	{
		"missed names are taken for absent: their recording began with that of others", "archive/reconciled.go",
		"if i, found := r.findMissed(x.Name); found {", "if i := 0; false {",
	},
	{
		"missed names are forgotten by the next listing", "archive/reconciled.go",
		"next.miss(l.Missed, began)", "next.Missed = nil\n\t\tnext.miss(l.Missed, began)",
	},
	{
		"missed names are not noted", "recorder/round.go",
		"missed = run.recordFailed(ctx, name, err)", "_ = run.recordFailed",
	},
	{
		"a reconcile does not compare versions", "recorder/compare.go",
		" && p.Newest == l.live[name]", "",
	},
	{
		"a reconcile does not compare tags", "recorder/compare.go",
		"(run.tagsErr != nil || p.Tags == run.tags[name])", "true",
	},
	{
		"a late delete marker remains the current version of a live parameter", "recorder/sync.go",
		"restored, err = w.ensureCurrent(ctx, swap.Index, newest)", "err = nil",
	},
	{
		"a deleted parameter gets no marker", "recorder/sync.go",
		"case absent && (check || o.deleted):", "case false:",
	},
	{
		"tags are known within the second in which they changed", "timeline/attributes.go",
		"e.counter = x.Counter", "e.counter, e.latest = x.Counter, e.earliest",
	},
	{
		"only the first copy of a value is read", "archive/values.go",
		"\tfor _, ref := range refs {\n\t\to, err := a.copyOf(", "\tfor _, ref := range refs[:1] {\n\t\to, err := a.copyOf(",
	},
	{
		"a message is done before it is settled", "recorder/recorder.go",
		"o.open[n.event] {", "o.open[\"\"] {",
	},
	{
		"the event of a deletion is no fact", "recorder/indexed.go",
		"if n.operation == ssmbak.OpDelete && counts(n) {", "if false {",
	},
	{
		"looks are not recorded", "recorder/settle.go",
		"if !agrees(r.timeline(name, f), rd) || !redundant(f, rd, signals) {", "if false {",
	},
	{
		"times that step back are used unchanged", "timeline/facts.go",
		"return max(v.Time, v.Since)", "return v.Time",
	},
	{
		"the value of a killed writer remains the current version of a deleted parameter", "recorder/values.go",
		"if !hasObjects && !check {", "if !hasObjects {",
	},
	{
		"readers do not look for hidden parameters", "archive/names.go",
		"\tif !register {", "\tif true {",
	},
	{
		"a delete marker hides an entry of the register, too", "archive/names.go",
		"|| name == last {", "|| name == last || v.Marker {",
	},
	{
		"a registered parameter without an index is taken for absent", "archive/sources.go",
		"err == nil && !x.Exists && !s.legacy &&", "err == nil && !x.Exists && false && !s.legacy &&",
	},
	{
		"an index is written without an entry in the register", "archive/writer.go",
		"case !base.Exists:", "case false:",
	},
	{
		"a reconcile restores no hidden index", "recorder/hidden.go",
		"restored, err = run.r.archive.RestoreIndex(ctx, name)", "restored = false",
	},
	{
		"an index written over a delete marker is not compared", "archive/writer.go",
		"case base.object.Value.Uncompared:", "case false:",
	},
	{
		"a reconcile restores no hidden entry of the register", "recorder/hidden.go",
		"if (!registered || hidden) &&", "if _ = hidden; !registered &&",
	},
	{
		"deletions are moved to a part", "timeline/runs.go",
		"\tc.rest.Runs, c.Part.Runs = ", "\tc.rest.Deletions, c.Part.Deletions = nil, t.facts.Deletions\n\tc.rest.Runs, c.Part.Runs = ",
	},
	{
		"the first version of a run is moved to its part", "timeline/runs.go",
		"for i := first + 1; i < last; i++ {\n\t\tif", "for i := first; i < last; i++ {\n\t\tif",
	},
	{
		"what an observation in a part says about the versions before the run is forgotten", "timeline/runs.go",
		"if oldest < begin.Number {", "if false {",
	},
	{
		"a run does not join its ends", "timeline/slots.go",
		"s.sameLife = s.inRun || oldest", "s.sameLife = oldest",
	},
	{
		"no part is read", "archive/parts.go",
		"if r, ok := t.RunAt(at); ok && ", "if r, ok := t.RunAt(at); false && ok && ",
	},
}

// rare are mutations that so few histories reach that a kept seed has to find them.
var rare = []mutation{
	{
		"a new life of a missed name is taken for absent at the listing that missed it", "archive/reconciled.go",
		"h.Since, h.Missed = 0, ssmbak.TimeOf(r.Missed[i].Until)", "_ = i\n\t\th.Since = 0",
	},
}

// score counts what became of the mutations. It is safe for concurrent use.
type score struct {
	mu        sync.Mutex
	tried     int
	survivors []string
	failed    bool // a mutation could not be tried
}

// add counts the result of one mutation and prints it.
func (s *score) add(m mutation, took time.Duration, found string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried++
	switch {
	case err != nil:
		s.failed = true
		fmt.Fprintf(os.Stderr, "mutate: error: %s: %v\n", m.name, err)
	case found == "":
		s.survivors = append(s.survivors, m.name)
		fmt.Printf("NOT FOUND  %s (%.0fs)\n", m.name, took.Seconds())
	default:
		fmt.Printf("found      %s (%.0fs)\n           %s\n", m.name, took.Seconds(), found)
	}
}

func main() {
	histories := flag.Int("histories", 8000, "number of random histories for each mutation")
	only := flag.String("only", "", "try only mutations whose names contain this text")
	within := flag.String("pkg", "", "try only mutations that tests of packages find whose paths contain this text")
	part := flag.String("part", "1/1", "try only one part of all mutations: 2/3 is every third from the second on")
	flag.Parse()
	var number, parts int
	if _, err := fmt.Sscanf(*part, "%d/%d", &number, &parts); err != nil || number < 1 || number > parts {
		fmt.Fprintf(os.Stderr, "mutate: error: -part %s is not a part such as 2/3\n", *part)
		os.Exit(2)
	}
	var s score
	position := 0
	chosen := func() bool { position++; return (position-1)%parts == number-1 }
	try := func(m mutation, pkg string, args ...string) {
		if !strings.Contains(m.name, *only) || !strings.Contains(pkg, *within) {
			return
		}
		began := time.Now()
		found, err := try(m, pkg, args...)
		s.add(m, time.Since(began), found, err)
	}
	// Most of the time is spent on building.
	var g errgroup.Group
	g.SetLimit(runtime.NumCPU())
	for i, m := range slices.Concat(mutations, rare) {
		tests := "^(TestKept|TestSimulation)$" // the kept seeds are first
		if i >= len(mutations) {
			tests = "^TestKept$"
		}
		if !chosen() {
			continue
		}
		g.Go(func() error {
			try(m, "internal/simulation/recording", "-test.run", tests, "-test.failfast", "-histories", fmt.Sprint(*histories))
			return nil
		})
	}
	for _, m := range slices.Concat(tested, commanded, paged) {
		if !chosen() {
			continue
		}
		g.Go(func() error {
			try(m.mutation, m.pkg, "-test.run", m.pattern(), "-test.short")
			return nil
		})
	}
	_ = g.Wait() // it never fails
	fmt.Printf("%d of %d mutations found\n", s.tried-len(s.survivors), s.tried)
	for _, name := range s.survivors {
		fmt.Fprintf(os.Stderr, "mutate: error: no test found: %s\n", name)
	}
	if s.failed || len(s.survivors) > 0 {
		os.Exit(1)
	}
}

// try runs tests of a package with a mutation, and returns the first problem found, or "".
func try(m mutation, pkg string, args ...string) (string, error) {
	source, err := os.ReadFile(m.file)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		return "", fmt.Errorf("%s contains %q %d times, want once: update the mutation", m.file, m.old, n)
	}
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	broken := filepath.Join(dir, "broken.go")
	if err := os.WriteFile(broken, []byte(strings.Replace(string(source), m.old, m.fresh, 1)), 0o600); err != nil {
		return "", err
	}
	original, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {original: broken}})
	if err != nil {
		return "", err
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "mutated.test")
	build := exec.Command("go", "test", "-ldflags=-s -w", "-overlay", list, "-c", "-o", binary, "./"+pkg)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the mutated code: %w\n%s", err, out)
	}
	linked, err := os.ReadFile(binary)
	if err != nil {
		return "", err
	}
	if bytes.Contains(linked, []byte("rapid.nofailfile")) { // a failure of mutated code is not one to keep
		args = append(args, "-rapid.nofailfile")
	}
	run := exec.Command(binary, args...)
	run.Dir = filepath.FromSlash(pkg)
	if pkg == "recorder" || pkg == "internal/simulation/sweep" { // fills in several runs, and some faults, are in long tests
		run.Env = append(os.Environ(), "SSMBAK_LONG=1")
	}
	out, err := run.CombinedOutput()
	if err == nil {
		return "", nil
	}
	lines := strings.Split(string(out), "\n")
	for i, line := range lines {
		if before, _, found := strings.Cut(line, " breaks a promise"); found && i+1 < len(lines) {
			return before[strings.LastIndex(before, "seed"):] + ": " + strings.TrimSpace(lines[i+1]), nil
		}
		if strings.Contains(line, "_test.go:") && !strings.HasPrefix(pkg, "internal/simulation/") {
			return strings.TrimSpace(line), nil
		}
	}
	for _, line := range lines { // a script has no line in a test
		if strings.Contains(line, "--- FAIL: ") && !strings.HasPrefix(pkg, "internal/simulation/") {
			return strings.TrimSpace(line), nil
		}
	}
	if strings.Contains(string(out), "panic:") {
		return "", fmt.Errorf("the tests panicked:\n%s", out)
	}
	return "", nil // only corners were missing
}
