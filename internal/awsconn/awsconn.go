// Package awsconn configures AWS clients: region, profile, endpoint, credentials and
// retries. All other packages receive clients.
package awsconn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Options configure a connection. As in every AWS tool, empty fields are taken from
// the environment and the shared configuration files.
type Options struct {
	Region, Profile string
	// EndpointURL replaces the endpoints of all services.
	EndpointURL string
	// Credentials replace those of the environment and the shared configuration files, and
	// the dummy ones of Anonymous.
	Credentials aws.CredentialsProvider
	// HTTPClient replaces the SDK's HTTP client.
	HTTPClient aws.HTTPClient
	// Anonymous uses dummy credentials and ignores the environment and the shared
	// configuration files. It requires Region and EndpointURL.
	Anonymous bool
	// Unsigned, with Anonymous, disables signing, for an emulator in this process.
	Unsigned bool
	// FirstAnswer is how long to wait for the first answer of a host before it counts as
	// unreachable, 20 s if zero.
	FirstAnswer time.Duration
	// MaxAttempts is the maximum number of attempts per request, 10 if zero. The
	// delay between attempts grows to 20 s, which outlasts minutes of throttling.
	MaxAttempts int
	// Backoff replaces the SDK's random exponential backoff, to make simulations
	// reproducible.
	Backoff func(attempt int) time.Duration
	// Logger receives the SDK's messages at level debug; if nil, they are discarded.
	// The SDK logs neither values nor credentials.
	Logger *slog.Logger
}

// Conn creates clients that share one configuration. It is safe for concurrent use.
type Conn struct {
	config  aws.Config
	options Options
	caller  func(context.Context) (Caller, error)
}

// NoRegionError means that no region is configured.
type NoRegionError struct{}

func (*NoRegionError) Error() string { return "no region is configured" }

// Load reads the configuration without sending a request. It returns a
// [*ConfigError] if the SDK rejects the configuration, a [*NoRegionError] or
// [*RegionError] if the region is missing or its name is invalid, and an
// [*EndpointError] if an endpoint is not a URL. Requests fail with a
// [*CredentialsError] if there are no credentials.
func Load(ctx context.Context, o Options) (*Conn, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c, err := load(ctx, o)
	if err != nil {
		return nil, &ConfigError{named(cmp.Or(o.Profile, os.Getenv("AWS_PROFILE"))), err}
	}
	c.Logger = sdkLog{ctx, o.Logger}
	if o.HTTPClient != nil {
		c.HTTPClient = o.HTTPClient
	}
	c.HTTPClient = client{c.HTTPClient, new(sync.Map), cmp.Or(o.FirstAnswer, firstAnswer)}
	if err := checkEndpoints(ctx, c, o); err != nil {
		return nil, err
	}
	if o.EndpointURL != "" {
		c.BaseEndpoint = &o.EndpointURL
		c.ConfigSources = append([]any{everywhere(o.EndpointURL)}, c.ConfigSources...)
	}
	if c.Region == "" {
		return nil, &NoRegionError{}
	}
	if !regionName.MatchString(c.Region) {
		return nil, &RegionError{c.Region}
	}
	withSource(&c)
	c.Retryer = func() aws.Retryer { return retry.NewStandard(o.standard) }
	conn := &Conn{config: c, options: o}
	var mu sync.Mutex
	var known Caller
	conn.caller = func(ctx context.Context) (Caller, error) {
		mu.Lock()
		defer mu.Unlock()
		if known.Account != "" {
			return known, nil
		}
		out, err := conn.STS().GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return Caller{}, fmt.Errorf("determine the account of the credentials: %w", err)
		}
		known = Caller{Account: aws.ToString(out.Account), ARN: aws.ToString(out.Arn)}
		return known, nil
	}
	return conn, nil
}

func load(ctx context.Context, o Options) (aws.Config, error) {
	if o.Anonymous {
		c := aws.Config{Region: o.Region, HTTPClient: httpClient(), Credentials: credentials.NewStaticCredentialsProvider("local", "local", "")}
		if o.Unsigned {
			c.Credentials = aws.AnonymousCredentials{}
		}
		if o.Credentials != nil {
			c.Credentials = o.Credentials
		}
		return c, nil
	}
	with := []func(*config.LoadOptions) error{
		config.WithLogger(sdkLog{ctx, o.Logger}), config.WithLogConfigurationWarnings(true),
		// Set here, the client also uses the certificates of AWS_CA_BUNDLE.
		config.WithHTTPClient(httpClient()),
	}
	if o.Region != "" {
		with = append(with, config.WithRegion(o.Region))
	}
	if o.Credentials != nil {
		with = append(with, config.WithCredentialsProvider(o.Credentials))
	}
	if o.Profile != "" {
		with = append(with, config.WithSharedConfigProfile(o.Profile))
	}
	return config.LoadDefaultConfig(ctx, with...)
}

// httpClient returns the HTTP client for all services. The SDK's default keeps 10
// idle connections per host, but up to 64 requests run concurrently: the others would
// need a new TLS handshake each time.
func httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 128
	})
}

// standard configures the retryer of every client. It disables the SDK's retry
// quota, which gives up early when many requests fail at once: a throttled backup
// has to continue, slowly.
func (o Options) standard(s *retry.StandardOptions) {
	s.MaxAttempts = o.MaxAttempts
	if s.MaxAttempts == 0 {
		s.MaxAttempts = 10
	}
	s.MaxBackoff = 20 * time.Second
	s.RateLimiter = ratelimit.None
	// A refused connection means a wrong endpoint: do not retry.
	s.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
		if errors.Is(err, syscall.ECONNREFUSED) {
			return aws.FalseTernary
		}
		return aws.UnknownTernary
	})}, retry.DefaultRetryables...)
	if o.Backoff != nil {
		s.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) { return o.Backoff(attempt), nil })
	}
}

// S3 returns a client for S3. On a loopback endpoint it uses path-style requests,
// because bucket host names do not resolve there.
func (c *Conn) S3() *s3.Client { return c.S3In(c.config.Region) }

// S3In is [Conn.S3] for the buckets of a region.
func (c *Conn) S3In(region string) *s3.Client {
	return s3.NewFromConfig(c.config, func(o *s3.Options) {
		o.Region = region
		o.UsePathStyle = o.UsePathStyle || loopback(aws.ToString(o.BaseEndpoint))
		o.EndpointResolverV2 = resolving() // the SDK has set its own by now
	})
}

// SSM returns a client for Parameter Store. It does not limit its rate: package
// paramstore does.
func (c *Conn) SSM() *ssm.Client { return ssm.NewFromConfig(c.config) }

// Tagging returns a client for the Resource Groups Tagging API.
func (c *Conn) Tagging() *resourcegroupstaggingapi.Client {
	return resourcegroupstaggingapi.NewFromConfig(c.config)
}

// STS returns a client for the Security Token Service.
func (c *Conn) STS() *sts.Client { return sts.NewFromConfig(c.config) }

// Region returns the region.
func (c *Conn) Region() string { return c.config.Region }

// Endpoint returns the custom endpoint of all services, [Redacted], or "".
func (c *Conn) Endpoint() string { return Redacted(aws.ToString(c.config.BaseEndpoint)) }

// Caller is the identity of the credentials.
type Caller struct {
	Account string // 12 digits
	ARN     string // of the user, or of the role and its session
}

// Caller returns the identity of the credentials. It calls sts:GetCallerIdentity
// until that succeeds once, and caches the result.
func (c *Conn) Caller(ctx context.Context) (Caller, error) { return c.caller(ctx) }

// Account returns the account of the credentials, as [Conn.Caller] does.
func (c *Conn) Account(ctx context.Context) (string, error) {
	caller, err := c.caller(ctx)
	return caller.Account, err
}

func loopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	if u.Hostname() == "localhost" {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsLoopback()
}

// Config returns the configuration shared by all clients, to create clients of
// services that not every program links.
func (c *Conn) Config() aws.Config { return c.config.Copy() }
