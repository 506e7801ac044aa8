package shell

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// SimilarFlag returns the name of the flag that differs from a mistyped one in the fewest
// letters, or "" if all differ in more than two.
func SimilarFlag(flags *pflag.FlagSet, name string) string {
	var names []string
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	return Similar(names, name)
}

// Similar returns the word that differs from a mistyped one in the fewest letters. If all
// differ in more than two, it is the only word that begins with it, or "".
func Similar(words []string, mistyped string) (like string) {
	least := 3
	if len(mistyped) < 4 {
		least = 2
	}
	for _, word := range words {
		if d := Distance(mistyped, word); d < least {
			least, like = d, word
		}
	}
	if like != "" || len(mistyped) < 3 {
		return like
	}
	for _, word := range words {
		switch {
		case !strings.HasPrefix(word, mistyped):
		case like != "":
			return ""
		default:
			like = word
		}
	}
	return like
}

// oneDash returns an error for a long flag with one dash, which would be read as several
// short ones: -recursive as --region ecursive.
func oneDash(root *cobra.Command, args []string) error {
	if Completing(args) {
		return nil
	}
	long := make(map[string]bool)
	for _, cmd := range append(root.Commands(), root) {
		for _, flags := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
			flags.VisitAll(func(f *pflag.Flag) { long[f.Name] = true })
		}
	}
	for _, arg := range args {
		if arg == "--" {
			return nil
		}
		name, dashed := strings.CutPrefix(arg, "-")
		name, _, _ = strings.Cut(name, "=")
		if dashed && len(name) > 1 && long[name] {
			return Usage("did you mean --"+name+"?", "%s has one dash", "-"+name)
		}
	}
	return nil
}

// Distance returns the number of letters to insert, remove or replace to make b of a.
func Distance(a, b string) int {
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
