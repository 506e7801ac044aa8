package stackcli

import (
	"cmp"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/stack"
)

// complete sets the completion of flags and arguments. It sends no requests.
func (a *app) complete() {
	for _, s := range stack.Settings() {
		if choices := s.Choices(); len(choices) > 0 {
			_ = a.cmd.RegisterFlagCompletionFunc(s.Name, shell.Fixed(choices))
		}
	}
	a.CompleteFlags(a.cmd, nil)
	if do, ok := doing(a.Args[1:max(1, len(a.Args)-1)]); ok {
		a.cmd.Flags().VisitAll(func(f *pflag.Flag) { f.Hidden = !do.has(f.Name) })
	}
	a.cmd.ValidArgsFunction = a.completeArguments
}

// doing returns the COMMAND in the words of an incomplete command line: the second that is
// neither a flag nor a NAME, or the first if it needs no NAME.
func doing(words []string) (action, bool) {
	for i, word := range words {
		if do, ok := actionOf(word); ok && (i > 0 || do.alone) {
			return do, true
		}
	}
	return action{}, false
}

func (a *app) completeArguments(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	switch {
	case len(args) == 1 && args[0] == "completion":
		return shell.CompleteShells(cmd, args, begin)
	case len(args) > 1:
		return nil, cobra.ShellCompDirectiveNoFileComp
	case len(args) == 1:
		if do, ok := actionOf(args[0]); ok && do.alone {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
	}
	var words []string
	if len(args) == 0 {
		words = append(words, cmp.Or(a.Getenv("SSMBAK_STACKNAME"), "ssmbak")+"\tNAME of the stack")
	}
	for _, do := range actions() {
		if len(args) == 0 && do.alone || len(args) == 1 && do.name != "completion" {
			words = append(words, do.name+"\t"+do.short)
		}
	}
	return shell.Fixed(words)(cmd, args, begin)
}

// has reports whether the COMMAND has a flag.
func (do action) has(flag string) bool {
	setting := slices.ContainsFunc(stack.Settings(), func(s stack.Setting) bool { return s.Name == flag })
	return slices.Contains(everywhere, flag) || setting && do.settings || slices.Contains(do.flags, flag)
}
