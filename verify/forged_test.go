package verify_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/extent"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/restore"
	"github.com/ssmbak/ssmbak/timeline"
	"github.com/ssmbak/ssmbak/verify"
)

const me = "arn:aws:iam::123456789012:user/local"

// reconcile runs the reconciler of a stack, which believes its cache for at most a week.
func (w *world) reconcile() recorder.Report {
	w.Helper()
	r := recorder.New(w.Archive, w.Live, recorder.Options{Account: testworld.Account, Region: testworld.Region, CheckEvery: 7 * 24 * time.Hour})
	report, err := r.Reconcile(w.Context(), testworld.Target(w.TB, "/", true), recorder.ReconcileOptions{})
	w.Must(err)
	return report
}

// week reconciles every hour for a week, after which wrong must no longer say what is. Without
// SSMBAK_LONG it ends when wrong does not.
func (w *world) week(wrong func() string) {
	w.Helper()
	for range 7 * 24 {
		time.Sleep(time.Hour)
		if w.reconcile(); !extent.Long() && wrong() == "" {
			return
		}
	}
	if is := wrong(); is != "" {
		w.Errorf("after a week: %s", is)
	}
}

func (w *world) at(name string, at ssmbak.Time) ssmbak.State {
	w.Helper()
	s, err := w.Archive.At(w.Context(), ssmbak.NameTarget(ssmbak.Name(name)), at, archive.AllValues)
	w.Must(err)
	if len(s.States) != 1 {
		w.Fatalf("%s: %+v", name, s)
	}
	return s.States[0]
}

func (w *world) complete() ssmbak.Time {
	w.Helper()
	s, err := w.Archive.At(w.Context(), testworld.Target(w.TB, "/", true), ssmbak.TimeOf(time.Now()), archive.NoValues)
	w.Must(err)
	return s.Complete
}

// object reads a JSON object of the archive.
func (w *world) object(key string) (fields map[string]any) {
	w.Helper()
	all := w.AWS.S3.Versions(bucket, key)
	w.Must(json.Unmarshal(all[0].Body, &fields))
	return fields
}

// change replaces a JSON object of the archive.
func (w *world) change(key string, edit func(fields map[string]any)) {
	w.Helper()
	fields := w.object(key)
	edit(fields)
	text, err := json.Marshal(fields)
	w.Must(err)
	w.forge(key, text, nil)
}

// cached makes the reconcile cache agree with a forged index.
func (w *world) cached(name string) {
	w.Helper()
	index := w.AWS.S3.Versions(bucket, ".ssmbak/index"+name)[0]
	var lines []string
	for _, line := range strings.Split(strings.TrimSpace(w.read(".ssmbak/proved")), "\n") {
		var fields map[string]any
		w.Must(json.Unmarshal([]byte(line), &fields))
		if fields["name"] == name {
			fields["etag"], fields["id"] = index.ETag, index.VersionID
		}
		text, err := json.Marshal(fields)
		w.Must(err)
		lines = append(lines, string(text))
	}
	w.forge(".ssmbak/proved", zipped(w, strings.Join(lines, "\n")), nil)
}

// TestForgedReconciled replaces .ssmbak/reconciled, by one PutObject each.
func TestForgedReconciled(t *testing.T) {
	t.Parallel()
	const key = ".ssmbak/reconciled"
	for _, test := range []struct {
		name  string
		forge func(w *world)
		check func(w *world, before ssmbak.Time, first any)
	}{
		{"in the future", func(w *world) {
			w.change(key, func(f map[string]any) { f["last"] = "2099-01-01T00:00:00Z" })
		}, func(w *world, before ssmbak.Time, _ any) {
			if got := w.complete(); got != before {
				w.Errorf("complete up to %s, want %s as before", got, before)
			}
		}},
		{"junk", func(w *world) { w.forge(key, []byte("junk"), nil) }, func(w *world, before ssmbak.Time, _ any) {
			if got := w.complete(); got != before {
				w.Errorf("complete up to %s, want %s as before", got, before)
			}
		}},
		{"by a multipart upload", func(w *world) {
			fields := w.object(key)
			fields["last"] = time.Now().UTC().Add(-time.Minute).Format(time.RFC3339)
			text, err := json.Marshal(fields)
			w.Must(err)
			w.Must(w.AWS.S3.PutMultipart(bucket, key, text))
		}, func(w *world, before ssmbak.Time, _ any) {
			if got := w.complete(); got != before {
				w.Errorf("complete up to %s, want %s as before", got, before)
			}
		}},
		{"without missed names, and as if it had begun earlier", func(w *world) {
			w.change(key, func(f map[string]any) {
				delete(f, "missed")
				delete(f, "once")
				f["first"] = "1999-01-01T00:00:00Z"
			})
		}, func(*world, ssmbak.Time, any) {}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := build(t)
				w.Must(archive.NewWriter(w.Archive).NoteMissed(t.Context(), time.Now(), []ssmbak.Name{"/app/lost"}))
				w.reconcile()
				before, first := w.complete(), w.object(key)["first"]
				time.Sleep(time.Hour)
				test.forge(w)
				test.check(w, before, first)
				time.Sleep(time.Hour)
				began := ssmbak.TimeOf(time.Now())
				w.reconcile()
				if got := w.complete(); got != began {
					t.Errorf("complete up to %s after a reconcile, want %s", got, began)
				}
				if got := w.object(key); got["first"] != first || !strings.Contains(fmt.Sprint(got["missed"]), "/app/lost") {
					t.Errorf("after a reconcile: %v, want the first listing at %v and the missed name", got, first)
				}
			})
		})
	}
}

// TestForgedLabels replaces .ssmbak/reconciled by one that says that all labels were just
// compared, while the event of a label is lost. A listing that compares no labels does not
// keep that, so that no fact says that the label was not there, and keeps what a deep one
// found.
func TestForgedLabels(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const name, key = "/app/b", ".ssmbak/reconciled"
		w := build(t)
		time.Sleep(time.Hour)
		w.reconcile()
		time.Sleep(time.Hour)
		labelled := ssmbak.TimeOf(time.Now())
		w.Must(w.Live.Label(t.Context(), name, 1, []string{"prod"}))
		w.Must(w.AWS.Queue.Drain(t.Context(), func(context.Context, []emulator.Message) []string { return nil }))
		time.Sleep(time.Hour)
		w.change(key, func(f map[string]any) { f["labels"] = time.Now().UTC().Format(time.RFC3339) })
		time.Sleep(time.Hour)
		w.reconcile()
		w.put(name, "two", ssmbak.TypeString, true)
		w.Record()
		x, err := w.Archive.Index(t.Context(), name)
		w.Must(err)
		for _, f := range x.Facts.Labels {
			if f.Event == "" && len(f.Labels) == 0 && max(f.At, f.LastAt) > labelled {
				t.Errorf("a fact of a listing that never compared labels: %+v", f)
			}
		}
		time.Sleep(time.Hour)
		r := recorder.New(w.Archive, w.Live, recorder.Options{Account: testworld.Account, Region: testworld.Region})
		_, err = r.Reconcile(t.Context(), testworld.Target(t, "/", true), recorder.ReconcileOptions{Deep: true})
		w.Must(err)
		deep := w.object(key)["labels"]
		time.Sleep(time.Hour)
		w.reconcile()
		if got := w.object(key)["labels"]; deep == nil || got != deep {
			t.Errorf("labels were compared at %v, and after a listing that compares none, at %v", deep, got)
		}
	})
}

// TestForgedIdentity replaces .ssmbak/archive by one that began earlier, which would make
// parameters absent of which nothing is known.
func TestForgedIdentity(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := build(t)
		const key = ".ssmbak/archive"
		created := w.object(key)["created"]
		w.change(key, func(f map[string]any) { f["created"] = "1999-01-01T00:00:00Z" })
		w.reconcile()
		if got := w.object(key)["created"]; got != created {
			t.Errorf("created %v, want %v", got, created)
		}
	})
}

// TestForgedFacts changes the facts of an index. If facts are removed, the next reconcile
// restores them; with a cache that says that the index was compared, and with false facts,
// the true state is back within a week.
func TestForgedFacts(t *testing.T) {
	t.Parallel()
	removed := func(w *world) {
		all := w.AWS.S3.Versions(bucket, ".ssmbak/index/other")
		w.forge(".ssmbak/index/other", all[len(all)-1].Body, nil) // the first, which had none yet
	}
	for _, test := range []struct {
		name   string
		cached bool
		forge  func(w *world)
	}{
		{"a deletion", true, func(w *world) {
			w.edit(".ssmbak/index/other", `"looks":[`, fmt.Sprintf(`"deletions":[{"event":"forged","second":%d}],"looks":[`, time.Now().Unix()-60))
		}},
		{"an observation that it does not exist", true, func(w *world) {
			at := time.Now().UTC().Add(-time.Minute).Format(time.RFC3339)
			w.edit(".ssmbak/index/other", `"looks":[`, fmt.Sprintf(`"looks":[{"gone":true,"sure":%q,"seen":%q},`, at, at))
		}},
		{"a version is removed", true, removed},
		{"a version is removed, and the cache knows the index from before", false, removed},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := build(t)
				w.reconcile()
				time.Sleep(time.Hour)
				w.reconcile()
				x, err := w.Archive.Index(t.Context(), "/other")
				w.Must(err)
				test.forge(w)
				wrong := func() string {
					now, err := w.Archive.Index(t.Context(), "/other")
					if err != nil || len(now.Facts.Versions) != len(x.Facts.Versions) || len(now.Facts.Versions) == 0 || len(now.Facts.Versions[0].Events) != 1 {
						return fmt.Sprintf("%+v, %v, want the facts of %+v", now.Facts, err, x.Facts)
					}
					if st := w.at("/other", ssmbak.TimeOf(time.Now().Add(-time.Hour))); st.Deleted || st.Value.V.Reveal() != "one of /other" || st.Certainty != ssmbak.Proved {
						return fmt.Sprintf("%+v", st)
					}
					return ""
				}
				if test.cached {
					w.cached("/other")
					w.week(wrong)
					return
				}
				time.Sleep(time.Hour)
				w.reconcile()
				if is := wrong(); is != "" {
					t.Errorf("after one reconcile: %s", is)
				}
			})
		})
	}
}

// TestForgedCurrent makes another object version, or a delete marker, the current one of a
// value. Readers answer as before, and the next reconcile makes the value current again.
func TestForgedCurrent(t *testing.T) {
	t.Parallel()
	const name, value = "/other", "one of /other"
	for how, forge := range map[string]func(w *world){
		"another object version": func(w *world) { w.forge(name, []byte("forged"), nil) },
		"a delete marker":        func(w *world) { w.hide(name) },
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := build(t)
				w.reconcile()
				time.Sleep(time.Hour)
				forge(w)
				if st := w.at(name, ssmbak.TimeOf(time.Now())); st.Deleted || st.Value.V.Reveal() != value {
					t.Errorf("a reader: %+v, want the value", st)
				}
				time.Sleep(time.Hour)
				w.reconcile()
				if top := w.AWS.S3.Versions(bucket, name)[0]; top.Marker || string(top.Body) != value {
					t.Errorf("after a reconcile the current object is %q (delete marker: %v)", top.Body, top.Marker)
				}
			})
		})
	}
}

// TestForgedRedaction writes a redaction into an index. The value is refused, each
// verification says who is supposed to have redacted it, and its object stays.
func TestForgedRedaction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := build(t)
		w.reconcile()
		time.Sleep(time.Hour)
		const by = "arn:aws:iam::123456789012:user/forger"
		at := time.Now().UTC().Add(-time.Minute).Format(time.RFC3339)
		w.edit(".ssmbak/index/other", `"number":1,"time"`, fmt.Sprintf(`"number":1,"redacted":{"at":%q,"by":%q},"time"`, at, by))
		if st := w.at("/other", ssmbak.TimeOf(time.Now())); st.Deleted || st.Value.IsKnown() {
			t.Errorf("a reader: %+v, want the value refused", st)
		}
		w.reconcile()
		var found []string
		_, err := verify.Run(t.Context(), w.Archive, testworld.Target(t, "/", true), verify.Options{Redacted: func(name ssmbak.Name, v timeline.Version) {
			found = append(found, string(name)+" by "+v.Redacted.By)
		}})
		if err != nil || len(found) != 1 || found[0] != "/other by "+by {
			t.Errorf("verification lists the redactions %q, %v", found, err)
		}
		if all := w.AWS.S3.Versions(bucket, "/other"); string(all[len(all)-1].Body) != "one of /other" {
			t.Errorf("the object of the value is gone: %+v", all)
		}
	})
}

// TestForgedListing says in the progress of a listing that nothing is left to be compared. The
// listing that follows in the same reconcile records what was missed.
func TestForgedListing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := build(t)
		w.reconcile()
		_, err := w.Live.Put(w.Context(), paramstore.Write{Name: "/other", Value: ssmbak.NewValue("two"), Overwrite: true, Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}})
		w.Must(err)
		w.lose()
		w.forge(".ssmbak/listing", zipped(w, fmt.Sprintf(`{"format":1,"writer":"w","id":"1","began":%q,"tags":true,"total":5}`, time.Now().UTC().Format(time.RFC3339))), nil)
		report := w.reconcile()
		if st := w.at("/other", ssmbak.TimeOf(time.Now())); !report.Complete || st.Value.V.Reveal() != "two" {
			t.Errorf("after a reconcile: %+v, %+v, want the change", report, st)
		}
	})
}

// TestForgedVersion adds a version that Parameter Store never had to an index. The
// reconcile says so each time.
func TestForgedVersion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := build(t)
		w.reconcile()
		time.Sleep(time.Hour)
		at := time.Now().UTC().Add(-time.Minute).Format(time.RFC3339)
		w.edit(".ssmbak/index/other", `"versions":[`, fmt.Sprintf(`"versions":[{"number":9,"time":%q,"type":"String"},`, at))
		report := w.reconcile()
		var contradiction *recorder.ContradictionError
		if len(report.Failed) != 1 || !errors.As(report.Failed[0].Err, &contradiction) || contradiction.Version.Number != 9 {
			t.Errorf("failed %v, want the contradiction", report.Failed)
		}
		s, err := w.Archive.At(t.Context(), testworld.Target(t, "/", true), ssmbak.TimeOf(time.Now()), archive.NoValues)
		if err != nil || len(s.Unproved.Unsure) != 1 {
			t.Errorf("a reader: %+v, %v, want the name unsure", s.Unproved, err)
		}
	})
}

// TestForgedCopy adds a copy of a value, which differs, to an index.
func TestForgedCopy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := build(t)
		v := w.AWS.S3.Versions(bucket, "/other")[0]
		w.forge("/other", []byte("forged"), v.Metadata)
		forged := w.AWS.S3.Versions(bucket, "/other")[0].VersionID
		w.edit(".ssmbak/index/other", `"objects":[`, fmt.Sprintf(`"objects":[{"id":%q,"written":"2000-01-01T00:00:01Z"},`, forged))
		if st := w.at("/other", ssmbak.TimeOf(time.Now())); st.Value.IsKnown() {
			t.Errorf("a value was read of copies that differ: %+v", st)
		}
	})
}

// TestForgedValues lets an index name the wrong object for a version.
func TestForgedValues(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		forge func(w *world) (old string)
	}{
		{"of another version", func(w *world) string {
			all := w.AWS.S3.Versions(bucket, "/app/a")
			w.forge("/app/a", []byte("forged"), all[len(all)-1].Metadata)
			return all[1].VersionID
		}},
		{"by a multipart upload", func(w *world) string {
			old := w.AWS.S3.Versions(bucket, "/app/a")[0].VersionID
			w.Must(w.AWS.S3.PutMultipart(bucket, "/app/a", []byte("forged")))
			return old
		}},
		{"without metadata", func(w *world) string {
			old := w.AWS.S3.Versions(bucket, "/app/a")[0].VersionID
			w.forge("/app/a", []byte("forged"), nil)
			return old
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := build(t)
				old := test.forge(w)
				w.edit(".ssmbak/index/app/a", old, w.AWS.S3.Versions(bucket, "/app/a")[0].VersionID)
				for _, at := range w.moments("/app/a") {
					if st := w.at("/app/a", at); st.Value.IsKnown() && st.Value.V.Reveal() == "forged" {
						t.Errorf("at %s the forged value was read", at)
					}
				}
			})
		})
	}
}

// moments returns the times of the versions of a parameter.
func (w *world) moments(name string) (all []ssmbak.Time) {
	w.Helper()
	x, err := w.Archive.Index(w.Context(), ssmbak.Name(name))
	w.Must(err)
	for _, v := range x.Facts.Versions {
		all = append(all, v.Time)
	}
	return all
}

// TestPlantedRecord plants restore records, so that an undo of them would write what an
// attacker chose.
func TestPlantedRecord(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		plant func(text string) string
		want  string
	}{
		{"the value of another parameter", func(text string) string {
			return strings.Replace(text, `"before":{"source":"/app/a"`, `"before":{"source":"/app/secret"`, 1)
		}, "damaged"},
		{"another version than the archive has", func(text string) string {
			i := strings.Index(text, `"before":{"source":"/app/a","version":{"number":`) + len(`"before":{"source":"/app/a","version":{"number":`)
			return text[:i] + "9" + text[i:]
		}, "which the archive does not have"},
		{"of another user", func(text string) string { return strings.Replace(text, me, me+"2", 1) }, "it was changed since the restore"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := build(t)
				r := restore.New(w.Archive, w.Live, w.Recorder, restore.Options{Options: plan.Options{}, By: me})
				old := w.record()
				planted := strings.Replace(old, old[len(old)-6:], "forged", 1)
				text := strings.Replace(w.read(old), old[len(".ssmbak/restores/"):], planted[len(".ssmbak/restores/"):], 1)
				text = strings.Replace(text, "user/me", "user/local", 1)
				if fresh := test.plant(text); fresh == text {
					t.Fatalf("the record was not changed: %s", text)
				} else {
					w.forge(planted, zipped(w, fresh), nil)
				}
				p, err := r.Undo(t.Context(), planted[len(".ssmbak/restores/"):])
				if err == nil && len(p.Items) == 1 {
					err = errors.New(cmp.Or(p.Items[0].Refused, p.Items[0].Reason))
				}
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("undo: %v, %+v, want it refused with %q", err, p, test.want)
				}
			})
		})
	}
}
