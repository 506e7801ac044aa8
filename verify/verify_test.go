package verify_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
	"github.com/ssmbak/ssmbak/verify"
)

const bucket = "archive"

// world is an account, and an attacker who may only write to the bucket.
type world struct {
	*testworld.World
	s3 *s3.Client
}

func (w *world) put(name, value string, kind ssmbak.Type, overwrite bool) {
	w.Helper()
	_, err := w.Live.Put(w.Context(), paramstore.Write{
		Name: ssmbak.Name(name), Value: ssmbak.NewValue(value), Overwrite: overwrite, Attributes: ssmbak.Attributes{Type: kind, Description: "of " + name},
	})
	w.Must(err)
	time.Sleep(2 * time.Second)
	w.Drain()
}

// forge writes an object, with the metadata that a recorder would give it.
func (w *world) forge(key string, body []byte, metadata map[string]string) {
	w.Helper()
	_, err := w.s3.PutObject(w.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, Body: bytes.NewReader(body), Metadata: metadata})
	w.Must(err)
}

// edit replaces an object under .ssmbak by a changed one. It is
// compressed again, as a recorder would write it.
func (w *world) edit(key string, old, fresh string) {
	w.Helper()
	text := w.read(key)
	if !strings.Contains(text, old) {
		w.Fatalf("%s does not contain %q: %s", key, old, text)
	}
	w.forge(key, zipped(w, strings.ReplaceAll(text, old, fresh)), nil)
}

func (w *world) read(key string) string {
	w.Helper()
	out, err := w.s3.GetObject(w.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: &key})
	w.Must(err)
	zip, err := gzip.NewReader(out.Body)
	w.Must(err)
	text, err := io.ReadAll(zip)
	w.Must(err)
	return string(text)
}

func zipped(w *world, text string) []byte {
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	_, err := io.WriteString(zip, text)
	w.Must(err)
	w.Must(zip.Close())
	return b.Bytes()
}

func (w *world) hide(key string) {
	w.Helper()
	_, err := w.s3.DeleteObject(w.Context(), &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: &key})
	w.Must(err)
}

// remove removes object versions of a key, the newest n.
func (w *world) remove(key string, n int) {
	for _, v := range w.AWS.S3.Versions(bucket, key)[:n] {
		w.AWS.S3.RemoveVersion(bucket, key, v.VersionID)
	}
}

// build makes an archive in which there is something of everything.
func build(t *testing.T) *world { return buildWith(t, testworld.Options{}) }

func buildWith(t *testing.T, o testworld.Options) *world {
	w := &world{World: testworld.New(t, o)}
	w.s3 = w.Connect(w.AWS.Client()).S3()
	for _, name := range []string{"/app/a", "/app/b", "/app/b/deep", "/other"} {
		w.put(name, "one of "+name, ssmbak.TypeString, false)
	}
	w.put("/app/secret", "hunter2", ssmbak.TypeSecureString, false)
	before := ssmbak.TimeOf(time.Now())
	time.Sleep(time.Minute)
	w.put("/app/a", "two", ssmbak.TypeString, true)
	w.put("/app/secret", "hunter3", ssmbak.TypeSecureString, true)
	w.put("/app/gone", "x", ssmbak.TypeString, false)
	w.Must(w.Live.Delete(t.Context(), "/app/gone"))
	time.Sleep(time.Minute)
	w.Drain()
	r := restore.New(w.Archive, w.Live, w.Recorder, restore.Options{Options: plan.Options{}, By: "arn:aws:iam::123456789012:user/me"})
	p, err := r.Plan(t.Context(), ssmbak.NameTarget("/app/a"), before)
	w.Must(err)
	_, err = r.Apply(t.Context(), p)
	w.Must(err)
	time.Sleep(time.Hour)
	w.Record()
	return w
}

// TestVerify changes one thing in an archive at a time, as an attacker can who may write to
// the bucket, and checks that exactly that is found.
func TestVerify(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		damage func(w *world)
		want   string // the faults, sorted
	}{
		{"nothing", func(*world) {}, ""},
		{"a value is damaged", func(w *world) {
			v := w.AWS.S3.Versions(bucket, "/app/a")
			w.AWS.S3.Corrupt(bucket, "/app/a", v[len(v)-1].VersionID, []byte("damaged"))
		}, "damaged-value /app/a"},
		{"an index is damaged", func(w *world) { w.forge(".ssmbak/index/app/b", []byte("damaged"), nil) }, "damaged-index /app/b"},
		{"an index is hidden", func(w *world) { w.hide(".ssmbak/index/app/b/deep") }, "hidden-index /app/b/deep"},
		{"an entry of the register is hidden", func(w *world) { w.hide(".ssmbak/names/app/b") }, "hidden-name /app/b"},
		{"an entry of the register is removed", func(w *world) { w.remove(".ssmbak/names/app/b", 1) }, "missing-name /app/b"},
		{"only an entry of the register is left", func(w *world) {
			w.remove(".ssmbak/index/app/gone", len(w.AWS.S3.Versions(bucket, ".ssmbak/index/app/gone")))
			w.remove("/app/gone", len(w.AWS.S3.Versions(bucket, "/app/gone")))
		}, "missing-index /app/gone"},
		{"an index and its entry of the register are hidden", func(w *world) {
			w.hide(".ssmbak/index/app/b")
			w.hide(".ssmbak/names/app/b")
		}, "hidden-index /app/b, hidden-name /app/b"},
		{"an index is removed", func(w *world) {
			w.remove(".ssmbak/index/other", len(w.AWS.S3.Versions(bucket, ".ssmbak/index/other")))
		}, "missing-index /other"},
		{"a deletion is taken out of an index", func(w *world) {
			text := w.read(".ssmbak/index/app/gone")
			i := strings.Index(text, `"deletions":[`)
			end := i + strings.Index(text[i:], "],") + 2
			w.edit(".ssmbak/index/app/gone", text[i:end], "")
		}, "lost-facts /app/gone"},
		{"the first index, which had no version yet, is put back", func(w *world) {
			all := w.AWS.S3.Versions(bucket, ".ssmbak/index/app/a")
			w.forge(".ssmbak/index/app/a", all[len(all)-1].Body, nil)
		}, "lost-facts /app/a, unrecorded /app/a, unrecorded /app/a, unrecorded /app/a"},
		{"a description is changed in an index", func(w *world) {
			w.edit(".ssmbak/index/other", "of /other", "of something else")
		}, "differs /other, lost-facts /other"},
		{"every copy of a live value is removed", func(w *world) {
			w.remove("/other", 1)
		}, "missing-value /other, not-current /other"},
		{"an old value is removed, as by a lifecycle rule", func(w *world) {
			v := w.AWS.S3.Versions(bucket, "/app/secret")
			w.AWS.S3.RemoveVersion(bucket, "/app/secret", v[len(v)-1].VersionID)
		}, ""},
		{"a value is laid over the live one", func(w *world) { w.forge("/other", []byte("forged"), nil) }, "not-current /other"},
		{"a value is marked", func(w *world) { w.hide("/other") }, "not-current /other"},
		{"the index names a foreign object", func(w *world) {
			old := w.AWS.S3.Versions(bucket, "/other")[0].VersionID
			w.forge("/other", []byte("forged"), nil)
			w.edit(".ssmbak/index/other", old, w.AWS.S3.Versions(bucket, "/other")[0].VersionID)
		}, "foreign-value /other, lost-facts /other, missing-value /other"},
		{"the index names a forged object of another version", func(w *world) {
			v := w.AWS.S3.Versions(bucket, "/other")[0]
			metadata := maps.Clone(v.Metadata)
			metadata["ssmbak-version"] = "7"
			w.forge("/other", []byte("forged"), metadata)
			w.edit(".ssmbak/index/other", v.VersionID, w.AWS.S3.Versions(bucket, "/other")[0].VersionID)
		}, "lost-facts /other, metadata-differs /other, missing-value /other"},
		{"the index names a well forged secret", func(w *world) {
			v := w.AWS.S3.Versions(bucket, "/app/secret")[0]
			w.forge("/app/secret", []byte("forged"), v.Metadata)
			w.edit(".ssmbak/index/app/secret", v.VersionID, w.AWS.S3.Versions(bucket, "/app/secret")[0].VersionID)
		}, "lost-facts /app/secret, value-differs /app/secret"},
		{"the last listing is hidden", func(w *world) { w.hide(".ssmbak/reconciled") }, "hidden-object .ssmbak/reconciled"},
		{"the last listing is junk", func(w *world) {
			w.reconcile()
			w.forge(".ssmbak/reconciled", []byte("junk"), nil)
		}, "damaged-object .ssmbak/reconciled"},
		{"the archive's identity is junk", func(w *world) { w.forge(".ssmbak/archive", []byte("junk"), nil) }, "damaged-object .ssmbak/archive"},
		{"the archive's identity is hidden", func(w *world) { w.hide(".ssmbak/archive") }, "hidden-object .ssmbak/archive"},
		{"a restore record is damaged", func(w *world) {
			w.forge(w.record(), []byte("damaged"), nil)
		}, "damaged-record .ssmbak/restores/ID"},
		{"what a restore overwrote is removed", func(w *world) {
			v := w.AWS.S3.Versions(bucket, "/app/a")
			w.AWS.S3.RemoveVersion(bucket, "/app/a", v[1].VersionID)
		}, "dangling-record /app/a"},
		{"a parameter was never recorded", func(w *world) {
			_, err := w.Live.Put(w.Context(), paramstore.Write{Name: "/app/new", Value: ssmbak.NewValue("v"), Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}})
			w.Must(err)
			w.lose()
		}, "unrecorded /app/new"},
		{"a version was never recorded", func(w *world) {
			_, err := w.Live.Put(w.Context(), paramstore.Write{Name: "/other", Value: ssmbak.NewValue("v"), Overwrite: true, Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}})
			w.Must(err)
			w.lose()
		}, "unrecorded /other"},
		{"a deletion was never recorded", func(w *world) {
			w.Must(w.Live.Delete(w.Context(), "/other"))
			w.lose()
		}, "gone /other"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := build(t)
				test.damage(w)
				var faults []string
				report, err := verify.Run(t.Context(), w.Archive, testworld.Target(t, "/", true), verify.Options{Live: w.Live, Found: func(f archive.Finding) {
					where := string(f.Name)
					if where == "" {
						where = strings.Replace(f.Key, w.record(), ".ssmbak/restores/ID", 1)
					}
					faults = append(faults, fmt.Sprint(f.Fault, " ", where))
					if strings.Contains(f.Detail, "hunter") || strings.Contains(f.Detail, "forged") {
						t.Errorf("a finding contains a value: %s", f.Detail)
					}
				}})
				if err != nil {
					t.Fatal(err)
				}
				slices.Sort(faults)
				if got := strings.Join(faults, ", "); got != test.want {
					t.Errorf("found %q, want %q", got, test.want)
				}
				if report.Findings != len(faults) || report.Parameters < 5 {
					t.Errorf("report %+v", report)
				}
			})
		})
	}
}

// record returns the key of the only restore record.
func (w *world) record() string {
	for _, key := range w.AWS.S3.Keys(bucket) {
		if strings.HasPrefix(key, ".ssmbak/restores/") {
			return key
		}
	}
	w.Fatal("there is no restore record")
	return ""
}

// lose takes the events that wait, and lets an hour pass.
func (w *world) lose() {
	w.Helper()
	time.Sleep(time.Hour)
	w.Must(w.AWS.Queue.Drain(w.Context(), func(context.Context, []emulator.Message) []string { return nil }))
}
