package verify_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/verify"
)

const (
	otherIndex = ".ssmbak/index/other"
	reconciled = ".ssmbak/reconciled"
)

// reader returns the archive as a reader has it who knows the public key.
func (w *world) reader() *archive.Archive {
	w.Helper()
	a, err := archive.Open(w.Context(), w.Conn.S3(), archive.Options{Bucket: bucket, Account: testworld.Account, Region: testworld.Region, PublicKey: w.PublicKey()})
	w.Must(err)
	return a
}

// readsSigned returns what such a reader knows about a parameter now, and the keys that it names.
func (w *world) readsSigned(name ssmbak.Name) (s ssmbak.State, complete ssmbak.Time, unsigned string) {
	w.Helper()
	a := w.reader()
	snap, err := a.At(w.Context(), ssmbak.NameTarget(name), ssmbak.TimeOf(time.Now().Add(-time.Hour-time.Minute)), archive.AllValues)
	w.Must(err)
	if len(snap.States) == 1 {
		s = snap.States[0]
	}
	var keys []string
	for _, u := range a.Unsigned() {
		keys = append(keys, u.Key)
	}
	return s, snap.Complete, strings.Join(keys, " ")
}

// faults returns what verification with the public key finds.
func (w *world) faults() string {
	w.Helper()
	var all []string
	_, err := verify.Run(w.Context(), w.reader(), testworld.Everything(w), verify.Options{Found: func(f archive.Finding) {
		all = append(all, fmt.Sprintf("%s %s", f.Fault, f.Key))
	}})
	w.Must(err)
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}

// cacheHas checks that the reconcile cache is intact, and has an entry of a parameter.
func (w *world) cacheHas(name ssmbak.Name) {
	w.Helper()
	c, err := w.Archive.Cache(w.Context())
	w.Must(err)
	if _, ok := c.Entries[name]; !ok {
		w.Fatalf("the reconcile cache has no entry of %s", name)
	}
}

// falsified returns an index of /other with a deletion that never happened.
func (w *world) falsified() []byte {
	return zipped(w, strings.Replace(w.read(otherIndex), `"looks":[`, fmt.Sprintf(`"deletions":[{"event":"forged","second":%d}],"looks":[`, time.Now().Unix()-3*3600), 1))
}

// signature returns the signature of the current version of an object.
func (w *world) signature(key string) map[string]string {
	return w.AWS.S3.Versions(bucket, key)[0].Metadata
}

// TestSigned plays what a principal can do to a signed archive who may write to the bucket,
// but not sign. A reader who knows the public key names it at once, and the next reconcile
// restores the truth.
func TestSigned(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		forge  func(w *world)
		names  string // by the reader, before the reconcile
		faults string // found by verification
		after  string // found by it after the reconcile
	}{
		{"nothing", func(*world) {}, "", "", ""},
		{"an index", func(w *world) { w.forge(otherIndex, w.falsified(), nil) }, otherIndex, "unsigned " + otherIndex, "unsigned " + otherIndex},
		{
			"an index, with the signature of another version", func(w *world) { w.forge(otherIndex, w.falsified(), w.signature(otherIndex)) },
			otherIndex, "wrong-signature " + otherIndex, "wrong-signature " + otherIndex,
		},
		{"an index and the cache", func(w *world) {
			w.forge(otherIndex, w.falsified(), nil)
			w.cached("/other")
		}, otherIndex, "unsigned " + otherIndex + ", unsigned .ssmbak/proved", "unsigned " + otherIndex},
		{"an index, by that of another parameter", func(w *world) {
			v := w.AWS.S3.Versions(bucket, ".ssmbak/index/app/gone")[0]
			body := zipped(w, strings.Replace(w.read(".ssmbak/index/app/gone"), "/app/gone", "/other", 1))
			w.forge(otherIndex, body, v.Metadata)
		}, otherIndex, "wrong-signature " + otherIndex, "wrong-signature " + otherIndex},
		{"what is complete", func(w *world) {
			w.change(reconciled, func(f map[string]any) { f["last"] = time.Now().UTC().Format(time.RFC3339) })
		}, reconciled, "unsigned " + reconciled, ""},
		{"the progress of a listing that compared nothing", func(w *world) {
			w.forge(".ssmbak/listing", zipped(w, fmt.Sprintf(`{"format":1,"writer":"x","id":"forged","began":%q,"tags":true,"labels":true,"total":9}`, time.Now().UTC().Format(time.RFC3339))), nil)
			w.forge(otherIndex, w.falsified(), nil)
		}, otherIndex, "unsigned " + otherIndex + ", unsigned .ssmbak/listing", "unsigned " + otherIndex},
		{"the same index without its signature", func(w *world) {
			w.forge(otherIndex, w.AWS.S3.Versions(bucket, otherIndex)[0].Body, nil)
			w.forge(".ssmbak/proved", []byte("junk"), nil) // else the cache says for up to a week that it is unchanged
		}, otherIndex, "unsigned " + otherIndex + ", unsigned .ssmbak/proved", "unsigned " + otherIndex},
		{"a forged index over which there is a delete marker", func(w *world) {
			w.forge(otherIndex, w.falsified(), nil)
			w.hide(otherIndex)
		}, "", "hidden-index " + otherIndex + ", unsigned " + otherIndex, "unsigned " + otherIndex},
		{"how it is signed", func(w *world) {
			w.change(".ssmbak/archive", func(f map[string]any) { delete(f, "sign") })
		}, "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := buildWith(t, testworld.Options{Sign: true})
				w.Must(w.Archive.KeepSigning(t.Context(), w.Signing))
				time.Sleep(time.Hour)
				w.reconcile()
				time.Sleep(time.Hour)
				w.reconcile()
				w.cacheHas("/other")
				time.Sleep(time.Hour)
				_, last, unsigned := w.readsSigned("/other")
				if unsigned != "" {
					t.Fatalf("before: %s is not signed", unsigned)
				}
				x, err := w.Archive.Index(t.Context(), "/other")
				w.Must(err)
				test.forge(w)
				st, complete, unsigned := w.readsSigned("/other")
				if unsigned != test.names {
					t.Errorf("a reader names %q, want %q", unsigned, test.names)
				}
				if strings.Contains(test.names, otherIndex) == (st.Certainty == ssmbak.Proved) && test.names != "" && test.names != reconciled {
					t.Errorf("a reader calls %s proved", st.Certainty)
				}
				if complete > last {
					t.Errorf("a reader says complete up to %s, want %s at most", complete, last)
				}
				if got := w.faults(); got != test.faults {
					t.Errorf("verification finds %q, want %q", got, test.faults)
				}
				time.Sleep(time.Hour)
				report := w.reconcile()
				if !report.Complete || len(report.Failed) > 0 {
					t.Errorf("reconcile: %+v", report)
				}
				if want := strings.Contains(test.names, otherIndex); (len(report.Forged) == 1) != want {
					t.Errorf("the reconcile names %v", report.Forged)
				}
				time.Sleep(time.Hour)
				w.reconcile()
				time.Sleep(time.Minute)
				if st, _, unsigned := w.readsSigned("/other"); st.Deleted || st.Certainty != ssmbak.Proved || st.Value.V.Reveal() != "one of /other" || unsigned != "" {
					t.Errorf("after the reconcile: %+v, not signed: %q", st, unsigned)
				}
				if got := w.faults(); got != test.after {
					t.Errorf("verification finds %q after the reconcile, want %q", got, test.after)
				}
				now, err := w.Archive.Index(t.Context(), "/other")
				if err != nil || len(now.Facts.Versions) != len(x.Facts.Versions) || len(now.Facts.Deletions) != 0 {
					t.Errorf("after the reconcile: %+v, %v", now.Facts, err)
				}
				if sign := fmt.Sprint(w.object(".ssmbak/archive")["sign"]); !strings.Contains(sign, w.Key) {
					t.Errorf("after the reconcile the archive says %s about its signatures", sign)
				}
			})
		})
	}
}

// TestReplayed writes an older signed version of an index again, together with the older
// reconcile cache that knew it. Its signature is right. Verification finds it at once, and
// the weekly look without the cache restores the facts.
func TestReplayed(t *testing.T) {
	if testing.Short() {
		t.Skip("it signs for a week")
	}
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := buildWith(t, testworld.Options{Sign: true})
		time.Sleep(time.Hour)
		w.reconcile()
		time.Sleep(time.Hour)
		w.reconcile()
		x, err := w.Archive.Index(t.Context(), "/other")
		w.Must(err)
		all := w.AWS.S3.Versions(bucket, otherIndex)
		old := all[len(all)-1] // the first, which had no version yet
		w.forge(otherIndex, old.Body, old.Metadata)
		if _, _, unsigned := w.readsSigned("/other"); unsigned != "" {
			t.Errorf("a reader names %s, whose signature is right", unsigned)
		}
		if got, want := w.faults(), "lost-facts "+otherIndex; !strings.Contains(got, want) {
			t.Errorf("verification finds %q, want %q", got, want)
		}
		w.week(func() string {
			now, err := w.Archive.Index(t.Context(), "/other")
			if err != nil || len(now.Facts.Versions) != len(x.Facts.Versions) {
				return fmt.Sprintf("%+v, %v", now.Facts, err)
			}
			return ""
		})
	})
}

// TestSigningBegins begins to sign an archive that is not signed yet. The first complete
// reconcile signs what is there, also what is excluded and what was deleted. From then on
// nothing is accepted without a signature.
func TestSigningBegins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := build(t)
		time.Sleep(time.Hour)
		w.reconcile()
		time.Sleep(24 * time.Hour)
		w.StartSigning()
		w.Establish()
		if got := w.faults(); strings.Count(got, "unsigned "+indexes) != 6 || !strings.Contains(got, "unsigned "+reconciled) {
			t.Errorf("before the first reconcile verification finds %q", got)
		}
		w.Recorder = recorder.New(w.Archive, w.Live, recorder.Options{Account: testworld.Account, Region: testworld.Region, Exclude: []string{"/app/b"}})
		report, err := w.Recorder.Reconcile(t.Context(), testworld.Everything(t), recorder.ReconcileOptions{})
		if err != nil || !report.Complete || len(report.Forged) > 0 {
			t.Fatalf("reconcile: %+v, %v", report, err)
		}
		if got := w.faults(); got != "" {
			t.Errorf("after the first reconcile verification finds %q", got)
		}
		if r, err := w.Archive.Reconciled(t.Context()); err != nil || r.Signed.IsZero() || r.First.After(r.Signed) {
			t.Errorf("reconciled: %+v, %v", r, err)
		}
		time.Sleep(2 * time.Hour)
		w.forge(".ssmbak/index/new", zipped(w, `{"format":1,"name":"/new","swap":1,"writer":"x","versions":[{"number":1,"time":"2000-01-01T01:00:00Z","type":"String"}]}`), nil)
		report = w.reconcile()
		var damaged *archive.DamagedError
		if len(report.Failed) != 1 || !errors.As(report.Failed[0].Err, &damaged) {
			t.Errorf("an index without any signed version: %+v", report.Failed)
		}
	})
}

// indexes is the prefix of the keys of indexes.
const indexes = ".ssmbak/index/"

// TestSigningKeyDisabled disables the key. Recording fails and loses nothing: the change
// returns to the queue, and is recorded once the key is enabled again.
func TestSigningKeyDisabled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := buildWith(t, testworld.Options{Sign: true})
		w.AWS.DisableSigningKey(w.Key, true)
		_, err := w.Live.Put(t.Context(), paramstore.Write{Name: "/other", Value: ssmbak.NewValue("two"), Overwrite: true, Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}})
		w.Must(err)
		time.Sleep(2 * time.Second)
		before, returned := w.AWS.S3.Versions(bucket, otherIndex)[0].VersionID, 0
		handle := testworld.Handler(w.Recorder)
		w.Must(w.AWS.Queue.Drain(t.Context(), func(ctx context.Context, batch []emulator.Message) []string {
			failed := handle(ctx, batch)
			if returned += len(failed); returned == 2 && len(failed) > 0 {
				if now := w.AWS.S3.Versions(bucket, otherIndex)[0].VersionID; now != before {
					t.Error("the index was written without a signature")
				}
				w.AWS.DisableSigningKey(w.Key, false)
			}
			return failed
		}))
		if st := w.at("/other", ssmbak.TimeOf(time.Now())); returned != 2 || st.Value.V.Reveal() != "two" {
			t.Errorf("returned %d times, then %+v", returned, st)
		}
		if got := w.faults(); got != "" {
			t.Errorf("verification finds %q", got)
		}
	})
}
