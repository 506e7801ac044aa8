package ssmbakcli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/emulator"
)

const (
	demoBucket = "ssmbak-demo"
	demoPath   = "/testyssmbak"
)

func (a *app) newDemoCommand() *cobra.Command {
	var page, open bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the tutorial on this machine, without AWS",
		Long: `Run the tutorial with an emulated AWS in this process and the real recorder:
create, change and delete parameters, show their earlier state, and restore it.
Each step is checked; the exit code is 1 if one had an unexpected result.

With --ui, a bad deployment changes and deletes parameters instead, and the page of
ssmbak ui is served, until interrupted, to find the moment and take it back.`,
		Example: `  ssmbak demo
  ssmbak demo --ui --open`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case page:
				return a.runDemoPage(cmd.Context(), open)
			case open:
				return shell.Usage("add --ui, or omit --open", "--open goes with --ui")
			}
			return a.runDemo(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&page, "ui", false, "break the parameters, and serve the page that repairs them")
	cmd.Flags().BoolVar(&open, "open", false, "with --ui, open the page in the default browser")
	return cmd
}

// demo is one run of the tutorial.
type demo struct {
	app   *app
	world *world
	ssm   *ssm.Client
}

func (a *app) runDemo(ctx context.Context) error {
	// Failed messages are delivered again immediately, so that a failing recorder ends
	// the demo instead of delaying it.
	w, err := a.newWorld(ctx, demoBucket, emulator.Options{Queue: emulator.QueueOptions{Visibility: 50 * time.Millisecond, MaxReceive: 3}})
	if err != nil {
		return err
	}
	d := &demo{app: a, world: w, ssm: w.conn.SSM()}
	begin, changed, err := d.change(ctx)
	if err != nil {
		return err
	}
	if err := d.bringBack(ctx, begin, changed); err != nil {
		return err
	}
	if err := d.loseTree(ctx, begin.values); err != nil {
		return err
	}
	d.say("That's all. Run `ssmbak local` to experiment with this AWS, and `ssmbak --help` to see all commands.")
	return nil
}

// scene holds the parameters at a time.
type scene struct {
	at     ssmbak.Time
	values map[string]string
}

// change creates parameters, marks the time and changes two of them.
func (d *demo) change(ctx context.Context) (begin, changed scene, err error) {
	d.say("Create some parameters, one of them a secret:")
	begin.values = make(map[string]string)
	for _, name := range []string{"/1", "/2", "/3", "/deeper/1", "/deeper/2", "/deeper/3"} {
		begin.values[demoPath+name] = "initial"
	}
	begin.values[demoPath+"/password"] = "hunter2"
	for _, name := range slices.Sorted(maps.Keys(begin.values)) {
		if err := d.put(ctx, name, begin.values[name]); err != nil {
			return begin, changed, err
		}
	}
	if begin.at, err = d.mark(ctx); err != nil {
		return begin, changed, err
	}
	d.say("The recorder keeps every change. It is now %s. Remember this time, and change two parameters:", begin.at)
	changed.values = maps.Clone(begin.values)
	for _, name := range []string{demoPath + "/2", demoPath + "/password"} {
		changed.values[name] = "UPDATED"
		if err := d.put(ctx, name, "UPDATED"); err != nil {
			return begin, changed, err
		}
	}
	if changed.at, err = d.mark(ctx); err != nil {
		return begin, changed, err
	}
	return begin, changed, d.expectLive(ctx, changed.values)
}

// bringBack shows the parameters at the mark, and restores them.
func (d *demo) bringBack(ctx context.Context, begin, changed scene) error {
	d.say("Show the parameters at that time, using only the archive:")
	if err := d.ssmbak(ctx, "preview", demoPath, begin.at.String(), "--recursive"); err != nil {
		return err
	}
	if err := d.expectPreview(ctx, begin); err != nil {
		return err
	}
	d.say("Show what a restore would do. It writes only what differs:")
	if err := d.ssmbak(ctx, "diff", demoPath, begin.at.String(), "--recursive"); err != nil {
		return err
	}
	if err := d.expectLive(ctx, changed.values); err != nil {
		return err
	}
	d.say("Restore them:")
	if err := d.ssmbak(ctx, "restore", demoPath, begin.at.String(), "--recursive"); err != nil {
		return err
	}
	return d.expectLive(ctx, begin.values)
}

// loseTree deletes everything, and restores it.
func (d *demo) loseTree(ctx context.Context, values map[string]string) error {
	before, err := d.mark(ctx)
	if err != nil {
		return err
	}
	d.say("Now for a disaster. It is %s, and then someone deletes the entire tree:", before)
	// Events have a precision of one second, so the state in the second of a deletion
	// is unknown.
	if err := d.wait(ctx, time.Until(before.Std().Truncate(time.Second).Add(time.Second))); err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(values))
	d.command("aws ssm delete-parameters --names " + strings.Join(names, " "))
	if _, err := d.ssm.DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: names}); err != nil {
		return err
	}
	if _, err := d.mark(ctx); err != nil {
		return err
	}
	if err := d.expectLive(ctx, nil); err != nil {
		return err
	}
	d.say("Parameter Store has no history of deleted parameters. The archive has:")
	if err := d.ssmbak(ctx, "restore", demoPath, before.String(), "--recursive"); err != nil {
		return err
	}
	if err := d.expectLive(ctx, values); err != nil {
		return err
	}
	back, err := d.mark(ctx)
	if err != nil {
		return err
	}
	return d.expectPreview(ctx, scene{at: back, values: values})
}

// put writes a parameter like the AWS CLI.
func (d *demo) put(ctx context.Context, name, value string) error {
	kind := types.ParameterTypeString
	if strings.HasSuffix(name, "/password") {
		kind = types.ParameterTypeSecureString
	}
	d.command(fmt.Sprintf("aws ssm put-parameter --overwrite --name %s --value %s --type %s", name, value, kind))
	_, err := d.ssm.PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: &value, Type: kind, Overwrite: aws.Bool(true)})
	return err
}

// mark lets the recorder empty its queue, and returns a time after all previous changes
// and before all later ones.
func (d *demo) mark(ctx context.Context) (ssmbak.Time, error) {
	if err := d.world.aws.Queue.Drain(ctx, d.world.batch); err != nil {
		return 0, err
	}
	if dead := d.world.aws.Queue.DeadLetters(); len(dead) > 0 {
		return 0, d.unexpected("the recorder to record every event", shell.Count(len(dead), "dead letter", "dead letters"))
	}
	if err := d.wait(ctx, 2*time.Millisecond); err != nil {
		return 0, err
	}
	at := ssmbak.TimeOf(time.Now())
	return at, d.wait(ctx, 2*time.Millisecond)
}

func (d *demo) wait(ctx context.Context, how time.Duration) error {
	t := time.NewTimer(how)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.app.Stdout, "\n# "+format+"\n\n", args...)
}

func (d *demo) command(line string) { fmt.Fprintln(d.app.Stdout, "$ "+line) }

// ssmbak runs the command itself against the world.
func (d *demo) ssmbak(ctx context.Context, args ...string) error {
	d.command("ssmbak " + strings.Join(args, " "))
	env := d.inner(args)
	env.Stdout, env.Stderr = d.app.Stdout, d.app.Stdout
	if code := Main(ctx, env); code != shell.Done {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return d.unexpected("`ssmbak "+args[0]+"` to succeed", fmt.Sprintf("exit code %d", code))
	}
	return nil
}

// inner is the environment of a command that the demo runs.
func (d *demo) inner(args []string) Env {
	env := d.app.env
	env.Args = append([]string{"--bucket", demoBucket}, args...)
	env.AWS = connection(d.world.aws)
	env.Recreation = -1 // the emulator requires no wait
	env.Now = func() time.Time { return time.Now().In(d.app.Now().Location()) }
	return env
}

// expectPreview checks the parameters that the archive has for a time.
func (d *demo) expectPreview(ctx context.Context, want scene) error {
	var out, trouble strings.Builder
	env := d.inner([]string{"preview", demoPath, want.at.String(), "--recursive", "--with-decryption", "--output", "json"})
	env.Stdout, env.Stderr = &out, &trouble
	if code := Main(ctx, env); code != shell.Done {
		return d.unexpected("the archive to know the parameters at "+want.at.String(), strings.TrimSpace(trouble.String()))
	}
	var rows []struct {
		Name  string
		Value *string
	}
	if err := json.Unmarshal([]byte(out.String()), &rows); err != nil {
		return fmt.Errorf("read the preview: %w", err)
	}
	got := make(map[string]string)
	for _, row := range rows {
		if row.Value != nil {
			got[row.Name] = *row.Value
		}
	}
	return d.compare("in the archive at "+want.at.String(), want.values, got)
}

// expectLive checks the live parameters.
func (d *demo) expectLive(ctx context.Context, want map[string]string) error {
	got := make(map[string]string)
	pages := ssm.NewGetParametersByPathPaginator(d.ssm, &ssm.GetParametersByPathInput{
		Path: aws.String(demoPath), Recursive: aws.Bool(true), WithDecryption: aws.Bool(true),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, p := range page.Parameters {
			got[aws.ToString(p.Name)] = aws.ToString(p.Value)
		}
	}
	return d.compare("in Parameter Store", want, got)
}

func (d *demo) compare(where string, want, got map[string]string) error {
	names := maps.Clone(got)
	if names == nil {
		names = make(map[string]string)
	}
	maps.Copy(names, want)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		w, wanted := want[name]
		g, there := got[name]
		if wanted != there || w != g {
			return d.unexpected(fmt.Sprintf("%s to be %s %s", name, shown(w, wanted), where), shown(g, there))
		}
	}
	return nil
}

func shown(value string, there bool) string {
	if !there {
		return "absent"
	}
	return fmt.Sprintf("%q", value)
}

func (d *demo) unexpected(want, got string) error {
	return shell.KindDemoFailed.Fail("", "the demo expected %s, but got %s", want, got)
}
