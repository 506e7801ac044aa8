//go:build linux

package main_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/testkit/program"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// scale returns the number of parameters of TestScale, the duration of a request and
// the time limit of a run. SSMBAK_SCALE=100000 runs it at full scale, and
// SSMBAK_SCALE_RUN=3m makes runs stop and continue more often.
func scale(t *testing.T) (parameters int, latency, run time.Duration) {
	t.Helper()
	text := os.Getenv("SSMBAK_SCALE")
	if text == "" {
		return 400, 0, 15 * time.Minute
	}
	parameters, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("SSMBAK_SCALE: %v", err)
	}
	run = 15 * time.Minute
	if text := os.Getenv("SSMBAK_SCALE_RUN"); text != "" {
		if run, err = time.ParseDuration(text); err != nil {
			t.Fatalf("SSMBAK_SCALE_RUN: %v", err)
		}
	}
	return parameters, 10 * time.Millisecond, run
}

// account is an emulated account with many parameters, and the command that backs it
// up.
type fullAccount struct {
	aws     *emulator.AWS
	users   *ssm.Client // without latency
	url     string
	program string
	run     time.Duration
	slow    atomic.Bool // requests take their time
}

func newFullAccount(t *testing.T, parameters int, latency, run time.Duration) *fullAccount {
	t.Helper()
	a := &fullAccount{program: program.Build(t, "ssmbak"), run: run}
	// All changes happen hours before the command runs, because it records no
	// deletion that is more recent than its reads may be stale.
	clock := emulator.NewClock(time.Now().Add(-2 * time.Hour))
	w := testworld.Bare(t, testworld.Options{Bucket: "backup", Emulator: emulator.Options{
		Clock: clock, S3Clock: emulator.RealClock(),
		SSM: ssmapi.Options{MaxStandard: parameters + 1000, EmptyPages: true},
		Latency: func(string, string) time.Duration {
			if a.slow.Load() {
				return latency
			}
			return 0
		},
	}})
	a.aws, a.users = w.AWS, w.SSM
	url, stop, err := a.aws.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	a.url = url
	return a
}

func nameAt(i int) string { return fmt.Sprintf("/team%03d/service%03d/key%06d", i%97, i%1009, i) }

func (a *fullAccount) put(t *testing.T, i, version int) {
	t.Helper()
	in := &ssm.PutParameterInput{
		Name: aws.String(nameAt(i)), Value: aws.String(fmt.Sprintf("value %d of parameter %d", version, i)), Type: types.ParameterTypeString, Overwrite: aws.Bool(version > 1),
	}
	if i%5 == 0 {
		in.Type = types.ParameterTypeSecureString
	}
	if version == 1 && i%3 == 0 {
		in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String(strconv.Itoa(i % 97))}}
	}
	if _, err := a.users.PutParameter(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

// reconciled is the result of one run of the command.
type reconciled struct {
	checked, recorded, deleted, failed int
	complete                           bool
	took                               time.Duration
	requests                           int
	resident                           int64 // bytes, at most
}

var summary = regexp.MustCompile(`checked (\d+), recorded (\d+), deleted (\d+), gaps \d+, unreadable \d+, failed (\d+)`)

// reconcile runs the command once, as a separate process.
func (a *fullAccount) reconcile(ctx context.Context, t *testing.T, args ...string) reconciled {
	t.Helper()
	a.aws.ResetCounts()
	a.slow.Store(true)
	defer a.slow.Store(false)
	cmd := exec.CommandContext(ctx, a.program, append([]string{"reconcile", "--max-time", a.run.String(), "-o", "json"}, args...)...)
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+a.url, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "SSMBAK_BUCKET=backup")
	var notes strings.Builder
	cmd.Stderr = &notes
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	resident := make(chan int64)
	go func() { resident <- program.Peak(cmd.Process.Pid, ended) }()
	err := cmd.Wait()
	close(ended)
	r := reconciled{took: time.Since(begin).Round(100 * time.Millisecond), resident: <-resident, complete: strings.Contains(notes.String(), "complete up to")}
	if code := cmd.ProcessState.ExitCode(); err != nil && code != 3 {
		t.Fatalf("exit code %d: %s", code, notes.String())
	}
	m := summary.FindStringSubmatch(notes.String())
	if m == nil {
		t.Fatalf("standard error: %s", notes.String())
	}
	for i, into := range []*int{&r.checked, &r.recorded, &r.deleted, &r.failed} {
		*into, _ = strconv.Atoi(m[i+1])
	}
	for _, n := range a.aws.Counts() {
		r.requests += n
	}
	return r
}

func (r reconciled) String() string {
	return fmt.Sprintf("%v, %d requests, %d MiB resident: checked %d, recorded %d, deleted %d, failed %d, complete: %v",
		r.took, r.requests, r.resident>>20, r.checked, r.recorded, r.deleted, r.failed, r.complete)
}

// TestScale fills an archive with the command, in runs that are stopped and continued,
// then reconciles it without changes, and with changes but no events. Its measurements
// are in the test log.
func TestScale(t *testing.T) {
	t.Parallel()
	parameters, latency, run := scale(t)
	a := newFullAccount(t, parameters, latency, run)
	begin := time.Now()
	for i := range parameters {
		a.put(t, i, 1)
		if i%10 == 0 {
			a.put(t, i, 2)
			a.put(t, i, 3)
		}
	}
	t.Logf("%d parameters made in %v; a request takes %v", parameters, time.Since(begin).Round(time.Second), latency)
	recorded, runs := 0, 0
	for complete := false; !complete; runs++ {
		r := a.reconcile(t.Context(), t)
		t.Logf("filling, run %d: %v", runs+1, r)
		recorded, complete = recorded+r.recorded, r.complete
		if r.failed > 0 || r.resident > 256<<20 || runs > 50 {
			t.Fatalf("run %d: %v", runs+1, r)
		}
	}
	if recorded != parameters {
		t.Errorf("%d of %d were recorded", recorded, parameters)
	}
	a.unchanged(t, parameters)

	a.aws.Clock.Advance(time.Hour)
	tagged := 0
	if latency > 0 {
		// Two reads of tags within ten seconds prove nothing, since either may be
		// stale.
		time.Sleep(12 * time.Second)
		tagged = 10
	}
	for i := range tagged {
		if _, err := a.users.AddTagsToResource(t.Context(), &ssm.AddTagsToResourceInput{
			ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String(nameAt(100 + i)), Tags: []types.Tag{{Key: aws.String("new"), Value: aws.String("yes")}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 {
		a.put(t, i, 9)
		if _, err := a.users.DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: aws.String(nameAt(200 + i))}); err != nil {
			t.Fatal(err)
		}
	}
	r := a.reconcile(t.Context(), t)
	t.Logf("10 values, %d tags and 10 deletions: %v", tagged, r)
	if r.recorded != 10+tagged || r.deleted != 10 || !r.complete {
		t.Errorf("10 values, %d tags and 10 deletions: %v", tagged, r)
	}
	a.unchanged(t, parameters)
}

// unchanged reconciles again and expects listings only, no requests per parameter.
func (a *fullAccount) unchanged(t *testing.T, parameters int) {
	t.Helper()
	r := a.reconcile(t.Context(), t)
	t.Logf("unchanged: %v", r)
	// 50 parameters per page, with empty pages between them, 1,000 indexes and values
	// per page, 100 tagged parameters per page, and a few fixed requests.
	most := 2*(parameters/50+1) + 2*(parameters/1000+1) + 2*(parameters/300+1) + 12
	if r.checked != parameters || r.recorded+r.deleted != 0 || !r.complete || r.requests > most {
		t.Errorf("unchanged: %v; want at most %d requests", r, most)
	}
}
