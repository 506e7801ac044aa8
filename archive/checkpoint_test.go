package archive_test

import (
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/signkey"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// TestCheckpointRequests writes checkpoints of an archive with 5,000 parameters. They take
// pages of listings and objects of leaves, and no request for any parameter; the second one
// writes only the leaves that changed.
func TestCheckpointRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const parameters = 5000
		w := testworld.New(t, testworld.Options{Sign: true})
		for i := range parameters {
			for _, key := range []string{"/app/p%d", ".ssmbak/index/app/p%d", ".ssmbak/names/app/p%d"} {
				w.Must(w.AWS.S3.Put("archive", fmt.Sprintf(key, i), []byte("v")))
			}
		}
		writer := archive.NewWriter(w.Archive)
		write := func(objects int) {
			t.Helper()
			before := w.AWS.Counts()
			wrote, err := writer.Checkpoint(t.Context())
			if err != nil || !wrote {
				t.Fatalf("wrote: %v, %v", wrote, err)
			}
			counts := w.AWS.Counts()
			for op, most := range map[string]int{
				"s3:ListObjectVersions": 3*parameters/1000 + 8, "s3:PutObject": objects + 1, "s3:GetObject": 1, "s3:HeadObject": 0,
			} {
				if n := counts[op] - before[op]; n > most {
					t.Errorf("%d requests %s, want at most %d", n, op, most)
				}
			}
		}
		write(3 * parameters / 1000)
		time.Sleep(24 * time.Hour)
		w.Must(w.AWS.S3.Put("archive", "/app/p7", []byte("w")))
		write(2)
		checkpoints, found, err := w.Archive.Checkpoints(t.Context())
		if err != nil || len(found) > 0 || len(checkpoints) != 2 || checkpoints[0].Count != 3*parameters || checkpoints[1].Count != 3*parameters+1 {
			t.Errorf("%+v, %v, %v", checkpoints, found, err)
		}
	})
}

// TestKilledBeforeCheckpoint kills a writer between the leaves and the checkpoint. The next
// one writes both.
func TestKilledBeforeCheckpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := testworld.New(t, testworld.Options{Sign: true})
		w.Must(w.AWS.S3.Put("archive", "/app/a", []byte("v")))
		w.AWS.Faults.Add(emulator.Rule{
			Service: "s3", Op: "PutObject", KeyPrefix: ".ssmbak/checkpoints/0", Fault: emulator.Fault{Status: http.StatusForbidden, Code: "AccessDenied"},
		})
		w.Conn = w.Connect(w.AWS.Client())
		a, _ := w.Another(w.Conn)
		if wrote, err := archive.NewWriter(a).Checkpoint(t.Context()); err == nil || wrote {
			t.Fatalf("wrote: %v, %v", wrote, err)
		}
		w.AWS.Faults.Clear()
		if _, exists, err := a.LastCheckpoint(t.Context()); err != nil || exists {
			t.Errorf("a checkpoint exists: %v, %v", exists, err)
		}
		if wrote, err := archive.NewWriter(a).Checkpoint(t.Context()); err != nil || !wrote {
			t.Errorf("wrote: %v, %v", wrote, err)
		}
		all, found, err := a.Checkpoints(t.Context())
		if err != nil || len(all) != 1 || len(found) > 0 {
			t.Errorf("%+v, %v, %v", all, found, err)
		}
	})
}

// goldenCheckpoint is a signed archive with a checkpoint, and the public key.
type goldenCheckpoint struct {
	PublicKey string
	Line      string
	Objects   []goldenObject
}

// TestGoldenCheckpoint reads a checkpoint that the code of its first day wrote.
func TestGoldenCheckpoint(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "golden-checkpoint.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden goldenCheckpoint
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	var public *ecdsa.PublicKey
	if public, err = signkey.Parse([]byte(golden.PublicKey)); err != nil {
		t.Fatal(err)
	}
	aws := emulator.New(emulator.Options{})
	aws.S3.CreateBucket("archive", true)
	var versions []s3api.Version
	for _, o := range golden.Objects {
		body, err := base64.StdEncoding.DecodeString(o.Body)
		if err != nil {
			t.Fatal(err)
		}
		versions = append(versions, s3api.Version{Key: o.Key, VersionID: o.ID, Marker: o.Marker, Body: body, Tags: o.Tags, Metadata: o.Metadata, LastModified: o.Modified})
	}
	if err := aws.S3.Load("archive", versions); err != nil {
		t.Fatal(err)
	}
	a, err := archive.Open(t.Context(), connect(t, awsconn.Options{HTTPClient: aws.Client()}), archive.Options{
		Bucket: "archive", Account: testworld.Account, Region: testworld.Region, PublicKey: public,
	})
	if err != nil {
		t.Fatal(err)
	}
	all, found, err := a.Checkpoints(t.Context())
	if err != nil || len(found) > 0 || len(all) != 2 || all[1].Line().String() != golden.Line {
		t.Fatalf("%+v, %v, %v", all, found, err)
	}
	if line, err := archive.ParseCheckpointLine(golden.Line); err != nil || archive.CheckKnown(all, line) != nil {
		t.Errorf("%v, %v", line, err)
	}
	in, err := a.Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n, found, err := a.VerifyLeaves(t.Context(), all, in, func(g archive.Gone) { t.Errorf("gone: %+v", g) })
	if err != nil || len(found) > 0 || n < 10 {
		t.Errorf("%d leaves, %v, %v", n, found, err)
	}
}
