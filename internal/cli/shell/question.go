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

// Unasked returns the reason why the user cannot be asked, or "".
func (s *Shell) Unasked() string {
	switch {
	case !s.Terminal(s.Stdin) || !s.Terminal(s.Stderr):
		return "there is no terminal for a confirmation"
	case s.Flags.Output == JSON:
		return "--output json does not ask for confirmation"
	case s.Getenv("CI") != "":
		return "CI is set, which disables the confirmation"
	}
	return ""
}

// Asks reports whether the user is to be asked: not if agreed is set by the flag. The error
// names the flag if the user cannot be asked, and why asking is necessary.
func (s *Shell) Asks(agreed bool, flag, why string) (bool, error) {
	if agreed {
		return false, nil
	}
	if unasked := s.Unasked(); unasked != "" {
		return false, KindConfirmationRequired.Fail("add "+flag+"; nothing was changed", "%s, and %s", why, unasked)
	}
	return true, nil
}

// Ask returns nil if the user agrees to continue. It must be called only if
// [Shell.Unasked] returns "".
func (s *Shell) Ask(ctx context.Context) error {
	return s.ask(ctx, "Continue? [y/N] ", "yes", func(answer string) bool {
		return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes")
	})
}

// AskGravely is like [Shell.Ask], for actions that are hard to undo. It prints why, and
// accepts only "yes".
func (s *Shell) AskGravely(ctx context.Context, why string) error {
	return s.ask(ctx, render.Escape(s.local(why))+"\nType \"yes\" to continue: ", "yes", func(answer string) bool { return answer == "yes" })
}

// AskFor is like [Shell.AskGravely], but the user must type the word.
func (s *Shell) AskFor(ctx context.Context, why, word string) error {
	return s.ask(ctx, render.Escape(s.local(why))+"\nType "+word+" to continue: ", word, func(answer string) bool { return answer == word })
}

// ask asks once. want is named if the user does not agree.
func (s *Shell) ask(ctx context.Context, prompt, want string, agreed func(answer string) bool) error {
	if _, err := io.WriteString(s.Stderr, prompt); err != nil {
		return err
	}
	answer, err := readLine(ctx, s.Stdin)
	if err != nil {
		fmt.Fprintln(s.Stderr) // end the line of the prompt
	}
	switch {
	case errors.Is(err, context.Canceled):
		return Unchanged()
	case err != nil && !errors.Is(err, io.EOF):
		return KindNotConfirmed.Fail("nothing was changed", "read the answer: %v", err)
	case !agreed(answer):
		return KindNotConfirmed.Fail("nothing was changed", "the answer was not %s", want)
	}
	return nil
}

// readLine reads one line, or returns ctx's error when ctx ends. If the input ends
// before the line does, readLine returns "" and [io.EOF].
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
