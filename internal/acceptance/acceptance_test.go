//go:build aws

package acceptance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/moto"
	"github.com/ssmbak/ssmbak/internal/testkit/recorded"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// The settings of a run, see docs/testing.md.
var (
	account  = os.Getenv("SSMBAK_AWS_ACCEPTANCE")
	endpoint = os.Getenv("SSMBAK_AWS_ACCEPTANCE_ENDPOINT")
	output   = os.Getenv("SSMBAK_AWS_ACCEPTANCE_OUT")
)

// The limits of a run, which together take less than 15 minutes.
const (
	settleTime = 12 * time.Minute
	removeTime = 150 * time.Second
)

// TestAccount settles all facts in an account, or at an endpoint.
func TestAccount(t *testing.T) {
	o := awsconn.Options{}
	kind := onAWS
	switch {
	case account == "" && endpoint == "":
		t.Skip("set SSMBAK_AWS_ACCEPTANCE to the ID of an AWS account that may be used for tests")
	case endpoint != "":
		if !loopback(endpoint) {
			t.Fatalf("SSMBAK_AWS_ACCEPTANCE_ENDPOINT is %q: use the URL of an emulation on this machine, such as http://127.0.0.1:4566", awsconn.Redacted(endpoint))
		}
		kind, o = "", awsconn.Options{Anonymous: true, Region: moto.Region, EndpointURL: endpoint}
	}
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	t.Cleanup(stop)
	p, err := open(ctx, kind, account, o)
	if err != nil {
		t.Fatal(err)
	}
	settleAll(ctx, t, p)
}

func loopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// open returns the account with the given ID, "" for any, of an emulation only.
func open(ctx context.Context, kind, account string, o awsconn.Options) (*place, error) {
	p, err := newPlace(ctx, kind, o, nil)
	if err == nil && (account != "" || p.kind == onAWS) && p.account != account {
		err = fmt.Errorf("the credentials are those of account %s, not of %s: nothing was changed; use credentials of %[2]s, or set SSMBAK_AWS_ACCEPTANCE=%[1]s", p.account, account)
	}
	return p, err
}

// TestMoto settles all facts that moto can play.
func TestMoto(t *testing.T) {
	t.Parallel()
	emulationsOnly(t)
	endpoint := moto.StartForStacks(t)
	p, err := newPlace(t.Context(), "", awsconn.Options{Anonymous: true, Region: moto.Region, EndpointURL: endpoint, MaxAttempts: 3, FirstAnswer: time.Hour}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.kind != onMoto {
		t.Fatalf("moto is taken for %s", p.kind)
	}
	t.Run("listener", func(t *testing.T) { testListener(t.Context(), t, p) })
	t.Run("roles", func(t *testing.T) { testRoles(t.Context(), t, p) })
	t.Run("killed", func(t *testing.T) { testKilled(t.Context(), t, p) })
	settleAll(t.Context(), t, p)
}

func emulationsOnly(t *testing.T) {
	t.Helper()
	if account != "" || endpoint != "" {
		t.Skip("only TestAccount runs with SSMBAK_AWS_ACCEPTANCE or SSMBAK_AWS_ACCEPTANCE_ENDPOINT")
	}
}

// settleAll settles all facts in an account, several at once, and removes what they created
// there and what an earlier run left.
func settleAll(ctx context.Context, t *testing.T, p *place) {
	t.Helper()
	limit := settleTime
	if until, ok := t.Deadline(); ok {
		limit = min(limit, time.Until(until)-removeTime)
	}
	settling, cancel := context.WithTimeoutCause(ctx, limit, errors.New("the time for all facts is over; allow more with -timeout 15m"))
	defer cancel()
	if err := p.remove(settling); err != nil {
		t.Fatalf("remove what an earlier run left: %v", err)
	}
	defer func() {
		removing, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
		defer cancel()
		if err := p.remove(removing); err != nil {
			t.Errorf("not everything was removed; the next run tries again: %v", err)
		}
	}()
	all := facts()
	verdicts, answers := make([]chan verdict, len(all)), make([]*rows, len(all))
	for i := range all {
		verdicts[i] = make(chan verdict, 1)
	}
	settle := func(i int) {
		var v verdict
		v, answers[i] = safely(settling, p, &all[i])
		verdicts[i] <- v
	}
	go func() {
		for i := range all {
			if all[i].alone {
				settle(i)
			}
		}
		var g errgroup.Group
		g.SetLimit(12)
		for i := range all {
			if !all[i].alone {
				g.Go(func() error { settle(i); return nil })
			}
		}
		_ = g.Wait() // the verdicts have the errors
	}()
	for i, f := range all {
		t.Run(f.name, func(t *testing.T) { report(t, <-verdicts[i]) })
	}
	write(t, answers)
}

// safely settles a fact, and turns a panic into an error, after which everything is removed.
func safely(ctx context.Context, p *place, f *fact) (v verdict, r *rows) {
	defer func() {
		if reason := recover(); reason != nil {
			v = verdict{f, "", fmt.Errorf("panic: %v\n%s", reason, debug.Stack())}
		}
	}()
	return p.settle(ctx, f)
}

// write writes the rows of all facts as a file of the table of recorded answers.
func write(t *testing.T, answers []*rows) {
	t.Helper()
	if output == "" || account == "" && endpoint == "" {
		return
	}
	cases := []recorded.Case{}
	for _, r := range answers {
		if r != nil && len(r.one.Steps) > 0 {
			cases = append(cases, r.one)
		}
	}
	text, err := json.MarshalIndent(cases, "", "  ")
	if err == nil {
		err = os.WriteFile(output, append(text, '\n'), 0o600)
	}
	if err != nil {
		t.Error(err)
		return
	}
	t.Logf("wrote %d cases to %s", len(cases), output)
}

// TestRefused checks that nothing is done with the credentials of another account.
func TestRefused(t *testing.T) {
	t.Parallel()
	e := emulator.New(emulator.Options{})
	for _, other := range []string{"210987654321", "", "12345678901"} {
		_, err := open(t.Context(), onAWS, other, testworld.Connection(e.Client()))
		if err == nil || !strings.Contains(err.Error(), "are those of account "+testworld.Account) {
			t.Errorf("account %q: %v", other, err)
		}
	}
	for op := range e.Counts() {
		if op != "sts:GetCallerIdentity" {
			t.Errorf("%s was requested", op)
		}
	}
	if _, err := open(t.Context(), onAWS, testworld.Account, testworld.Connection(e.Client())); err != nil {
		t.Error(err)
	}
}

// TestFacts checks that each fact says what it is about.
func TestFacts(t *testing.T) {
	t.Parallel()
	var names []string
	for _, f := range facts() {
		names = append(names, f.name)
		if f.name == "" || f.assumed == "" || f.depends == "" || !strings.HasPrefix(f.source, "https://") || f.settle == nil {
			t.Errorf("the fact %q lacks what it assumes, its source, or what depends on it", f.name)
		}
		for kind := range f.lacks {
			if kind != onEmulator && kind != onMoto {
				t.Errorf("%s: there is no emulation %q", f.name, kind)
			}
		}
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != len(facts()) {
		t.Errorf("two facts have one name: %q", names)
	}
}
