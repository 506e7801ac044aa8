package stack

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// AdminError says that the caller is not one of those who may change the bucket
// of a stack.
type AdminError struct {
	Caller string
	Admins []string
	// Add are what makes the caller one of them.
	Add []string
}

func (e *AdminError) Error() string {
	return fmt.Sprintf("%s is none of the admins, who alone may change the bucket of the stack: %s", e.Caller, strings.Join(e.Admins, ", "))
}

// checkAdmins refuses a list of admins, commas between them, that leaves nobody
// but the root user, or that the caller is not in: the caller could not go on.
func checkAdmins(list, caller string) error {
	all := strings.Split(list, ",")
	if !slices.ContainsFunc(all, func(a string) bool { return !isRoot(a) }) {
		return &SettingError{"admin", "", "is needed: name a user or role, since nobody but the root user could change the bucket otherwise"}
	}
	if isRoot(caller) || slices.ContainsFunc(all, func(a string) bool { return mayBe(a, caller) }) {
		return nil
	}
	return &AdminError{caller, all, admins(caller)}
}

func isRoot(arn string) bool { return strings.HasSuffix(arn, ":root") }

// ssoRole begins the names of the roles that IAM Identity Center makes, which have
// the path /aws-reserved/sso.amazonaws.com/, with the Region of the instance after
// it unless that is us-east-1.
// https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
const ssoRole = "AWSReservedSSO_"

// role takes the account's ARN prefix and the role's name from the ARN of an
// assumed role, such as arn:aws:sts::123456789012:assumed-role/NAME/SESSION.
func role(caller string) (base, name string, ok bool) {
	parts := strings.SplitN(caller, ":", 6)
	if len(parts) != 6 || parts[2] != "sts" {
		return "", "", false
	}
	kind, rest, _ := strings.Cut(parts[5], "/")
	if kind != "assumed-role" {
		return "", "", false
	}
	name, _, _ = strings.Cut(rest, "/")
	return "arn:" + parts[1] + ":iam::" + parts[4] + ":role/", name, true
}

// admins are the patterns that name the caller in a condition on aws:PrincipalArn,
// which is that of the role for a session of one. GetCallerIdentity does not tell
// the path of a role, so the patterns allow any, which names nobody else: an
// account has one role of a name, whatever its path.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
func admins(caller string) []string {
	base, name, ok := role(caller)
	switch {
	case !ok:
		return []string{caller}
	case strings.HasPrefix(name, ssoRole):
		return []string{base + "aws-reserved/sso.amazonaws.com/*" + name}
	}
	return []string{base + name, base + "*/" + name}
}

// mayBe reports whether a pattern of aws:PrincipalArn matches the caller, whose
// role may have any path.
func mayBe(pattern, caller string) bool {
	base, name, ok := role(caller)
	if !ok {
		return arnLike(pattern, caller)
	}
	if arnLike(pattern, base+name) {
		return true
	}
	dir, last := path.Split(pattern)
	account, _, _ := strings.Cut(dir, "role/")
	return strings.Contains(dir, ":role/") && arnLike(account+"role", strings.TrimSuffix(base, "/")) && wildcard(last, name)
}

// arnLike matches as the operator ArnLike does: each of the six parts of an ARN for
// itself.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN
func arnLike(pattern, arn string) bool {
	p, a := strings.SplitN(pattern, ":", 6), strings.SplitN(arn, ":", 6)
	if len(p) != 6 || len(a) != 6 {
		return false
	}
	for i := range p {
		if !wildcard(p[i], a[i]) {
			return false
		}
	}
	return true
}

// wildcard matches * with any text and ? with one character.
func wildcard(pattern, text string) bool {
	p, s := []rune(pattern), []rune(text)
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == s[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(string(p[i:]), "*") == ""
}
