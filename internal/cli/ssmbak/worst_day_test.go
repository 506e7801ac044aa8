package ssmbakcli_test

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	ssmbakcli "github.com/ssmbak/ssmbak/internal/cli/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// transcript is the document whose commands and output [TestWorstDayDocument] writes.
const transcript = "../../../docs/worst-day.md"

// block is one command of the transcript with its output, as an indented block.
var block = regexp.MustCompile(`(?m)^    \$ .*\n(?:\n?    .*\n)*`)

// incident is a shop whose parameters three people change within 20 seconds, and the
// terminal of the person who was woken up.
type incident struct {
	*testworld.World
	t      *testing.T
	shown  []string // blocks of the transcript
	output string   // of the last command
	ids    world    // for the IDs of restores
}

func (i *incident) as(user string, do func(client *ssm.Client)) {
	do(i.Connect(testworld.As(i.AWS.Client(), user)).SSM())
}

func (i *incident) put(user, name, value string) {
	i.as(user, func(client *ssm.Client) {
		_, err := client.PutParameter(i.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true)})
		i.Must(err)
	})
}

// run runs a command as the on-call person, with the exit code that it must have.
func (i *incident) run(code int, command string) {
	i.t.Helper()
	words := strings.Fields(command)
	if words[0] != "ssmbak" {
		i.t.Fatalf("%q is not a command that was printed", command)
	}
	var out bytes.Buffer // a person sees both streams
	got := ssmbakcli.Main(i.Context(), ssmbakcli.Env{Env: shell.Env{
		Args: words[1:], Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, AWS: connection(testworld.As(i.AWS.Client(), "oncall")),
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

// copied returns the first text in the output of the last command that a pattern's group
// matches.
func (i *incident) copied(pattern string) string {
	i.t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(i.output)
	if m == nil {
		i.t.Fatalf("nothing matches %s:\n%s", pattern, i.output)
	}
	return m[1]
}

// TestWorstDayDocument plays docs/worst-day.md. After the first command, each argument is
// copied from the output of a command before: no time is typed. UPDATE=1 writes
// the document's commands and output.
func TestWorstDayDocument(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(start))
		i := &incident{t: t, World: testworld.New(t, testworld.Options{Bucket: bucket, Emulator: emulator.Options{TrailDelay: time.Minute}})}
		i.AWS.SSM.StartTrail()
		i.happens()
		i.restored()
		if t.Failed() {
			return
		}
		i.compare()
	})
}

// happens makes 40 parameters at 20:00 and changes them at 20:10.
func (i *incident) happens() {
	names := make([]string, 40)
	for n := range names {
		names[n] = fmt.Sprintf("/shop/%s/%s", []string{"api", "cart", "pay", "web"}[n/10], []string{"cache", "db-host", "db-name", "db-user", "limit", "log-level", "region", "retries", "timeout", "url"}[n%10])
		i.put("terraform", names[n], "v1")
	}
	i.Record()
	time.Sleep(time.Until(start.Add(10 * time.Minute)))
	for n, name := range names {
		switch {
		case name == "/shop/pay/limit": // the good change
			i.put("alice", name, "250")
		case n < 30 && n%10 != 9:
			i.put("deploy", name, "undefined")
		case n >= 30 && n < 36:
			i.as("intern", func(client *ssm.Client) {
				_, err := client.DeleteParameter(i.Context(), &ssm.DeleteParameterInput{Name: &name})
				i.Must(err)
			})
		}
		time.Sleep(500 * time.Millisecond)
	}
	time.Sleep(5 * time.Minute)
	i.Record()
	time.Sleep(time.Until(start.Add(30 * time.Minute)))
}

// restored is what the on-call person does.
func (i *incident) restored() {
	i.run(0, "ssmbak log /shop --recursive --since 25m --sets")
	sets := i.output
	// The changes of deploy, then those of intern: what is wrong. That of alice is right.
	i.run(0, i.copied("(?s)by [^ ]*user/deploy\n.*?`(ssmbak diff [^`]*)`"))
	for _, wrong := range []struct {
		user string
		code int
	}{{"deploy", 3}, {"intern", 0}} { // a change of alice is between those of deploy
		i.output = sets
		i.run(wrong.code, i.copied("(?s)by [^ ]*user/"+wrong.user+"\n.*?`(ssmbak revert [^`]*)`"))
	}
	i.output = sets
	path, before := i.copied("(?s)user/deploy\n.*?`ssmbak revert ([^ ]*) before:"), i.copied("(?s)user/deploy\n.*?before it: (before:[^ \n]*)")
	i.run(0, "ssmbak diff "+path+" "+before+" --recursive --exact")
	i.output = sets
	i.run(0, "ssmbak log "+path+" --recursive --since "+strings.TrimPrefix(before, "before:")+" --sets --output markdown")
}

// compare compares the blocks with those of the document.
func (i *incident) compare() {
	text, err := os.ReadFile(transcript)
	i.Must(err)
	n := 0
	want := block.ReplaceAllStringFunc(string(text), func(old string) string {
		if n++; n > len(i.shown) {
			return old
		}
		return i.shown[n-1]
	})
	if n != len(i.shown) {
		i.t.Errorf("%s has %d commands, want %d", transcript, n, len(i.shown))
	}
	if os.Getenv("UPDATE") != "" {
		i.Must(os.WriteFile(transcript, []byte(want), 0o644))
		return
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		i.t.Errorf("run with UPDATE=1 (-want +got):\n%s", diff)
	}
}
