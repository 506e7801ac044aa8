package ssmbakcli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

const rootLong = `ssmbak shows and restores the state of AWS SSM Parameter Store at any time in the
past. It uses the archive that its recorder keeps in a versioned S3 bucket.`

func (a *app) newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "ssmbak",
		Short: "Point-in-time backup and restore for AWS SSM Parameter Store",
		Long:  rootLong,
		Example: `  ssmbak log /app --recursive --since 2h --sets
  ssmbak diff /app before:2024-06-13T20:10:54.417Z --recursive
  ssmbak restore /app before:2024-06-13T20:10:54.417Z --recursive
  ssmbak undo last
  ssmbak demo`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			a.Zone = a.zone()
			return a.Setup()
		},
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			hint := "`ssmbak --help` lists the commands"
			if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
				hint = "did you mean `ssmbak " + like[0] + "`?"
			}
			return shell.Usage(hint, "unknown command %q", args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprint(a.Stderr, help(cmd))
			return shell.Usage("give a command, for example `ssmbak preview`", "no command given")
		},
	}
	root.SuggestionsMinimumDistance = 2
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { fmt.Fprint(a.Stdout, help(cmd)) })
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return shell.Usage(flagHint(cmd, err), "%s", shell.FlagProblem(err))
	})
	f := root.PersistentFlags()
	f.StringVarP(&a.flags.bucket, "bucket", "b", "", "the archive's `BUCKET` (default: SSMBAK_BUCKET, or the bucket of the stack SSMBAK_STACKNAME, or the parameter /newvoll/ssmbak/bucketname)")
	f.StringVarP(&a.Flags.Region, "region", "r", "", "the AWS `REGION`")
	f.StringVar(&a.Flags.Profile, "profile", "", "the `PROFILE` of the AWS configuration")
	f.StringVar(&a.Flags.Endpoint, "endpoint-url", "", "the `URL` to use instead of AWS's endpoints")
	f.StringVar(&a.flags.owner, "bucket-owner", "", "the `ACCOUNT` that must own the bucket (default: the caller's)")
	f.StringVar(&a.flags.publicKey, "public-key", "", "call proved only what is signed with the public key in this `FILE`, from `ssmbak-stack NAME public-key` (default: SSMBAK_PUBLIC_KEY, the key itself)")
	f.StringVarP((*string)(&a.Flags.Output), "output", "o", string(shell.Table), "output `FORMAT`: table, json, text (tab-separated) or markdown")
	f.StringSliceVar(&a.flags.columns, "columns", nil, "only these `COLUMNS` of a table, as in Time,Name,By")
	f.BoolVar(&a.flags.decrypt, "with-decryption", false, "show the values of SecureStrings")
	f.BoolVar(&a.flags.localTime, "local-time", false, "read times without a zone as local time, and print times as local time")
	shell.VersionFlag(f)
	f.BoolVarP(&a.Flags.Verbose, "verbose", "v", false, "log to standard error")
	f.BoolVar(&a.Flags.NoPager, "no-pager", false, "do not show long output of log in SSMBAK_PAGER, PAGER or less")
	f.BoolVar(&a.Flags.NoColor, "no-color", false, "disable color, like NO_COLOR")
	root.AddCommand(
		a.newPreviewCommand(), a.newDiffCommand(), a.newRestoreCommand(), a.newRevertCommand(), a.newUndoCommand(), a.newGetCommand(), a.newExportCommand(), a.newLogCommand(),
		a.newMarkCommand(), a.newReconcileCommand(), a.newReindexCommand(), a.newRedactCommand(), a.newVerifyCommand(), a.newDrillCommand(), a.newStatusCommand(), a.newUICommand(), a.newLocalCommand(), a.newDemoCommand(), a.newCompletionCommand(),
		a.newVersionCommand(),
	)
	if shell.Completing(a.Args) {
		a.complete(root)
	}
	return root
}

// exactly returns a check that there is one argument for each name.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		hint := "`" + cmd.CommandPath() + " --help` shows examples"
		if err := checkRegion(cmd); err != nil {
			return err
		}
		if err := swapped(args); err != nil {
			return err
		}
		if err := oneArgument(args); err != nil {
			return err
		}
		switch {
		case len(args) < len(names):
			return shell.Usage(hint, "%s %s missing", strings.Join(names[len(args):], " and "), shell.Plural(len(names)-len(args), "is", "are"))
		case len(args) > len(names):
			return shell.Usage(hint, "unexpected argument %q", args[len(names)])
		}
		return nil
	}
}

// optionalPath checks that there is at most one argument, a PATH.
func optionalPath(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return exactly("PATH")(cmd, args)
}

// Pages returns the help of the program, and of each of its commands after it.
func Pages() []*shell.Page {
	a := &app{Shell: shell.New("ssmbak", shell.Env{})}
	root := a.newRootCommand()
	pages := []*shell.Page{help(root)}
	for _, cmd := range root.Commands() {
		cmd.InitDefaultHelpFlag() // as when it runs
		pages = append(pages, help(cmd))
	}
	return pages
}

// help returns the help of a command.
func help(cmd *cobra.Command) *shell.Page {
	p := &shell.Page{Command: cmd.CommandPath(), Short: cmd.Short, Text: cmp.Or(cmd.Long, cmd.Short), Usage: cmd.UseLine()}
	global := cmd.InheritedFlags()
	if !cmd.HasParent() {
		p.Usage, global = "ssmbak COMMAND [flags]", cmd.PersistentFlags()
	}
	p.Section("Examples", cmd.Example)
	var commands []*shell.Page
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			commands = append(commands, &shell.Page{Command: sub.CommandPath(), Short: sub.Short})
		}
	}
	p.Commands(commands)
	p.Flags("Flags", cmd.LocalNonPersistentFlags())
	p.Flags("Flags of every command", global)
	p.Section("Exit codes", exitCodes)
	return p
}
