package bench

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	ssmbakcli "github.com/ssmbak/ssmbak/internal/cli/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// command runs a command over the bed, and returns what it printed to standard output.
func command(b *Bed, bucket string, code int, args ...string) string {
	b.Helper()
	var out bytes.Buffer
	commandTo(b, &out, bucket, code, args...)
	return out.String()
}

// commandTo is command with a writer for standard output.
func commandTo(b *Bed, out io.Writer, bucket string, code int, args ...string) {
	b.Helper()
	var notes bytes.Buffer
	variables := map[string]string{"SSMBAK_BUCKET": bucket, "AWS_REGION": b.Region}
	got := ssmbakcli.Main(b.Context(), ssmbakcli.Env{Env: shell.Env{
		Args: args, Stdin: strings.NewReader(""), Stdout: out, Stderr: &notes, Getenv: func(name string) string { return variables[name] },
		AWS: testworld.Connection(b.Counted(b.AWS.Client())),
	}})
	if got != code {
		b.Fatalf("ssmbak %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, notes.String())
	}
}

// quiet configures an account whose events are lost, so that only reconciles record.
func quiet(parameters int) Options {
	o := Options{World: testworld.Options{Emulator: emulator.Options{Queue: emulator.QueueOptions{Copies: func(string) int { return 0 }}}}}
	o.World.Emulator.SSM.MaxStandard = parameters + 10
	return o
}

// TestOnePreview reads one parameter as it was, from a bucket that is named and from the
// one that the parameter /newvoll/ssmbak/bucketname names.
func TestOnePreview(t *testing.T) {
	t.Parallel()
	Run(t, Options{}, func(b *Bed) {
		put(b, "/newvoll/ssmbak/bucketname", "archive")
		put(b, "/app/db", "one")
		b.Record()
		time.Sleep(time.Minute)
		then := time.Now().UTC().Format(time.RFC3339)
		time.Sleep(time.Minute)
		for name, bucket := range map[string]string{"NamedBucket": "archive", "DefaultBucket": ""} {
			m := b.Measure(func() {
				if text := command(b, bucket, 0, "preview", "/app/db", then, "-o", "json"); !strings.Contains(text, `"one"`) {
					b.Errorf("preview: %s", text)
				}
			})
			m.Row(t, "Preview/"+name)
			if m.Depth > 3 {
				t.Errorf("%s: %d requests follow each other, want at most 3:\n%s", name, m.Depth, strings.Join(m.Sequence, "\n"))
			}
		}
	})
}

// TestStream reads parameters as they were, and compares them, and checks that the first row
// does not wait for the last.
func TestStream(t *testing.T) {
	t.Parallel()
	n := Size(250, 10_000)
	Run(t, quiet(n), func(b *Bed) {
		fill(b, n)
		b.Record()
		time.Sleep(time.Hour)
		for i := range n {
			put(b, parameter(i), "another value")
		}
		b.Record()
		time.Sleep(time.Hour)
		for _, row := range []struct {
			name  string
			first int // requests that follow each other before the first row
			args  []string
		}{
			// The caller, the identity, what is complete, the name itself, the first page, an
			// index and a value.
			{"Preview", 9, []string{"preview", "/app", "90m", "-R", "-o", "json"}},
			// A hundred rows are written at once, each with two values.
			{"Diff", 15, []string{"diff", "/app", "90m", "30m", "-R", "-o", "json"}},
		} {
			out := &stamped{}
			began := time.Now()
			m := b.Measure(func() { commandTo(b, out, "archive", 0, row.args...) })
			first := out.first.Sub(began)
			m.Row(t, fmt.Sprintf("Stream/%s/parameters=%d", row.name, n), first.Milliseconds(), "first-ms")
			if first > time.Duration(row.first)*Latency {
				t.Errorf("%s: the first row comes after %v of %v", row.name, first, m.Took)
			}
			if rows := strings.Count(out.String(), "\"Name\""); rows != n {
				t.Errorf("%s: %d rows, want %d", row.name, rows, n)
			}
		}
	})
}

// stamped notes when it was written to first.
type stamped struct {
	bytes.Buffer
	first time.Time
}

func (s *stamped) Write(p []byte) (int, error) {
	if s.first.IsZero() {
		s.first = time.Now()
	}
	return s.Buffer.Write(p)
}

// TestRanges reads what changed in a time in which nothing did. Between two times of the
// archive, that costs two listings, of the indexes and of the register.
func TestRanges(t *testing.T) {
	t.Parallel()
	n := Size(200, 10_000)
	Run(t, quiet(n), func(b *Bed) {
		fill(b, n)
		b.Record()
		time.Sleep(time.Hour)
		from := time.Now().UTC().Format(time.RFC3339)
		time.Sleep(time.Hour)
		b.Record()
		time.Sleep(time.Hour)
		to := time.Now().Add(-90 * time.Minute).UTC().Format(time.RFC3339)
		listings := 2*((n+999)/1000) + 6
		for _, row := range []struct {
			name string
			most int // requests
			args []string
		}{
			{"LogSince", listings, []string{"log", "/app", "-R", "--since", from}},
			{"DiffTimes", listings, []string{"diff", "/app", from, to, "-R"}},
			{"DiffTimesJSON", listings, []string{"diff", "/app", from, to, "-R", "-o", "json"}},
			{"DiffLive", listings + (n+49)/50 + 3, []string{"diff", "/app", from, "-R"}},
			{"DiffLiveJSON", listings + (n+49)/50 + 3, []string{"diff", "/app", from, "-R", "-o", "json"}},
		} {
			m := b.Measure(func() { command(b, "archive", 0, row.args...) })
			m.Row(t, fmt.Sprintf("%s/parameters=%d", row.name, n))
			if m.Requests > row.most {
				t.Errorf("%s: %d requests, want at most %d: %v", row.name, m.Requests, row.most, m.Operations)
			}
		}
	})
}

// TestAdopted reads a bucket that the legacy ssmbak filled: objects named as the parameters,
// with their tags. Once the parameters are adopted, their indexes have what the tags say.
func TestAdopted(t *testing.T) {
	t.Parallel()
	names, versions := Size(20, 1000), Size(5, 20)
	Run(t, Options{}, func(b *Bed) {
		b.AWS.S3.CreateBucket("original", true)
		var wg sync.WaitGroup
		began := time.Now().Add(time.Hour)
		for n := range versions {
			time.Sleep(time.Until(began.Add(time.Duration(n) * time.Minute)))
			for i := range names {
				wg.Go(func() { original(b, "original", fmt.Sprintf("/app/%04d", i), fmt.Sprint("value ", n)) })
			}
			wg.Wait()
		}
		time.Sleep(time.Hour)
		middle := began.Add(time.Duration(versions/2)*time.Minute + 30*time.Second)
		m := b.Measure(func() {
			a, err := archive.Open(b.Context(), b.Conn.S3(), archive.Options{Bucket: "original", Account: b.Account, Region: b.Region})
			b.Must(err)
			s, err := a.At(b.Context(), testworld.Everything(b), ssmbak.TimeOf(middle), archive.AllValues)
			b.Must(err)
			if len(s.States) != names || len(s.Problems) > 0 || s.States[0].Value.V.Reveal() != fmt.Sprint("value ", versions/2) {
				b.Errorf("%d states, %+v", len(s.States), s.Problems)
			}
		})
		m.Row(t, fmt.Sprintf("Legacy/parameters=%d/versions=%d", names, versions))
		a, err := archive.Open(b.Context(), b.Conn.S3(), archive.Options{Bucket: "original", Account: b.Account, Region: b.Region})
		b.Must(err)
		w := archive.NewWriter(a)
		b.Must(w.Establish(b.Context()))
		if n, problems, err := w.Adopt(b.Context()); n != names || len(problems) > 0 || err != nil {
			b.Fatalf("adopted %d: %v %v", n, problems, err)
		}
		time.Sleep(time.Hour)
		// The same commands as of any other archive: an index and a value for each parameter.
		for _, row := range []struct {
			name string
			most int
			args []string
		}{
			{"Preview", 2*names + 2*(names/1000+1) + 8, []string{"preview", "/app", middle.UTC().Format(time.RFC3339), "-R", "-o", "json"}},
			{"Log", names + 2*(names/1000+1) + 8, []string{"log", "/app", "-R"}},
		} {
			m := b.Measure(func() { command(b, "original", 0, row.args...) })
			m.Row(t, fmt.Sprintf("Adopted/%s/parameters=%d/versions=%d", row.name, names, versions))
			if tags := m.Operations["s3:GetObjectTagging"]; tags > 0 || m.Requests > row.most {
				t.Errorf("%s of adopted parameters: %d requests for tags, and %d in all, want none and at most %d: %v", row.name, tags, m.Requests, row.most, m.Operations)
			}
		}
	})
}

// original writes a version of a parameter as the legacy ssmbak does.
func original(b *Bed, bucket, name, value string) {
	b.Helper()
	tags := url.Values{"ssmbakTime": {strconv.FormatInt(time.Now().Unix(), 10)}, "ssmbakType": {"String"}}
	_, err := b.Connect(b.AWS.Client()).S3().PutObject(b.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &name, Body: strings.NewReader(value), Tagging: aws.String(tags.Encode())})
	b.Must(err)
}
