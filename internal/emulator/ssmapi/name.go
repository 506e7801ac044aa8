package ssmapi

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// The limits of a name (SDK, PutParameterInput.Name).
const (
	maxModelName = 2048 // characters of the member, in the model
	maxARN       = 1011 // characters of the complete ARN
	maxLevels    = 15
)

const badName = `Parameter name: can't be prefixed with "ssm" (case-insensitive). ` +
	`If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be ` +
	`formed as a mix of letters, numbers and the following 3 symbols .-_`

// canonical checks the name of a request and returns it with a leading slash.
// The rules are those of SDK, PutParameterInput.Name, and of "Requirements and
// constraints for parameter names" in
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html.
func (s *Store) canonical(given string) (string, error) {
	name := strings.Trim(given, " ") // "removes any spaces specified for the beginning or end"
	switch {
	case name == "":
		return "", constraint("''", "name", "have length greater than or equal to 1")
	case utf8.RuneCountInString(given) > maxModelName:
		return "", constraint("of the given length", "name", "have length less than or equal to 2048")
	}
	bare := strings.TrimPrefix(name, "/")
	// "/aws/testparam1", "awsTestParameter" and "SSM-testparameter" are the
	// page's examples of names that fail: the prefix is one of the text, not
	// of a level, and a leading slash does not hide it.
	if len(bare) >= 3 {
		switch strings.ToLower(bare[:3]) {
		case "aws":
			if strings.HasPrefix(strings.ToLower(name), "/aws/") {
				return "", refuse("AccessDeniedException", "No access to reserved parameter name: %s.", name)
			}
			return "", invalid(`Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive).`)
		case "ssm":
			return "", invalid(badName)
		}
	}
	if strings.Contains(bare, "/") && name == bare {
		return "", invalid("Parameter name must be a fully qualified name.")
	}
	if strings.HasSuffix(name, "/") {
		return "", invalid("Parameter name must not end with slash.")
	}
	levels := 0
	for level := range strings.SplitSeq(bare, "/") {
		if levels++; level == "" || !plain(level) {
			return "", invalid(badName)
		}
	}
	if levels > maxLevels {
		return "", refuse("HierarchyLevelLimitExceededException", "Parameter hierarchies are limited to a maximum depth of %d levels.", maxLevels)
	}
	if len(s.arn)+len(bare) > maxARN {
		return "", invalid("Parameter name: the ARN of %d characters is longer than %d.", len(s.arn)+len(bare), maxARN)
	}
	return "/" + bare, nil
}

// plain reports whether a text has letters, digits and . - _ only.
func plain(text string) bool {
	for _, r := range text {
		if !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '-' || r == '_') {
			return false
		}
	}
	return true
}

// reported returns a name as listings and events show it: one of a single
// level without its slash. That events do is AWS's sample in
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html;
// that DescribeParameters does was reported for the Terraform provider
// (https://github.com/hashicorp/terraform-provider-aws/issues/49116).
func reported(name string) string {
	if strings.LastIndexByte(name, '/') == 0 {
		return name[1:]
	}
	return name
}

// parameterARN has one slash after "parameter", whatever the name.
func (s *Store) parameterARN(name string) string { return s.arn + name[1:] }

// reference is a name as a read gives it: a name or an ARN, with or without a
// selector (SDK, GetParameterInput.Name).
type reference struct {
	name     string // with a leading slash
	shown    string // the form to answer with
	selector string // with its colon, "" without one
	foreign  bool   // an ARN of another account or Region
}

// reference reads what a read operation was given as a name.
func (s *Store) reference(given string, selectors bool) (reference, error) {
	trimmed := strings.Trim(given, " ")
	var ref reference
	rest := trimmed
	isARN := strings.HasPrefix(trimmed, "arn:")
	if isARN {
		prefix, after, found := strings.Cut(trimmed, ":parameter/")
		if !found {
			return ref, invalid("%q is not the ARN of a parameter", trimmed)
		}
		ref.foreign = prefix+":parameter/" != s.arn
		if rest = after; strings.Contains(after, "/") {
			rest = "/" + after
		}
	}
	rest, selector, selected := strings.Cut(rest, ":")
	if selected {
		if !selectors || selector == "" || strings.Contains(selector, ":") {
			return ref, invalid("%q is not a parameter name", trimmed)
		}
		ref.selector = ":" + selector
	}
	if strings.HasPrefix(rest, "/aws/") { // public parameters, of which there are none here
		ref.name, ref.shown = rest, rest
		return ref, nil
	}
	if strings.Contains(rest, "/") && rest[0] != '/' {
		// Reads say it in other words than writes: test_hierarchical_parameter in
		// https://github.com/localstack/localstack, tests/aws/services/ssm,
		// validated on AWS.
		return ref, invalid(badName)
	}
	name, err := s.canonical(rest)
	if err != nil {
		return ref, err
	}
	// An answer echoes the form that was asked for; an ARN leads to the name
	// as listings report it.
	ref.name, ref.shown = name, rest
	return ref, nil
}

// choose returns the version that a reference means.
func (ref reference) choose(st *state) (*version, error) {
	if ref.selector == "" {
		return st.latest(), nil
	}
	selector := ref.selector[1:]
	number, err := strconv.ParseInt(selector, 10, 64)
	if err != nil { // labels do not begin with a digit
		number = st.labels[selector]
	}
	if v := st.numbered(number); v != nil {
		return v, nil
	}
	return nil, refuse("ParameterVersionNotFound", "Systems Manager could not find version %s of %s. Verify the version and try again.", selector, ref.shown)
}

// notFound has no text: recorded in https://github.com/localstack/localstack,
// tests/aws/services/cloudformation/engine/test_deletion_policy.snapshot.json.
func notFound() error { return refuse("ParameterNotFound", "") }
