//go:build aws

package acceptance

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"sync"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/ssmbak/ssmbak/internal/awsconn"
)

// The names of everything that a run creates. A parameter's may not begin with ssm.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
const (
	parameterPrefix = "acceptance-of-ssmbak-"
	resourcePrefix  = "ssmbak-acceptance-"
	// tag is the key of a tag of everything that can have one from its creation on.
	tag = "ssmbak-acceptance"
)

// place is an account in which facts are settled. It is safe for concurrent use.
type place struct {
	kind            string
	id              string // 12 random hexadecimal digits, in the names of all that it creates
	options         awsconn.Options
	account, region string
	emulated        *emulated // the emulator of this process, or nil

	root sync.Mutex // held by the fact that uses the root-level parameter

	buckets   sync.Mutex
	hasBucket bool

	listening sync.Mutex
	heard     listener

	mu      sync.Mutex
	created map[string]bool // parameters
}

// newPlace returns the account that a connection reaches.
func newPlace(ctx context.Context, kind string, o awsconn.Options, e *emulated) (*place, error) {
	conn, err := awsconn.Load(ctx, o)
	if err != nil {
		return nil, err
	}
	caller, err := conn.Caller(ctx)
	if err != nil {
		return nil, err
	}
	if kind == "" { // an endpoint: moto has one user
		kind = onEmulator
		if strings.HasSuffix(caller.ARN, "/moto") {
			kind = onMoto
		}
	}
	var id [6]byte
	_, _ = rand.Read(id[:]) // never fails
	return &place{kind: kind, id: hex.EncodeToString(id[:]), options: o, account: caller.Account, region: conn.Region(), emulated: e, created: make(map[string]bool)}, nil
}

// connect returns a connection whose requests to Parameter Store and S3 become rows, if
// there are any.
func (p *place) connect(ctx context.Context, rows *rows) (*awsconn.Conn, error) {
	o := p.options
	if o.HTTPClient == nil {
		o.HTTPClient = awshttp.NewBuildableClient()
	}
	o.HTTPClient = &observer{next: o.HTTPClient, place: p, rows: rows}
	return awsconn.Load(ctx, o)
}

// rootName is the name of the only parameter of the root level, and the path of all others.
func (p *place) rootName() string { return parameterPrefix + p.id }

// resource returns the name of a resource that is not a parameter.
func (p *place) resource(suffix string) string { return resourcePrefix + p.id + "-" + suffix }

// noted notes that a parameter was created, or perhaps.
func (p *place) noted(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.created["/"+strings.TrimPrefix(strings.TrimSpace(name), "/")] = true
}

// settle settles a fact, and returns the rows of its answers.
func (p *place) settle(ctx context.Context, f *fact) (verdict, *rows) {
	if why := f.lacks[p.kind]; why != "" {
		return verdict{f, "", notSettled("%s", why)}, nil
	}
	rows := newRows(p, f)
	s, err := newScratch(ctx, p, f, rows)
	if err != nil {
		return verdict{f, "", err}, rows
	}
	learned, err := f.settle(ctx, s)
	switch c := codeOf(err); {
	case ctx.Err() != nil:
		err = notSettled("%v", context.Cause(ctx))
	case strings.HasPrefix(c, "AccessDenied"):
		err = notSettled("the credentials lack a permission: %v", err)
	case c != "":
		err = differs("%v", err) // the request is one that AWS is assumed to accept
	}
	return verdict{f, learned, err}, rows
}

// report prints a verdict as the outcome of a test.
func report(t *testing.T, v verdict) {
	t.Helper()
	switch {
	case v.unsettled() != "":
		t.Skip(v)
	case v.err != nil:
		t.Error(v)
	default:
		t.Log(v)
	}
}
