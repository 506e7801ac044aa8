package main_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/extent"
	"github.com/ssmbak/ssmbak/internal/testkit/program"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
)

// maxMemory is the most that the command may use, whatever is in the bucket.
const maxMemory = 300 << 20

// TestMemory reads an archive in which objects unpack to as much memory as possible.
// Each costs only its own parameter, and the command stays small.
func TestMemory(t *testing.T) {
	t.Parallel()
	if !extent.Long() {
		t.Skip("it reads gigabytes: set SSMBAK_LONG=1")
	}
	const size = 60 << 20
	w := testworld.New(t, testworld.Options{Emulator: emulator.Options{}})
	if _, err := w.Live.Put(t.Context(), paramstore.Write{Name: "/app/good", Value: ssmbak.NewValue("good value"), Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}}); err != nil {
		t.Fatal(err)
	}
	w.Must(w.Recorder.Sync(t.Context(), "/app/good"))
	store := func(key string, body []byte) {
		t.Helper()
		if err := w.AWS.S3.Put("archive", key, body); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		for kind, body := range testworld.HostileIndexes(t, "/app/bad", size) {
			store(fmt.Sprintf(".ssmbak/index/app/%d/%d", i, kind), body)
		}
	}
	store(".ssmbak/proved", testworld.Compressed(t, strings.NewReader(`{"format":1,"writer":"w"}`+"\n"), testworld.Repeated(`{"name":"/a","etag":""}`+"\n", 200<<20/24)))
	store(".ssmbak/restores/20240613T201054Z-k3x9f2", testworld.Compressed(t,
		strings.NewReader(`{"format":1,"id":"20240613T201054Z-k3x9f2","items":[{}`), testworld.Repeated(",{}", 200<<20/3), strings.NewReader("]}")))

	url, stop, err := w.AWS.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stop() })
	command := program.Build(t, "ssmbak")
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"preview", "/app", "now", "-R"}, 3, "good value"},
		{[]string{"verify"}, 3, "damaged-index"},
		{[]string{"undo", "20240613T201054Z-k3x9f2", "--dry-run"}, 1, ""},
		{[]string{"reconcile", "--dry-run"}, 3, ""},
	} {
		t.Run(test.args[0], func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), command, test.args...)
			cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+url, "AWS_REGION="+testworld.Region, "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "SSMBAK_BUCKET=archive")
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended, resident := make(chan struct{}), make(chan int64)
			go func() { resident <- program.Peak(cmd.Process.Pid, ended) }()
			_ = cmd.Wait() // the exit code is compared
			close(ended)
			most := <-resident
			t.Logf("%s: %d MiB", test.args[0], most>>20)
			if most > maxMemory {
				t.Errorf("%d MiB, want at most %d", most>>20, maxMemory>>20)
			}
			text := out.String()
			if code := cmd.ProcessState.ExitCode(); code != test.code || !strings.Contains(text, test.want) {
				t.Errorf("exit code %d, want %d and %q: %.2000s", code, test.code, test.want, text)
			}
		})
	}
}
