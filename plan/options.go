package plan

import (
	"fmt"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/timeline"
)

// Options are the options of a plan. The zero value restores in place what is certain.
// As JSON they are part of a [Document].
type Options struct {
	// AssumeLastKnown restores the last known state of a parameter whose state is
	// unknown. A parameter without a last known state is still skipped.
	AssumeLastKnown bool `json:"assumeLastKnown,omitempty"`
	// Exact also deletes parameters that were created after the restored time, which are
	// kept otherwise.
	Exact bool `json:"exact,omitempty"`
	// Replace deletes and recreates a parameter that cannot be restored in place: from
	// the advanced tier to the standard tier, or if Parameter Store refuses a change of
	// the type or data type. Its version numbers then start at 1 again, and it does not
	// exist for 30 seconds. A revert does not replace a parameter that would lose a label
	// which is not taken back.
	Replace bool `json:"replace,omitempty"`
	// Own includes the parameters that contain the name of ssmbak's bucket. They are
	// skipped otherwise, unless the target is the name of one of them.
	Own bool `json:"own,omitempty"`
	// Version is the version that is restored instead of the state at a time, nil for
	// none. Its target must be one parameter. Tags and labels are not changed.
	Version *timeline.Ref `json:"version,omitempty"`
	// To restores to copies below this path instead of in place: the parameters below
	// the target's path, or the target itself. Other parameters there are deleted only
	// if Exact is set.
	To string `json:"to,omitempty"`
	// Only restricts the plan to parameters that match one of these patterns, and
	// Exclude skips those that match one; see package pattern. With To, the recorded
	// names are matched.
	Only    []string `json:"only,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
	// Principals restricts a revert to what principals that match one of these patterns
	// changed, see [pattern.MatchPrincipal]: a parameter that another principal, or an unknown
	// one, changed in between is a conflict. It has no effect on a restore.
	Principals []string `json:"by,omitempty"`
	// KeyID is the KMS key for every SecureString that is written, instead of the
	// recorded one. A parameter that differs in nothing but this key is not written. In a
	// revert it is the key of every SecureString whose value or existence is taken back.
	KeyID string `json:"keyId,omitempty"`
	// KeyMap are the KMS keys for SecureStrings by their recorded keys, as those were
	// recorded: an ID, an ARN or an alias. KeyID is for all others.
	KeyMap map[string]string `json:"keyMap,omitempty"`
}

// UnmatchedError reports a pattern of [Options.Only] or [Options.Exclude] that matches no
// parameter of the target, or that all parameters are excluded.
type UnmatchedError struct {
	// Pattern is the pattern that matches nothing, or "" if every pattern matches but
	// all parameters are excluded.
	Pattern string
	// Excludes says that Pattern is one of [Options.Exclude].
	Excludes bool
	// Names is the number of parameters of the target.
	Names int
}

func (e *UnmatchedError) Error() string {
	names := fmt.Sprintf("%d names", e.Names)
	if e.Names == 1 {
		names = "1 name"
	}
	switch {
	case e.Pattern == "":
		return "--only and --exclude exclude all " + names
	case e.Excludes:
		return fmt.Sprintf("--exclude %q matches none of the %s", e.Pattern, names)
	}
	return fmt.Sprintf("--only %q matches none of the %s", e.Pattern, names)
}

// CheckPatterns returns a [*pattern.Error] for the first invalid pattern.
func (o Options) CheckPatterns() error { return pattern.Check(slices.Concat(o.Only, o.Exclude)...) }

// Includes reports whether [Options.Only] and [Options.Exclude] include the name.
func (o Options) Includes(name ssmbak.Name) bool {
	return !pattern.Any(o.Exclude, name) && (len(o.Only) == 0 || pattern.Any(o.Only, name))
}

// CheckNames returns an [*UnmatchedError] if a pattern matches none of the names, or if
// all names are excluded: a mistyped Exclude would change parameters that it was meant to
// protect. Without names it returns nil.
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
