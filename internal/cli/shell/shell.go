// Package shell implements what ssmbak and ssmbak-stack have in common as
// command-line programs: environment, flags, messages, confirmations and exit codes.
//
// Both follow these rules:
//
//   - Standard output is for data only. Everything else goes to standard error.
//   - An error is one line, "PROGRAM: error: MESSAGE", followed by at most one line
//     "hint: ..." with what to type next. Both are in lower case, without a full
//     stop, and name the thing that they are about.
//   - A note is a line on standard error that is neither data nor an error.
//   - With --output json, standard output is JSON, and every line on standard error
//     is one JSON object: {"Note": ...}, a log record, or at the end
//     {"Error": ..., "Code": ..., "Hint": ..., "ExitCode": ...}. There is no progress bar.
//   - The program asks for confirmation only if standard input and standard error are
//     terminals, the output is not JSON, and CI is not set. Otherwise, an action that
//     needs confirmation fails with a hint that names the flag for it. Only a complete
//     line is an answer, and an interrupt at a prompt changes nothing.
//   - Text from AWS or from an archive is printed without control characters, see
//     [render.Escape] and [render.TerminalJSON]. Passwords in URLs are masked.
//   - Color and progress bars are for terminals only. --no-color and NO_COLOR disable
//     color.
//   - The exit codes are [Done], [Failed], [Differences], [Partly], [Interrupted] and
//     [WrongUsage].
package shell

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/render"
)

// Env is the environment of a program.
type Env struct {
	Args           []string // without the program's own name
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Getenv returns an environment variable, or "" if it is not set. If nil, no
	// variable is set. The AWS SDK does not use it.
	Getenv func(string) string
	// Now returns the current time in the local time zone; nil means [time.Now].
	Now func() time.Time
	// AWS configures the connection; flags override it.
	AWS awsconn.Options
	// Terminal reports whether a stream is a terminal; nil means the system's answer.
	Terminal func(stream any) bool
	// Width returns the width in columns of the terminal that a stream is; nil means the
	// system's answer.
	Width func(stream any) int
	// Failed, if not nil, is called with the kind of the error with which the run ends.
	Failed func(Kind)
}

// Format is an output format, for data, notes and errors.
type Format string

// The output formats.
const (
	Table    Format = "table"
	JSON     Format = "json"
	Text     Format = "text"     // cells separated by tabs, of the programs that have it
	Markdown Format = "markdown" // for a report, likewise
)

// Flags are the flags of every command of both programs.
type Flags struct {
	Region, Profile, Endpoint string
	Output                    Format
	Verbose, NoColor, NoPager bool
}

// Shell is one run of a program. It is safe for concurrent use after [Shell.Setup] has
// returned.
type Shell struct {
	Env
	Flags Flags
	Log   *slog.Logger // discards everything without --verbose

	// Formats are the output formats of the program.
	Formats []Format
	// Zone is the zone of times for people, nil for UTC.
	Zone *time.Location
	// Place returns the flags that lead a command to the same place as this run, see
	// [Shell.Where], which is the default.
	Place func() string

	program string
	paging  atomic.Bool // a pager has the terminal
	notes   sync.Mutex  // held while a note is written
	mu      sync.Mutex  // guards bar
	bar     render.Progress
}

// New returns the run of a program, with defaults for unset fields of env.
func New(program string, env Env) *Shell {
	if env.Getenv == nil {
		env.Getenv = func(string) string { return "" }
	}
	if env.Now == nil {
		env.Now = time.Now
	}
	if env.Terminal == nil {
		env.Terminal = func(stream any) bool {
			f, ok := stream.(*os.File)
			return ok && term.IsTerminal(int(f.Fd()))
		}
	}
	if env.Width == nil {
		env.Width = func(stream any) int {
			f, ok := stream.(*os.File)
			if !ok {
				return 0
			}
			columns, _, err := term.GetSize(int(f.Fd()))
			if err != nil {
				return 0
			}
			return columns
		}
	}
	return &Shell{Env: env, Flags: Flags{Output: Table}, Formats: []Format{Table, JSON}, Log: slog.New(slog.DiscardHandler), program: program}
}

// Execute runs the command given by the arguments.
func (s *Shell) Execute(ctx context.Context, root *cobra.Command) error {
	root.SetArgs(append([]string{}, s.Args...)) // nil would mean os.Args
	root.SetIn(s.Stdin)
	root.SetOut(s.Stdout)
	root.SetErr(s.Stderr)
	if err := oneDash(root, s.Args); err != nil {
		return err
	}
	return root.ExecuteContext(ctx)
}

// Setup checks the flags and starts the log. It must be called after the flags are
// parsed and before any other method.
func (s *Shell) Setup() error {
	o := &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch err, isError := a.Value.Any().(error); {
		case isError:
			a.Value = slog.StringValue(awsconn.Redacted(err.Error()))
		case a.Value.Kind() == slog.KindString:
			a.Value = slog.StringValue(awsconn.Redacted(a.Value.String()))
		}
		return a
	}}
	var handler slog.Handler
	switch s.Flags.Output {
	case Table, Text, Markdown:
		if !slices.Contains(s.Formats, s.Flags.Output) {
			return s.unknownFormat()
		}
		handler = slog.NewTextHandler(s.Stderr, o)
	case JSON:
		handler = slog.NewJSONHandler(s.Stderr, o)
	default:
		return s.unknownFormat()
	}
	if s.Flags.Verbose {
		s.Log = slog.New(handler)
	}
	return nil
}

func (s *Shell) unknownFormat() error {
	unknown, names := s.Flags.Output, make([]string, len(s.Formats))
	for i, f := range s.Formats {
		names[i] = "--output " + string(f)
	}
	s.Flags.Output = Table
	return Usage("use "+strings.Join(names[:len(names)-1], ", ")+" or "+names[len(names)-1], "unknown output format %q", string(unknown))
}

// Connect returns a connection to AWS as configured by the flags. It sends no
// requests.
func (s *Shell) Connect(ctx context.Context) (*awsconn.Conn, error) {
	return s.ConnectTo(ctx, s.Flags.Profile, s.Flags.Region)
}

// ConnectTo is like [Shell.Connect], with another profile and region, "" for those of the
// AWS configuration.
func (s *Shell) ConnectTo(ctx context.Context, profile, region string) (*awsconn.Conn, error) {
	o := s.AWS
	if region != "" {
		o.Region = region
	}
	if profile != "" {
		o.Profile = profile
	}
	if s.Flags.Endpoint != "" {
		o.EndpointURL = s.Flags.Endpoint
	}
	o.Logger = s.Log
	return awsconn.Load(ctx, o)
}

// Announce prints a note about where a command will write: account, region, endpoint
// and what.
func (s *Shell) Announce(account string, conn *awsconn.Conn, what string) {
	endpoint := conn.Endpoint()
	if endpoint == "" {
		endpoint = "of AWS"
	}
	facts := Facts{"Account": account, "Region": conn.Region(), "Endpoint": nil}
	if url := conn.Endpoint(); url != "" {
		facts["Endpoint"] = url
	}
	s.NoteFacts(facts, "account %s, region %s, endpoint %s, %s", account, conn.Region(), endpoint, what)
}

// Data writes rows as JSON, or calls table to write them as a table.
func (s *Shell) Data(rows any, table func(io.Writer) error) error {
	switch s.Flags.Output {
	case JSON:
		return s.WriteJSON(rows)
	case Table, Text, Markdown:
	}
	return table(s.Stdout)
}

// Print writes one line of data.
func (s *Shell) Print(format string, args ...any) error {
	return s.Lines(fmt.Sprintf(format, args...))
}

// Lines writes lines of data.
func (s *Shell) Lines(lines ...string) error {
	for _, line := range lines {
		if s.Flags.Output != Text {
			line = s.local(line)
		}
		if err := render.Text(s.Stdout, line); err != nil {
			return err
		}
	}
	return nil
}

// local returns a message with its times in the zone of the run.
func (s *Shell) local(message string) string { return render.View{Zone: s.Zone}.Local(message) }

// Facts are the facts in a note, for programs: the fields of the note in JSON. Their names
// are listed in docs/output.md.
type Facts map[string]any

// Counted returns the facts of a note about one count.
func Counted(of string, n int) Facts { return Facts{"Counts": Facts{of: n}} }

// Note writes a note to standard error, above the progress bar if there is one.
func (s *Shell) Note(format string, args ...any) { s.NoteFacts(nil, format, args...) }

// NoteFacts is like [Shell.Note], with the facts that the note is about.
func (s *Shell) NoteFacts(facts Facts, format string, args ...any) {
	text := s.placed(awsconn.Redacted(fmt.Sprintf(format, args...)))
	s.notes.Lock()
	defer s.notes.Unlock()
	if s.Flags.Output == JSON {
		_ = s.WriteLine(render.NoteRow(text, facts))
		return
	}
	w := s.Stderr
	if bar := s.progress(); bar != nil {
		w = bar
	}
	fmt.Fprintln(w, render.Escape(s.local(text)))
}

// Complain writes a failure to standard error and returns its exit code. If the cause
// is an AWS error, its complete text goes to the log.
func (s *Shell) Complain(ctx context.Context, cause error, f Failure) int {
	if s.Failed != nil {
		s.Failed(f.CodeName())
	}
	f.Message, f.Hint = awsconn.Redacted(f.Message), s.placed(awsconn.Redacted(f.Hint))
	if _, _, ok := ExplainAWS(cause); ok {
		s.Log.DebugContext(ctx, "failed", "cause", cause.Error())
	}
	if s.Flags.Output == JSON {
		_ = s.WriteLine(struct {
			Error    string
			Code     Kind
			Hint     string
			ExitCode int
		}{f.Message, f.CodeName(), f.Hint, f.Code})
		return f.Code
	}
	fmt.Fprintf(s.Stderr, "%s: error: %s\n", s.program, render.Escape(s.local(f.Message)))
	if f.Hint != "" {
		fmt.Fprintf(s.Stderr, "hint: %s\n", render.Escape(s.local(f.Hint)))
	}
	return f.Code
}

// Array returns a JSON array on standard output.
func (s *Shell) Array() *render.Array { return render.NewArray(s.json(s.Stdout)) }

// WriteJSON writes v to standard output, indented.
func (s *Shell) WriteJSON(v any) error { return render.JSON(s.json(s.Stdout), v) }

// WriteLine writes v to standard error as JSON on one line.
func (s *Shell) WriteLine(v any) error { return render.Line(s.json(s.Stderr), v) }

// json returns the stream as JSON is written to it: a terminal gets no character
// that could steer it.
func (s *Shell) json(stream io.Writer) io.Writer {
	if s.Terminal(stream) {
		return render.TerminalJSON(stream)
	}
	return stream
}

// Color reports whether output to a stream is colored.
func (s *Shell) Color(stream io.Writer) bool {
	return !s.Flags.NoColor && s.Getenv("NO_COLOR") == "" && s.Terminal(stream)
}

// Columns returns the width in columns of the terminal that a stream is, or 0 if it is not
// a terminal.
func (s *Shell) Columns(stream io.Writer) int {
	if !s.Terminal(stream) {
		return 0
	}
	return s.Width(stream)
}

// Rows returns the height in lines of the terminal on standard error, or 24 if there is
// none.
func (s *Shell) Rows() int {
	if f, ok := s.Stderr.(*os.File); ok {
		if _, rows, err := term.GetSize(int(f.Fd())); err == nil && rows > 0 {
			return rows
		}
	}
	return 24
}

// NewProgress returns the progress bar of this run. It is silent with --verbose or JSON
// output.
func (s *Shell) NewProgress(what string) render.Progress {
	bar := render.NewProgress(s.Stderr, s.Terminal(s.Stderr) && s.Flags.Output != JSON && !s.Flags.Verbose, what)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bar = bar
	return bar
}

// CloseProgress removes the progress bar, if there is one.
func (s *Shell) CloseProgress() {
	if bar := s.progress(); bar != nil {
		bar.Close()
	}
}

func (s *Shell) progress() render.Progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bar
}
