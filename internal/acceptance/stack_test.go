//go:build aws

package acceptance

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/stack"
	"github.com/ssmbak/ssmbak/internal/stack/code"
	"github.com/ssmbak/ssmbak/internal/version"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/restore"
)

// stackFacts is everything together.
func stackFacts() []fact {
	return []fact{{
		name:    "stack: create, record, restore and undo with the shipped policies",
		assumed: "the policy of the deployer creates and deletes the stack, which records; ReaderPolicy reads; ReaderPolicy and RestorerPolicy restore and undo",
		source:  "https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html",
		depends: "docs/operations.md, Permissions of the deployer; ReaderPolicy and RestorerPolicy in internal/stack/template.yaml",
		lacks:   map[string]string{onMoto: "moto runs no functions; internal/stack and cmd/ssmbak-stack test the stack there"},
		stack:   true, once: true,
		settle: wholeStack,
	}}
}

// actors are the connections of those who use a stack.
type actors struct {
	deployer, reader, restorer *awsconn.Conn
	roles                      []string // of reader and restorer, none without IAM
	why                        string   // there are no roles of their own, or ""
}

// newActors creates the roles. Where that is impossible, the caller acts alone.
func (s *scratch) newActors(ctx context.Context, name string) (a actors, err error) {
	alone := func(why string) actors {
		return actors{deployer: s.plain, reader: s.plain, restorer: s.plain, why: why}
	}
	if s.kind == onEmulator {
		return alone("the emulator checks no permissions"), nil
	}
	a.deployer, err = s.deployer(ctx, s.plain, name)
	if u, ok := errors.AsType[*unsettled](err); ok {
		return alone(u.why), nil
	}
	for _, suffix := range []string{"reader", "restorer"} {
		if err != nil {
			return actors{}, err
		}
		var arn string
		arn, err = s.newRole(ctx, s.plain, suffix)
		a.roles = append(a.roles, arn)
	}
	return a, err
}

// permit attaches the stack's policies to the roles, and connects as them.
func (s *scratch) permit(ctx context.Context, a *actors, d stack.Deployed) (err error) {
	if len(a.roles) == 0 {
		return nil
	}
	client := iam.NewFromConfig(s.plain.Config())
	for suffix, policies := range map[string][]string{"reader": {d.ReaderPolicyArn}, "restorer": {d.ReaderPolicyArn, d.RestorerPolicyArn}} {
		for _, policy := range policies {
			if _, err := client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String(s.resource(suffix)), PolicyArn: &policy}); err != nil {
				return err
			}
		}
	}
	if a.reader, err = s.as(ctx, s.plain, a.roles[0]); err != nil {
		return err
	}
	a.restorer, err = s.as(ctx, s.plain, a.roles[1])
	return err
}

// functions returns the zip of the functions. The emulator does not run them.
func (s *scratch) functions(ctx context.Context, architecture string) (code.Zip, error) {
	if s.kind != onEmulator {
		return code.Find(ctx, architecture, version.String())
	}
	text := []byte("functions")
	sum := sha256.Sum256(text)
	return code.Zip{Bytes: text, SHA256: hex.EncodeToString(sum[:]), Architecture: architecture}, nil
}

// settings returns the stack's. The functions reconcile nothing, so that they read only
// parameters that change during the test.
func (s *scratch) settings(ctx context.Context, a actors) (stack.Values, error) {
	v := stack.Values{"pointer": {""}, "schedule": {"rate(5 days)"}, "missed-hours": {"168"}, "log-days": {"1"}}
	for _, conn := range []*awsconn.Conn{s.plain, a.deployer} {
		caller, err := conn.Caller(ctx)
		if err != nil {
			return nil, err
		}
		for _, admin := range principals(caller.ARN) {
			if !slices.Contains(v["admin"], admin) {
				v["admin"] = append(v["admin"], admin)
			}
		}
	}
	if len(a.roles) > 0 {
		v["reader"], v["restorer"] = a.roles[:1], a.roles[1:]
	}
	return v, nil
}

// principals returns the ARNs of a caller in conditions on aws:PrincipalArn: of a session,
// that of its role with any path.
func principals(caller string) []string {
	base, name, ok := awsconn.AssumedRole(caller)
	if !ok {
		return []string{caller}
	}
	return []string{base + name, base + "*/" + name}
}

// wholeStack creates a stack, changes parameters, restores them, undoes that, and deletes
// the stack.
func wholeStack(ctx context.Context, s *scratch) (learned string, err error) {
	name := s.resource("stack")
	a, err := s.newActors(ctx, name)
	if err != nil {
		return "", err
	}
	settings, err := s.settings(ctx, a)
	if err != nil {
		return "", err
	}
	st, err := stack.New(a.deployer, stack.Options{Name: name, Version: version.String(), Code: s.functions})
	if err != nil {
		return "", err
	}
	d, err := st.Create(ctx, settings)
	if err != nil {
		return "", differs("create: %v", err)
	}
	if err := s.permit(ctx, &a, d); err != nil {
		return "", err
	}
	if err := s.restored(ctx, a, d.BucketName); err != nil {
		return "", err
	}
	for _, suffix := range []string{"reader", "restorer"} { // a policy is deleted when no role has it
		if len(a.roles) > 0 {
			if err := removeRole(ctx, iam.NewFromConfig(s.plain.Config()), aws.String(s.resource(suffix))); err != nil {
				return "", err
			}
		}
	}
	if _, err := st.Delete(ctx); err != nil {
		return "", differs("delete: %v", err)
	}
	if a.why != "" {
		return "", notSettled("%s; with the permissions of the caller, everything is as assumed", a.why)
	}
	return "", nil
}

// parameters are those of the test: one of each type.
func (s *scratch) parameters() map[ssmbak.Name]types.ParameterType {
	all := make(map[ssmbak.Name]types.ParameterType)
	for _, kind := range types.ParameterType("").Values() {
		all[ssmbak.Name(s.name(string(kind)))] = kind
	}
	return all
}

// restored changes parameters as the caller, waits until the stack has recorded them,
// restores them as the restorer and undoes that.
func (s *scratch) restored(ctx context.Context, a actors, bucket string) error {
	put := func(value string) error {
		for name, kind := range s.parameters() {
			in := ssm.PutParameterInput{Name: aws.String(string(name)), Type: kind, Value: &value}
			if value == "second" {
				if err := s.overwrite(ctx, in); err != nil {
					return err
				}
			} else if err := s.create(ctx, in); err != nil {
				return err
			}
		}
		return nil
	}
	if err := put("first"); err != nil {
		return err
	}
	read, err := s.open(ctx, a.reader, bucket, "open the archive with ReaderPolicy")
	if err != nil {
		return err
	}
	if err := s.recorded(ctx, read, 1); err != nil {
		return err
	}
	if err := wait(ctx, 2*time.Second); err != nil {
		return err
	}
	at := ssmbak.TimeOf(time.Now())
	if err := wait(ctx, 2*time.Second); err != nil {
		return err
	}
	if err := put("second"); err != nil {
		return err
	}
	if err := s.recorded(ctx, read, 2); err != nil {
		return err
	}
	return s.restoreAndUndo(ctx, a, bucket, at)
}

func (s *scratch) open(ctx context.Context, conn *awsconn.Conn, bucket, what string) (a *archive.Archive, err error) {
	err = s.eventually(ctx, 2*time.Minute, func() (bool, error) { // the first event establishes it
		a, err = archive.Open(ctx, conn.S3(), archive.Options{Bucket: bucket, Account: s.account, Region: s.region})
		if err != nil {
			err = differs("%s: %v", what, err)
		}
		return err == nil, err
	})
	return a, err
}

// recorded waits until the archive has so many versions of each parameter, with their
// events.
func (s *scratch) recorded(ctx context.Context, a *archive.Archive, versions int) error {
	return s.eventually(ctx, 2*time.Minute, func() (bool, error) {
		for name := range s.parameters() {
			x, err := a.Index(ctx, name)
			if err != nil {
				return false, differs("read the index of %s with ReaderPolicy: %v", name, err)
			}
			n := 0
			for _, v := range x.Facts.Versions {
				if len(v.Events) > 0 && len(v.Objects) > 0 {
					n++
				}
			}
			if n < versions {
				return false, differs("%d versions of %s are recorded with their events and values, not %d", n, name, versions)
			}
		}
		return true, nil
	})
}

func (s *scratch) restoreAndUndo(ctx context.Context, a actors, bucket string, at ssmbak.Time) error {
	archived, err := s.open(ctx, a.restorer, bucket, "open the archive with RestorerPolicy")
	if err != nil {
		return err
	}
	caller, err := a.restorer.Caller(ctx)
	if err != nil {
		return err
	}
	live := paramstore.New(a.restorer.SSM(), paramstore.Options{Tagging: a.restorer.Tagging()})
	sync := recorder.New(archived, live, recorder.Options{Account: s.account, Region: s.region})
	r := restore.New(archived, live, sync, restore.Options{By: caller.ARN})
	path := s.name("")
	target, err := ssmbak.ParseTarget(path, true)
	if err != nil {
		return err
	}
	p, err := r.Plan(ctx, target, at)
	if err != nil {
		return differs("plan a restore with RestorerPolicy: %v", err)
	}
	id, err := s.apply(ctx, r, p, "first")
	if err != nil {
		return err
	}
	if p, err = r.Undo(ctx, id); err != nil {
		return differs("plan an undo with RestorerPolicy: %v", err)
	}
	_, err = s.apply(ctx, r, p, "second")
	return err
}

// apply applies a plan, after which each parameter is to have a value.
func (s *scratch) apply(ctx context.Context, r *restore.Restorer, p *restore.Plan, want string) (id string, err error) {
	result, err := r.Apply(ctx, p)
	if err != nil {
		return "", differs("apply a plan with RestorerPolicy: %v", err)
	}
	var failed []string
	for i, outcome := range result.Outcomes {
		if outcome.Err != nil {
			failed = append(failed, fmt.Sprintf("%s: %v", p.Items[i].Name, outcome.Err))
		}
	}
	if len(failed) > 0 {
		return "", differs("with RestorerPolicy, %s", strings.Join(failed, "; "))
	}
	return result.ID, s.eventually(ctx, late, func() (bool, error) {
		for name, kind := range s.parameters() {
			out, err := s.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(string(name)), WithDecryption: aws.Bool(true)})
			if err != nil {
				return false, err
			}
			if got := aws.ToString(out.Parameter.Value); got != want || out.Parameter.Type != kind {
				return false, differs("%s is the %s %q, and not the %s %q", name, out.Parameter.Type, got, kind, want)
			}
		}
		return true, nil
	})
}
