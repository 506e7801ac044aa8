package stackcli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/stack"
	"github.com/ssmbak/ssmbak/internal/stack/code"
)

// event prints one as it comes, its time in UTC.
func (a *app) event(e stack.Event) {
	if a.json() {
		_ = render.Line(a.env.Stderr, struct{ Event EventRow }{eventRow(e)})
		return
	}
	line := fmt.Sprintf("%s   %s  %s  %s", e.Time.Format("01/02/06 15:04:05"), e.Status, e.Resource, e.Type)
	if e.Reason != "" {
		line += "  " + e.Reason
	}
	_ = a.print("%s", line)
}

func (a *app) create(ctx context.Context) error {
	v, err := a.values()
	if err != nil {
		return err
	}
	if err := a.readCode(v); err != nil {
		return err
	}
	s, conn, err := a.open(ctx)
	if err != nil {
		return err
	}
	if err := a.announce(ctx, conn); err != nil {
		return err
	}
	if err := a.agreeToLock(ctx, v); err != nil {
		return err
	}
	if err := a.findCode(ctx, s, v); err != nil {
		return err
	}
	m, err := s.Create(ctx, v, a.flags.noFill)
	var fill *stack.FillError
	if err != nil && !errors.As(err, &fill) {
		return err
	}
	return errors.Join(a.created(m), err)
}

// readCode reads the file of --code before anything is asked or made. Where no
// processor is named, it is that of the file.
func (a *app) readCode(v stack.Values) error {
	if a.flags.code == "" {
		return nil
	}
	z, err := code.File(a.flags.code)
	if err != nil {
		return err
	}
	if named := v["architecture"]; named == nil && a.doing == "create" {
		v["architecture"] = []string{z.Architecture}
	} else if named != nil && named[0] != z.Architecture {
		return usage("leave out --architecture, or name another zip", "%s is for %s, not for %s", a.flags.code, z.Architecture, named[0])
	}
	a.zips[z.Architecture] = z
	return nil
}

// findCode finds the functions before anything is made of a stack that has none:
// without them it would be left half made.
func (a *app) findCode(ctx context.Context, s *stack.Stack, v stack.Values) error {
	outputs, err := s.Outputs(ctx)
	var missing *stack.NotFoundError
	if err != nil && !errors.As(err, &missing) {
		return err
	}
	if slices.ContainsFunc(outputs, func(o stack.Output) bool { return o.Key == stack.OutputLambdaName }) {
		return nil
	}
	architecture := "arm64"
	for _, x := range stack.Settings() {
		if x.Name == "architecture" {
			architecture = x.Default
		}
	}
	if named := v["architecture"]; named != nil {
		architecture = named[0]
	}
	_, err = a.zip(ctx, architecture)
	return err
}

// zip finds the functions, and refuses those for another processor.
func (a *app) zip(ctx context.Context, architecture string) (code.Zip, error) {
	if z, ok := a.zips[architecture]; ok {
		return z, nil
	}
	if a.flags.code != "" {
		for other := range a.zips {
			return code.Zip{}, usage("say --architecture "+other+", or name another zip", "%s is for %s, and the stack's functions are for %s", a.flags.code, other, architecture)
		}
	}
	z, err := a.env.FindCode(ctx, architecture, a.env.Version)
	if err == nil {
		a.zips[architecture] = z
	}
	return z, err
}

// agreeToLock asks before what nobody can take back.
func (a *app) agreeToLock(ctx context.Context, v stack.Values) error {
	if mode := v["lock-mode"]; mode == nil || mode[0] != "compliance" || a.flags.changeSet {
		return nil
	}
	return a.ask(ctx, "under --lock-mode compliance nobody can delete an object version before its time, not even the root user", a.flags.yes, "--yes")
}

// printMade says what there is now, in the words of the original ssmbak.
func (a *app) printMade(m stack.Made) error {
	for _, line := range []string{"", "Lambda: " + m.LambdaName, "Bucket: " + m.BucketName, "Cloudwatch log group: /aws/lambda/" + m.LambdaName, ""} {
		if err := a.print("%s", line); err != nil {
			return err
		}
	}
	return nil
}

// pointers are the parameters in which ssmbak looks for the name of the bucket.
var pointers = []string{"/ssmbak/bucketname", "/newvoll/ssmbak/bucketname"}

// created says what there is now, and what to type next.
func (a *app) created(m stack.Made) error {
	if a.json() {
		return render.JSON(a.env.Stdout, m)
	}
	if err := a.printMade(m); err != nil {
		return err
	}
	lines := []string{"What there is now is being recorded; every change from here on is, too."}
	if !m.Filling {
		lines = []string{"Every change is recorded. `ssmbak reconcile" + a.where() + "` records what there is now."}
	}
	lines = append(lines, "Next:")
	if !slices.Contains(pointers, m.PointerName) {
		lines = append(lines, "  export SSMBAK_STACKNAME="+a.name)
	}
	lines = append(lines,
		"  ssmbak preview / now -R"+a.where(),
		"  aws logs tail --format short /aws/lambda/"+m.LambdaName+a.where(),
		"  "+a.command("status"),
		"Who is to look needs the first of these policies, who is to restore needs both:",
		"  aws iam attach-role-policy --role-name ROLE --policy-arn "+m.ReaderPolicyArn,
		"  aws iam attach-role-policy --role-name ROLE --policy-arn "+m.RestorerPolicyArn)
	for _, line := range lines {
		if err := a.print("%s", line); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) update(ctx context.Context) error {
	v, err := a.values()
	if err != nil {
		return err
	}
	if err := a.readCode(v); err != nil {
		return err
	}
	s, conn, err := a.open(ctx)
	if err != nil {
		return err
	}
	if err := a.announce(ctx, conn); err != nil {
		return err
	}
	if err := a.agreeToLock(ctx, v); err != nil {
		return err
	}
	// To look at what an older version would change harms nobody.
	o := stack.UpdateOptions{Show: a.flags.changeSet, Downgrade: a.flags.downgrade || a.flags.changeSet}
	m, changes, err := s.Update(ctx, v, o)
	var newer *stack.VersionError
	if errors.As(err, &newer) {
		if err := a.ask(ctx, newer.Error()+", which is older", false, "--downgrade, or get ssmbak "+newer.Have); err != nil {
			return err
		}
		o.Downgrade = true
		m, changes, err = s.Update(ctx, v, o)
	}
	if err != nil {
		return err
	}
	switch {
	case a.flags.changeSet:
		return a.changes(changes)
	case a.json():
		return render.JSON(a.env.Stdout, struct {
			stack.Made
			Changed bool
		}{m, changes.Any})
	case !changes.Any:
		return a.print("nothing to update")
	}
	if err := a.printMade(m); err != nil {
		return err
	}
	return a.print("The stack is of ssmbak %s now; `%s` tells how it is.", versionText(m.Version), a.command("status"))
}

// changes shows what a change set would do.
func (a *app) changes(c stack.Changes) error {
	all := c.Resources
	if a.json() {
		if all == nil {
			all = []stack.Change{}
		}
		return render.JSON(a.env.Stdout, all)
	}
	if !c.Any {
		return a.print("nothing to update")
	}
	if len(all) == 0 {
		return a.print("no resource changes, only parameters or outputs do")
	}
	counts := make(map[string]int)
	rows := make([][]string, len(all))
	for i, c := range all {
		sign, what, why := reading(c)
		counts[what]++
		rows[i] = []string{sign, c.Resource, c.Type}
		if why != "" {
			rows[i] = append(rows[i], "("+why+")")
		}
	}
	if err := columns(a.env.Stdout, rows); err != nil {
		return err
	}
	return a.print("would add %d, change %d, replace %d, remove %d; nothing was changed", counts["add"], counts["change"], counts["replace"], counts["remove"])
}

// reading returns the sign of a change, what it is counted as, and what else
// there is to know of it.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
func reading(c stack.Change) (sign, what, why string) {
	switch {
	case c.Action == "Add" || c.Action == "Import":
		return "+", "add", ""
	case c.Action == "Remove":
		return "-", "remove", ""
	case c.Action == "Dynamic":
		return "?", "change", "what is done follows from other changes"
	case c.Replacement == "True":
		return "-/+", "replace", "is made anew"
	case c.Replacement == "Conditional":
		return "~", "change", "may be made anew"
	}
	return "~", "change", ""
}

func (a *app) delete(ctx context.Context) error {
	s, conn, err := a.open(ctx)
	if err != nil {
		return err
	}
	if err := a.announce(ctx, conn); err != nil {
		return err
	}
	keeps, err := s.Keeps(ctx)
	if err != nil {
		return err
	}
	why := "this deletes the stack " + a.name + ", so that no change is recorded any more"
	switch {
	case keeps.BucketName != "" && keeps.KeyArn != "":
		why += "; bucket " + keeps.BucketName + " and key " + keeps.KeyArn + " stay"
	case keeps.BucketName != "":
		why += "; bucket " + keeps.BucketName + " stays"
	}
	if err := a.ask(ctx, why, a.flags.yes, "--yes"); err != nil {
		return err
	}
	kept, err := s.Delete(ctx)
	if err != nil {
		return err
	}
	if a.json() {
		return render.JSON(a.env.Stdout, kept)
	}
	lines := []string{"", "The stack " + a.name + " is deleted."}
	if kept.BucketName != "" {
		lines = append(lines, "Kept, with all that it holds:", "Bucket: "+kept.BucketName)
		again := "create --bucket " + kept.BucketName
		if kept.KeyArn != "" {
			lines = append(lines, "Key: "+kept.KeyArn)
			again += " --key-arn " + kept.KeyArn
		}
		lines = append(lines, "`"+a.command(again)+"` records into it again;", "`ssmbak preview / TIME -R --bucket "+kept.BucketName+a.where()+"` still reads it.")
	}
	for _, line := range lines {
		if err := a.print("%s", line); err != nil {
			return err
		}
	}
	return nil
}

// ask wants a yes, on a terminal. agreed says that it was given already, and flag
// what gives it.
func (a *app) ask(ctx context.Context, why string, agreed bool, flag string) error {
	if agreed {
		return nil
	}
	if unasked := a.unasked(); unasked != "" {
		return fail("add "+flag+"; nothing was changed", "%s, and %s", why, unasked)
	}
	fmt.Fprintf(a.env.Stderr, "%s\nType \"yes\" to continue: ", render.Escape(why))
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.env.Stdin).ReadString('\n') // no answer is no yes
		lines <- strings.TrimSpace(line)
	}()
	select {
	case line := <-lines:
		if line == "yes" {
			return nil
		}
		return fail("nothing was changed", "the answer was not yes")
	case <-ctx.Done():
		fmt.Fprintln(a.env.Stderr) // the error does not follow the prompt
		return &failure{message: "interrupted", hint: "nothing was changed", code: exitInterrupted}
	}
}

// unasked says why no question can be asked, "" if one can.
func (a *app) unasked() string {
	switch {
	case !a.env.Terminal(a.env.Stdin) || !a.env.Terminal(a.env.Stderr):
		return "there is no terminal to ask on"
	case a.json():
		return "with --output json no question is asked"
	case a.env.Getenv("CI") != "":
		return "with CI set no question is asked"
	}
	return ""
}

func (a *app) redrive(ctx context.Context) error {
	s, conn, err := a.open(ctx)
	if err != nil {
		return err
	}
	if err := a.announce(ctx, conn); err != nil {
		return err
	}
	progress := render.NewProgress(a.env.Stderr, a.env.Terminal(a.env.Stderr) && !a.json(), "redrive")
	defer progress.Close()
	moved, err := s.Redrive(ctx, func(moved, of int64) { progress.Set(int(moved), int(of)) })
	progress.Close()
	if err != nil {
		return err
	}
	if a.json() {
		return render.JSON(a.env.Stdout, struct{ Moved int64 }{moved})
	}
	if err := a.print("handed out again: %d", moved); err != nil || moved == 0 {
		return err
	}
	a.note("`%s` tells whether they are recorded now", a.command("status"))
	return nil
}
