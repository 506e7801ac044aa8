package main_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/program"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
)

// maxMemory is the most that the command may use, whatever is in the bucket.
const maxMemory = 300 << 20

// repeated returns a text n times.
func repeated(text string, n int) io.Reader {
	return io.LimitReader(&cycle{text: text}, int64(n*len(text)))
}

type cycle struct {
	text string
	at   int
}

func (c *cycle) Read(p []byte) (n int, err error) {
	for n < len(p) {
		k := copy(p[n:], c.text[c.at:])
		n, c.at = n+k, (c.at+k)%len(c.text)
	}
	return n, nil
}

// compressed returns the gzip of texts.
func compressed(t *testing.T, texts ...io.Reader) []byte {
	t.Helper()
	var buf bytes.Buffer
	zip, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(zip, io.MultiReader(texts...)); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestMemory reads an archive in which objects unpack to as much memory as possible.
// Each costs only its own parameter, and the command stays small.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the command")
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
		name := fmt.Sprintf("/app/f%d", i)
		head := strings.NewReader(fmt.Sprintf(`{"format":1,"name":%q,"versions":[`, name))
		store(".ssmbak/index"+name, compressed(t, head, repeated("{},", size/3), strings.NewReader("{}]}")))
		name = fmt.Sprintf("/app/g%d", i)
		head = strings.NewReader(fmt.Sprintf(`{"format":1,"name":%q,"later":"`, name))
		store(".ssmbak/index"+name, compressed(t, head, repeated("x", size), strings.NewReader(`"}`)))
		name = fmt.Sprintf("/app/h%d", i)
		head = strings.NewReader(fmt.Sprintf(`{"format":1,"name":%q,"versions":[{"events":[""`, name))
		store(".ssmbak/index"+name, compressed(t, head, repeated(`,""`, size/3), strings.NewReader(`]}]}`)))
	}
	store(".ssmbak/proved", compressed(t, strings.NewReader(`{"format":1,"writer":"w"}`+"\n"), repeated(`{"name":"/a","etag":""}`+"\n", 200<<20/24)))
	store(".ssmbak/restores/20240613T201054Z-k3x9f2", compressed(t,
		strings.NewReader(`{"format":1,"id":"20240613T201054Z-k3x9f2","items":[{}`), repeated(",{}", 200<<20/3), strings.NewReader("]}")))

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
			go func() { resident <- peak(cmd.Process.Pid, ended) }()
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
