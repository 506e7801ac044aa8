package stackcli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/stack"
)

// flags are what the command takes besides those of the shell and the settings of
// the stack.
type flags struct {
	yes, noFill, changeSet, downgrade, noPointer bool
	code, codeSHA256                             string
	// texts and lists are the settings of the stack, by name.
	texts map[string]*string
	lists map[string]*[]string
}

// action is one COMMAND.
type action struct {
	name, short string
	// long and examples are for its own help.
	long, examples string
	run            func(a *app, ctx context.Context) error
	// settings says that it takes those of the stack, and flags what else.
	settings bool
	flags    []string
	// alone says that it needs no stack, and so no NAME.
	alone bool
}

func actions() []action {
	return []action{
		{
			name: "create", short: "create the stack, or go on with one that is half made, and fill its archive",
			long: `Create the stack: a bucket that keeps every version, the queue that changes wait
in, the functions that record and compare them, alarms, and policies for those who
read and restore. Its events are printed as they come, their times in UTC. At the
end a reconcile begins to record what Parameter Store holds now.

It goes in two steps, since the code of the functions lies in the stack's own
bucket. Whatever interrupts it, the same command goes on from there.`,
			examples: `  ssmbak-stack ssmbak create
  ssmbak-stack ssmbak create --region eu-west-1 --email ops@example.com
  ssmbak-stack ssmbak create --lock-mode governance --lock-days 90
  ssmbak-stack second create --bucket my-archive --no-pointer`,
			run: (*app).create, settings: true, flags: []string{"yes", "no-fill", "code", "code-sha256", "no-pointer"},
		},
		{
			name: "update", short: "bring it to this version and to the settings that are named; take over one of the original",
			long: `Bring the stack to this version of ssmbak and to the settings that are named; all
others stay as they are. A stack of the original ssmbak is taken over in place, and
its bucket stays. Its events are printed as they come, their times in UTC.

What would change is looked at first: an update that replaces or removes the
bucket, its key or its queue is refused. Nothing to update is no error. An older
ssmbak over a newer one asks on a terminal, or needs --downgrade.`,
			examples: `  ssmbak-stack ssmbak update
  ssmbak-stack ssmbak update --memory 512 --change-set
  ssmbak-stack ssmbak update --exclude '/ci/**' --exclude 'tmp-*'
  ssmbak-stack ssmbak update --topic-arn ''`,
			run: (*app).update, settings: true, flags: []string{"yes", "change-set", "downgrade", "code", "code-sha256", "no-pointer"},
		},
		{
			name: "delete", short: "delete it; its bucket and key stay",
			long: `Delete the stack: its queues, rules, functions, roles, policies and alarms, so that
nothing is recorded any more. The bucket with all that was recorded stays, and the
key that decrypts it; the end says where they are and how to go on with them.
It asks on a terminal, and needs --yes elsewhere.`,
			examples: "  ssmbak-stack ssmbak delete\n  ssmbak-stack ssmbak delete --yes",
			run:      (*app).delete, flags: []string{"yes"},
		},
		{
			name: "status", short: "how it is: the stack, its version, what waits, what failed, up to when the archive is complete",
			long: `Show how the stack is. The first line is CloudFormation's word alone. The exit
code is 1 if something is not as it should be; standard error says what, and what
to type.`,
			examples: "  ssmbak-stack ssmbak status\n  ssmbak-stack ssmbak status | head -1",
			run:      (*app).status,
		},
		{
			name: "events", short: "its events, oldest first", long: "Print the events of the stack, oldest first, their times in UTC.",
			examples: "  ssmbak-stack ssmbak events | grep FAILED", run: (*app).events,
		},
		{name: "outputs", short: "its outputs", examples: "  ssmbak-stack ssmbak outputs --output json", run: (*app).outputs},
		{
			name: "bucketname", short: "the name of the archive's bucket", run: (*app).bucketname,
			examples: "  ssmbak preview /app/ 2h --bucket $(ssmbak-stack ssmbak bucketname)",
		},
		{
			name: "lambdaname", short: "the name of the function that records", run: (*app).lambdaname,
			examples: "  aws logs tail /aws/lambda/$(ssmbak-stack ssmbak lambdaname)",
		},
		{name: "region", short: "the region that is used", examples: "  ssmbak-stack ssmbak region", run: (*app).region},
		{name: "resources", short: "its resources", examples: "  ssmbak-stack ssmbak resources", run: (*app).resources},
		{name: "template", short: "its CloudFormation template", examples: "  ssmbak-stack ssmbak template > ssmbak.yaml", run: (*app).template, alone: true},
		{
			name: "redrive", short: "hand out again what could not be recorded",
			long: `Move all dead letters, which are changes that could not be recorded, back to the
queue of the recorder. Do it once the cause is gone: what fails again becomes a dead
letter again. A change that is recorded twice does no harm.`,
			examples: "  ssmbak-stack ssmbak redrive", run: (*app).redrive,
		},
		{name: "version", short: "the version of ssmbak-stack, which is that of the stacks that it makes", examples: "  ssmbak-stack version", run: (*app).version, alone: true},
	}
}

func actionOf(name string) (action, bool) {
	all := actions()
	i := slices.IndexFunc(all, func(x action) bool { return x.name == name })
	if i < 0 {
		return action{}, false
	}
	return all[i], true
}

// everywhere are the flags that every COMMAND takes.
var everywhere = []string{"region", "profile", "endpoint-url", "output", "verbose", "no-color", "help", "version"}

// newCommand makes the one command. It has no subcommands, since the stack's name
// stands before what is to be done with it.
func (a *app) newCommand() *cobra.Command {
	a.cmd = &cobra.Command{
		Use: "ssmbak-stack NAME COMMAND [flags]", SilenceErrors: true, SilenceUsage: true, Version: a.env.Version,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              cobra.ArbitraryArgs,
		RunE:              a.run,
	}
	f := a.cmd.Flags()
	f.StringVarP(&a.Flags.Region, "region", "r", "", "`REGION` of the stack (default: that of the AWS configuration)")
	f.StringVar(&a.Flags.Profile, "profile", "", "`PROFILE` of the AWS configuration")
	f.StringVar(&a.Flags.Endpoint, "endpoint-url", "", "send all requests to this `URL`")
	f.StringVarP((*string)(&a.Flags.Output), "output", "o", string(shell.Table), "`FORMAT` of the output: table or json")
	f.BoolVarP(&a.Flags.Verbose, "verbose", "v", false, "show what happens below")
	f.BoolVar(&a.Flags.NoColor, "no-color", false, "nothing here is painted; accepted as by ssmbak")
	f.BoolVarP(&a.flags.yes, "yes", "y", false, "do not ask")
	f.BoolVar(&a.flags.noFill, "no-fill", false, "do not record what is there now; the first reconcile by schedule does")
	f.BoolVar(&a.flags.changeSet, "change-set", false, "only show what would change")
	f.BoolVar(&a.flags.downgrade, "downgrade", false, "let this older ssmbak take the stack over")
	f.StringVar(&a.flags.code, "code", "", "zip `FILE` of the functions, instead of the one that this command carries or builds")
	f.StringVar(&a.flags.codeSHA256, "code-sha256", "", "refuse a zip of the functions whose SHA-256 is not this `HEX`")
	f.BoolVar(&a.flags.noPointer, "no-pointer", false, "the same as --pointer ''")
	a.flags.texts, a.flags.lists = make(map[string]*string), make(map[string]*[]string)
	for _, s := range stack.Settings() {
		if s.List {
			a.flags.lists[s.Name] = f.StringArray(s.Name, nil, s.Help+"; may be given again")
		} else {
			a.flags.texts[s.Name] = f.String(s.Name, s.Default, s.Help)
		}
		flag := f.Lookup(s.Name)
		flag.Value, flag.DefValue = valued{flag.Value, valueOf(s)}, s.Default
	}
	a.cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) { fmt.Fprint(a.Stdout, a.help(cmd.Flags().Args())) })
	a.cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return shell.Usage("`ssmbak-stack --help` shows all flags", "%s", shell.FlagProblem(err))
	})
	return a.cmd
}

// run finds out what is to be done, and does it.
func (a *app) run(cmd *cobra.Command, args []string) error {
	if err := a.Setup(); err != nil {
		return err
	}
	if len(args) > 0 && args[0] == "help" {
		fmt.Fprint(a.Stdout, a.help(args[1:]))
		return nil
	}
	name, do, err := called(args)
	if err != nil {
		return err
	}
	if err := a.misplaced(cmd, do); err != nil {
		return err
	}
	a.name, a.doing = name, do.name
	return do.run(a, cmd.Context())
}

// called reads NAME and COMMAND.
func called(args []string) (name string, do action, err error) {
	const all = "`ssmbak-stack --help` shows all commands"
	switch len(args) {
	case 0:
		return "", do, shell.Usage("such as `ssmbak-stack ssmbak create`; "+all, "give the stack's NAME and a COMMAND")
	case 1:
		do, ok := actionOf(args[0])
		switch {
		case ok && do.alone:
			return "", do, nil
		case ok:
			return "", do, shell.Usage("such as `ssmbak-stack ssmbak "+do.name+"`", "the stack's NAME is missing")
		}
		return "", do, shell.Usage("such as `ssmbak-stack "+args[0]+" status`; "+all, "give a COMMAND after the stack's NAME")
	}
	do, ok := actionOf(args[1])
	switch first, swapped := actionOf(args[0]); {
	case ok && len(args) > 2:
		return "", do, shell.Usage("values of flags with spaces in them need quotes", "%q is one argument too many", args[2])
	case ok:
		return args[0], do, nil
	case swapped && first.alone:
		return "", do, shell.Usage("`ssmbak-stack "+first.name+"`", "%q is one argument too many", args[1])
	case swapped:
		return "", do, shell.Usage(fmt.Sprintf("`ssmbak-stack %s %s`", args[1], args[0]), "the stack's NAME comes before the COMMAND")
	}
	return "", do, shell.Usage(all, "there is no command %q", args[1])
}

// misplaced refuses a flag that is not for the COMMAND.
func (a *app) misplaced(cmd *cobra.Command, do action) error {
	var wrong error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		setting := slices.ContainsFunc(stack.Settings(), func(s stack.Setting) bool { return s.Name == f.Name })
		if slices.Contains(everywhere, f.Name) || setting && do.settings || slices.Contains(do.flags, f.Name) || wrong != nil {
			return
		}
		wrong = shell.Usage("`ssmbak-stack "+do.name+" --help` shows what is", "--%s is not for %s", f.Name, do.name)
	})
	return wrong
}

// values are the settings that are named.
func (a *app) values() (stack.Values, error) {
	v := make(stack.Values)
	for name, text := range a.flags.texts {
		if a.cmd.Flags().Changed(name) {
			v[name] = []string{*text}
		}
	}
	for name, list := range a.flags.lists {
		if a.cmd.Flags().Changed(name) {
			v[name] = *list
		}
	}
	if a.flags.noPointer {
		if _, both := v["pointer"]; both {
			return nil, shell.Usage("leave one of them out", "--pointer and --no-pointer exclude each other")
		}
		v["pointer"] = []string{""}
	}
	return v, v.Check()
}

// open returns the stack that is named.
func (a *app) open(ctx context.Context) (*stack.Stack, error) {
	conn, err := a.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return a.stack(conn)
}

// openToWrite is open for what changes the stack: it says first where that is.
func (a *app) openToWrite(ctx context.Context) (*stack.Stack, error) {
	conn, err := a.Connect(ctx)
	if err != nil {
		return nil, err
	}
	s, err := a.stack(conn)
	if err != nil {
		return nil, err
	}
	caller, err := conn.Caller(ctx)
	if err != nil {
		return nil, err
	}
	a.Announce(caller.Account, conn, "stack "+a.name)
	return s, nil
}

func (a *app) stack(conn *awsconn.Conn) (*stack.Stack, error) {
	return stack.New(conn, stack.Options{
		Name: a.name, Version: a.env.Version, Event: a.event, Note: func(text string) { a.Note("%s", text) }, Poll: a.env.Poll, Logger: a.Log, Code: a.zip,
	})
}
