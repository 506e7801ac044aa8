package ssmbakcli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const rootLong = `ssmbak shows and brings back what AWS SSM Parameter Store held at any moment.
It reads the archive that its recorder keeps in a versioned S3 bucket.`

func (a *app) newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "ssmbak",
		Short: "Point-in-time backup and restore for AWS SSM Parameter Store",
		Long:  rootLong,
		Example: `  ssmbak preview /app/ 2h
  ssmbak diff /app 2024-06-13T20:10:54Z --recursive
  ssmbak restore /app/db '2024-06-13 20:10:54'
  ssmbak demo`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: a.setup,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			hint := "`ssmbak --help` lists the commands"
			if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
				hint = "did you mean `ssmbak " + like[0] + "`?"
			}
			return usage(hint, "there is no command %q", args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			writeHelp(cmd, a.env.Stderr)
			return usage("name a command, for example `ssmbak preview`", "no command is given")
		},
	}
	root.SuggestionsMinimumDistance = 2
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { writeHelp(cmd, a.env.Stdout) })
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("`"+cmd.CommandPath()+" --help` lists the flags", "%s", flagProblem(err))
	})
	f := root.PersistentFlags()
	f.StringVarP(&a.flags.bucket, "bucket", "b", "", "the archive's `BUCKET`; else SSMBAK_BUCKET, else that of the stack SSMBAK_STACKNAME, else the parameter /newvoll/ssmbak/bucketname")
	f.StringVarP(&a.flags.region, "region", "r", "", "the AWS `REGION`")
	f.StringVar(&a.flags.profile, "profile", "", "the `PROFILE` in the AWS configuration")
	f.StringVar(&a.flags.endpoint, "endpoint-url", "", "the `URL` that replaces AWS's own endpoints")
	f.StringVar(&a.flags.owner, "bucket-owner", "", "the `ACCOUNT` that must own the bucket, if it is another than the caller's")
	f.StringVarP(&a.flags.output, "output", "o", "table", "`FORMAT` of the output: table or json")
	f.BoolVar(&a.flags.decrypt, "with-decryption", false, "show the values of SecureStrings")
	f.BoolVarP(&a.flags.verbose, "verbose", "v", false, "log what happens on standard error")
	f.BoolVar(&a.flags.noColor, "no-color", false, "paint nothing, like NO_COLOR")
	root.AddCommand(
		a.newPreviewCommand(), a.newDiffCommand(), a.newRestoreCommand(), a.newUndoCommand(), a.newGetCommand(), a.newLogCommand(),
		a.newReconcileCommand(), a.newReindexCommand(), a.newLocalCommand(), a.newDemoCommand(), a.newVersionCommand(),
	)
	return root
}

// flagProblem says what is wrong with a flag, without the words of the function
// that could not read its value.
func flagProblem(err error) string {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err.Error()
	}
	flag := invalid.GetFlag()
	what := map[string]string{"bool": "neither true nor false", "int": "no whole number", "float64": "no number"}[flag.Value.Type()]
	return fmt.Sprintf("--%s %q is %s", flag.Name, invalid.GetValue(), cmp.Or(what, "no "+flag.Value.Type()))
}

// exactly returns a check that the arguments are those named.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		hint := "`" + cmd.CommandPath() + " --help` shows examples"
		switch {
		case len(args) < len(names):
			return usage(hint, "%s is missing", strings.Join(names[len(args):], " and "))
		case len(args) > len(names):
			return usage(hint, "%q is one argument too many", args[len(names)])
		}
		return nil
	}
}

// writeHelp writes the help of a command. It takes the place of cobra's
// template, which would keep the linker from dropping what is not called.
// https://github.com/spf13/cobra/issues/1956
func writeHelp(cmd *cobra.Command, w io.Writer) {
	var b strings.Builder
	long := cmd.Long
	if long == "" {
		long = cmd.Short
	}
	fmt.Fprintf(&b, "%s\n\nUsage:\n  %s\n", strings.TrimSpace(long), usageLine(cmd))
	if cmd.Example != "" {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", strings.TrimRight(cmd.Example, "\n"))
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\nCommands:\n")
		width := 0
		for _, sub := range cmd.Commands() {
			width = max(width, len(sub.Name()))
		}
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				fmt.Fprintf(&b, "  %-*s  %s\n", width, sub.Name(), sub.Short)
			}
		}
	}
	writeFlags(&b, "Flags", cmd.LocalNonPersistentFlags())
	global := cmd.InheritedFlags()
	if !cmd.HasParent() {
		global = cmd.PersistentFlags()
	}
	writeFlags(&b, "Flags of every command", global)
	b.WriteString("\nExit codes:\n" + exitCodes)
	_, _ = io.WriteString(w, b.String())
}

func usageLine(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return "ssmbak COMMAND [flags]"
	}
	return cmd.UseLine()
}

func writeFlags(b *strings.Builder, title string, flags *pflag.FlagSet) {
	if flags.HasAvailableFlags() {
		fmt.Fprintf(b, "\n%s:\n%s", title, flags.FlagUsages())
	}
}
