package stackcli

import (
	"cmp"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/stack"
)

// valued is the value of a flag with another name of its type.
type valued struct {
	pflag.Value
	what string
}

// Type returns the name that the help shows after the flag.
func (v valued) Type() string { return v.what }

// valueOf returns the name of a setting's value in the help.
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
	case "admin", "reader", "restorer", "marker", "decrypt-by", "key-arn", "topic-arn":
		return "ARN"
	case "encryption", "value-header", "index-header", "lock-mode", "log-level", "architecture":
		return "WORD"
	}
	return "N"
}

const exitCodes = `  0    done
  1    failed; for status: there is a problem
  3    the test found a problem
  130  interrupted; CloudFormation continues an operation in progress
  252  wrong usage
`

// help returns the help of the program, or of the first COMMAND in words.
func (a *app) help(words []string) string {
	for _, word := range words {
		if do, ok := actionOf(word); ok {
			return a.helpOf(do)
		}
	}
	p := shell.NewPage(`ssmbak-stack manages the CloudFormation stack that records every change of every SSM
parameter in a versioned bucket. The bucket and its key are kept when the stack is
deleted: no command deletes a backup.`, "ssmbak-stack NAME COMMAND [flags]")
	var commands [][2]string
	for _, x := range actions() {
		commands = append(commands, [2]string{x.name, x.short})
	}
	p.Commands(commands)
	p.Section("Examples", `  ssmbak-stack ssmbak create
  ssmbak-stack ssmbak update --memory 512 --change-set
  aws logs tail /aws/lambda/$(ssmbak-stack ssmbak lambdaname)`)
	p.Flags("Flags of every command", a.flagsOf(everywhere[:7], true))
	p.Line("`ssmbak-stack COMMAND --help` shows the flags of a command.")
	p.Section("Exit codes", exitCodes)
	return p.String()
}

// helpOf returns the help of one COMMAND.
func (a *app) helpOf(do action) string {
	name := "NAME "
	if do.alone {
		name = "[NAME] "
	}
	p := shell.NewPage(cmp.Or(do.long, strings.ToUpper(do.short[:1])+do.short[1:]+"."), "ssmbak-stack "+name+do.name+" [flags]")
	p.Section("Examples", do.examples)
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
			p.Flags(group, a.flagsOf(names, do.name == "create"))
		}
	}
	var others []string
	for _, name := range do.flags {
		if name != "no-pointer" {
			others = append(others, name)
		}
	}
	p.Flags("Flags", a.flagsOf(others, true))
	p.Flags("Flags of every command", a.flagsOf(everywhere[:7], true))
	p.Section("Exit codes", exitCodes)
	return p.String()
}

// flagsOf returns the flags with names. Their defaults are shown only if defaults is
// set, since update keeps current settings.
func (a *app) flagsOf(names []string, defaults bool) *pflag.FlagSet {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.SortFlags = false
	for _, name := range names {
		flag := *a.cmd.Flags().Lookup(name)
		if text := flag.DefValue; defaults && text != "" && text != "false" {
			flag.Usage += " (default " + text + ")"
		}
		flag.DefValue = "" // pflag would omit a default of 0
		flags.AddFlag(&flag)
	}
	return flags
}
