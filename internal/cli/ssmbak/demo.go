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
	return &cobra.Command{
		Use:   "demo",
		Short: "Play the tutorial on this machine, without AWS",
		Long: `Play the tutorial on an AWS in this process, with the real recorder: parameters
are created, changed and deleted, shown as they were, and brought back. Each step
is checked; the exit code is 1 if one did not come out as it should.`,
		Example: `  ssmbak demo`,
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.runDemo(cmd.Context()) },
	}
}

// demo is one play of the tutorial.
type demo struct {
	app   *app
	world *world
	ssm   *ssm.Client
}

func (a *app) runDemo(ctx context.Context) error {
	// A message that the recorder hands back comes again at once, so that a
	// recorder that fails ends the demo instead of holding it up.
	w, err := a.newWorld(ctx, demoBucket, emulator.QueueOptions{Visibility: 50 * time.Millisecond, MaxReceive: 3})
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
	d.say("That was all of it. `ssmbak local` gives you this AWS to play with; `ssmbak --help` says the rest.")
	return nil
}

// scene is what Parameter Store held at a moment.
type scene struct {
	at     ssmbak.Time
	values map[string]string
}

// change creates parameters, marks the time and changes two of them.
func (d *demo) change(ctx context.Context) (begin, changed scene, err error) {
	d.say("Some parameters, one of them a secret:")
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
	d.say("The recorder keeps every change. It is %s now; mark the time, and change something after it:", begin.at)
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

// bringBack shows what was there at the mark, and restores it.
func (d *demo) bringBack(ctx context.Context, begin, changed scene) error {
	d.say("What was it at the mark? This asks the archive alone:")
	if err := d.ssmbak(ctx, "preview", demoPath, begin.at.String(), "--recursive"); err != nil {
		return err
	}
	if err := d.expectPreview(ctx, begin); err != nil {
		return err
	}
	d.say("What would a restore do now? It writes only what differs:")
	if err := d.ssmbak(ctx, "diff", demoPath, begin.at.String(), "--recursive"); err != nil {
		return err
	}
	if err := d.expectLive(ctx, changed.values); err != nil {
		return err
	}
	d.say("Then do it:")
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
	d.say("Now the worst day. It is %s, and then somebody deletes the whole tree:", before)
	// The event of a deletion tells only its second, so what was there in that
	// second is not known.
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
	d.say("Parameter Store has forgotten all of it. The archive has not:")
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

// put writes a parameter as the AWS CLI would.
func (d *demo) put(ctx context.Context, name, value string) error {
	kind := types.ParameterTypeString
	if strings.HasSuffix(name, "/password") {
		kind = types.ParameterTypeSecureString
	}
	d.command(fmt.Sprintf("aws ssm put-parameter --overwrite --name %s --value %s --type %s", name, value, kind))
	_, err := d.ssm.PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: &value, Type: kind, Overwrite: aws.Bool(true)})
	return err
}

// mark lets the recorder work through its queue, and returns a moment that lies
// after everything so far and before everything that follows.
func (d *demo) mark(ctx context.Context) (ssmbak.Time, error) {
	if err := d.world.aws.Queue.Drain(ctx, d.world.batch); err != nil {
		return 0, err
	}
	if dead := d.world.aws.Queue.DeadLetters(); len(dead) > 0 {
		return 0, d.unexpected("the recorder to record every event", fmt.Sprintf("that it gave %d of them back", len(dead)))
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
	env.Recreation = -1 // the emulated AWS needs no rest
	env.Now = func() time.Time { return time.Now().In(d.app.Now().Location()) }
	return env
}

// expectPreview checks what the archive says of a moment.
func (d *demo) expectPreview(ctx context.Context, want scene) error {
	var out, trouble strings.Builder
	env := d.inner([]string{"preview", demoPath, want.at.String(), "--recursive", "--with-decryption", "--output", "json"})
	env.Stdout, env.Stderr = &out, &trouble
	if code := Main(ctx, env); code != shell.Done {
		return d.unexpected("the archive to know what was there at "+want.at.String(), strings.TrimSpace(trouble.String()))
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

// expectLive checks what Parameter Store holds now.
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
	return &shell.Failure{Message: "the demo expected " + want + ", and found " + got, Code: shell.Failed}
}
