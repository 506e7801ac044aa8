//go:build linux

package main_test

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/ssmbak/ssmbak/internal/testkit/program"
)

// TestOut writes plans to files that are not regular, and reads a plan from standard
// input.
func TestOut(t *testing.T) {
	t.Parallel()
	d := newDesk(t, program.Build(t, "ssmbak"))
	d.changed(1)
	dir := t.TempDir()
	fifo, file, link, dangling := dir+"/fifo", dir+"/file", dir+"/link", dir+"/dangling"
	d.Must(syscall.Mkfifo(fifo, 0o600))
	d.Must(os.WriteFile(file, []byte("old"), 0o644))
	d.Must(os.Symlink("file", link))
	d.Must(os.Symlink("made", dangling))

	read := make(chan string)
	go func() {
		text, err := os.ReadFile(fifo)
		if err != nil {
			t.Error(err)
		}
		read <- string(text)
	}()
	dry := func(out string) (stdout, stderr string) {
		return d.runs(0, "", "restore", "/app/", d.at(30), "--dry-run", "--out", out)
	}
	isPlan := func(text string) bool { return strings.HasPrefix(text, "{\n  \"format\": 1,") }
	dry(fifo)
	if is, err := os.Lstat(fifo); err != nil || is.Mode()&os.ModeNamedPipe == 0 {
		t.Fatalf("the pipe was replaced by a file (%v)", err)
	}
	if got := <-read; !isPlan(got) {
		t.Errorf("the pipe got %q", got)
	}
	for _, path := range []string{link, dangling} {
		if _, stderr := dry(path); !strings.Contains(stderr, "plan written to "+path) {
			t.Errorf("got\n%s", stderr)
		}
		is, err := os.Lstat(path)
		d.Must(err)
		if is.Mode()&os.ModeSymlink == 0 {
			t.Errorf("%s is no longer a link", path)
		}
		text, err := os.ReadFile(path)
		d.Must(err)
		behind, err := os.Stat(path)
		d.Must(err)
		if !isPlan(string(text)) || behind.Mode() != 0o600 {
			t.Errorf("%s holds, with mode %s,\n%s", path, behind.Mode(), text)
		}
	}
	if _, stderr := d.runs(1, "", "restore", "/app/", d.at(30), "--dry-run", "--out", dir); !strings.Contains(stderr, "is a directory") {
		t.Errorf("got\n%s", stderr)
	}

	for _, out := range []string{"-", "/dev/stdout"} {
		plan, stderr := dry(out)
		if !isPlan(plan) || !strings.Contains(stderr, "~ /app/p00") {
			t.Errorf("--out %s: standard output\n%s\nstandard error\n%s", out, plan, stderr)
		}
	}
	plan, _ := dry("-")
	if _, stderr := d.runs(252, plan, "restore", "--plan", "-"); !strings.Contains(stderr, "--plan - reads the plan from standard input, so it cannot ask for confirmation\nhint: review the plan, then add --yes") {
		t.Errorf("without --yes:\n%s", stderr)
	}
	if got := d.live()["/app/p00"]; got != "two" {
		t.Errorf("/app/p00 is %q", got)
	}
	d.runs(0, plan, "restore", "--plan", "-", "--yes")
	if got := d.live()["/app/p00"]; got != "one" {
		t.Errorf("/app/p00 is %q", got)
	}
	d.runs(252, "", "restore", "/app/", d.at(30), "--dry-run", "--out", "-", "-o", "json")
}

// runs runs the command without a terminal.
func (d *desk) runs(code int, stdin string, args ...string) (stdout, stderr string) {
	d.Helper()
	c := d.command(args...)
	var out, errs bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &out, &errs
	if err := c.Run(); c.ProcessState == nil || c.ProcessState.ExitCode() != code {
		d.Fatalf("ssmbak %s: %v, want exit code %d\n%s%s", strings.Join(args, " "), err, code, &out, &errs)
	}
	return out.String(), errs.String()
}
