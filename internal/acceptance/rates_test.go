//go:build aws

package acceptance

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// rated is an operation that ssmbak relies on to be allowed so often.
type rated struct {
	operation string
	least     float64 // requests per second
	source    string
	depends   string
	send      func(ctx context.Context, c *ssm.Client, s *scratch, worker, i int) error
}

const (
	quotas          = "https://docs.aws.amazon.com/general/latest/gr/ssm.html"
	troubleshooting = "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-troubleshooting.html"
)

// rateFacts are the rates of Parameter Store. The source of the numbers that AWS does not
// publish are those whom it throttled.
func rateFacts() (all []fact) {
	const reads = "docs/operations.md, Rate of reads: all functions together send 10 requests per second by default (--ssm-rate)"
	const restores = "docs/testing.md, TestRestoreRate: how long a restore takes; paramstore/pace.go finds the true rate"
	for _, r := range []rated{
		{"PutParameter", 3, "https://github.com/github-aws-runners/terraform-aws-github-runner/issues/2944", restores, putRated},
		{"DeleteParameter", 5, "https://github.com/github-aws-runners/terraform-aws-github-runner/issues/5243", restores, func(ctx context.Context, c *ssm.Client, s *scratch, _, _ int) error {
			_, err := c.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: aws.String(s.name("absent"))})
			return err
		}},
		{"DescribeParameters", 3, troubleshooting, "docs/operations.md, Rate of reads: a listing has one request per 50 parameters", func(ctx context.Context, c *ssm.Client, s *scratch, _, _ int) error {
			_, err := c.DescribeParameters(ctx, &ssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{{Key: aws.String("Name"), Values: []string{s.name("absent")}}}})
			return err
		}},
		{"GetParameter", 40, quotas, reads, func(ctx context.Context, c *ssm.Client, s *scratch, _, _ int) error {
			_, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(s.name("absent"))})
			return err
		}},
		{"GetParameterHistory", 10, quotas, reads, func(ctx context.Context, c *ssm.Client, s *scratch, _, _ int) error {
			_, err := c.GetParameterHistory(ctx, &ssm.GetParameterHistoryInput{Name: aws.String(s.name("absent"))})
			return err
		}},
		{"ListTagsForResource", 10, quotas, reads, func(ctx context.Context, c *ssm.Client, s *scratch, _, _ int) error {
			_, err := c.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String(s.name("absent"))})
			return err
		}},
	} {
		all = append(all, fact{
			name: "rate of " + r.operation, assumed: fmt.Sprintf("at least %.0f requests per second are served", r.least), source: r.source, depends: r.depends,
			lacks: map[string]string{onMoto: "moto throttles nothing"}, alone: true, once: true,
			settle: func(ctx context.Context, s *scratch) (string, error) { return measure(ctx, s, r) },
		})
	}
	return all
}

// putRated writes parameters of the worker's own, since rapid writes of one are refused
// otherwise.
func putRated(ctx context.Context, c *ssm.Client, s *scratch, worker, i int) error {
	in := &ssm.PutParameterInput{Name: aws.String(s.name(fmt.Sprint(worker, "-", i))), Type: types.ParameterTypeString, Value: aws.String("rate"), Tags: []types.Tag{{Key: aws.String(tag), Value: &s.id}}}
	_, err := c.PutParameter(ctx, in)
	return err
}

// measure sends as many requests as it can for a short time. Others of the account are
// throttled meanwhile, too.
func measure(ctx context.Context, s *scratch, r rated) (learned string, err error) {
	if s.kind == onEmulator && s.emulated == nil {
		return "", notSettled("this endpoint throttles nothing")
	}
	const window, workers = 3 * time.Second, 16
	o := s.place.options
	o.MaxAttempts = 1
	once := &place{kind: s.kind, id: s.id, options: o, created: make(map[string]bool)}
	conn, err := once.connect(ctx, nil)
	if err != nil {
		return "", err
	}
	var served, throttled atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	client, began := conn.SSM(), time.Now()
	for worker := range workers {
		all.Go(func() {
			for i := 0; time.Since(began) < window && ctx.Err() == nil; i++ {
				switch err := r.send(ctx, client, s, worker, i); {
				case codeOf(err) == "ThrottlingException":
					throttled.Add(1)
				case err != nil && codeOf(err) == "":
					failed.Store(&err)
					return
				default: // answered, if only that nothing is there
					served.Add(1)
				}
			}
		})
	}
	all.Wait()
	for name := range once.created {
		s.noted(name)
	}
	if err := failed.Load(); err != nil {
		return "", *err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	rate := float64(served.Load()) / time.Since(began).Seconds()
	learned = fmt.Sprintf("%.1f per second were served, and %.1f throttled", rate, float64(throttled.Load())/time.Since(began).Seconds())
	switch {
	case rate >= 0.9*r.least:
		return learned, nil
	case throttled.Load() == 0:
		return "", notSettled("only %s: the connection is too slow", learned)
	}
	return "", differs("%s", learned)
}
