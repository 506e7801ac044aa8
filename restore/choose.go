package restore

import (
	"fmt"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/pattern"
)

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

// checkPatterns returns a [*pattern.Error] for the first that cannot be read.
func (o Options) checkPatterns() error { return pattern.Check(slices.Concat(o.Only, o.Exclude)...) }

// chosen reports whether the patterns leave the name in.
func (o Options) chosen(name ssmbak.Name) bool {
	return !pattern.Any(o.Exclude, name) && (len(o.Only) == 0 || pattern.Any(o.Only, name))
}

// checkChosen returns an [*UnmatchedError] if a pattern matches none of the names,
// or all of them leave none: a mistyped --exclude would change what it was to
// protect. Where there is no name at all, that is what has to be said.
func (o Options) checkChosen(names []ssmbak.Name) error {
	if len(names) == 0 || len(o.Only)+len(o.Exclude) == 0 {
		return nil
	}
	for i, p := range slices.Concat(o.Only, o.Exclude) {
		if !slices.ContainsFunc(names, func(n ssmbak.Name) bool { return pattern.Match(p, n) }) {
			return &UnmatchedError{Pattern: p, Excludes: i >= len(o.Only), Names: len(names)}
		}
	}
	if !slices.ContainsFunc(names, o.chosen) {
		return &UnmatchedError{Names: len(names)}
	}
	return nil
}

// checkSubjects is checkChosen for the parameters whose states are restored.
func (o Options) checkSubjects(subjects []*subject) error {
	names := make([]ssmbak.Name, len(subjects))
	for i, s := range subjects {
		names[i] = s.origin
	}
	return o.checkChosen(names)
}
