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
	case "bucket", "code-bucket", "access-log-bucket", "replica-bucket":
		return "BUCKET"
	case "code-bucket-prefix":
		return "PREFIX"
	case "replica-account":
		return "ACCOUNT"
	case "code-key":
		return "KEY"
	case "role-path":
		return "PATH"
	case "code-version", "subnet", "security-group":
		return "ID"
	case "code-sha256":
		return "HEX"
	case "pointer":
		return "NAME"
	case "exclude":
		return "PATTERN"
	case "email":
		return "ADDRESS"
	case "schedule":
		return "EXPRESSION"
	case "verify":
		return "RATE"
	case "verify-sample":
		return "N%"
	case "admin", "reader", "restorer", "marker", "decrypt-by", "key-arn", "topic-arn", "permissions-boundary", "log-key-arn", "queue-key-arn", "topic-key-arn", "replica-key-arn":
		return "ARN"
	case "encryption", "value-header", "index-header", "lock-mode", "log-level", "architecture":
		return "WORD"
	}
	return "N"
}

const exitCodes = `  0    done
  1    failed; for status: something could not be seen
  3    status or a test found a problem
  130  interrupted; CloudFormation continues an operation in progress
  252  wrong usage
`

// Pages returns the help of the program, and of each COMMAND after it.
func Pages() []*shell.Page {
	a := &app{Shell: shell.New("ssmbak-stack", shell.Env{})}
	a.newCommand().InitDefaultHelpFlag() // as when it runs
	pages := []*shell.Page{a.help(nil)}
	for _, do := range actions() {
		pages = append(pages, a.helpOf(do))
	}
	return pages
}

// help returns the help of the program, or of the first COMMAND in words.
func (a *app) help(words []string) *shell.Page {
	for _, word := range words {
		if do, ok := actionOf(word); ok {
			return a.helpOf(do)
		}
	}
	p := &shell.Page{
		Command: "ssmbak-stack", Short: "Manage the CloudFormation stack of ssmbak", Usage: "ssmbak-stack NAME COMMAND [flags]",
		Text: `ssmbak-stack manages the CloudFormation stack that records every change of every SSM
parameter in a versioned bucket. The bucket and its key are kept when the stack is
deleted: no command deletes a backup.`,
	}
	var commands []*shell.Page
	for _, x := range actions() {
		commands = append(commands, &shell.Page{Command: "ssmbak-stack " + x.name, Short: x.short})
	}
	p.Commands(commands)
	p.Section("Examples", `  ssmbak-stack ssmbak create
  ssmbak-stack ssmbak update --memory 512 --change-set
  aws logs tail /aws/lambda/$(ssmbak-stack ssmbak lambdaname)`)
	p.Flags("Flags of every command", a.flagsOf(everywhere[:7], true))
	p.Line("`ssmbak-stack COMMAND --help` shows the flags of a command.")
	p.Section("Exit codes", exitCodes)
	return p
}

// helpOf returns the help of one COMMAND.
func (a *app) helpOf(do action) *shell.Page {
	short := strings.ToUpper(do.short[:1]) + do.short[1:]
	usage := "ssmbak-stack NAME " + do.name + " [flags]"
	if do.alone {
		usage = "ssmbak-stack [NAME] " + do.name + " [flags]"
	}
	p := &shell.Page{Command: "ssmbak-stack " + do.name, Short: short, Text: cmp.Or(do.long, short+"."), Usage: usage}
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
	return p
}

// flagsOf returns the flags with names. Their defaults are shown only if defaults is
// set, since update keeps current settings.
func (a *app) flagsOf(names []string, defaults bool) *pflag.FlagSet {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.SortFlags = false
	for _, name := range names {
		flag := *a.cmd.Flags().Lookup(name)
		if text := flag.DefValue; text != "[]" { // else pflag prints none
			if defaults && text != "" && text != "false" {
				flag.Usage += " (default " + text + ")"
			}
			if flag.DefValue = ""; flag.Value.Type() == "int" { // pflag would omit a default of 0
				flag.DefValue = "0"
			}
		}
		flags.AddFlag(&flag)
	}
	return flags
}
