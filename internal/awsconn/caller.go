package awsconn

import "strings"

// AssumedRole splits the ARN of an assumed role, such as
// arn:aws:sts::123456789012:assumed-role/NAME/SESSION, into the prefix of the ARNs of
// the account's roles and the role's name.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
func AssumedRole(caller string) (base, name string, ok bool) {
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
