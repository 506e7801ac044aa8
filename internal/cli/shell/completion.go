package shell

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ssmbak/ssmbak/internal/awsconn"
)

// A completion script calls the program with the words of the command line each time that
// Tab is pressed. It must not delay the prompt: no error is printed, and the answer takes at
// most completionTime, which leaves the rest of half a second to start the program.
const completionTime = 400 * time.Millisecond

// Completing reports whether the program is called by a completion script, with the words
// after the first argument.
func Completing(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// shells are the shells that have completion.
var shells = []string{"bash", "zsh", "fish", "powershell"}

// CompletionHelp explains how to use the script of a program's completion command. command
// is the program followed by " completion".
func CompletionHelp(command string) string {
	program, _, _ := strings.Cut(command, " ")
	return `Print a script that completes commands, flags, profiles, regions and formats.

  bash        add to ~/.bashrc, with the package bash-completion installed:
                source <(` + command + ` bash)
  zsh         add to ~/.zshrc, after compinit:
                source <(` + command + ` zsh)
  fish        run once:
                ` + command + ` fish > ~/.config/fish/completions/` + program + `.fish
  PowerShell  add to $PROFILE:
                ` + command + ` powershell | Out-String | Invoke-Expression
`
}

// WriteCompletion writes the completion script of a program for a shell.
func (s *Shell) WriteCompletion(root *cobra.Command, name string) error {
	switch name {
	case "bash":
		return root.GenBashCompletionV2(s.Stdout, true)
	case "zsh":
		return root.GenZshCompletion(s.Stdout)
	case "fish":
		return root.GenFishCompletion(s.Stdout, true)
	case "powershell":
		return root.GenPowerShellCompletionWithDesc(s.Stdout)
	}
	return Usage("use "+strings.Join(shells[:3], ", ")+" or "+shells[3], "there is no completion for %q", name)
}

// CompleteShells completes the name of a shell.
func CompleteShells(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	return Fixed(shells)(cmd, args, begin)
}

// CompleteFlags sets the completion of the values of all flags of a command and its
// subcommands: by, for each name of a value that the help shows, such as FORMAT, how it is
// completed. FILE is completed with files, and other values are not completed. The help of
// the command must not be printed after that.
func (s *Shell) CompleteFlags(cmd *cobra.Command, by map[string]cobra.CompletionFunc) {
	known := map[string]cobra.CompletionFunc{
		"REGION": Words(awsconn.Regions), "PROFILE": Words(awsconn.Profiles), "FORMAT": Fixed(s.Formats),
	}
	for _, flags := range []*pflag.FlagSet{cmd.PersistentFlags(), cmd.LocalNonPersistentFlags()} {
		flags.VisitAll(func(f *pflag.Flag) {
			value, usage := pflag.UnquoteUsage(f)
			f.Usage = usage
			complete := by[value]
			if complete == nil {
				complete = known[value]
			}
			if complete == nil {
				complete = cobra.NoFileCompletions
			}
			if f.NoOptDefVal == "" && value != "FILE" {
				_ = cmd.RegisterFlagCompletionFunc(f.Name, complete) // fails if the command completes it itself
			}
		})
	}
	for _, sub := range cmd.Commands() {
		s.CompleteFlags(sub, by)
	}
}

// Fixed returns a completion with words that are known already.
func Fixed[T ~string](words []T) cobra.CompletionFunc {
	return Words(func() []string {
		texts := make([]string, len(words))
		for i, word := range words {
			texts[i] = string(word)
		}
		return texts
	})
}

// Words returns a completion with words.
func Words(words func() []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, begin string) (all []string, _ cobra.ShellCompDirective) {
		for _, word := range words() {
			if strings.HasPrefix(word, begin) {
				all = append(all, word)
			}
		}
		return all, cobra.ShellCompDirectiveNoFileComp
	}
}

// Look returns what look finds with a connection that never repeats a request, or nil if it
// fails or takes too long.
func (s *Shell) Look(ctx context.Context, look func(context.Context, *awsconn.Conn) ([]string, error)) []string {
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	s.AWS.MaxAttempts = 1
	found := make(chan []string, 1)
	go func() { // not every source of credentials ends with ctx
		conn, err := s.Connect(ctx)
		if err != nil {
			found <- nil
			return
		}
		words, err := look(ctx, conn)
		if err != nil {
			words = nil
		}
		found <- words
	}()
	select {
	case words := <-found:
		return words
	case <-ctx.Done():
		return nil
	}
}
