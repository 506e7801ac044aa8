package restore

import (
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/pattern"
)

// checkPatterns returns a [*pattern.Error] for the first that cannot be read.
func (o Options) checkPatterns() error { return pattern.Check(slices.Concat(o.Only, o.Exclude)...) }

// chosen reports whether the patterns leave the name in.
func (o Options) chosen(name ssmbak.Name) bool {
	return !pattern.Any(o.Exclude, name) && (len(o.Only) == 0 || pattern.Any(o.Only, name))
}
