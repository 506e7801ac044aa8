package legacy_test

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	s3bucket "github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/archive/internal/legacy"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/timeline"
)

func second(s int64) *int64 { return &s }

// archived returns the bucket as the archive reads it.
func (s *storage) archived(owner string) *s3bucket.Bucket {
	return &s3bucket.Bucket{Client: s.client, Name: bucket, Owner: owner}
}

// TestFacts checks each complete fact, read with all others and alone.
func TestFacts(t *testing.T) {
	t.Parallel()
	put := func(second, at int64, kind ssmbak.Type, description string) timeline.Legacy {
		return timeline.Legacy{Second: base.Unix() + second, LastModified: ssmbak.Seconds(base.Unix() + at), Type: kind, Description: description}
	}
	marker := func(at int64) timeline.Legacy {
		return timeline.Legacy{Deleted: true, LastModified: ssmbak.Seconds(base.Unix() + at)}
	}
	place := func(sequence int, o timeline.Legacy) timeline.Legacy {
		o.Sequence = sequence
		return o
	}
	stray := step{Put: "stray", At: 15}
	tests := []struct {
		name    string
		steps   []step
		want    []timeline.Legacy
		skipped int
	}{
		{"one put", []step{{Put: "v", Time: second(0), Type: "SecureString", Description: "a/b", At: 2}}, []timeline.Legacy{put(0, 2, "SecureString", "a/b")}, 0},
		{"a marker", []step{{Delete: true, At: 3}}, []timeline.Legacy{marker(3)}, 0},
		{
			"the order is that of storage, not of the events",
			[]step{{Put: "v", Time: second(50), Type: "String", At: 51}, {Put: "w", Time: second(10), Type: "String", At: 60}, {Delete: true, At: 61}},
			[]timeline.Legacy{put(50, 51, "String", ""), place(1, put(10, 60, "String", "")), place(2, marker(61))},
			0,
		},
		{
			"skipped entries count in the sequence",
			[]step{{Put: "v", Time: second(0), Type: "String", At: 1}, stray, stray, {Put: "w", Time: second(20), Type: "String", At: 21}},
			[]timeline.Legacy{put(0, 1, "String", ""), place(3, put(20, 21, "String", ""))},
			2,
		},
		{"nothing but strays", []step{stray, stray}, nil, 2},
		{
			"an empty description, and no type",
			[]step{{Put: "v", At: 1, Tags: map[string]string{"ssmbakTime": strconv.FormatInt(base.Unix(), 10), "ssmbakDescription": ""}}},
			[]timeline.Legacy{put(0, 1, "", "")},
			0,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStorage(t.Context(), t)
			for _, st := range test.steps {
				s.do(t.Context(), t, "/app/db", st)
			}
			want := slices.Clone(test.want)
			stored := s.aws.S3.Versions(bucket, "/app/db") // newest first
			for i := range want {
				want[i].ID = stored[len(stored)-1-want[i].Sequence].VersionID
			}
			alone, err := legacy.One(t.Context(), s.archived(""), legacy.Options{}, "/app/db")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(alone, want); diff != "" {
				t.Errorf("alone, -got +want:\n%s", diff)
			}
			all, err := legacy.Read(t.Context(), s.archived(""), legacy.Options{Parallel: 1}, "/", nil)
			if err != nil {
				t.Fatal(err)
			}
			wantAll := legacy.Result{Facts: map[ssmbak.Name][]timeline.Legacy{}, Skipped: test.skipped}
			if len(want) > 0 {
				wantAll.Facts["/app/db"] = want
			}
			if diff := cmp.Diff(all, wantAll); diff != "" {
				t.Errorf("with all others, -got +want:\n%s", diff)
			}
		})
	}
}

// TestOurs checks that entries of this ssmbak are skipped without a request, delete
// markers too, and that the others keep their sequence.
func TestOurs(t *testing.T) {
	t.Parallel()
	s := newStorage(t.Context(), t)
	for _, st := range []step{
		{Put: "v", Time: second(0), Type: "String", At: 1}, {Put: "ours", At: 10}, {Delete: true, At: 20}, {Delete: true, At: 30},
	} {
		s.do(t.Context(), t, "/app/db", st)
	}
	stored := s.aws.S3.Versions(bucket, "/app/db")
	ours := []string{stored[2].VersionID, stored[1].VersionID}
	s.aws.ResetCounts()
	got, err := legacy.Read(t.Context(), s.archived(""), legacy.Options{Ours: func(id string) bool { return slices.Contains(ours, id) }}, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := legacy.Result{Facts: map[ssmbak.Name][]timeline.Legacy{"/app/db": {
		{ID: stored[3].VersionID, Second: base.Unix(), LastModified: ssmbak.Seconds(base.Unix() + 1), Type: "String"},
		{ID: stored[0].VersionID, Sequence: 3, Deleted: true, LastModified: ssmbak.Seconds(base.Unix() + 30)},
	}}}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("-got +want:\n%s", diff)
	}
	if n := s.aws.Counts()["s3:GetObjectTagging"]; n != 1 {
		t.Errorf("%d reads of tags, want 1", n)
	}
}

// TestPrefix checks that a prefix bounds the listing, and that a name does not match a
// longer one.
func TestPrefix(t *testing.T) {
	t.Parallel()
	s := newStorage(t.Context(), t)
	for _, name := range []ssmbak.Name{"/app/db", "/app/db-2", "/app/db/x", "/app/db2", "/application"} {
		s.do(t.Context(), t, name, step{Put: "v", Time: second(0), Type: "String", At: 1})
	}
	tests := []struct {
		prefix string
		want   int
	}{{"/", 5}, {"", 5}, {"/app/", 4}, {"/app/db", 4}, {"/app/db/", 1}, {"/other", 0}}
	for _, test := range tests {
		t.Run(test.prefix, func(t *testing.T) {
			t.Parallel()
			got, err := legacy.Read(t.Context(), s.archived(""), legacy.Options{}, test.prefix, nil)
			if err != nil || len(got.Facts) != test.want {
				t.Errorf("got %d names, %v, want %d", len(got.Facts), err, test.want)
			}
		})
	}
	t.Run("one", func(t *testing.T) {
		t.Parallel()
		got, err := legacy.One(t.Context(), s.archived(""), legacy.Options{}, "/app/db")
		if err != nil || len(got) != 1 {
			t.Errorf("got %d facts, %v, want 1", len(got), err)
		}
	})
}

// TestRemovedMeanwhile checks that an object version is skipped if a lifecycle rule removes
// it between the listing and the reading of its tags.
func TestRemovedMeanwhile(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"NoSuchVersion", "NoSuchKey"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			s := newStorage(t.Context(), t)
			s.do(t.Context(), t, "/app/db", step{Put: "v", Time: second(0), Type: "String", At: 1})
			s.do(t.Context(), t, "/app/db", step{Delete: true, At: 2})
			s.aws.Faults.Add(emulator.Rule{Op: "GetObjectTagging", Fault: emulator.Fault{Status: http.StatusNotFound, Code: code}})
			got, err := legacy.Read(t.Context(), s.archived(""), legacy.Options{}, "/", nil)
			if err != nil || got.Skipped != 1 || len(got.Facts["/app/db"]) != 1 || got.Facts["/app/db"][0].Sequence != 1 {
				t.Errorf("%+v, %v, want the marker in its place", got, err)
			}
		})
	}
}

// TestErrors checks that an error comes without a result, says what was read, and keeps
// the code of the service.
func TestErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		rule  emulator.Rule
		owner string
		says  string
	}{
		{"listing", emulator.Rule{Op: "ListObjectVersions", Fault: emulator.Denied}, "", "list the object versions"},
		{"tags", emulator.Rule{Op: "GetObjectTagging", Fault: emulator.Denied}, "", "read the tags of object version"},
		{"the bucket of another", emulator.Rule{}, "999999999999", "list the object versions"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStorage(t.Context(), t)
			s.do(t.Context(), t, "/app/db", step{Put: "s3cr3t", Time: second(0), Type: "String", At: 1})
			s.do(t.Context(), t, "/app/db", step{Delete: true, At: 2})
			if test.rule.Op != "" {
				s.aws.Faults.Add(test.rule)
			}
			got, err := legacy.Read(t.Context(), s.archived(test.owner), legacy.Options{}, "/", nil)
			var answered smithy.APIError
			if !errors.As(err, &answered) || answered.ErrorCode() != "AccessDenied" || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), bucket) {
				t.Errorf("got %v, want AccessDenied that says %q", err, test.says)
			}
			if got.Facts != nil || got.Skipped != 0 {
				t.Errorf("got a part of the result: %+v", got)
			}
			if facts, err := legacy.One(t.Context(), s.archived(test.owner), legacy.Options{}, "/app/db"); err == nil || facts != nil {
				t.Errorf("one: %+v, %v", facts, err)
			}
		})
	}
}

// TestPageBoundary checks the order of versions and markers of one second on both sides
// of a page boundary, which only the pages reveal.
func TestPageBoundary(t *testing.T) {
	t.Parallel()
	s := newStorage(t.Context(), t)
	const puts = 1000
	s.aws.Clock.Set(base)
	s.do(t.Context(), t, "/app/db", step{Delete: true, At: 1})
	for range puts {
		s.do(t.Context(), t, "/app/db", step{Put: "v", Time: second(1), Type: "String", At: 1})
	}
	facts, err := legacy.One(t.Context(), s.archived(""), legacy.Options{}, "/app/db")
	if err != nil || len(facts) != puts+1 {
		t.Fatalf("%d facts, %v", len(facts), err)
	}
	if !facts[0].Deleted || facts[0].Sequence != 0 || facts[puts].Deleted || facts[puts].Sequence != puts {
		t.Errorf("oldest %+v, newest %+v, want the marker below everything", facts[0], facts[puts])
	}
}

// TestSmallPages reads the same through pages of every size.
func TestSmallPages(t *testing.T) {
	t.Parallel()
	s := newStorage(t.Context(), t)
	for i := range int64(9) {
		s.do(t.Context(), t, "/a", step{Put: "v", Time: second(i), Type: "String", At: i * 2, Delete: i%3 == 2})
		s.do(t.Context(), t, "/b", step{Put: "v", Time: second(i), Type: "String", At: i * 2, Delete: i%3 == 0})
	}
	want, err := legacy.Read(t.Context(), s.archived(""), legacy.Options{}, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	for size := int32(1); size < 18; size += 3 {
		// Clients of one set of options are not made at once.
		client := s3.New(s.client.Options(), func(o *s3.Options) { o.HTTPClient = smallPages{s.aws.Client(), size} })
		t.Run(strconv.Itoa(int(size)), func(t *testing.T) {
			t.Parallel()
			got, err := legacy.Read(t.Context(), &s3bucket.Bucket{Client: client, Name: bucket}, legacy.Options{}, "/", nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, want); diff != "" {
				t.Errorf("-got +want:\n%s", diff)
			}
		})
	}
}

// smallPages asks for smaller pages than the caller does.
type smallPages struct {
	client *http.Client
	size   int32
}

func (p smallPages) Do(r *http.Request) (*http.Response, error) {
	query := r.URL.Query()
	if _, listing := query["versions"]; listing {
		query.Set("max-keys", strconv.Itoa(int(p.size)))
		r.URL.RawQuery = query.Encode()
	}
	return p.client.Do(r)
}
