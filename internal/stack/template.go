package stack

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// template is the CloudFormation template. Notes on its parts:
//
//   - The key's policy allows the functions to decrypt only if IndexHeader is aws:kms: then
//     it encrypts their indexes. Their roles are identified by name, since they depend on
//     the key.
//   - Admins may send messages to the queues, since moving dead letters back requires it.
//     https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
//   - A message is delivered every six minutes until it becomes a dead letter after an hour.
//     The next reconcile records what it announced.
//   - TrailRule needs a trail that logs management events. EventBridge gets no records of
//     requests that only read.
//     https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
//   - Both functions may read parameters and add to the archive. Neither may read value
//     objects, delete object versions or write the code.
//   - Without ec2:DescribeImages, AWS accepts the write of an aws:ec2:image parameter but
//     does not store it.
//   - Alarms on the functions' own metrics: a message that fails is delivered again after
//     Visibility. A reconcile measures everything, so that its last numbers hold until the
//     next one.
//
//go:embed template.yaml
var template string

// Template returns the CloudFormation template in YAML, as people read it.
func Template() string { return template }

// body is the form of the template in which CloudFormation reads it: JSON without white
// space. It is read from the archive's bucket, since a request may contain no more than
// 51,200 bytes, and an object 1 MB.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
var body = sync.OnceValue(func() string { return encode(decode()) })

// base is the template with which a stack is created, before there is a bucket to read from:
// without the resources that need the functions' code, without the rules, which the settings
// were checked for, and without descriptions of parameters and outputs, so that a request can
// contain it.
var base = sync.OnceValue(func() string {
	m := decode()
	resources, _ := m["Resources"].(map[string]any)
	for id, x := range resources {
		if x, ok := x.(map[string]any); ok && slices.Contains(codeConditions, fmt.Sprint(x["Condition"])) {
			delete(resources, id)
		}
	}
	delete(m, "Rules")
	for _, described := range []string{"Parameters", "Outputs"} {
		all, _ := m[described].(map[string]any)
		for _, x := range all {
			if x, ok := x.(map[string]any); ok {
				delete(x, "Description")
			}
		}
	}
	return encode(m)
})

// codeConditions are the conditions that are false without the functions' code.
var codeConditions = []string{"HasCode", "HasReplicaAlarm", "HasVerifier"}

// decode returns the template with the full names of functions.
func decode() map[string]any {
	m := decodeYAML(template)
	delete(m, "Metadata") // it only groups parameters in the console
	return m
}

// decodeYAML returns a template in YAML with the full names of functions.
func decodeYAML(text string) map[string]any {
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		panic(fmt.Sprintf("the template is not YAML: %v", err))
	}
	m, _ := long(n.Content[0]).(map[string]any)
	return m
}

func encode(m map[string]any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		panic(fmt.Sprintf("the template has no form in JSON: %v", err))
	}
	return strings.TrimSpace(b.String())
}

// long returns the values of a YAML node with the full names of functions instead of their
// short tags: !Ref x is {"Ref": x}, !GetAtt a.b is {"Fn::GetAtt": [a, b]}, and !X is
// {"Fn::X": ...}.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
func long(n *yaml.Node) any {
	function, tagged := strings.CutPrefix(n.Tag, "!")
	tagged = tagged && !strings.HasPrefix(function, "!")
	var v any
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any)
		for i := 0; i < len(n.Content); i += 2 {
			m[n.Content[i].Value] = long(n.Content[i+1])
		}
		v = m
	case yaml.SequenceNode:
		all := make([]any, len(n.Content))
		for i, c := range n.Content {
			all[i] = long(c)
		}
		v = all
	case yaml.ScalarNode:
		if v = n.Value; !tagged {
			if err := n.Decode(&v); err != nil {
				panic(fmt.Sprintf("line %d of the template: %v", n.Line, err))
			}
		}
	default:
		panic(fmt.Sprintf("line %d of the template has something that CloudFormation does not support", n.Line))
	}
	switch {
	case !tagged:
		return v
	case function == "Ref" || function == "Condition":
		return map[string]any{function: v}
	case function == "GetAtt":
		id, attribute, _ := strings.Cut(n.Value, ".")
		return map[string]any{"Fn::GetAtt": []any{id, attribute}}
	}
	return map[string]any{"Fn::" + function: v}
}
