package emulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// Fault is what goes wrong with one request. The zero value is nothing.
type Fault struct {
	// Status and Code are an answer that the service gives instead of doing
	// what it was asked.
	Status int
	Code   string
	// DeniedIn makes the answer's text that of a policy's explicit deny, of which
	// it names the kind: "a service control policy".
	DeniedIn string
	// LostBefore cuts the connection before the request took effect, LostAfter
	// when it has, so that the caller cannot tell.
	LostBefore, LostAfter bool
	// Delay comes before the effect. Hang lasts until the caller gives up.
	Delay time.Duration
	Hang  bool
}

// Faults that AWS's own documentation names.
var (
	// Throttled is how Parameter Store throttles, and SlowDown how S3 does.
	Throttled = Fault{Status: http.StatusBadRequest, Code: "ThrottlingException"}
	SlowDown  = Fault{Status: http.StatusServiceUnavailable, Code: "SlowDown"}
	// Conflict is S3's answer to conditional writes that meet.
	Conflict = Fault{Status: http.StatusConflict, Code: "ConditionalRequestConflict"}
	// Denied is S3's answer to what no policy allows, and DeniedBySSM Parameter
	// Store's.
	Denied      = Fault{Status: http.StatusForbidden, Code: "AccessDenied"}
	DeniedBySSM = Fault{Status: http.StatusBadRequest, Code: "AccessDeniedException"}
	// DeniedByOrganization is S3's answer to what a policy of the organization
	// denies. With [Rule.If] it denies writes by their headers, as policies do
	// that demand or forbid x-amz-server-side-encryption.
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingServerSideEncryption.html
	DeniedByOrganization = Fault{Status: http.StatusForbidden, Code: "AccessDenied", DeniedIn: "a service control policy"}
)

// FaultFunc decides what goes wrong with a request. It is asked once for each,
// and may be asked by many goroutines at once.
type FaultFunc func(service, op, key string) Fault

// Rule is a fault on demand.
type Rule struct {
	Service, Op string // "" means any
	KeyPrefix   string // of an object; "" means any
	// If is asked whether the request is one that is meant, from its address and
	// header; its body must not be read. nil means that it is.
	If    func(*http.Request) bool
	Times int // how often it happens; 0 means always
	Fault Fault
}

// Faults are the rules of an [AWS], for every client of it. They may be changed
// at any time.
type Faults struct {
	mu    sync.Mutex
	rules []Rule
}

// Add adds a rule. Of several that fit, the one added first happens.
func (f *Faults) Add(r Rule) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Times == 0 {
		r.Times = -1
	}
	f.rules = append(f.rules, r)
}

// Clear takes all rules away.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
}

func (f *Faults) next(c call, request *http.Request) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.rules {
		r := &f.rules[i]
		if r.Times == 0 || r.Service != "" && r.Service != c.service || r.Op != "" && r.Op != c.op || !strings.HasPrefix(c.key, r.KeyPrefix) || r.If != nil && !r.If(request) {
			continue
		}
		if r.Times > 0 {
			r.Times--
		}
		return r.Fault
	}
	return Fault{}
}

var errCut = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}

// serve lets a request happen, or not. An error means that there is no answer.
func (a *AWS) serve(w http.ResponseWriter, r *http.Request, c call, f Fault) error {
	latency := time.Duration(0)
	if a.latency != nil {
		latency = a.latency(c.service, c.op)
	}
	if err := wait(r.Context(), f.Delay+latency/2); err != nil {
		return err
	}
	switch {
	case f.Hang:
		<-r.Context().Done()
		return r.Context().Err()
	case f.LostBefore:
		return errCut
	case f.Status != 0:
		a.refuse(w, r, c, f)
		return nil
	case f.LostAfter:
		c.handler(httptest.NewRecorder(), r)
		return errCut
	}
	c.handler(w, r)
	return wait(r.Context(), latency-latency/2)
}

func (a *AWS) refuse(w http.ResponseWriter, r *http.Request, c call, f Fault) {
	message := "a fault on demand"
	if f.DeniedIn != "" {
		message = a.explicitDeny(r, c, f.DeniedIn)
	}
	switch c.service {
	case "s3":
		s3api.WriteError(w, r, f.Status, f.Code, message)
	case "sts":
		writeSTSError(w, f.Status, f.Code, message)
	default:
		ssmapi.WriteError(w, f.Status, f.Code, message)
	}
}

// explicitDeny is the text of a refusal by a policy, as in the examples of
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html.
func (a *AWS) explicitDeny(r *http.Request, c call, policy string) string {
	action := c.service + ":" + c.op
	resource := ""
	if c.service == "s3" {
		_, bucket, key := s3api.Operation(r)
		if resource = " on resource: \"arn:aws:s3:::" + bucket; key != "" {
			resource += "/" + key
		}
		resource += `"`
		if c.op == "CopyObject" { // it is allowed by the same action
			action = "s3:PutObject"
		}
	}
	return fmt.Sprintf("User: arn:aws:iam::%s:user/local is not authorized to perform: %s%s with an explicit deny in %s", a.account, action, resource, policy)
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Client returns a client without a socket: a request runs in the caller's own
// goroutine, whatever address it names. It works in a testing/synctest bubble.
func (a *AWS) Client() *http.Client { return a.ClientWith(nil) }

// ClientWith returns such a client with faults of its own, which come before
// those of [Faults].
func (a *AWS) ClientWith(faults FaultFunc) *http.Client {
	return &http.Client{Transport: &transport{aws: a, faults: faults}}
}

type transport struct {
	aws    *AWS
	faults FaultFunc
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	c := t.aws.call(r)
	t.aws.mu.Lock()
	t.aws.counts[c.service+":"+c.op]++
	t.aws.mu.Unlock()
	fault := Fault{}
	if t.faults != nil {
		fault = t.faults(c.service, c.op, c.key)
	}
	if fault == (Fault{}) {
		fault = t.aws.Faults.next(c, r)
	}
	served := r.Clone(r.Context())
	if served.Body == nil {
		served.Body = http.NoBody
	}
	defer served.Body.Close()
	w := httptest.NewRecorder()
	if err := t.aws.serve(w, served, c, fault); err != nil {
		return nil, fmt.Errorf("%s %s: %w", c.service, c.op, err)
	}
	response := w.Result()
	response.Request = r
	return response, nil
}

// PortTakenError says that another program listens where the emulator should.
type PortTakenError struct{ Address string }

func (e *PortTakenError) Error() string {
	return fmt.Sprintf("another program listens on %s", e.Address)
}

// Listen serves on a loopback address, such as 127.0.0.1:4566, until ctx ends or
// stop is called, which waits for the requests under way. Port 0 takes a free
// one; url says which. Requests whose Host header names no loopback address get
// status 403. A port that is taken gives a [*PortTakenError].
func (a *AWS) Listen(ctx context.Context, addr string) (url string, stop func() error, err error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "", nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return "", nil, fmt.Errorf("listen on %s: only loopback addresses are served, there are no passwords", addr)
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return "", nil, &PortTakenError{addr}
	}
	if err != nil {
		return "", nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	server := &http.Server{Handler: loopbackOnly(a), ReadHeaderTimeout: time.Minute, BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) }}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l) // it ends by Shutdown, which says what is wrong
	}()
	var once sync.Once
	stop = func() error {
		var err error
		once.Do(func() {
			// A client that keeps a connection open does not hold it up.
			grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			if err = server.Shutdown(grace); err != nil {
				err = server.Close()
			}
			<-served
		})
		return err
	}
	context.AfterFunc(ctx, func() { _ = stop() })
	return "http://" + l.Addr().String(), stop, nil
}
