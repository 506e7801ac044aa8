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
		if like := similarFlag(cmd, unknown.GetSpecifiedName()); like != "" {
			return "did you mean --" + like + "?"
		}
	}
	if missing := new(pflag.ValueRequiredError); errors.As(err, &missing) && missing.GetFlag().Name == "region" {
		return recursiveHint
	}
	return "`" + cmd.CommandPath() + " --help` lists the flags"
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

// swapped returns an error if the first argument is a TIME and the second a name or a path.
func swapped(args []string) error {
	if len(args) < 2 || !strings.HasPrefix(args[1], "/") || strings.HasPrefix(args[0], "/") {
		return nil
	}
	if !isTime(args[0]) {
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

// similarFlag returns the name of the flag that differs from a mistyped one in the fewest
// letters, or "" if all differ in more than two.
func similarFlag(cmd *cobra.Command, name string) (like string) {
	least := 3
	if len(name) < 4 {
		least = 2
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if d := distance(name, f.Name); d < least && !f.Hidden {
			least, like = d, f.Name
		}
	})
	return like
}

// distance returns the number of letters to insert, remove or replace to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
