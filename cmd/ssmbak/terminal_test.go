//go:build linux

package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/creack/pty"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/program"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// desk is an emulated account, and the command on a terminal.
type desk struct {
	*testworld.World
	program string
	url     string
	start   time.Time // two hours ago, when everything begins
}

// newDesk starts an account whose history is hours old.
func newDesk(t *testing.T, program string) *desk {
	t.Helper()
	d := &desk{program: program, start: time.Now().Add(-2 * time.Hour).Truncate(time.Second)}
	d.World = testworld.New(t, testworld.Options{Bucket: "backup", Emulator: emulator.Options{Clock: emulator.NewClock(d.start), S3Clock: emulator.RealClock()}})
	url, stop, err := d.AWS.Listen(t.Context(), "127.0.0.1:0")
	d.Must(err)
	t.Cleanup(func() { _ = stop() })
	d.url = url
	return d
}

// later advances the account's clock by minutes.
func (d *desk) later(minutes int) { d.AWS.Clock.Advance(time.Duration(minutes) * time.Minute) }

func (d *desk) put(name, value string, change ...func(*ssm.PutParameterInput)) {
	d.Helper()
	in := &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true)}
	for _, f := range change {
		f(in)
	}
	_, err := d.SSM.PutParameter(d.Context(), in)
	d.Must(err)
}

func (d *desk) remove(name string) {
	d.Helper()
	_, err := d.SSM.DeleteParameter(d.Context(), &ssm.DeleteParameterInput{Name: &name})
	d.Must(err)
}

// record passes the pending events to the recorder. The recorder uses the machine's
// clock, so all changes must already have happened, hours ago.
func (d *desk) record() {
	d.Helper()
	d.AWS.Clock.Advance(2 * time.Second) // events take their time
	d.Drain()
}

// at returns a TIME, in minutes after the beginning.
func (d *desk) at(minutes int) string {
	return d.start.Add(time.Duration(minutes) * time.Minute).UTC().Format("2006-01-02T15:04:05Z")
}

// live returns the values of all parameters.
func (d *desk) live() map[string]string {
	d.Helper()
	all := make(map[string]string)
	pages := ssm.NewGetParametersByPathPaginator(d.SSM, &ssm.GetParametersByPathInput{Path: aws.String("/"), Recursive: aws.Bool(true), WithDecryption: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(d.Context())
		d.Must(err)
		for _, p := range page.Parameters {
			all[aws.ToString(p.Name)] = aws.ToString(p.Value)
		}
	}
	return all
}

// terminal is a run of the command on a pseudo-terminal, which is its standard input,
// output and error.
type terminal struct {
	testing.TB
	cmd  *exec.Cmd
	tty  *os.File
	more chan struct{} // gets one whenever there is more on the screen
	mu   sync.Mutex
	text bytes.Buffer
	done chan struct{} // closed when the screen is complete
}

// sit starts the command on a terminal, with additional environment variables such as
// CI=true.
func (d *desk) sit(env []string, args ...string) *terminal {
	d.Helper()
	cmd := d.command(args...)
	cmd.Env = append(cmd.Env, env...)
	return d.sitAt(cmd)
}

// sitAt starts any program on a terminal.
func (d *desk) sitAt(cmd *exec.Cmd) *terminal {
	d.Helper()
	t := &terminal{TB: d, cmd: cmd, more: make(chan struct{}, 1), done: make(chan struct{})}
	var err error
	if t.tty, err = pty.StartWithSize(t.cmd, &pty.Winsize{Rows: 24, Cols: 120}); err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { _ = t.tty.Close() })
	go func() {
		defer close(t.done)
		chunk := make([]byte, 4096)
		for {
			n, err := t.tty.Read(chunk) // fails when the command has ended
			t.mu.Lock()
			t.text.Write(chunk[:n])
			t.mu.Unlock()
			select {
			case t.more <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	return t
}

func (t *terminal) screen() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.ReplaceAll(t.text.String(), "\r\n", "\n")
}

// await waits until the screen matches a pattern.
func (t *terminal) await(pattern string) {
	t.Helper()
	want := regexp.MustCompile(pattern)
	for limit := time.After(5 * time.Minute); !want.MatchString(t.screen()); {
		select {
		case <-t.more:
		case <-t.done:
			if !want.MatchString(t.screen()) {
				t.Fatalf("the command ended before it showed %q:\n%s", pattern, t.screen())
			}
		case <-limit:
			t.Fatalf("the screen does not show %q:\n%s", pattern, t.screen())
		}
	}
}

// types enters text. "\x03" is ^C and "\x04" is ^D.
func (t *terminal) types(text string) {
	t.Helper()
	if _, err := io.WriteString(t.tty, text); err != nil {
		t.Fatal(err)
	}
}

// ends waits for the command to exit, and checks its exit code and that the screen
// matches all patterns.
func (t *terminal) ends(code int, patterns ...string) (screen string) {
	t.Helper()
	<-t.done
	err := t.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	screen = t.screen()
	if got := t.cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d, want %d:\n%s", got, code, screen)
	}
	for _, pattern := range patterns {
		if !regexp.MustCompile(pattern).MatchString(screen) {
			t.Errorf("%q is not on the screen:\n%s", pattern, screen)
		}
	}
	return screen
}

const interrupt = "\x03"

// changed creates n parameters that all change after an hour.
func (d *desk) changed(n int) {
	d.Helper()
	for i := range n {
		d.put(fmt.Sprintf("/app/p%02d", i), "one")
	}
	d.later(60)
	for i := range n {
		d.put(fmt.Sprintf("/app/p%02d", i), "two")
	}
	d.record()
}

// replaced creates parameters that can only be restored by replacement, and one that
// was deleted.
func (d *desk) replaced(names ...string) {
	d.Helper()
	for _, name := range names {
		d.put(name, "one")
	}
	d.later(60)
	for _, name := range names {
		d.put(name, "two", advanced(""))
	}
	d.record()
}

// deletes creates n parameters that all change after an hour, and /app/old, which a
// restore to minute 30 deletes.
func (d *desk) deletes(n int) {
	d.Helper()
	d.put("/app/old", "one")
	for i := range n {
		d.put(fmt.Sprintf("/app/p%02d", i), "one")
	}
	d.later(10)
	d.remove("/app/old")
	d.later(50)
	d.put("/app/old", "again")
	for i := range n {
		d.put(fmt.Sprintf("/app/p%02d", i), "two")
	}
	d.record()
}

// TestTerminal runs the command on a terminal, with typed input. It waits for output on
// the screen, never for a fixed time.
func TestTerminal(t *testing.T) {
	t.Parallel()
	program := program.Build(t, "ssmbak")
	for name, test := range map[string]func(d *desk){
		"an interrupt ends the wait for a name that was deleted just now": waitInterrupted,
		"an interrupt ends the wait for the pace":                         paceInterrupted,
		"a second interrupt names the deleted parameter":                  replacementAbandoned,
		"a second interrupt names the undo":                               abandonedUndone,
		"a second interrupt without an archive":                           unrecordedAbandoned,
		"a bar goes away":                                                 barEnds,
		"the question":                                                    questionAnswered,
		"the grave question":                                              graveQuestionAnswered,
		"the root":                                                        rootAsked,
		"the account":                                                     accountAsked,
		"a redaction":                                                     redactionAsked,
		"no question":                                                     notAsked,
		"a screenful":                                                     screenful,
		"a pager":                                                         paged,
		"an interrupt is for the pager":                                   pagerInterrupted,
		"an interrupt before anything was changed":                        phasesInterrupted,
		"a closed terminal":                                               hungUp,
		"a revert":                                                        revertAsked,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, program)
			test(d)
		})
	}
}

// paged checks that the log is shown in a pager, also if the user ends that early, and that
// nothing else is.
func paged(d *desk) {
	d.changed(20)
	path := "PATH=" + os.Getenv("PATH")
	d.sit([]string{path, "SSMBAK_PAGER=cat -n", "PAGER=false"}, "log", "/app/").ends(0, `(?m)^ +1\t\+-+`, `(?m)^ +24\t.* Create `)
	d.put("/app/long", strings.Repeat("0123456789", 400)) // the pager ends before it has read everything
	for i := range 40 {
		d.put("/app/long", fmt.Sprint(i)+strings.Repeat("0123456789", 400))
	}
	d.record()
	screen := d.sit([]string{path, "PAGER=head -n 2"}, "log", "/app/", "--patch").ends(0, `(?m)^.* Update /app/long version 41 `)
	if strings.Contains(screen, "error") || strings.Count(screen, "Update") != 1 {
		d.Errorf("the end of the pager is an error:\n%s", screen)
	}
	d.sit([]string{"SSMBAK_PAGER=no-such-pager"}, "log", "/app/").ends(0, "cannot start the pager no-such-pager: .*; use --no-pager", "Create")
	for _, args := range [][]string{{"log", "/app/", "--no-pager"}, {"log", "/app/", "-o", "json"}, {"preview", "/app/", "now"}} {
		if screen := d.sit([]string{path, "SSMBAK_PAGER=cat -n"}, args...).ends(0); regexp.MustCompile(`(?m)^ +1\t`).MatchString(screen) {
			d.Errorf("%q is shown in the pager:\n%s", args, screen)
		}
	}
}

func waitInterrupted(d *desk) {
	d.put("/app/a", "one")
	d.put("/app/b", "one")
	d.record()
	d.AWS.Clock.Set(time.Now())
	d.remove("/app/a")
	d.remove("/app/b")
	d.record()
	term := d.sit(nil, "restore", "/app/", d.at(30), "--yes")
	term.await("deleted parameters are created again at")
	term.types(interrupt)
	term.ends(130, "interrupted: starting nothing more", "(?m)^restored 0, deleted 0,.* failed 2$", "ssmbak: error: interrupted: 2 parameters", `hint: nothing was changed; .ssmbak restore /app/ [-0-9]+T[0-9:.]+Z. finishes the rest`)
	if got := d.live(); len(got) != 0 {
		d.Errorf("parameters were created: %v", got)
	}
}

func paceInterrupted(d *desk) {
	d.changed(40)
	term := d.sit(nil, "restore", "/app/", d.at(30), "--yes", "--max-rate", "2")
	term.await("[1-9][0-9]* of 40")
	term.types(interrupt)
	written := func() (n int) {
		for _, value := range d.live() {
			if value == "one" {
				n++
			}
		}
		return n
	}
	term.await("interrupted: starting nothing more")
	before := written()
	screen := term.ends(130, "`ssmbak undo [0-9TZ]+-[0-9a-z]+` undoes this", "ssmbak: error: interrupted: [0-9]+ parameters", "finishes the rest")
	if n := written(); n > before+1 || n == 0 || !strings.Contains(screen, fmt.Sprintf("\nrestored %d, deleted 0, unchanged 0, kept 0, refused 0, failed %d\n", n, 40-n)) {
		d.Errorf("%d were written, %d of them after the interrupt:\n%s", n, n-before, screen)
	}
}

func barEnds(d *desk) {
	d.changed(8)
	term := d.sit(nil, "restore", "/app/", d.at(30), "--yes", "--max-rate", "4")
	term.await("restore [1-8] of 8")
	term.ends(0, "(?m)^restored 8, deleted 0")
}

func questionAnswered(d *desk) {
	d.put("/app/same", "one")
	d.changed(1)
	for _, test := range []struct {
		name, typed, live string
		code              int
		shown             string
	}{
		{"n", "n\n", "two", 1, "ssmbak: error: the answer was not yes\nhint: nothing was changed\n"},
		{"nothing", "\n", "two", 1, "the answer was not yes\nhint: nothing was changed\n"},
		{"the end", "\x04", "two", 1, "y/N. \nssmbak: error: the answer was not yes\nhint: nothing was changed\n"},
		{"an interrupt", interrupt, "two", 130, `y/N. (\^C)?` + "\nssmbak: error: interrupted\nhint: nothing was changed\n"},
		{"y", "y\n", "one", 0, `/app/p00 .* restored .*\n`},
	} {
		term := d.sit(nil, "restore", "/app/", d.at(30), "--no-color")
		term.await(`(?s)~ /app/p00\n.*"two" -> "one"\nplan: .*1 live version by arn:.*estimated time: 1s.*account 123456789012, region us-east-1\n.*Continue\? \[y/N\] $`)
		term.types(test.typed)
		if screen := term.ends(test.code, test.shown); strings.Contains(screen, "| /app/same") {
			d.Errorf("%s: unchanged parameters are listed:\n%s", test.name, screen)
		}
		if got := d.live()["/app/p00"]; got != test.live {
			d.Errorf("%s: left %q, want %q", test.name, got, test.live)
		}
	}
	d.sit(nil, "restore", "/app/", d.at(30), "--all-rows").ends(0, `\| /app/p00 .* unchanged `)
	if screen := d.sit(nil, "restore", "/app/", d.at(30)).ends(0, "unchanged 2"); strings.Contains(screen, "| /app/p00") {
		d.Errorf("unchanged parameters are listed:\n%s", screen)
	}
}

func graveQuestionAnswered(d *desk) {
	d.deletes(0)
	for _, test := range []struct {
		typed string
		code  int
		left  int
	}{{"y\n", 1, 1}, {"no\n", 1, 1}, {"\x04", 1, 1}, {interrupt, 130, 1}, {"yes\n", 0, 0}} {
		term := d.sit(nil, "restore", "/app/", d.at(30), "--no-color")
		term.await(`(?s)\n- /app/old.*this restore deletes 1 parameter\nType "yes" to continue: $`)
		term.types(test.typed)
		term.ends(test.code)
		if got := d.live(); len(got) != test.left {
			d.Errorf("%q left %v", test.typed, got)
		}
	}
}

// rootAsked checks that / requires the word yes, although nothing is deleted.
func rootAsked(d *desk) {
	d.changed(1)
	for _, test := range []struct {
		typed, live string
		code        int
	}{{"y\n", "two", 1}, {"YES\n", "two", 1}, {"\x04", "two", 1}, {interrupt, "two", 130}, {"yes\n", "one", 0}} {
		term := d.sit(nil, "restore", "/", d.at(30), "--recursive", "--no-color")
		term.await(`(?s)\n~ /app/p00\n.*a restore of / may affect every parameter\nType "yes" to continue: $`)
		term.types(test.typed)
		term.ends(test.code)
		if got := d.live()["/app/p00"]; got != test.live {
			d.Errorf("%q left %q", test.typed, got)
		}
	}
}

// accountAsked checks that a restore from another archive requires the account.
func accountAsked(d *desk) {
	d.changed(1)
	for _, test := range []struct {
		typed, live string
		code        int
	}{{"yes\n", "two", 1}, {"999999999999\n", "two", 1}, {"\x04", "two", 1}, {interrupt, "two", 130}, {"123456789012\n", "one", 0}} {
		term := d.sit(nil, "restore", "/app/", d.at(30), "--bucket", "backup", "--into", "123456789012/us-east-1", "--without-archive")
		term.await(`this restore writes to account 123456789012 in us-east-1 what account 123456789012 had in us-east-1\nType 123456789012 to continue: $`)
		term.types(test.typed)
		screen := term.ends(test.code)
		if test.code != 0 && !strings.Contains(screen, "hint: nothing was changed\n") {
			d.Errorf("%q: the screen does not say that nothing was changed:\n%s", test.typed, screen)
		}
		if got := d.live()["/app/p00"]; got != test.live {
			d.Errorf("%q left %q", test.typed, got)
		}
	}
}

// redactionAsked checks that a redaction requires the word yes.
func redactionAsked(d *desk) {
	d.changed(1)
	for _, test := range []struct {
		typed string
		code  int
		shown string
	}{
		{"y\n", 1, "hint: nothing was changed\n"},
		{interrupt, 130, "hint: nothing was changed\n"},
		{"yes\n", 0, "redacted version 1 of /app/p00 and removed 1 copy\n"},
	} {
		term := d.sit(nil, "redact", "/app/p00:1")
		term.await(`this removes the value of /app/p00:1 from the archive, permanently\nType "yes" to continue: $`)
		term.types(test.typed)
		term.ends(test.code, test.shown)
	}
}

func notAsked(d *desk) {
	d.deletes(1)
	ci := []string{"CI=true"}
	d.sit(ci, "restore", "/app/", d.at(30)).ends(1, "this restore deletes 1 parameter, and CI is set, which disables the confirmation")
	d.sit(nil, "restore", "/app/", d.at(30), "-o", "json").ends(1, "this restore deletes 1 parameter, and --output json does not ask for confirmation")
	if got := d.live()["/app/p00"]; got != "two" {
		d.Errorf("it is %q", got)
	}
	if screen := d.sit(ci, "restore", "/app/p00", d.at(30)).ends(0, "restored 1"); strings.Contains(screen, "Continue") {
		d.Errorf("the command asks:\n%s", screen)
	}
	d.put("/app/p00", "two")
	if screen := d.sit(nil, "restore", "/app/p00", d.at(30), "-o", "json").ends(0, `"Status": "restored"`); strings.Contains(screen, "Continue") {
		d.Errorf("the command asks:\n%s", screen)
	}
}

func screenful(d *desk) {
	d.deletes(30)
	term := d.sit(nil, "restore", "/app/", d.at(30), "--no-color")
	term.await("to continue: $")
	term.types("no\n")
	screen := term.ends(1, `restore of /app/ to [-0-9T:.]+Z:\n- /app/old.*\n~ /app/p00\n`, `\n\.\.\. and [0-9]+ more: use --dry-run to see all\nplan: 0 to create, 30 to update, 0 to replace, 1 to delete`)
	_, shown, _ := strings.Cut(screen, "restore of")
	if n := strings.Count(shown[:strings.Index(shown, "to continue: ")], "\n") + 1; n > 24 {
		d.Errorf("the output has %d lines, want at most 24:\n%s", n, screen)
	}
}

// command returns the command, not yet started.
func (d *desk) command(args ...string) *exec.Cmd {
	c := exec.CommandContext(d.Context(), d.program, args...)
	c.Env = []string{
		"HOME=" + d.TempDir(), "TERM=xterm", "AWS_ENDPOINT_URL=" + d.url, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local",
		"AWS_EC2_METADATA_DISABLED=true", "SSMBAK_BUCKET=backup",
	}
	return c
}
