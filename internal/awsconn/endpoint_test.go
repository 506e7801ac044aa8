package awsconn_test

import (
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// TestEndpointsAreChecked checks that an endpoint that is not a URL is rejected before
// the first request, whichever setting it comes from.
func TestEndpointsAreChecked(t *testing.T) {
	tests := []struct {
		name, variable, file, url string
		refused                   string // text of the error, "" if it is accepted
	}{
		{"flag", "", "", "foo", `--endpoint-url must be an http or https URL with a host, not "foo"`},
		{"flag without a host", "", "", "http://", "--endpoint-url"},
		{"flag with a port and no host", "", "", "http://:4566", "--endpoint-url"},
		{"flag with another scheme", "", "", "ftp://example.com", "--endpoint-url"},
		{"flag without a scheme", "", "", "127.0.0.1:4566", "--endpoint-url"},
		{"flag that is fine", "", "", "http://127.0.0.1:4566", ""},
		{"flag that overrides an invalid variable", "AWS_ENDPOINT_URL=foo", "", "https://example.com/prefix", ""},
		{"environment", "AWS_ENDPOINT_URL=foo", "", "", `AWS_ENDPOINT_URL, or endpoint_url of the profile, must be an http or https URL with a host, not "foo"`},
		{"environment, one service", "AWS_ENDPOINT_URL_S3=foo", "", "", "AWS_ENDPOINT_URL_S3"},
		{"environment, a service with blanks", "AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API=foo", "", "", "AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API"},
		{"environment that is fine", "AWS_ENDPOINT_URL=http://[::1]:4566", "", "", ""},
		{"profile", "", "[default]\nendpoint_url = foo\n", "", `"foo"`},
		{"profile, one service", "", "[default]\nservices = local\n[services local]\nssm =\n  endpoint_url = foo\n", "", "AWS_ENDPOINT_URL_SSM, or its endpoint_url in the profile"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			machine(t, test.file)
			if name, value, ok := strings.Cut(test.variable, "="); ok {
				t.Setenv(name, value)
			}
			_, err := awsconn.Load(t.Context(), awsconn.Options{Region: "us-east-1", EndpointURL: test.url})
			if test.refused == "" {
				if err != nil {
					t.Errorf("rejected: %v", err)
				}
				return
			}
			var refused *awsconn.EndpointError
			message, hint, ok := shell.ExplainAWS(err)
			if !errors.As(err, &refused) || !ok || !strings.Contains(message, test.refused) || hint == "" {
				t.Errorf("%v is explained as %q, hint %q", err, message, hint)
			}
		})
	}
}

// TestEndpointOfTheCommandCounts checks that no endpoint of one service in the
// environment leads away from the one that the command names.
func TestEndpointOfTheCommandCounts(t *testing.T) {
	machine(t, "[default]\nservices = other\n[services other]\ns3 =\n  endpoint_url = http://127.0.0.1:2\n")
	t.Setenv("AWS_ENDPOINT_URL_SSM", "http://127.0.0.1:2")
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "b")
	client := &answers{status: http.StatusOK, body: "{}"}
	conn, err := awsconn.Load(t.Context(), awsconn.Options{Region: "us-east-1", EndpointURL: "http://127.0.0.1:1", HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = conn.SSM().GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/a")})
	if host := client.request.URL.Host; host != "127.0.0.1:1" {
		t.Errorf("Parameter Store is asked at %s", host)
	}
	_ = getObject(t, conn)
	if host := client.request.URL.Host; host != "127.0.0.1:1" {
		t.Errorf("S3 is asked at %s", host)
	}
}

func TestRegionNames(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]bool{
		"us-east-1": true, "us-gov-west-1": true, "eusc-de-east-1": true, "local": true,
		"us east": false, "US-EAST-1": false, "us_east_1": false, "http://x": false, "us-east-1.example.com/": false, " us-east-1": false, "us-": false,
	} {
		_, err := awsconn.Load(t.Context(), awsconn.Options{Region: region, Anonymous: true})
		var refused *awsconn.RegionError
		if (err == nil) != want || err != nil && !errors.As(err, &refused) {
			t.Errorf("region %q: %v", region, err)
		}
	}
}

// silent is a client whose requests are never answered.
type silent struct{ count int }

func (s *silent) Do(r *http.Request) (*http.Response, error) {
	s.count++
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// TestSilentHost checks that requests to a host that never answered fail within
// seconds, and that requests to other hosts are retried.
func TestSilentHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &silent{}
		begin := time.Now()
		_, err := load(t, awsconn.Options{HTTPClient: s, EndpointURL: "http://192.0.2.1:4566"}).Account(t.Context())
		if took := time.Since(begin); took > 30*time.Second || s.count != 1 {
			t.Errorf("%d attempts in %s, want 1", s.count, took)
		}
		if message, hint, ok := shell.ExplainAWS(err); !ok || !strings.Contains(message, "no connection to 192.0.2.1:4566: no answer in 20s") || !strings.Contains(hint, "--endpoint-url") {
			t.Errorf("%v is explained as %q, hint %q", err, message, hint)
		}
	})
}

// TestWrongHost checks that a host that is not an AWS service is reported without
// retries, unless it answered before.
func TestWrongHost(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]error{
		"a certificate of an unknown authority": &tls.CertificateVerificationError{Err: errors.New("x509: unknown authority")},
		"HTTP for HTTPS":                        errors.New("http: server gave HTTP response to HTTPS client"),
		"another protocol":                      errors.New(`net/http: HTTP/1.x transport connection broken: malformed HTTP response "SSH-2.0"`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client := &answers{err: wrong}
				conn := load(t, awsconn.Options{HTTPClient: client})
				err := getObject(t, conn)
				if message, _, ok := shell.ExplainAWS(err); client.count != 1 || !ok || !strings.Contains(message, "no connection to bucket.s3.eu-west-1.amazonaws.com: ") {
					t.Errorf("%d tries, explained as %q", client.count, message)
				}
				client.err, client.status = nil, http.StatusOK
				if err := getObject(t, conn); err != nil {
					t.Fatal(err)
				}
				client.err, client.count = wrong, 0
				if err := getObject(t, conn); err == nil || client.count != 10 {
					t.Errorf("after an answer: %d tries, %v", client.count, err)
				}
			})
		})
	}
}
