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

// EndpointError means that an endpoint is not a URL.
type EndpointError struct {
	URL  string
	From string // the setting, such as --endpoint-url
}

func (e *EndpointError) Error() string {
	return fmt.Sprintf("%s must be an http or https URL with a host, not %q", e.From, Redacted(e.URL))
}

var (
	// userinfo is the user name and the password of a URL inside a text.
	userinfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s"'<>]*@`)
	// leading is the same where an endpoint has no scheme.
	leading = regexp.MustCompile(`^[^/?#\s]*@`)
	// mark is what leading finds in a text that begins with the name of a mark, such as
	// @deploy-42 or before:@deploy-42.
	mark = regexp.MustCompile(`^"?(?:before:)?@$`)
)

// Redacted returns the text without the user name and the password of any URL in
// it, to be shown or logged. A text that begins like user:password@host is taken
// for a URL without its scheme.
func Redacted(text string) string {
	return leading.ReplaceAllStringFunc(userinfo.ReplaceAllString(text, "${1}***@"), func(found string) string {
		if mark.MatchString(found) {
			return found
		}
		return "***@"
	})
}

// RegionError means that a region's name is invalid.
type RegionError struct{ Region string }

func (e *RegionError) Error() string { return fmt.Sprintf("%q is not a valid region name", e.Region) }

var regionName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// services are the service IDs for which the endpoint can be configured separately.
// https://docs.aws.amazon.com/sdkref/latest/guide/ss-endpoints-table.html
var services = []string{"SSM", "S3", "STS", "Resource Groups Tagging API", "CloudFormation", "SQS", "Lambda", "KMS", "SSO", "SSO OIDC"}

// everywhere is a config source with one endpoint for all services. It is the first
// source, because --endpoint-url overrides service-specific endpoints in the
// environment and the profile.
type everywhere string

// GetServiceBaseEndpoint implements the SDK's interface for service endpoints.
func (e everywhere) GetServiceBaseEndpoint(context.Context, string) (string, bool, error) {
	return string(e), true, nil
}

// checkEndpoints rejects invalid endpoints, for which the SDK would retry for
// minutes.
func checkEndpoints(ctx context.Context, c aws.Config, o Options) error {
	if o.EndpointURL != "" && !valid(o.EndpointURL) {
		return &EndpointError{o.EndpointURL, "--endpoint-url"}
	}
	if o.EndpointURL != "" {
		return nil // it overrides all others
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

// UnreachableError means that a host never answered.
type UnreachableError struct {
	Host string
	Err  error
}

func (e *UnreachableError) Error() string { return "reach " + e.Host + ": " + e.Err.Error() }

func (e *UnreachableError) Unwrap() error { return e.Err }

// RetryableError returns false: the SDK must not retry.
func (*UnreachableError) RetryableError() bool { return false }

// firstAnswer is the default timeout for the first response of a host, to a request with a
// body of at most smallBody bytes.
const (
	firstAnswer = 20 * time.Second
	smallBody   = 64 << 10
)

// client gives up early on hosts that never answered: their name is wrong, or they
// are unreachable. Requests to other hosts are retried as the retryer decides. It is
// safe for concurrent use.
type client struct {
	aws.HTTPClient
	answered *sync.Map     // of host names
	patience time.Duration // how long to wait for the first answer of a host
}

func (c client) Do(r *http.Request) (*http.Response, error) {
	host := r.URL.Host
	if _, ok := c.answered.Load(host); ok || r.ContentLength < 0 || r.ContentLength > smallBody {
		return c.HTTPClient.Do(r)
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	timeout := time.AfterFunc(c.patience, func() { cancel(fmt.Errorf("no answer in %s", c.patience)) })
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

// body calls done when it is closed.
type body struct {
	io.ReadCloser
	done func()
}

func (b body) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

// permanent reports whether an error means that the server is not the expected one,
// so that a retry cannot succeed.
func permanent(err error) bool {
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	return errors.As(err, &certificate) || errors.As(err, &authority) || errors.As(err, &record) ||
		strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") || strings.Contains(err.Error(), "malformed HTTP response")
}
