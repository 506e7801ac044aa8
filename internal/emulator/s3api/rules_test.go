package s3api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"pgregory.net/rapid"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/testkit/moto"
)

// direct serves requests without a socket.
type direct struct{ handler http.Handler }

func (d direct) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

func connect(ctx context.Context, t rapid.TB, o awsconn.Options) *s3.Client {
	t.Helper()
	o.Anonymous, o.Region, o.MaxAttempts = true, "us-east-1", 1
	if o.EndpointURL == "" {
		o.EndpointURL = "http://127.0.0.1"
	}
	conn, err := awsconn.Load(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return conn.S3()
}

// session remembers what calls gave, for those that come after.
type session struct {
	*s3.Client
	etag, id map[string]string
}

// rule is one call and what S3 answers to it. The calls build on each other.
type rule struct {
	name string
	do   func(ctx context.Context, s *session) (string, error)
	// want is the text that the call gives, or "STATUS CODE" of its refusal.
	want string
	// moto says why moto answers otherwise.
	moto string
}

const bucket = "rules"

func put(key, body, name string, change ...func(*s3.PutObjectInput)) func(context.Context, *session) (string, error) {
	return func(ctx context.Context, s *session) (string, error) {
		in := &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, Body: strings.NewReader(body)}
		for _, c := range change {
			c(in)
		}
		if etag, ok := strings.CutPrefix(aws.ToString(in.IfMatch), "of "); ok {
			in.IfMatch = aws.String(s.etag[etag])
		}
		out, err := s.PutObject(ctx, in)
		if err != nil {
			return "", err
		}
		s.etag[name], s.id[name] = aws.ToString(out.ETag), aws.ToString(out.VersionId)
		return "ok", nil
	}
}

func get(key, version string) func(context.Context, *session) (string, error) {
	return func(ctx context.Context, s *session) (string, error) {
		in := &s3.GetObjectInput{Bucket: aws.String(bucket), Key: &key, ChecksumMode: types.ChecksumModeEnabled}
		if id, ok := s.id[version]; ok {
			in.VersionId = &id
		} else if version != "" {
			in.VersionId = &version
		}
		out, err := s.GetObject(ctx, in)
		if err != nil {
			return "", err
		}
		defer out.Body.Close()
		body, err := io.ReadAll(out.Body)
		return string(body), err
	}
}

func remove(key, version, name string) func(context.Context, *session) (string, error) {
	return func(ctx context.Context, s *session) (string, error) {
		in := &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: &key}
		if version != "" {
			in.VersionId = aws.String(s.id[version])
		}
		out, err := s.DeleteObject(ctx, in)
		if err != nil {
			return "", err
		}
		s.id[name] = aws.ToString(out.VersionId)
		return fmt.Sprint("marker ", aws.ToBool(out.DeleteMarker)), nil
	}
}

func list(prefix, delimiter string) func(context.Context, *session) (string, error) {
	return func(ctx context.Context, s *session) (string, error) {
		out, err := s.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: &prefix, Delimiter: &delimiter})
		if err != nil {
			return "", err
		}
		var all []string
		for _, o := range out.Contents {
			all = append(all, aws.ToString(o.Key))
		}
		for _, p := range out.CommonPrefixes {
			all = append(all, aws.ToString(p.Prefix)+"*")
		}
		return strings.Join(all, " "), nil
	}
}

// The sources are the S3 User Guide and the S3 API Reference.
var rules = []rule{
	{"no such bucket", get("k", ""), "404 NoSuchBucket", ""},
	{"create", func(ctx context.Context, s *session) (string, error) {
		_, err := s.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)})
		return "ok", err
	}, "ok", ""},
	{"a bad name", func(ctx context.Context, s *session) (string, error) {
		_, err := s.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("Bad_Name")})
		return "ok", err
	}, "400 InvalidBucketName", "moto takes it"},
	{"no versioning yet", func(ctx context.Context, s *session) (string, error) {
		out, err := s.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: aws.String(bucket)})
		if err != nil {
			return "", err
		}
		return "status " + string(out.Status), nil
	}, "status ", ""},
	{"enable versioning", func(ctx context.Context, s *session) (string, error) {
		_, err := s.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: aws.String(bucket), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
		return "ok", err
	}, "ok", ""},
	{"a leading slash", put("/app/db", " one\n", "one"), "ok", ""},
	{"an overwrite", put("/app/db", "two é", "two"), "ok", ""},
	{"the current one", get("/app/db", ""), "two é", ""},
	{"the older one", get("/app/db", "one"), " one\n", ""},
	{"no such version", get("/app/db", "nonsense"), "400 InvalidArgument", "moto says NoSuchVersion"},
	{"create only, refused", put("/app/db", "x", "x", func(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String("*") }), "412 PreconditionFailed", ""},
	{"create only", put("/app/new", "n", "new", func(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String("*") }), "ok", ""},
	{"swap", put("/app/new", "m", "newer", func(in *s3.PutObjectInput) { in.IfMatch = aws.String("of new") }), "ok", ""},
	{"swap of an old one", put("/app/new", "x", "x", func(in *s3.PutObjectInput) { in.IfMatch = aws.String("of new") }), "412 PreconditionFailed", ""},
	{"swap of nothing", put("/app/none", "x", "x", func(in *s3.PutObjectInput) { in.IfMatch = aws.String("of new") }), "404 NoSuchKey", ""},
	{"both conditions", put("/app/new", "x", "x", func(in *s3.PutObjectInput) { in.IfMatch, in.IfNoneMatch = aws.String("of new"), aws.String("*") }), "501 NotImplemented", "moto says 412"},
	{"no ETag for If-None-Match", put("/app/new", "x", "x", func(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String(`"abc"`) }), "501 NotImplemented", "moto takes it"},
	{"a checksum that is wrong", put("/app/bad", "x", "x", func(in *s3.PutObjectInput) {
		in.ChecksumSHA256 = aws.String("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	}), "400 BadDigest", "moto does not check"},
	{"a tag with a bad character", put("/app/bad", "x", "x", func(in *s3.PutObjectInput) { in.Tagging = aws.String("a=" + "%27") }), "400 InvalidTag", ""},
	{"eleven tags", put("/app/bad", "x", "x", func(in *s3.PutObjectInput) { in.Tagging = aws.String("a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1&j=1&k=1") }), "400 BadRequest", ""},
	{"too much metadata", put("/app/bad", "x", "x", func(in *s3.PutObjectInput) { in.Metadata = map[string]string{"a": strings.Repeat("x", 2048)} }), "400 MetadataTooLarge", "moto does not count"},
	{"too long a key", put(strings.Repeat("k", 1025), "x", "x"), "400 KeyTooLongError", "moto does not count"},
	{"another owner", put("/app/bad", "x", "x", func(in *s3.PutObjectInput) { in.ExpectedBucketOwner = aws.String("999999999999") }), "403 AccessDenied", "moto does not check"},
	{"no refused write left anything", get("/app/bad", ""), "404 NoSuchKey", "moto took some of them"},
	{"list", list("/app/", ""), "/app/db /app/new", "moto took more"},
	{"list with a delimiter", list("/", "/"), "/app/*", ""},
	{"delete", remove("/app/db", "", "marker"), "marker true", ""},
	{"deleted", get("/app/db", ""), "404 NoSuchKey", ""},
	{"the marker itself", get("/app/db", "marker"), "405 MethodNotAllowed", "moto does not find it"},
	{"a version under it", get("/app/db", "one"), " one\n", ""},
	{"not listed", list("/app/d", ""), "", ""},
	{"create only over a marker", put("/app/db", "three", "three", func(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String("*") }), "ok", ""},
	{"delete a version permanently", remove("/app/db", "three", "x"), "marker false", ""},
	{"the marker is current again", get("/app/db", ""), "404 NoSuchKey", ""},
	{"delete the marker", remove("/app/db", "marker", "x"), "marker true", "moto does not say so"},
	{"the older one is current", get("/app/db", ""), "two é", ""},
	{"tags", func(ctx context.Context, s *session) (string, error) {
		if _, err := put("/tagged", "x", "tagged", func(in *s3.PutObjectInput) { in.Tagging = aws.String("ssmbakTime=1&ssmbakType=String") })(ctx, s); err != nil {
			return "", err
		}
		out, err := s.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: aws.String(bucket), Key: aws.String("/tagged"), VersionId: aws.String(s.id["tagged"])})
		if err != nil {
			return "", err
		}
		var all []string
		for _, tag := range out.TagSet {
			all = append(all, *tag.Key+"="+*tag.Value)
		}
		slices.Sort(all)
		return strings.Join(all, " "), nil
	}, "ssmbakTime=1 ssmbakType=String", ""},
	{"not empty", func(ctx context.Context, s *session) (string, error) {
		_, err := s.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String(bucket)})
		return "ok", err
	}, "409 BucketNotEmpty", ""},
	{"not emulated", func(ctx context.Context, s *session) (string, error) {
		_, err := s.GetBucketRequestPayment(ctx, &s3.GetBucketRequestPaymentInput{Bucket: aws.String(bucket)})
		return "ok", err
	}, "501 NotImplemented", "moto has it"},
}

// hold plays the rules and hands each deviation to report.
func hold(t *testing.T, client *s3.Client, report func(r rule, got string)) {
	t.Helper()
	s := &session{client, map[string]string{}, map[string]string{}}
	for _, r := range rules {
		got, err := r.do(t.Context(), s)
		if err != nil {
			got = err.Error()
			var response *awshttp.ResponseError
			var api smithy.APIError
			if errors.As(err, &response) && errors.As(err, &api) {
				got = fmt.Sprint(response.HTTPStatusCode(), " ", api.ErrorCode())
			}
		}
		if got != r.want {
			report(r, got)
		} else if r.moto != "" {
			report(r, "")
		}
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	client := connect(t.Context(), t, awsconn.Options{HTTPClient: direct{s3api.New(s3api.Options{})}})
	hold(t, client, func(r rule, got string) {
		if got != "" {
			t.Errorf("%s: %q, want %q", r.name, got, r.want)
		}
	})
}

// TestMoto checks the same rules on moto, except where moto is known to be laxer.
func TestMoto(t *testing.T) {
	t.Parallel()
	hold(t, connect(t.Context(), t, awsconn.Options{EndpointURL: moto.Start(t)}), func(r rule, got string) {
		switch {
		case got == "":
			t.Logf("%s: moto is right by now, though it was noted: %s", r.name, r.moto)
		case r.moto == "":
			t.Errorf("%s: moto and the rule differ: %q, want %q", r.name, got, r.want)
		}
	})
}

// TestCorrupt checks that checksum validation detects changed bytes.
func TestCorrupt(t *testing.T) {
	t.Parallel()
	store := s3api.New(s3api.Options{})
	store.CreateBucket(bucket, true)
	s := &session{connect(t.Context(), t, awsconn.Options{HTTPClient: direct{store}}), map[string]string{}, map[string]string{}}
	if _, err := put("/a", "value", "v", func(in *s3.PutObjectInput) { in.ChecksumAlgorithm = types.ChecksumAlgorithmSha256 })(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if !store.Corrupt(bucket, "/a", s.id["v"], []byte("wrong")) || store.Corrupt(bucket, "/a", "none", nil) {
		t.Fatal("it was not corrupted")
	}
	if got, err := get("/a", "")(t.Context(), s); err == nil || !strings.Contains(err.Error(), "checksum did not match") {
		t.Errorf("read %q, %v", got, err)
	}
}

// TestSuspended stores under the version id null, which the answer does not say.
func TestSuspended(t *testing.T) {
	t.Parallel()
	store := s3api.New(s3api.Options{})
	store.CreateBucket(bucket, true)
	s := &session{connect(t.Context(), t, awsconn.Options{HTTPClient: direct{store}}), map[string]string{}, map[string]string{}}
	for _, step := range []string{"first", "suspend", "second", "third"} {
		if step == "suspend" {
			if _, err := s.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: aws.String(bucket), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended}}); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if _, err := put("/a", step, step)(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	versions := store.Versions(bucket, "/a")
	if len(versions) != 2 || versions[0].VersionID != "null" || string(versions[0].Body) != "third" || string(versions[1].Body) != "first" || s.id["third"] != "" {
		t.Errorf("%+v", versions)
	}
}

// TestPages reads random buckets in pages of every size: nothing is lost and
// nothing comes twice.
func TestPages(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		store := s3api.New(s3api.Options{})
		store.CreateBucket(bucket, true)
		s := &session{connect(ctx, t, awsconn.Options{HTTPClient: direct{store}}), map[string]string{}, map[string]string{}}
		keys := []string{"/a", "/a/b", "/a/b/c", "/a//", "/ab", "/b", ".ssmbak/index/a", "a b&<é>"}
		for range rapid.IntRange(0, 25).Draw(t, "writes") {
			key := rapid.SampledFrom(keys).Draw(t, "key")
			var err error
			if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
				_, err = remove(key, "", "x")(ctx, s)
			} else {
				_, err = put(key, "v", "x")(ctx, s)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		prefix := rapid.SampledFrom([]string{"", "/", "/a", "/a/", "x"}).Draw(t, "prefix")
		delimiter := rapid.SampledFrom([]string{"", "/"}).Draw(t, "delimiter")
		wantVersions, wantKeys := s.all(ctx, t, prefix, delimiter, 1000)
		size := int32(rapid.IntRange(1, 5).Draw(t, "size"))
		versions, current := s.all(ctx, t, prefix, delimiter, size)
		if !slices.Equal(versions, wantVersions) || !slices.Equal(current, wantKeys) {
			t.Fatalf("in pages of %d %q and %q, at once %q and %q", size, versions, current, wantVersions, wantKeys)
		}
		if delimiter == "" {
			want := 0
			for _, key := range store.Keys(bucket) {
				if strings.HasPrefix(key, prefix) {
					want += len(store.Versions(bucket, key))
				}
			}
			if want != len(versions) {
				t.Fatalf("%d versions and markers are listed, %d are there", len(versions), want)
			}
		}
	})
}

// all lists versions and markers, and current keys, page by page.
func (s *session) all(ctx context.Context, t rapid.TB, prefix, delimiter string, size int32) (versions, current []string) {
	t.Helper()
	byVersion := s3.NewListObjectVersionsPaginator(s, &s3.ListObjectVersionsInput{Bucket: aws.String(bucket), Prefix: &prefix, Delimiter: &delimiter, MaxKeys: &size})
	for pages := 0; byVersion.HasMorePages(); pages++ {
		page, err := byVersion.NextPage(ctx)
		if err != nil || pages > 100 {
			t.Fatalf("page %d: %v", pages, err)
		}
		for _, v := range page.Versions {
			versions = append(versions, aws.ToString(v.Key)+" "+aws.ToString(v.VersionId))
		}
		for _, m := range page.DeleteMarkers {
			versions = append(versions, aws.ToString(m.Key)+" "+aws.ToString(m.VersionId))
		}
		for _, p := range page.CommonPrefixes {
			versions = append(versions, aws.ToString(p.Prefix)+"*")
		}
	}
	slices.Sort(versions) // the SDK tears versions and markers apart
	byKey := s3.NewListObjectsV2Paginator(s, &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: &prefix, Delimiter: &delimiter, MaxKeys: &size})
	for pages := 0; byKey.HasMorePages(); pages++ {
		page, err := byKey.NextPage(ctx)
		if err != nil || pages > 100 {
			t.Fatalf("page %d: %v", pages, err)
		}
		for _, o := range page.Contents {
			current = append(current, aws.ToString(o.Key))
		}
		for _, p := range page.CommonPrefixes {
			current = append(current, aws.ToString(p.Prefix)+"*")
		}
	}
	slices.Sort(current)
	return versions, current
}
