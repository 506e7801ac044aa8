package stack_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	ssmbakcli "github.com/ssmbak/ssmbak/internal/cli/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/function"
	"github.com/ssmbak/ssmbak/internal/pipeline"
	"github.com/ssmbak/ssmbak/internal/stack"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// tap is an HTTP client that collects what AWS would authorize for each request.
type tap struct {
	next   aws.HTTPClient
	secure func(name string) (key string, secure bool) // of a live parameter

	mu  sync.Mutex
	all map[string]stack.Request
}

func (p *tap) Do(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	response, err := p.next.Do(r)
	if err == nil && response.StatusCode != http.StatusForbidden {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, x := range p.actions(r, response, body) {
			p.all[x.String()] = x
		}
	}
	return response, err
}

func (p *tap) actions(r *http.Request, response *http.Response, body []byte) []stack.Request {
	target := r.Header.Get("X-Amz-Target")
	switch {
	case strings.HasPrefix(target, "AmazonSSM."):
		return p.parameterActions(strings.TrimPrefix(target, "AmazonSSM."), body)
	case strings.HasPrefix(target, "ResourceGroupsTaggingAPI_20170126."):
		return []stack.Request{stack.NewRequest("tag:"+strings.TrimPrefix(target, "ResourceGroupsTaggingAPI_20170126."), "*", nil)}
	case bytes.Contains(body, []byte("Action=GetCallerIdentity")):
		return nil // needs no permission: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
	case strings.HasPrefix(target, "AmazonSQS."), strings.HasPrefix(target, "TrentService."), strings.HasPrefix(r.URL.Path, "/2015-03-31/"):
		return stackActions(r, body)
	case strings.HasPrefix(r.URL.Path, "/"+bucket):
		return objectActions(r, response)
	}
	panic(fmt.Sprintf("unsupported request %s %s", r.Method, r.URL))
}

// stackActions returns the actions of the requests about a stack that status sends.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
func stackActions(r *http.Request, body []byte) []stack.Request {
	var in struct{ QueueUrl string }
	_ = json.Unmarshal(body, &in)
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	path := strings.Split(r.URL.Path, "/")
	switch {
	case op == "Sign", op == "GetPublicKey":
		return nil // TestSigners
	case op == "DescribeKey":
		return []stack.Request{stack.NewRequest("kms:DescribeKey", "the archive's key", nil)}
	case in.QueueUrl != "":
		return []stack.Request{stack.NewRequest("sqs:"+op, "arn:aws:sqs:us-east-1:123456789012:"+map[bool]string{false: "Q", true: "DeadLetterQ"}[strings.Contains(in.QueueUrl, "DeadLetterQ")], nil)}
	case path[2] == "functions":
		return []stack.Request{stack.NewRequest("lambda:GetFunctionConfiguration", "arn:aws:lambda:us-east-1:123456789012:function:"+path[3], nil)}
	}
	return []stack.Request{stack.NewRequest("lambda:ListEventSourceMappings", "*", nil)}
}

// parameterActions returns the actions of a request to Parameter Store, including those on
// KMS keys.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
// https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
func (p *tap) parameterActions(op string, body []byte) (all []stack.Request) {
	var in struct {
		Name, ResourceId, Type, KeyId, Tier, DataType, SettingId string
		Names                                                    []string
		WithDecryption                                           bool
		Tags                                                     []any
	}
	if err := json.Unmarshal(body, &in); err != nil {
		panic(err)
	}
	arn := func(name string) string {
		name, _, _ = strings.Cut(name, ":")
		return "arn:aws:ssm:us-east-1:123456789012:parameter/" + strings.TrimPrefix(name, "/")
	}
	if op == "GetServiceSetting" {
		return []stack.Request{stack.NewRequest("ssm:GetServiceSetting", "arn:aws:ssm:us-east-1:123456789012:servicesetting"+in.SettingId, nil)}
	}
	if op == "DescribeParameters" {
		return []stack.Request{stack.NewRequest("ssm:DescribeParameters", "*", nil)}
	}
	names := in.Names
	for _, n := range []string{in.Name, in.ResourceId} {
		if n != "" {
			names = append(names, n)
		}
	}
	kms := func(action, name, key string) {
		if key == "" || strings.HasPrefix(key, "alias/") {
			key = "arn:aws:kms:us-east-1:123456789012:key/" + strings.TrimPrefix(key, "alias/")
		}
		all = append(all, stack.NewRequest(action, key, map[string]string{
			"kms:ViaService": "ssm.us-east-1.amazonaws.com", "kms:EncryptionContext:PARAMETER_ARN": arn(name),
		}))
	}
	for _, name := range names {
		all = append(all, stack.NewRequest("ssm:"+op, arn(name), nil))
		if in.WithDecryption {
			plain, _, _ := strings.Cut(name, ":")
			if key, secure := p.secure(plain); secure {
				kms("kms:Decrypt", name, key)
			}
		}
		if op == "PutParameter" {
			if len(in.Tags) > 0 {
				all = append(all, stack.NewRequest("ssm:AddTagsToResource", arn(name), nil))
			}
			// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html
			if in.DataType == "aws:ec2:image" {
				all = append(all, stack.NewRequest("ec2:DescribeImages", "*", nil))
			}
			switch {
			case in.Type == "SecureString" && in.Tier == "Advanced":
				kms("kms:GenerateDataKey", name, in.KeyId)
			case in.Type == "SecureString":
				kms("kms:Encrypt", name, in.KeyId)
			}
		}
	}
	return all
}

// objectActions returns the actions of a request to S3, including those on the archive's
// key.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
func objectActions(r *http.Request, response *http.Response) (all []stack.Request) {
	q := r.URL.Query()
	key := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/"+bucket), "/")
	has := func(name string) bool { _, ok := q[name]; return ok }
	on := "arn:aws:s3:::" + bucket
	if key != "" {
		on += "/" + key
	}
	// Value objects are encrypted by the bucket's default, others according to their header.
	kms := func(action string) {
		if strings.HasPrefix(key, "/") || response.Header.Get("X-Amz-Server-Side-Encryption") == "aws:kms" {
			all = append(all, stack.NewRequest(action, "the archive's key", map[string]string{"kms:ViaService": "s3.us-east-1.amazonaws.com"}))
		}
	}
	add := func(action string) { all = append(all, stack.NewRequest(action, on, nil)) }
	version := has("versionId")
	switch {
	case key == "" && has("versioning"):
		add("s3:GetBucketVersioning")
	case key == "" && has("encryption"):
		add("s3:GetEncryptionConfiguration")
	case key == "" && has("replication"):
		add("s3:GetReplicationConfiguration")
	case key == "" && has("lifecycle"):
		add("s3:GetLifecycleConfiguration")
	case key == "" && has("object-lock"):
		add("s3:GetBucketObjectLockConfiguration")
	case key == "" && has("versions"):
		add("s3:ListBucketVersions")
	case key == "" && r.Method == http.MethodGet:
		add("s3:ListBucket")
	case has("tagging") && r.Method == http.MethodGet && version:
		add("s3:GetObjectVersionTagging")
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		if version {
			add("s3:GetObjectVersion")
		} else {
			add("s3:GetObject")
		}
		// Without it, S3 returns AccessDenied if the object does not exist.
		all = append(all, stack.NewRequest("s3:ListBucket", "arn:aws:s3:::"+bucket, nil))
		if r.Method == http.MethodGet {
			kms("kms:Decrypt")
		}
	case r.Method == http.MethodPut:
		add("s3:PutObject")
		if r.Header.Get("X-Amz-Tagging") != "" {
			add("s3:PutObjectTagging")
		}
		if r.Header.Get("If-Match") != "" {
			// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
			add("s3:GetObject")
		}
		if r.Header.Get("X-Amz-Server-Side-Encryption") != "AES256" {
			kms("kms:GenerateDataKey")
		}
	case r.Method == http.MethodDelete && !version:
		add("s3:DeleteObject")
	default:
		panic(fmt.Sprintf("unsupported request %s %s", r.Method, r.URL))
	}
	return all
}

// collected has the requests of each component of ssmbak.
type collected struct{ recorder, reconciler, verifier, reader, restorer []stack.Request }

// collect runs every component of ssmbak with everything that it can do, in an
// organization that denies all encryption headers except those of e.
func collect(t *testing.T, e archive.Encryption) (out collected) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var a *emulator.AWS
		var conn *awsconn.Conn
		var users *ssm.Client
		reach := func(p aws.HTTPClient) awsconn.Options {
			return awsconn.Options{Anonymous: true, Region: region, EndpointURL: "http://127.0.0.1", HTTPClient: p, MaxAttempts: 2}
		}
		fresh := func(legacy ...string) { // names that the legacy ssmbak recorded
			t.Helper()
			a = emulator.New(emulator.Options{})
			a.S3.CreateBucket(bucket, true)
			var err error
			if conn, err = awsconn.Load(t.Context(), reach(a.Client())); err != nil {
				t.Fatal(err)
			}
			users = conn.SSM()
			for _, name := range legacy {
				if _, err := conn.S3().PutObject(t.Context(), &s3.PutObjectInput{
					Bucket: aws.String(bucket), Key: &name, Body: strings.NewReader("old"), Tagging: aws.String("ssmbakTime=946684800&ssmbakType=String"),
				}); err != nil {
					t.Fatal(err)
				}
			}
		}
		created := func() { // like ssmbak-stack create
			t.Helper()
			through, err := awsconn.Load(t.Context(), reach(organization{a.Client(), e}))
			if err != nil {
				t.Fatal(err)
			}
			opened, err := archive.Open(t.Context(), through.S3(), archive.Options{Bucket: bucket, Account: account, Region: region, Encryption: &e})
			if err == nil {
				err = opened.KeepEncryption(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		fresh("/app/old", "/app/text")
		secure := func(name string) (string, bool) {
			log := a.SSM.Truth(name)
			for _, c := range slices.Backward(log) {
				if c.Type == "SecureString" {
					return c.KeyID, true
				}
			}
			return "", false
		}
		tapped := func() *tap {
			return &tap{next: organization{a.Client(), e}, secure: secure, all: make(map[string]stack.Request)}
		}
		// The functions must not read value objects, not even their metadata.
		ofFunction := func() *tap {
			p := tapped()
			p.next = organization{a.ClientWith(func(service, op, key string) emulator.Fault {
				if service == "s3" && (op == "HeadObject" || op == "GetObject") && strings.HasPrefix(key, "/") {
					return emulator.Denied
				}
				return emulator.Fault{}
			}), e}
			return p
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		put := func(name, value string, more ...func(*ssm.PutParameterInput)) {
			t.Helper()
			in := &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true)}
			for _, f := range more {
				f(in)
			}
			_, err := users.PutParameter(t.Context(), in)
			must(err)
			time.Sleep(2 * time.Second)
		}
		secret := func(key string) func(*ssm.PutParameterInput) {
			return func(in *ssm.PutParameterInput) {
				in.Type = types.ParameterTypeSecureString
				if key != "" {
					in.KeyId = &key
				}
			}
		}
		advanced := func(in *ssm.PutParameterInput) { in.Tier = types.ParameterTierAdvanced }
		remove := func(names ...string) {
			_, err := users.DeleteParameters(t.Context(), &ssm.DeleteParametersInput{Names: names})
			must(err)
			time.Sleep(2 * time.Second)
		}
		var signingKey, since string
		invoke := func(p *tap, payload string) (failed []string) {
			t.Helper()
			f := function.New(function.Options{
				Bucket: bucket, AWS: reach(p), Logger: slog.New(slog.DiscardHandler), ValueHeader: string(e.Values), IndexHeader: string(e.Indexes),
				SigningKey: signingKey, SigningSince: since,
			})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{InvokedFunctionArn: "arn:aws:lambda:us-east-1:" + account + ":function:f"})
			answer, err := f.Handle(ctx, json.RawMessage(payload))
			must(err)
			text, err := json.Marshal(answer)
			must(err)
			if strings.Contains(string(text), `"Complete":false`) {
				t.Fatalf("the function answered %s", text)
			}
			var response events.SQSEventResponse
			must(json.Unmarshal(text, &response))
			for _, f := range response.BatchItemFailures {
				failed = append(failed, f.ItemIdentifier)
			}
			return failed
		}
		recorder, reconciler, verifier, reader, restorer := ofFunction(), ofFunction(), tapped(), tapped(), tapped()
		record := func() {
			must(a.Queue.Drain(t.Context(), func(_ context.Context, batch []emulator.Message) []string {
				return invoke(recorder, string(emulator.SQSEvent(region, account, batch)))
			}))
		}
		command := func(p *tap, args ...string) {
			t.Helper()
			var stdout, stderr bytes.Buffer
			if !slices.Contains(args, "without") {
				args = append(args, "--bucket", bucket)
			}
			args = slices.DeleteFunc(args, func(a string) bool { return a == "without" })
			code := ssmbakcli.Main(t.Context(), ssmbakcli.Env{Env: shell.Env{
				Args: args, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, AWS: reach(p),
				Now: time.Now, Terminal: func(any) bool { return false },
			}})
			if code != 0 {
				t.Fatalf("ssmbak %v: exit %d\n%s", args, code, &stderr)
			}
		}

		hide := func(keys ...string) {
			t.Helper()
			for _, key := range keys {
				_, err := conn.S3().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: &key})
				must(err)
			}
		}

		command(reader, "preview", "/app", "now", "-R")
		put("/newvoll/ssmbak/bucketname", bucket)
		put("/app/text", "one")
		record()
		put("/app/aws", "one", secret(""))
		put("/app/customer", "one", secret("alias/app"))
		put("/app/big", "one", advanced, secret(""))
		image := func(in *ssm.PutParameterInput) { in.DataType = aws.String("aws:ec2:image") }
		put("/app/image", "ami-12345678", image)
		put("/app/gone", "one")
		put("/other", "one")
		record()
		put("/app/text", "two")
		_, err := users.AddTagsToResource(t.Context(), &ssm.AddTagsToResourceInput{
			ResourceId: aws.String("/app/text"), ResourceType: types.ResourceTypeForTaggingParameter, Tags: []types.Tag{{Key: aws.String("env"), Value: aws.String("prod")}},
		})
		must(err)
		_, err = users.LabelParameterVersion(t.Context(), &ssm.LabelParameterVersionInput{Name: aws.String("/app/text"), ParameterVersion: aws.Int64(1), Labels: []string{"blue"}})
		must(err)
		record()
		invoke(reconciler, `{"ssmbak":"reconcile"}`)
		// A tag event does not say that a secret has a new value, whose event is lost, and
		// another object hides the current value of another one: both read one value.
		put("/app/aws", "two", secret(""))
		must(a.Queue.Drain(t.Context(), func(context.Context, []emulator.Message) []string { return nil }))
		_, err = users.AddTagsToResource(t.Context(), &ssm.AddTagsToResourceInput{
			ResourceId: aws.String("/app/aws"), ResourceType: types.ResourceTypeForTaggingParameter, Tags: []types.Tag{{Key: aws.String("env"), Value: aws.String("prod")}},
		})
		must(err)
		record()
		_, err = conn.S3().PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("/app/customer"), Body: strings.NewReader("older")})
		must(err)
		time.Sleep(time.Minute)
		invoke(reconciler, `{"ssmbak":"reconcile"}`)
		time.Sleep(time.Hour)
		then := time.Now().UTC().Format(time.RFC3339)
		time.Sleep(time.Minute)
		remove("/app/gone")
		record()
		put("/app/unheard", "one") // its event is lost
		put("/app/unheard-secret", "one", secret("alias/app"))
		must(a.Queue.Drain(t.Context(), func(context.Context, []emulator.Message) []string { return nil }))
		remove("/other")
		must(a.Queue.Drain(t.Context(), func(context.Context, []emulator.Message) []string { return nil }))
		invoke(reconciler, `{"ssmbak":"reconcile"}`)
		time.Sleep(time.Hour)
		hide(".ssmbak/index/app/text", ".ssmbak/index/other", ".ssmbak/names/app/big")
		invoke(reconciler, `{"ssmbak":"reconcile"}`)

		testPipeline(t, a, reach(restorer), e, func(ctx context.Context, batch []emulator.Message) []string {
			return invoke(recorder, string(emulator.SQSEvent(region, account, batch)))
		})

		command(restorer, "mark", "deploy-1", "--at", then)
		command(restorer, "mark", "deploy-2")
		command(restorer, "mark", "deploy-2", "--force")
		for _, args := range [][]string{
			{"preview", "/app", then, "-R", "--with-decryption"},
			{"preview", "/", then, "-R"},
			{"get", "/app/customer", then, "--with-decryption"},
			{"log", "/app", "-R"},
			{"verify"},
			{"diff", "/app", then, "now", "-R"},
			{"mark"},
			{"diff", "/app", "@deploy-1", "before:@deploy-2", "-R"},
			{"diff", "/app/text", then},
			{"preview", "/app", then, "without"},
		} {
			command(reader, args...)
		}
		opened, err := archive.Open(t.Context(), conn.S3(), archive.Options{Bucket: bucket, Account: account, Region: region, Encryption: &e})
		must(err)
		code := strings.Repeat("5a", 32)
		a.Functions.Deploy("ssmbak-recorder", code)
		a.Functions.Deploy("ssmbak-reconciler", code)
		a.Functions.Deploy("ssmbak-verifier", code)
		must(a.S3.Configure(bucket, s3api.Settings{Key: string(archiveKey), Replication: &s3api.Replication{Bucket: "copy"}}))
		must(opened.KeepDeployment(t.Context(), archive.Deployment{
			Stack: "ssmbak", Recorder: "ssmbak-recorder", Reconciler: "ssmbak-reconciler", Verifier: "ssmbak-verifier", VerifyHours: 72, Replica: "copy", Code: code, Queue: a.QueueURL(false), DeadLetters: a.QueueURL(true),
		}))
		invoke(verifier, `{"ssmbak":"verify"}`)
		command(restorer, "verify", "--record")
		command(reader, "status")
		command(restorer, "status")
		command(restorer, "drill", "/app/text", then, "--yes")
		caller, err := conn.Caller(t.Context())
		must(err)
		killed := archive.Drill{ID: archive.NewRestoreID(time.Now(), "killed"), By: caller.ARN, Began: time.Now(), Until: time.Now()}
		killed.Names = []ssmbak.Name{ssmbak.Name(killed.Prefix() + "app/text")}
		must(opened.BeginDrill(t.Context(), killed))
		put(string(killed.Names[0]), "one")
		record()
		time.Sleep(time.Hour)
		invoke(reconciler, `{"ssmbak":"reconcile"}`)

		// Damage, restore and undo.
		put("/app/text", "broken")
		put("/app/image", "ami-87654321", image)
		put("/app/aws", "broken", secret(""))
		put("/app/customer", "broken", secret("alias/app"))
		put("/app/big", "broken", advanced, secret(""))
		_, err = users.RemoveTagsFromResource(t.Context(), &ssm.RemoveTagsFromResourceInput{ResourceId: aws.String("/app/text"), ResourceType: types.ResourceTypeForTaggingParameter, TagKeys: []string{"env"}})
		must(err)
		_, err = users.LabelParameterVersion(t.Context(), &ssm.LabelParameterVersionInput{Name: aws.String("/app/text"), ParameterVersion: aws.Int64(3), Labels: []string{"blue", "green"}})
		must(err)
		put("/app/new", "one")
		record()
		time.Sleep(time.Hour)
		command(restorer, "restore", "/app", then, "-R", "--exact", "--yes")
		time.Sleep(time.Hour)
		command(restorer, "undo", newestRestore(t, conn), "--yes")
		time.Sleep(time.Hour)
		hide(".ssmbak/index/app/text", ".ssmbak/names/app/text")
		command(restorer, "reconcile", "--deep", "without")
		command(reader, "undo")

		// Indexes are divided from the stack's next update on. Each of them divides one.
		busy := func() { // half of the versions that are moved at once
			for range 40 {
				put("/app/busy", "v", func(in *ssm.PutParameterInput) { in.Description = aws.String(strings.Repeat("busy", 200)) })
			}
		}
		for range 4 {
			busy()
			record()
		}
		inPart := time.Now().Add(-5 * time.Minute).UTC().Format(time.RFC3339)
		archived, err := archive.Open(t.Context(), conn.S3(), archive.Options{Bucket: bucket, Account: account, Region: region, Encryption: &e})
		must(err)
		must(archived.DivideIndexes(t.Context()))
		busy()
		busy()
		record()
		unheard := func() {
			must(a.Queue.Drain(t.Context(), func(context.Context, []emulator.Message) []string { return nil }))
		}
		busy()
		busy()
		unheard()
		invoke(reconciler, `{"ssmbak":"reconcile"}`)
		busy()
		busy()
		unheard()
		command(reader, "preview", "/app/busy", inPart)
		command(restorer, "restore", "/app/busy", inPart, "--yes")

		// Older versions are read of damaged objects that concern all of the archive.
		for _, key := range []string{".ssmbak/archive", ".ssmbak/adopted", ".ssmbak/reconciled"} {
			must(a.S3.Put(bucket, key, []byte("damaged")))
		}
		invoke(verifier, `{"ssmbak":"verify"}`)
		command(reader, "preview", "/app/text", then)
		command(restorer, "preview", "/app/text", then)
		_, err = users.RemoveTagsFromResource(t.Context(), &ssm.RemoveTagsFromResourceInput{ResourceId: aws.String("/app/aws"), ResourceType: types.ResourceTypeForTaggingParameter, TagKeys: []string{"env"}})
		must(err)
		record()
		invoke(reconciler, `{"ssmbak":"reconcile"}`)

		// In a new bucket, a restorer's reconcile can be the first writer.
		fresh("/app/old")
		created()
		restorer.next = organization{a.Client(), e}
		command(restorer, "reconcile")
		fresh("/app/old")
		reconciler.next = ofFunction().next
		invoke(reconciler, `{"ssmbak":"reconcile"}`)

		// The reconciler of a stack that signs writes checkpoints.
		signingKey, since = a.CreateSigningKey(), time.Now().UTC().Format(time.RFC3339)
		for range 2 {
			invoke(reconciler, `{"ssmbak":"reconcile"}`)
			time.Sleep(24 * time.Hour)
		}
		for _, p := range []*tap{reader, restorer} {
			p.next = organization{a.Client(), e}
			command(p, "verify")
		}

		take := func(p *tap) []stack.Request {
			return slices.SortedFunc(maps.Values(p.all), func(a, b stack.Request) int { return strings.Compare(a.String(), b.String()) })
		}
		out = collected{take(recorder), take(reconciler), take(verifier), take(reader), take(restorer)}
	})
	return out
}

// testPipeline runs `ssmbak-stack test` with the connection o while the functions handle
// events.
func testPipeline(t *testing.T, a *emulator.AWS, o awsconn.Options, e archive.Encryption, handle emulator.Handler) {
	t.Helper()
	conn, err := awsconn.Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	archived, err := archive.Open(t.Context(), conn.S3(), archive.Options{Bucket: bucket, Account: account, Region: region, Encryption: &e})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(t.Context())
	var functions sync.WaitGroup
	functions.Go(func() { a.Queue.Run(running, handle) })
	defer functions.Wait()
	defer stop()
	live := paramstore.New(conn.SSM(), paramstore.Options{})
	sync := recorder.New(archived, live, recorder.Options{Account: account, Region: region})
	for range 2 { // the second one reads the record of the first
		result, err := pipeline.Run(t.Context(), archived, live, sync, pipeline.Options{Account: account, Region: region, By: "arn:aws:iam::" + account + ":user/local"})
		if err != nil || !result.Restored || len(result.Problems) > 0 || result.Unrecorded != nil {
			t.Fatalf("%v, %+v", err, result)
		}
	}
}

// newestRestore returns the ID of the newest restore.
func newestRestore(t *testing.T, conn *awsconn.Conn) string {
	t.Helper()
	list, err := conn.S3().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: aws.String(".ssmbak/restores/")})
	if err != nil || len(list.Contents) == 0 {
		t.Fatalf("%d restores are recorded, %v", len(list.Contents), err)
	}
	return strings.TrimPrefix(aws.ToString(list.Contents[len(list.Contents)-1].Key), ".ssmbak/restores/")
}
