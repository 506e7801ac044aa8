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

// Change is the change of one resource in a change set.
type Change struct {
	// Action is Add, Modify, Remove, Import or Dynamic; Replacement is True, False,
	// Conditional or "".
	Action, Resource, Type, Replacement string
}

// Changes describes an update.
type Changes struct {
	Resources []Change
	// Any reports whether there is anything to update. Outputs and parameters can
	// change without a change to any resource.
	Any bool
}

// UpdateOptions configure [Stack.Update].
type UpdateOptions struct {
	// Show finds out what would change, without changing anything.
	Show bool
	// Downgrade allows an update by an older version of ssmbak.
	Downgrade bool
}

// Update updates the stack to this version of ssmbak and to the settings in v;
// other settings stay unchanged. A stack of the legacy ssmbak is converted and keeps
// its bucket. Update returns what was changed or, with o.Show, what would be.
//
// Errors that callers may want to distinguish are [*NotFoundError],
// [*ForeignError], [*StateError], [*SettingError], [*VersionError],
// [*ProtectedError], [*FailedError], [*WatchError], [*AdminError], [*CodeError] and
// [*HeaderError].
func (s *Stack) Update(ctx context.Context, v Values, o UpdateOptions) (Deployed, Changes, error) {
	named, err := v.parameters()
	if err != nil {
		return Deployed{}, Changes{}, err
	}
	st, err := s.existing(ctx)
	if err != nil {
		return Deployed{}, Changes{}, err
	}
	p, err := s.updatable(ctx, st, o.Downgrade)
	if err != nil {
		return Deployed{}, Changes{}, err
	}
	if b, ok := named[parameterBucketName]; ok && b != p[parameterBucketName] {
		return Deployed{}, Changes{}, &SettingError{"bucket", b, "the bucket of a stack cannot be changed; create a second stack for it"}
	}
	maps.Copy(p, named)
	staged, err := s.stage(ctx, st, p, named)
	if err != nil {
		return Deployed{}, Changes{}, err
	}
	st, changes, err := s.change(ctx, st, p, staged.template, o.Show)
	if err != nil || o.Show {
		return Deployed{}, changes, err
	}
	return deployed(st), changes, s.settle(ctx, st, staged.bucket, p)
}

// Finish does what [Stack.Create] and [Stack.Update] do after CloudFormation has changed the
// stack, for a stack that another program changes, such as Terraform: it checks the
// functions' code, updates the policy of an adopted bucket, and writes the settings into the
// archive, where command lines read them. It can be repeated. Errors that callers may want
// to distinguish are [*NotFoundError], [*ForeignError], [*LegacyError], [*StateError],
// [*CodeError] and [*HeaderError].
func (s *Stack) Finish(ctx context.Context) (Deployed, error) {
	st, err := s.existing(ctx)
	if err != nil {
		return Deployed{}, err
	}
	switch kind, err := s.kind(ctx, st); {
	case err != nil:
		return Deployed{}, err
	case kind == foreign:
		return Deployed{}, &ForeignError{s.o.Name}
	case kind == legacy:
		return Deployed{}, &LegacyError{s.o.Name}
	case strings.HasSuffix(string(st.StackStatus), "_IN_PROGRESS"), output(st, OutputLambdaName) == "":
		return Deployed{}, &StateError{s.o.Name, string(st.StackStatus), s.waitAdvice()}
	}
	return deployed(st), s.settle(ctx, st, output(st, OutputBucketName), parametersOf(st))
}

// settle does what remains after CloudFormation has changed the stack: it checks the
// functions' code, and updates the policy of an adopted bucket and the settings in the
// archive. If the functions run other code since the published zip is not the expected one,
// the error is that of [Stack.checkZip].
func (s *Stack) settle(ctx context.Context, st *types.Stack, bucket string, p parameters) error {
	err := s.verifyCode(ctx, p.digest())
	var other *CodeError
	if errors.As(err, &other) && p.published() {
		other.Bucket, other.Key, other.Version = s.codeBucket(p), p[parameterCodeKey], p[parameterCodeVersion]
		var unequal error
		if other.Checked, unequal = s.checkZip(ctx, p); unequal != nil {
			return unequal
		}
	}
	if err != nil {
		return err
	}
	if err := s.renewPolicy(ctx, p); err != nil {
		return err
	}
	return s.recordSettings(ctx, bucket, p, st)
}

// updatable returns the current parameters of a stack, or defaults for one of the
// legacy ssmbak. The error says why the stack cannot be updated.
func (s *Stack) updatable(ctx context.Context, st *types.Stack, downgrade bool) (parameters, error) {
	if err := s.checkState(st); err != nil {
		return nil, err
	}
	if strings.HasSuffix(string(st.StackStatus), "_IN_PROGRESS") {
		return nil, &StateError{s.o.Name, string(st.StackStatus), s.waitAdvice()}
	}
	p := defaults()
	have := parametersOf(st)
	switch kind, err := s.kind(ctx, st); {
	case err != nil:
		return nil, err
	case kind == foreign:
		return nil, &ForeignError{s.o.Name}
	case kind == legacy:
		s.o.Note("this stack was created by the legacy ssmbak: converting it; its bucket is kept")
		return p, nil
	case older(s.o.Version, have[parameterVersion]) && !downgrade:
		return nil, &VersionError{have[parameterVersion], s.o.Version}
	}
	maps.Copy(p, have)
	return p, s.checkCaller(ctx, have)
}

// staged is what the stack's bucket holds before a change of the stack.
type staged struct {
	bucket   string
	template string // URL of the template
}

// stage completes and checks the parameters of a stack to change, and uploads the
// functions' zip and the template unless they are published. named are the parameters
// that the user has given.
func (s *Stack) stage(ctx context.Context, st *types.Stack, p, named parameters) (staged, error) {
	if err := s.completeParameters(ctx, p); err != nil {
		return staged{}, err
	}
	if err := s.checkHeaders(ctx, p); err != nil {
		return staged{}, err
	}
	headers := encryption(p, st)
	if p[parameterIndexHeader] == headerKMS && headers.Indexes == "" {
		return staged{}, &SettingError{"index-header", "kms", "the stack has no key yet: first run the update without this setting, which creates one"}
	}
	bucket := output(st, OutputBucketName)
	if bucket == "" {
		var err error
		if bucket, err = s.BucketName(ctx); err != nil {
			return staged{}, err
		}
	}
	if err := p.checkUploaded(named); err != nil {
		return staged{}, err
	}
	if p.published() {
		template, err := s.published(ctx, p, named)
		return staged{bucket, template}, err
	}
	zip, err := s.o.Code(ctx, p[parameterArchitecture])
	if err != nil {
		return staged{}, err
	}
	p[parameterVersion] = s.o.Version
	if err := s.stageCode(ctx, bucket, zip, headers, p); err != nil {
		return staged{}, err
	}
	template, err := s.stageTemplate(ctx, bucket, codePrefix, headers)
	return staged{bucket, template}, err
}

// stageCode uploads the functions' zip and sets its key and object version in p.
// CloudFormation deploys the zip only if these differ from the stack's parameters.
// If they do not, but a function runs other code, the zip is uploaded again as a
// new object version.
func (s *Stack) stageCode(ctx context.Context, bucket string, zip code.Zip, e archive.Encryption, p parameters) error {
	functions, err := contentOf(zip)
	if err != nil {
		return err
	}
	key, version, err := s.upload(ctx, bucket, codePrefix, functions, e, false)
	if err != nil {
		return err
	}
	if key == p[parameterCodeKey] && version == p[parameterCodeVersion] {
		err := s.verifyCode(ctx, zip.SHA256)
		var other *CodeError
		if err != nil && !errors.As(err, &other) {
			return err
		}
		if other != nil {
			s.o.Note(other.Error() + "; deploying it again")
			if _, version, err = s.upload(ctx, bucket, codePrefix, functions, e, true); err != nil {
				return err
			}
		}
	}
	p[parameterCodeKey], p[parameterCodeVersion], p[parameterCodeSHA256] = key, version, zip.SHA256
	return nil
}

// older reports whether version a is older than b. A build from a working copy is
// neither older nor newer than any version.
func older(a, b string) bool {
	return semver.IsValid(a) && semver.IsValid(b) && semver.Compare(a, b) < 0
}

// protected lists the resources that no update may replace or remove: the bucket,
// its key, and the queue of changes that are not recorded yet.
var protected = []string{resourceBucket, resourceKey, resourceQueue}

// change creates a change set, checks it, and executes it unless show is set. An
// empty change set is not an error. The returned stack may be nil with an error.
func (s *Stack) change(ctx context.Context, st *types.Stack, p parameters, template string, show bool) (*types.Stack, Changes, error) {
	id := aws.ToString(st.StackId)
	name := "ssmbak-" + strings.ToLower(rand.Text()[:12])
	created, err := s.cfn.CreateChangeSet(ctx, &cloudformation.CreateChangeSetInput{
		StackName: &s.o.Name, ChangeSetName: &name, ChangeSetType: types.ChangeSetTypeUpdate, TemplateURL: &template, Parameters: p.input(),
		Capabilities: []types.Capability{types.CapabilityCapabilityIam}, ClientToken: token("change"), Tags: s.tags(st), RoleARN: s.serviceRole(),
	})
	if isUnchanged(err) {
		return st, Changes{}, nil
	}
	if err != nil {
		return st, Changes{}, fmt.Errorf("create a change set of the stack %s: %w", s.o.Name, err)
	}
	set := aws.ToString(created.Id)
	executed := false
	defer func() {
		if !executed {
			drop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			_, err := s.cfn.DeleteChangeSet(drop, &cloudformation.DeleteChangeSetInput{StackName: &s.o.Name, ChangeSetName: &set})
			if err != nil {
				s.o.Logger.WarnContext(ctx, "delete the unused change set", "change set", name, "error", err.Error())
			}
		}
	}()
	resources, reason, err := s.changes(ctx, set)
	changes := Changes{resources, true}
	switch {
	case err != nil:
		return st, Changes{}, err
	case reason != "" && isEmptyChangeSet(reason):
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
		return st, changes, s.requestError(fmt.Errorf("execute the change set %s: %w", name, err))
	}
	executed = true
	st, err = w.end(ctx, types.StackStatusUpdateComplete)
	return st, changes, err
}

// changes waits for a change set and returns its changes, or the reason if its
// creation failed.
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
			return nil, "", fmt.Errorf("describe the change set of the stack %s: %w", s.o.Name, errors.Join(err, waited))
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

// requestError wraps the error of a request that starts an operation in a
// [*WatchError], since the operation may have started, unless AWS refused the
// request.
func (s *Stack) requestError(err error) error {
	if code := status(err); code >= 400 && code < 500 {
		return err
	}
	return &WatchError{Name: s.o.Name, MayNotHaveStarted: true, Err: err}
}

// isUnchanged reports whether err means that there is nothing to update.
func isUnchanged(err error) bool {
	return isAPIError(err, "ValidationError", "No updates are to be performed")
}

// isEmptyChangeSet reports whether the creation of a change set failed because it
// would change nothing.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html
func isEmptyChangeSet(reason string) bool {
	return strings.Contains(reason, "didn't contain changes") || strings.Contains(reason, "No updates are to be performed")
}

// token returns a client token, which makes retries of a request idempotent and
// identifies the events of the operation.
func token(what string) *string {
	return aws.String("ssmbak-" + what + "-" + strings.ToLower(rand.Text()))
}
