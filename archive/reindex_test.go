package archive_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/timeline"
)

// rebuilding lists what a rebuilt index contains on every implementation of S3.
var rebuilding = []struct {
	name string
	hold func(t *testing.T, p place)
}{
	{"an intact index is not changed", func(t *testing.T, p place) {
		a := p.ready(t)
		begin(t, a, "/app/db", 1)
		before := p.history(t, ".ssmbak/")
		out, err := a.Reindex(t.Context(), "/app/db")
		if diff := cmp.Diff(archive.Reindexed{Name: "/app/db"}, out); diff != "" || err != nil {
			t.Errorf("error %v, (-want +got):\n%s", err, diff)
		}
		if _, err := a.Reindex(t.Context(), "/app/d"); !errors.Is(err, archive.ErrNothing) {
			t.Errorf("a name that never was: %v, want ErrNothing", err)
		}
		if diff := cmp.Diff(before, p.history(t, ".ssmbak/")); diff != "" {
			t.Errorf("it was written to (-before +after):\n%s", diff)
		}
		if got := broken(t, a, testworld.Target(t, "/", true)); got != nil {
			t.Errorf("broken %v, want none", got)
		}
	}},
	{"a damaged version after a good index", func(t *testing.T, p place) {
		a := p.ready(t)
		want := grown(t, a, "/app/db")
		good := p.history(t, ".ssmbak/index/app/db")[0]
		// What the damaged index knew of the third version is lost but its value.
		ref := value(t, a, "/app/db", 3)
		// So is that there is another copy of the second, though not the rest of it.
		copied := value(t, a, "/app/db", 2)
		want.Versions[1].Objects = append(want.Versions[1].Objects, copied)
		// Of this deletion the older index knows.
		if err := a.MarkDeleted(t.Context(), "/app/db"); err != nil {
			t.Fatal(err)
		}
		p.put(t, ".ssmbak/index/app/db", zipped(`{"format":1,"name":"/app/other"}`))
		p.put(t, ".ssmbak/index/app/db", "no index")
		if got := broken(t, a, testworld.Target(t, "/app/db", false)); !slices.Equal(got, []ssmbak.Name{"/app/db"}) {
			t.Errorf("broken %v", got)
		}
		out := reindex(t, a, "/app/db")
		if out.Older != good || out.OlderTime == 0 || out.Versions != 3 || out.Values != 2 {
			t.Errorf("%+v, want the facts of %s and two values", out, good)
		}
		if wantLacks := []string{"everything recorded after " + out.OlderTime.String() + " except values"}; !slices.Equal(out.Missing, wantLacks) {
			t.Errorf("lacks %q, want %q", out.Missing, wantLacks)
		}
		third := version(3)
		third.Objects = []timeline.ObjectRef{ref}
		want.Versions = append(want.Versions, third)
		holds(t, a, "/app/db", want)
		if got := broken(t, a, testworld.Target(t, "/app/db", false)); got != nil {
			t.Errorf("broken after it: %v", got)
		}
		// Recording continues.
		x, err := a.Index(t.Context(), "/app/db")
		if err == nil {
			_, err = a.Update(t.Context(), x, add(version(4)))
		}
		if err != nil {
			t.Error(err)
		}
	}},
	{"an index under a delete marker", func(t *testing.T, p place) {
		a := p.ready(t)
		want := grown(t, a, "/app/db")
		good := p.history(t, ".ssmbak/index/app/db")[0]
		p.remove(t, ".ssmbak/index/app/db", "")
		p.remove(t, ".ssmbak/index/app/db", "")
		if got := broken(t, a, testworld.Target(t, "/app/", false)); !slices.Equal(got, []ssmbak.Name{"/app/db"}) {
			t.Errorf("broken %v", got)
		}
		// Nothing was recorded after the index that is under the marker.
		if out := reindex(t, a, "/app/db"); out.Older != good || out.Values != 0 || out.Missing != nil {
			t.Errorf("%+v, want the facts of %s and nothing lacking", out, good)
		}
		holds(t, a, "/app/db", want)
		// So a delete marker on the value objects is that of a late writer.
		begin(t, a, "/app/x", 1)
		if err := a.MarkDeleted(t.Context(), "/app/x"); err != nil {
			t.Fatal(err)
		}
		p.remove(t, ".ssmbak/index/app/x", "")
		if out := reindex(t, a, "/app/x"); out.Missing != nil {
			t.Errorf("%+v, want nothing lacking", out)
		}
	}},
	{"nothing left but value objects", func(t *testing.T, p place) {
		a := p.ready(t)
		secret := timeline.Version{Version: ssmbak.Version{Number: 1, Time: second + 10, User: "arn:aws:iam::123456789012:user/me", Attributes: ssmbak.Attributes{Type: ssmbak.TypeSecureString, KeyID: "alias/app", Tier: "Advanced", DataType: "text", Description: "lost", AllowedPattern: "lost", Policies: "lost"}}}
		second2, reborn := secret, secret
		second2.Number, second2.Time, second2.KeyID = 2, second+20, "alias/aws/ssm"
		reborn.Time, reborn.Type, reborn.KeyID = second+30, ssmbak.TypeStringList, ""
		var want timeline.Facts
		for _, v := range []timeline.Version{secret, second2, reborn} {
			ref, err := a.PutValue(t.Context(), "/app/db", v.Version, ssmbak.NewValue(fmt.Sprint("at ", v.Time)))
			if err != nil {
				t.Fatal(err)
			}
			v.Objects = []timeline.ObjectRef{ref}
			v.Description, v.AllowedPattern, v.Policies = "", "", ""
			want.Versions = append(want.Versions, v)
		}
		// Another copy of one, as a writer leaves it that was stopped.
		again, err := a.PutValue(t.Context(), "/app/db", second2.Version, ssmbak.NewValue(fmt.Sprint("at ", second2.Time)))
		if err != nil {
			t.Fatal(err)
		}
		want.Versions[1].Objects = append(want.Versions[1].Objects, again)
		if got := broken(t, a, testworld.Target(t, "/", true)); !slices.Equal(got, []ssmbak.Name{"/app/db"}) {
			t.Errorf("broken %v", got)
		}
		out := reindex(t, a, "/app/db")
		if out.Older != "" || out.OlderTime != 0 || out.Versions != 3 || out.Values != 4 || out.Legacy+out.Foreign+out.Unreadable != 0 {
			t.Errorf("%+v", out)
		}
		for _, word := range []string{"deletions", "observations", "tags", "labels", "descriptions", "allowed patterns", "policies", "events"} {
			if !slices.ContainsFunc(out.Missing, func(l string) bool { return strings.Contains(l, word) }) {
				t.Errorf("it does not say that %s are lacking: %q", word, out.Missing)
			}
		}
		holds(t, a, "/app/db", want)
		for _, v := range want.Versions {
			st := at(t, a, "/app/db", v.Time)
			if st.Version != v.Version || st.Value.V.Reveal() != fmt.Sprint("at ", v.Time) {
				t.Errorf("at %s: %+v with value %q", v.Time, st, st.Value.V.Reveal())
			}
			if later := at(t, a, "/app/db", v.Time+1); later.Certainty == ssmbak.Proved {
				t.Errorf("proved at %s: %+v", v.Time+1, later)
			}
		}
		if st := at(t, a, "/app/db", second+25); st.Certainty != ssmbak.Unknown {
			t.Errorf("between two lives: %+v, want unknown", st)
		}
	}},
	{"a current delete marker is reported and proves nothing", func(t *testing.T, p place) {
		a := p.ready(t)
		value(t, a, "/app/db", 1)
		if err := a.MarkDeleted(t.Context(), "/app/db"); err != nil {
			t.Fatal(err)
		}
		out := reindex(t, a, "/app/db")
		if n := len(out.Missing); n == 0 || !strings.Contains(out.Missing[n-1], "delete marker") {
			t.Errorf("lacks %q, want the deletion last", out.Missing)
		}
		if st := at(t, a, "/app/db", second+1000); st.Deleted || st.Certainty != ssmbak.LastKnown {
			t.Errorf("%+v", st)
		}
		value(t, a, "/app/live", 1)
		if out := reindex(t, a, "/app/live"); strings.Contains(fmt.Sprint(out.Missing), "delete marker") {
			t.Errorf("lacks %q without a marker", out.Missing)
		}
	}},
	{"what is no value object of ours is counted", func(t *testing.T, p place) {
		a := p.ready(t)
		value(t, a, "/app/db", 1)
		p.put(t, "/app/db", "a stranger's")
		for _, metadata := range []map[string]string{
			{"ssmbak-version": "one", "ssmbak-time": "1718309454123", "ssmbak-type": "String"},
			{"ssmbak-version": "0", "ssmbak-time": "1718309454123", "ssmbak-type": "String"},
			{"ssmbak-version": "2", "ssmbak-type": "String"},
			{"ssmbak-version": "2", "ssmbak-time": "999999999999999999", "ssmbak-type": "String"},
			{"ssmbak-version": "2", "ssmbak-time": "1718309454123"},
		} {
			if _, err := p.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &p.bucket, Key: aws.String("/app/db"), Metadata: metadata}); err != nil {
				t.Fatal(err)
			}
		}
		if out := reindex(t, a, "/app/db"); out.Versions != 1 || out.Values != 1 || out.Foreign != 1 || out.Unreadable != 5 {
			t.Errorf("%+v", out)
		}
		// Recording refuses a name with only an object of another program; it is not
		// listed, but can be repaired.
		p.put(t, "/app/strange", "a stranger's")
		if got := broken(t, a, testworld.Target(t, "/", true)); got != nil {
			t.Errorf("broken %v, want none", got)
		}
		if out := reindex(t, a, "/app/strange"); out.Versions != 0 || out.Foreign != 1 {
			t.Errorf("%+v", out)
		}
		if x, err := a.Index(t.Context(), "/app/strange"); err != nil || !x.Exists {
			t.Errorf("%+v, %v", x, err)
		}
	}},
	{"damage where nothing else is left", func(t *testing.T, p place) {
		a := p.ready(t)
		p.put(t, ".ssmbak/index/app/db", "no index")
		if out := reindex(t, a, "/app/db"); out.Versions != 0 {
			t.Errorf("%+v", out)
		}
		if x, err := a.Index(t.Context(), "/app/db"); err != nil || !x.Exists || !x.Facts.Empty() {
			t.Errorf("%+v, %v", x, err)
		}
	}},
	{"which parameters a target means", func(t *testing.T, p place) {
		a := p.ready(t)
		for i, name := range []ssmbak.Name{"/app", "/app/db", "/app/db2", "/app/db/deep", "/app-x/y", "/app/intact", "/other/gone", "/other/values"} {
			begin(t, a, name, 1)
			index := ".ssmbak/index" + string(name)
			switch {
			case name == "/app/intact":
			case name == "/other/gone":
				p.remove(t, index, "")
			case name == "/other/values":
				p.erase(t, index)
			default:
				p.put(t, index, fmt.Sprint("no index ", i))
			}
		}
		p.put(t, ".ssmbak/index/app/newer", zipped(`{"format":4,"reader":4}`))
		p.put(t, "/no//name", "v")
		tests := []struct {
			text      string
			recursive bool
			want      []ssmbak.Name
		}{
			{"/app/db", false, []ssmbak.Name{"/app/db"}},
			{"/app/db", true, []ssmbak.Name{"/app/db", "/app/db/deep"}},
			{"/app/db/", false, []ssmbak.Name{"/app/db/deep"}},
			{"/app/intact", false, nil},
			{"/app", true, []ssmbak.Name{"/app", "/app/db", "/app/db/deep", "/app/db2"}},
			{"/app/", false, []ssmbak.Name{"/app/db", "/app/db2"}},
			{"/app-x", false, []ssmbak.Name{"/app-x/y"}},
			{"/other", false, []ssmbak.Name{"/other/gone", "/other/values"}},
			{"/other/values", false, []ssmbak.Name{"/other/values"}},
			{"/", false, []ssmbak.Name{"/app"}},
			{"/", true, []ssmbak.Name{"/app", "/app-x/y", "/app/db", "/app/db/deep", "/app/db2", "/other/gone", "/other/values"}},
			{"/none", true, nil},
		}
		for _, test := range tests {
			if diff := cmp.Diff(test.want, broken(t, a, testworld.Target(t, test.text, test.recursive))); diff != "" {
				t.Errorf("%s, recursive %v (-want +got):\n%s", test.text, test.recursive, diff)
			}
		}
		for _, name := range broken(t, a, testworld.Target(t, "/", true)) {
			reindex(t, a, name)
			if st := at(t, a, name, second+1000); st.Value.V.Reveal() != "v1" {
				t.Errorf("%s is %+v", name, st)
			}
		}
		if got := broken(t, a, testworld.Target(t, "/", true)); got != nil {
			t.Errorf("broken after it: %v", got)
		}
	}},
	{"a newer index is not written over", func(t *testing.T, p place) {
		a := p.ready(t)
		begin(t, a, "/app/db", 1)
		p.put(t, ".ssmbak/index/app/db", zipped(`{"format":4,"reader":4,"name":"/app/db"}`))
		var newer *archive.FormatError
		if out, err := a.Reindex(t.Context(), "/app/db"); !errors.As(err, &newer) {
			t.Errorf("%+v, %v, want a FormatError", out, err)
		}
		p.put(t, ".ssmbak/index/app/db", "no index")
		before := p.history(t, ".ssmbak/")
		if out, err := a.Reindex(t.Context(), "/app/db"); !errors.As(err, &newer) {
			t.Errorf("damage after it: %+v, %v, want a FormatError", out, err)
		}
		if diff := cmp.Diff(before, p.history(t, ".ssmbak/")); diff != "" {
			t.Errorf("it was written to (-before +after):\n%s", diff)
		}
	}},
}

// TestReindex checks rebuilt indexes on every implementation of S3.
func TestReindex(t *testing.T) {
	t.Parallel()
	for _, r := range runners() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			client := r.start(t)
			for i, c := range rebuilding {
				t.Run(c.name, func(t *testing.T) {
					p := place{client, fmt.Sprintf("rebuilding-%d", i), r.encryption, r.page}
					p.make(t.Context(), t, true)
					c.hold(t, p)
				})
			}
		})
	}
}

// grown records a life with a fact of each kind that value objects do not contain, and
// returns the facts.
func grown(t *testing.T, a *archive.Writer, name ssmbak.Name) timeline.Facts {
	t.Helper()
	v1, v2 := version(1), version(2)
	v2.Description, v2.AllowedPattern, v2.Events = "said, with a comma", "v.*", []string{"e2"}
	record(t, a, name, v1)
	v2.Objects = []timeline.ObjectRef{value(t, a, name, 2)}
	facts := timeline.Facts{
		Versions:     []timeline.Version{v2},
		Deletions:    []timeline.Deletion{{Event: "e3", Second: (second + 5000).Second()}},
		Observations: []timeline.Observation{{Newest: v2.Ref(), Oldest: 1, AsOf: second + 100, At: second + 200}},
		Tags:         []timeline.TagsFact{{Tags: map[string]string{"team": "blue"}, Event: "e4", Second: second.Second()}},
	}
	x, err := a.Index(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	out, err := a.Update(t.Context(), x, func(f timeline.Facts) timeline.Facts { return timeline.Union(f, facts) })
	if err != nil {
		t.Fatal(err)
	}
	return out.Index.Facts
}

// reindex rebuilds an index that has to be rebuilt.
func reindex(t *testing.T, a *archive.Writer, name ssmbak.Name) archive.Reindexed {
	t.Helper()
	out, err := a.Reindex(t.Context(), name)
	if err != nil || !out.Rebuilt || out.Name != name {
		t.Fatalf("%+v, %v, want it rebuilt", out, err)
	}
	return out
}

// holds compares the facts of an index with the wanted ones. A rebuilt index has S3's own
// times of value objects.
func holds(t *testing.T, a *archive.Writer, name ssmbak.Name, want timeline.Facts) {
	t.Helper()
	x, err := a.Index(t.Context(), name)
	if err != nil || !x.Exists {
		t.Fatalf("%+v, %v", x, err)
	}
	byID := cmpopts.SortSlices(func(a, b timeline.ObjectRef) bool { return a.ID < b.ID })
	if diff := cmp.Diff(want, x.Facts, cmpopts.IgnoreFields(timeline.ObjectRef{}, "Written"), byID); diff != "" {
		t.Errorf("facts of %s (-want +got):\n%s", name, diff)
	}
	for _, v := range x.Facts.Versions {
		for _, ref := range v.Objects {
			if ref.Written == 0 {
				t.Errorf("it is not said when %s was written", ref.ID)
			}
		}
	}
}

// at returns the one state of a parameter, with its value.
func at(t *testing.T, a *archive.Writer, name ssmbak.Name, moment ssmbak.Time) ssmbak.State {
	t.Helper()
	s, err := a.At(t.Context(), ssmbak.NameTarget(name), moment, archive.AllValues)
	if err != nil || len(s.States) != 1 || len(s.Problems) != 0 {
		t.Fatalf("%s at %s: %+v, %v", name, moment, s, err)
	}
	return s.States[0]
}

func broken(t *testing.T, a *archive.Writer, target ssmbak.Target) (names []ssmbak.Name) {
	t.Helper()
	for name, err := range a.Damaged(t.Context(), target) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// history returns the IDs of the object versions under a prefix, newest first within a
// key.
func (p place) history(t *testing.T, prefix string) (ids []string) {
	t.Helper()
	out, err := p.client.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &p.bucket, Prefix: &prefix})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range out.Versions {
		ids = append(ids, aws.ToString(v.VersionId))
	}
	for _, m := range out.DeleteMarkers {
		ids = append(ids, aws.ToString(m.VersionId))
	}
	return ids
}

// erase permanently removes every version of an object.
func (p place) erase(t *testing.T, key string) {
	t.Helper()
	for _, id := range p.history(t, key) {
		p.remove(t, key, id)
	}
}
