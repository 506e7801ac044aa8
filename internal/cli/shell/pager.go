package shell

import (
	"cmp"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// defaultPager shows a text that is longer than the screen; with its options F, R and X
// it ends at once otherwise, shows colors, and leaves the text on the screen.
const defaultPager = "less -FRX"

// Paged calls write with standard output, or, on a terminal, with a pager in front of it:
// SSMBAK_PAGER, PAGER or less. There is no pager with --no-pager, with JSON output, if the
// pager is cat, or if it cannot be started. Paged returns when the pager has
// ended; until then, interrupts are for the pager, see [Shell.Paging].
func (s *Shell) Paged(write func(io.Writer) error) error {
	words := strings.Fields(s.pager())
	if len(words) == 0 {
		return write(s.Stdout)
	}
	pager := exec.Command(words[0], words[1:]...) //nolint:noctx // an interrupt is for the pager, which ends when the user says so
	pager.Stdout, pager.Stderr = s.Stdout, s.Stderr
	text, err := pager.StdinPipe()
	if err == nil {
		err = pager.Start()
	}
	if err != nil {
		if strings.Join(words, " ") == defaultPager { // less is not installed
			return write(s.Stdout)
		}
		s.NoteFacts(Facts{"File": words[0], "Error": err.Error()}, "cannot start the pager %s: %v; use --no-pager, or set SSMBAK_PAGER", words[0], err)
		return write(s.Stdout)
	}
	s.paging.Store(true)
	defer s.paging.Store(false)
	err = write(text)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) {
		err = nil // the user ended it early
	}
	_ = text.Close()
	_ = pager.Wait()
	return err
}

// Paging reports whether a pager has the terminal. The program must not end before it.
func (s *Shell) Paging() bool { return s.paging.Load() }

// pager returns the command of the pager, or "" for none.
func (s *Shell) pager() string {
	if s.Flags.NoPager || s.Flags.Output == JSON || !s.Terminal(s.Stdout) || !s.Terminal(s.Stdin) {
		return ""
	}
	pager := cmp.Or(s.Getenv("SSMBAK_PAGER"), s.Getenv("PAGER"), defaultPager)
	if pager == "cat" {
		return ""
	}
	return pager
}
