// Package awsconn is the one place that decides how AWS is reached: region,
// profile, endpoint, credentials and retries. Everything else gets clients.
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

// Options say how AWS is reached. What is left empty comes from where every
// AWS tool takes it: the environment and the shared configuration files.
type Options struct {
	Region, Profile string
	// EndpointURL replaces the endpoints of all services.
	EndpointURL string
	// HTTPClient replaces the SDK's own.
	HTTPClient aws.HTTPClient
	// Anonymous uses credentials that are valid nowhere and reads no file and no
	// environment; Region and EndpointURL must then be given.
	Anonymous bool
	// Unsigned sends no signature, with Anonymous: for a service in this process.
	Unsigned bool
	// MaxAttempts bounds the tries of one request, 10 if zero. Waits between
	// them grow to 20 s, so that throttling of some minutes is outlasted.
	MaxAttempts int
	// Backoff replaces the random growing waits between tries, so that a
	// simulated run can be repeated.
	Backoff func(attempt int) time.Duration
	// Logger takes what the SDK says, at level debug; nil discards it. The SDK logs
	// no values and no credentials.
	Logger *slog.Logger
}

// Conn builds clients that share one configuration. It may be used by many
// goroutines at once.
type Conn struct {
	config  aws.Config
	options Options
	caller  func(context.Context) (Caller, error)
}

// NoRegionError says that nothing names a region.
type NoRegionError struct{}

func (*NoRegionError) Error() string { return "no region is set" }

// Load reads the configuration. It makes no request. It fails with a
// [*ConfigError] if the SDK cannot use the configuration, a [*NoRegionError] or a
// [*RegionError] if there is no region or none of that name can be, and an
// [*EndpointError] if an endpoint is no URL. Requests fail with a
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
	c.HTTPClient = client{c.HTTPClient, new(sync.Map)}
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
			return Caller{}, fmt.Errorf("ask which account the credentials are of: %w", err)
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
		return c, nil
	}
	with := []func(*config.LoadOptions) error{
		config.WithLogger(sdkLog{ctx, o.Logger}), config.WithLogConfigurationWarnings(true),
		// Given here it takes the certificates of AWS_CA_BUNDLE, too.
		config.WithHTTPClient(httpClient()),
	}
	if o.Region != "" {
		with = append(with, config.WithRegion(o.Region))
	}
	if o.Profile != "" {
		with = append(with, config.WithSharedConfigProfile(o.Profile))
	}
	return config.LoadDefaultConfig(ctx, with...)
}

// httpClient returns the client for all services. The SDK keeps 10 connections of a
// host, and up to 64 requests are under way at once: the others would shake hands
// again and again.
func httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 128
	})
}

// standard is what every client tries again. The SDK's budget of retries, which
// makes it give up early when many requests fail at once, is switched off: a
// backup that is throttled goes on slowly.
func (o Options) standard(s *retry.StandardOptions) {
	s.MaxAttempts = o.MaxAttempts
	if s.MaxAttempts == 0 {
		s.MaxAttempts = 10
	}
	s.MaxBackoff = 20 * time.Second
	s.RateLimiter = ratelimit.None
	// Nobody listens there: that is a wrong endpoint, which no waiting mends.
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

// S3 returns a client for S3. On a loopback endpoint it puts the bucket into
// the path, since names of buckets resolve to no address there.
func (c *Conn) S3() *s3.Client {
	return s3.NewFromConfig(c.config, func(o *s3.Options) {
		o.UsePathStyle = o.UsePathStyle || loopback(aws.ToString(o.BaseEndpoint))
	})
}

// SSM returns a client for Parameter Store. It keeps to no pace: package
// paramstore does.
func (c *Conn) SSM() *ssm.Client { return ssm.NewFromConfig(c.config) }

// Tagging returns a client for the Resource Groups Tagging API.
func (c *Conn) Tagging() *resourcegroupstaggingapi.Client {
	return resourcegroupstaggingapi.NewFromConfig(c.config)
}

// STS returns a client for the Security Token Service.
func (c *Conn) STS() *sts.Client { return sts.NewFromConfig(c.config) }

// Region returns the region that is used.
func (c *Conn) Region() string { return c.config.Region }

// Endpoint returns the endpoint that replaces AWS's own, [Redacted], "" if none
// does.
func (c *Conn) Endpoint() string { return Redacted(aws.ToString(c.config.BaseEndpoint)) }

// Caller is whose credentials are used.
type Caller struct {
	Account string // 12 digits
	ARN     string // of the user, or of the role and its session
}

// Caller asks whose credentials are used. It asks once and remembers the answer.
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

// Config returns the configuration that all clients share, for those of services
// that not every program links.
func (c *Conn) Config() aws.Config { return c.config.Copy() }
