package stackcli

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ssmbak/ssmbak/internal/stack"
)

// valued is the value of a flag, and what its help calls that.
type valued struct {
	pflag.Value
	what string
}

// Type returns what the help shows after the flag.
func (v valued) Type() string { return v.what }

// valueOf returns what the help calls the value of a setting.
func valueOf(s stack.Setting) string {
	switch s.Name {
	case "bucket":
		return "BUCKET"
	case "pointer":
		return "NAME"
	case "exclude":
		return "PATTERN"
	case "email":
		return "ADDRESS"
	case "schedule":
		return "EXPRESSION"
	case "admin", "decrypt-by", "key-arn", "topic-arn":
		return "ARN"
	case "encryption", "value-header", "index-header", "lock-mode", "log-level", "architecture":
		return "WORD"
	}
	return "N"
}

const exitCodes = `
Exit codes:
  0    done
  1    failed; for status: not as it should be
  130  interrupted: CloudFormation goes on with what it began
  252  wrong usage
`

// help is the page of the command, or that of the COMMAND among the words.
func (a *app) help(words []string) string {
	for _, word := range words {
		if do, ok := actionOf(word); ok {
			return a.helpOf(do)
		}
	}
	var b strings.Builder
	b.WriteString(`ssmbak-stack creates and keeps the CloudFormation stack that records every change
of every SSM parameter in a versioned bucket. The bucket and its key outlive the
stack: no command deletes a backup.

Usage:
  ssmbak-stack NAME COMMAND [flags]

Commands:
`)
	for _, x := range actions() {
		fmt.Fprintf(&b, "  %-11s %s\n", x.name, x.short)
	}
	b.WriteString(`
Examples:
  ssmbak-stack ssmbak create
  ssmbak-stack ssmbak update --memory 512 --change-set
  aws logs tail /aws/lambda/$(ssmbak-stack ssmbak lambdaname)
`)
	a.writeFlags(&b, "Flags of every command", everywhere[:6], true)
	b.WriteString("\n`ssmbak-stack COMMAND --help` shows the flags of a command.\n" + exitCodes)
	return b.String()
}

// helpOf is the page of one COMMAND.
func (a *app) helpOf(do action) string {
	var b strings.Builder
	text := do.long
	if text == "" {
		text = "Print " + do.short + "."
	}
	name := "NAME "
	if do.alone {
		name = "[NAME] "
	}
	fmt.Fprintf(&b, "%s\n\nUsage:\n  ssmbak-stack %s%s [flags]\n\nExamples:\n%s\n", text, name, do.name, do.examples)
	if do.settings {
		for _, group := range stack.Groups {
			var names []string
			for _, s := range stack.Settings() {
				if s.Group == group {
					names = append(names, s.Name)
					if s.Name == "pointer" {
						names = append(names, "no-pointer")
					}
				}
			}
			a.writeFlags(&b, group, names, do.name == "create")
		}
	}
	var others []string
	for _, name := range do.flags {
		if name != "no-pointer" {
			others = append(others, name)
		}
	}
	a.writeFlags(&b, "Flags", others, true)
	a.writeFlags(&b, "Flags of every command", everywhere[:6], true)
	b.WriteString(exitCodes)
	return b.String()
}

// writeFlags writes flags under a title. Their defaults count where nothing is
// there yet.
func (a *app) writeFlags(b *strings.Builder, title string, names []string, defaults bool) {
	if len(names) == 0 {
		return
	}
	flags := pflag.NewFlagSet(title, pflag.ContinueOnError)
	flags.SortFlags = false
	for _, name := range names {
		flag := *a.cmd.Flags().Lookup(name)
		if text := flag.DefValue; defaults && text != "" && text != "false" {
			flag.Usage += " (default " + text + ")"
		}
		flag.DefValue = "" // pflag would leave out a 0
		flags.AddFlag(&flag)
	}
	fmt.Fprintf(b, "\n%s:\n%s", title, flags.FlagUsages())
}
