package stackcli_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	stackcli "github.com/ssmbak/ssmbak/internal/cli/stack"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/pipeline"
	"github.com/ssmbak/ssmbak/internal/stack/code"
	"github.com/ssmbak/ssmbak/internal/testkit/script"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

func TestMain(m *testing.M) {
	runAs()
	script.Main(m)
}

// start is the time at which every script starts.
var start = time.Date(2024, 6, 13, 1, 43, 5, 0, time.UTC)

// TestScripts runs each script against its own simulated AWS, in virtual time. UPDATE=1
// updates the expected output in the scripts.
//
// In addition to the commands of testscript and of [script.Run], these set up the
// simulated AWS:
//
//	pass DURATION               wait
//	settling DURATION           versioning of new buckets takes this long to take effect
//	plan OPERATION FILE         events of the next create, update or delete: lines of
//	                            +DURATION STATUS RESOURCE TYPE [REASON]
//	changes FILE                changes in all following change sets: lines of
//	                            ACTION RESOURCE TYPE [REPLACEMENT]
//	legacy, foreign             create a stack of the legacy ssmbak, or of another program
//	protect [off]               enable termination protection, or disable it
//	waiting N, dead N           number of messages in the queues
//	no-moves                    SQS does not support moving messages
//	organization [HEADER [KEY]] an explicit deny for objects with this encryption header
//	                            ("without" for none), or only for the object KEY; no
//	                            arguments remove it
//	deny ACTION [after OTHER]   refuse such requests, or do so after a request OTHER
//	lose ACTION                 serve such requests, but lose the responses
//	allow                       undo deny and lose
//	deleted                     the stack is deleted
//	bucket NAME [unversioned]   create a bucket
//	noted NAME VALUE            create a parameter in Parameter Store
//	many PREFIX N               create N parameters below a prefix
//	expire OPERATION N          the credentials expire after so many requests to Parameter
//	                            Store
//	caller ARN                  set the ARN of the caller
//	policy FILE                 set the bucket's policy
//	store TEXT                  replace the object under the key of the functions' zip
//	swap [TEXT]                 functions run TEXT after each deployment; no argument
//	                            removes it
//	replace FUNCTION TEXT       replace the code of a function
//	reconcile                   run a complete reconcile into the stack's bucket
//	recorder                    record events as they arrive, until the script ends
//	silent OPERATION...         events of these operations, or of tag, are lost
//	fail OPERATION [once]       Parameter Store denies such requests, or the next one
//	slow KEY                    writes of objects below KEY take an hour
//	ours NAME                   create a parameter like a test that was killed
//	running ID                  record a test that began a minute ago
//	functions                   an invocation of the reconciler does the same
//	secret NAME KEY             create a SecureString
//	disable KEY                 disable a KMS key
//
// These run the program:
//
//	ssmbak-stack ARG...         run ssmbak-stack; ! ssmbak-stack if it must fail
//	interrupt DURATION          interrupt the next ssmbak-stack after this time
//	version V                   set the version of ssmbak-stack
//	nocode WHAT                 the functions' zip is not available because go, the source
//	                            or the compiler is missing; any other word ends this
//	zip FILE ARCHITECTURE       write a zip of functions
//
// These check the result:
//
//	asked ACTION                there was such a request since the last asked
//	parameter NAME VALUE        the stack has this parameter
//	holds KEY TEXT              an object of the archive contains TEXT
//	says FILE                   the bucket has this policy
//	runs FUNCTION TEXT          a function runs this code
//	live NAME...                these parameters exist, and no others below their path
func TestScripts(t *testing.T) {
	t.Parallel()
	script.Run(t, start, setup, commands)
}

// world is the environment of one script.
type world struct {
	script.Console
	*cloud
	version   string
	interrupt time.Duration
	noCode    error
	ending    context.Context // ends with the script
	running   sync.WaitGroup
}

func worldOf(ts *testscript.TestScript) *world { return script.Of[*world](ts) }

func (w *world) connection() awsconn.Options {
	o := testworld.Connection(w.cloud)
	o.MaxAttempts = 2
	return o
}

func setup(_ testing.TB, env *testscript.Env) *world {
	w := &world{cloud: newCloud(), version: "v1.2.3"}
	ctx, cancel := context.WithCancel(context.Background())
	w.ending = ctx
	env.Defer(func() {
		cancel()
		w.running.Wait()
	})
	return w
}

// find returns a zip like the one embedded in a release.
func (w *world) find(_ context.Context, architecture, version string) (code.Zip, error) {
	if w.noCode != nil {
		return code.Zip{}, &code.NotFoundError{Architecture: architecture, Err: w.noCode}
	}
	body := []byte("the functions of " + version + " for " + architecture)
	sum := sha256.Sum256(body)
	return code.Zip{Bytes: body, SHA256: hex.EncodeToString(sum[:]), Architecture: architecture}, nil
}

// lines reads a file of a script and splits each line at spaces into at most n fields.
func lines(ts *testscript.TestScript, file string, n int) (all [][]string) {
	for line := range strings.Lines(ts.ReadFile(file)) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, strings.SplitN(line, " ", n))
		}
	}
	return all
}

func number(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	ts.Check(err)
	return n
}

func duration(ts *testscript.TestScript, text string) time.Duration {
	d, err := time.ParseDuration(text)
	ts.Check(err)
	return d
}

// exists adds a stack that the script did not create.
func (w *world) exists(parameters map[string]string) {
	w.name, w.id, w.parameters = "ssmbak", "arn:aws:cloudformation:us-east-1:123456789012:stack/ssmbak/0", parameters
	w.events = append(w.events, happening{at: time.Now().Add(-time.Hour), status: "CREATE_COMPLETE", resource: "ssmbak", kind: stackType})
}

var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"ssmbak-stack": func(ts *testscript.TestScript, neg bool, args []string) {
		w := worldOf(ts)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		if w.interrupt > 0 {
			defer time.AfterFunc(w.interrupt, cancel).Stop()
			w.interrupt = 0
		}
		for i, arg := range args {
			args[i] = strings.ReplaceAll(arg, "$WORK", ts.Getenv("WORK"))
		}
		plain := func(text string) string { return strings.ReplaceAll(text, ts.Getenv("WORK"), "$WORK") }
		w.Main(ts, neg, args, plain, func(env shell.Env) int {
			env.AWS = w.connection()
			return stackcli.Main(ctx, stackcli.Env{Version: w.version, FindCode: w.find, Env: env})
		})
	},
	"pass":      func(ts *testscript.TestScript, _ bool, args []string) { time.Sleep(duration(ts, args[0])) },
	"interrupt": func(ts *testscript.TestScript, _ bool, args []string) { worldOf(ts).interrupt = duration(ts, args[0]) },
	"version":   func(ts *testscript.TestScript, _ bool, args []string) { worldOf(ts).version = args[0] },
	"nocode": func(ts *testscript.TestScript, _ bool, args []string) {
		worldOf(ts).noCode = map[string]error{
			"go": code.ErrNoGo, "source": fmt.Errorf("%w, and there is no release (devel) to fetch", code.ErrNoSource), "compiler": errors.New("`go build` failed"),
		}[args[0]]
	},
	"organization": func(ts *testscript.TestScript, _ bool, args []string) {
		worldOf(ts).forbidden = strings.Join(args, " ")
	},
	"holds": func(ts *testscript.TestScript, neg bool, args []string) {
		all := worldOf(ts).aws.S3.Versions(worldOf(ts).archive(), args[0])
		if len(all) == 0 {
			ts.Fatalf("there is no %s", args[0])
		}
		if strings.Contains(string(all[0].Body), args[1]) == neg {
			ts.Fatalf("%s is %s", args[0], all[0].Body)
		}
	},
	"settling": func(ts *testscript.TestScript, _ bool, args []string) { worldOf(ts).settling = duration(ts, args[0]) },
	"zip": func(ts *testscript.TestScript, _ bool, args []string) {
		packed, err := packed(args[1])
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), packed, 0o600))
	},
	"plan": func(ts *testscript.TestScript, _ bool, args []string) {
		var plan []happening
		for _, l := range lines(ts, args[1], 5) {
			e := happening{after: duration(ts, strings.TrimPrefix(l[0], "+")), status: l[1], resource: l[2], kind: l[3]}
			if len(l) > 4 {
				e.reason = l[4]
			}
			plan = append(plan, e)
		}
		worldOf(ts).plans[args[0]] = plan
	},
	"changes": func(ts *testscript.TestScript, _ bool, args []string) {
		worldOf(ts).changes = append([][]string{}, lines(ts, args[0], 4)...)
	},
	"legacy": func(ts *testscript.TestScript, _ bool, _ []string) {
		w := worldOf(ts)
		w.exists(map[string]string{"Version": "1.1.11", "LogLevel": "INFO", "ThresholdAgeOfOldestMessage": "3600", "ThresholdNumberOfMessagesVisible": "0"})
		w.legacy = true
		w.aws.S3.CreateBucket(w.archive(), true)
	},
	"foreign": func(ts *testscript.TestScript, _ bool, _ []string) {
		worldOf(ts).exists(map[string]string{"Domain": "example.com"})
	},
	"protect":  func(ts *testscript.TestScript, _ bool, args []string) { worldOf(ts).protected = len(args) == 0 },
	"waiting":  func(ts *testscript.TestScript, _ bool, args []string) { worldOf(ts).waiting = number(ts, args[0]) },
	"no-moves": func(ts *testscript.TestScript, _ bool, _ []string) { worldOf(ts).noMoves = true },
	"dead":     func(ts *testscript.TestScript, _ bool, args []string) { worldOf(ts).dead = number(ts, args[0]) },
	"deny": func(ts *testscript.TestScript, _ bool, args []string) {
		what, after, later := strings.Cut(strings.Join(args, " "), " after ")
		if later {
			worldOf(ts).deniedAfter[after] = what
			return
		}
		worldOf(ts).denied[what] = true
	},
	"lose":    func(ts *testscript.TestScript, _ bool, args []string) { worldOf(ts).lost[args[0]] = true },
	"deleted": func(ts *testscript.TestScript, _ bool, _ []string) { worldOf(ts).play("delete") },
	"allow": func(ts *testscript.TestScript, _ bool, _ []string) {
		clear(worldOf(ts).denied)
		clear(worldOf(ts).lost)
	},
	"asked": func(ts *testscript.TestScript, neg bool, args []string) {
		w := worldOf(ts)
		want := strings.Join(args, " ")
		if slices.Contains(w.asked, want) == neg {
			ts.Fatalf("requests so far: %q", w.asked)
		}
		if !neg {
			w.asked = nil
		}
	},
	"parameter": func(ts *testscript.TestScript, _ bool, args []string) {
		if got, ok := worldOf(ts).parameters[args[0]]; !ok || got != args[1] {
			ts.Fatalf("parameter %s is %q (there: %v), want %q", args[0], got, ok, args[1])
		}
	},
	"bucket": func(ts *testscript.TestScript, _ bool, args []string) {
		worldOf(ts).aws.S3.CreateBucket(args[0], len(args) == 1)
	},
	"noted": func(ts *testscript.TestScript, _ bool, args []string) {
		conn, err := awsconn.Load(context.Background(), worldOf(ts).connection())
		ts.Check(err)
		_, err = conn.SSM().PutParameter(context.Background(), &ssm.PutParameterInput{Name: &args[0], Value: aws.String(args[1]), Type: types.ParameterTypeString})
		ts.Check(err)
	},
	"many": func(ts *testscript.TestScript, _ bool, args []string) {
		conn, err := awsconn.Load(context.Background(), worldOf(ts).connection())
		ts.Check(err)
		for i := range number(ts, args[1]) {
			_, err = conn.SSM().PutParameter(context.Background(), &ssm.PutParameterInput{
				Name: aws.String(fmt.Sprintf("%s/%03d", args[0], i)), Value: aws.String("one"), Type: types.ParameterTypeString,
			})
			ts.Check(err)
		}
	},
	"expire": func(ts *testscript.TestScript, _ bool, args []string) {
		left, faults := number(ts, args[1]), worldOf(ts).aws.Faults
		faults.Add(emulator.Rule{Service: "ssm", Fault: emulator.Fault{Status: http.StatusBadRequest, Code: "ExpiredTokenException"}, If: func(r *http.Request) bool {
			if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+args[0]) {
				left--
			}
			return left < 0
		}})
	},
	"caller": func(ts *testscript.TestScript, _ bool, args []string) { worldOf(ts).caller = args[0] },
	"policy": func(ts *testscript.TestScript, _ bool, args []string) {
		worldOf(ts).policy = strings.TrimSpace(ts.ReadFile(args[0]))
	},
	"says": func(ts *testscript.TestScript, _ bool, args []string) {
		if got, want := worldOf(ts).policy, strings.TrimSpace(ts.ReadFile(args[0])); got != want {
			ts.Fatalf("the bucket's policy is %s", got)
		}
	},
	"store": func(ts *testscript.TestScript, _ bool, args []string) {
		w := worldOf(ts)
		conn, err := awsconn.Load(context.Background(), w.connection())
		ts.Check(err)
		for _, key := range w.aws.S3.Keys(w.archive()) {
			if strings.HasPrefix(key, ".ssmbak/lambda/") {
				_, err = conn.S3().PutObject(context.Background(), &s3.PutObjectInput{Bucket: aws.String(w.archive()), Key: &key, Body: strings.NewReader(args[0])})
				ts.Check(err)
			}
		}
	},
	"swap": func(ts *testscript.TestScript, _ bool, args []string) { worldOf(ts).swapped = strings.Join(args, "") },
	"runs": func(ts *testscript.TestScript, _ bool, args []string) {
		if got := worldOf(ts).deployed[args[0]]; got != args[1] {
			ts.Fatalf("%s runs %q", args[0], got)
		}
	},
	"replace": func(ts *testscript.TestScript, _ bool, args []string) { worldOf(ts).deployed[args[0]] = args[1] },
	"secret": func(ts *testscript.TestScript, _ bool, args []string) {
		conn, err := awsconn.Load(context.Background(), worldOf(ts).connection())
		ts.Check(err)
		in := &ssm.PutParameterInput{Name: &args[0], Value: aws.String("hunter2"), Type: types.ParameterTypeSecureString, KeyId: &args[1]}
		_, err = conn.SSM().PutParameter(context.Background(), in)
		ts.Check(err)
	},
	// recorder [DELAY] records, with each batch after a delay; by default as on AWS.
	"recorder": func(ts *testscript.TestScript, _ bool, args []string) {
		w, delay := worldOf(ts), 1300*time.Millisecond
		if len(args) > 0 {
			delay = duration(ts, args[0])
		}
		handle := func(ctx context.Context, batch []emulator.Message) (failed []string) {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(delay):
			}
			return testworld.Handler(w.recorder(ctx, ts))(ctx, batch)
		}
		w.running.Go(func() { w.aws.Queue.Run(w.ending, handle) })
	},
	"silent": func(ts *testscript.TestScript, _ bool, args []string) {
		for _, operation := range args {
			worldOf(ts).silent[operation] = true
		}
	},
	"fail": func(ts *testscript.TestScript, _ bool, args []string) {
		worldOf(ts).aws.Faults.Add(emulator.Rule{Service: "ssm", Op: args[0], Fault: emulator.DeniedBySSM, Times: len(args[1:])})
	},
	"slow": func(ts *testscript.TestScript, _ bool, args []string) {
		worldOf(ts).aws.Faults.Add(emulator.Rule{Service: "s3", Op: "PutObject", KeyPrefix: args[0], Fault: emulator.Fault{Delay: time.Hour}})
	},
	"ours": func(ts *testscript.TestScript, _ bool, args []string) {
		conn, err := awsconn.Load(context.Background(), worldOf(ts).connection())
		ts.Check(err)
		_, err = conn.SSM().PutParameter(context.Background(), &ssm.PutParameterInput{
			Name: &args[0], Value: aws.String("left"), Type: types.ParameterTypeString, Description: aws.String(pipeline.Description),
		})
		ts.Check(err)
	},
	"running": func(ts *testscript.TestScript, _ bool, args []string) {
		a := worldOf(ts).opened(context.Background(), ts)
		ts.Check(a.BeginTest(context.Background(), &archive.TestRecord{ID: args[0], By: "arn:aws:iam::123456789012:user/else", Began: time.Now().Add(-time.Minute).UTC()}))
	},
	"live": func(ts *testscript.TestScript, _ bool, args []string) {
		conn, err := awsconn.Load(context.Background(), worldOf(ts).connection())
		ts.Check(err)
		out, err := conn.SSM().GetParametersByPath(context.Background(), &ssm.GetParametersByPathInput{Path: aws.String("/newvoll/ssmbak/test"), Recursive: aws.Bool(true)})
		ts.Check(err)
		var names []string
		for _, p := range out.Parameters {
			names = append(names, *p.Name)
		}
		if slices.Sort(names); !slices.Equal(names, args) {
			ts.Fatalf("live are %q", names)
		}
	},
	// gone NAME ... fails unless the archive knows that the parameters were deleted.
	"gone": func(ts *testscript.TestScript, _ bool, args []string) {
		for _, arg := range args {
			target, err := ssmbak.ParseTarget(arg, false)
			ts.Check(err)
			s, err := worldOf(ts).opened(context.Background(), ts).At(context.Background(), target, ssmbak.TimeOf(time.Now()), archive.NoValues)
			ts.Check(err)
			if len(s.States) != 1 || !s.States[0].Deleted || s.States[0].Certainty == ssmbak.Unknown {
				ts.Fatalf("the archive has %+v", s.States)
			}
		}
	},
	"disable": func(ts *testscript.TestScript, _ bool, args []string) { worldOf(ts).aws.SSM.DisableKey(args[0]) },
	"functions": func(ts *testscript.TestScript, _ bool, _ []string) {
		w := worldOf(ts)
		w.invoked = func() { w.running.Go(func() { w.reconcile(context.Background(), ts) }) }
	},
	"reconcile": func(ts *testscript.TestScript, _ bool, _ []string) { worldOf(ts).reconcile(context.Background(), ts) },
}

// opened returns the archive of the stack.
func (w *world) opened(ctx context.Context, ts *testscript.TestScript) *archive.Archive {
	conn, err := awsconn.Load(ctx, w.connection())
	ts.Check(err)
	a, err := archive.Open(ctx, conn.S3(), archive.Options{Bucket: w.archive(), Account: "123456789012", Region: "us-east-1"})
	ts.Check(err)
	ts.Check(a.Establish(ctx))
	return a
}

// recorder returns a recorder into the stack's bucket.
func (w *world) recorder(ctx context.Context, ts *testscript.TestScript) *recorder.Recorder {
	conn, err := awsconn.Load(ctx, w.connection())
	ts.Check(err)
	live := paramstore.New(conn.SSM(), paramstore.Options{Tagging: conn.Tagging()})
	return recorder.New(w.opened(ctx, ts), live, recorder.Options{Account: "123456789012", Region: "us-east-1"})
}

// reconcile runs a complete reconcile into the stack's bucket.
func (w *world) reconcile(ctx context.Context, ts *testscript.TestScript) {
	r := w.recorder(ctx, ts)
	everything, err := ssmbak.ParseTarget("/", true)
	ts.Check(err)
	_, err = r.Reconcile(ctx, everything, recorder.ReconcileOptions{})
	ts.Check(err)
}

// packed returns a zip of functions for an architecture.
func packed(architecture string) ([]byte, error) {
	machine := map[string]elf.Machine{"arm64": elf.EM_AARCH64, "x86_64": elf.EM_X86_64}[architecture]
	var program, packed bytes.Buffer
	header := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT), Ehsize: 64}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS], header.Ident[elf.EI_DATA], header.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	h := &zip.FileHeader{Name: "bootstrap"}
	h.SetMode(0o755)
	z := zip.NewWriter(&packed)
	in, err := z.CreateHeader(h)
	if err == nil {
		err = binary.Write(&program, binary.LittleEndian, &header)
	}
	if err == nil {
		_, err = in.Write(program.Bytes())
	}
	err = errors.Join(err, z.Close())
	return packed.Bytes(), err
}
