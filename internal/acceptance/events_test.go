//go:build aws

package acceptance

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

const (
	eventExamples = "https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html"
	eventRules    = "https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-cwe.html"
	tagEvents     = "https://docs.aws.amazon.com/tag-editor/latest/userguide/tag-monitor.html"
	policyActions = "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html"
)

// event is the part of an event that facts are about.
type event struct {
	ID         string
	DetailType string `json:"detail-type"`
	Source     string
	Resources  []string
	Detail     map[string]any

	text json.RawMessage
}

// is reports whether an event is a Parameter Store Change of an operation.
func (e event) is(operation string) bool {
	return e.DetailType == "Parameter Store Change" && e.Detail["operation"] == operation
}

// about reports whether an event is about a parameter.
func (e event) about(name string) bool {
	return slices.ContainsFunc(e.Resources, func(arn string) bool { return strings.HasSuffix(arn, ":parameter"+name) })
}

// operations names the events.
func operations(all []event) (names []string) {
	for _, e := range all {
		names = append(names, fmt.Sprint(e.DetailType, " ", e.Detail["operation"]))
	}
	return names
}

// eventTime is how long events may be under way; AWS promises nothing, and most take
// seconds.
const eventTime = 2 * time.Minute

// events returns the events about a parameter, as soon as enough says so or after the given
// time.
func (s *scratch) events(ctx context.Context, name string, patience time.Duration, enough func([]event) bool) (all []event, err error) {
	listener, err := s.listen(ctx)
	if err != nil {
		return nil, err
	}
	err = s.eventually(ctx, patience, func() (bool, error) {
		all = nil
		for _, text := range listener.seen() {
			e := event{text: text}
			if err := json.Unmarshal(text, &e); err != nil || !e.about(name) {
				continue
			}
			if !slices.ContainsFunc(all, func(other event) bool { return other.ID == e.ID }) { // a rule may send one twice
				all = append(all, e)
			}
		}
		return enough(all), nil
	})
	for _, e := range all {
		s.rows.event(e.text)
	}
	return all, err
}

// has returns a function that reports whether there are events of operations.
func has(operations ...string) func([]event) bool {
	return func(all []event) bool {
		for _, operation := range operations {
			if !slices.ContainsFunc(all, func(e event) bool { return e.is(operation) }) {
				return false
			}
		}
		return true
	}
}

// eventFacts are about the events that the recorder gets.
func eventFacts() []fact {
	none := map[string]string{onMoto: "moto sends no events"}
	return []fact{
		{
			name: "events of a parameter below a path", assumed: "creation, overwrite and deletion have one each, with name, type and operation, and the description if there is one",
			source: eventExamples, depends: "recorder/event.go", lacks: none, settle: changeEvents,
		},
		{
			name: "event of a root-level parameter", assumed: "its name has no leading slash, and its ARN one",
			source: "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html", depends: "recorder/event.go adds the slash", lacks: none,
			settle: withRoot(func(ctx context.Context, s *scratch, root string) error {
				if _, err := s.listen(ctx); err != nil {
					return err
				}
				if err := s.overwrite(ctx, ssm.PutParameterInput{Name: &root}); err != nil {
					return err
				}
				all, err := s.events(ctx, "/"+root, eventTime, has("Update"))
				if err != nil {
					return err
				}
				i := slices.IndexFunc(all, func(e event) bool { return e.is("Update") })
				if i < 0 {
					return differs("there is none within %s", eventTime)
				}
				if got := all[i].Detail["name"]; got != root {
					return differs("its name is %v", got)
				}
				return nil
			}),
		},
		{
			name: "event of a label", assumed: "its operation is LabelParameterVersion",
			source: eventRules, depends: "recorder/event.go; labels would be recorded by the next reconcile", lacks: none,
			settle: func(ctx context.Context, s *scratch) (string, error) { return "", labelEvent(ctx, s) },
		},
		{
			name: "event of a removed label", assumed: "there is none, or one whose name is that of the parameter",
			source: eventRules, depends: "docs/operations.md, Testing the pipeline: a reconcile finds a removed label otherwise", lacks: none,
			settle: unlabelEvent,
		},
		{
			name: "event of a tag", assumed: "it is of aws.tag, with the service ssm, the resource type parameter, and all tags",
			source: tagEvents, depends: "recorder/event.go and TagRule in internal/stack/template.yaml; tags would be recorded by the next reconcile", lacks: none,
			settle: tagEvent,
		},
		{
			name: "events of an expired parameter", assumed: "there is a Parameter Store Policy Action of the type Expiration; whether there is a Delete, too, does not matter", once: true,
			source: policyActions, depends: "recorder/event.go and its two rules in internal/stack/template.yaml: a deletion would be found by the next reconcile", lacks: none,
			settle: expirationEvents,
		},
	}
}

func changeEvents(ctx context.Context, s *scratch) (learned string, err error) {
	if _, err := s.listen(ctx); err != nil {
		return "", err
	}
	name := s.name("a")
	if err := s.create(ctx, ssm.PutParameterInput{Name: &name}); err != nil {
		return "", err
	}
	if err := s.overwrite(ctx, ssm.PutParameterInput{Name: &name, Description: aws.String("described")}); err != nil {
		return "", err
	}
	if _, err := s.ssm.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &name}); err != nil {
		return "", err
	}
	all, err := s.events(ctx, name, eventTime, has("Create", "Update", "Delete"))
	if err != nil {
		return "", err
	}
	if !has("Create", "Update", "Delete")(all) {
		return "", differs("within %s there are only %q", eventTime, operations(all))
	}
	for _, e := range all {
		if e.DetailType != "Parameter Store Change" {
			continue
		}
		_, described := e.Detail["description"]
		if e.Detail["name"] != name || e.Detail["type"] != "String" || described == e.is("Create") {
			return "", differs("the event is %s", e.text)
		}
	}
	return "", nil
}

func labelEvent(ctx context.Context, s *scratch) error {
	if _, err := s.listen(ctx); err != nil {
		return err
	}
	name := s.name("a")
	if err := s.create(ctx, ssm.PutParameterInput{Name: &name}); err != nil {
		return err
	}
	if _, err := s.ssm.LabelParameterVersion(ctx, &ssm.LabelParameterVersionInput{Name: &name, ParameterVersion: aws.Int64(1), Labels: []string{"label"}}); err != nil {
		return err
	}
	all, err := s.events(ctx, name, eventTime, has("LabelParameterVersion"))
	if err == nil && !has("LabelParameterVersion")(all) {
		err = differs("within %s there are only %q", eventTime, operations(all))
	}
	return err
}

func unlabelEvent(ctx context.Context, s *scratch) (learned string, err error) {
	if err := labelEvent(ctx, s); err != nil {
		return "", fmt.Errorf("the event of the label: %w", err)
	}
	name := s.name("a")
	if _, err := s.ssm.UnlabelParameterVersion(ctx, &ssm.UnlabelParameterVersionInput{Name: &name, ParameterVersion: aws.Int64(1), Labels: []string{"label"}}); err != nil {
		return "", err
	}
	// others returns the changes but for the creation and the first one of a label.
	others := func(all []event) (rest []event) {
		for _, e := range all {
			if e.DetailType == "Parameter Store Change" && !e.is("Create") {
				rest = append(rest, e)
			}
		}
		return rest[1:]
	}
	all, err := s.events(ctx, name, eventTime, func(all []event) bool { return len(others(all)) > 0 })
	if err != nil {
		return "", err
	}
	rest := others(all)
	if len(rest) == 0 {
		return fmt.Sprintf("there is none within %s", eventTime), nil
	}
	if rest[0].Detail["name"] != name {
		return "", differs("the event is %s", rest[0].text)
	}
	return "its operation is " + fmt.Sprint(rest[0].Detail["operation"]), nil
}

func tagEvent(ctx context.Context, s *scratch) (learned string, err error) {
	if _, err := s.listen(ctx); err != nil {
		return "", err
	}
	name := s.name("a")
	if err := s.create(ctx, ssm.PutParameterInput{Name: &name}); err != nil {
		return "", err
	}
	if _, err := s.ssm.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{
		ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &name, Tags: []types.Tag{{Key: aws.String("new"), Value: aws.String("yes")}},
	}); err != nil {
		return "", err
	}
	ofTags := func(e event) bool { // not that of the creation
		keys, _ := e.Detail["changed-tag-keys"].([]any)
		return e.Source == "aws.tag" && slices.Contains(keys, any("new"))
	}
	all, err := s.events(ctx, name, eventTime, func(all []event) bool { return slices.ContainsFunc(all, ofTags) })
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(all, ofTags)
	if i < 0 {
		return "", differs("within %s there is none, only %q", eventTime, operations(all))
	}
	e := all[i]
	tags, _ := e.Detail["tags"].(map[string]any)
	if e.Detail["service"] != "ssm" || e.Detail["resource-type"] != "parameter" || tags["new"] != "yes" || tags[tag] != s.id {
		return "", differs("the event is %s", e.text)
	}
	return "", nil
}

func expirationEvents(ctx context.Context, s *scratch) (learned string, err error) {
	if _, err := s.listen(ctx); err != nil {
		return "", err
	}
	name, at := s.name("a"), clock(time.Now().Add(time.Minute))
	s.rows.replace(at, "soon")
	if err := s.create(ctx, ssm.PutParameterInput{Name: &name, Tier: types.ParameterTierAdvanced, Policies: expiration(at)}); err != nil {
		return "", err
	}
	const scans = 9 * time.Minute
	expired := false
	if err := s.eventually(ctx, scans, func() (bool, error) {
		_, err := s.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
		if expired = codeOf(err) == "ParameterNotFound" && clock(time.Now()) >= at; expired {
			return true, nil
		}
		return false, nil
	}); err != nil {
		return "", err
	}
	if !expired {
		return "", notSettled("the parameter was not deleted within %s of its expiration", scans)
	}
	action := func(e event) bool {
		return e.DetailType == "Parameter Store Policy Action" && e.Detail["policy-type"] == "Expiration"
	}
	all, err := s.events(ctx, name, eventTime, func(all []event) bool { return slices.ContainsFunc(all, action) && has("Delete")(all) })
	if err != nil {
		return "", err
	}
	switch {
	case !slices.ContainsFunc(all, action):
		return "", differs("within %s of the deletion there is no action, only %q", eventTime, operations(all))
	case !has("Delete")(all):
		return fmt.Sprintf("there is no Delete within %s", eventTime), nil
	}
	return "there is a Delete, too", nil
}
