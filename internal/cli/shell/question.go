package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ssmbak/ssmbak/internal/cli/render"
)

// Unasked says why no question can be asked, "" if one can.
func (s *Shell) Unasked() string {
	switch {
	case !s.Terminal(s.Stdin) || !s.Terminal(s.Stderr):
		return "there is no terminal to ask on"
	case s.Flags.Output == JSON:
		return "with --output json no question is asked"
	case s.Getenv("CI") != "":
		return "with CI set no question is asked"
	}
	return ""
}

// Ask returns nil if a person agrees to go on. It must be called only if
// [Shell.Unasked] is "".
func (s *Shell) Ask(ctx context.Context) error {
	return s.ask(ctx, "Continue? [y/N] ", func(answer string) bool {
		return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes")
	})
}

// AskGravely is [Shell.Ask] for what is hard to undo, which why says: nothing less
// than "yes" agrees to it.
func (s *Shell) AskGravely(ctx context.Context, why string) error {
	return s.ask(ctx, render.Escape(why)+"\nType \"yes\" to continue: ", func(answer string) bool { return answer == "yes" })
}

func (s *Shell) ask(ctx context.Context, prompt string, agreed func(answer string) bool) error {
	if _, err := io.WriteString(s.Stderr, prompt); err != nil {
		return err
	}
	answer, err := readLine(ctx, s.Stdin)
	if err != nil {
		fmt.Fprintln(s.Stderr) // the error does not follow the prompt
	}
	switch {
	case errors.Is(err, context.Canceled):
		return Unchanged()
	case err != nil && !errors.Is(err, io.EOF):
		return Fail("nothing was changed", "read the answer: %v", err)
	case !agreed(answer):
		return Fail("nothing was changed", "the answer was not yes")
	}
	return nil
}

// readLine reads one line, or stops waiting when ctx ends. The error is [io.EOF]
// if the input ends before the line does; what was read of it is no answer.
func readLine(ctx context.Context, r io.Reader) (string, error) {
	type answer struct {
		line string
		err  error
	}
	lines := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(r).ReadString('\n')
		if err != nil {
			line = ""
		}
		lines <- answer{strings.TrimSpace(line), err}
	}()
	select {
	case x := <-lines:
		return x.line, x.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
