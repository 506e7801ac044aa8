package emulator

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"

	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// Cloud is several emulated accounts and regions at one address. The region of a request is
// that of its signature. The names of buckets are global, those of everything else belong to
// an account in a region. A Cloud is safe for concurrent use.
type Cloud struct {
	places []*AWS

	mu     sync.Mutex
	off    map[string]bool // regions
	closed map[string]bool // accounts
}

// NewCloud returns a cloud of accounts in regions.
func NewCloud(places ...*AWS) *Cloud {
	return &Cloud{places: places, off: make(map[string]bool), closed: make(map[string]bool)}
}

// SwitchOff makes a region unreachable.
func (c *Cloud) SwitchOff(region string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off[region] = true
}

// CloseAccount closes an account: its credentials and its buckets are of no use any more.
func (c *Cloud) CloseAccount(account string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed[account] = true
}

// Client returns a client like that of [AWS.Client], with the credentials of an account and
// with additional faults, which may be nil.
func (c *Cloud) Client(account string, faults FaultFunc) *http.Client {
	return &http.Client{Transport: &cloudTransport{c, account, faults}}
}

type cloudTransport struct {
	cloud   *Cloud
	account string
	faults  FaultFunc
}

// RoundTrip serves a request in the region that its signature names.
func (t *cloudTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	region := signedRegion(r)
	a, refused := t.cloud.find(t.account, region, r)
	switch {
	case refused != nil:
		w := httptest.NewRecorder()
		refused(w, r)
		response := w.Result()
		response.Request = r
		return response, nil
	case a == nil:
		return nil, fmt.Errorf("reach %s: %w", region, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.EHOSTUNREACH})
	}
	return (&transport{aws: a, faults: t.faults}).RoundTrip(r.WithContext(s3api.WithCaller(r.Context(), t.account)))
}

// signedRegion returns the region in the credential scope of a signature.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html
func signedRegion(r *http.Request) string {
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if parts := strings.Split(credential, "/"); len(parts) >= 3 {
		return parts[2]
	}
	return ""
}

// find returns the account that serves a request, nil if its region cannot be reached, or
// what refuses it.
func (c *Cloud) find(account, region string, r *http.Request) (*AWS, http.HandlerFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.off[region] {
		return nil, nil
	}
	var home, resident *AWS // of the account, in that region or in any
	for _, a := range c.places {
		if a.account == account {
			resident = a
			if a.region == region {
				home = a
			}
		}
	}
	s3 := resident != nil && resident.route(r).service == "s3"
	if c.closed[account] || resident == nil || home == nil && !s3 {
		// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
		return nil, func(w http.ResponseWriter, _ *http.Request) {
			ssmapi.WriteError(w, http.StatusForbidden, "UnrecognizedClientException", "The security token included in the request is invalid.")
		}
	}
	if !s3 {
		return home, nil
	}
	_, bucket, _ := s3api.Operation(r)
	owner := c.owner(bucket)
	switch {
	case owner == nil:
		return resident, nil
	case owner.region != region:
		return nil, func(w http.ResponseWriter, r *http.Request) { redirect(w, r, region, owner.region) }
	case c.closed[owner.account]:
		// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
		return nil, func(w http.ResponseWriter, r *http.Request) {
			s3api.WriteError(w, r, http.StatusForbidden, "AllAccessDisabled", "All access to this object has been disabled")
		}
	}
	return owner, nil
}

// owner returns the account and region of a bucket, nil if there is none of that name.
func (c *Cloud) owner(bucket string) *AWS {
	for _, a := range c.places {
		if bucket != "" && a.S3.HasBucket(bucket) {
			return a
		}
	}
	return nil
}

// redirect answers a request for a bucket of another region: the global endpoint, which is
// that of us-east-1, says that the region of the signature is wrong, others say where the
// bucket is. Both say so in a header too, which is all that a HEAD has.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingRouting.html
// https://github.com/boto/botocore/blob/develop/botocore/utils.py (S3RegionRedirectorv2)
func redirect(w http.ResponseWriter, r *http.Request, signed, region string) {
	w.Header().Set("x-amz-bucket-region", region)
	if signed == "us-east-1" {
		s3api.WriteError(w, r, http.StatusBadRequest, "AuthorizationHeaderMalformed",
			"The authorization header is malformed; the region '"+signed+"' is wrong; expecting '"+region+"'")
		return
	}
	s3api.WriteError(w, r, http.StatusMovedPermanently, "PermanentRedirect",
		"The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.")
}

var errNoReplica = errors.New("there is no such bucket in this cloud")

// Replicate copies a bucket to another one of any account and region, see
// [s3api.Store.Replicate].
func (c *Cloud) Replicate(bucket, replica string, pending func(s3api.Version) bool) error {
	from, to := c.owner(bucket), c.owner(replica)
	if from == nil || to == nil {
		return fmt.Errorf("replicate %s to %s: %w", bucket, replica, errNoReplica)
	}
	return from.S3.Replicate(bucket, to.S3, replica, pending)
}
