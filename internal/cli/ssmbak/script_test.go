package ssmbakcli_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	ssmbakcli "github.com/ssmbak/ssmbak/internal/cli/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/signkey"
	"github.com/ssmbak/ssmbak/internal/testkit/script"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/internal/version"
	"github.com/ssmbak/ssmbak/recorder"
)

const (
	account = testworld.Account
	region  = testworld.Region
	bucket  = "backup"
)

// start is when every script begins.
var start = time.Date(2024, 6, 13, 20, 0, 0, 0, time.UTC)

// zone is the local time of a script, unless it sets another one.
var zone = time.FixedZone("CEST", 2*60*60)

// TestScripts runs each script against an AWS of its own, in virtual time. UPDATE=1
// rewrites what the scripts expect.
//
// Scripts may use testscript's own commands, those of [script.Run], and
//
//	ssmbak ARG...              the command itself; ! ssmbak if it has to fail;
//	                           ids of restores are RESTORE-1 and so on
//	widths ARG...              the command itself on terminals of 60, 80, 120 and 200 columns
//	zone NAME                  the time zone of local times, from now on
//	local_only                 that the last ssmbak printed times in UTC only in commands and
//	                           echoes; ! local_only that it did elsewhere
//	busy NAME DURATION         writes of a parameter fail with TooManyUpdates for so long
//	as USER                    the IAM user of what follows, ssmbak's own requests included
//	trail                      create a trail: CloudTrail's events come a minute late
//	clock TIME                 let time pass until then
//	ahead DURATION             from now on this machine's clock is ahead of AWS's
//	put NAME VALUE [TYPE] [ATTRIBUTE=TEXT...]
//	puts NAME N                make N versions, with their numbers as values
//	delete NAME, tag NAME KEY VALUE
//	label NAME VERSION LABEL, unlabel NAME VERSION LABEL
//	disable KEY                disable a KMS key
//	live NAME VALUE, gone NAME what Parameter Store has to hold
//	record                     hand the recorder the events that wait; takes 2 s
//	lose                       lose the events that wait
//	bucket NAME [unversioned]  make a bucket
//	object BUCKET KEY TEXT [TAGS] write an object
//	corrupt KEY                damage the newest version of an object
//	remove KEY                 remove every version of an object
//	expire NAME N              remove the object of version N's value, as a lifecycle rule does
//	sign FILE                  sign the archive from now on, and write the public key
//	checkpoint                 reconcile as the stack does, and write a checkpoint
//	replicate BUCKET           copy the bucket as S3's replication does
//	forge KEY OLD NEW          write an index with another text, without a signature
//	hide KEY                   add a delete marker to an object
//	reveal BUCKET KEY          remove the delete marker that hides an object
//	deny SERVICE OPERATION [KEY] refuse that from now on, of objects only those
//	                           whose key begins so; allow ends it
//	refuse SERVICE OPERATION CODE PREFIX
//	                           answer such requests for keys with a prefix with that from
//	                           now on; allow ends it
//	fault SERVICE STATUS CODE  answer with that from now on; allow ends it
//	unconfigured               the next ssmbak has only the AWS configuration of the machine
//	unreachable                the next ssmbak has no connection to AWS
//	passed DURATION            that the last ssmbak took that long
//	requests WHAT              what the last ssmbak asked, as in ssm:PutParameter
//	asked [WHAT...]            the requests of the last ssmbak, each once, and no other
//	stack                      a stack records into the archive, whose name and queues it keeps
//	waiting N, dead N          so many messages wait, or are dead letters
//	replaced FUNCTION          a function runs other code
//	detached FUNCTION          a function gets no messages
//	undead, attached           take dead and detached back
//	forged-stack               write that a stack of another account records
//	suspended                  versioning of the bucket is suspended
//	encrypted KEY              the bucket encrypts with a key
//	place ACCOUNT/REGION BUCKET be in another account and region from now on, whose archive
//	                           is in BUCKET; events of the first one are recorded before
//	off REGION                 a region cannot be reached any more
//	close ACCOUNT              an account is closed
//	readable BUCKET ACCOUNT    the policy of a bucket lets another account read
//	mirror BUCKET COPY [KEY...] replicate a bucket to another place, except these keys
//	replicates [COPY [off]]    give the bucket a replication rule, a disabled one, or none
//	unreplicated KEY...        S3 fails to replicate these keys of the bucket
//	batch                      S3 Batch Replication starts again with all objects
//	hang SERVICE               leave requests without an answer from now on, as deny does
//	at OPERATION N WHAT        with the Nth such request of the next ssmbak to
//	                           Parameter Store, interrupt it, or let its
//	                           credentials expire
func TestScripts(t *testing.T) {
	t.Parallel()
	script.Run(t, start, setup, commands)
}

// world is what one script happens in.
type world struct {
	script.Console
	*testworld.World
	cloud    *emulator.Cloud             // of all accounts and regions, nil if there is one
	places   map[string]*testworld.World // by ACCOUNT/REGION
	user     string                      // the IAM user that sends requests
	zone     *time.Location              // of local times
	took     time.Duration
	other    *awsconn.Options // the connection of the next ssmbak, nil for the usual one
	restores []string         // ids of restores, in the order in which they were seen
	// what happens with the request of this number to this operation
	op, event string
	nth       int
}

// client is one that lets happen what at says.
func (w *world) client(interrupt func()) aws.HTTPClient {
	return testworld.As(w.faulty(interrupt), w.user)
}

func (w *world) faulty(interrupt func()) aws.HTTPClient {
	op, event, left, happened := w.op, w.event, w.nth, false
	w.op = ""
	var mu sync.Mutex
	return w.reach(func(service, called, _ string) emulator.Fault {
		mu.Lock()
		defer mu.Unlock()
		if op != "" && service == "ssm" && called == op {
			left--
			happened = happened || left == 0
		}
		switch {
		case !happened:
		case event == "interrupt":
			interrupt()
		case service == "ssm":
			return emulator.Fault{Status: http.StatusBadRequest, Code: "ExpiredTokenException"}
		}
		return emulator.Fault{}
	})
}

// reach returns a client of the account, wherever the buckets are.
func (w *world) reach(faults emulator.FaultFunc) aws.HTTPClient {
	if w.cloud == nil {
		return w.AWS.ClientWith(faults)
	}
	return w.cloud.Client(w.Account, faults)
}

// moved is in another account and region, which it makes if it is new.
func (w *world) moved(place, bucket string) {
	if w.cloud == nil {
		w.places = map[string]*testworld.World{w.Account + "/" + w.Region: w.World}
	}
	if w.places[place] == nil {
		account, region, _ := strings.Cut(place, "/")
		o := testworld.Options{Account: account, Region: region, Bucket: bucket, Emulator: emulator.Options{Seed: int64(len(w.places))}}
		w.places[place] = testworld.Bare(w.TB, o)
	}
	w.World = w.places[place]
	var all []*emulator.AWS
	for _, name := range slices.Sorted(maps.Keys(w.places)) {
		all = append(all, w.places[name].AWS)
	}
	w.cloud = emulator.NewCloud(all...)
}

// noConnection is a network without any other machine.
type noConnection struct{}

func (noConnection) Do(*http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

// restoreID is the id of a restore, whose end is random.
var restoreID = regexp.MustCompile(`[0-9]{8}T[0-9]{6}Z-[0-9a-z]{6}`)

// named writes RESTORE-1 for the first id of a restore that was seen, and so on.
func (w *world) named(text string) string {
	return restoreID.ReplaceAllStringFunc(text, func(id string) string {
		i := slices.Index(w.restores, id)
		if i < 0 {
			i, w.restores = len(w.restores), append(w.restores, id)
		}
		return fmt.Sprintf("RESTORE-%d", i+1)
	})
}

// meant writes ids for what named wrote.
func (w *world) meant(text string) string {
	for i, id := range w.restores {
		text = strings.ReplaceAll(text, fmt.Sprintf("RESTORE-%d", i+1), id)
	}
	return text
}

func worldOf(ts *testscript.TestScript) *world { return script.Of[*world](ts) }

// connection reaches the emulator without a socket.
func connection(client aws.HTTPClient) awsconn.Options {
	o := testworld.Connection(client)
	o.MaxAttempts = 2
	return o
}

// setup makes an account without an archive, so that a script can read a bucket that
// has none. The first recording creates the archive.
func setup(t testing.TB, env *testscript.Env) *world {
	env.Setenv("SSMBAK_BUCKET", bucket)
	return &world{World: testworld.Bare(t, testworld.Options{Bucket: bucket, Emulator: emulator.Options{TrailDelay: time.Minute}}), user: "local", zone: zone}
}

// runSsmbak runs the command itself.
func runSsmbak(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	args = slices.Clone(args)
	for i := range args {
		args[i] = w.meant(args[i])
	}
	w.Main(ts, neg, args, w.named, func(env shell.Env) int {
		env.Now, env.AWS = func() time.Time { return time.Now().In(w.zone) }, connection(w.client(interrupt))
		env.AWS.Region = w.Region
		if w.other != nil {
			env.AWS, w.other = *w.other, nil
		}
		w.AWS.ResetCounts()
		began := time.Now()
		defer func() { w.took = time.Since(began) }()
		return ssmbakcli.Main(ctx, ssmbakcli.Env{Env: env})
	})
}

// utc matches a time in UTC, with its line, and excused what may have one with --local-time:
// commands, the commands in tables, and the echo of a time in UTC and local time.
var (
	utc     = regexp.MustCompile(`.*[0-9]Z.*`)
	excused = regexp.MustCompile("`[^`]*`|\\| (restore|revert|undo) [^|]*\\||[-0-9T:.]+Z, local ")
)

var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"ssmbak": runSsmbak,
	"widths": func(ts *testscript.TestScript, neg bool, args []string) {
		for _, columns := range []int{60, 80, 120, 200} {
			_, err := fmt.Fprintf(ts.Stdout(), "%d columns:\n", columns)
			ts.Check(err)
			worldOf(ts).SetColumns(columns)
			runSsmbak(ts, neg, args)
		}
		worldOf(ts).SetColumns(0)
	},
	"zone": func(ts *testscript.TestScript, _ bool, args []string) {
		zone, err := time.LoadLocation(args[0])
		ts.Check(err)
		worldOf(ts).zone = zone
	},
	"local_only": func(ts *testscript.TestScript, neg bool, _ []string) {
		printed := ts.ReadFile("stdout") + ts.ReadFile("stderr")
		if found := utc.FindString(excused.ReplaceAllString(printed, "")); (found == "") == neg {
			ts.Fatalf("a time in UTC: %q", found)
		}
	},
	"busy": func(ts *testscript.TestScript, _ bool, args []string) {
		length, err := time.ParseDuration(args[1])
		ts.Check(err)
		worldOf(ts).AWS.SSM.RefuseUpdates(args[0], ssmapi.TooManyUpdates{For: length})
	},
	"as": func(ts *testscript.TestScript, _ bool, args []string) {
		w := worldOf(ts)
		w.user, w.SSM = args[0], w.Connect(testworld.As(w.AWS.Client(), args[0])).SSM()
	},
	"trail": func(ts *testscript.TestScript, _ bool, _ []string) { worldOf(ts).AWS.SSM.StartTrail() },
	"clock": func(ts *testscript.TestScript, _ bool, args []string) {
		at, err := time.Parse(time.RFC3339, args[0])
		ts.Check(err)
		if time.Until(at) < 0 {
			ts.Fatalf("it is %s already", time.Now())
		}
		time.Sleep(time.Until(at))
	},
	"ahead": func(ts *testscript.TestScript, _ bool, args []string) {
		by, err := time.ParseDuration(args[0])
		ts.Check(err)
		worldOf(ts).AWS.Clock.Differ(-by)
	},
	"place": func(ts *testscript.TestScript, _ bool, args []string) {
		worldOf(ts).moved(args[0], args[1])
		ts.Setenv("SSMBAK_BUCKET", args[1])
	},
	"off":   func(ts *testscript.TestScript, _ bool, args []string) { worldOf(ts).cloud.SwitchOff(args[0]) },
	"close": func(ts *testscript.TestScript, _ bool, args []string) { worldOf(ts).cloud.CloseAccount(args[0]) },
	"readable": func(ts *testscript.TestScript, _ bool, args []string) {
		ts.Check(worldOf(ts).AWS.S3.Configure(args[0], s3api.Settings{Readers: args[1:]}))
	},
	"mirror": func(ts *testscript.TestScript, _ bool, args []string) {
		ts.Check(worldOf(ts).cloud.Replicate(args[0], args[1], func(v s3api.Version) bool {
			return slices.Contains(args[2:], v.Key)
		}))
	},
	"replicates": func(ts *testscript.TestScript, _ bool, args []string) {
		settings := s3api.Settings{}
		if len(args) > 0 {
			settings.Replication = &s3api.Replication{Bucket: args[0], Markers: true, Off: slices.Contains(args, "off")}
		}
		ts.Check(worldOf(ts).AWS.S3.Configure(bucket, settings))
	},
	"unreplicated": func(ts *testscript.TestScript, _ bool, args []string) {
		ts.Check(worldOf(ts).AWS.S3.FailReplication(bucket, func(v s3api.Version) bool { return slices.Contains(args, v.Key) }))
	},
	"batch": func(ts *testscript.TestScript, _ bool, _ []string) {
		ts.Check(worldOf(ts).AWS.S3.ReplicateAgain(bucket))
	},
	"passed": func(ts *testscript.TestScript, neg bool, args []string) {
		least, err := time.ParseDuration(args[0])
		ts.Check(err)
		if took := worldOf(ts).took; took >= least == neg {
			ts.Fatalf("it took %s", took)
		}
	},
	"put": func(ts *testscript.TestScript, _ bool, args []string) {
		in := &ssm.PutParameterInput{Name: &args[0], Value: unquote(ts, args[1]), Type: types.ParameterTypeString, Overwrite: aws.Bool(true)}
		for _, arg := range args[2:] {
			key, text, ok := strings.Cut(arg, "=")
			switch {
			case !ok:
				in.Type = types.ParameterType(key)
			case key == "description":
				in.Description = &text
			case key == "tier":
				in.Tier = types.ParameterTier(text)
			case key == "key":
				in.KeyId = &text
			case key == "pattern":
				in.AllowedPattern = &text
			case key == "policies":
				in.Policies = &text
			default:
				ts.Fatalf("put knows no attribute %s", key)
			}
		}
		_, err := worldOf(ts).SSM.PutParameter(context.Background(), in)
		ts.Check(err)
	},
	"puts": func(ts *testscript.TestScript, _ bool, args []string) {
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		for i := range n {
			_, err := worldOf(ts).SSM.PutParameter(context.Background(), &ssm.PutParameterInput{
				Name: &args[0], Value: aws.String(strconv.Itoa(i + 1)), Type: types.ParameterTypeString, Overwrite: aws.Bool(true),
			})
			ts.Check(err)
		}
	},
	"label": func(ts *testscript.TestScript, _ bool, args []string) {
		n, err := strconv.ParseInt(args[1], 10, 64)
		ts.Check(err)
		_, err = worldOf(ts).SSM.LabelParameterVersion(context.Background(), &ssm.LabelParameterVersionInput{Name: &args[0], ParameterVersion: &n, Labels: args[2:]})
		ts.Check(err)
	},
	"unlabel": func(ts *testscript.TestScript, _ bool, args []string) {
		n, err := strconv.ParseInt(args[1], 10, 64)
		ts.Check(err)
		_, err = worldOf(ts).SSM.UnlabelParameterVersion(context.Background(), &ssm.UnlabelParameterVersionInput{Name: &args[0], ParameterVersion: &n, Labels: args[2:]})
		ts.Check(err)
	},
	"disable": func(ts *testscript.TestScript, _ bool, args []string) { worldOf(ts).AWS.SSM.DisableKey(args[0]) },
	"at": func(ts *testscript.TestScript, _ bool, args []string) {
		w := worldOf(ts)
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		w.op, w.nth, w.event = args[0], n, args[2]
	},
	"delete": func(ts *testscript.TestScript, _ bool, args []string) {
		_, err := worldOf(ts).SSM.DeleteParameter(context.Background(), &ssm.DeleteParameterInput{Name: &args[0]})
		ts.Check(err)
	},
	"tag": func(ts *testscript.TestScript, _ bool, args []string) {
		_, err := worldOf(ts).SSM.AddTagsToResource(context.Background(), &ssm.AddTagsToResourceInput{
			ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &args[0], Tags: []types.Tag{{Key: &args[1], Value: &args[2]}},
		})
		ts.Check(err)
	},
	"live": func(ts *testscript.TestScript, _ bool, args []string) {
		if value, ok := live(ts, args[0]); !ok || value != args[1] {
			ts.Fatalf("%s is %q (there: %v), want %q", args[0], value, ok, args[1])
		}
	},
	"gone": func(ts *testscript.TestScript, _ bool, args []string) {
		if value, ok := live(ts, args[0]); ok {
			ts.Fatalf("%s is %q, want it gone", args[0], value)
		}
	},
	"record": func(ts *testscript.TestScript, _ bool, _ []string) {
		w := worldOf(ts)
		if w.Recorder == nil {
			w.Establish()
		}
		time.Sleep(2 * time.Second) // events take their time
		w.Drain()
	},
	"lose": func(ts *testscript.TestScript, _ bool, _ []string) {
		ts.Check(worldOf(ts).AWS.Queue.Drain(context.Background(), func(context.Context, []emulator.Message) []string { return nil }))
	},
	"bucket": func(ts *testscript.TestScript, _ bool, args []string) {
		worldOf(ts).AWS.S3.CreateBucket(args[0], len(args) == 1)
	},
	"object": func(ts *testscript.TestScript, _ bool, args []string) {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodPut, "http://127.0.0.1:4566/"+args[0]+"/"+args[1], strings.NewReader(args[2]))
		ts.Check(err)
		if len(args) > 3 {
			r.Header.Set("X-Amz-Tagging", args[3])
		}
		answer, err := worldOf(ts).AWS.Client().Do(r)
		ts.Check(err)
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			ts.Fatalf("put %s: %s", args[1], answer.Status)
		}
	},
	"corrupt": func(ts *testscript.TestScript, _ bool, args []string) {
		objects := worldOf(ts).AWS.S3
		versions := objects.Versions(bucket, args[0])
		if len(versions) == 0 || !objects.Corrupt(bucket, args[0], versions[0].VersionID, []byte("damaged")) {
			ts.Fatalf("there is no object %s; the bucket holds %q", args[0], objects.Keys(bucket))
		}
	},
	"remove": func(ts *testscript.TestScript, _ bool, args []string) {
		objects := worldOf(ts).AWS.S3
		versions := objects.Versions(bucket, args[0])
		if len(versions) == 0 {
			ts.Fatalf("there is no object %s; the bucket holds %q", args[0], objects.Keys(bucket))
		}
		for _, v := range versions {
			objects.RemoveVersion(bucket, args[0], v.VersionID)
		}
	},
	"expire": func(ts *testscript.TestScript, _ bool, args []string) {
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		versions := worldOf(ts).AWS.S3.Versions(bucket, args[0]) // newest first
		if n < 1 || n > len(versions) {
			ts.Fatalf("%s has %d objects", args[0], len(versions))
		}
		worldOf(ts).AWS.S3.RemoveVersion(bucket, args[0], versions[len(versions)-n].VersionID)
	},
	"checkpoint": func(ts *testscript.TestScript, _ bool, _ []string) {
		w := worldOf(ts)
		r := recorder.New(w.Archive, w.Live, recorder.Options{Account: testworld.Account, Region: testworld.Region, Checkpoints: true})
		report, err := r.Reconcile(context.Background(), testworld.Everything(w), recorder.ReconcileOptions{})
		if ts.Check(err); !report.Complete {
			ts.Fatalf("reconcile: %+v", report)
		}
	},
	"replicate": func(ts *testscript.TestScript, _ bool, args []string) {
		objects := worldOf(ts).AWS.S3
		objects.CreateBucket(args[0], true)
		var all []s3api.Version
		for _, key := range objects.Keys(bucket) {
			versions := objects.Versions(bucket, key)
			slices.Reverse(versions) // in the order in which they were stored
			all = append(all, versions...)
		}
		ts.Check(objects.Load(args[0], all))
	},
	"sign": func(ts *testscript.TestScript, _ bool, args []string) {
		w := worldOf(ts)
		w.StartSigning()
		w.Establish()
		ts.Check(w.Archive.KeepSigning(context.Background(), w.Signing))
		text, err := signkey.PEM(w.PublicKey())
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
	},
	"forge": func(ts *testscript.TestScript, _ bool, args []string) {
		w := worldOf(ts)
		args[0] = w.meant(args[0])
		zip, err := gzip.NewReader(bytes.NewReader(w.AWS.S3.Versions(bucket, args[0])[0].Body))
		ts.Check(err)
		text, err := io.ReadAll(zip)
		ts.Check(err)
		forged := testworld.Compressed(w, strings.NewReader(strings.Replace(string(text), args[1], args[2], 1)))
		_, err = w.Connect(w.AWS.Client()).S3().PutObject(context.Background(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &args[0], Body: bytes.NewReader(forged)})
		ts.Check(err)
	},
	"hide": func(ts *testscript.TestScript, _ bool, args []string) {
		w := worldOf(ts)
		_, err := w.Connect(w.AWS.Client()).S3().DeleteObject(context.Background(), &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: &args[0]})
		ts.Check(err)
	},
	"reveal": func(ts *testscript.TestScript, _ bool, args []string) {
		objects := worldOf(ts).AWS.S3
		if v := objects.Versions(args[0], args[1]); len(v) == 0 || !v[0].Marker || !objects.RemoveVersion(args[0], args[1], v[0].VersionID) {
			ts.Fatalf("nothing hides %s in bucket %s", args[1], args[0])
		}
	},
	"deny": func(ts *testscript.TestScript, _ bool, args []string) {
		fault := emulator.Denied
		if args[0] == "ssm" || args[0] == "kms" {
			fault = emulator.DeniedBySSM
		}
		rule := emulator.Rule{Service: args[0], Op: args[1], Fault: fault}
		if len(args) > 2 {
			rule.KeyPrefix = args[2]
		}
		worldOf(ts).AWS.Faults.Add(rule)
	},
	"allow": func(ts *testscript.TestScript, _ bool, _ []string) { worldOf(ts).AWS.Faults.Clear() },
	"unconfigured": func(ts *testscript.TestScript, _ bool, _ []string) {
		w := worldOf(ts)
		w.other = &awsconn.Options{HTTPClient: w.AWS.Client()}
	},
	"unreachable": func(ts *testscript.TestScript, _ bool, _ []string) {
		o := connection(noConnection{})
		worldOf(ts).other = &o
	},
	"stack": func(ts *testscript.TestScript, _ bool, args []string) {
		w := worldOf(ts)
		code := strings.Repeat("5a", 32)
		d := archive.Deployment{
			Stack: "ssmbak", Version: version.String(), Recorder: "ssmbak-recorder", Reconciler: "ssmbak-reconciler", Code: code, MissedHours: 3,
			Queue: w.AWS.QueueURL(false), DeadLetters: w.AWS.QueueURL(true),
		}
		w.AWS.Functions.Deploy(d.Recorder, code)
		w.AWS.Functions.Deploy(d.Reconciler, code)
		if n := slices.Index(args, "replica"); n >= 0 {
			d.Replica = args[n+1]
		}
		if slices.Contains(args, "verifies") {
			d.Verifier, d.VerifyHours = "ssmbak-verifier", 72
			w.AWS.Functions.Deploy(d.Verifier, code)
		}
		ts.Check(w.Archive.KeepDeployment(context.Background(), d))
	},
	"waiting": func(ts *testscript.TestScript, _ bool, args []string) {
		n, err := strconv.Atoi(args[0])
		ts.Check(err)
		worldOf(ts).AWS.Queue.Fill(n)
	},
	"dead": func(ts *testscript.TestScript, _ bool, args []string) {
		n, err := strconv.Atoi(args[0])
		ts.Check(err)
		worldOf(ts).AWS.Queue.Bury(n)
	},
	"replaced": func(ts *testscript.TestScript, _ bool, args []string) {
		worldOf(ts).AWS.Functions.Deploy(args[0], strings.Repeat("a5", 32))
	},
	"detached": func(ts *testscript.TestScript, _ bool, args []string) { worldOf(ts).AWS.Functions.Detach(args[0]) },
	"undead": func(ts *testscript.TestScript, _ bool, _ []string) {
		w := worldOf(ts)
		w.AWS.Queue.Redrive()
		ts.Check(w.AWS.Queue.Drain(context.Background(), func(context.Context, []emulator.Message) []string { return nil }))
	},
	"attached": func(ts *testscript.TestScript, _ bool, _ []string) { worldOf(ts).AWS.Functions.Attach() },
	"forged-stack": func(ts *testscript.TestScript, _ bool, _ []string) {
		ts.Check(worldOf(ts).Archive.KeepDeployment(context.Background(), archive.Deployment{Stack: "ssmbak", Queue: "https://sqs.us-east-1.amazonaws.com/999999999999/q"}))
	},
	"suspended": func(ts *testscript.TestScript, _ bool, _ []string) {
		w := worldOf(ts)
		_, err := w.Connect(w.AWS.Client()).S3().PutBucketVersioning(context.Background(), &s3.PutBucketVersioningInput{
			Bucket: aws.String(bucket), VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusSuspended},
		})
		ts.Check(err)
	},
	"encrypted": func(ts *testscript.TestScript, _ bool, args []string) {
		ts.Check(worldOf(ts).AWS.S3.Configure(bucket, s3api.Settings{Key: args[0]}))
	},
	"refuse": func(ts *testscript.TestScript, _ bool, args []string) {
		worldOf(ts).AWS.Faults.Add(emulator.Rule{Service: args[0], Op: args[1], Fault: emulator.Fault{Status: http.StatusBadRequest, Code: args[2]}, KeyPrefix: args[3]})
	},
	"fault": func(ts *testscript.TestScript, _ bool, args []string) {
		status, err := strconv.Atoi(args[1])
		ts.Check(err)
		worldOf(ts).AWS.Faults.Add(emulator.Rule{Service: args[0], Fault: emulator.Fault{Status: status, Code: args[2]}})
	},
	"hang": func(ts *testscript.TestScript, _ bool, args []string) {
		worldOf(ts).AWS.Faults.Add(emulator.Rule{Service: args[0], Fault: emulator.Fault{Hang: true}})
	},
	"asked": func(ts *testscript.TestScript, _ bool, args []string) {
		want := make(map[string]int)
		for _, what := range args {
			want[what]++
		}
		if got := worldOf(ts).AWS.Counts(); !maps.Equal(got, want) {
			ts.Fatalf("requests: %v, want %v", got, want)
		}
	},
	"requests": func(ts *testscript.TestScript, neg bool, args []string) {
		made := false
		for what := range worldOf(ts).AWS.Counts() {
			made = made || strings.HasPrefix(what, args[0])
		}
		if made == neg {
			ts.Fatalf("requests so far: %v", worldOf(ts).AWS.Counts())
		}
	},
}

// unquote reads a value that may be written as in Go source.
func unquote(ts *testscript.TestScript, text string) *string {
	if strings.HasPrefix(text, `"`) {
		value, err := strconv.Unquote(text)
		ts.Check(err)
		return &value
	}
	return &text
}

func live(ts *testscript.TestScript, name string) (value string, ok bool) {
	out, err := worldOf(ts).SSM.GetParameter(context.Background(), &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil {
		if !strings.Contains(err.Error(), "ParameterNotFound") {
			ts.Fatalf("%v", fmt.Errorf("read %s: %w", name, err))
		}
		return "", false
	}
	return aws.ToString(out.Parameter.Value), true
}
