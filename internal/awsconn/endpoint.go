package awsconn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// EndpointError says that something names an endpoint that is no URL.
type EndpointError struct {
	URL  string
	From string // what names it
}

func (e *EndpointError) Error() string {
	return fmt.Sprintf("%s is %q, which is no http or https URL with a host", e.From, Redacted(e.URL))
}

var (
	// userinfo is the user name and the password of a URL inside a text.
	userinfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s"'<>]*@`)
	// leading is the same where an endpoint has no scheme.
	leading = regexp.MustCompile(`^[^/?#\s]*@`)
)

// Redacted returns the text without the user name and the password of any URL in
// it, to be shown or logged. A text that begins like user:password@host is taken
// for a URL without its scheme.
func Redacted(text string) string {
	return leading.ReplaceAllString(userinfo.ReplaceAllString(text, "${1}***@"), "***@")
}

// RegionError says that a region has a name that none can have.
type RegionError struct{ Region string }

func (e *RegionError) Error() string { return fmt.Sprintf("%q is not the name of a region", e.Region) }

var regionName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// services are those of which an endpoint can be named by itself, as AWS's tools
// call them.
// https://docs.aws.amazon.com/sdkref/latest/guide/ss-endpoints-table.html
var services = []string{"SSM", "S3", "STS", "Resource Groups Tagging API", "CloudFormation", "SQS", "Lambda", "KMS", "SSO", "SSO OIDC"}

// everywhere is a source of the configuration that names one endpoint for all
// services. It comes first, since an option of the command counts more than the
// endpoint of a service in the environment or a profile.
type everywhere string

// GetServiceBaseEndpoint is what the SDK asks for.
func (e everywhere) GetServiceBaseEndpoint(context.Context, string) (string, bool, error) {
	return string(e), true, nil
}

// checkEndpoints refuses endpoints that no request could be sent to: the SDK would
// try again for minutes.
func checkEndpoints(ctx context.Context, c aws.Config, o Options) error {
	if o.EndpointURL != "" && !valid(o.EndpointURL) {
		return &EndpointError{o.EndpointURL, "--endpoint-url"}
	}
	if o.EndpointURL != "" {
		return nil // which takes the place of all others
	}
	if u := aws.ToString(c.BaseEndpoint); u != "" && !valid(u) {
		return &EndpointError{u, "AWS_ENDPOINT_URL, or endpoint_url of the profile,"}
	}
	for _, source := range c.ConfigSources {
		s, ok := source.(interface {
			GetServiceBaseEndpoint(ctx context.Context, service string) (string, bool, error)
		})
		if !ok {
			continue
		}
		for _, service := range services {
			if u, found, err := s.GetServiceBaseEndpoint(ctx, service); err == nil && found && !valid(u) {
				variable := "AWS_ENDPOINT_URL_" + strings.ToUpper(strings.ReplaceAll(service, " ", "_"))
				return &EndpointError{u, variable + ", or its endpoint_url in the profile,"}
			}
		}
	}
	return nil
}

func valid(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}

// UnreachableError says that a host never answered.
type UnreachableError struct {
	Host string
	Err  error
}

func (e *UnreachableError) Error() string { return "reach " + e.Host + ": " + e.Err.Error() }

func (e *UnreachableError) Unwrap() error { return e.Err }

// RetryableError keeps the SDK from trying again.
func (*UnreachableError) RetryableError() bool { return false }

// firstAnswer is how long a host has for the first answer that it ever gives, to a
// request whose body is at most smallBody: a large one may take its time.
const (
	firstAnswer = 20 * time.Second
	smallBody   = 64 << 10
)

// client gives up soon on hosts that never answered: they are named wrongly, or
// there is no way to them. One that did answer is tried again as long as the
// retryer likes. It may be used by many goroutines at once.
type client struct {
	aws.HTTPClient
	answered *sync.Map // of host names
}

func (c client) Do(r *http.Request) (*http.Response, error) {
	host := r.URL.Host
	if _, ok := c.answered.Load(host); ok || r.ContentLength < 0 || r.ContentLength > smallBody {
		return c.HTTPClient.Do(r)
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	timeout := time.AfterFunc(firstAnswer, func() { cancel(fmt.Errorf("no answer in %s", firstAnswer)) })
	answer, err := c.HTTPClient.Do(r.WithContext(ctx))
	late := !timeout.Stop()
	if err == nil {
		c.answered.Store(host, true)
		answer.Body = body{answer.Body, func() { cancel(nil) }}
		return answer, nil
	}
	defer cancel(nil)
	switch {
	case r.Context().Err() != nil:
	case late:
		err = &UnreachableError{host, context.Cause(ctx)}
	case permanent(err):
		err = &UnreachableError{host, err}
	}
	return nil, err
}

// body frees what its request holds when it is closed.
type body struct {
	io.ReadCloser
	done func()
}

func (b body) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

// permanent reports whether an error means that what listens there is not what is
// expected, which no second try changes.
func permanent(err error) bool {
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	return errors.As(err, &certificate) || errors.As(err, &authority) || errors.As(err, &record) ||
		strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") || strings.Contains(err.Error(), "malformed HTTP response")
}
