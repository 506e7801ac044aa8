package archive_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
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
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/timeline"
)

const (
	account = "123456789012"
	region  = "us-east-1"
	second  = ssmbak.Time(1_718_309_454_000)
)

// runner is one S3 on which the contract is held.
type runner struct {
	name string
	// start returns clients of a fresh S3.
	start func(t *testing.T) *s3.Client
	// stricter says that the S3 checks what moto does not.
	stricter bool
}

func runners() []runner {
	return []runner{
		{"emulator in process", func(t *testing.T) *s3.Client {
			return connect(t, awsconn.Options{HTTPClient: emulator.New(emulator.Options{}).Client()})
		}, true},
		{"emulator on a socket", func(t *testing.T) *s3.Client {
			url, stop, err := emulator.New(emulator.Options{}).Listen(t.Context(), "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = stop() })
			return connect(t, awsconn.Options{EndpointURL: url})
		}, true},
		{"moto", startMoto, false},
	}
}

func connect(t *testing.T, o awsconn.Options) *s3.Client {
	t.Helper()
	o.Anonymous, o.Region = true, region
	if o.EndpointURL == "" {
		o.EndpointURL = "http://127.0.0.1"
	}
	conn, err := awsconn.Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return conn.S3()
}

// startMoto runs moto's server for one test, or skips it visibly.
func startMoto(t *testing.T) *s3.Client {
	t.Helper()
	if _, err := exec.LookPath("moto_server"); err != nil {
		if os.Getenv("SSMBAK_REQUIRE_MOTO") != "" {
			t.Fatal("moto_server is not installed: pip install 'moto[server]'")
		}
		t.Skip("moto_server is not installed: pip install 'moto[server]'")
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(address)
	server := exec.CommandContext(t.Context(), "moto_server", "-H", "127.0.0.1", "-p", port)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	for range 300 {
		if c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address); err == nil {
			_ = c.Close()
			return connect(t, awsconn.Options{EndpointURL: "http://" + address})
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("moto_server did not listen within 30 s")
	return nil
}

// place is one bucket of a runner.
type place struct {
	client *s3.Client
	bucket string
}

func (p place) open(t *testing.T, change ...func(*archive.Options)) (*archive.Archive, error) {
	t.Helper()
	o := archive.Options{Bucket: p.bucket, Account: account, Region: region}
	for _, c := range change {
		c(&o)
	}
	return archive.Open(t.Context(), p.client, o)
}

func (p place) ready(t *testing.T) *archive.Archive {
	t.Helper()
	a, err := p.open(t)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Establish(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

// put writes any object past the archive.
func (p place) put(t *testing.T, key, body string) {
	t.Helper()
	if _, err := p.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &p.bucket, Key: &key, Body: strings.NewReader(body)}); err != nil {
		t.Fatal(err)
	}
}

func (p place) remove(t *testing.T, key, version string) {
	t.Helper()
	in := &s3.DeleteObjectInput{Bucket: &p.bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	if _, err := p.client.DeleteObject(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

// contract is what an archive does on every S3.
var contract = []struct {
	name        string
	unversioned bool
	stricter    bool // needs an S3 that checks what moto does not
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
		if all := slices.Compact(identities); len(all) != 1 || all[0].Account != account || all[0].Region != region || all[0].Format != archive.Format || all[0].Original {
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
	{name: "a bucket that is not there", hold: func(t *testing.T, p place) {
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
		p.put(t, ".ssmbak/archive", `{"format":2,"account":"123456789012","region":"us-east-1"}`)
		_, err := p.open(t)
		var newer *archive.FormatError
		if !errors.As(err, &newer) || newer.Format != 2 {
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
	{name: "what is known already is not written", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		first, err := a.Update(t.Context(), archive.Index{Name: "/a"}, add(version(1)))
		if err != nil || !first.Wrote || first.Met {
			t.Fatalf("%+v, %v", first, err)
		}
		again, err := a.Update(t.Context(), first.Index, add(version(1)))
		if err != nil || again.Wrote {
			t.Errorf("%+v, %v", again, err)
		}
	}},
	{name: "a writer that is late adds to what it meets", hold: func(t *testing.T, p place) {
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
	{name: "values come back byte for byte", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		for i, text := range []string{" a ", "\n\ttabs\r\n", "été ✓ 漢字 🙂", "x", strings.Repeat("é", 4096), "{\"a\": 1}\x00end"} {
			v := ssmbak.Version{Number: int64(i + 1), Time: second + ssmbak.Time(i), Type: ssmbak.String}
			ref, err := a.PutValue(t.Context(), "/app/db", v, ssmbak.NewValue(text))
			if err != nil {
				t.Fatal(err)
			}
			got, err := a.Value(t.Context(), "/app/db", []timeline.ObjectRef{ref})
			if err != nil || got.Reveal() != text {
				t.Errorf("%q came back as %q, %v", text, got.Reveal(), err)
			}
		}
	}},
	{name: "a value object can be read without ssmbak", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		v := ssmbak.Version{
			Number: 7, Time: second + 123, Type: ssmbak.SecureString, KeyID: "alias/aws/ssm", Tier: "Standard", DataType: "text",
			User: "arn:aws:iam::123456789012:user/me", Description: "what it's for (the é is lost), " + strings.Repeat("long ", 60),
		}
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
	{name: "markers and what is on top", hold: func(t *testing.T, p place) {
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
		if err := a.Mark(t.Context(), "/app/db"); err != nil {
			t.Fatal(err)
		}
		if top, err := a.Current(t.Context(), "/app/db"); err != nil || !top.Marker {
			t.Errorf("a marker: %+v, %v", top, err)
		}
	}},
	{name: "an expired copy is no loss while another is there", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		refs := []timeline.ObjectRef{value(t, a, "/a", 1), value(t, a, "/a", 1)}
		p.remove(t, "/a", refs[1].ID)
		if v, err := a.Value(t.Context(), "/a", refs); err != nil || v.Reveal() != "v1" {
			t.Errorf("%q, %v", v.Reveal(), err)
		}
		p.remove(t, "/a", refs[0].ID)
		if _, err := a.Value(t.Context(), "/a", refs); !errors.Is(err, archive.ErrExpired) {
			t.Errorf("error %v, want ErrExpired", err)
		}
	}},
	{name: "an index under a marker is lost", stricter: true, hold: func(t *testing.T, p place) {
		a := p.ready(t)
		begin(t, a, "/a", 1)
		p.remove(t, ".ssmbak/index/a", "")
		var lost *archive.LostIndexError
		if _, err := a.Index(t.Context(), "/a"); !errors.As(err, &lost) {
			t.Errorf("error %v, want a LostIndexError", err)
		}
	}},
	{name: "a lost index is no fresh start", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		begin(t, a, "/a", 1)
		p.remove(t, ".ssmbak/index/a", "")
		var lost *archive.LostIndexError
		if _, err := a.At(t.Context(), ssmbak.NameTarget("/a"), second+1000, archive.NoValues); !errors.As(err, &lost) {
			t.Errorf("a reader: %v, want a LostIndexError", err)
		}
		value(t, a, "/b", 1) // a value whose index is gone altogether
		if _, err := a.FirstSight(t.Context(), "/b"); !errors.As(err, &lost) {
			t.Errorf("a value without index: %v, want a LostIndexError", err)
		}
		if _, err := a.FirstSight(t.Context(), "/c"); err != nil {
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
			target, err := ssmbak.ParseTarget(test.text, test.recursive)
			if err != nil {
				t.Fatal(err)
			}
			s, err := a.At(t.Context(), target, second+1000, archive.AllValues)
			if err != nil {
				t.Fatal(err)
			}
			var got []ssmbak.Name
			for _, state := range s.States {
				got = append(got, state.Name)
				if state.Value.Reveal() != "v1" || !state.HasValue {
					t.Errorf("%s: the value of %s is %q", test.text, state.Name, state.Value.Reveal())
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
			if err != nil || len(s.States) != 1 || s.States[0].Name != name || s.States[0].Value.Reveal() != fmt.Sprint("v", i+1) {
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
		target, err := ssmbak.ParseTarget("/app/", false)
		if err != nil {
			t.Fatal(err)
		}
		s, err := a.At(t.Context(), target, second+1000, archive.AllValues)
		if err != nil || len(s.States) != 2 || s.States[0].Name != "/app/a" || s.States[1].Name != "/app/c" {
			t.Errorf("shown %+v, %v", s.States, err)
		}
		var damaged *archive.DamagedError
		if len(s.Problems) != 1 || s.Problems[0].Name != "/app/b" || !errors.As(s.Problems[0].Err, &damaged) {
			t.Errorf("problems %+v", s.Problems)
		}
	}},
	{name: "more names than a page", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		const names = 1003
		var wg sync.WaitGroup
		limit := make(chan struct{}, 16)
		for i := range names {
			limit <- struct{}{}
			wg.Go(func() {
				defer func() { <-limit }()
				if _, err := a.Begin(t.Context(), ssmbak.Name(fmt.Sprintf("/many/%04d", i))); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		target, err := ssmbak.ParseTarget("/many/", false)
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		for name, err := range a.Names(t.Context(), target) {
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
			if err := a.MarkReconciled(t.Context(), base.Add(d), []ssmbak.Name{"/b", "/a"}); err != nil {
				t.Fatal(err)
			}
		}
		r, err := a.Reconciled(t.Context())
		if err != nil || !r.First.Equal(base.Add(time.Hour)) || !r.Last.Equal(base.Add(2*time.Hour)) || !slices.Equal(r.Failed, []ssmbak.Name{"/a", "/b"}) {
			t.Errorf("%+v, %v", r, err)
		}
	}},
	{name: "ten thousand versions of one parameter", hold: func(t *testing.T, p place) {
		a := p.ready(t)
		var facts timeline.Facts
		for n := range int64(10_000) {
			v := version(n + 1)
			v.User, v.Objects = "arn:aws:iam::123456789012:user/somebody", []timeline.ObjectRef{{ID: fmt.Sprintf("object-version-%020d", n), Written: v.Time + 900}}
			facts.Versions = append(facts.Versions, v)
		}
		if _, err := a.Update(t.Context(), archive.Index{Name: "/busy"}, add(facts.Versions...)); err != nil {
			t.Fatal(err)
		}
		x, err := a.Index(t.Context(), "/busy")
		if err != nil || len(x.Facts.Versions) != 10_000 {
			t.Fatalf("%d versions, %v", len(x.Facts.Versions), err)
		}
		state, _ := timeline.New("/busy", x.Facts, timeline.Horizon{}).At(second + 5000)
		if state.Version.Number != 5000 {
			t.Errorf("version %d was current, want 5000", state.Version.Number)
		}
	}},
}

// version returns the fact of a version, one millisecond after the one before.
func version(n int64) timeline.Version {
	return timeline.Version{Number: n, Time: second + ssmbak.Time(n), Type: ssmbak.String, Tier: "Standard", DataType: "text"}
}

func add(versions ...timeline.Version) func(timeline.Facts) timeline.Facts {
	return func(base timeline.Facts) timeline.Facts {
		return timeline.Union(base, timeline.Facts{Versions: versions})
	}
}

// value writes the value object of a version, "v" and its number.
func value(t *testing.T, a *archive.Archive, name ssmbak.Name, n int64) timeline.ObjectRef {
	t.Helper()
	ref, err := a.PutValue(t.Context(), name, version(n).Domain(), ssmbak.NewValue(fmt.Sprint("v", n)))
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// begin records one version with its value.
func begin(t *testing.T, a *archive.Archive, name ssmbak.Name, n int64) {
	t.Helper()
	x, err := a.Begin(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	v := version(n)
	v.Objects = []timeline.ObjectRef{value(t, a, name, n)}
	if _, err := a.Update(t.Context(), x, add(v)); err != nil {
		t.Fatal(err)
	}
}

// TestContract holds the archive's contract on every S3 that there is.
func TestContract(t *testing.T) {
	t.Parallel()
	for _, r := range runners() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			client := r.start(t)
			for i, c := range contract {
				t.Run(c.name, func(t *testing.T) {
					if c.stricter && !r.stricter {
						t.Skip("moto does not do what S3 does")
					}
					p := place{client, fmt.Sprintf("contract-%d", i)}
					p.make(t.Context(), t, !c.unversioned)
					c.hold(t, p)
				})
			}
		})
	}
}

func (p place) make(ctx context.Context, t *testing.T, versioned bool) {
	t.Helper()
	if _, err := p.client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &p.bucket}); err != nil {
		t.Fatal(err)
	}
	if !versioned {
		return
	}
	if _, err := p.client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: &p.bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}); err != nil {
		t.Fatal(err)
	}
}
