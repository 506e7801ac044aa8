package main_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak/internal/testkit/program"
)

// tutorial returns the commands of docs/tutorial.md: its indented lines.
func tutorial(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			lines = append(lines, strings.TrimRight(command, "\n"))
		}
	}
	return lines
}

// TestTutorial runs docs/tutorial.md line by line, with the AWS CLI and
// `ssmbak local`.
func TestTutorial(t *testing.T) {
	t.Parallel()
	program.Need(t, "aws", "SSMBAK_REQUIRE_AWS_CLI", "pip install awscli")
	dir := filepath.Dir(program.Build(t, "ssmbak"))
	lines := tutorial(t)
	if len(lines) < 20 || lines[0] != "ssmbak local" {
		t.Fatalf("unexpected tutorial: %q", lines)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute)
	defer cancel()
	local := exec.CommandContext(ctx, filepath.Join(dir, "ssmbak"), "local", "--port", "0")
	local.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	stdout, err := local.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := local.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = local.Process.Signal(os.Interrupt)
		if err := local.Wait(); err != nil {
			t.Errorf("ssmbak local ended with %v", err)
		}
	}()
	var printed []string // the export lines
	for scanner := bufio.NewScanner(stdout); len(printed) < 4 && scanner.Scan(); {
		if strings.HasPrefix(scanner.Text(), "export ") {
			printed = append(printed, scanner.Text())
		}
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	found := regexp.MustCompile(`http://127\.0\.0\.1:(\d+)`).FindStringSubmatch(strings.Join(printed, "\n"))
	if found == nil {
		t.Fatalf("ssmbak local printed no address: %q", printed)
	}
	port := found[1]

	var exports []string
	var script strings.Builder
	script.WriteString("set -eu\n")
	for _, line := range lines[1:] {
		if strings.HasPrefix(line, "export ") {
			exports = append(exports, line)
			line = strings.ReplaceAll(line, ":4566", ":"+port)
		}
		script.WriteString("echo '$ '" + quote(line) + "\n" + line + "\n")
	}
	if got, want := strings.ReplaceAll(strings.Join(printed, "\n"), ":"+port, ":4566"), strings.Join(exports, "\n"); got != want {
		t.Errorf("ssmbak local prints\n%s\nand the tutorial says\n%s", got, want)
	}
	bash := exec.CommandContext(ctx, "bash", "-c", script.String())
	bash.Env = []string{"HOME=" + dir, "PATH=" + dir + ":" + os.Getenv("PATH"), "AWS_PAGER="}
	out, err := bash.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	said := string(out)
	for _, want := range []string{
		`(?s)preview /testyssmbak \$IN_BETWEEN.*\| /testyssmbak/1 +\| initial +\| String +\| \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00 \|`,
		`\| /testyssmbak/password \| \*{8} \| SecureString \|`,
		`(?s)diff /testyssmbak.*~ /testyssmbak/2.*"UPDATED" -> "initial".*~ /testyssmbak/password`,
		`restored 2, deleted 0, unchanged 5`,
		`/testyssmbak/2\tinitial`,
		`restored 7, deleted 0, unchanged 0`,
		`(?s)get /testyssmbak/password .*\nhunter2\$ aws s3api`,
	} {
		if !regexp.MustCompile(want).MatchString(said) {
			t.Errorf("no match for %s in\n%s", want, said)
		}
	}
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
