package archive_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/moto"
	"github.com/ssmbak/ssmbak/timeline"
)

const (
	account = "123456789012"
	region  = "us-east-1"
	second  = ssmbak.Time(1_718_309_454_000)

	testKey archive.Header = "arn:aws:kms:us-east-1:123456789012:key/archive"
)

// runner is one implementation of S3 on which the contract is checked.
type runner struct {
	name string
	// start returns a client of a new, empty S3.
	start func(t *testing.T) *s3.Client
	// stricter says that the S3 has checks that moto lacks.
	stricter bool
	// encryption is that of the writers, nil for the default.
	encryption *archive.Encryption
	// page is the greatest number of entries in the answer to a listing.
	page int
}

func runners() []runner {
	const page = 10
	emulated := func() *emulator.AWS {
		cloud := emulator.New(emulator.Options{})
		cloud.S3.SetPageSize(page)
		return cloud
	}
	return []runner{
		{"emulator in process", func(t *testing.T) *s3.Client {
			return connect(t, awsconn.Options{HTTPClient: emulated().Client()})
		}, true, nil, page},
		// Under a KMS key an ETag is no digest of the object.
		{"emulator under a KMS key", func(t *testing.T) *s3.Client {
			return connect(t, awsconn.Options{HTTPClient: emulated().Client()})
		}, true, &archive.Encryption{Values: testKey, Indexes: testKey}, page},
		{"emulator on a socket", func(t *testing.T) *s3.Client {
			url, stop, err := emulated().Listen(t.Context(), "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = stop() })
			return connect(t, awsconn.Options{EndpointURL: url})
		}, true, nil, page},
		{"moto", startMoto, false, nil, 1000},
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
	return connect(t, awsconn.Options{EndpointURL: moto.Start(t), FirstAnswer: time.Hour})
}

// place is one bucket of a runner.
type place struct {
	client *s3.Client
	bucket string
	// encryption is that of the writers.
	encryption *archive.Encryption
	page       int // see runner
}

func (p place) open(t *testing.T, change ...func(*archive.Options)) (*archive.Writer, error) {
	t.Helper()
	o := archive.Options{Bucket: p.bucket, Account: account, Region: region, Encryption: p.encryption}
	for _, c := range change {
		c(&o)
	}
	a, err := archive.Open(t.Context(), p.client, o)
	return archive.NewWriter(a), err
}

func (p place) ready(t *testing.T) *archive.Writer {
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

// putLegacy writes a legacy record at 1718309000.
func putLegacy(t *testing.T, p place, name ssmbak.Name, body string) {
	t.Helper()
	if _, err := p.client.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &p.bucket, Key: aws.String(string(name)), Body: strings.NewReader(body),
		Tagging: aws.String("ssmbakTime=1718309000&ssmbakType=String"),
	}); err != nil {
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

func (p place) make(ctx context.Context, t *testing.T, versioned bool) {
	t.Helper()
	if _, err := p.client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &p.bucket}); err != nil {
		t.Fatal(err)
	}
	if versioned {
		p.version(ctx, t, types.BucketVersioningStatusEnabled)
	}
}

func (p place) version(ctx context.Context, t *testing.T, status types.BucketVersioningStatus) {
	t.Helper()
	if _, err := p.client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: &p.bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: status},
	}); err != nil {
		t.Fatal(err)
	}
}

// TestContract checks the archive's contract on every implementation of S3.
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
					p := place{client, fmt.Sprintf("contract-%d", i), r.encryption, r.page}
					p.make(t.Context(), t, !c.unversioned)
					c.hold(t, p)
				})
			}
		})
	}
}

// version returns the fact of a version, one millisecond after the one before.
func version(n int64) timeline.Version {
	return timeline.Version{Version: ssmbak.Version{Number: n, Time: second + ssmbak.Time(n), Attributes: ssmbak.Attributes{Type: ssmbak.TypeString, Tier: "Standard", DataType: "text"}}}
}

func add(versions ...timeline.Version) func(timeline.Facts) timeline.Facts {
	return func(base timeline.Facts) timeline.Facts {
		return timeline.Union(base, timeline.Facts{Versions: versions})
	}
}

// value writes the value object of a version, "v" and its number.
func value(t *testing.T, a *archive.Writer, name ssmbak.Name, n int64) timeline.ObjectRef {
	t.Helper()
	return valueOf(t, a, name, version(n))
}

func valueOf(t *testing.T, a *archive.Writer, name ssmbak.Name, v timeline.Version) timeline.ObjectRef {
	t.Helper()
	ref, err := a.PutValue(t.Context(), name, v.Version, ssmbak.NewValue(fmt.Sprint("v", v.Number)))
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// begin records one version with its value.
func begin(t *testing.T, a *archive.Writer, name ssmbak.Name, n int64) {
	t.Helper()
	record(t, a, name, version(n))
}

func record(t *testing.T, a *archive.Writer, name ssmbak.Name, v timeline.Version) {
	t.Helper()
	x, err := beginIndex(t.Context(), a, name)
	if err != nil {
		t.Fatal(err)
	}
	v.Objects = []timeline.ObjectRef{valueOf(t, a, name, v)}
	if _, err := a.Update(t.Context(), x, add(v)); err != nil {
		t.Fatal(err)
	}
}

// beginIndex writes the index that a parameter has before its first value.
func beginIndex(ctx context.Context, a *archive.Writer, name ssmbak.Name) (archive.Index, error) {
	legacy, err := a.LegacyFacts(ctx, name)
	if err != nil {
		return archive.Index{}, err
	}
	out, err := a.Update(ctx, archive.Index{Name: name}, func(f timeline.Facts) timeline.Facts {
		return timeline.Union(f, timeline.Facts{Legacy: legacy})
	})
	return out.Index, err
}

// zipped returns the bytes of an index with this text.
func zipped(text string) string {
	var buf bytes.Buffer
	zip := gzip.NewWriter(&buf)
	_, _ = io.WriteString(zip, text)
	_ = zip.Close()
	return buf.String()
}
