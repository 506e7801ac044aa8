// Package testworld provides an emulated account for tests, with Parameter Store, S3, an
// archive and its recorder.
package testworld

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/signkey"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// The account of most worlds, which AWS uses in examples.
const (
	Account = "123456789012"
	Region  = "us-east-1"
)

// address is the endpoint of the clients. The emulator serves their requests in memory.
const address = "http://127.0.0.1:4566"

// Options configure a [World]. The zero value is an empty account that uses the machine's
// clock, or the clock of a testing/synctest bubble.
type Options struct {
	// Account and Region are those of the constants, if empty.
	Account, Region string
	// AWS is the account; nil means a new one with the options Emulator.
	AWS      *emulator.AWS
	Emulator emulator.Options
	// Bucket is the archive's bucket; "" means "archive".
	Bucket string
	// Client sends the requests of the tested code; nil means a client with Faults.
	// Requests of World.SSM never fail.
	Client aws.HTTPClient
	Faults emulator.FaultFunc
	// For MaxAttempts and Backoff, see [awsconn.Options].
	MaxAttempts int
	Backoff     func(attempt int) time.Duration
	// Tagging makes recorders read tags with the tagging API, like the functions.
	Tagging bool
	// Parts makes the archive divide indexes above these limits.
	Parts *archive.PartLimits
	// Sign makes the archive sign, with a key that is made for the world, as the functions
	// do.
	Sign   bool
	Logger *slog.Logger
}

// World is an account with an archive. Its methods fail the test if the setup fails.
type World struct {
	testing.TB
	Account, Region string

	AWS  *emulator.AWS
	Conn *awsconn.Conn // of the tested code
	SSM  *ssm.Client   // of the users who change parameters
	Live *paramstore.Store
	// Archive and Recorder are nil until [World.Establish].
	Archive  *archive.Archive
	Recorder *recorder.Recorder

	// Key is the ARN of the key with Options.Sign, and Signing how it signs.
	Key     string
	Signing archive.Signing

	o Options
}

// New returns a world with an established archive.
func New(t testing.TB, o Options) *World {
	t.Helper()
	w := Bare(t, o)
	w.Establish()
	return w
}

// Bare returns a world with an empty bucket.
func Bare(t testing.TB, o Options) *World {
	t.Helper()
	if o.Bucket == "" {
		o.Bucket = "archive"
	}
	o.Account, o.Region = cmp.Or(o.Account, Account), cmp.Or(o.Region, Region)
	o.Emulator.Account, o.Emulator.Region = o.Account, o.Region
	w := &World{TB: t, Account: o.Account, Region: o.Region, AWS: o.AWS, o: o}
	if w.AWS == nil {
		w.AWS = emulator.New(o.Emulator)
	}
	if o.Client == nil {
		o.Client = w.AWS.ClientWith(o.Faults)
	}
	w.AWS.S3.CreateBucket(o.Bucket, true)
	if o.Sign {
		w.StartSigning()
	}
	w.Conn = w.Connect(o.Client)
	w.SSM = w.Connect(w.AWS.Client()).SSM()
	w.Live = paramstore.New(w.Conn.SSM(), paramstore.Options{})
	return w
}

// Connect returns a connection that uses a client.
func (w *World) Connect(client aws.HTTPClient) *awsconn.Conn {
	w.Helper()
	o := Connection(client)
	o.Region = w.Region
	o.MaxAttempts, o.Backoff = w.o.MaxAttempts, w.o.Backoff
	conn, err := awsconn.Load(w.Context(), o)
	w.Must(err)
	return conn
}

// Connection returns options for a connection that uses a client.
func Connection(client aws.HTTPClient) awsconn.Options {
	return awsconn.Options{Region: Region, EndpointURL: address, HTTPClient: client, Anonymous: true}
}

// As returns a client whose requests are those of another IAM user: the emulator takes
// the access key ID for its name.
func As(client aws.HTTPClient, user string) aws.HTTPClient { return &asUser{client, user} }

type asUser struct {
	aws.HTTPClient
	user string
}

func (c *asUser) Do(r *http.Request) (*http.Response, error) {
	if signed, scope, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		_, scope, _ = strings.Cut(scope, "/")
		r.Header.Set("Authorization", signed+"Credential="+c.user+"/"+scope)
	}
	return c.HTTPClient.Do(r)
}

// Config returns the configuration with which users of the library reach an account.
func Config(a *emulator.AWS) aws.Config {
	return aws.Config{
		Region: Region, BaseEndpoint: aws.String(address), HTTPClient: a.Client(),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	}
}

// Establish establishes the archive and creates its recorder.
func (w *World) Establish() {
	w.Helper()
	w.Archive, w.Recorder = w.Another(w.Conn)
}

// Another returns the archive and a recorder as another process has them, with its own
// connection.
func (w *World) Another(conn *awsconn.Conn) (*archive.Archive, *recorder.Recorder) {
	w.Helper()
	ao := archive.Options{Bucket: w.o.Bucket, Account: w.Account, Region: w.Region, Logger: w.o.Logger}
	if w.Key != "" {
		ao.Signing = &w.Signing
	}
	if w.o.Parts != nil {
		ao.DivideIndexes, ao.Parts = true, *w.o.Parts
	}
	a, err := archive.Open(w.Context(), conn.S3(), ao)
	w.Must(err)
	if w.Key != "" {
		key, err := signkey.Load(w.Context(), kms.NewFromConfig(conn.Config()), w.Key)
		w.Must(err)
		a.SignWith(key)
	}
	w.Must(a.Establish(w.Context()))
	o := paramstore.Options{}
	if w.o.Tagging {
		o.Tagging = conn.Tagging()
	}
	return a, recorder.New(a, paramstore.New(conn.SSM(), o), recorder.Options{Account: w.Account, Region: w.Region, Logger: w.o.Logger})
}

// StartSigning makes the archives that are opened from now on sign, from the beginning of
// this second.
func (w *World) StartSigning() {
	w.Key = w.AWS.CreateSigningKey()
	w.Signing = archive.Signing{Key: w.Key, Bucket: w.o.Bucket, Since: time.Now().UTC().Truncate(time.Second)}
}

// PublicKey returns the public key of World.Key.
func (w *World) PublicKey() *ecdsa.PublicKey {
	w.Helper()
	key, err := signkey.Load(w.Context(), kms.NewFromConfig(w.Conn.Config()), w.Key)
	w.Must(err)
	return key.Public()
}

// Must fails the test if there is an error.
func (w *World) Must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// Drain delivers the events of the queue to the recorder until the queue is empty, and
// returns the number of failed ones.
func (w *World) Drain() (failed int) {
	w.Helper()
	handle := Handler(w.Recorder)
	w.Must(w.AWS.Queue.Drain(w.Context(), func(ctx context.Context, batch []emulator.Message) []string {
		again := handle(ctx, batch)
		failed += len(again)
		return again
	}))
	return failed
}

// Record delivers the events of the queue to the recorder, and reconciles all parameters.
func (w *World) Record() {
	w.Helper()
	time.Sleep(2 * time.Second) // events are delayed
	w.Drain()
	report, err := w.Recorder.Reconcile(w.Context(), Everything(w), recorder.ReconcileOptions{})
	w.Must(err)
	if !report.Complete || len(report.Failed) > 0 {
		w.Fatalf("reconcile: %+v", report)
	}
}

// Handler returns a handler that delivers the messages of a queue to a recorder.
func Handler(r *recorder.Recorder) emulator.Handler {
	return func(ctx context.Context, batch []emulator.Message) (failed []string) {
		messages := make([]recorder.Message, len(batch))
		for i, m := range batch {
			messages[i] = recorder.Message(m)
		}
		for _, f := range r.Handle(ctx, messages) {
			failed = append(failed, f.ID)
		}
		return failed
	}
}

// Target parses a target.
func Target(t testing.TB, text string, recursive bool) ssmbak.Target {
	t.Helper()
	target, err := ssmbak.ParseTarget(text, recursive)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// Everything returns the target for all parameters.
func Everything(t testing.TB) ssmbak.Target {
	t.Helper()
	return Target(t, "/", true)
}
