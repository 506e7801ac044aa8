package verify_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/timeline"
	"github.com/ssmbak/ssmbak/verify"
)

const checkpoints = ".ssmbak/checkpoints/"

// checkpoint runs the reconciler of a stack that signs, and returns the newest checkpoint.
func (w *world) checkpoint() archive.Checkpoint {
	w.Helper()
	r := recorder.New(w.Archive, w.Live, recorder.Options{Account: testworld.Account, Region: testworld.Region, Checkpoints: true})
	report, err := r.Reconcile(w.Context(), testworld.Everything(w), recorder.ReconcileOptions{})
	if w.Must(err); !report.Complete {
		w.Fatalf("reconcile: %+v", report)
	}
	return w.lastCheckpoint()
}

func (w *world) lastCheckpoint() archive.Checkpoint {
	w.Helper()
	c, _, err := w.Archive.LastCheckpoint(w.Context())
	w.Must(err)
	return c
}

// buildCheckpoints makes a signed archive with three checkpoints, and a day in which nothing
// changed.
func buildCheckpoints(t *testing.T, rules ...s3api.Expiration) *world {
	t.Helper()
	w := buildWith(t, testworld.Options{Sign: true})
	w.Must(w.AWS.S3.Configure(bucket, s3api.Settings{Expirations: rules}))
	w.Must(w.Archive.KeepSigning(t.Context(), w.Signing))
	time.Sleep(time.Hour)
	w.checkpoint()
	time.Sleep(24 * time.Hour)
	w.put("/app/b", "two", ssmbak.TypeString, true)
	time.Sleep(time.Hour)
	w.checkpoint()
	time.Sleep(24 * time.Hour)
	if c := w.checkpoint(); c.Sequence != 3 {
		t.Fatalf("checkpoint %d, want 3", c.Sequence)
	}
	time.Sleep(time.Hour)
	return w
}

// verified returns what verification finds, as a reader has the archive who knows a public
// key, if it is not nil.
func (w *world) verified(public *ecdsa.PublicKey, o verify.Options) (faults string, report verify.Report) {
	w.Helper()
	a, err := archive.Open(w.Context(), w.Conn.S3(), archive.Options{Bucket: bucket, Account: testworld.Account, Region: testworld.Region, PublicKey: public})
	w.Must(err)
	var all []string
	o.Found = func(f archive.Finding) {
		all = append(all, fmt.Sprint(f.Fault, " ", strings.TrimPrefix(f.Key, ".ssmbak/")))
	}
	report, err = verify.Run(w.Context(), a, testworld.Everything(w), o)
	w.Must(err)
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", "), report
}

// oldest returns the ID of the oldest object version of a key.
func (w *world) oldest(key string) string {
	all := w.AWS.S3.Versions(bucket, key)
	return all[len(all)-1].VersionID
}

// under returns a key under a prefix.
func (w *world) under(prefix string) string {
	w.Helper()
	for _, key := range w.AWS.S3.Keys(bucket) {
		if strings.HasPrefix(key, prefix) {
			return key
		}
	}
	w.Fatalf("there is nothing under %s", prefix)
	return ""
}

// TestCheckpoints plays what a principal can do who may remove and write everything in the
// bucket, but not sign.
func TestCheckpoints(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		attack func(w *world)
		want   string // the faults, sorted
	}{
		{"nothing", func(*world) {}, ""},
		{"a value that is not current", func(w *world) {
			w.AWS.S3.RemoveVersion(bucket, "/app/secret", w.oldest("/app/secret"))
		}, "removed /app/secret"},
		{"a value that was current at the last checkpoint but one", func(w *world) {
			w.AWS.S3.RemoveVersion(bucket, "/app/b", w.oldest("/app/b"))
		}, "removed /app/b"},
		{"everything of a parameter", func(w *world) {
			for _, key := range []string{"/app/gone", ".ssmbak/index/app/gone", ".ssmbak/names/app/gone"} {
				w.remove(key, len(w.AWS.S3.Versions(bucket, key)))
			}
		}, "removed /app/gone, removed index/app/gone, removed names/app/gone"},
		{"the index of the last checkpoint, which is written again", func(w *world) {
			v := w.AWS.S3.Versions(bucket, ".ssmbak/index/app/b")[0]
			w.remove(".ssmbak/index/app/b", 1)
			w.forge(".ssmbak/index/app/b", v.Body, v.Metadata)
		}, "removed index/app/b"},
		{"a checkpoint", func(w *world) { w.remove(checkpoints+"0000000002", 1) }, "broken-chain checkpoints/0000000003"},
		{"the first checkpoint", func(w *world) { w.remove(checkpoints+"0000000001", 1) }, "broken-chain checkpoints/0000000002"},
		{"a checkpoint, with another content", func(w *world) {
			key := checkpoints + "0000000002"
			v := w.AWS.S3.Versions(bucket, key)[0]
			w.remove(key, 1)
			w.forge(key, []byte(strings.Replace(string(v.Body), `"count":`, `"count": `, 1)), v.Metadata)
		}, "broken-chain checkpoints/0000000003, wrong-signature checkpoints/0000000002"},
		{"a checkpoint, over which another one is written", func(w *world) {
			key := checkpoints + "0000000002"
			w.forge(key, w.AWS.S3.Versions(bucket, checkpoints+"0000000001")[0].Body, nil)
		}, "damaged-checkpoint checkpoints/0000000002"},
		{"a checkpoint over which there is a delete marker", func(w *world) { w.hide(checkpoints + "0000000003") }, "hidden-object checkpoints/0000000003"},
		{"a checkpoint that is not signed", func(w *world) {
			w.forge(checkpoints+"0000000009", w.AWS.S3.Versions(bucket, checkpoints+"0000000003")[0].Body, nil)
		}, "unsigned checkpoints/0000000009"},
		{"leaves", func(w *world) { w.remove(w.under(checkpoints+"leaves/"), 1) }, "damaged-checkpoint LEAVES"},
		{"leaves, written again", func(w *world) {
			key := w.under(checkpoints + "leaves/")
			w.remove(key, 1)
			w.forge(key, zipped(w, `{"format":1}`), nil)
		}, "damaged-checkpoint LEAVES"},
		{"leaves, whose text was compressed again", func(w *world) { // only another store can keep its version ID
			key := w.under(checkpoints + "leaves/")
			v, text := w.AWS.S3.Versions(bucket, key)[0], w.read(key)
			w.remove(key, 1)
			was := v.Body
			if v.Body = zipped(w, text); bytes.Equal(v.Body, was) {
				t.Fatal("the bytes are the same")
			}
			w.Must(w.AWS.S3.Load(bucket, []s3api.Version{v}))
		}, "damaged-checkpoint LEAVES"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := buildCheckpoints(t)
				leaves := w.under(checkpoints + "leaves/")
				test.attack(w)
				got, report := w.verified(w.PublicKey(), verify.Options{})
				if got = strings.ReplaceAll(got, strings.TrimPrefix(leaves, ".ssmbak/"), "LEAVES"); got != test.want {
					t.Errorf("verification finds %q, want %q", got, test.want)
				}
				if report.Checkpoints.Number < 2 || report.Checkpoints.ObjectVersions < 10 || report.Checkpoints.Denied {
					t.Errorf("it counted %+v", report.Checkpoints)
				}
				time.Sleep(24 * time.Hour)
				w.checkpoint() // the reconciler continues
			})
		})
	}
}

// TestExplained removes values as lifecycle rules and redactions do, and in other ways that
// look similar.
func TestExplained(t *testing.T) {
	t.Parallel()
	values := s3api.Expiration{ID: "values", Prefix: "/", Days: 30}
	const day = 24 * time.Hour
	for _, test := range []struct {
		name     string
		rules    []s3api.Expiration
		do       func(w *world)
		expired  int
		redacted int
		want     string
	}{
		{"by the rule of then", []s3api.Expiration{values}, func(w *world) {
			time.Sleep(30 * day)
			w.AWS.S3.RemoveVersion(bucket, "/app/secret", w.oldest("/app/secret"))
		}, 1, 0, ""},
		{"earlier than by the rule of then", []s3api.Expiration{values}, func(w *world) {
			time.Sleep(20 * day)
			w.AWS.S3.RemoveVersion(bucket, "/app/secret", w.oldest("/app/secret"))
		}, 0, 0, "removed /app/secret"},
		{"the rule of then is for other keys", []s3api.Expiration{{Prefix: ".ssmbak/index/", Days: 30}}, func(w *world) {
			time.Sleep(60 * day)
			w.AWS.S3.RemoveVersion(bucket, "/app/secret", w.oldest("/app/secret"))
		}, 0, 0, "removed /app/secret"},
		{"by a rule that came later", nil, func(w *world) {
			time.Sleep(60 * day)
			w.Must(w.AWS.S3.Configure(bucket, s3api.Settings{Expirations: []s3api.Expiration{{Prefix: "/", Days: 1}}}))
			w.AWS.S3.RemoveVersion(bucket, "/app/secret", w.oldest("/app/secret"))
		}, 0, 0, "removed /app/secret"},
		{"by a rule that a checkpoint has, before the rule could remove what was current then", []s3api.Expiration{values}, func(w *world) {
			time.Sleep(20 * day)
			w.put("/other", "two", ssmbak.TypeString, true)
			time.Sleep(9 * day)
			w.AWS.S3.RemoveVersion(bucket, "/other", w.oldest("/other"))
		}, 0, 0, "removed /other"},
		{"by a redaction", []s3api.Expiration{values}, func(w *world) { w.redact("/app/secret", 0) }, 0, 1, ""},
		{"by nothing, although another version was redacted", nil, func(w *world) {
			w.put("/app/secret", "hunter4", ssmbak.TypeSecureString, true)
			time.Sleep(time.Hour)
			w.checkpoint()
			w.redact("/app/secret", 0)
			w.AWS.S3.RemoveVersion(bucket, "/app/secret", w.oldest("/app/secret"))
		}, 0, 1, "removed /app/secret"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := buildCheckpoints(t, test.rules...)
				test.do(w)
				var by []string
				got, report := w.verified(w.PublicKey(), verify.Options{Gone: func(g archive.Gone) {
					if !g.Redacted.IsZero() {
						by = append(by, g.Redacted.By)
					}
				}})
				if got != test.want {
					t.Errorf("verification finds %q, want %q", got, test.want)
				}
				if c := report.Checkpoints; c.Expired != test.expired || c.Redacted != test.redacted || len(by) != test.redacted || len(by) > 0 && by[0] != me {
					t.Errorf("it counted %+v, redacted by %q", c, by)
				}
			})
		})
	}
}

// redact redacts a version of a parameter.
func (w *world) redact(name ssmbak.Name, i int) {
	w.Helper()
	x, err := w.Archive.Index(w.Context(), name)
	w.Must(err)
	_, err = archive.NewWriter(w.Archive).Redact(w.Context(), name, x.Facts.Versions[i], timeline.Redaction{At: ssmbak.TimeOf(time.Now()), By: me})
	w.Must(err)
}

// TestRewritten plays an admin who rewrites a value together with its index and all
// checkpoints, with a key of their own. Nothing in the bucket shows it. Who keeps the public
// key, or the line of a checkpoint, finds it.
func TestRewritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := buildCheckpoints(t)
		last := w.lastCheckpoint()
		public := w.PublicKey()
		w.rewrite()
		forged := w.PublicKey()
		if got, report := w.verified(forged, verify.Options{}); got != "" || report.Checkpoints.Number == 0 {
			t.Errorf("with the key of the admin, verification finds %q: %+v", got, report)
		}
		if got, _ := w.verified(nil, verify.Options{}); got != "" {
			t.Errorf("without a key, verification finds %q", got)
		}
		known := verify.Options{Known: []archive.CheckpointLine{last.Line()}}
		for _, key := range []*ecdsa.PublicKey{nil, forged} {
			if got, _ := w.verified(key, known); got != "known-checkpoint checkpoints/0000000003" {
				t.Errorf("with the line of a checkpoint, verification finds %q", got)
			}
		}
		if got, _ := w.verified(public, verify.Options{}); !strings.Contains(got, "wrong-signature index/other") || !strings.Contains(got, "wrong-signature checkpoints/0000000001") {
			t.Errorf("with the public key, verification finds %q", got)
		}
	})
}

// rewrite gives /other another value, and removes what shows it: older objects and
// signatures of another key.
func (w *world) rewrite() {
	w.Helper()
	v := w.AWS.S3.Versions(bucket, "/other")[0]
	w.forge("/other", []byte("forged"), v.Metadata)
	w.edit(otherIndex, v.VersionID, w.AWS.S3.Versions(bucket, "/other")[0].VersionID)
	w.AWS.S3.RemoveVersion(bucket, "/other", v.VersionID)
	keep := func(key string) string { // removes all but the newest version
		all := w.AWS.S3.Versions(bucket, key)
		for _, old := range all[1:] {
			w.AWS.S3.RemoveVersion(bucket, key, old.VersionID)
		}
		return all[0].VersionID
	}
	keep(otherIndex)
	for _, key := range w.AWS.S3.Keys(bucket) {
		if strings.HasPrefix(key, checkpoints) {
			w.remove(key, len(w.AWS.S3.Versions(bucket, key)))
		}
	}
	w.remove(".ssmbak/proved", len(w.AWS.S3.Versions(bucket, ".ssmbak/proved")))
	w.StartSigning()
	w.Establish()
	w.Must(w.Archive.KeepSigning(w.Context(), w.Signing))
	for range 3 {
		w.checkpoint()
		time.Sleep(24 * time.Hour)
	}
	for _, key := range w.AWS.S3.Keys(bucket) {
		if strings.HasPrefix(key, indexes) || key == reconciled || key == ".ssmbak/archive" {
			keep(key)
		}
	}
}

// TestCopy compares the archive with a copy of its bucket in which removals of versions are
// not repeated.
func TestCopy(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		attack func(w *world)
		want   string
	}{
		{"nothing", func(*world) {}, ""},
		{"a value is removed from the source", func(w *world) {
			w.AWS.S3.RemoveVersion(bucket, "/app/secret", w.oldest("/app/secret"))
		}, "not-in-source /app/secret"},
		{"a checkpoint is removed from the source", func(w *world) {
			w.remove(checkpoints+"0000000003", 1)
		}, "not-in-source checkpoints/0000000003"},
		{"value, index and checkpoints are rewritten, and everything is signed again", func(w *world) {
			w.rewrite()
			w.AWS.S3.RemoveVersion("copy", "/app/secret", w.oldest("/app/secret"))
		}, "not-in-copy /app/secret, not-in-copy /other, INDEXES, not-in-source /other, INDEXES, " +
			"rewritten checkpoints/0000000001, rewritten checkpoints/0000000002, rewritten checkpoints/0000000003"},
		{"a value is removed from the copy", func(w *world) {
			w.AWS.S3.RemoveVersion("copy", "/app/secret", w.oldest("/app/secret"))
		}, "not-in-copy /app/secret"},
		{"what was written since is not in the copy", func(w *world) {
			w.put("/app/a", "new", ssmbak.TypeString, true)
			time.Sleep(24 * time.Hour)
			w.checkpoint()
			time.Sleep(24 * time.Hour)
		}, "not-in-copy /app/a, not-in-copy checkpoints/0000000004, not-in-copy index/app/a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := buildCheckpoints(t)
				key := w.Key
				w.AWS.S3.CreateBucket("copy", true)
				var all []s3api.Version
				for _, key := range w.AWS.S3.Keys(bucket) {
					versions := w.AWS.S3.Versions(bucket, key)
					slices.Reverse(versions) // in the order in which they were stored
					all = append(all, versions...)
				}
				w.Must(w.AWS.S3.Load("copy", all))
				test.attack(w)
				open := func(name string) *archive.Archive {
					a, err := archive.Open(t.Context(), w.Conn.S3(), archive.Options{Bucket: name, Account: testworld.Account, Region: testworld.Region})
					w.Must(err)
					return a
				}
				var found []string
				report, err := verify.CompareCopy(t.Context(), open("copy"), open(bucket), func(f archive.Finding) {
					found = append(found, fmt.Sprint(f.Fault, " ", strings.TrimPrefix(f.Key, ".ssmbak/")))
				})
				w.Must(err)
				slices.Sort(found)
				if w.Key != key { // all indexes were signed again
					for i, f := range found {
						if strings.Contains(f, " index/") {
							found[i] = "INDEXES"
						}
					}
				}
				if got := strings.Join(slices.Compact(found), ", "); got != test.want {
					t.Errorf("found %q, want %q: %+v", got, test.want, report)
				}
			})
		})
	}
}

// TestWhenCheckpoints checks when a small archive gets a checkpoint: after a change, and
// once a day otherwise. The objects with leaves that did not change are not written again.
func TestWhenCheckpoints(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := buildWith(t, testworld.Options{Sign: true})
		expect := func(what string, sequence int64) {
			t.Helper()
			if c := w.checkpoint(); c.Sequence != sequence {
				t.Errorf("%s: checkpoint %d, want %d", what, c.Sequence, sequence)
			}
			time.Sleep(time.Hour)
		}
		expect("the first reconcile", 1)
		w.checkpoint() // it completes what the first one wrote
		time.Sleep(time.Hour)
		last := w.checkpoint().Sequence
		time.Sleep(time.Hour)
		expect("nothing changed", last)
		w.put("/other", "two", ssmbak.TypeString, true)
		expect("a change", last+1)
		expect("nothing changed", last+1)
		before := len(w.AWS.S3.Versions(bucket, w.under(checkpoints+"leaves/")))
		time.Sleep(23 * time.Hour)
		expect("a day", last+2)
		if n := len(w.AWS.S3.Versions(bucket, w.under(checkpoints+"leaves/"))); n != before {
			t.Errorf("the same leaves were written %d times", n)
		}
		if !w.Archive.Signs() {
			t.Fatal("the archive is not signed")
		}
	})
}

// TestNoCheckpoints checks that an archive that is not signed has no checkpoints, and gets
// one when it is signed later.
func TestNoCheckpoints(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := build(t)
		time.Sleep(time.Hour)
		if c := w.checkpoint(); c.Sequence != 0 {
			t.Errorf("checkpoint %d of an archive that is not signed", c.Sequence)
		}
		if _, report := w.verified(nil, verify.Options{}); report.Checkpoints != (verify.Checkpoints{}) {
			t.Errorf("verification counts %+v", report.Checkpoints)
		}
		known := archive.CheckpointLine{Sequence: 1, Time: ssmbak.TimeOf(time.Now()), SHA256: strings.Repeat("0", 64)}
		if got, _ := w.verified(nil, verify.Options{Known: []archive.CheckpointLine{known}}); got != "known-checkpoint checkpoints/0000000001" {
			t.Errorf("verification with a known checkpoint finds %q", got)
		}
		w.StartSigning()
		w.Establish()
		if c := w.checkpoint(); c.Sequence != 1 {
			t.Errorf("checkpoint %d once the archive is signed", c.Sequence)
		}
		if got, report := w.verified(w.PublicKey(), verify.Options{}); got != "" || report.Checkpoints.Number != 1 {
			t.Errorf("then verification finds %q: %+v", got, report.Checkpoints)
		}
	})
}

// TestTwoCheckpoints lets two reconcilers write a checkpoint at the same time. One of them
// does.
func TestTwoCheckpoints(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := buildCheckpoints(t)
		time.Sleep(24 * time.Hour)
		other, _ := w.Another(w.Conn)
		// Both have read what is there before either of them writes.
		w.AWS.Faults.Add(emulator.Rule{Service: "s3", Op: "PutObject", KeyPrefix: checkpoints, Fault: emulator.Fault{Delay: time.Second}})
		wrote := make(chan bool)
		for _, a := range []*archive.Archive{w.Archive, other} {
			go func() {
				one, err := archive.NewWriter(a).Checkpoint(context.WithoutCancel(t.Context()))
				if err != nil {
					t.Error(err)
				}
				wrote <- one
			}()
		}
		if first, second := <-wrote, <-wrote; first == second {
			t.Errorf("both wrote: %v", first)
		}
		if got, report := w.verified(w.PublicKey(), verify.Options{}); got != "" || report.Checkpoints.Number != 4 {
			t.Errorf("verification finds %q: %+v", got, report.Checkpoints)
		}
	})
}

// TestPlantedCheckpoint writes a checkpoint without a signature in the first hour of signing,
// in which unsigned indexes are accepted. The reconciler builds on no such checkpoint.
func TestPlantedCheckpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := buildCheckpoints(t)
		planted := w.AWS.S3.Versions(bucket, checkpoints+"0000000001")[0].Body
		for _, key := range w.AWS.S3.Keys(bucket) {
			if strings.HasPrefix(key, checkpoints) {
				w.remove(key, len(w.AWS.S3.Versions(bucket, key)))
			}
		}
		w.StartSigning()
		w.Establish()
		w.forge(checkpoints+"0000000001", planted, nil)
		if c := w.checkpoint(); c.Sequence != 2 || c.Before != nil {
			t.Errorf("checkpoint %d follows %v", c.Sequence, c.Before)
		}
	})
}

// TestChain removes a checkpoint and lets the reconciler write another one in its place, as
// after a theft of the function's role. The one after it does not follow that.
func TestChain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := buildCheckpoints(t)
		third := w.AWS.S3.Versions(bucket, checkpoints+"0000000003")[0]
		w.remove(checkpoints+"0000000003", 1)
		w.remove(checkpoints+"0000000002", 1)
		w.put("/other", "two", ssmbak.TypeString, true)
		w.checkpoint()
		w.forge(checkpoints+"0000000003", third.Body, third.Metadata)
		if got, _ := w.verified(w.PublicKey(), verify.Options{}); got != "broken-chain checkpoints/0000000003" {
			t.Errorf("verification finds %q", got)
		}
	})
}
