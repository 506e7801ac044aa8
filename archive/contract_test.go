package archive_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/timeline"
)

// contract lists what an archive does on every implementation of S3.
var contract = []struct {
	name        string
	unversioned bool
	stricter    bool // requires checks that moto lacks
	hold        func(t *testing.T, p place)
}{
	{name: "one identity wins", hold: func(t *testing.T, p place) {
		var wg sync.WaitGroup
		identities := make([]archive.Identity, 8)
		for i := range identities {
			wg.Go(func() {
				a, err := p.open(t)
				if err == nil {
					err = a.Establish(t.Context())
				}
				if err != nil {
					t.Errorf("writer %d: %v", i, err)
					return
				}
				identities[i], _ = a.Identity()
			})
		}
		wg.Wait()
		if all := slices.Compact(identities); len(all) != 1 || all[0].Account != account || all[0].Region != region || all[0].Format != 1 || all[0].Legacy {
			t.Errorf("identities %+v, want one", all)
		}
	}},
	{name: "a bucket without versions is refused", unversioned: true, hold: func(t *testing.T, p place) {
		a, err := p.open(t)
		if err != nil {
			t.Fatal(err)
		}
		var refused *archive.NotVersionedError
		if err := a.Establish(t.Context()); !errors.As(err, &refused) || refused.Bucket != p.bucket {
			t.Errorf("error %v, want a NotVersionedError", err)
		}
	}},
	{name: "a bucket that no longer keeps versions is refused", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		x, err := beginIndex(t.Context(), a, "/a")
		if err != nil {
			t.Fatal(err)
		}
		p.version(t.Context(), t, types.BucketVersioningStatusSuspended)
		var refused *archive.NotVersionedError
		if err := a.Establish(t.Context()); !errors.As(err, &refused) || refused.Status != "Suspended" {
			t.Errorf("establish: %v, want a NotVersionedError", err)
		}
		if _, err := a.PutValue(t.Context(), "/a", version(1).Version, ssmbak.NewValue("v")); !errors.As(err, &refused) {
			t.Errorf("a value: %v, want a NotVersionedError", err)
		}
		if _, err := a.Update(t.Context(), x, add(version(1))); !errors.As(err, &refused) {
			t.Errorf("an index: %v, want a NotVersionedError", err)
		}
		if err := a.MarkDeleted(t.Context(), "/a"); !errors.As(err, &refused) {
			t.Errorf("a marker: %v, want a NotVersionedError", err)
		}
	}},
	{name: "a bucket that does not exist", hold: func(t *testing.T, p place) {
		_, err := p.open(t, func(o *archive.Options) { o.Bucket = "no-such-bucket-here" })
		if !errors.Is(err, archive.ErrNoBucket) {
			t.Errorf("error %v, want ErrNoBucket", err)
		}
	}},
	{name: "another account or region is refused", hold: func(t *testing.T, p place) {
		p.ready(t)
		for _, change := range []func(*archive.Options){
			func(o *archive.Options) { o.Account, o.Owner = "999999999999", account },
			func(o *archive.Options) { o.Region = "eu-west-1" },
		} {
			_, err := p.open(t, change)
			var mismatch *archive.MismatchError
			if !errors.As(err, &mismatch) || mismatch.Archive.Account != account || mismatch.Archive.Region != region {
				t.Errorf("error %v, want a MismatchError", err)
			}
			if _, err := p.open(t, change, func(o *archive.Options) { o.Elsewhere = true }); err != nil {
				t.Errorf("who says that it means another archive is refused: %v", err)
			}
		}
	}},
	{name: "a bucket of another owner is refused", stricter: true, hold: func(t *testing.T, p place) {
		if _, err := p.open(t, func(o *archive.Options) { o.Owner = "999999999999" }); err == nil {
			t.Error("the owner was not checked")
		}
	}},
	{name: "a newer format is refused", hold: func(t *testing.T, p place) {
		p.put(t, ".ssmbak/archive", `{"format":3,"reader":3,"account":"123456789012","region":"us-east-1"}`)
		_, err := p.open(t)
		var newer *archive.FormatError
		if !errors.As(err, &newer) || newer.Format != 3 {
			t.Errorf("error %v, want a FormatError", err)
		}
	}},
	{name: "a damaged identity is refused", hold: func(t *testing.T, p place) {
		p.put(t, ".ssmbak/archive", `{"format":1`)
		_, err := p.open(t)
		var damaged *archive.DamagedError
		if !errors.As(err, &damaged) {
			t.Errorf("error %v, want a DamagedError", err)
		}
	}},
	{name: "writers at once lose no fact", hold: func(t *testing.T, p place) {
		p.ready(t)
		const writers, each = 8, 4
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				a, err := p.open(t)
				if err != nil {
					t.Error(err)
					return
				}
				for j := range each {
					base, err := a.Index(t.Context(), "/app/db")
					if err == nil {
						_, err = a.Update(t.Context(), base, add(version(int64(i*each+j+1))))
					}
					if err != nil {
						t.Errorf("writer %d: %v", i, err)
					}
				}
			})
		}
		wg.Wait()
		x, err := p.ready(t).Index(t.Context(), "/app/db")
		if err != nil || len(x.Facts.Versions) != writers*each {
			t.Errorf("%d facts, %v, want %d", len(x.Facts.Versions), err, writers*each)
		}
	}},
	{name: "known facts are not written again", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		first, err := a.Update(t.Context(), archive.Index{Name: "/a"}, add(version(1)))
		if err != nil || !first.Wrote || first.Met {
			t.Fatalf("%+v, %v", first, err)
		}
		compared, err := a.Update(t.Context(), first.Index, add(version(1)))
		if err != nil || compared.Met {
			t.Fatalf("%+v, %v", compared, err)
		}
		again, err := a.Update(t.Context(), compared.Index, add(version(1)))
		if err != nil || again.Wrote {
			t.Errorf("%+v, %v", again, err)
		}
	}},
	{name: "a late writer adds to the index that it finds", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		late := archive.Index{Name: "/a"}
		if _, err := a.Update(t.Context(), late, add(version(1))); err != nil {
			t.Fatal(err)
		}
		out, err := a.Update(t.Context(), late, add(version(2)))
		if err != nil || !out.Wrote || !out.Met || len(out.Index.Facts.Versions) != 2 {
			t.Errorf("%+v, %v", out, err)
		}
	}},
	{name: "the content of an index never repeats", hold: func(t *testing.T, p place) {
		seen := make(map[string]bool)
		for range 3 {
			a := p.ready(t)
			if _, err := beginIndex(t.Context(), a, "/a"); err != nil {
				t.Fatal(err)
			}
			object, err := p.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &p.bucket, Key: aws.String(".ssmbak/index/a")})
			if err != nil {
				t.Fatal(err)
			}
			if seen[aws.ToString(object.ETag)] {
				t.Error("a writer that read the first one could replace the second")
			}
			seen[aws.ToString(object.ETag)] = true
			p.remove(t, ".ssmbak/index/a", aws.ToString(object.VersionId))
		}
	}},
	{name: "values come back byte for byte", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		for i, text := range []string{" a ", "\n\ttabs\r\n", "été ✓ 漢字 🙂", "x", strings.Repeat("é", 4096), "{\"a\": 1}\x00end"} {
			v := ssmbak.Version{Number: int64(i + 1), Time: second + ssmbak.Time(i), Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}}
			ref, err := a.PutValue(t.Context(), "/app/db", v, ssmbak.NewValue(text))
			if err != nil {
				t.Fatal(err)
			}
			got, err := a.Value(t.Context(), "/app/db", v, []timeline.ObjectRef{ref})
			if err != nil || got.Reveal() != text {
				t.Errorf("%q came back as %q, %v", text, got.Reveal(), err)
			}
		}
	}},
	{name: "a value object can be read without ssmbak", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		v := ssmbak.Version{Number: 7, Time: second + 123, User: "arn:aws:iam::123456789012:user/me", Attributes: ssmbak.Attributes{Type: ssmbak.TypeSecureString, KeyID: "alias/aws/ssm", Tier: "Standard", DataType: "text", Description: "what it's for (the é is lost), " + strings.Repeat("long ", 60)}}
		ref, err := a.PutValue(t.Context(), "/db", v, ssmbak.NewValue("hunter2"))
		if err != nil {
			t.Fatal(err)
		}
		key := "/db"
		tags, err := p.client.GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: &p.bucket, Key: &key, VersionId: &ref.ID})
		if err != nil {
			t.Fatal(err)
		}
		got := make(map[string]string)
		for _, tag := range tags.TagSet {
			got[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
		if got["ssmbakTime"] != "1718309454" || got["ssmbakType"] != "SecureString" || len(got["ssmbakDescription"]) != 256 || !strings.HasPrefix(got["ssmbakDescription"], "what its for the  is lost long long") {
			t.Errorf("tags %q", got)
		}
		object, err := p.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &p.bucket, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"ssmbak-version": "7", "ssmbak-time": "1718309454123", "ssmbak-type": "SecureString", "ssmbak-key-id": "alias/aws/ssm",
			"ssmbak-tier": "Standard", "ssmbak-data-type": "text", "ssmbak-user": v.User,
		}
		if diff := cmp.Diff(want, object.Metadata); diff != "" {
			t.Errorf("metadata (-want +got):\n%s", diff)
		}
	}},
	{name: "delete markers and the current version", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		if top, err := a.Current(t.Context(), "/app"); err != nil || top != (archive.Current{}) {
			t.Errorf("nothing: %+v, %v", top, err)
		}
		ref := value(t, a, "/app/db", 1)
		if top, err := a.Current(t.Context(), "/app"); err != nil || top != (archive.Current{}) {
			t.Errorf("a longer key: %+v, %v", top, err)
		}
		if top, err := a.Current(t.Context(), "/app/db"); err != nil || top.ID != ref.ID || top.Marker {
			t.Errorf("a value: %+v, %v", top, err)
		}
		if err := a.MarkDeleted(t.Context(), "/app/db"); err != nil {
			t.Fatal(err)
		}
		if top, err := a.Current(t.Context(), "/app/db"); err != nil || !top.Marker {
			t.Errorf("a marker: %+v, %v", top, err)
		}
	}},
	{name: "an expired copy is no loss while another exists", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		refs := []timeline.ObjectRef{value(t, a, "/a", 1), value(t, a, "/a", 1)}
		p.remove(t, "/a", refs[1].ID)
		if v, err := a.Value(t.Context(), "/a", version(1).Version, refs); err != nil || v.Reveal() != "v1" {
			t.Errorf("%q, %v", v.Reveal(), err)
		}
		p.remove(t, "/a", refs[0].ID)
		if _, err := a.Value(t.Context(), "/a", version(1).Version, refs); !errors.Is(err, archive.ErrExpired) {
			t.Errorf("error %v, want ErrExpired", err)
		}
	}},
	{name: "an index under a delete marker is missing", stricter: true, hold: func(t *testing.T, p place) {
		a := p.ready(t)
		begin(t, a, "/a", 1)
		p.remove(t, ".ssmbak/index/a", "")
		var lost *archive.MissingIndexError
		if _, err := a.Index(t.Context(), "/a"); !errors.As(err, &lost) {
			t.Errorf("error %v, want a MissingIndexError", err)
		}
	}},
	{name: "a missing index is not replaced by an empty one", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		begin(t, a, "/a", 1)
		p.remove(t, ".ssmbak/index/a", "")
		var lost *archive.MissingIndexError
		if _, err := a.At(t.Context(), ssmbak.NameTarget("/a"), second+1000, archive.NoValues); !errors.As(err, &lost) {
			t.Errorf("a reader: %v, want a MissingIndexError", err)
		}
		value(t, a, "/b", 1) // a value whose index is gone altogether
		if _, err := a.LegacyFacts(t.Context(), "/b"); !errors.As(err, &lost) {
			t.Errorf("a value without index: %v, want a MissingIndexError", err)
		}
		if _, err := a.LegacyFacts(t.Context(), "/c"); err != nil {
			t.Errorf("a name that never was: %v", err)
		}
	}},
	{name: "what a target means", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		for _, name := range []ssmbak.Name{"/app", "/app/db", "/app/db2", "/app/db/deep", "/app-x/y", "/top"} {
			begin(t, a, name, 1)
		}
		tests := []struct {
			text      string
			recursive bool
			want      []ssmbak.Name
			one       bool
		}{
			{"/app/db", false, []ssmbak.Name{"/app/db"}, true},
			{"/app/db", true, []ssmbak.Name{"/app/db/deep"}, false},
			{"/app", false, []ssmbak.Name{"/app"}, true},
			{"/app/", false, []ssmbak.Name{"/app/db", "/app/db2"}, false},
			{"/app", true, []ssmbak.Name{"/app/db", "/app/db/deep", "/app/db2"}, false},
			{"/app/db2", true, []ssmbak.Name{"/app/db2"}, true},
			{"/app-x", false, []ssmbak.Name{"/app-x/y"}, false},
			{"top", false, []ssmbak.Name{"/top"}, true},
			{"/", false, []ssmbak.Name{"/app", "/top"}, false},
			{"/", true, []ssmbak.Name{"/app", "/app-x/y", "/app/db", "/app/db/deep", "/app/db2", "/top"}, false},
			{"/none", true, nil, false},
		}
		for _, test := range tests {
			s, err := a.At(t.Context(), testworld.Target(t, test.text, test.recursive), second+1000, archive.AllValues)
			if err != nil {
				t.Fatal(err)
			}
			var got []ssmbak.Name
			for _, state := range s.States {
				got = append(got, state.Name)
				if state.Value.V.Reveal() != "v1" || !state.Value.IsKnown() {
					t.Errorf("%s: the value of %s is %q", test.text, state.Name, state.Value.V.Reveal())
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" || s.One != test.one {
				t.Errorf("%s, recursive %v: one %v, (-want +got):\n%s", test.text, test.recursive, s.One, diff)
			}
		}
	}},
	{name: "names with dots between slashes", stricter: true, hold: func(t *testing.T, p place) {
		a := p.ready(t)
		names := []ssmbak.Name{"/.", "/..", "/a/../b", "/a/./b", "/a/.../b", "/b", "/a/b", "/a/..", "/.ssmbak/archive"}
		for i, name := range names {
			begin(t, a, name, int64(i+1))
		}
		for i, name := range names {
			s, err := a.At(t.Context(), ssmbak.NameTarget(name), second+1000, archive.AllValues)
			if err != nil || len(s.States) != 1 || s.States[0].Name != name || s.States[0].Value.V.Reveal() != fmt.Sprint("v", i+1) {
				t.Errorf("%s: %+v, %v", name, s.States, err)
			}
		}
		if _, err := p.open(t); err != nil {
			t.Errorf("a parameter took the place of the identity: %v", err)
		}
	}},
	{name: "damage hides nothing else", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		for _, name := range []ssmbak.Name{"/app/a", "/app/b", "/app/c", "/app/d"} {
			begin(t, a, name, 1)
		}
		p.put(t, ".ssmbak/index/app/b", "no index")
		p.remove(t, ".ssmbak/index/app/d", "")
		s, err := a.At(t.Context(), testworld.Target(t, "/app/", false), second+1000, archive.AllValues)
		if err != nil || len(s.States) != 2 || s.States[0].Name != "/app/a" || s.States[1].Name != "/app/c" {
			t.Errorf("shown %+v, %v", s.States, err)
		}
		var damaged *archive.DamagedError
		if len(s.Problems) != 1 || s.Problems[0].Name != "/app/b" || !errors.As(s.Problems[0].Err, &damaged) {
			t.Errorf("problems %+v", s.Problems)
		}
	}},
	{name: "an expired value is no absence", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		begin(t, a, "/app/a", 1)
		begin(t, a, "/app/b", 1)
		top, err := a.Current(t.Context(), "/app/a")
		if err != nil {
			t.Fatal(err)
		}
		p.remove(t, "/app/a", top.ID)
		s, err := a.At(t.Context(), testworld.Target(t, "/app/", false), second+1000, archive.AllValues)
		if err != nil || len(s.States) != 2 || len(s.Problems) != 0 {
			t.Fatalf("%+v, %v", s, err)
		}
		if st := s.States[0]; st.Deleted || st.Value.IsKnown() || st.Value.Reason == "" || st.Version.Number != 1 || st.Certainty == ssmbak.Unknown {
			t.Errorf("the version whose value expired is %+v", st)
		}
		if !s.States[1].Value.IsKnown() {
			t.Errorf("the other one is %+v", s.States[1])
		}
	}},
	{name: "only the requested values are read", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		begin(t, a, "/app/plain", 1)
		secret := version(1)
		secret.Type = ssmbak.TypeSecureString
		record(t, a, "/app/secret", secret)
		tests := []struct {
			values        archive.Values
			plain, secret bool
		}{{archive.NoValues, false, false}, {archive.PublicValues, true, false}, {archive.AllValues, true, true}}
		for _, test := range tests {
			s, err := a.At(t.Context(), testworld.Target(t, "/app", true), second+1000, test.values)
			if err != nil || len(s.States) != 2 {
				t.Fatalf("%+v, %v", s, err)
			}
			if s.States[0].Value.IsKnown() != test.plain || s.States[1].Value.IsKnown() != test.secret || s.States[1].Value.Reason != "" {
				t.Errorf("%v: %+v", test.values, s.States)
			}
		}
	}},
	{name: "a newer index hides nothing else", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		begin(t, a, "/app/a", 1)
		begin(t, a, "/app/b", 1)
		p.put(t, ".ssmbak/index/app/b", zipped(`{"format":4,"reader":4,"name":"/app/b"}`))
		s, err := a.At(t.Context(), testworld.Target(t, "/app/", false), second+1000, archive.AllValues)
		var newer *archive.FormatError
		if err != nil || len(s.States) != 1 || len(s.Problems) != 1 || !errors.As(s.Problems[0].Err, &newer) || newer.Format != 4 {
			t.Errorf("%+v, %v", s, err)
		}
		x, err := a.Index(t.Context(), "/app/b")
		if !errors.As(err, &newer) {
			t.Errorf("a writer reads %+v, %v", x, err)
		}
		// A writer that read it before must not write over it either.
		if _, err := a.Update(t.Context(), archive.Index{Name: "/app/b"}, add(version(2))); !errors.As(err, &newer) {
			t.Errorf("a writer that was late: %v, want a FormatError", err)
		}
	}},
	{name: "the first index contains the legacy records", hold: func(t *testing.T, p place) {
		putLegacy(t, p, "/app/db", "old")
		a := p.ready(t)
		// A writer that is stopped right after this hides nothing.
		x, err := beginIndex(t.Context(), a, "/app/db")
		if err != nil || !x.Exists || len(x.Facts.Legacy) != 1 {
			t.Fatalf("%+v, %v", x, err)
		}
		s, err := a.At(t.Context(), testworld.Target(t, "/app/db", false), ssmbak.Seconds(1718309100), archive.AllValues)
		if err != nil || len(s.States) != 1 || s.States[0].Value.V.Reveal() != "old" {
			t.Errorf("%+v, %v", s.States, err)
		}
	}},
	{name: "a missing index does not make records legacy", stricter: true, hold: func(t *testing.T, p place) {
		p.put(t, "/other", "the legacy ssmbak was here")
		a := p.ready(t)
		begin(t, a, "/app/db", 1)
		begin(t, a, "/app/x", 1)
		p.remove(t, ".ssmbak/index/app/db", "")
		for _, what := range []ssmbak.Target{testworld.Target(t, "/app/db", false), testworld.Target(t, "/app/", false)} {
			s, err := a.At(t.Context(), what, second+1000, archive.AllValues)
			if len(s.Problems) == 1 && s.Problems[0].Name == "/app/db" {
				err = s.Problems[0].Err
			}
			var lost *archive.MissingIndexError
			if !errors.As(err, &lost) {
				t.Errorf("%s: %+v, %v", what, s, err)
			}
		}
	}},
	{name: "more names than a page", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		names := 2*p.page + p.page/2
		var wg sync.WaitGroup
		limit := make(chan struct{}, 16)
		for i := range names {
			limit <- struct{}{}
			wg.Go(func() {
				defer func() { <-limit }()
				x := archive.Index{Name: ssmbak.Name(fmt.Sprintf("/many/%04d", i))}
				if _, err := a.Update(t.Context(), x, func(f timeline.Facts) timeline.Facts { return f }); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		i := 0
		for name, err := range a.Names(t.Context(), testworld.Target(t, "/many/", false)) {
			if want := ssmbak.Name(fmt.Sprintf("/many/%04d", i)); err != nil || name != want {
				t.Fatalf("name %d is %s, %v, want %s", i, name, err, want)
			}
			i++
		}
		if i != names {
			t.Errorf("%d names, want %d", i, names)
		}
	}},
	{name: "reconciled only moves forward", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		base := time.Date(2024, 6, 13, 20, 0, 0, 0, time.UTC)
		for _, d := range []time.Duration{time.Hour, 0, 2 * time.Hour, 90 * time.Minute} {
			if err := a.MarkReconciled(t.Context(), archive.Listing{Began: base.Add(d), Failed: []ssmbak.Name{"/b", "/a"}, Missed: []ssmbak.Name{"/b"}}); err != nil {
				t.Fatal(err)
			}
		}
		r, err := a.Reconciled(t.Context())
		if err != nil || !r.First.Equal(base.Add(time.Hour)) || !r.Last.Equal(base.Add(2*time.Hour)) || !slices.Equal(r.Unsure, []ssmbak.Name{"/a", "/b"}) {
			t.Errorf("%+v, %v", r, err)
		}
		if want := []archive.Missed{{Name: "/b", Until: base.Add(2 * time.Hour)}}; !slices.Equal(r.Missed, want) {
			t.Errorf("missed %v, want %v", r.Missed, want)
		}
	}},
	{name: "missed names are never removed", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		base := time.Date(2024, 6, 13, 20, 0, 0, 0, time.UTC)
		// Of a listing that is older than the last one, and of one that is not
		// complete, the missed names count all the same.
		for _, l := range []archive.Listing{
			{Began: base.Add(time.Hour), Failed: []ssmbak.Name{"/b"}, Missed: []ssmbak.Name{"/b"}},
			{Began: base, Failed: []ssmbak.Name{"/a"}, Missed: []ssmbak.Name{"/a"}},
			{Began: base.Add(2 * time.Hour)},
		} {
			if err := a.MarkReconciled(t.Context(), l); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.NoteMissed(t.Context(), base.Add(3*time.Hour), []ssmbak.Name{"/c"}); err != nil {
			t.Fatal(err)
		}
		r, err := a.Reconciled(t.Context())
		if err != nil || !r.Last.Equal(base.Add(2*time.Hour)) || len(r.Unsure) != 0 {
			t.Errorf("%+v, %v", r, err)
		}
		want := []archive.Missed{{"/a", base}, {"/b", base.Add(time.Hour)}, {"/c", base.Add(3 * time.Hour)}}
		if !slices.Equal(r.Missed, want) {
			t.Errorf("missed %v, want %v", r.Missed, want)
		}
		at := ssmbak.TimeOf(base.Add(4 * time.Hour))
		for name, want := range map[ssmbak.Name]bool{"/a": false, "/b": false, "/c": false, "/d": true} {
			if got := r.Covers(name, at); got != want {
				t.Errorf("a listing covers %s: %v, want %v", name, got, want)
			}
		}
		if h := a.Coverage(archive.Index{Name: "/a"}, r); h.Since != 0 {
			t.Errorf("recording of /a is said to have begun at %v", h.Since)
		}
	}},
	{name: "too many missed names are not complete", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		base := time.Date(2024, 6, 13, 20, 0, 0, 0, time.UTC)
		var names []ssmbak.Name
		for i := range 1001 {
			names = append(names, ssmbak.Name(fmt.Sprintf("/many/%04d", i)))
		}
		if err := a.MarkReconciled(t.Context(), archive.Listing{Began: base, Missed: names[:1000]}); err != nil {
			t.Fatal(err)
		}
		var many *archive.TooManyMissedError
		if err := a.MarkReconciled(t.Context(), archive.Listing{Began: base.Add(time.Hour), Missed: names}); !errors.As(err, &many) || many.Names != 1001 {
			t.Errorf("error %v, want a TooManyMissedError", err)
		}
		// Those that are known already are no more.
		if err := a.MarkReconciled(t.Context(), archive.Listing{Began: base.Add(2 * time.Hour), Missed: names[:1000]}); err != nil {
			t.Error(err)
		}
		if r, err := a.Reconciled(t.Context()); err != nil || !r.Last.Equal(base.Add(2*time.Hour)) || len(r.Missed) != 1000 {
			t.Errorf("last %v, %d missed, %v", r.Last, len(r.Missed), err)
		}
	}},
	{name: "failed names of an earlier version", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		p.put(t, ".ssmbak/reconciled", `{"format":1,"first":"2024-06-13T20:00:00Z","last":"2024-06-13T21:00:00Z","failed":["/b"]}`)
		r, err := a.Reconciled(t.Context())
		if err != nil || !slices.Equal(r.Unsure, []ssmbak.Name{"/b"}) || r.Covers("/b", second+86_400_000) || !r.Covers("/a", second+86_400_000) {
			t.Errorf("%+v, %v", r, err)
		}
	}},
	{name: "ten thousand versions of one parameter", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		var facts timeline.Facts
		for n := range int64(10_000) {
			v := version(n + 1)
			v.User, v.Objects = "arn:aws:iam::123456789012:user/operator", []timeline.ObjectRef{{ID: fmt.Sprintf("object-version-%020d", n), Written: v.Time + 900}}
			facts.Versions = append(facts.Versions, v)
		}
		if _, err := a.Update(t.Context(), archive.Index{Name: "/busy"}, add(facts.Versions...)); err != nil {
			t.Fatal(err)
		}
		x, err := a.Index(t.Context(), "/busy")
		if err != nil || len(x.Facts.Versions) != 10_000 {
			t.Fatalf("%d versions, %v", len(x.Facts.Versions), err)
		}
		state, _ := timeline.New("/busy", x.Facts, timeline.Coverage{}).At(second + 5000)
		if state.Version.Number != 5000 {
			t.Errorf("version %d was current, want 5000", state.Version.Number)
		}
	}},
}
