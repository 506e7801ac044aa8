package ssmbakcli

import (
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// duration matches a duration.
var duration = regexp.MustCompile(`^(\d+[wdhms])+$`)

// flagHint returns what to type instead of an invalid flag.
func flagHint(cmd *cobra.Command, err error) string {
	if unknown := new(pflag.NotExistError); errors.As(err, &unknown) {
		if ago := unknown.GetSpecifiedShortnames(); duration.MatchString(ago) {
			return "for a duration before now use " + ago
		}
		if instead := notReverted[unknown.GetSpecifiedName()]; instead != "" && cmd.Name() == "revert" {
			return instead
		}
		if like := shell.SimilarFlag(cmd.Flags(), unknown.GetSpecifiedName()); like != "" {
			return "did you mean --" + like + "?"
		}
		if others := commandsWith(cmd.Root(), unknown.GetSpecifiedName()); len(others) > 0 {
			return "it is a flag of " + strings.Join(others, ", ")
		}
	}
	if missing := new(pflag.ValueRequiredError); errors.As(err, &missing) && missing.GetFlag().Name == "region" {
		return recursiveHint
	}
	return "`" + cmd.CommandPath() + " --help` lists the flags"
}

// commandsWith returns the names of the commands that have a flag.
func commandsWith(root *cobra.Command, flag string) (names []string) {
	for _, cmd := range root.Commands() {
		if cmd.LocalNonPersistentFlags().Lookup(flag) != nil {
			names = append(names, cmd.Name())
		}
	}
	return names
}

// recursiveHint is the hint for -r, which is --region as in other tools of AWS.
const recursiveHint = "-r is --region; for --recursive use -R"

// checkRegion returns an error if --region has a name or a TIME, because -r was given
// instead of -R.
func checkRegion(cmd *cobra.Command) error {
	f := cmd.Flag("region")
	if f == nil || !f.Changed {
		return nil
	}
	text := f.Value.String()
	if isTime(text) || strings.HasPrefix(text, "/") || strings.HasPrefix(text, "-") {
		return shell.Usage(recursiveHint, "%q is not a region", text)
	}
	return nil
}

// swapped returns an error if the first argument is a TIME and the second is not, but can be
// a name or a path.
func swapped(args []string) error {
	if len(args) < 2 || strings.HasPrefix(args[0], "/") || !isTime(args[0]) || isTime(args[1]) {
		return nil
	}
	if _, err := ssmbak.ParseTarget(args[1], false); err != nil {
		return nil
	}
	return shell.Usage("swap them: "+shell.Quote(args[1])+" "+shell.Quote(args[0]), "%q is a time, and %q a name or a path", args[0], args[1])
}

// isTime reports whether a text is a TIME, in the future too, or a mark.
func isTime(text string) bool {
	if m, ok := marked(text); ok {
		return archive.ValidMarkName(m.mark)
	}
	const day = 24 * time.Hour
	_, err := ssmbak.ParsePoint(text, time.Now().Truncate(day).Add(day-time.Millisecond), time.UTC)
	return err == nil
}
