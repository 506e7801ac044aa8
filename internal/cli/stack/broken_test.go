package stackcli_test

import (
	"bytes"
	"context"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	ssmbakcli "github.com/ssmbak/ssmbak/internal/cli/ssmbak"
	stackcli "github.com/ssmbak/ssmbak/internal/cli/stack"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/testkit/extent"
	"github.com/ssmbak/ssmbak/internal/testkit/moto"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// broken is one thing that is broken, and what each command then prints.
type broken struct {
	what  string
	do    func(b *bench) // breaks it
	lacks string         // why moto cannot play it, "" if it can
	cells []cell
}

// cell is what a command does: its exit code, and patterns that its output matches. A command
// that judges exits with 0 if there is nothing to do, 1 if it could not look, and 3 if it
// looked, and something needs attention.
type cell struct {
	command string
	code    int
	says    []string
	// lacks says why moto cannot play it, "" if it can.
	lacks string
}

// Why moto cannot play what some commands do.
const (
	noEvents = "moto has no events of Parameter Store, and nothing records them"
	noKeys   = "S3 and Parameter Store of moto ignore keys"
	noUsers  = "moto does not say who wrote a version, which an undo compares"
)

// bench is an account with a stack, two recorded parameters, and a change of one of them.
type bench struct {
	testing.TB
	connection awsconn.Options
	emulated   *emulator.AWS // nil on moto
	poll       time.Duration // the interval at which stacks are polled, 0 for the usual one
	stop       func()        // stops the recorder
	conn       *awsconn.Conn
	archive    *archive.Archive
	before     ssmbak.Time // the change
}

func (b *bench) run(args ...string) (code int, output string) {
	b.Helper()
	var stdout, stderr bytes.Buffer
	env := shell.Env{
		Args: args, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, AWS: b.connection,
		Terminal: func(any) bool { return false }, Getenv: func(string) string { return "" },
	}
	if args[0] == "ssmbak" {
		env.Args = args[1:]
		code = ssmbakcli.Main(b.Context(), ssmbakcli.Env{Env: env})
	} else {
		env.Args = args[1:]
		code = stackcli.Main(b.Context(), stackcli.Env{Version: "v1.2.3", FindCode: (&world{}).find, Poll: b.poll, Env: env})
	}
	return code, stdout.String() + stderr.String()
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) put(name, value string, kind types.ParameterType, key *string) {
	b.Helper()
	_, err := b.conn.SSM().PutParameter(b.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: kind, KeyId: key, Overwrite: aws.Bool(true)})
	b.must(err)
}

// open connects, creates the stack and the parameters, and has them recorded.
func (b *bench) open() {
	b.Helper()
	var err error
	b.conn, err = awsconn.Load(b.Context(), b.connection)
	b.must(err)
	b.put("/app/text", "one", types.ParameterTypeString, nil)
	b.put("/app/secret", "hunter2", types.ParameterTypeSecureString, aws.String("alias/app"))
	if code, out := b.run("ssmbak-stack", "ssmbak", "create", "--encryption", "s3"); code != 0 {
		b.Fatalf("create: exit %d\n%s", code, out)
	}
	_, bucket := b.run("ssmbak-stack", "ssmbak", "bucketname")
	b.archive, err = archive.Open(b.Context(), b.conn.S3(), archive.Options{Bucket: strings.TrimSpace(bucket), Account: testworld.Account, Region: testworld.Region})
	b.must(err)
	b.wait()
	b.before = ssmbak.TimeOf(time.Now())
	b.wait()
	b.put("/app/text", "two", types.ParameterTypeString, nil)
	b.put("/app/secret", "hunter3", types.ParameterTypeSecureString, aws.String("alias/app"))
	b.wait()
	if code, out := b.run("ssmbak", "reconcile"); code != 0 {
		b.Fatalf("reconcile: exit %d\n%s", code, out)
	}
}

// wait waits until events of changes have been recorded, and until reads surely show them.
func (b *bench) wait() {
	if b.emulated != nil {
		time.Sleep(5 * time.Second)
		return
	}
	time.Sleep(1100 * time.Millisecond)
}

func (b *bench) record() (stop func()) {
	conn, err := awsconn.Load(b.Context(), b.connection)
	b.must(err)
	archived, err := archive.Open(b.Context(), conn.S3(), archive.Options{Bucket: "ssmbak-local", Account: testworld.Account, Region: testworld.Region})
	b.must(err)
	b.must(archived.Establish(b.Context()))
	r := recorder.New(archived, paramstore.New(conn.SSM(), paramstore.Options{}), recorder.Options{Account: testworld.Account, Region: testworld.Region})
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { b.emulated.Queue.Run(ctx, testworld.Handler(r)) })
	return sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
}

func (b *bench) suspend() {
	_, err := b.conn.S3().PutBucketVersioning(b.Context(), &s3.PutBucketVersioningInput{
		Bucket: aws.String(b.archive.Bucket()), VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusSuspended},
	})
	b.must(err)
}

// fill makes the queue full: nothing takes messages from it.
func (b *bench) fill() {
	if b.emulated != nil {
		b.stop()
		b.emulated.Queue.Fill(1000)
		return
	}
	d, _, err := b.archive.Deployment(b.Context())
	b.must(err)
	functions := lambda.NewFromConfig(b.conn.Config())
	// Without a name, since moto compares it with that of the template. A mapping that stays
	// would run the function in a container for each message.
	mapped, err := functions.ListEventSourceMappings(b.Context(), &lambda.ListEventSourceMappingsInput{})
	b.must(err)
	for _, m := range mapped.EventSourceMappings {
		_, err := functions.UpdateEventSourceMapping(b.Context(), &lambda.UpdateEventSourceMappingInput{UUID: m.UUID, Enabled: aws.Bool(false)})
		b.must(err)
	}
	queues := sqs.NewFromConfig(b.conn.Config())
	for range 100 {
		in := &sqs.SendMessageBatchInput{QueueUrl: &d.Queue}
		for i := range 10 {
			in.Entries = append(in.Entries, sqstypes.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String("{}")})
		}
		_, err := queues.SendMessageBatch(b.Context(), in)
		b.must(err)
	}
}

// replace makes the functions run other code than the stack deployed.
func (b *bench) replace() {
	d, _, err := b.archive.Deployment(b.Context())
	b.must(err)
	other, err := packed("arm64")
	b.must(err)
	if b.emulated == nil {
		_, err = lambda.NewFromConfig(b.conn.Config()).UpdateFunctionCode(b.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: &d.Recorder, ZipFile: other})
		b.must(err)
		return
	}
	key := ".ssmbak/lambda/" + d.Code + ".zip"
	if !b.emulated.S3.Corrupt(b.archive.Bucket(), key, b.emulated.S3.Versions(b.archive.Bucket(), key)[0].VersionID, other) {
		b.Fatal("there is no zip")
	}
}

// lock disables the keys of all secrets, of which one is not recorded yet.
func (b *bench) lock() {
	b.stop()
	b.put("/app/new", "hunter4", types.ParameterTypeSecureString, aws.String("alias/new"))
	b.emulated.SSM.DisableKey("alias/new")
	b.emulated.SSM.DisableKey("alias/app")
	b.stop = b.record()
	b.wait()
	if code, out := b.run("ssmbak", "reconcile"); code != 0 {
		b.Fatalf("reconcile: exit %d\n%s", code, out)
	}
}

// lockBucket disables the key of the bucket, with which S3 encrypts values.
func (b *bench) lockBucket() {
	if b.emulated == nil {
		keys := kms.NewFromConfig(b.conn.Config())
		made, err := keys.CreateKey(b.Context(), &kms.CreateKeyInput{})
		b.must(err)
		_, err = b.conn.S3().PutBucketEncryption(b.Context(), &s3.PutBucketEncryptionInput{
			Bucket: aws.String(b.archive.Bucket()),
			ServerSideEncryptionConfiguration: &s3types.ServerSideEncryptionConfiguration{Rules: []s3types.ServerSideEncryptionRule{{
				ApplyServerSideEncryptionByDefault: &s3types.ServerSideEncryptionByDefault{SSEAlgorithm: s3types.ServerSideEncryptionAwsKms, KMSMasterKeyID: made.KeyMetadata.Arn},
			}}},
		})
		b.must(err)
		_, err = keys.DisableKey(b.Context(), &kms.DisableKeyInput{KeyId: made.KeyMetadata.KeyId})
		b.must(err)
		return
	}
	const key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd"
	b.must(b.emulated.S3.Configure(b.archive.Bucket(), s3api.Settings{Key: key}))
	b.emulated.SSM.DisableKey(key)
	for _, op := range []string{"GetObject", "PutObject"} {
		b.emulated.Faults.Add(emulator.Rule{Service: "s3", Op: op, KeyPrefix: "/", Fault: emulator.Fault{Status: http.StatusBadRequest, Code: "KMS.DisabledException"}})
	}
	b.put("/app/new", "one", types.ParameterTypeString, nil)
	b.wait()
}

// remove removes all copies of the values of /app/text.
func (b *bench) remove() {
	out, err := b.conn.S3().ListObjectVersions(b.Context(), &s3.ListObjectVersionsInput{Bucket: aws.String(b.archive.Bucket()), Prefix: aws.String("/app/text")})
	b.must(err)
	if len(out.Versions) == 0 {
		b.Fatal("nothing was recorded")
	}
	for _, v := range out.Versions {
		_, err := b.conn.S3().DeleteObject(b.Context(), &s3.DeleteObjectInput{Bucket: aws.String(b.archive.Bucket()), Key: v.Key, VersionId: v.VersionId})
		b.must(err)
	}
}

// damage replaces the bytes of the first value of /app/text.
func (b *bench) damage() {
	all := b.emulated.S3.Versions(b.archive.Bucket(), "/app/text")
	if !b.emulated.S3.Corrupt(b.archive.Bucket(), "/app/text", all[len(all)-1].VersionID, []byte("damaged")) {
		b.Fatal("nothing was recorded")
	}
}

// use makes a drill and a test of the pipeline run.
func (b *bench) use() {
	now := time.Now().UTC()
	b.must(b.archive.BeginDrill(b.Context(), archive.Drill{
		ID: archive.NewRestoreID(now, "aaaaaa"), By: "arn:aws:iam::123456789012:user/else", Path: "/app", Began: now, Until: now.Add(time.Minute),
	}))
	b.must(b.archive.BeginTest(b.Context(), &archive.TestRecord{ID: archive.NewRestoreID(now, "bbbbbb"), By: "arn:aws:iam::123456789012:user/else", Began: now}))
}

// on gives each broken thing an account of its own, and runs the commands.
func (b *bench) on(t *testing.T, x broken) {
	t.Helper()
	x.do(b)
	for _, c := range x.cells {
		if c.lacks != "" && b.emulated == nil {
			t.Logf("%s: not played on moto: %s", c.command, c.lacks)
			continue
		}
		if c.command == undoLine || c.command == revertLine {
			b.wait() // both ask for what was at a moment
		}
		command := strings.ReplaceAll(c.command, "BEFORE", b.before.String())
		code, out := b.run(strings.Fields(command)...)
		if code != c.code {
			t.Errorf("%s: %s: exit %d, want %d\n%s", x.what, command, code, c.code, out)
		}
		for _, want := range c.says {
			if !regexp.MustCompile("(?m)" + want).MatchString(out) {
				t.Errorf("%s: %s: the output does not match %q\n%s", x.what, command, want, out)
			}
		}
	}
}

// TestBroken breaks one thing at a time on the local AWS. Each command says what is broken and
// what to do about it, or does what it is for.
func TestBroken(t *testing.T) {
	t.Parallel()
	for _, x := range matrix() {
		t.Run(strings.ReplaceAll(x.what, " ", "-"), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(start))
				e := local()
				b := &bench{TB: t, connection: testworld.Connection(e.Client()), emulated: e}
				b.stop = b.record()
				defer func() { b.stop() }()
				b.open()
				b.on(t, x)
			})
		})
	}
}

// TestBrokenOnMoto does on moto what moto can play of [TestBroken]: everything with
// SSMBAK_LONG, which takes minutes, and one thing without.
func TestBrokenOnMoto(t *testing.T) {
	t.Parallel()
	endpoint := moto.StartForStacks(t)
	for _, x := range matrix() {
		t.Run(strings.ReplaceAll(x.what, " ", "-"), func(t *testing.T) {
			if x.lacks != "" {
				t.Skip(x.lacks)
			}
			if x.what != "function old" && !extent.Long() {
				t.Skip("SSMBAK_LONG is not set")
			}
			moto.Reset(t, endpoint)
			b := &bench{TB: t, connection: awsconn.Options{Anonymous: true, Region: moto.Region, EndpointURL: endpoint, FirstAnswer: time.Hour}, poll: 5 * time.Millisecond}
			b.open()
			b.on(t, x)
		})
	}
}

// The commands of the matrix. Those from restoreLine on change something.
const (
	statusLine  = "ssmbak status -o text"
	stackStatus = "ssmbak-stack ssmbak status"
	verifyLine  = "ssmbak verify"
	previewLine = "ssmbak preview /app now -R"
	getLine     = "ssmbak get /app/text BEFORE"
	exportLine  = "ssmbak export /app/ BEFORE --with-decryption"
	logLine     = "ssmbak log /app -R"
	diffLine    = "ssmbak diff /app BEFORE -R"
	drillLine   = "ssmbak drill /app BEFORE --yes"
	testLine    = "ssmbak-stack ssmbak test"
	restoreLine = "ssmbak restore /app BEFORE --yes"
	undoLine    = "ssmbak undo last --yes"
	revertLine  = "ssmbak revert /app BEFORE now --yes"
	markLine    = "ssmbak mark here"
	reindexLine = "ssmbak reindex / -R"
	redactLine  = "ssmbak redact /app/text:1 --yes"
	reconcile   = "ssmbak reconcile"
	updateLine  = "ssmbak-stack ssmbak update --memory 512"
)

// matrix returns all that is broken.
func matrix() []broken {
	const (
		version  = "`aws s3api put-bucket-versioning --bucket \\S+ --versioning-configuration Status=Enabled"
		enable   = "^hint: `ssmbak status` names the key, and prints the command that makes it usable$"
		deploys  = "`ssmbak-stack ssmbak update` deploys it again"
		verified = "^verified [0-9]+ parameters"
		previews = "^complete up to"
		exports  = "^  \"secret\": \"hunter2\",\n  \"text\": \"one\"$"
		partly   = "^ssmbak: error: 1 parameter was not written, because the state or the value is not known$"
		drills   = "compared 2, and removed them again$"
		proves   = "^restored, and equal to what was recorded$"
		restores = "^restored 2, deleted 0"
		logs     = "Z \\| Update +\\| /app/text +\\| 2 "
		differs  = "^    value: \"two\" -> \"one\"$"
		marks    = "^mark here is at "
		rebuilds = "^no index of / is damaged or deleted$"
		redacts  = "^redacted version 1 of /app/text and removed 1 copy$"
		checked  = "^checked [0-9]+, "
		updated  = "^The stack was updated"
	)
	suspended := []string{"error: .*versioning of bucket \\S+ is Suspended", "^hint: .*" + version}
	locked := []string{"error: the key of the bucket cannot be used: S3 GetObject ", enable}
	unrecorded := []string{
		"^create +/newvoll/ssmbak/test/1  not recorded within 1m0s$", "^ssmbak-stack: error: the test found 4 problems: ",
		"^hint: `ssmbak-stack ssmbak status` shows the queues, and `aws logs tail /aws/lambda/ssmbak-recorder` the recorder's log$",
	}
	return []broken{{
		what: "versioning off", do: (*bench).suspend,
		cells: []cell{
			{statusLine, 3, []string{"^versioning\tproblem\t.*is Suspended: nothing is recorded.*\t" + version}, ""},
			{stackStatus, 3, []string{"^problem  versioning ", version}, ""},
			{verifyLine, 0, []string{verified}, ""},
			{previewLine, 0, []string{previews}, ""},
			{getLine, 0, []string{"^one"}, ""},
			{logLine, 0, []string{logs}, ""},
			{diffLine, 0, []string{differs}, ""},
			{exportLine, 0, []string{exports}, ""},
			{drillLine, 1, suspended, ""},
			{testLine, 1, suspended, ""},
			{restoreLine, 1, suspended, ""},
			{undoLine, 1, suspended, ""},
			{revertLine, 1, suspended, ""},
			{markLine, 1, suspended, ""},
			{reindexLine, 1, suspended, ""},
			{redactLine, 1, suspended, ""},
			{reconcile, 1, suspended, ""},
			{updateLine, 1, append([]string{"error: the stack is complete, but "}, suspended...), ""},
		},
	}, {
		what: "queue full", do: (*bench).fill,
		cells: []cell{
			{statusLine, 3, []string{"^queue\tproblem\t10[0-9][0-9] changes waiting, .*\t.*`ssmbak-stack ssmbak update --concurrency N --ssm-rate N` makes it faster$"}, ""},
			{stackStatus, 3, []string{"^problem  queue  "}, ""},
			{verifyLine, 0, []string{verified}, ""},
			{previewLine, 0, []string{previews}, ""},
			{getLine, 0, []string{"^one"}, ""},
			{logLine, 0, []string{logs}, ""},
			{diffLine, 0, []string{differs}, ""},
			{exportLine, 0, []string{exports}, ""},
			{drillLine, 0, []string{drills}, ""},
			{testLine, 3, unrecorded, noEvents},
			{restoreLine, 0, []string{restores}, ""},
			{undoLine, 0, []string{restores}, noUsers},
			{revertLine, 0, []string{restores}, noUsers},
			{markLine, 0, []string{marks}, ""},
			{reindexLine, 0, []string{rebuilds}, ""},
			{redactLine, 0, []string{redacts}, ""},
			{reconcile, 0, []string{checked}, ""},
			{updateLine, 0, []string{updated}, ""},
		},
	}, {
		what: "function old", do: (*bench).replace,
		cells: []cell{
			{statusLine, 3, []string{"^functions\tproblem\tthe function ssmbak-rec\\S+ runs other code than the stack deployed\t" + deploys}, ""},
			{stackStatus, 3, []string{"^problem  functions ", "`ssmbak-stack ssmbak update`"}, ""},
			{verifyLine, 0, []string{verified}, ""},
			{previewLine, 0, []string{previews}, ""},
			{getLine, 0, []string{"^one"}, ""},
			{logLine, 0, []string{logs}, ""},
			{diffLine, 0, []string{differs}, ""},
			{exportLine, 0, []string{exports}, ""},
			{drillLine, 0, []string{drills}, ""},
			{testLine, 1, []string{"error: the function ssmbak-rec\\S+ runs other code than the stack deployed: ", "^hint: " + deploys}, ""},
			{restoreLine, 0, []string{restores}, ""},
			{undoLine, 0, []string{restores}, noUsers},
			{revertLine, 0, []string{restores}, noUsers},
			{markLine, 0, []string{marks}, ""},
			{reindexLine, 0, []string{rebuilds}, ""},
			{redactLine, 0, []string{redacts}, ""},
			{reconcile, 0, []string{checked}, ""},
			{updateLine, 0, []string{updated, "deploying it again|does not contain the functions .*uploading again"}, ""},
			{stackStatus, 0, []string{"^ok +functions "}, "moto shows no state of the mapping"},
			{testLine, 0, []string{proves}, noEvents},
		},
	}, {
		what: "key of secrets disabled", do: (*bench).lock, lacks: noKeys,
		cells: []cell{
			{statusLine, 3, []string{"^unreadable\tproblem\t1 parameter with an unavailable value: /app/new\t.*kms:Decrypt"}, ""},
			{stackStatus, 3, []string{"^problem  unreadable "}, ""},
			{verifyLine, 0, []string{verified}, ""}, // nothing is missing that was ever there
			{previewLine, 0, []string{"/app/new .*no value"}, ""},
			{getLine, 0, []string{"^one"}, ""},
			{logLine, 0, []string{logs, "/app/new +\\| 1 .*\\| \\(InvalidKeyId: its key is not enabled"}, ""},
			{diffLine, 0, []string{differs}, ""},
			{exportLine, 0, []string{exports}, ""},
			{drillLine, 0, []string{drills, "^1 secret was restored with the account's default key, since you may not use the key$"}, ""},
			{testLine, 0, []string{proves}, ""},
			{restoreLine, 3, []string{"^refused: /app/secret: its KMS key alias/app does not exist or is not enabled; use another one with --key-id", "^hint: fix the cause, then rerun "}, ""},
			{undoLine, 0, []string{"^restored 1, deleted 0"}, noUsers},
			{revertLine, 3, []string{"^refused: /app/new: its live value is not in the archive: InvalidKeyId: ", "^refused: /app/secret: its KMS key alias/app does not exist or is not enabled; use another one with --key-id", "^restored 1, deleted 0"}, noUsers},
			{markLine, 0, []string{marks}, ""},
			{reindexLine, 0, []string{rebuilds}, ""},
			{redactLine, 0, []string{redacts}, ""},
			{reconcile, 0, []string{"^values are unavailable of /app/new: allow the use of their keys \\(kms:Decrypt\\), then run `ssmbak reconcile`$"}, ""},
			{updateLine, 0, []string{updated}, ""},
		},
	}, {
		what: "key of the bucket disabled", do: (*bench).lockBucket,
		cells: []cell{
			{statusLine, 3, []string{"^encryption\tproblem\tthe key \\S+ is Disabled: no value can be read or recorded\t`aws kms enable-key --key-id"}, ""},
			{stackStatus, 3, []string{"^problem  encryption ", "`aws kms enable-key --key-id"}, ""},
			{verifyLine, 1, locked, noKeys},
			{previewLine, 1, locked, noKeys},
			{getLine, 1, locked, noKeys},
			{logLine, 0, []string{logs}, ""},
			{diffLine, 1, locked, noKeys},
			{exportLine, 1, locked, noKeys},
			{drillLine, 1, locked, noKeys},
			{testLine, 3, unrecorded, noEvents},
			{restoreLine, 1, locked, noKeys},
			{undoLine, 1, []string{"error: there is no restore by "}, noKeys},
			{revertLine, 1, locked, noKeys},
			{markLine, 0, []string{marks}, ""},
			{reindexLine, 0, []string{rebuilds}, ""},
			{redactLine, 1, locked, noKeys},
			{reconcile, 3, []string{"^failed /app/new: the key of the bucket cannot be used: S3 PutObject "}, noKeys},
			{updateLine, 0, []string{updated}, ""},
		},
	}, {
		what: "value missing", do: (*bench).remove,
		cells: []cell{
			{statusLine, 0, nil, "moto shows no state of the mapping"},
			{verifyLine, 3, []string{"^missing-value /app/text: there is no copy of version 2, the newest: `ssmbak reconcile /app/text --deep` records it again while it is live$"}, ""},
			{previewLine, 0, []string{"/app/text .*no value"}, ""},
			{getLine, 1, []string{"error: the value of /app/text is unavailable: the value object is no longer in the bucket$", "^hint: `ssmbak preview /app/text "}, ""},
			{logLine, 0, []string{logs}, ""},
			{diffLine, 0, []string{"^\\? /app/text \\(skipped: its value is unavailable: the value object is no longer in the bucket\\)$"}, ""},
			{exportLine, 3, []string{"^{\n  \"secret\": \"hunter2\"\n}$", "^/app/text: its value is unavailable: the value object is no longer in the bucket$", partly, "^hint: `ssmbak preview /app/ "}, ""},
			{drillLine, 3, []string{"^/app/text: its value is unavailable: ", "^hint: `ssmbak verify /app` checks the values"}, ""},
			{testLine, 0, []string{proves}, noEvents},
			{restoreLine, 3, []string{"^refused: /app/text: its value is unavailable: ", "^hint: `ssmbak verify` checks the values of all versions; "}, ""},
			{undoLine, 0, []string{"^restored 1, deleted 0"}, noUsers},
			{revertLine, 3, []string{"^refused: /app/text: the value of version 1 is unavailable: the value object is no longer in the bucket$", "^hint: `ssmbak verify` checks "}, noUsers},
			{markLine, 0, []string{marks}, ""},
			{reindexLine, 0, []string{rebuilds}, ""},
			{"ssmbak reconcile /app/text --deep", 0, []string{"^recorded /app/text$", "^checked 1, recorded 1, "}, ""},
			{verifyLine, 0, []string{verified}, ""},
			{updateLine, 0, []string{updated}, ""},
			{redactLine, 0, []string{"^redacted version 1 of /app/text and removed 0 copies$"}, ""},
		},
	}, {
		what: "value damaged", do: (*bench).damage, lacks: "moto cannot damage an object",
		cells: []cell{
			{statusLine, 0, nil, ""},
			{verifyLine, 3, []string{"^damaged-value /app/text: version 1: its bytes are corrupted: `ssmbak reconcile /app/text --deep` records it again while Parameter Store has it "}, ""},
			{previewLine, 0, []string{previews}, ""},
			{getLine, 1, []string{"error: /app/text \\(object version \\S+\\) is damaged: ", "^hint: `ssmbak log /app/text` shows its other versions; "}, ""},
			{logLine, 0, []string{logs}, ""},
			{diffLine, 3, []string{"^/app/text \\(object version \\S+\\) is damaged: its bytes are corrupted$", "error: 1 parameter could not be read completely$"}, ""},
			{exportLine, 3, []string{"^{\n  \"secret\": \"hunter2\"\n}$", "^/app/text: its value is unavailable: the value object is damaged$"}, ""},
			{drillLine, 3, []string{"^/app/text: .* is damaged: its bytes are corrupted$", "^hint: `ssmbak verify /app` checks the values"}, ""},
			{testLine, 0, []string{proves}, ""},
			{restoreLine, 3, []string{"^refused: /app/text: its value is unavailable: ", "^hint: `ssmbak verify` checks the values of all versions; "}, ""},
			{undoLine, 0, []string{"^restored 1, deleted 0"}, noUsers},
			{revertLine, 3, []string{"^refused: /app/text: the value of version 1 is unavailable: the value object is damaged$", "^hint: `ssmbak verify` checks "}, noUsers},
			{markLine, 0, []string{marks}, ""},
			{reindexLine, 0, []string{rebuilds}, ""},
			{reconcile, 0, []string{checked}, ""},
			{"ssmbak reconcile /app/text --deep", 0, []string{"^recorded /app/text$", "^checked 1, recorded 1, "}, ""},
			{verifyLine, 3, []string{"^damaged-value /app/text: version 1: its bytes are corrupted; another copy is intact, and an admin may delete this one "}, ""},
			{restoreLine, 0, []string{"^restored 1, deleted 0"}, ""},
			{updateLine, 0, []string{updated}, ""},
			{redactLine, 0, []string{"^redacted version 1 of /app/text and removed 2 copies$"}, ""},
		},
	}, {
		what: "scratch prefix in use", do: (*bench).use,
		cells: []cell{
			{statusLine, 0, []string{"^drill\tok\t.*: in progress"}, "moto shows no state of the mapping"},
			{verifyLine, 0, []string{verified}, ""},
			{previewLine, 0, []string{previews}, ""},
			{getLine, 0, []string{"^one"}, ""},
			{logLine, 0, []string{logs}, ""},
			{diffLine, 0, []string{differs}, ""},
			{exportLine, 0, []string{exports}, ""},
			{drillLine, 1, []string{"error: drill \\S+ of \\S+user/else is in progress, or was killed$", "^hint: try again after "}, ""},
			{testLine, 1, []string{"error: test \\S+ of \\S+user/else, which began at .*, has not ended$", "^hint: wait for its end; if it was killed, `ssmbak-stack ssmbak test` removes what it left, from "}, ""},
			{restoreLine, 0, []string{restores}, ""},
			{undoLine, 0, []string{restores}, noUsers},
			{revertLine, 0, []string{restores}, noUsers},
			{markLine, 0, []string{marks}, ""},
			{reindexLine, 0, []string{rebuilds}, ""},
			{redactLine, 0, []string{redacts}, ""},
			{reconcile, 0, []string{checked}, ""},
			{updateLine, 0, []string{updated}, ""},
		},
	}}
}
