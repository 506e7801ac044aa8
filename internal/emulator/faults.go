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

// Fault is the fault of a request. The zero value means none.
type Fault struct {
	// Status and Code are an error response that is returned instead of executing the
	// request.
	Status int
	Code   string
	// DeniedIn makes the message that of an explicit deny in a policy of this kind, such
	// as "a service control policy".
	DeniedIn string
	// LostBefore closes the connection before the request takes effect, and LostAfter
	// afterwards. The caller cannot distinguish them.
	LostBefore, LostAfter bool
	// Delay is a delay before the effect, which begins when Until, unless it is nil, is
	// closed. Hang waits until the caller gives up.
	Delay time.Duration
	Until <-chan struct{}
	Hang  bool
}

// Faults documented by AWS.
var (
	// Throttled is the throttling error of Parameter Store, and SlowDown that of S3.
	Throttled = Fault{Status: http.StatusBadRequest, Code: "ThrottlingException"}
	SlowDown  = Fault{Status: http.StatusServiceUnavailable, Code: "SlowDown"}
	// Conflict is S3's error for concurrent conditional writes.
	Conflict = Fault{Status: http.StatusConflict, Code: "ConditionalRequestConflict"}
	// Denied is S3's error for a request that no policy allows, and DeniedBySSM that of
	// Parameter Store.
	Denied      = Fault{Status: http.StatusForbidden, Code: "AccessDenied"}
	DeniedBySSM = Fault{Status: http.StatusBadRequest, Code: "AccessDeniedException"}
	// DeniedByOrganization is S3's error for a request that a policy of the organization
	// denies. With [Rule.If], it can depend on headers, as in policies that require or
	// forbid x-amz-server-side-encryption.
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingServerSideEncryption.html
	DeniedByOrganization = Fault{Status: http.StatusForbidden, Code: "AccessDenied", DeniedIn: "a service control policy"}
)

// FaultFunc returns the fault of a request. It is called once per request, and must be
// safe for concurrent use.
type FaultFunc func(service, op, key string) Fault

// Rule is a fault for certain requests.
type Rule struct {
	Service, Op string // "" means any
	KeyPrefix   string // of an object; "" means any
	// If reports whether the rule applies to a request. It must not read the body. nil
	// means that it applies to all.
	If    func(*http.Request) bool
	Times int // how often it happens; 0 means always
	Fault Fault
}

// Faults are the rules for all clients of an [AWS]. They are safe for concurrent use.
type Faults struct {
	mu    sync.Mutex
	rules []Rule
}

// Add adds a rule. If several rules apply to a request, the first one added is used.
func (f *Faults) Add(r Rule) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Times == 0 {
		r.Times = -1
	}
	f.rules = append(f.rules, r)
}

// Clear removes all rules.
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

// serve executes a request or its fault. An error means that there is no response.
func (a *AWS) serve(w http.ResponseWriter, r *http.Request, c call, f Fault) error {
	latency := time.Duration(0)
	if a.latency != nil {
		latency = a.latency(c.service, c.op)
	}
	if f.Until != nil {
		select {
		case <-f.Until:
		case <-r.Context().Done():
			return r.Context().Err()
		}
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
	case "iam":
		writeIAMError(w, f.Status, f.Code, message)
	case "sts":
		writeSTSError(w, f.Status, f.Code, message)
	default:
		ssmapi.WriteError(w, f.Status, f.Code, message)
	}
}

// explicitDeny returns the message for an explicit deny in a policy, as in the examples in
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
	user, _ := ssmapi.User(r)
	return fmt.Sprintf("User: %s is not authorized to perform: %s%s with an explicit deny in %s", ssmapi.UserARN(a.region, a.account, user), action, resource, policy)
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

// Client returns a client that serves requests in memory, in the calling goroutine,
// whatever their address. It can be used in a testing/synctest bubble.
func (a *AWS) Client() *http.Client { return a.ClientWith(nil) }

// ClientWith is like [AWS.Client], with additional faults that precede [Faults].
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

// PortTakenError reports that another program listens on the port.
type PortTakenError struct{ Address string }

func (e *PortTakenError) Error() string {
	return fmt.Sprintf("another program listens on %s", e.Address)
}

// Listen serves on a loopback address, such as 127.0.0.1:4566, until ctx is done or stop is
// called, which waits for requests in progress. Port 0 means a free port, which is part of
// url. Requests whose Host header is not a loopback address get status 403. The error is a
// [*PortTakenError] if the port is in use.
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
			// Do not wait for idle connections.
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
