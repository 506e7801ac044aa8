//go:build aws

package acceptance

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/testkit/extent"
)

// dying is the HTTP client of a process that is killed after request k took effect.
type dying struct {
	next aws.HTTPClient
	k    int64
	kill context.CancelFunc
	n    atomic.Int64
}

func (d *dying) Do(r *http.Request) (*http.Response, error) {
	n := d.n.Add(1)
	if n < d.k {
		return d.next.Do(r)
	}
	if n == d.k {
		if response, err := d.next.Do(r); err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		d.kill()
	}
	return nil, errors.New("killed")
}

// TestKilled kills the run of each fact after each of its first requests and some of the
// later ones, with SSMBAK_LONG after each, and checks that the next run removes what is left.
func TestKilled(t *testing.T) {
	t.Parallel()
	emulationsOnly(t)
	for _, f := range facts() {
		if f.lacks[onEmulator] != "" || strings.HasPrefix(f.name, "rate of ") && f.name != "rate of PutParameter" { // the others create nothing
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			for k, last := int64(1), false; !last; {
				synctest.Test(t, func(t *testing.T) { last = killed(t, &f, k) })
				switch {
				case f.name == "rate of PutParameter": // thousands of equal requests
					k += 997
				case k > 12 && !extent.Long(): // some of up to hundreds
					k += 9
				default:
					k++
				}
			}
		})
	}
}

// killed kills the run after request k, and reports whether it has fewer requests.
func killed(t *testing.T, f *fact, k int64) (last bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	e := newEmulated(ctx, t, f, unlimited)
	dead, kill := context.WithCancel(ctx)
	defer kill()
	d := &dying{next: e.aws.Client(), k: k, kill: kill}
	if p, err := e.place(dead, d); err == nil {
		_, _ = p.settle(dead, f) // it is killed
		_ = p.remove(dead)       // also within the removal
	}
	next, err := e.place(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := next.remove(ctx); err != nil {
		t.Errorf("killed after request %d: %v", k, err)
	}
	if left := e.leftovers(ctx, t); len(left) > 0 {
		t.Errorf("killed after request %d, and not removed: %q", k, left)
	}
	return d.n.Load() < k
}

// testKilled does on moto what TestKilled does on the emulator, for what that cannot create:
// the stack of the listener, a role and a key.
func testKilled(ctx context.Context, t *testing.T, p *place) {
	t.Helper()
	last, step := false, int64(4)
	if extent.Long() {
		step = 1
	}
	for k := int64(2); !last; k += step {
		dead, kill := context.WithCancel(ctx)
		o := p.options
		d := &dying{next: awshttp.NewBuildableClient(), k: k, kill: kill}
		o.HTTPClient, o.MaxAttempts = d, 1
		if err := createOthers(dead, o); err != nil && d.n.Load() < k {
			t.Fatal(err)
		}
		kill()
		last = d.n.Load() < k
		if err := p.remove(ctx); err != nil {
			t.Errorf("killed after request %d: %v", k, err)
		}
		conn, err := p.connect(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		roles, err := iam.NewFromConfig(conn.Config()).ListRoles(ctx, &iam.ListRolesInput{})
		if err != nil || len(roles.Roles) > 0 {
			t.Errorf("killed after request %d: roles are left, or not listed: %v, %v", k, roles, err)
		}
		stacks, err := cloudformation.NewFromConfig(conn.Config()).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
		if err != nil || len(stacks.Stacks) > 0 {
			t.Errorf("killed after request %d: stacks are left, or not listed: %v, %v", k, stacks, err)
		}
		unusable(ctx, t, p.options.EndpointURL, k)
	}
}

// createOthers creates the stack of a listener, a role and a key.
func createOthers(ctx context.Context, o awsconn.Options) error {
	p, err := newPlace(ctx, onMoto, o, nil)
	if err != nil {
		return err
	}
	conn, err := p.connect(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := (&kmsKeys{kms.NewFromConfig(conn.Config()), p.id}).create(ctx); err != nil {
		return err
	}
	if _, err := p.newQueue(ctx, conn); err != nil {
		return err
	}
	_, err = p.deployer(ctx, conn, p.resource("stack"))
	return err
}

// unusable checks that the deletion of each key is scheduled, as moto itself reports it.
func unusable(ctx context.Context, t *testing.T, endpoint string, k int64) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/moto-api/data.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var data struct {
		KMS struct {
			Key []struct {
				State string `json:"key_state"`
			}
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&data); err != nil {
		t.Fatal(err)
	}
	if len(data.KMS.Key) == 0 {
		t.Errorf("killed after request %d: moto has no key", k)
	}
	for _, key := range data.KMS.Key {
		if key.State != "PendingDeletion" {
			t.Errorf("killed after request %d: a key is %s", k, key.State)
		}
	}
}
