package archive_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/timeline"
)

// nameOf is visited by walks of which only what they read matters.
func nameOf(_ context.Context, _ bool, line *timeline.Timeline) (ssmbak.Name, error) {
	return line.Name(), nil
}

// walked returns the parameters that a walk from a time on does not read.
func walked(t *testing.T, a *archive.Archive, text string, recursive bool, from time.Time) []ssmbak.Name {
	t.Helper()
	var visited []ssmbak.Name
	var got archive.Walked
	for name, err := range archive.Walk(t.Context(), a, testworld.Target(t, text, recursive), archive.Period{From: ssmbak.TimeOf(from), To: ssmbak.MaxTime}, false, &got, nameOf) {
		if err != nil {
			t.Fatal(err)
		}
		visited = append(visited, name)
	}
	if len(got.Problems) > 0 {
		t.Fatal(got.Problems)
	}
	if diff := cmp.Diff(visited, got.Names); diff != "" {
		t.Errorf("visited (-), named (+):\n%s", diff)
	}
	return got.Unchanged
}

// made returns the first version of a parameter, made now.
func made() timeline.Version {
	v := version(1)
	v.Time = ssmbak.TimeOf(time.Now())
	return v
}

// TestWalkSkips checks the condition on which a reader of a period does not read an index,
// part by part.
func TestWalkSkips(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // begins at a whole second
		_, p := emulated(t, 1)
		a := p.ready(t)
		began := time.Now()
		for _, name := range []ssmbak.Name{"/app/excluded", "/app/missed", "/app/same", "/app/unsure"} {
			record(t, a, name, made())
		}
		early := began.Add(2*time.Hour + 2*time.Minute)
		if got := walked(t, a.Archive, "/app", true, early); got != nil {
			t.Errorf("without a listing, skipped %v", got)
		}
		mark := func(l archive.Listing) {
			l.Began = time.Now()
			if err := a.MarkReconciled(t.Context(), l); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		mark(archive.Listing{Failed: []ssmbak.Name{"/app/missed"}, Missed: []ssmbak.Name{"/app/missed"}, Registered: true})
		time.Sleep(time.Hour)
		record(t, a, "/app/late", made()) // too late for a listing of then to be certain that it has compared it
		time.Sleep(5 * time.Second)
		mark(archive.Listing{Failed: []ssmbak.Name{"/app/unsure"}, Excluded: []string{"/app/excluded"}})
		time.Sleep(time.Second)
		record(t, a, "/app/later", made())
		same := []ssmbak.Name{"/app/same"}
		for _, test := range []struct {
			name      string
			target    string
			recursive bool
			from      time.Time
			want      []ssmbak.Name
		}{
			{"below a path", "/app", true, early, same},
			{"in a path", "/app/", false, early, same},
			{"one parameter", "/app/same", false, early, nil},
			{"another path", "/other", true, early, nil},
			{"a minute after the last write", "/app", true, began.Add(62 * time.Second), nil},
			{"more than a minute after it", "/app", true, began.Add(62*time.Second + time.Millisecond), same},
			{"before it", "/app", true, began.Add(-time.Hour), nil},
		} {
			if diff := cmp.Diff(test.want, walked(t, a.Archive, test.target, test.recursive, test.from)); diff != "" {
				t.Errorf("%s: skipped (-want +got):\n%s", test.name, diff)
			}
		}
		// An index that was removed is not one that did not change.
		p.remove(t, ".ssmbak/index/app/same", "")
		var got archive.Walked
		for _, err := range archive.Walk(t.Context(), a.Archive, testworld.Everything(t), archive.Period{From: ssmbak.TimeOf(early), To: ssmbak.MaxTime}, true, &got, nameOf) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(got.Problems) != 1 || got.Problems[0].Name != "/app/same" || got.Unchanged != nil {
			t.Errorf("hidden: %v, skipped %v", got.Problems, got.Unchanged)
		}
	})
}

// TestWalkSigned checks that a reader who knows the public key skips an index only if a
// listing that was signed says that all indexes were.
func TestWalkSigned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, p := emulated(t, 1)
		a, key := p.ready(t), newSigner(t)
		signing := archive.Signing{Key: "arn:aws:kms:" + region + ":" + account + ":key/1", Bucket: p.bucket, Since: time.Now().UTC()}
		if err := a.KeepSigning(t.Context(), signing); err != nil {
			t.Fatal(err)
		}
		a.SignWith(key)
		record(t, a, "/a", made())
		skips := func(by signer) bool {
			r, err := p.open(t, func(o *archive.Options) { o.PublicKey = by.Public() })
			if err != nil {
				t.Fatal(err)
			}
			return walked(t, r.Archive, "/", true, time.Now()) != nil
		}
		for _, signed := range []bool{false, true} {
			time.Sleep(time.Hour)
			if err := a.MarkReconciled(t.Context(), archive.Listing{Began: time.Now(), Signed: signed}); err != nil {
				t.Fatal(err)
			}
			if got := skips(key); got != signed {
				t.Errorf("after a listing that found every index signed (%v), skipped: %v", signed, got)
			}
		}
		if skips(newSigner(t)) {
			t.Error("a reader with another public key skips the index")
		}
	})
}
