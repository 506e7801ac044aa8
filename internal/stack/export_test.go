package stack

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// This file exports what tests in package stack_test need, which import the commands.

// Request is a [request].
type Request = request

// NewRequest returns a request of an action on a resource, with condition keys.
func NewRequest(action, resource string, context map[string]string) Request {
	return request{action, resource, context}
}

func (r request) Action() string { return r.action }

func (r request) Resource() string { return r.resource }

func (r request) Context() map[string]string { return r.context }

// States returns parameters of stacks, by name.
func States() map[string]map[string]string { return states() }

// Role is a principal in the account of a rendered stack.
type Role struct {
	t *testing.T
	p policies
	// used has the actions and resources of statements that allowed a request.
	used map[string]bool
	arn  string
}

// RoleOf returns a role of the stack by its logical ID.
func RoleOf(t *testing.T, given map[string]string, id string) *Role {
	t.Helper()
	r := render(t, given)
	role := newRole(t, r, "arn:aws:iam::123456789012:role"+get(t, r, id, "Path").(string)+"ssmbak-"+id+"-Ab1")
	for _, p := range get(t, r, id, "Policies").([]any) {
		role.p.identity = append(role.p.identity, statementsOf(t, p.(map[string]any)["PolicyDocument"])...)
	}
	if managed, ok := r.resources[id].properties["ManagedPolicyArns"]; ok {
		for _, arn := range strs(managed) {
			role.attach(r, strings.TrimPrefix(arn, "arn:aws:iam::123456789012:policy/ssmbak-"))
		}
	}
	return role
}

// PersonOf returns a principal to which managed policies are attached, and which is
// named as reader or restorer accordingly.
func PersonOf(t *testing.T, given map[string]string, ids ...string) *Role {
	t.Helper()
	const arn = "arn:aws:iam::123456789012:role/operator"
	given = maps.Clone(given)
	for _, id := range ids {
		given[map[string]string{"ReaderPolicy": parameterReaderArns, "RestorerPolicy": parameterRestorerArns}[id]] = arn
	}
	r := render(t, given)
	role := newRole(t, r, arn)
	for _, id := range ids {
		role.attach(r, id)
	}
	return role
}

// Unrestricted returns a principal whose own policies allow everything.
func Unrestricted(t *testing.T, given map[string]string, arn string) *Role {
	t.Helper()
	role := newRole(t, render(t, given), arn)
	role.p.identity = []statement{{sid: "all", effect: "Allow", actions: []string{"*"}, resources: []string{"*"}}}
	return role
}

func newRole(t *testing.T, r rendered, arn string) *Role {
	t.Helper()
	role := &Role{t: t, used: make(map[string]bool), arn: arn}
	if _, ok := r.resources["BucketPolicy"]; ok {
		role.p.bucket = statementsOf(t, get(t, r, "BucketPolicy", "PolicyDocument"))
	}
	if _, ok := r.resources["Key"]; ok {
		role.p.key, role.p.keyARN = statementsOf(t, get(t, r, "Key", "KeyPolicy")), "arn:aws:kms:us-east-1:123456789012:key/stack"
	}
	return role
}

func (x *Role) attach(r rendered, id string) {
	x.p.identity = append(x.p.identity, statementsOf(x.t, get(x.t, r, id, "PolicyDocument"))...)
}

// Allows reports whether the role may make a request over TLS, and records which
// statements allow it.
func (x *Role) Allows(r Request) bool {
	x.t.Helper()
	context := map[string]string{"aws:PrincipalArn": x.arn, "aws:SecureTransport": "true"}
	for k, v := range r.context {
		context[k] = v
	}
	full := request{r.action, r.resource, context}
	ok, _ := x.p.allows(x.t, full)
	if !ok {
		return false
	}
	for i, s := range x.p.identity {
		if !s.applies(x.t, full) {
			continue
		}
		for _, a := range s.actions {
			for _, p := range s.resources {
				if alike(strings.ToLower(a), strings.ToLower(r.action)) && alike(p, r.resource) {
					x.used[use(i, s, a, p)] = true
				}
			}
		}
	}
	return true
}

func use(i int, s statement, action, resource string) string {
	return strings.Join([]string{s.sid, action, resource}, " ") + strings.Repeat(" ", i)
}

// Unused returns the actions and resources of statements that allowed no request.
func (x *Role) Unused() (all []string) {
	for i, s := range x.p.identity {
		for _, a := range s.actions {
			for _, p := range s.resources {
				if !x.used[use(i, s, a, p)] {
					all = append(all, strings.TrimSpace(use(i, s, a, p)))
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// ModuleParameters returns the parameters that an example of the Terraform module gives to
// the stack. code is the output of Publish as JSON.
func ModuleParameters(t *testing.T, example, module string, code []byte) map[string]string {
	t.Helper()
	return applied(t, moduleBodies(t), example, module, code)
}
