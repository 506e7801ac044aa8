package stackcli

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/stack"
	"github.com/ssmbak/ssmbak/stack/code"
)

// flags are what the command takes besides the settings of the stack.
type flags struct {
	region, profile, endpoint, output            string
	verbose, noColor                             bool
	yes, noFill, changeSet, downgrade, noPointer bool
	code                                         string
}

// action is one COMMAND.
type action struct {
	name, short string
	run         func(a *app, ctx context.Context) error
	// settings says that it takes those of the stack, and flags what else.
	settings bool
	flags    []string
}

func actions() []action {
	return []action{
		{"create", "create the stack, or go on with one that is half made, and fill its archive", (*app).create, true, []string{"no-fill", "code", "no-pointer"}},
		{"update", "bring it to this version and to the settings that are named; take over one of the original", (*app).update, true, []string{"code", "change-set", "downgrade", "yes", "no-pointer"}},
		{"delete", "delete it; its bucket and key stay", (*app).delete, false, []string{"yes"}},
		{"status", "how it is: the stack, its version, what waits, what failed, up to when the archive is complete", (*app).status, false, nil},
		{"events", "its events, oldest first", (*app).events, false, nil},
		{"outputs", "its outputs", (*app).outputs, false, nil},
		{"bucketname", "the name of the archive's bucket", (*app).bucketname, false, nil},
		{"lambdaname", "the name of the function that records", (*app).lambdaname, false, nil},
		{"region", "the region that is used", (*app).region, false, nil},
		{"resources", "its resources", (*app).resources, false, nil},
		{"template", "its CloudFormation template", (*app).template, false, nil},
		{"redrive", "hand out again what could not be recorded", (*app).redrive, false, nil},
	}
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
	f.StringVarP(&a.flags.region, "region", "r", "", "region of the stack (default: that of the AWS configuration)")
	f.StringVar(&a.flags.profile, "profile", "", "profile of the AWS configuration")
	f.StringVar(&a.flags.endpoint, "endpoint-url", "", "send all requests there")
	f.StringVarP(&a.flags.output, "output", "o", "table", "table or json")
	f.BoolVarP(&a.flags.verbose, "verbose", "v", false, "show what happens below")
	f.BoolVar(&a.flags.noColor, "no-color", false, "nothing here is painted; accepted as by ssmbak")
	f.BoolVarP(&a.flags.yes, "yes", "y", false, "do not ask")
	f.BoolVar(&a.flags.noFill, "no-fill", false, "do not record what is there now; the first reconcile by schedule does")
	f.BoolVar(&a.flags.changeSet, "change-set", false, "only show what would change")
	f.BoolVar(&a.flags.downgrade, "downgrade", false, "let this older ssmbak take the stack over")
	f.BoolVar(&a.flags.noPointer, "no-pointer", false, "the same as --pointer ''")
	f.StringVar(&a.flags.code, "code", "", "zip of the functions, instead of the one that this command carries or builds")
	for _, s := range stack.Settings() {
		if s.List {
			f.StringArray(s.Name, nil, s.Help)
		} else {
			f.String(s.Name, s.Default, s.Help)
		}
	}
	a.cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) { fmt.Fprint(cmd.OutOrStdout(), a.help()) })
	a.cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return usage("`ssmbak-stack --help` shows all flags", "%v", err)
	})
	return a.cmd
}

// help is the whole of it, on one page.
func (a *app) help() string {
	var b strings.Builder
	b.WriteString("ssmbak-stack creates and keeps the CloudFormation stack that records every change\nof every SSM parameter in a versioned bucket.\n\nUsage:\n  ssmbak-stack NAME COMMAND [flags]\n\nCommands:\n")
	for _, x := range actions() {
		fmt.Fprintf(&b, "  %-11s %s\n", x.name, x.short)
	}
	b.WriteString("\nExamples:\n  ssmbak-stack ssmbak create\n  ssmbak-stack ssmbak update --memory 512 --change-set\n  aws logs tail /aws/lambda/$(ssmbak-stack ssmbak lambdaname)\n")
	set := func(title string, names []string) {
		fs := pflag.NewFlagSet(title, pflag.ContinueOnError)
		fs.SortFlags = false
		for _, name := range names {
			fs.AddFlag(a.cmd.Flags().Lookup(name))
		}
		fmt.Fprintf(&b, "\n%s:\n%s", title, fs.FlagUsages())
	}
	set("Flags", []string{"region", "profile", "endpoint-url", "output", "verbose", "no-color"})
	set("Flags of create, update and delete", []string{"yes", "no-fill", "change-set", "downgrade", "code", "no-pointer"})
	for _, group := range stack.Groups {
		var names []string
		for _, s := range stack.Settings() {
			if s.Group == group {
				names = append(names, s.Name)
			}
		}
		set("Settings for create and update: "+strings.ToLower(group[:1])+group[1:], names)
	}
	b.WriteString("\nExit codes:\n  0    done\n  1    failed; for status: not as it should be\n  130  interrupted\n  252  wrong usage\n")
	return b.String()
}

// run finds out what is to be done, and does it.
func (a *app) run(cmd *cobra.Command, args []string) error {
	switch a.flags.output {
	case "table", "json":
	default:
		bad := a.flags.output
		a.flags.output = "table"
		return usage("choose one of table and json", "--output %q is not known", bad)
	}
	if len(args) < 2 {
		return usage("such as `ssmbak-stack ssmbak create`; `ssmbak-stack --help` shows all commands", "give the stack's NAME and a COMMAND")
	}
	all := actions()
	i := slices.IndexFunc(all, func(x action) bool { return x.name == args[1] })
	if i < 0 {
		if slices.ContainsFunc(all, func(x action) bool { return x.name == args[0] }) {
			return usage(fmt.Sprintf("such as `ssmbak-stack %s %s`", args[1], args[0]), "the stack's NAME comes before the COMMAND")
		}
		return usage("`ssmbak-stack --help` shows all commands", "there is no command %q", args[1])
	}
	do := all[i]
	if len(args) > 2 {
		return usage("values of flags with spaces in them need quotes", "%q is one argument too many", args[2])
	}
	var wrong error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		setting := slices.ContainsFunc(stack.Settings(), func(s stack.Setting) bool { return s.Name == f.Name })
		if slices.Contains(everywhere, f.Name) || setting && do.settings || slices.Contains(do.flags, f.Name) || wrong != nil {
			return
		}
		wrong = usage("`ssmbak-stack --help` shows what is for which command", "--%s is not for %s", f.Name, do.name)
	})
	if wrong != nil {
		return wrong
	}
	if a.flags.verbose {
		a.log = slog.New(slog.NewTextHandler(a.env.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	a.name = args[0]
	return do.run(a, cmd.Context())
}

// values are the settings that are named.
func (a *app) values() (stack.Values, error) {
	v := make(stack.Values)
	for _, s := range stack.Settings() {
		f := a.cmd.Flags().Lookup(s.Name)
		if !f.Changed {
			continue
		}
		v[s.Name] = []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			v[s.Name] = list.GetSlice()
		}
	}
	if a.flags.noPointer {
		if _, both := v["pointer"]; both {
			return nil, usage("leave one of them out", "--pointer and --no-pointer exclude each other")
		}
		v["pointer"] = []string{""}
	}
	return v, v.Check()
}

// connect reaches AWS without a request.
func (a *app) connect(ctx context.Context) (*awsconn.Conn, error) {
	o := a.env.AWS
	if a.flags.region != "" {
		o.Region = a.flags.region
	}
	if a.flags.profile != "" {
		o.Profile = a.flags.profile
	}
	if a.flags.endpoint != "" {
		o.EndpointURL = a.flags.endpoint
	}
	return awsconn.Load(ctx, o)
}

// open returns the stack that is named.
func (a *app) open(ctx context.Context) (*stack.Stack, *awsconn.Conn, error) {
	o := stack.Options{
		Name: a.name, Version: a.env.Version, Event: a.event, Note: func(text string) { a.note("%s", text) }, Poll: a.env.Poll, Logger: a.log,
		Code: func(ctx context.Context, architecture string) (code.Zip, error) { return a.zip(ctx, architecture) },
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	s, err := stack.New(conn, o)
	return s, conn, err
}

// zip finds the functions, and refuses those for another processor.
func (a *app) zip(ctx context.Context, architecture string) (code.Zip, error) {
	if a.flags.code == "" {
		return code.Find(ctx, architecture, a.env.Version)
	}
	z, err := code.File(a.flags.code)
	if err == nil && z.Architecture != architecture {
		return z, usage("say --architecture "+z.Architecture+", or name another zip", "%s is for %s, and the stack's functions are for %s", a.flags.code, z.Architecture, architecture)
	}
	return z, err
}

// announce says where is written.
func (a *app) announce(ctx context.Context, conn *awsconn.Conn) error {
	caller, err := conn.Caller(ctx)
	if err != nil {
		return err
	}
	endpoint := conn.Endpoint()
	if endpoint == "" {
		endpoint = "of AWS"
	}
	a.note("account %s, region %s, endpoint %s, stack %s", caller.Account, conn.Region(), endpoint, a.name)
	return nil
}
