package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"golang.org/x/mod/semver"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/stack/code"
)

// Change is one resource that a change set changes.
type Change struct {
	// Action is Add, Modify, Remove, Import or Dynamic, Replacement True, False,
	// Conditional or "".
	Action, Resource, Type, Replacement string
}

// Changes are what an update changes.
type Changes struct {
	Resources []Change
	// Any says that there is something to update: where no resource changes, an
	// output or a parameter may.
	Any bool
}

// UpdateOptions tune [Stack.Update].
type UpdateOptions struct {
	// Show only finds out what would change.
	Show bool
	// Downgrade lets an older ssmbak take a stack over from a newer one.
	Downgrade bool
}

// Update brings a stack to this version and to the settings that are named; all
// others stay as they are. It takes a stack of the original over, whose bucket
// stays. It returns what was changed, or would be.
//
// The errors to tell apart are [*NotFoundError], [*ForeignError], [*StateError],
// [*SettingError], [*VersionError], [*ProtectedError], [*FailedError],
// [*WatchError], [*AdminError], [*CodeError] and [*HeaderError].
func (s *Stack) Update(ctx context.Context, v Values, o UpdateOptions) (Made, Changes, error) {
	named, err := v.parameters()
	if err != nil {
		return Made{}, Changes{}, err
	}
	st, err := s.known(ctx)
	if err != nil {
		return Made{}, Changes{}, err
	}
	if err := s.workable(st); err != nil {
		return Made{}, Changes{}, err
	}
	if strings.HasSuffix(string(st.StackStatus), "_IN_PROGRESS") {
		return Made{}, Changes{}, &StateError{s.o.Name, string(st.StackStatus), fmt.Sprintf("wait until that has ended: `ssmbak-stack %s events` shows it", s.o.Name)}
	}
	kind, err := s.kind(ctx, st)
	if err != nil {
		return Made{}, Changes{}, err
	}
	p := defaults()
	switch have := parametersOf(st); {
	case kind == foreign:
		return Made{}, Changes{}, &ForeignError{s.o.Name}
	case kind == original:
		s.o.Note("this is a stack of the original ssmbak: it is taken over, and its bucket stays")
	default:
		if older(s.o.Version, have[parameterVersion]) && !o.Downgrade {
			return Made{}, Changes{}, &VersionError{have[parameterVersion], s.o.Version}
		}
		if err := s.admitted(ctx, have); err != nil {
			return Made{}, Changes{}, err
		}
		maps.Copy(p, have)
	}
	if b, ok := named[parameterBucketName]; ok && b != p[parameterBucketName] {
		return Made{}, Changes{}, &SettingError{"bucket", b, "the bucket of a stack stays what it is; create a second stack with it"}
	}
	maps.Copy(p, named)
	if err := s.complete(ctx, p); err != nil {
		return Made{}, Changes{}, err
	}
	if err := s.headers(ctx, p); err != nil {
		return Made{}, Changes{}, err
	}
	headers := encryption(p, st)
	if p[parameterIndexHeader] == headerKMS && headers.Indexes == "" {
		return Made{}, Changes{}, &SettingError{"index-header", "kms", "the stack has no key yet: update it without this first, which makes one"}
	}
	bucket := output(st, OutputBucketName)
	if bucket == "" {
		if bucket, err = s.BucketName(ctx); err != nil {
			return Made{}, Changes{}, err
		}
	}
	zip, err := s.o.Code(ctx, p[parameterArchitecture])
	if err != nil {
		return Made{}, Changes{}, err
	}
	if err := s.place(ctx, bucket, zip, headers, p); err != nil {
		return Made{}, Changes{}, err
	}
	p[parameterVersion] = s.o.Version
	st, changes, err := s.change(ctx, st, p, o.Show)
	if err != nil || o.Show {
		return Made{}, changes, err
	}
	if err := s.verifyCode(ctx, p[parameterCodeKey]); err != nil {
		return Made{}, changes, err
	}
	if err := s.keepPolicy(ctx, p); err != nil {
		return Made{}, changes, err
	}
	return made(st), changes, s.keepEncryption(ctx, bucket, p, st)
}

// place uploads the functions' zip and puts its key and object version into the
// parameters. CloudFormation deploys it only if they differ from what the stack
// has, so the zip becomes a new object version where they do not and a function
// runs something else all the same.
func (s *Stack) place(ctx context.Context, bucket string, zip code.Zip, e archive.Encryption, p parameters) error {
	key, version, err := s.upload(ctx, bucket, zip, e, false)
	if err != nil {
		return err
	}
	if key == p[parameterCodeKey] && version == p[parameterCodeVersion] {
		err := s.verifyCode(ctx, key)
		var other *CodeError
		if err != nil && !errors.As(err, &other) {
			return err
		}
		if other != nil {
			s.o.Note(other.Error() + "; it is deployed again")
			if _, version, err = s.upload(ctx, bucket, zip, e, true); err != nil {
				return err
			}
		}
	}
	p[parameterCodeKey], p[parameterCodeVersion] = key, version
	return nil
}

// older reports whether a version is surely older than another one. What was
// built from a working copy is neither older nor newer.
func older(a, b string) bool {
	return semver.IsValid(a) && semver.IsValid(b) && semver.Compare(a, b) < 0
}

// protected are the resources that no change may replace or remove: the archive,
// what decrypts it, and the changes that wait to be recorded.
var protected = []string{resourceBucket, resourceKey, resourceQueue}

// change makes a change set of the parameters, looks at it, and executes it
// unless it is only to be shown. Nothing to change is no error. With an error
// there may be no stack.
func (s *Stack) change(ctx context.Context, st *types.Stack, p parameters, show bool) (*types.Stack, Changes, error) {
	id := aws.ToString(st.StackId)
	name := "ssmbak-" + strings.ToLower(rand.Text()[:12])
	created, err := s.cfn.CreateChangeSet(ctx, &cloudformation.CreateChangeSetInput{
		StackName: &s.o.Name, ChangeSetName: &name, ChangeSetType: types.ChangeSetTypeUpdate, TemplateBody: aws.String(Template()), Parameters: p.input(),
		Capabilities: []types.Capability{types.CapabilityCapabilityIam}, ClientToken: token("change"),
	})
	if unchanged(err) {
		return st, Changes{}, nil
	}
	if err != nil {
		return st, Changes{}, fmt.Errorf("make a change set of the stack %s: %w", s.o.Name, err)
	}
	set := aws.ToString(created.Id)
	executed := false
	defer func() {
		if !executed {
			drop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			_, err := s.cfn.DeleteChangeSet(drop, &cloudformation.DeleteChangeSetInput{StackName: &s.o.Name, ChangeSetName: &set})
			if err != nil {
				s.o.Logger.WarnContext(ctx, "a change set that is not needed stays", "change set", name, "error", err.Error())
			}
		}
	}()
	resources, reason, err := s.changes(ctx, set)
	changes := Changes{resources, true}
	switch {
	case err != nil:
		return st, Changes{}, err
	case reason != "" && nothingIn(reason):
		return st, Changes{}, nil
	case reason != "":
		return st, Changes{}, &FailedError{Name: s.o.Name, Status: "not changed", Failures: []Event{{Resource: "change set", Status: "FAILED", Reason: reason}}}
	}
	for _, c := range resources {
		if !slices.Contains(protected, c.Resource) {
			continue
		}
		switch {
		case c.Action == "Remove":
			return st, changes, &ProtectedError{c.Resource, "remove"}
		case c.Action == "Dynamic", c.Action == "Modify" && c.Replacement != "False" && c.Replacement != "":
			return st, changes, &ProtectedError{c.Resource, "replace"}
		}
	}
	if show {
		return st, changes, nil
	}
	w, err := s.begin(ctx, id)
	if err != nil {
		return st, changes, err
	}
	_, err = s.cfn.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{StackName: &s.o.Name, ChangeSetName: &set, ClientRequestToken: token("execute")})
	if err != nil {
		return st, changes, s.sent(fmt.Errorf("execute the change set %s: %w", name, err))
	}
	executed = true
	st, err = w.end(ctx, types.StackStatusUpdateComplete)
	return st, changes, err
}

// changes waits for a change set and returns what it changes, or why it has
// failed.
func (s *Stack) changes(ctx context.Context, set string) (changes []Change, reason string, err error) {
	in := &cloudformation.DescribeChangeSetInput{StackName: &s.o.Name, ChangeSetName: &set}
	wait := cloudformation.NewChangeSetCreateCompleteWaiter(s.cfn, func(o *cloudformation.ChangeSetCreateCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = min(s.o.Poll, 2*time.Second), 10*time.Second
	})
	waited := wait.Wait(ctx, in, 10*time.Minute)
	pages := cloudformation.NewDescribeChangeSetPaginator(s.cfn, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, "", fmt.Errorf("look at the change set of the stack %s: %w", s.o.Name, errors.Join(err, waited))
		}
		if page.Status == types.ChangeSetStatusFailed {
			return nil, aws.ToString(page.StatusReason), nil
		}
		for _, c := range page.Changes {
			if r := c.ResourceChange; r != nil {
				changes = append(changes, Change{string(r.Action), aws.ToString(r.LogicalResourceId), aws.ToString(r.ResourceType), string(r.Replacement)})
			}
		}
	}
	if waited != nil {
		return nil, "", fmt.Errorf("wait for the change set of the stack %s: %w", s.o.Name, waited)
	}
	return changes, "", nil
}

// sent says that a request which begins something may have done so all the
// same, unless AWS refused it.
func (s *Stack) sent(err error) error {
	if code := status(err); code >= 400 && code < 500 {
		return err
	}
	return &WatchError{Name: s.o.Name, Unsure: true, Err: err}
}

// unchanged reports whether err says that there is nothing to update.
func unchanged(err error) bool { return says(err, "ValidationError", "No updates are to be performed") }

// nothingIn reports whether a change set failed since it would change nothing.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html
func nothingIn(reason string) bool {
	return strings.Contains(reason, "didn't contain changes") || strings.Contains(reason, "No updates are to be performed")
}

// token makes a request that is sent twice one request, and tells its events
// from others.
func token(what string) *string {
	return aws.String("ssmbak-" + what + "-" + strings.ToLower(rand.Text()))
}
