package stack

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// request is what AWS authorizes: an action on a resource, with condition keys.
type request struct {
	action, resource string
	context          map[string]string
}

func (r request) String() string { return fmt.Sprintf("%s on %s %v", r.action, r.resource, r.context) }

// statement is a statement of a policy, with actions and resources as lists.
type statement struct {
	sid, effect        string
	actions, resources []string
	notResources       []string
	principal          any
	conditions         map[string]map[string][]string
}

// statementsOf parses a policy. The test fails if it has an unsupported element.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
func statementsOf(t *testing.T, policy any) (all []statement) {
	t.Helper()
	for _, x := range policy.(map[string]any)["Statement"].([]any) {
		var s statement
		for element, v := range x.(map[string]any) {
			switch element {
			case "Sid":
				s.sid = v.(string)
			case "Effect":
				s.effect = v.(string)
			case "Action":
				s.actions = strs(v)
			case "Resource":
				s.resources = strs(v)
			case "NotResource":
				s.notResources = strs(v)
			case "Principal":
				s.principal = v
			case "Condition":
				s.conditions = make(map[string]map[string][]string)
				for operator, keys := range v.(map[string]any) {
					s.conditions[operator] = make(map[string][]string)
					for key, values := range keys.(map[string]any) {
						s.conditions[operator][key] = strs(values)
					}
				}
			default:
				t.Fatalf("unsupported element %s", element)
			}
		}
		if s.effect == "" || len(s.actions) == 0 || (len(s.resources) == 0) == (len(s.notResources) == 0) {
			t.Fatalf("incomplete statement: %+v", s)
		}
		all = append(all, s)
	}
	return all
}

func strs(v any) []string {
	if list, ok := v.([]any); ok {
		var all []string
		for _, x := range list {
			all = append(all, x.(string))
		}
		return all
	}
	return []string{v.(string)}
}

// isMet reports whether a condition is met. If the request does not have the key, positive
// operators are not met and negative ones are.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
func isMet(t *testing.T, operator, key string, wanted []string, context map[string]string) bool {
	t.Helper()
	got, there := context[key]
	match := func(f func(pattern, text string) bool) bool {
		return slices.ContainsFunc(wanted, func(w string) bool { return f(w, got) })
	}
	equal := func(a, b string) bool { return a == b }
	switch operator {
	case "StringEquals":
		return there && match(equal)
	case "StringLike":
		return there && match(alike)
	case "StringNotLike":
		return !there || !match(alike)
	case "ArnEquals", "ArnLike":
		return there && match(arnLike)
	case "ArnNotEquals", "ArnNotLike":
		return !there || !match(arnLike)
	case "Bool":
		return there && match(strings.EqualFold)
	}
	t.Fatalf("unsupported condition operator %s", operator)
	return false
}

var compiled sync.Map // of patterns, which all requests are compared with

// alike matches text with a pattern of a policy.
func alike(pattern, text string) bool {
	expression, ok := compiled.Load(pattern)
	if !ok {
		expression, _ = compiled.LoadOrStore(pattern, wildcard(pattern))
	}
	return expression.(*regexp.Regexp).MatchString(text)
}

func (s statement) applies(t *testing.T, r request) bool {
	t.Helper()
	if !slices.ContainsFunc(s.actions, func(a string) bool { return alike(strings.ToLower(a), strings.ToLower(r.action)) }) ||
		slices.ContainsFunc(s.notResources, func(p string) bool { return alike(p, r.resource) }) ||
		len(s.resources) > 0 && !slices.ContainsFunc(s.resources, func(p string) bool { return alike(p, r.resource) }) {
		return false
	}
	for operator, keys := range s.conditions {
		for key, wanted := range keys {
			if !isMet(t, operator, key, wanted, r.context) {
				return false
			}
		}
	}
	return true
}

// policies are the statements that apply to the requests of a principal: its own, those
// of the bucket, which only deny, and those of the stack's key, which must allow, too.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
// https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
type policies struct {
	identity, bucket, key []statement
	queue                 []statement // of the requested queue
	keyARN                string
}

// allows reports whether a request is allowed, and by which statement of the principal.
func (p policies) allows(t *testing.T, r request) (bool, string) {
	t.Helper()
	by := ""
	for _, s := range p.identity {
		switch {
		case !s.applies(t, r):
		case s.effect == "Deny":
			return false, ""
		case by == "":
			by = s.sid
		}
	}
	if strings.HasPrefix(r.action, "s3:") {
		for _, s := range p.bucket {
			if s.effect != "Deny" {
				t.Fatalf("the bucket's policy allows something: %+v", s)
			}
			if s.applies(t, r) {
				return false, ""
			}
		}
	}
	for _, s := range p.queue {
		if s.effect == "Deny" && s.applies(t, r) {
			return false, ""
		}
	}
	if p.keyARN != "" && r.resource == p.keyARN && !slices.ContainsFunc(p.key, func(s statement) bool {
		onKey := r
		onKey.resource = "*"
		return s.effect == "Allow" && s.applies(t, onKey)
	}) {
		return false, ""
	}
	return by != "", by
}

func TestWildcard(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", "", true},
		{"a*c", "abbc", true},
		{"a*c", "abb", false},
		{"s3:Get*", "s3:GetObject", true},
		{"s3:Get?bject", "s3:GetObject", true},
		{"arn:aws:s3:::b//*", "arn:aws:s3:::b//app/db", true},
		{"arn:aws:s3:::b//*", "arn:aws:s3:::b/.ssmbak/index/app", false},
		{"a", "ab", false},
		{"ab", "a", false},
		{"*a*b*", "xxaxxbxx", true},
	} {
		if got := alike(test.pattern, test.text); got != test.want {
			t.Errorf("%q matches %q: %v", test.pattern, test.text, got)
		}
	}
}

func TestEvaluation(t *testing.T) {
	t.Parallel()
	policy := func(statements ...any) []statement {
		return statementsOf(t, map[string]any{"Statement": statements})
	}
	allow := map[string]any{"Sid": "a", "Effect": "Allow", "Action": []any{"s3:Get*"}, "Resource": "arn:aws:s3:::b/*"}
	deny := map[string]any{"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": map[string]any{"StringNotLike": map[string]any{"aws:PrincipalArn": []any{"arn:x"}}}}
	get := request{"s3:GetObject", "arn:aws:s3:::b/k", map[string]string{"aws:PrincipalArn": "arn:y"}}
	mine := request{"s3:GetObject", "arn:aws:s3:::b/k", map[string]string{"aws:PrincipalArn": "arn:x"}}
	for _, test := range []struct {
		p    policies
		r    request
		want bool
	}{
		{policies{identity: policy(allow)}, get, true},
		{policies{identity: policy(allow, deny)}, get, false},
		{policies{identity: policy(allow, deny)}, mine, true},
		{policies{identity: policy(allow), bucket: policy(deny)}, get, false},
		{policies{identity: policy(allow), bucket: policy(deny)}, mine, true},
		{policies{identity: policy(allow)}, request{action: "s3:PutObject", resource: "arn:aws:s3:::b/k"}, false},
		{policies{identity: policy(allow)}, request{action: "s3:GetObject", resource: "arn:aws:s3:::c/k"}, false},
		{policies{}, get, false},
	} {
		if got, _ := test.p.allows(t, test.r); got != test.want {
			t.Errorf("%v allows %v: %v", test.p, test.r, got)
		}
	}
}
