package ssmbakcli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/plan"
)

// logFilter selects changes of the log.
type logFilter struct {
	by, operations, only, exclude []string
	most                          int // the newest ones, 0 for all
}

func (f *logFilter) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.by, "by", nil, "only changes by principals that match this `PATTERN`: alice, 'user/*', a role, or an ARN; may be repeated")
	flags.StringSliceVar(&f.operations, "operation", nil, "only this `OPERATION`: Create, Update, Delete, Tag, Label or Gap; may be repeated")
	flags.StringArrayVar(&f.only, "only", nil, "only parameters that match this `GLOB`, as in restore; may be repeated")
	flags.StringArrayVar(&f.exclude, "exclude", nil, "skip parameters that match this `GLOB`; may be repeated")
	flags.IntVarP(&f.most, "max-count", "n", 0, "only the `N` newest changes, or with --sets sets")
}

// operations are the operations of a log, for --operation.
var operations = []ssmbak.Operation{ssmbak.OpCreate, ssmbak.OpUpdate, ssmbak.OpDelete, ssmbak.OpTag, ssmbak.OpLabel, ssmbak.OpGap}

func (f *logFilter) check() error {
	for _, text := range slices.Concat(f.only, f.exclude) {
		if err := rewritten(text); err != nil {
			return err
		}
	}
	if f.most < 0 {
		return shell.Usage("use a number of changes, such as 10", "--max-count %d must not be negative", f.most)
	}
	for _, text := range f.operations {
		if !slices.ContainsFunc(operations, func(o ssmbak.Operation) bool { return strings.EqualFold(string(o), text) }) {
			return shell.Usage("use Create, Update, Delete, Tag, Label or Gap", "unknown operation %q", text)
		}
	}
	return f.names().CheckPatterns()
}

// names returns the options that select names.
func (f *logFilter) names() plan.Options { return plan.Options{Only: f.only, Exclude: f.exclude} }

// filter returns the changes of the parameters that --only and --exclude include. It is an
// error if a pattern matches no parameter of the target.
func (a *app) filter(ctx context.Context, s *session, o logOptions, changes archive.Changes) (archive.Changes, error) {
	if len(o.only)+len(o.exclude) == 0 {
		return changes, nil
	}
	var names []ssmbak.Name
	if name, possible := o.target.Name(); possible {
		names = append(names, name)
	}
	for name, err := range s.archive.Names(ctx, o.target) {
		if err != nil {
			return archive.Changes{}, err
		}
		names = append(names, name)
	}
	for c := range changes.All() { // legacy ones have no index
		names = append(names, c.Name)
	}
	slices.Sort(names)
	if err := o.names().CheckNames(slices.Compact(names)); err != nil {
		return archive.Changes{}, err
	}
	return changes.Where(func(c ssmbak.Change) bool { return o.names().Includes(c.Name) }), nil
}

// matches reports whether --by and --operation include a change.
func (f *logFilter) matches(c ssmbak.Change) bool {
	return f.isBy(c.By) && (len(f.operations) == 0 || slices.ContainsFunc(f.operations, func(text string) bool { return strings.EqualFold(string(c.Operation), text) }))
}

// isBy reports whether --by includes a principal.
func (f *logFilter) isBy(principal string) bool {
	return len(f.by) == 0 || slices.ContainsFunc(f.by, func(p string) bool { return pattern.MatchPrincipal(p, principal) })
}

// chosen returns the changes to show, in their order. changes are sorted, newest first.
func (o *logOptions) chosen(changes archive.Changes) archive.Changes {
	if len(o.by)+len(o.operations) > 0 {
		changes = changes.Where(o.matches)
	}
	if o.most > 0 {
		changes = changes.First(o.most)
	}
	if o.reverse {
		changes = changes.Reversed()
	}
	return changes
}
