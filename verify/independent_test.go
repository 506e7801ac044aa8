package verify_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/testkit/program"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/timeline"
)

// independent asks docs/reader about archives, one on each line.
const independent = `
import json, sys
sys.path.insert(0, "../docs/reader")
import reader, verify
for line in sys.stdin:
    q = json.loads(line)
    archive = reader.Archive(reader.Dump(q["objects"]), q["public"])
    faults, counts = verify.faults(archive, q["line"])
    print(json.dumps({"faults": [word + " " + key for word, key, *_ in faults], "counts": counts, "answers": [archive.at(at) for at in q["at"]]}))
`

// storedObject is an object version as docs/reader reads it.
type storedObject struct {
	Key      string            `json:"key"`
	ID       string            `json:"id"`
	Marker   bool              `json:"marker"`
	Modified time.Time         `json:"modified"`
	ETag     string            `json:"etag"`
	Metadata map[string]string `json:"metadata"`
	Body     []byte            `json:"body"`
}

// question is an archive, with what is known about it, and the moments that are asked for.
type question struct {
	Objects []storedObject `json:"objects"`
	Public  string         `json:"public"`
	Line    string         `json:"line"`
	At      []ssmbak.Time  `json:"-"`
	Millis  []int64        `json:"at"`
}

// verdict is what docs/reader says.
type verdict struct {
	Faults  []string       `json:"faults"`
	Counts  map[string]int `json:"counts"`
	Answers []struct {
		States     []readState   `json:"states"`
		Unreadable []ssmbak.Name `json:"unreadable"`
	} `json:"answers"`
}

type readState struct {
	Name      ssmbak.Name `json:"name"`
	Certainty string      `json:"certainty"`
	Deleted   bool        `json:"deleted"`
	Number    int64       `json:"number"`
	Value     *string     `json:"value"`
}

// ask returns the archive of now.
func (w *world) ask(line string, at ...ssmbak.Time) question {
	w.Helper()
	der, err := x509.MarshalPKIXPublicKey(w.PublicKey())
	w.Must(err)
	q := question{Public: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), Line: line, At: at, Millis: []int64{}}
	for _, t := range at {
		q.Millis = append(q.Millis, int64(t))
	}
	for _, key := range w.AWS.S3.Keys(bucket) {
		for _, v := range slices.Backward(w.AWS.S3.Versions(bucket, key)) {
			q.Objects = append(q.Objects, storedObject{
				Key: key, ID: v.VersionID, Marker: v.Marker, Modified: v.LastModified.Truncate(time.Second), ETag: v.ETag, Metadata: v.Metadata, Body: v.Body,
			})
		}
	}
	return q
}

// answered returns what docs/reader says about archives.
func answered(t *testing.T, questions []question) []verdict {
	t.Helper()
	var in bytes.Buffer
	for _, q := range questions {
		if err := json.NewEncoder(&in).Encode(q); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), "python3", "-c", independent)
	c.Stdin, c.Stderr = &in, os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	verdicts := make([]verdict, len(questions))
	decoder := json.NewDecoder(bytes.NewReader(out))
	for i := range verdicts {
		if err := decoder.Decode(&verdicts[i]); err != nil {
			t.Fatal(err)
		}
	}
	return verdicts
}

// TestIndependentVerifier checks that docs/reader/verify.py, which was written from the
// specification, finds nothing wrong with a signed archive, and what was done to one.
func TestIndependentVerifier(t *testing.T) {
	t.Parallel()
	program.Need(t, "python3", "SSMBAK_REQUIRE_READERS", "apt-get install python3")
	tests := []struct {
		name   string
		attack func(w *world)
		want   string
	}{
		{"nothing", func(*world) {}, ""},
		{"a redaction", func(w *world) { w.redact("/app/secret", 0) }, ""},
		{"a value is removed", func(w *world) { w.AWS.S3.RemoveVersion(bucket, "/app/secret", w.oldest("/app/secret")) }, "removed /app/secret"},
		{"an index is falsified", func(w *world) { w.forge(otherIndex, w.falsified(), w.signature(otherIndex)) }, "unsigned " + otherIndex},
		{"an index is hidden", func(w *world) { w.hide(".ssmbak/index/app/b") }, "hidden .ssmbak/index/app/b"},
		{"facts are withdrawn", func(w *world) {
			all := w.AWS.S3.Versions(bucket, ".ssmbak/index/app/a")
			w.forge(".ssmbak/index/app/a", all[len(all)-2].Body, all[len(all)-2].Metadata)
		}, "lost-facts .ssmbak/index/app/a"},
		{"a value has the metadata of another version", func(w *world) {
			v := w.AWS.S3.Versions(bucket, "/other")[0]
			w.AWS.S3.RemoveVersion(bucket, "/other", v.VersionID)
			v.Metadata = w.AWS.S3.Versions(bucket, "/app/b")[0].Metadata
			w.Must(w.AWS.S3.Load(bucket, []s3api.Version{v}))
		}, "damaged-value /other"},
		{"a value is no text", func(w *world) {
			w.AWS.S3.Corrupt(bucket, "/other", w.AWS.S3.Versions(bucket, "/other")[0].VersionID, []byte("\xff"))
		}, "damaged-value /other"},
		{"the bytes of an index change", func(w *world) {
			body := bytes.Clone(w.AWS.S3.Versions(bucket, otherIndex)[0].Body)
			body[len(body)/2] ^= 0xff
			w.forge(otherIndex, body, nil)
		}, "damaged-index " + otherIndex},
		{"an index is cut off", func(w *world) {
			w.forge(otherIndex, w.AWS.S3.Versions(bucket, otherIndex)[0].Body[:40], nil)
		}, "damaged-index " + otherIndex},
		{"an index is no object", func(w *world) { w.forge(otherIndex, zipped(w, "[]"), nil) }, "damaged-index " + otherIndex},
		{"a field of an index has another type", func(w *world) {
			w.forge(otherIndex, zipped(w, `{"name":"/other","versions":[true]}`), nil)
		}, "damaged-index " + otherIndex},
		{"a field of the listing has another type", func(w *world) {
			w.forge(reconciled, []byte(`{"names":"2024-06-13T20:10:54Z","missed":7}`), w.signature(reconciled))
		}, "unsigned " + reconciled + ", damaged-object " + reconciled},
		{"a later time", func(w *world) {
			w.forge(reconciled, []byte(strings.Replace(string(w.AWS.S3.Versions(bucket, reconciled)[0].Body), `"last":"20`, `"last":"21`, 1)), nil)
		}, "unsigned " + reconciled + ", damaged-object " + reconciled},
		{"a checkpoint is removed", func(w *world) { w.remove(checkpoints+"0000000002", 1) }, "broken-chain " + checkpoints + "0000000003"},
		{"all checkpoints are removed", func(w *world) {
			for i := range 3 {
				w.remove(fmt.Sprintf("%s%010d", checkpoints, i+1), 1)
			}
		}, "unknown-checkpoint " + checkpoints},
		{"leaves are removed", func(w *world) { w.remove(w.under(checkpoints+"leaves/"), 1) }, "damaged-leaves " + checkpoints + "leaves/"},
	}
	questions := make([]question, len(tests))
	for i, test := range tests {
		synctest.Test(t, func(t *testing.T) {
			w := buildCheckpoints(t)
			last := w.lastCheckpoint()
			test.attack(w)
			questions[i] = w.ask(last.Line().String(), ssmbak.TimeOf(time.Now()))
		})
	}
	for i, v := range answered(t, questions) {
		if got := strings.Join(v.Faults, ", "); got != tests[i].want {
			t.Errorf("%s: it finds %q, want %q", tests[i].name, got, tests[i].want)
		}
		if i == 0 && (v.Counts["parameters"] != 6 || v.Counts["checkpoints"] != 3) {
			t.Errorf("it counts %v", v.Counts)
		}
		if i == 1 && v.Counts["redacted"] != 1 {
			t.Errorf("after a redaction it counts %v", v.Counts)
		}
	}
}

// TestIndependentReaderOfToday checks that docs/reader/reader.py reads an archive of today, signed
// and with parts: where it gives an answer, it is the same and no more certain, and it
// seldom gives none.
func TestIndependentReaderOfToday(t *testing.T) {
	t.Parallel()
	program.Need(t, "python3", "SSMBAK_REQUIRE_READERS", "apt-get install python3")
	var q question
	var want []map[ssmbak.Name]ssmbak.State
	synctest.Test(t, func(t *testing.T) {
		w := buildWith(t, testworld.Options{
			Sign:  true,
			Parts: &archive.PartLimits{Limits: timeline.Limits{Keep: 3, Least: 2, Most: 4, Runs: 3}, Versions: 8, Bytes: 1 << 20},
		})
		w.Must(w.Archive.KeepSigning(t.Context(), w.Signing))
		var at []ssmbak.Time
		w.put("/app/busy", "0", ssmbak.TypeString, false)
		for i := range 24 {
			time.Sleep(time.Minute)
			w.Drain()
			at = append(at, ssmbak.TimeOf(time.Now()))
			w.put("/app/busy", fmt.Sprint(i+1), ssmbak.TypeString, true)
		}
		w.Record()
		w.under(".ssmbak/parts/app/busy/")
		w.redact("/app/secret", 0)
		at = append(at, ssmbak.TimeOf(time.Now().Add(-90*time.Minute)), ssmbak.TimeOf(time.Now().Add(-70*time.Minute)), ssmbak.TimeOf(time.Now()))
		q = w.ask("", at...)
		for _, t := range at {
			snap, err := w.reader().At(w.Context(), testworld.Everything(w), t, archive.AllValues)
			w.Must(err)
			states := make(map[ssmbak.Name]ssmbak.State)
			for _, s := range snap.States {
				states[s.Name] = s
			}
			want = append(want, states)
		}
	})
	known, answers := 0, 0
	v := answered(t, []question{q})[0]
	for i, answer := range v.Answers {
		if len(answer.Unreadable) > 0 {
			t.Errorf("at %v it cannot read %q", q.At[i], answer.Unreadable)
		}
		for _, got := range answer.States {
			s, ok := want[i][got.Name]
			if !ok || s.Certainty == ssmbak.Unknown {
				if got.Certainty != "unknown" {
					t.Errorf("%s at %v: it knows what is unknown: %+v", got.Name, q.At[i], got)
				}
				continue
			}
			known++
			if got.Certainty == "unknown" {
				continue
			}
			answers++
			value := ""
			if v, ok := s.Value.Get(); ok {
				value = v.Reveal()
			}
			if got.Value == nil {
				got.Value = new("")
			}
			if got.Deleted != s.Deleted || got.Number != s.Version.Number || *got.Value != value || got.Certainty == "proved" && s.Certainty != ssmbak.Proved {
				t.Errorf("%s at %v: it says %+v (%s), want %+v", got.Name, q.At[i], got, *got.Value, s)
			}
		}
	}
	if len(v.Answers) != len(want) || known < 5*len(want) || answers*100 < known*90 {
		t.Errorf("%d answers of %d; %d of %d states", len(v.Answers), len(want), answers, known)
	}
}

// TestIndependentReaderOfBucket checks that docs/reader/reader.py reads a bucket with the AWS
// CLI.
func TestIndependentReaderOfBucket(t *testing.T) {
	t.Parallel()
	program.Need(t, "python3", "SSMBAK_REQUIRE_READERS", "apt-get install python3")
	program.Need(t, "aws", "SSMBAK_REQUIRE_AWS_CLI", "pip install awscli")
	var versions []s3api.Version
	var now ssmbak.Time
	synctest.Test(t, func(t *testing.T) {
		w := build(t)
		for _, key := range w.AWS.S3.Keys(bucket) {
			for _, v := range slices.Backward(w.AWS.S3.Versions(bucket, key)) {
				versions = append(versions, v)
			}
		}
		now = ssmbak.TimeOf(time.Now())
	})
	served := emulator.New(emulator.Options{})
	served.S3.CreateBucket(bucket, true)
	if err := served.S3.Load(bucket, versions); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(served)
	defer server.Close()
	c := exec.CommandContext(t.Context(), "python3", "../docs/reader/reader.py", "s3://"+bucket, now.String(), "/other")
	c.Env = []string{
		"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "AWS_ENDPOINT_URL=" + server.URL, "AWS_DEFAULT_REGION=" + testworld.Region,
		"AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_PAGER=",
	}
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ States []readState }
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.States) != 1 || got.States[0].Name != "/other" || got.States[0].Value == nil || *got.States[0].Value != "one of /other" {
		t.Errorf("it prints %s", out)
	}
}
