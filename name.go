package ssmbak

import (
	"fmt"
	"strings"
)

// Name is the canonical name of a parameter: always with one leading slash, as in
// "/app/db" or "/db". Parameter Store treats "db" and "/db" as one parameter and
// reports "db"; only the canonical form maps one to one to S3 keys and ARNs. The zero
// value is not a valid name; use [ParseName] to get one.
type Name string

// Limits of a parameter name, from the documentation of
// PutParameterInput.Name in the AWS SDK: at most 15 levels, and 1011
// characters including the ARN prefix, whose shortest form
// ("arn:aws:ssm:us-east-1:123456789012:parameter") has 44.
const (
	maxNameLevels = 15
	maxNameLength = 1011 - 44
)

// NameError reports why a text is not the name of a parameter or a path.
type NameError struct {
	Text   string // the given text
	Reason string // what is wrong with it, in one clause
	// Name and Selector are set if the text is a name with one of GetParameter's
	// selectors, NAME:VERSION or NAME:LABEL.
	Name     Name
	Selector string
}

// Version reports whether the selector is the number of a version. Any other selector
// is a label: labels cannot begin with a digit.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-labels.html
func (e *NameError) Version() bool {
	return e.Selector != "" && strings.Trim(e.Selector, "0123456789") == ""
}

func (e *NameError) Error() string {
	return fmt.Sprintf("%q is not a parameter name: %s", e.Text, e.Reason)
}

// ParseName returns the canonical form of a parameter's name, given with or without a
// leading slash. The error is a [*NameError] if Parameter Store does not allow the
// name. ParseName(n.String()) returns n for every valid Name n.
func ParseName(text string) (Name, error) {
	if strings.HasSuffix(text, "/") {
		return "", &NameError{Text: text, Reason: "it ends with a slash, which makes it a path"}
	}
	name, err := parse(text)
	if err != nil {
		return "", err
	}
	return name, nil
}

func parse(text string) (Name, *NameError) {
	if before, selector, ok := strings.Cut(text, ":"); ok && selector != "" && strings.IndexFunc(selector, func(r rune) bool { return !allowedInName(r) }) < 0 {
		name, err := parse(before)
		if err == nil && !strings.HasSuffix(before, "/") {
			refused := &NameError{Text: text, Name: name, Selector: selector}
			refused.Reason = "it means the version of " + name.String() + " with the label " + selector
			if refused.Version() {
				refused.Reason = "it means version " + selector + " of " + name.String()
			}
			return "", refused
		}
	}
	trimmed := strings.TrimPrefix(text, "/")
	if trimmed == "" {
		return "", &NameError{Text: text, Reason: "it is empty"}
	}
	levels := strings.Split(trimmed, "/")
	if len(levels) > 1 && !strings.HasPrefix(text, "/") {
		return "", &NameError{Text: text, Reason: "a name with levels must begin with a slash: /" + trimmed}
	}
	if len(levels) > maxNameLevels {
		return "", &NameError{Text: text, Reason: fmt.Sprintf("it has %d levels, Parameter Store allows %d", len(levels), maxNameLevels)}
	}
	if len(trimmed)+1 > maxNameLength {
		return "", &NameError{Text: text[:40] + "...", Reason: fmt.Sprintf("it is longer than the %d characters that Parameter Store allows", maxNameLength)}
	}
	for _, level := range levels {
		if level == "" {
			return "", &NameError{Text: text, Reason: "it has two slashes in a row"}
		}
		for _, r := range level {
			if !allowedInName(r) {
				return "", &NameError{Text: text, Reason: fmt.Sprintf("%q is not allowed, use letters, digits and . - _ between slashes", r)}
			}
		}
	}
	if strings.EqualFold(levels[0], "aws") {
		return "", &NameError{Text: text, Reason: "names under /aws belong to AWS and cannot be recorded"}
	}
	return Name("/" + trimmed), nil
}

func allowedInName(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '-' || r == '_'
}

// String returns the canonical form.
func (n Name) String() string { return string(n) }

// Target names the parameters that a command or a call applies to: one parameter,
// the direct children of a path, or everything below it. The zero value is not valid;
// use [ParseTarget] or [NameTarget] to get one.
//
// A text with a trailing slash, or with recursive set, is a path. Any other text is
// the parameter of that name if it exists, else the path: see [Target.Resolve]. As in
// GetParametersByPath, a path does not match the parameter of its own name, and it is
// not a string prefix: "/app/db" does not match "/app/db2".
type Target struct {
	base      string // without trailing slash; "" is the root
	slash     bool
	recursive bool
}

// ParseTarget parses the NAME|PATH argument of a command. "/" is the root path. The
// error is a [*NameError].
func ParseTarget(text string, recursive bool) (Target, error) {
	if text == "/" {
		return Target{slash: true, recursive: recursive}, nil
	}
	base := strings.TrimSuffix(text, "/")
	name, err := parse(base)
	if err != nil {
		err.Text = text
		return Target{}, err
	}
	if (name + "/").Drill() {
		return Target{}, &NameError{Text: text, Reason: "parameters below " + DrillPath + " are those of drills, which are never recorded"}
	}
	return Target{base: string(name), slash: base != text, recursive: recursive}, nil
}

// NameTarget returns the target that is exactly one parameter.
func NameTarget(n Name) Target { return Target{base: string(n)} }

// Prefix returns the prefix of every name below the path. It ends with a slash.
func (t Target) Prefix() string { return t.base + "/" }

// Recursive reports whether the target includes all levels below the path.
func (t Target) Recursive() bool { return t.recursive }

// Root reports whether the target is all of Parameter Store or its first level.
func (t Target) Root() bool { return t.base == "" }

// Name returns the parameter of the target's own name, and whether the target can
// mean it: true for any text without a trailing slash.
func (t Target) Name() (Name, bool) {
	return Name(t.base), !t.slash && t.base != ""
}

// Below reports whether n is below the path: a direct child, or for a recursive target
// a descendant of any depth. No target includes the parameters of drills, see [DrillPath].
func (t Target) Below(n Name) bool {
	rest, ok := strings.CutPrefix(string(n), t.Prefix())
	if !ok || rest == "" || n.Drill() {
		return false
	}
	return t.recursive || !strings.Contains(rest, "/")
}

// Resolve decides whether a text without a trailing slash means one parameter or a
// path. named says that the parameter of exactly this name is or was known, below that
// a parameter below the path is. A target that is not recursive means the parameter if
// it is known, else the path. A recursive target means the path, unless only the
// parameter is known. one is true if the target means the parameter.
func (t Target) Resolve(named, below bool) (one bool) {
	if _, possible := t.Name(); !possible || !named {
		return false
	}
	return !t.recursive || !below
}

// String returns the target as a command takes it, without the recursive flag.
func (t Target) String() string {
	if t.slash {
		return t.base + "/"
	}
	return t.base
}
