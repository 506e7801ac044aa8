package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	ssmbakcli "github.com/ssmbak/ssmbak/internal/cli/ssmbak"
	stackcli "github.com/ssmbak/ssmbak/internal/cli/stack"
	"github.com/ssmbak/ssmbak/internal/manual"
)

// shared are the files that are the same on all systems.
type shared struct {
	manual      map[string][]byte            // man pages, by name, not compressed
	completions map[string]map[string][]byte // scripts, by shell and program
	licence     []byte
	notices     []byte
}

func (r *release) shared(ctx context.Context, notices []byte) (*shared, error) {
	s := &shared{manual: make(map[string][]byte), completions: make(map[string]map[string][]byte), notices: notices}
	for _, pages := range manual.Programs() {
		for _, p := range pages {
			s.manual[manual.Name(p)+".1"] = []byte(manual.Roff(p, pages[0], r.version, r.date.Format("2006-01-02")))
		}
	}
	for _, name := range []string{"bash", "zsh", "fish"} {
		var scripts [2]bytes.Buffer
		ends := []int{
			ssmbakcli.Main(ctx, ssmbakcli.Env{Env: shell.Env{Args: []string{"completion", name}, Stdin: strings.NewReader(""), Stdout: &scripts[0], Stderr: os.Stderr}}),
			stackcli.Main(ctx, stackcli.Env{Env: shell.Env{Args: []string{"completion", name}, Stdin: strings.NewReader(""), Stdout: &scripts[1], Stderr: os.Stderr}}),
		}
		if ends[0] != shell.Done || ends[1] != shell.Done {
			return nil, fmt.Errorf("make the completion for %s: exit codes %d", name, ends)
		}
		s.completions[name] = map[string][]byte{"ssmbak": scripts[0].Bytes(), "ssmbak-stack": scripts[1].Bytes()}
	}
	var err error
	s.licence, err = os.ReadFile("LICENSE")
	return s, err
}

// compressed returns a text as gzip, without a name or a time.
func compressed(text []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	return out.Bytes(), err
}
