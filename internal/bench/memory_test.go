//go:build linux

package bench

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/testkit/program"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// began is when the first version of each parameter was made; a minute is between two.
var began = ssmbak.TimeOf(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))

// TestMemory runs the program over large archives, and measures its memory, its CPU time
// and the time until its first line.
func TestMemory(t *testing.T) {
	if !Full() {
		t.Skip("fills archives for minutes: set SSMBAK_BENCH=1")
	}
	ssmbakProgram := program.Build(t, "ssmbak")
	for _, size := range []struct{ parameters, versions, most int }{{10_000, 20, 100}, {100_000, 5, 110}} { // MiB at most
		b := New(t, Options{})
		testworld.Histories(t, archive.NewWriter(b.Archive), size.parameters, size.versions, began)
		url, stop, err := b.AWS.Listen(t.Context(), "127.0.0.1:0")
		b.Must(err)
		at := func(minutes int) string {
			return began.Add(time.Duration(minutes)*time.Minute + 30*time.Second).String()
		}
		middle, last := at(size.versions/2), at(size.versions-1)
		for _, row := range []struct {
			name string
			code int
			args []string
		}{
			{"Preview", 0, []string{"preview", "/", middle, "-R", "-o", "json"}},
			{"Diff", 0, []string{"diff", "/", middle, last, "-R", "-o", "json"}},
			{"Log", 0, []string{"log", "/", "-R", "-o", "json"}},
		} {
			m := measureProgram(t, b, url, row.code, ssmbakProgram, row.args...)
			m.Row(t, fmt.Sprintf("Program/%s/parameters=%d/versions=%d", row.name, size.parameters, size.versions),
				m.resident>>20, "MiB", m.first.Milliseconds(), "first-ms", m.user.Milliseconds(), "user-ms", fmt.Sprintf("%.3f", m.user.Seconds()*1000/float64(m.Requests)), "user-ms/request")
			if most := int64(size.most) << 20; m.resident > most {
				t.Errorf("%s of %d parameters: %d MiB, want at most %d", row.name, size.parameters, m.resident>>20, most>>20)
			}
		}
		b.Must(stop())
	}
}

// process is what a run of a program cost.
type process struct {
	Measurement
	resident    int64 // bytes, at most
	first, user time.Duration
}

func measureProgram(t *testing.T, b *Bed, url string, code int, path string, args ...string) (p process) {
	t.Helper()
	p.Measurement = b.Measure(func() {
		cmd := exec.CommandContext(t.Context(), path, args...)
		cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+url, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "SSMBAK_BUCKET=archive")
		var notes strings.Builder
		cmd.Stderr = &notes
		stdout, err := cmd.StdoutPipe()
		b.Must(err)
		begin := time.Now()
		b.Must(cmd.Start())
		ended, most := make(chan struct{}), make(chan int64)
		go func() { most <- program.Peak(cmd.Process.Pid, ended) }()
		r := bufio.NewReader(stdout)
		for lines := 0; lines < 2; lines++ { // the second one is of the first row
			if _, err := r.ReadString('\n'); err != nil {
				break
			}
		}
		p.first = time.Since(begin)
		_, err = io.Copy(io.Discard, r)
		b.Must(err)
		err = cmd.Wait()
		close(ended)
		p.resident = <-most
		p.user = cmd.ProcessState.UserTime()
		if got := cmd.ProcessState.ExitCode(); got != code {
			t.Errorf("%v: exit code %d, want %d, %v\n%s", args, got, code, err, notes.String())
		}
	})
	return p
}
