package ssmbakcli_test

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	ssmbakcli "github.com/ssmbak/ssmbak/internal/cli/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// block is one command of a document with its output, as an indented block. Another
// command may follow it directly.
var block = regexp.MustCompile(`(?m)^    \$ .*\n(?:\n*    [^$\n].*\n)*`)

// transcript is the terminal of a person who runs the commands of a document.
type transcript struct {
	*testworld.World
	t      *testing.T
	user   string          // who the person is
	shown  []string        // blocks of the document
	output string          // of the last command
	ids    world           // for the IDs of restores
	cloud  *emulator.Cloud // of all accounts and regions, nil if there is one
}

// run runs a command with the exit code that it must have.
func (i *transcript) run(code int, command string) {
	i.t.Helper()
	words := strings.Fields(i.ids.meant(command))
	for n, word := range words {
		words[n] = strings.Trim(word, "'")
	}
	if words[0] != "ssmbak" || strings.ContainsAny(command, `"|<>$;&`) {
		i.t.Fatalf("%q is not a command that can be played", command)
	}
	var out bytes.Buffer // a person sees both streams
	got := ssmbakcli.Main(i.Context(), ssmbakcli.Env{Env: shell.Env{
		Args: words[1:], Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, AWS: connection(testworld.As(i.reach(), i.user)),
		Now:    func() time.Time { return time.Now().UTC() },
		Getenv: func(name string) string { return map[string]string{"SSMBAK_BUCKET": bucket}[name] },
	}})
	i.output = out.String()
	if got != code {
		i.t.Fatalf("%s: exit code %d, want %d\n%s", command, got, code, i.output)
	}
	text := "    $ " + i.ids.named(command) + "\n"
	for line := range strings.Lines(i.ids.named(i.output)) {
		text += strings.TrimRight("    "+line, " \n") + "\n"
	}
	i.shown = append(i.shown, text)
}

// reach returns a client of the person's account.
func (i *transcript) reach() aws.HTTPClient {
	if i.cloud == nil {
		return i.AWS.Client()
	}
	return i.cloud.Client(i.Account, nil)
}

// compare compares the blocks with those of a document. UPDATE=1 writes them.
func (i *transcript) compare(path string) {
	text, err := os.ReadFile(path)
	i.Must(err)
	n := 0
	want := block.ReplaceAllStringFunc(string(text), func(old string) string {
		if n++; n > len(i.shown) {
			return old
		}
		return i.shown[n-1]
	})
	if n != len(i.shown) {
		i.t.Errorf("%s has %d commands, want %d", path, n, len(i.shown))
	}
	if os.Getenv("UPDATE") != "" {
		i.Must(os.WriteFile(path, []byte(want), 0o644))
		return
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		i.t.Errorf("run with UPDATE=1 (-want +got):\n%s", diff)
	}
}
