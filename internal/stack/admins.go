package stack

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/ssmbak/ssmbak/internal/awsconn"
)

// AdminError reports that the caller is not an admin of a stack.
type AdminError struct {
	Caller string
	Admins []string
	Add    []string // patterns to add to Admins to make the caller an admin
}

func (e *AdminError) Error() string {
	return fmt.Sprintf("%s is not an admin of the stack; only admins may change its bucket: %s", e.Caller, strings.Join(e.Admins, ", "))
}

// checkAdmins checks a comma-separated list of admins. The error is a [*SettingError]
// if it contains only the root user, or an [*AdminError] if it does not contain the
// caller, who could not continue.
func checkAdmins(list, caller string) error {
	all := strings.Split(list, ",")
	if !slices.ContainsFunc(all, func(a string) bool { return !isRoot(a) }) {
		return &SettingError{"admin", "", "is required: name a user or role, since otherwise only the root user could change the bucket"}
	}
	if isRoot(caller) || slices.ContainsFunc(all, func(a string) bool { return matchesCaller(a, caller) }) {
		return nil
	}
	return &AdminError{caller, all, admins(caller)}
}

func isRoot(arn string) bool { return strings.HasSuffix(arn, ":root") }

// ssoRole is the prefix of the names of roles created by IAM Identity Center. Their
// path is /aws-reserved/sso.amazonaws.com/, followed by the Region of the instance
// unless that is us-east-1.
// https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
const ssoRole = "AWSReservedSSO_"

// admins returns patterns that match the caller in a condition on aws:PrincipalArn,
// which for a session of a role is the role's ARN. GetCallerIdentity does not return
// the role's path, so the patterns allow any path. They match no other role, since
// role names are unique in an account regardless of their paths.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
func admins(caller string) []string {
	base, name, ok := awsconn.AssumedRole(caller)
	switch {
	case !ok:
		return []string{caller}
	case strings.HasPrefix(name, ssoRole):
		return []string{base + "aws-reserved/sso.amazonaws.com/*" + name}
	}
	return []string{base + name, base + "*/" + name}
}

// matchesCaller reports whether a pattern of aws:PrincipalArn matches the caller,
// whose role may have any path.
func matchesCaller(pattern, caller string) bool {
	base, name, ok := awsconn.AssumedRole(caller)
	if !ok {
		return arnLike(pattern, caller)
	}
	if arnLike(pattern, base+name) {
		return true
	}
	dir, last := path.Split(pattern)
	account, _, _ := strings.Cut(dir, "role/")
	return strings.Contains(dir, ":role/") && arnLike(account+"role", strings.TrimSuffix(base, "/")) && wildcard(last).MatchString(name)
}

// arnLike matches an ARN like the operator ArnLike: each of its six parts separately.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN
func arnLike(pattern, arn string) bool {
	p, a := strings.SplitN(pattern, ":", 6), strings.SplitN(arn, ":", 6)
	if len(p) != 6 || len(a) != 6 {
		return false
	}
	for i := range p {
		if !wildcard(p[i]).MatchString(a[i]) {
			return false
		}
	}
	return true
}

// wildcard compiles a pattern in which * matches any text and ? any character.
func wildcard(pattern string) *regexp.Regexp {
	expression := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
	return regexp.MustCompile("(?s)^" + expression + "$")
}
