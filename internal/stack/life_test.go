package stack_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/stack"
	"github.com/ssmbak/ssmbak/internal/stack/code"
	"github.com/ssmbak/ssmbak/internal/testkit/extent"
	"github.com/ssmbak/ssmbak/internal/testkit/moto"
)

// place is an AWS account on moto.
type place struct {
	*testing.T
	endpoint string
}

func (p place) conn(client aws.HTTPClient) *awsconn.Conn {
	p.Helper()
	conn, err := awsconn.Load(p.Context(), awsconn.Options{Anonymous: true, Region: moto.Region, EndpointURL: p.endpoint, HTTPClient: client, MaxAttempts: 1, FirstAnswer: time.Hour})
	if err != nil {
		p.Fatal(err)
	}
	return conn
}

// zipOf returns a zip with arbitrary content, which moto accepts.
func zipOf(text string) func(context.Context, string) (code.Zip, error) {
	return func(_ context.Context, architecture string) (code.Zip, error) {
		sum := sha256.Sum256([]byte(text))
		return code.Zip{Bytes: []byte(text), SHA256: hex.EncodeToString(sum[:]), Architecture: architecture}, nil
	}
}

// stack returns a stack in the account, and its events.
func (p place) stack(client aws.HTTPClient, name string, change ...func(*stack.Options)) (*stack.Stack, *[]stack.Event) {
	p.Helper()
	events := new([]stack.Event)
	o := stack.Options{
		Name: name, Version: "v1.2.3", Poll: 5 * time.Millisecond, Code: zipOf("zip"),
		Event: func(e stack.Event) { *events = append(*events, e) },
	}
	for _, f := range change {
		f(&o)
	}
	s, err := stack.New(p.conn(client), o)
	if err != nil {
		p.Fatal(err)
	}
	return s, events
}

func (p place) keys(bucket, prefix string) (keys []string) {
	p.Helper()
	out, err := p.conn(nil).S3().ListObjectVersions(p.Context(), &s3.ListObjectVersionsInput{Bucket: &bucket, Prefix: &prefix})
	if err != nil {
		p.Fatal(err)
	}
	for _, v := range out.Versions {
		keys = append(keys, *v.Key)
	}
	return keys
}

// dying is the HTTP client of a process that is killed at request k, before or after the
// request took effect.
type dying struct {
	next  aws.HTTPClient
	k     int64
	after bool
	n     atomic.Int64
}

var errKilled = errors.New("killed")

func (d *dying) Do(r *http.Request) (*http.Response, error) {
	n := d.n.Add(1)
	switch {
	case n < d.k:
		return d.next.Do(r)
	case n == d.k && d.after:
		if response, err := d.next.Do(r); err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
	}
	return nil, errKilled
}

// TestCreateKilled kills Create at each of its requests, and checks that the same call
// then completes the stack, with one zip and one template.
func TestCreateKilled(t *testing.T) {
	t.Parallel()
	p := place{t, moto.StartForStacks(t)}
	settings := stack.Values{"pointer": {""}}
	last, step := false, int64(7)
	if extent.Long() {
		step = 1
	}
	for k := int64(1); !last; k += step {
		if k > 60 {
			t.Fatal("Create makes more than 60 requests")
		}
		for _, after := range []bool{false, true} {
			name := fmt.Sprintf("killed-%d-%v", k, after)
			d := &dying{next: awshttp.NewBuildableClient(), k: k, after: after}
			first, _ := p.stack(d, name)
			m, err := first.Create(t.Context(), settings)
			last = last || d.n.Load() < k
			if d.n.Load() >= k && err == nil && !after {
				t.Errorf("killed at request %d: %+v without an error", k, m)
			}
			again, _ := p.stack(nil, name)
			m, err = again.Create(t.Context(), settings)
			var there *stack.ExistsError
			if errors.As(err, &there) {
				m.BucketName, err = again.BucketName(t.Context())
			}
			if err != nil {
				t.Fatalf("killed at request %d, after its effect %v, and again: %v", k, after, err)
			}
			if lambda, err := again.LambdaName(t.Context()); err != nil || lambda != name+"-recorder" {
				t.Errorf("killed at request %d: the function is %q, %v", k, lambda, err)
			}
			if keys := p.keys(m.BucketName, ".ssmbak/lambda/"); len(keys) != 2 || path.Ext(keys[0])+path.Ext(keys[1]) != ".json.zip" && path.Ext(keys[0])+path.Ext(keys[1]) != ".zip.json" {
				t.Errorf("killed at request %d: the bucket holds %v", k, keys)
			}
		}
	}
}

// TestEvents checks that each event of a create and an update is reported once, in
// order.
func TestEvents(t *testing.T) {
	t.Parallel()
	p := place{t, moto.StartForStacks(t)}
	s, events := p.stack(nil, "events")
	if _, err := s.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Update(t.Context(), stack.Values{"memory": {"512"}}, stack.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for i, e := range *events {
		if seen[e.ID] {
			t.Errorf("reported twice: %+v", e)
		}
		seen[e.ID] = true
		if i > 0 && e.Time.Before((*events)[i-1].Time) {
			t.Errorf("reported out of order: %+v", e)
		}
	}
	var all []stack.Event
	for e, err := range s.Events(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	if len(all) != len(*events) {
		t.Errorf("got %d of %d events", len(*events), len(all))
	}
}

// TestConvert updates a stack like those of the legacy ssmbak, and checks that its bucket
// and the objects in it are kept.
func TestConvert(t *testing.T) {
	t.Parallel()
	p := place{t, moto.StartForStacks(t)}
	template, err := os.ReadFile("testdata/legacy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfn := cloudformation.NewFromConfig(p.conn(nil).Config())
	if _, err := cfn.CreateStack(t.Context(), &cloudformation.CreateStackInput{
		StackName: aws.String("old"), TemplateBody: aws.String(string(template)), Capabilities: []types.Capability{types.CapabilityCapabilityIam},
		Parameters: []types.Parameter{{ParameterKey: aws.String("Version"), ParameterValue: aws.String("1.0")}},
	}); err != nil {
		t.Fatal(err)
	}
	s, _ := p.stack(nil, "old")
	before, err := s.BucketName(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.conn(nil).S3().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &before, Key: aws.String("/app/db"), Body: strings.NewReader("old")}); err != nil {
		t.Fatal(err)
	}
	if st, err := s.Status(t.Context()); err != nil || !st.Legacy {
		t.Errorf("status: %+v, %v", st, err)
	}
	var legacy *stack.LegacyError
	if _, err := s.Create(t.Context(), nil); !errors.As(err, &legacy) {
		t.Errorf("Create: %v, want a LegacyError", err)
	}
	if _, err := s.Delete(t.Context()); !errors.As(err, &legacy) {
		t.Errorf("Delete: %v, want a LegacyError", err)
	}
	m, changes, err := s.Update(t.Context(), nil, stack.UpdateOptions{})
	if err != nil || !changes.Any || m.BucketName != before {
		t.Fatalf("converted to %+v, %v", m, err)
	}
	// moto keeps the outputs of the old template, and the function's name.
	all, err := s.Resources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"Bucket": before, "Reconciler": "old-reconciler", "ReconcilerLog": "/aws/lambda/old-reconciler"} {
		if i := slices.IndexFunc(all, func(r stack.Resource) bool { return r.LogicalID == id }); i < 0 || all[i].PhysicalID != want {
			t.Errorf("%s is not %s in %+v", id, want, all)
		}
	}
	if got := p.keys(before, "/"); len(got) != 1 {
		t.Errorf("the bucket holds %v", got)
	}
	if st, err := s.Status(t.Context()); err != nil || st.Legacy || st.Version != "v1.2.3" {
		t.Errorf("status: %+v, %v", st, err)
	}
}

// TestAdopt checks that only buckets that can hold the archive, and that no other stack
// uses, are adopted.
func TestAdopt(t *testing.T) {
	t.Parallel()
	p := place{t, moto.Start(t)}
	client := p.conn(nil).S3()
	for _, name := range []string{"plain", "mine", "theirs"} {
		if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
			t.Fatal(err)
		}
		if name == "plain" {
			continue
		}
		if _, err := client.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
			Bucket: &name, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
		}); err != nil {
			t.Fatal(err)
		}
	}
	identity := `{"format":1,"account":"999999999999","region":"us-east-1","created":"2024-06-13T20:10:54Z"}`
	if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("theirs"), Key: aws.String(".ssmbak/archive"), Body: strings.NewReader(identity)}); err != nil {
		t.Fatal(err)
	}
	for bucket, why := range map[string]string{"none": "does not exist", "plain": "is not versioned", "theirs": "999999999999"} {
		s, _ := p.stack(nil, "adopting")
		if _, err := s.Create(t.Context(), stack.Values{"bucket": {bucket}}); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want an error with %q", bucket, err, why)
		}
		if _, err := s.Resources(t.Context()); err == nil {
			t.Errorf("%s was rejected, but the stack exists", bucket)
		}
	}
	var mu sync.Mutex
	var notes []string
	s, _ := p.stack(nil, "adopting", func(o *stack.Options) {
		o.Note = func(text string) {
			mu.Lock()
			defer mu.Unlock()
			notes = append(notes, text)
		}
	})
	m, err := s.Create(t.Context(), stack.Values{"bucket": {"mine"}})
	if err != nil || m.BucketName != "mine" || m.KeyArn != "" {
		t.Fatalf("created %+v, %v", m, err)
	}
	if text := strings.Join(notes, "\n"); !strings.Contains(text, "has no public access block") {
		t.Errorf("notes: %q", text)
	}
	second, _ := p.stack(nil, "second")
	var taken *stack.BucketError
	if _, err := second.Create(t.Context(), stack.Values{"bucket": {"mine"}, "pointer": {""}}); !errors.As(err, &taken) || !strings.Contains(err.Error(), "the stack adopting") {
		t.Errorf("a second stack with the bucket: %v", err)
	}
	var pointer *stack.PointerError
	if _, err := second.Create(t.Context(), nil); !errors.As(err, &pointer) || pointer.Bucket != "mine" {
		t.Errorf("a second stack with the pointer: %v", err)
	}
	if _, err := s.Delete(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := client.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("mine")}); err != nil {
		t.Errorf("the bucket was not kept: %v", err)
	}
	var missing *stack.NotFoundError
	if _, err := s.Status(t.Context()); !errors.As(err, &missing) {
		t.Errorf("status: %v", err)
	}
}

// TestOneStep creates a stack in one step, from published code, and one with the parameters
// of the Terraform module's example. CloudFormation has the same template for both.
func TestOneStep(t *testing.T) {
	t.Parallel()
	p := place{t, moto.StartForStacks(t)}
	versioned(t, p.conn(nil).S3(), "my-artifacts")
	s, events := p.stack(nil, "ssmbak")
	published, err := s.Publish(t.Context(), "my-artifacts", "ssmbak/")
	if err != nil {
		t.Fatal(err)
	}
	zip := published.Zips[0]
	values := stack.Values{
		"code-bucket": {"my-artifacts"}, "code-key": {zip.Key}, "code-version": {zip.ObjectVersion},
		"admin": {"arn:aws:iam::123456789012:role/deploy"}, "email": {"ops@example.com"}, "pointer": {""},
	}
	var admin *stack.AdminError
	if _, err := s.Create(t.Context(), values); !errors.As(err, &admin) {
		t.Fatalf("the caller is no admin: %v, want an AdminError", err)
	}
	delete(values, "admin")
	m, err := s.Create(t.Context(), values)
	if err != nil || m.LambdaName != "ssmbak-recorder" {
		t.Fatalf("created %+v, %v", m, err)
	}
	if slices.ContainsFunc(*events, func(e stack.Event) bool { return strings.HasPrefix(e.Status, "UPDATE") }) || len(p.keys(m.BucketName, ".ssmbak/lambda/")) != 0 {
		t.Errorf("not created in one step: %v", *events)
	}
	if _, err := s.Finish(t.Context()); err != nil {
		t.Errorf("finish: %v", err)
	}

	code, err := json.Marshal(published)
	if err != nil {
		t.Fatal(err)
	}
	parameters := stack.ModuleParameters(t, "examples/one-account/main.tf", "ssmbak", code)
	in := &cloudformation.CreateStackInput{StackName: aws.String("module"), TemplateURL: &published.TemplateURL, Capabilities: []types.Capability{types.CapabilityCapabilityIam}}
	for name, value := range parameters {
		if name == "PointerName" {
			value = ""
		}
		in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: &name, ParameterValue: &value})
	}
	cfn := cloudformation.NewFromConfig(p.conn(nil).Config())
	if _, err := cfn.CreateStack(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	var bodies []string
	for _, name := range []string{"ssmbak", "module"} {
		out, err := cfn.GetTemplate(t.Context(), &cloudformation.GetTemplateInput{StackName: &name})
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, aws.ToString(out.TemplateBody))
	}
	if bodies[0] == "" || bodies[0] != bodies[1] {
		t.Errorf("the templates differ: %d and %d bytes", len(bodies[0]), len(bodies[1]))
	}
	module, _ := p.stack(nil, "module")
	if m, err := module.Finish(t.Context()); err != nil || m.Version != "v1.2.3" {
		t.Errorf("finish the module's stack: %+v, %v", m, err)
	}
}

func versioned(t *testing.T, client *s3.Client, bucket string) {
	t.Helper()
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: &bucket, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	}); err != nil {
		t.Fatal(err)
	}
}

// TestForeign checks that a stack created by another program is not changed.
func TestForeign(t *testing.T) {
	t.Parallel()
	p := place{t, moto.Start(t)}
	cfn := cloudformation.NewFromConfig(p.conn(nil).Config())
	if _, err := cfn.CreateStack(t.Context(), &cloudformation.CreateStackInput{
		StackName: aws.String("theirs"), TemplateBody: aws.String(`{"Resources":{"Bucket":{"Type":"AWS::S3::Bucket"}}}`),
	}); err != nil {
		t.Fatal(err)
	}
	s, _ := p.stack(nil, "theirs")
	var foreign *stack.ForeignError
	if _, err := s.Create(t.Context(), nil); !errors.As(err, &foreign) {
		t.Errorf("create: %v, want a ForeignError", err)
	}
	if _, _, err := s.Update(t.Context(), nil, stack.UpdateOptions{}); !errors.As(err, &foreign) {
		t.Errorf("update: %v, want a ForeignError", err)
	}
	if _, err := s.Delete(t.Context()); !errors.As(err, &foreign) {
		t.Errorf("delete: %v, want a ForeignError", err)
	}
	if all, err := s.Resources(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("it has %v, %v", all, err)
	}
}

// TestDowngrade checks that an update by an older ssmbak needs [stack.UpdateOptions].Downgrade.
func TestDowngrade(t *testing.T) {
	t.Parallel()
	p := place{t, moto.StartForStacks(t)}
	s, _ := p.stack(nil, "newer")
	if _, err := s.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	older, _ := p.stack(nil, "newer", func(o *stack.Options) { o.Version = "v1.2.2" })
	var newer *stack.VersionError
	if _, _, err := older.Update(t.Context(), nil, stack.UpdateOptions{}); !errors.As(err, &newer) || newer.Have != "v1.2.3" {
		t.Errorf("update by an older version: %v, want a VersionError", err)
	}
	if _, _, err := older.Update(t.Context(), nil, stack.UpdateOptions{Downgrade: true}); err != nil {
		t.Errorf("update with Downgrade: %v", err)
	}
	if st, err := older.Status(t.Context()); err != nil || st.Version != "v1.2.2" {
		t.Errorf("status: %+v, %v", st, err)
	}
	if _, _, err := older.Update(t.Context(), stack.Values{"bucket": {"other"}}, stack.UpdateOptions{}); err == nil || !strings.Contains(err.Error(), "cannot be changed") {
		t.Errorf("another bucket: %v", err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	p := place{t, "http://127.0.0.1:1"}
	for _, name := range []string{"", "1a", "a b", "a_b", strings.Repeat("a", 51), "-a"} {
		var wrong *stack.NameError
		if _, err := stack.New(p.conn(nil), stack.Options{Name: name}); !errors.As(err, &wrong) {
			t.Errorf("%q: %v, want a NameError", name, err)
		}
	}
}
