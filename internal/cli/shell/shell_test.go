package shell_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/aws/smithy-go"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// newShell returns a shell whose input and standard error are a terminal, and its
// standard error.
func newShell(input io.Reader) (*shell.Shell, *bytes.Buffer) {
	var stderr bytes.Buffer
	terminal := func(stream any) bool { return stream == any(input) || stream == any(&stderr) }
	return shell.New("program", shell.Env{Stdin: input, Stdout: io.Discard, Stderr: &stderr, Terminal: terminal}), &stderr
}

// TestAnswers checks which lines agree to a question, and that incomplete input
// before its line feed is no answer.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		input           string
		agreed, gravely bool
	}{
		{"yes\n", true, true},
		{" yes \r\n", true, true},
		{"y\n", true, false},
		{"Y\n", true, false},
		{"YES\n", true, false},
		{"\n", false, false},
		{"no\n", false, false},
		{"yes!\n", false, false},
		{"", false, false},
		{"yes", false, false},
		{"y", false, false},
	} {
		s, _ := newShell(strings.NewReader(tt.input))
		if err := s.Ask(t.Context()); (err == nil) != tt.agreed {
			t.Errorf("Ask with the answer %q: %v", tt.input, err)
		}
		s, stderr := newShell(strings.NewReader(tt.input))
		if err := s.AskGravely(t.Context(), "this deletes\x1b[2J it"); (err == nil) != tt.gravely {
			t.Errorf("AskGravely with the answer %q: %v", tt.input, err)
		}
		if text := stderr.String(); strings.Contains(text, "\x1b") {
			t.Errorf("the question steers the terminal: %q", text)
		}
	}
}

// TestInterruptAtQuestion checks that an interrupt ends a prompt without an answer.
func TestInterruptAtQuestion(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	silence, never := io.Pipe()
	defer never.Close()
	s, stderr := newShell(silence)
	var f *shell.Failure
	if err := s.Ask(ctx); !errors.As(err, &f) || f.Code != shell.Interrupted || f.Hint != "nothing was changed" {
		t.Errorf("the question ends with %v", err)
	}
	if text := stderr.String(); !strings.HasSuffix(text, "\n") {
		t.Errorf("the error would follow the prompt: %q", text)
	}
}

// TestUnasked checks when the user cannot be asked.
func TestUnasked(t *testing.T) {
	t.Parallel()
	s, _ := newShell(strings.NewReader(""))
	if why := s.Unasked(); why != "" {
		t.Errorf("on a terminal: %s", why)
	}
	s.Flags.Output = shell.JSON
	if s.Unasked() == "" {
		t.Error("a question would be asked with --output json")
	}
	s.Flags.Output, s.Getenv = shell.Table, func(name string) string { return map[string]string{"CI": "true"}[name] }
	if s.Unasked() == "" {
		t.Error("a question would be asked with CI set")
	}
	s.Getenv, s.Stdin = func(string) string { return "" }, strings.NewReader("yes\n")
	if s.Unasked() == "" {
		t.Error("asks for confirmation without a terminal")
	}
}

// TestStandardError checks the output on standard error in each format.
func TestStandardError(t *testing.T) {
	t.Parallel()
	failure := shell.Failure{Message: "no \x1b[2Jvalue", Hint: "name one", Code: shell.Failed}
	s, stderr := newShell(strings.NewReader(""))
	s.Note("kept %s", "a\nb")
	code := s.Complain(t.Context(), nil, failure)
	const want = "kept a\\nb\nprogram: error: no \\x1b[2Jvalue\nhint: name one\n"
	if got := stderr.String(); code != shell.Failed || got != want {
		t.Errorf("exit code %d and %q, want %q", code, got, want)
	}
	stderr.Reset()
	s.Flags.Output = shell.JSON
	s.Note("kept %s", "a\nb")
	s.Complain(t.Context(), nil, failure)
	lines := json.NewDecoder(stderr)
	var note struct{ Note string }
	var end struct {
		Error, Hint string
		ExitCode    int
	}
	if err := errors.Join(lines.Decode(&note), lines.Decode(&end)); err != nil || note.Note != "kept a\nb" || end.Error != failure.Message || end.ExitCode != shell.Failed {
		t.Errorf("note %+v and end %+v, %v", note, end, err)
	}
}

// TestFormats checks the data in each format, and that an unknown format is
// refused in the words of the default.
func TestFormats(t *testing.T) {
	t.Parallel()
	for output, want := range map[shell.Format]string{shell.Table: "table\n", shell.JSON: "{\n  \"A\": 1\n}\n"} {
		var stdout bytes.Buffer
		s := shell.New("program", shell.Env{Stdout: &stdout, Stderr: io.Discard})
		s.Flags.Output = output
		if err := s.Setup(); err != nil {
			t.Error(err)
		}
		err := s.Data(map[string]int{"A": 1}, func(w io.Writer) error {
			_, err := io.WriteString(w, "table\n")
			return err
		})
		if got := stdout.String(); err != nil || got != want {
			t.Errorf("--output %s writes %q, %v; want %q", output, got, err, want)
		}
	}
	s, _ := newShell(strings.NewReader(""))
	s.Flags.Output = "xml"
	var f *shell.Failure
	if err := s.Setup(); !errors.As(err, &f) || f.Code != shell.WrongUsage || s.Flags.Output != shell.Table {
		t.Errorf("--output xml: %v", err)
	}
}

// TestColor checks that only terminals get color, unless it is disabled.
func TestColor(t *testing.T) {
	t.Parallel()
	s, stderr := newShell(strings.NewReader(""))
	if !s.Color(stderr) || s.Color(s.Stdout) {
		t.Error("color does not follow the terminal")
	}
	s.Flags.NoColor = true
	if s.Color(stderr) {
		t.Error("--no-color is not kept")
	}
	s.Flags.NoColor, s.Getenv = false, func(name string) string { return map[string]string{"NO_COLOR": "1"}[name] }
	if s.Color(stderr) {
		t.Error("NO_COLOR is not kept")
	}
}

// TestWords checks quoting and plurals.
func TestWords(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"/app/db": "/app/db", "us-east-1": "us-east-1", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$(rm)": "'$(rm)'", "*": "'*'", "é": "'é'",
	} {
		if got := shell.Quote(word); got != want {
			t.Errorf("Quote(%q) = %s, want %s", word, got, want)
		}
	}
	for n, want := range map[int]string{0: "0 names were", 1: "1 name was", 2: "2 names were"} {
		if got := shell.Count(n, "name was", "names were"); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
	s, _ := newShell(strings.NewReader(""))
	if got := s.Where(); got != "" {
		t.Errorf("without flags: %q", got)
	}
	s.Flags.Region, s.Flags.Profile, s.Flags.Endpoint = "us-east-1", "my own", "http://127.0.0.1:4566"
	if got, want := s.Where(), " --region us-east-1 --profile 'my own' --endpoint-url http://127.0.0.1:4566"; got != want {
		t.Errorf("Where() = %q, want %q", got, want)
	}
}

// TestFlagProblem checks that an invalid value is reported without strconv's text.
func TestFlagProblem(t *testing.T) {
	t.Parallel()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.BoolP("yes", "y", false, "")
	flags.Int("port", 0, "")
	flags.Float64("rate", 0, "")
	for arg, want := range map[string]string{
		"--yes=x": `--yes must be true or false, not "x"`, "--port=x": `--port must be an integer, not "x"`,
		"--rate=x": `--rate must be a number, not "x"`, "--nope": "unknown flag: --nope",
	} {
		if got := shell.FlagProblem(flags.Parse([]string{arg})); got != want {
			t.Errorf("%s: %q, want %q", arg, got, want)
		}
	}
}

// TestExplain checks which explanation of an error takes precedence.
func TestExplain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want shell.Failure
	}{
		{errors.Join(shell.KindPartial.Part("continue", "%d are left", 2)), shell.Failure{Message: "2 are left", Hint: "continue", Code: shell.Partly, Kind: shell.KindPartial}},
		{&awsconn.NoRegionError{}, shell.Failure{Message: "no region is configured", Hint: "set one with --region, AWS_REGION or `aws configure`", Code: shell.Failed, Kind: shell.KindNoRegion}},
		{errors.New("something else"), shell.Failure{Message: "something else", Code: shell.Failed}},
	} {
		if got := shell.Explain(tt.err); got != tt.want {
			t.Errorf("Explain(%v) = %+v, want %+v", tt.err, got, tt.want)
		}
	}
	var f shell.Failure
	if f = shell.Explain(&awsconn.RegionError{Region: "X"}); f.Code != shell.WrongUsage {
		t.Errorf("exit code %d for an invalid region", f.Code)
	}
}

// TestKeyHint checks that the hint for a key that S3 cannot use is a command with that key,
// or says where the key is named.
func TestKeyHint(t *testing.T) {
	t.Parallel()
	const key = "arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-1234abcd"
	for _, tt := range []struct{ code, message, hint string }{
		{"KMS.DisabledException", key + " is disabled.", "`aws kms enable-key --key-id " + key + "` enables it"},
		{"KMS.KMSInvalidStateException", key + " is pending deletion.", "`aws kms cancel-key-deletion --key-id " + key + "`, then `aws kms enable-key --key-id " + key + "`"},
		{"KMS.DisabledException", "", "`ssmbak status` names the key, and prints the command that makes it usable"},
	} {
		_, hint, _ := shell.ExplainAWS(&smithy.GenericAPIError{Code: tt.code, Message: tt.message})
		if hint != tt.hint {
			t.Errorf("%s %q: the hint is %q, want %q", tt.code, tt.message, hint, tt.hint)
		}
	}
}

// TestDeniedByPolicy checks that the hint names the flag of ssmbak-stack only if a bucket's
// policy denies a read or a write of the archive.
func TestDeniedByPolicy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ operation, policy, flag string }{
		{"GetObject", "resource-based policy", "--reader ARN"},
		{"PutObject", "resource-based policy", "--restorer ARN"},
		{"DeleteObject", "resource-based policy", "--restorer ARN"},
		{"PutBucketPolicy", "resource-based policy", ""},
		{"GetObject", "service control policy", ""},
		{"PutObject", "identity-based policy", ""},
	} {
		_, hint, _ := shell.ExplainAWS(&smithy.OperationError{ServiceID: "S3", OperationName: tt.operation, Err: &smithy.GenericAPIError{
			Code: "AccessDenied", Message: "User: x is not authorized to perform: y with an explicit deny in a " + tt.policy,
		}})
		if want := "`ssmbak-stack NAME update " + tt.flag + "`"; strings.Contains(hint, want) != (tt.flag != "") || strings.Contains(hint, "ARN") != (tt.flag != "") {
			t.Errorf("%s, %s: got hint %q", tt.operation, tt.policy, hint)
		}
	}
}

// TestPasswordsOfURLs checks that no way of speaking shows the password of a URL.
func TestPasswordsOfURLs(t *testing.T) {
	t.Parallel()
	const endpoint = "https://user:hunter2@aws.example"
	for _, output := range []shell.Format{shell.Table, shell.JSON} {
		s, stderr := newShell(strings.NewReader(""))
		s.Flags = shell.Flags{Output: output, Verbose: true, Endpoint: endpoint, Region: "us-east-1"}
		if err := s.Setup(); err != nil {
			t.Fatal(err)
		}
		conn, err := s.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.Announce("123456789012", conn, "a bucket")
		s.Note("run `program%s`", s.Where())
		s.Log.DebugContext(t.Context(), "request", "url", endpoint, "error", errors.New("no host "+endpoint))
		s.Complain(t.Context(), nil, shell.Explain(errors.New("invalid proxy address "+endpoint)))
		if text := stderr.String(); strings.Contains(text, "hunter2") || strings.Count(text, "***@aws.example") < 5 {
			t.Errorf("%s: %s", output, text)
		}
	}
}

// TestJSONOnATerminal checks that a value in JSON cannot steer a terminal, and that
// a program gets it unchanged.
func TestJSONOnATerminal(t *testing.T) {
	t.Parallel()
	const value = "\u202egnp.exe\u009b2J\x7f"
	for _, terminal := range []bool{false, true} {
		var stdout bytes.Buffer
		s := shell.New("program", shell.Env{Stdout: &stdout, Stderr: &stdout, Terminal: func(any) bool { return terminal }})
		s.Flags.Output = shell.JSON
		if err := s.Data([]string{value}, nil); err != nil {
			t.Fatal(err)
		}
		s.Note("%s", value)
		if got := strings.Contains(stdout.String(), value); got == terminal {
			t.Errorf("terminal %t: %q", terminal, stdout.String())
		}
	}
}

// TestHintsLeadToTheSamePlace checks that commands in hints and notes have the flags that
// this run was given.
func TestHintsLeadToTheSamePlace(t *testing.T) {
	t.Parallel()
	s, stderr := newShell(strings.NewReader(""))
	s.Flags = shell.Flags{Output: shell.Table, Region: "eu-west-1"}
	s.Note("run `program log /a`, `program log /a --region eu-west-1` or `program --help`, then `other log /a`")
	s.Complain(t.Context(), nil, shell.Failure{Message: "failed", Hint: "`program reconcile` creates one"})
	const want = "run `program log /a --region eu-west-1`, `program log /a --region eu-west-1` or `program --help`, then `other log /a`\n" +
		"program: error: failed\nhint: `program reconcile --region eu-west-1` creates one\n"
	if got := stderr.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
