package archive_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/timeline"
)

// TestReindexLegacy rebuilds indexes in a bucket to which the legacy ssmbak wrote before
// and together with ssmbak.
func TestReindexLegacy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		local, p := emulated(t, 1)
		time.Sleep(time.Until(second.Std()))
		putLegacy(t, p, "/app/db", "old")
		putLegacy(t, p, "/app/old", "old")
		p.remove(t, "/app/old", "")
		time.Sleep(time.Minute)
		p.remove(t, "/app/db", "")
		time.Sleep(time.Minute)
		a := p.ready(t)
		time.Sleep(time.Hour)

		// A parameter with only legacy records has lost nothing.
		before := p.history(t, "")
		for name, want := range map[ssmbak.Name]error{"/app/old": nil, "/app/db": nil, "/app/none": archive.ErrNothing} {
			out, err := a.Reindex(t.Context(), name)
			if !errors.Is(err, want) || out.Rebuilt {
				t.Errorf("%s: %+v, %v, want %v", name, out, err, want)
			}
		}
		if got := broken(t, a, testworld.Target(t, "/", true)); got != nil {
			t.Errorf("broken %v, want none", got)
		}
		if diff := cmp.Diff(before, p.history(t, "")); diff != "" {
			t.Errorf("it was written to (-before +after):\n%s", diff)
		}

		ref := value(t, a, "/app/db", 1)
		if err := a.MarkDeleted(t.Context(), "/app/db"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		p.put(t, "/app/db", "a stranger's")
		putLegacy(t, p, "/app/db", "legacy")
		if got := broken(t, a, testworld.Target(t, "/", true)); !slices.Equal(got, []ssmbak.Name{"/app/db"}) {
			t.Errorf("broken %v", got)
		}
		local.ResetCounts()
		out := reindex(t, a, "/app/db")
		if out.Values != 1 || out.Legacy != 3 || out.Foreign != 1 || out.Unreadable != 0 {
			t.Errorf("%+v", out)
		}
		if n := local.Counts()["s3:GetObjectTagging"]; n != 3 {
			t.Errorf("%d tag sets were read, want those of 3 foreign object versions: %v", n, local.Counts())
		}
		x, err := a.Index(t.Context(), "/app/db")
		if err != nil || len(x.Facts.Versions) != 1 || x.Facts.Versions[0].Objects[0].ID != ref.ID {
			t.Fatalf("%+v, %v", x, err)
		}
		markers := 0
		for _, o := range x.Facts.Legacy {
			if o.Deleted {
				markers++
			}
		}
		if markers != 1 {
			t.Errorf("originals %+v, want one marker: ours is no fact", x.Facts.Legacy)
		}
		if st := at(t, a, "/app/db", ssmbak.Seconds(1718309100)); !st.Deleted && st.Value.V.Reveal() != "legacy" {
			t.Errorf("before the first fact of ours: %+v", st)
		}
		if st := at(t, a, "/app/db", second+1); st.Value.V.Reveal() != "v1" {
			t.Errorf("at our version: %+v", st)
		}

		// The first index can be read and contains the earlier legacy records; later ones
		// do not count.
		before = p.history(t, "/app/db")
		p.put(t, ".ssmbak/index/app/db", "no index")
		putLegacy(t, p, "/app/db", "later")
		if out := reindex(t, a, "/app/db"); out.Legacy != 0 || out.Values != 0 || out.Older == "" || out.Foreign != 2 {
			t.Errorf("%+v, %v", out, before)
		}
		holds(t, a, "/app/db", x.Facts)
	})
}

// TestReindexLegacyMeets lets a recorder write a value after the listing: it is not taken
// for a legacy record.
func TestReindexLegacyMeets(t *testing.T) {
	t.Parallel()
	local, p := emulated(t, 1)
	putLegacy(t, p, "/a", "old")
	other := p.ready(t)
	value(t, other, "/a", 1)
	var met atomic.Int32
	client := connect(t, awsconn.Options{HTTPClient: &http.Client{Transport: inspector{local.Client().Transport, func(r *http.Request) {
		// The first says that the index is lost, the second comes after the listing.
		if op, _, _ := s3api.Operation(r); op == "HeadObject" && met.Add(1) == 2 {
			value(t, other, "/a", 2)
		}
	}}}})
	a := place{client: client, bucket: p.bucket}.ready(t)
	if out := reindex(t, a, "/a"); out.Legacy != 1 || out.Values != 1 || len(p.history(t, "/a")) != 3 {
		t.Errorf("%+v", out)
	}
}

// TestReindexMeets lets another writer in between the reading and the swap.
func TestReindexMeets(t *testing.T) {
	t.Parallel()
	const described = "what no value object contains"
	tests := []struct {
		name string
		lose func(t *testing.T, p place)
		meet func(ctx context.Context, t *testing.T, p place, other *archive.Writer)
		want int // versions
	}{
		{"another reindex", junk, func(ctx context.Context, t *testing.T, _ place, other *archive.Writer) {
			if _, err := other.Reindex(ctx, "/a"); err != nil {
				t.Error(err)
			}
		}, 2},
		{"a reindex and a recorder", junk, func(ctx context.Context, t *testing.T, _ place, other *archive.Writer) {
			_, err := other.Reindex(ctx, "/a")
			x, err2 := other.Index(ctx, "/a")
			_, err3 := other.Update(ctx, x, add(version(3)))
			if err := errors.Join(err, err2, err3); err != nil {
				t.Error(err)
			}
		}, 3},
		{"a reindex of one under a marker", mark, func(ctx context.Context, t *testing.T, _ place, other *archive.Writer) {
			if _, err := other.Reindex(ctx, "/a"); err != nil {
				t.Error(err)
			}
		}, 2},
		{"more damage", junk, func(_ context.Context, t *testing.T, p place, _ *archive.Writer) { junk(t, p) }, 2},
		{"damage where a marker was", mark, func(_ context.Context, t *testing.T, p place, _ *archive.Writer) { junk(t, p) }, 2},
		{"a marker where damage was", junk, func(_ context.Context, t *testing.T, p place, _ *archive.Writer) { mark(t, p) }, 2},
		{"the index put back", mark, func(_ context.Context, t *testing.T, p place, _ *archive.Writer) { unmark(t, p) }, 2},
		{"the index put back and recorded to", mark, func(ctx context.Context, t *testing.T, p place, other *archive.Writer) {
			unmark(t, p)
			x, err := other.Index(ctx, "/a")
			v := version(2)
			v.Description = described
			_, err2 := other.Update(ctx, x, add(v, version(3)))
			if err := errors.Join(err, err2); err != nil {
				t.Error(err)
			}
		}, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			local, p := emulated(t, 1)
			other := p.ready(t)
			begin(t, other, "/a", 1)
			value(t, other, "/a", 2) // no index names it
			test.lose(t, p)

			var met atomic.Bool
			client := connect(t, awsconn.Options{HTTPClient: &http.Client{Transport: inspector{local.Client().Transport, func(r *http.Request) {
				if op, _, key := s3api.Operation(r); op == "PutObject" && key == ".ssmbak/index/a" && met.CompareAndSwap(false, true) {
					test.meet(r.Context(), t, p, other)
				}
			}}}})
			a := place{client: client, bucket: p.bucket}.ready(t)
			if out := reindex(t, a, "/a"); out.Versions != test.want || !met.Load() {
				t.Errorf("%+v, met %v, want %d versions", out, met.Load(), test.want)
			}
			x, err := a.Index(t.Context(), "/a")
			if err != nil || len(x.Facts.Versions) != test.want || len(x.Facts.Versions[1].Objects) != 1 {
				t.Fatalf("%+v, %v", x, err)
			}
			if d := x.Facts.Versions[1].Description; strings.HasSuffix(test.name, "recorded to") && d != described {
				t.Errorf("the description that was recorded meanwhile became %q", d)
			}
		})
	}
}

func junk(t *testing.T, p place) { p.put(t, ".ssmbak/index/a", "no index") }
func mark(t *testing.T, p place) { p.remove(t, ".ssmbak/index/a", "") }

// unmark takes the delete marker away.
func unmark(t *testing.T, p place) {
	ids := p.history(t, ".ssmbak/index/a")
	p.remove(t, ".ssmbak/index/a", ids[len(ids)-1])
}

// TestReindexFaults checks that a failed read is never taken for absence: a rebuilt index
// is intact, so the facts would never be read again.
func TestReindexFaults(t *testing.T) {
	t.Parallel()
	local, p := emulated(t, 1)
	a := p.ready(t)
	begin(t, a, "/a", 1)
	value(t, a, "/a", 2)
	mark(t, p)
	junk(t, p)
	before := p.history(t, "")
	for _, r := range []emulator.Rule{
		{Op: "HeadObject", KeyPrefix: "/a"},
		{Op: "ListObjectVersions"},
		{Op: "GetObject", KeyPrefix: ".ssmbak/index"},
		{Op: "PutObject", KeyPrefix: ".ssmbak/index"},
	} {
		for _, fault := range []emulator.Fault{emulator.Denied, emulator.SlowDown, {LostBefore: true}} {
			r.Fault = fault
			local.Faults.Clear()
			local.Faults.Add(r)
			if out, err := a.Reindex(t.Context(), "/a"); err == nil || out.Rebuilt {
				t.Errorf("%s with %+v: %+v without an error", r.Op, fault, out)
			}
			if r.Op != "PutObject" && r.Op != "HeadObject" {
				failed := false
				for _, err := range a.Damaged(t.Context(), testworld.Target(t, "/", true)) {
					failed = err != nil
				}
				if !failed {
					t.Errorf("%s with %+v: broken without an error", r.Op, fault)
				}
			}
		}
	}
	local.Faults.Clear()
	if diff := cmp.Diff(before, p.history(t, "")); diff != "" {
		t.Errorf("it was written to (-before +after):\n%s", diff)
	}

	// A swap whose response is lost took effect.
	local.Faults.Add(emulator.Rule{Op: "PutObject", KeyPrefix: ".ssmbak/index", Times: 2, Fault: emulator.Conflict})
	local.Faults.Add(emulator.Rule{Op: "PutObject", KeyPrefix: ".ssmbak/index", Times: 1, Fault: emulator.Fault{LostAfter: true}})
	if out := reindex(t, a, "/a"); out.Versions != 2 {
		t.Errorf("%+v", out)
	}
	if n := len(p.history(t, "")); n != len(before)+1 {
		t.Errorf("the index was written %d times, want once", n-len(before))
	}
}

// TestReindexCorrupted changes the stored bytes under S3's own checksum, of the
// current index and of one before it.
func TestReindexCorrupted(t *testing.T) {
	t.Parallel()
	local, p := emulated(t, 1)
	a := p.ready(t)
	grown(t, a, "/a")
	versions := local.S3.Versions("archive", ".ssmbak/index/a")
	for _, v := range versions[:2] {
		local.S3.Corrupt("archive", ".ssmbak/index/a", v.VersionID, []byte("damaged"))
	}
	if got := broken(t, a, testworld.Target(t, "/", true)); !slices.Equal(got, []ssmbak.Name{"/a"}) {
		t.Errorf("broken %v", got)
	}
	if out := reindex(t, a, "/a"); out.Older != versions[2].VersionID || out.Versions != 2 || out.Values != 2 {
		t.Errorf("%+v, want the facts of %s", out, versions[2].VersionID)
	}
}

// TestReindexAfterListing checks that a complete listing from before an index was rebuilt
// proves nothing about it: the rebuilt index may lack facts that were compared.
func TestReindexAfterListing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := second.Std()
		time.Sleep(time.Until(begun.Add(time.Minute)))
		_, p := emulated(t, 1)
		a := p.ready(t)
		begin(t, a, "/a", 1)
		time.Sleep(time.Until(begun.Add(time.Hour)))
		if err := a.MarkReconciled(t.Context(), archive.Listing{Began: begun.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		asked := second.Add(30 * time.Minute)
		if st := at(t, a, "/a", asked); st.Certainty != ssmbak.Proved {
			t.Fatalf("before the damage: %+v, want it proved", st)
		}
		time.Sleep(time.Hour)
		junk(t, p)
		reindex(t, a, "/a")
		if st := at(t, a, "/a", asked); st.Certainty != ssmbak.LastKnown || st.Value.V.Reveal() != "v1" {
			t.Errorf("after it: %+v, want it last known", st)
		}
	})
}

// TestReindexProves rebuilds the indexes of random histories and compares the proved
// states with the true ones.
func TestReindexProves(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	rapid.Check(t, func(r *rapid.T) {
		local := emulator.New(emulator.Options{})
		local.S3.CreateBucket("archive", true)
		client := connect(t, awsconn.Options{HTTPClient: local.Client()})
		a := place{client: client, bucket: "archive"}.ready(t)
		x, err := beginIndex(ctx, a, "/a")
		if err != nil {
			r.Fatal(err)
		}
		truth := make(map[ssmbak.Time]int64) // from then on; 0 for none
		now, life := second, []timeline.Version(nil)
		steps := rapid.IntRange(1, 12).Draw(r, "steps")
		// Facts from this step on are in no index that can be read.
		readable := rapid.IntRange(0, steps).Draw(r, "readable")
		keep := func(v *timeline.Version) {
			if len(v.Objects) > 0 || v.Unreadable != "" {
				return
			}
			if rapid.IntRange(0, 4).Draw(r, "key") == 0 {
				v.Unreadable = "its key is gone"
				return
			}
			ref, err := a.PutValue(ctx, "/a", v.Version, ssmbak.NewValue("v"))
			if err != nil {
				r.Fatal(err)
			}
			v.Objects = []timeline.ObjectRef{ref}
		}
		for i := range steps {
			now += ssmbak.Time(rapid.IntRange(1, 3000).Draw(r, "pause"))
			var seen timeline.Facts
			switch what := rapid.IntRange(0, 5).Draw(r, "what"); {
			case what == 0 && len(life) > 0:
				truth[now], life = 0, nil
				if rapid.Bool().Draw(r, "event comes") {
					seen.Deletions = []timeline.Deletion{{Event: fmt.Sprint("e", i), Second: now.Second()}}
				}
			case what == 1 && len(life) == 0:
				seen.Observations = []timeline.Observation{{Gone: true, AsOf: now, At: now}}
			case what <= 2 && len(life) > 0:
				for j := range life {
					keep(&life[j])
				}
				seen.Versions = life
				seen.Observations = []timeline.Observation{{Newest: life[len(life)-1].Ref(), Oldest: 1, AsOf: now, At: now}}
			default:
				life = append(life, timeline.Version{Version: ssmbak.Version{Number: int64(len(life) + 1), Time: now, Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}}})
				v := &life[len(life)-1]
				truth[now] = v.Number
				if rapid.Bool().Draw(r, "recorded") {
					keep(v)
					seen.Versions = []timeline.Version{*v}
				}
			}
			if i < readable {
				out, err := a.Update(ctx, x, func(f timeline.Facts) timeline.Facts { return timeline.Union(f, seen) })
				if err != nil {
					r.Fatal(err)
				}
				x = out.Index
			}
		}
		if readable == 0 {
			for _, v := range local.S3.Versions("archive", ".ssmbak/index/a") {
				local.S3.RemoveVersion("archive", ".ssmbak/index/a", v.VersionID)
			}
			if len(local.S3.Versions("archive", "/a")) == 0 {
				return
			}
		} else {
			in := &s3.PutObjectInput{Bucket: aws.String("archive"), Key: aws.String(".ssmbak/index/a"), Body: strings.NewReader("no index")}
			if _, err := client.PutObject(ctx, in); err != nil {
				r.Fatal(err)
			}
		}
		if out, err := a.Reindex(ctx, "/a"); err != nil || !out.Rebuilt {
			r.Fatalf("%+v, %v", out, err)
		}
		if x, err = a.Index(ctx, "/a"); err != nil {
			r.Fatal(err)
		}
		refs := 0
		for _, v := range x.Facts.Versions {
			refs += len(v.Objects)
		}
		if stored := len(local.S3.Versions("archive", "/a")); refs != stored {
			r.Errorf("%d value objects are known, %d are stored", refs, stored)
		}
		line := timeline.New("/a", x.Facts, timeline.Coverage{})
		changes := slices.Sorted(maps.Keys(truth))
		for moment := second - 10; moment < now+10; moment++ {
			st, _ := line.At(moment)
			if st.Certainty != ssmbak.Proved {
				continue
			}
			i, exact := slices.BinarySearch(changes, moment)
			if !exact {
				i--
			}
			if i < 0 || st.Deleted || truth[changes[i]] != st.Version.Number || changes[i] != st.Version.Time {
				r.Fatalf("at %s version %d of %s is proved, which is wrong", moment, st.Version.Number, st.Version.Time)
			}
			if readable == 0 && !exact {
				r.Fatalf("at %s version %d is proved by value objects alone", moment, st.Version.Number)
			}
		}
	})
}

// TestDamagedRequests counts the requests of Damaged: one per 1,000 object versions, one
// per index, and one per name without an index.
func TestDamagedRequests(t *testing.T) {
	t.Parallel()
	local, p := emulated(t, 1)
	a := p.ready(t)
	const names = 30
	for i := range names {
		name := ssmbak.Name(fmt.Sprintf("/app/%02d", i))
		begin(t, a, name, 1)
		for n := range int64(20) {
			value(t, a, name, n+2)
		}
		if i%3 == 0 {
			p.erase(t, ".ssmbak/index"+string(name))
		}
	}
	local.ResetCounts()
	if got := broken(t, a, testworld.Target(t, "/app/", false)); len(got) != names/3 {
		t.Errorf("broken %v", got)
	}
	want := map[string]int{"s3:ListObjectVersions": 2, "s3:GetObject": names * 2 / 3, "s3:HeadObject": names / 3}
	if diff := cmp.Diff(want, local.Counts()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}
