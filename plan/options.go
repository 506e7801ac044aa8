package plan

import (
	"fmt"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/pattern"
)

// Options decide what a plan does. As JSON they are part of a [File].
type Options struct {
	// AssumeLastKnown acts on the last known state of a parameter whose state
	// is unknown. Where nothing was ever known, there is still nothing to do.
	AssumeLastKnown bool `json:"assumeLastKnown,omitempty"`
	// Exact deletes parameters that did not exist yet at the moment, which are
	// kept otherwise.
	Exact bool `json:"exact,omitempty"`
	// Replace deletes a parameter and creates it again where nothing else brings
	// it back: from the advanced tier to the standard one, and where Parameter
	// Store refuses a change of type. Its version numbers begin at 1 again then,
	// and it is away for 30 seconds.
	Replace bool `json:"replace,omitempty"`
	// Own includes the parameters in which ssmbak, and the original, note the
	// name of the bucket. They are left out otherwise, unless the target is one
	// of them by its name.
	Own bool `json:"own,omitempty"`
	// To restores to other parameters than those that were recorded: what was
	// below the target's path, or the target itself, comes to stand below this
	// path. Nothing there is deleted unless Exact is set.
	To string `json:"to,omitempty"`
	// Only leaves out all parameters but those that one of these patterns
	// matches, and Exclude those that one of these does; see package pattern. With To
	// they are matched with the names that were recorded.
	Only    []string `json:"only,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
	// KeyID is the KMS key of every SecureString that is written, instead of the
	// one that was recorded. A key alone is no reason to write.
	KeyID string `json:"keyId,omitempty"`
}

// UnmatchedError says that [Options.Only] and [Options.Exclude] do not choose
// what they were meant to: one of their patterns matches no name of the target,
// or together they leave none.
type UnmatchedError struct {
	// Pattern is the one that matches nothing, "" if each of them does and
	// together they leave nothing.
	Pattern string
	// Excludes says that it is one of [Options.Exclude].
	Excludes bool
	// Names is how many names there are to choose from.
	Names int
}

func (e *UnmatchedError) Error() string {
	names := fmt.Sprintf("%d names", e.Names)
	if e.Names == 1 {
		names = "1 name"
	}
	switch {
	case e.Pattern == "":
		return "--only and --exclude leave none of the " + names
	case e.Excludes:
		return fmt.Sprintf("--exclude %q matches none of the %s", e.Pattern, names)
	}
	return fmt.Sprintf("--only %q matches none of the %s", e.Pattern, names)
}

// CheckPatterns returns a [*pattern.Error] for the first that cannot be read.
func (o Options) CheckPatterns() error { return pattern.Check(slices.Concat(o.Only, o.Exclude)...) }

// Includes reports whether the patterns leave the name in.
func (o Options) Includes(name ssmbak.Name) bool {
	return !pattern.Any(o.Exclude, name) && (len(o.Only) == 0 || pattern.Any(o.Only, name))
}

// CheckNames returns an [*UnmatchedError] if a pattern matches none of the names,
// or all of them leave none: a mistyped --exclude would change what it was to
// protect. Where there is no name at all, that is what has to be said.
func (o Options) CheckNames(names []ssmbak.Name) error {
	if len(names) == 0 || len(o.Only)+len(o.Exclude) == 0 {
		return nil
	}
	for i, p := range slices.Concat(o.Only, o.Exclude) {
		if !slices.ContainsFunc(names, func(n ssmbak.Name) bool { return pattern.Match(p, n) }) {
			return &UnmatchedError{Pattern: p, Excludes: i >= len(o.Only), Names: len(names)}
		}
	}
	if !slices.ContainsFunc(names, o.Includes) {
		return &UnmatchedError{Names: len(names)}
	}
	return nil
}
