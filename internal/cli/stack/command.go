package stackcli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/stack"
)

// flags are the flags of the program, in addition to those of the shell.
type flags struct {
	yes, noFill, changeSet, downgrade, noPointer, test bool
	code, codePrefix, serviceRole, lockMode, out       string
	lockDays                                           int
	tags                                               []string
	// texts and lists are the flags for the settings of the stack, by name.
	texts map[string]*string
	lists map[string]*[]string
}

// action is one COMMAND.
type action struct {
	name, short    string
	long, examples string // for the help of the COMMAND
	run            func(a *app, ctx context.Context) error
	settings       bool     // whether the settings of the stack are flags of the COMMAND
	flags          []string // other flags
	alone          bool     // whether it needs no stack and therefore no NAME
}

func actions() []action {
	return []action{
		{
			name: "create", short: "create the stack, or resume its creation, and record all parameters",
			long: `Create the stack: a versioned bucket, a queue for events, the recorder and the
reconciler, alarms, and policies for readers and restorers. Its events are printed as
they occur, with times in UTC. At the end, the current parameters are recorded with your
credentials, at the rate of --ssm-rate. The reconciler records those that you may not read,
and all that are left if the command is interrupted or your session ends.

The stack is created in two steps, since the code of the functions is in its own
bucket. If the command is interrupted, run it again to resume the creation. With
--code-bucket and what ` + "`ssmbak-stack publish`" + ` prints, one step is enough.`,
			examples: `  ssmbak-stack ssmbak create
  ssmbak-stack ssmbak create --region eu-west-1 --email ops@example.com --test
  ssmbak-stack ssmbak create --lock-mode governance --lock-days 90
  ssmbak-stack second create --bucket my-archive --no-pointer`,
			run: (*app).create, settings: true, flags: []string{"yes", "no-fill", "test", "code", "no-pointer", "tag", "service-role"},
		},
		{
			name: "update", short: "update the stack to this version and to the given settings; convert a legacy stack",
			long: `Update the stack to this version of ssmbak and to the given settings; other settings
stay unchanged. A stack of the legacy ssmbak is converted in place and keeps its
bucket. Events of the stack are printed as they occur, with times in UTC.

The changes are checked first: an update that would replace or remove the bucket, its
key or its queue is refused. It is not an error if there is nothing to update. An
update by an older version of ssmbak needs confirmation on a terminal, or --downgrade.`,
			examples: `  ssmbak-stack ssmbak update
  ssmbak-stack ssmbak update --memory 512 --change-set
  ssmbak-stack ssmbak update --exclude '/ci/**' --exclude 'tmp-*'
  ssmbak-stack ssmbak update --topic-arn ''`,
			run: (*app).update, settings: true, flags: []string{"yes", "change-set", "downgrade", "code", "no-pointer", "tag", "service-role"},
		},
		{
			name: "publish", short: "put the functions' code and the template into a bucket, for stacks made in one step",
			long: `Put the zips of the functions and the template into a versioned bucket (--code-bucket),
from which ` + "`ssmbak-stack NAME create --code-bucket`" + `, Terraform and StackSets create stacks
in one step, in the bucket's region and in each account that may read it. Objects that
exist are compared, and not written again. The options to use are printed; with
--output json, what the Terraform module takes.`,
			examples: `  ssmbak-stack publish --code-bucket my-artifacts
  ssmbak-stack publish --code-bucket my-artifacts-eu-west-1 --region eu-west-1 --output json > code.json`,
			run: (*app).publish, flags: []string{"code-bucket", "code-prefix"}, alone: true,
		},
		{
			name: "finish", short: "complete a stack that Terraform or another program has created or changed",
			long: `Do what create and update do after CloudFormation has changed the stack, if Terraform,
StackSets or another program changed it: check that the functions run the expected code,
and write the stack's settings into the archive, where ` + "`ssmbak`" + ` reads them. Run it after
each change; it can be repeated.`,
			examples: "  ssmbak-stack ssmbak finish", run: (*app).finish,
		},
		{
			name: "delete", short: "delete the stack; its bucket and key are kept",
			long: `Delete the stack: its queues, rules, functions, roles, policies and alarms. Changes
are no longer recorded. The bucket with the archive and its key are kept; the command
prints their names and how to use them. It needs confirmation on a terminal, or --yes.`,
			examples: "  ssmbak-stack ssmbak delete\n  ssmbak-stack ssmbak delete --yes",
			run:      (*app).delete, flags: []string{"yes"},
		},
		{
			name: "status", short: "show the status, version, queues and coverage of the stack",
			long: `Show the status of the stack in CloudFormation, alone on the first line, and then what
` + "`ssmbak status`" + ` shows: whether bucket, key, functions and queues are healthy, up to when
the archive is complete, and what to do. The exit code is 3 if there is a problem, and
1 if there is none but something could not be seen.`,
			examples: "  ssmbak-stack ssmbak status\n  ssmbak-stack ssmbak status | head -1",
			run:      (*app).status,
		},
		{
			name: "test", short: "test the live pipeline with three parameters, which it creates and removes",
			long: `Test the live pipeline in less than three minutes: create, update, label, tag and delete
the parameters /newvoll/ssmbak/test/1 to 3, wait up to 60 seconds for each change to be
recorded, restore them to a time in between, and compare them with what they were. The
result shows how long each kind of change took to be recorded, and which events this
account does not send.

The parameters are removed however the test ends, and so are those of a killed test, by
the next one. A parameter with one of these names that no test created is never touched.
The exit code is 3 if the test found a problem, and 1 if it could not be made.`,
			examples: "  ssmbak-stack ssmbak test\n  ssmbak-stack ssmbak test --output json",
			run:      (*app).test,
		},
		{
			name: "events", short: "print the events of the stack, oldest first", long: "Print the events of the stack, oldest first, with times in UTC.",
			examples: "  ssmbak-stack ssmbak events | grep FAILED", run: (*app).events,
		},
		{name: "outputs", short: "print the outputs of the stack", examples: "  ssmbak-stack ssmbak outputs --output json", run: (*app).outputs},
		{
			name: "bucketname", short: "print the name of the archive's bucket", run: (*app).bucketname,
			examples: "  ssmbak preview /app/ 2h --bucket $(ssmbak-stack ssmbak bucketname)",
		},
		{
			name: "lambdaname", short: "print the name of the recorder's function", run: (*app).lambdaname,
			examples: "  aws logs tail /aws/lambda/$(ssmbak-stack ssmbak lambdaname)",
		},
		{
			name: "public-key", short: "print the public key with which the archive is signed (--sign on)", run: (*app).publicKey,
			examples: "  ssmbak-stack ssmbak public-key > ssmbak.pem\n  ssmbak preview /app/ 2h --public-key ssmbak.pem",
		},
		{name: "region", short: "print the region", examples: "  ssmbak-stack ssmbak region", run: (*app).region},
		{name: "resources", short: "print the resources of the stack", examples: "  ssmbak-stack ssmbak resources", run: (*app).resources},
		{name: "template", short: "print the CloudFormation template", examples: "  ssmbak-stack ssmbak template > ssmbak.yaml", run: (*app).template, alone: true},
		{
			name: "replica-template", short: "print the CloudFormation template for a copy of the archive in another account or region",
			long: `Print the CloudFormation template for a copy of the archive in another account or
region, which S3 replication keeps: a versioned bucket with Object Lock, its policy for
the stack's role, and a KMS key. Create a stack of it there first, then run the command in
its output UpdateCommand here, which sets --replica-bucket. The stack NAME need not exist
yet; if it does, the copy gets the same lifecycle rules.`,
			examples: `  ssmbak-stack ssmbak replica-template --replica-bucket my-copy --out copy.yaml
  ssmbak-stack ssmbak replica-template --replica-bucket my-copy --copy-lock-mode compliance --copy-lock-days 90`,
			run: (*app).replicaTemplate, flags: []string{"replica-bucket", "copy-lock-mode", "copy-lock-days", "encryption", "expire-days", "index-expire-days", "role-path", "out"},
		},
		{
			name: "redrive", short: "move dead letters back to the queue",
			long: `Move all dead letters, which are changes that could not be recorded, back to the
recorder's queue. Fix the cause first: changes that fail again become dead letters
again. It is harmless if a change is recorded twice.`,
			examples: "  ssmbak-stack ssmbak redrive", run: (*app).redrive,
		},
		{
			name: "completion", short: "print a script that completes command lines in bash, zsh, fish or PowerShell",
			long:     shell.CompletionHelp("ssmbak-stack completion"),
			examples: "  source <(ssmbak-stack completion bash)", alone: true,
			run: func(*app, context.Context) error {
				return shell.Usage("use `ssmbak-stack completion bash`, zsh, fish or powershell", "the name of a shell is missing")
			},
		},
		{name: "version", short: "print the version of ssmbak-stack", examples: "  ssmbak-stack version", run: (*app).version, alone: true},
	}
}

// names returns the names of all COMMANDs.
func names() (all []string) {
	for _, x := range actions() {
		all = append(all, x.name)
	}
	return all
}

func actionOf(name string) (action, bool) {
	all := actions()
	i := slices.IndexFunc(all, func(x action) bool { return x.name == name })
	if i < 0 {
		return action{}, false
	}
	return all[i], true
}

// everywhere are the flags of every COMMAND.
var everywhere = []string{"region", "profile", "endpoint-url", "output", "verbose", "no-color", "version", "help"}

// newCommand returns the program's command. It has no subcommands, since NAME precedes
// COMMAND.
func (a *app) newCommand() *cobra.Command {
	a.cmd = &cobra.Command{
		Use: "ssmbak-stack NAME COMMAND [flags]", SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              cobra.ArbitraryArgs,
		RunE:              a.run,
	}
	f := a.cmd.Flags()
	f.StringVarP(&a.Flags.Region, "region", "r", "", "`REGION` of the stack (default: from the AWS configuration)")
	f.StringVar(&a.Flags.Profile, "profile", "", "`PROFILE` of the AWS configuration")
	f.StringVar(&a.Flags.Endpoint, "endpoint-url", "", "send all requests to this `URL`")
	f.StringVarP((*string)(&a.Flags.Output), "output", "o", string(shell.Table), "`FORMAT` of the output: table or json")
	f.BoolVarP(&a.Flags.Verbose, "verbose", "v", false, "print debug output")
	f.BoolVar(&a.Flags.NoColor, "no-color", false, "disable color")
	shell.VersionFlag(f)
	f.BoolVarP(&a.flags.yes, "yes", "y", false, "do not ask for confirmation")
	f.BoolVar(&a.flags.noFill, "no-fill", false, "do not record the current parameters; the first scheduled reconcile does")
	f.BoolVar(&a.flags.test, "test", false, "then test the pipeline, like the command test")
	f.BoolVar(&a.flags.changeSet, "change-set", false, "only show what would change")
	f.BoolVar(&a.flags.downgrade, "downgrade", false, "allow an update by this older version of ssmbak")
	f.StringVar(&a.flags.code, "code", "", "zip `FILE` of the functions, instead of the embedded or built one")
	f.StringVar(&a.flags.codePrefix, "code-prefix", "ssmbak/", "`PREFIX` of the keys of the published objects")
	f.StringArrayVar(&a.flags.tags, "tag", nil, "tag `KEY=VALUE` of the stack and its resources, instead of the previous ones; can be repeated")
	f.StringVar(&a.flags.serviceRole, "service-role", "", "`ARN` of the role with which CloudFormation changes the stack (default: the previous one, or the caller)")
	f.StringVar(&a.flags.lockMode, "copy-lock-mode", "governance", "Object Lock `MODE` of the copy: governance, compliance, in which no one can delete an object version before its retention ends, or none")
	f.IntVar(&a.flags.lockDays, "copy-lock-days", 30, "retention period of the copy in `DAYS`")
	f.StringVar(&a.flags.out, "out", "", "write to this `FILE`")
	f.BoolVar(&a.flags.noPointer, "no-pointer", false, "the same as --pointer ''")
	a.flags.texts, a.flags.lists = make(map[string]*string), make(map[string]*[]string)
	for _, s := range stack.Settings() {
		if s.List {
			a.flags.lists[s.Name] = f.StringArray(s.Name, nil, s.Help+"; can be repeated")
		} else {
			a.flags.texts[s.Name] = f.String(s.Name, s.Default, s.Help)
		}
		flag := f.Lookup(s.Name)
		flag.Value, flag.DefValue = valued{flag.Value, valueOf(s)}, s.Default
	}
	a.cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) { fmt.Fprint(a.Stdout, a.help(cmd.Flags().Args())) })
	a.cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		hint := "`ssmbak-stack --help` shows all flags"
		if unknown := new(pflag.NotExistError); errors.As(err, &unknown) {
			if like := shell.SimilarFlag(cmd.Flags(), unknown.GetSpecifiedName()); like != "" {
				hint = "did you mean --" + like + "?"
			}
		}
		return shell.Usage(hint, "%s", shell.FlagProblem(err))
	})
	if shell.Completing(a.Args) {
		a.complete()
	}
	return a.cmd
}

// run runs the COMMAND given by the arguments.
func (a *app) run(cmd *cobra.Command, args []string) error {
	if err := a.Setup(); err != nil {
		return err
	}
	if len(args) > 0 && args[0] == "help" {
		fmt.Fprint(a.Stdout, a.help(args[1:]))
		return nil
	}
	if len(args) == 2 && args[0] == "completion" {
		if _, ok := actionOf(args[1]); !ok {
			return a.WriteCompletion(cmd, args[1])
		}
	}
	name, do, err := parse(args)
	if err != nil {
		return err
	}
	if err := a.checkFlags(cmd, do); err != nil {
		return err
	}
	a.name, a.doing = name, do.name
	return do.run(a, cmd.Context())
}

// parse returns NAME and COMMAND.
func parse(args []string) (name string, do action, err error) {
	const all = "`ssmbak-stack --help` shows all commands"
	switch len(args) {
	case 0:
		return "", do, shell.Usage("for example `ssmbak-stack ssmbak create`; "+all, "the stack's NAME and a COMMAND are missing")
	case 1:
		do, ok := actionOf(args[0])
		switch {
		case ok && do.alone:
			return "", do, nil
		case ok:
			return "", do, shell.Usage("for example `ssmbak-stack ssmbak "+do.name+"`", "the stack's NAME is missing")
		}
		return "", do, shell.Usage("for example `ssmbak-stack "+args[0]+" status`; "+all, "a COMMAND after the stack's NAME is missing")
	}
	do, ok := actionOf(args[1])
	switch first, swapped := actionOf(args[0]); {
	case ok && len(args) > 2:
		return "", do, shell.Usage("quote values of flags that contain spaces", "unexpected argument %q", args[2])
	case ok:
		return args[0], do, nil
	case swapped && first.alone:
		return "", do, shell.Usage("`ssmbak-stack "+first.name+"`", "unexpected argument %q", args[1])
	case swapped:
		return "", do, shell.Usage(fmt.Sprintf("`ssmbak-stack %s %s`", args[1], args[0]), "the stack's NAME must precede the COMMAND")
	}
	hint := all
	if like := shell.Similar(names(), args[1]); like != "" {
		hint = "did you mean `ssmbak-stack " + args[0] + " " + like + "`?"
	}
	return "", do, shell.Usage(hint, "unknown command %q", args[1])
}

// checkFlags rejects flags that the COMMAND does not have.
func (a *app) checkFlags(cmd *cobra.Command, do action) error {
	var wrong error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if do.has(f.Name) || wrong != nil {
			return
		}
		wrong = shell.Usage("`ssmbak-stack "+do.name+" --help` shows its flags", "--%s is not a flag of %s", f.Name, do.name)
	})
	return wrong
}

// values returns the settings given by flags.
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
			return nil, shell.Usage("omit one of them", "--pointer and --no-pointer cannot be combined")
		}
		v["pointer"] = []string{""}
	}
	return v, v.Check()
}

// open returns the stack NAME.
func (a *app) open(ctx context.Context) (*stack.Stack, error) {
	conn, err := a.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return a.stack(conn)
}

// openToWrite is like open, for commands that change the stack: it also prints where
// the stack is.
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

var serviceRole = regexp.MustCompile(`^arn:[a-z-]+:iam::[0-9]{12}:role/\S+$`)

func (a *app) stack(conn *awsconn.Conn) (*stack.Stack, error) {
	tags, err := a.tags()
	if err != nil {
		return nil, err
	}
	if role := a.flags.serviceRole; role != "" && !serviceRole.MatchString(role) {
		return nil, shell.Usage("for example --service-role arn:aws:iam::123456789012:role/NAME", "--service-role %s: must be the ARN of a role", role)
	}
	return stack.New(conn, stack.Options{
		Tags: tags, ServiceRole: a.flags.serviceRole,
		Name: a.name, Version: a.env.Version, Event: a.event, Note: func(text string) { a.Note("%s", text) }, Poll: a.env.Poll, Logger: a.Log, Code: a.zip, CodeFile: a.flags.code,
	})
}

// tags returns the tags of --tag, or nil without the flag. One empty value removes all tags.
func (a *app) tags() (map[string]string, error) {
	if !a.cmd.Flags().Changed("tag") {
		return nil, nil
	}
	all := make(map[string]string)
	for _, text := range a.flags.tags {
		if text == "" && len(a.flags.tags) == 1 {
			break
		}
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return nil, shell.Usage("for example --tag team=platform", "--tag %s: must be KEY=VALUE", text)
		}
		// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-resource-tags.html
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return nil, shell.Usage("for example --tag team=platform", "--tag %s: AWS reserves keys that begin with aws:", text)
		}
		all[key] = value
	}
	return all, nil
}
