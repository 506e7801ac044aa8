package ssmbakcli

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/export"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

func (a *app) newCompletionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a script that completes command lines in bash, zsh, fish or PowerShell",
		Long: shell.CompletionHelp("ssmbak completion") + `
If the bucket is given by --bucket or SSMBAK_BUCKET, names of parameters, also of
deleted ones, marks, and IDs of restores are completed too, names level by level. That
takes one request (s3:ListBucket) each time and at most half a second. Nothing is
completed if it fails.`,
		Example: "  source <(ssmbak completion bash)",
		Args:    exactly("SHELL"),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.WriteCompletion(cmd.Root(), args[0]) },
	}
}

// complete sets the completion of all flags and arguments: of the latter by their names in
// the usage line, unless the command completes its arguments itself.
func (a *app) complete(root *cobra.Command) {
	a.CompleteFlags(root, map[string]cobra.CompletionFunc{
		"KIND": shell.Fixed(export.Formats),
		"TIME": a.completeTimes, "PREFIX": a.completeNames, "GLOB": a.completeNames,
		"OPERATION": shell.Fixed(operations),
	})
	arguments := map[string]cobra.CompletionFunc{
		"NAME|PATH": a.completeNames, "NAME": a.completeNames, "NAME...": a.completeNames, "PATH": a.completeNames, "TIME": a.completeTimes, "TIME2": a.completeTimes, "FROM": a.completeTimes, "TO": a.completeTimes,
		"ID|last": a.completeRestores, "SHELL": shell.CompleteShells,
	}
	for _, cmd := range root.Commands() {
		if cmd.ValidArgsFunction != nil {
			continue
		}
		usage := strings.Fields(cmd.Use)[1:]
		cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
			if len(args) < len(usage) {
				if complete := arguments[strings.Trim(usage[len(args)], "[].")]; complete != nil {
					return complete(cmd, args, begin)
				}
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
	}
}

// find returns what a completer finds in the bucket that is given by a flag or variable.
func (a *app) find(ctx context.Context, find func(context.Context, archive.Completer) ([]string, error)) []string {
	bucket := cmp.Or(a.flags.bucket, a.Getenv("SSMBAK_BUCKET"))
	if bucket == "" {
		return nil
	}
	return a.Look(ctx, func(ctx context.Context, conn *awsconn.Conn) ([]string, error) {
		return find(ctx, archive.NewCompleter(conn.S3(), bucket, a.flags.owner))
	})
}

func (a *app) completeNames(cmd *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
	if strings.HasPrefix(begin, "arn:") {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := a.find(cmd.Context(), func(ctx context.Context, c archive.Completer) ([]string, error) { return c.Names(ctx, begin) })
	return names, unfinished(names, "/")
}

// unfinished returns the directive not to add a space if one of the words is not complete.
func unfinished(words []string, end string) cobra.ShellCompDirective {
	if slices.ContainsFunc(words, func(word string) bool { return strings.HasSuffix(word, end) }) {
		return cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	return cobra.ShellCompDirectiveNoFileComp
}

// completeTimes completes the words of a TIME, and marks.
func (a *app) completeTimes(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if rest, before := strings.CutPrefix(begin, "before:"); strings.HasPrefix(rest, "@") {
		sign := "@"
		if before {
			sign = "before:@"
		}
		marks, directive := a.completeMarks(cmd, args, rest[1:])
		for i, mark := range marks {
			marks[i] = sign + mark
		}
		return marks, directive
	}
	words, _ := shell.Fixed([]string{"before:", "now", "today", "yesterday"})(cmd, args, begin)
	return words, unfinished(words, ":")
}

// completeMarks completes the name of a mark, without @.
func (a *app) completeMarks(cmd *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
	return a.find(cmd.Context(), func(ctx context.Context, c archive.Completer) ([]string, error) { return c.MarkNames(ctx, begin) }), cobra.ShellCompDirectiveNoFileComp
}

// completeRestores completes the ID of a restore, newest first.
func (a *app) completeRestores(cmd *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
	ids := a.find(cmd.Context(), func(ctx context.Context, c archive.Completer) ([]string, error) { return c.RestoreIDs(ctx, begin) })
	slices.Reverse(ids)
	if strings.HasPrefix("last", begin) {
		ids = append([]string{"last"}, ids...)
	}
	return ids, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}
