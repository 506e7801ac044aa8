package ssmbak

import (
	"fmt"
	"strings"
)

// Name is the name of one parameter in its canonical form: always with one
// leading slash, as in "/app/db" or "/db". Parameter Store treats "db" and
// "/db" as one parameter and reports "db"; only the canonical form maps one to
// one to S3 keys and ARNs. The zero value is no name; build one by [ParseName].
type Name string

// Limits of a parameter name, from the documentation of
// PutParameterInput.Name in the AWS SDK: at most 15 levels, and 1011
// characters including the ARN prefix, whose shortest form
// ("arn:aws:ssm:us-east-1:123456789012:parameter") has 44.
const (
	maxNameLevels = 15
	maxNameLength = 1011 - 44
)

// NameError says why a text is not the name of a parameter or path.
type NameError struct {
	Text   string // what was given
	Reason string // what is wrong with it, a clause without a full stop
	// Name and Selector are set where the text is the name of a parameter with one
	// of GetParameter's selectors, NAME:VERSION or NAME:LABEL.
	Name     Name
	Selector string
}

// Version reports whether the selector is the number of a version. Any other one
// is a label, since none begins with a digit.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-labels.html
func (e *NameError) Version() bool {
	return e.Selector != "" && strings.Trim(e.Selector, "0123456789") == ""
}

func (e *NameError) Error() string {
	return fmt.Sprintf("%q is not a parameter name: %s", e.Text, e.Reason)
}

// ParseName returns the canonical form of a parameter's name, with or without
// a leading slash, or a [*NameError] if Parameter Store would not allow it.
// ParseName(n.String()) returns n for every Name n.
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
		return "", &NameError{Text: text, Reason: "a name with levels begins with a slash: /" + trimmed}
	}
	if len(levels) > maxNameLevels {
		return "", &NameError{Text: text, Reason: fmt.Sprintf("it has %d levels, Parameter Store allows %d", len(levels), maxNameLevels)}
	}
	if len(trimmed)+1 > maxNameLength {
		return "", &NameError{Text: text[:40] + "...", Reason: fmt.Sprintf("it is longer than Parameter Store's %d characters", maxNameLength)}
	}
	for _, level := range levels {
		if level == "" {
			return "", &NameError{Text: text, Reason: "two slashes stand together"}
		}
		for _, r := range level {
			if !allowedInName(r) {
				return "", &NameError{Text: text, Reason: fmt.Sprintf("%q is not allowed, only letters, digits and . - _ between slashes", r)}
			}
		}
	}
	if strings.EqualFold(levels[0], "aws") {
		return "", &NameError{Text: text, Reason: "names under /aws belong to AWS and are not recorded"}
	}
	return Name("/" + trimmed), nil
}

func allowedInName(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '-' || r == '_'
}

// String returns the canonical form.
func (n Name) String() string { return string(n) }

// Target is what a command or a library call is aimed at: one parameter, the
// direct children of a path, or everything below it. The zero value is not
// useful; build one by [ParseTarget].
//
// A text with a trailing slash, or with recursive set, is a path. A text
// without either is the parameter of that name where there is one, else the
// path: see [Target.Resolve]. A path never matches the parameter named like
// the path itself, as in GetParametersByPath, and never a mere string prefix:
// "/app/db" says nothing about "/app/db2".
type Target struct {
	base      string // without trailing slash; "" is the root
	slash     bool
	recursive bool
}

// ParseTarget reads the NAME|PATH argument of a command. "/" is the root path.
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
	return Target{base: string(name), slash: base != text, recursive: recursive}, nil
}

// NameTarget returns the target that is exactly this parameter.
func NameTarget(n Name) Target { return Target{base: string(n)} }

// Prefix is what every name below the path begins with; it ends with a slash.
func (t Target) Prefix() string { return t.base + "/" }

// Recursive reports whether all levels below the path are meant.
func (t Target) Recursive() bool { return t.recursive }

// Root reports whether the target is the whole of Parameter Store or its
// first level.
func (t Target) Root() bool { return t.base == "" }

// Name returns the parameter of exactly this name and whether the target could
// mean it: true for any text without a trailing slash.
func (t Target) Name() (Name, bool) {
	return Name(t.base), !t.slash && t.base != ""
}

// Below reports whether n lies below the path: a direct child, or with
// recursive a descendant of any depth.
func (t Target) Below(n Name) bool {
	rest, ok := strings.CutPrefix(string(n), t.Prefix())
	if !ok || rest == "" {
		return false
	}
	return t.recursive || !strings.Contains(rest, "/")
}

// Resolve chooses between the two readings of a text without a trailing
// slash. named says that the parameter of exactly this name is or was known,
// below that something below the path is. Without recursive the parameter is
// meant if it is known, else the path; with recursive the path is meant unless
// only the parameter is known. The answer's one is true if the parameter is
// meant.
func (t Target) Resolve(named, below bool) (one bool) {
	if _, possible := t.Name(); !possible || !named {
		return false
	}
	return !t.recursive || !below
}

// String returns the target as a command takes it, without the flag for
// recursive.
func (t Target) String() string {
	if t.slash {
		return t.base + "/"
	}
	return t.base
}
