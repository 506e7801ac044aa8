package stackcli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/stack"
	"github.com/ssmbak/ssmbak/stack/code"
)

// event prints one as it comes, its time in UTC.
func (a *app) event(e stack.Event) {
	if a.json() {
		_ = render.Line(a.env.Stderr, eventRow(e))
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
	s, conn, err := a.open(ctx)
	if err != nil {
		return err
	}
	if err := a.checkCode(); err != nil {
		return err
	}
	if err := a.announce(ctx, conn); err != nil {
		return err
	}
	m, err := s.Create(ctx, v, a.flags.noFill)
	var fill *stack.FillError
	if err != nil && !errors.As(err, &fill) {
		return err
	}
	if err := a.made(m); err != nil {
		return err
	}
	return err
}

// checkCode reads the file of --code before anything is made.
func (a *app) checkCode() error {
	if a.flags.code == "" {
		return nil
	}
	_, err := code.File(a.flags.code)
	return err
}

// made says what there is now, and what to do next.
func (a *app) made(m stack.Made) error {
	if a.json() {
		return render.JSON(a.env.Stdout, m)
	}
	lines := []string{
		"",
		"Lambda: " + m.LambdaName,
		"Bucket: " + m.BucketName,
		"Cloudwatch log group: /aws/lambda/" + m.LambdaName,
		"",
	}
	if m.Filling {
		lines = append(lines, "What there is now is being recorded; every change from here on is, too.")
	} else {
		lines = append(lines, "Every change is recorded. `ssmbak reconcile` records what there is now.")
	}
	find := ""
	if m.PointerName == "" {
		find = "  export SSMBAK_STACKNAME=" + a.name + "\n"
	}
	lines = append(lines, "Next:\n"+find+"  ssmbak preview / now -R",
		"  aws logs tail /aws/lambda/$(ssmbak-stack "+a.name+" lambdaname)",
		"Policies to attach to people: "+m.ReaderPolicyArn+" to look,",
		"and besides "+m.RestorerPolicyArn+" to restore.")
	for _, line := range lines {
		if _, err := fmt.Fprintln(a.env.Stdout, line); err != nil {
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
	s, conn, err := a.open(ctx)
	if err != nil {
		return err
	}
	if err := a.checkCode(); err != nil {
		return err
	}
	if err := a.announce(ctx, conn); err != nil {
		return err
	}
	o := stack.UpdateOptions{Show: a.flags.changeSet, Downgrade: a.flags.downgrade}
	m, changes, err := s.Update(ctx, v, o)
	var newer *stack.VersionError
	if errors.As(err, &newer) && a.env.Terminal(a.env.Stdin) {
		if err := a.ask(ctx, newer.Error()+", which is older"); err != nil {
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
		return render.JSON(a.env.Stdout, m)
	case !changes.Any:
		return a.print("nothing to update")
	}
	return a.made(m)
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
	rows := make([][]string, len(all))
	for i, c := range all {
		rows[i] = []string{c.Action, c.Resource, c.Type, c.Replacement}
	}
	return render.Table(a.env.Stdout, []string{"Action", "Resource", "Type", "Replacement"}, rows)
}

func (a *app) delete(ctx context.Context) error {
	s, conn, err := a.open(ctx)
	if err != nil {
		return err
	}
	if err := a.announce(ctx, conn); err != nil {
		return err
	}
	if _, err := s.Keeps(ctx); err != nil {
		return err
	}
	if err := a.ask(ctx, "this deletes the stack "+a.name+", so that no change is recorded any more; its bucket and key stay"); err != nil {
		return err
	}
	kept, err := s.Delete(ctx)
	if err != nil {
		return err
	}
	if a.json() {
		return render.JSON(a.env.Stdout, kept)
	}
	if kept.BucketName == "" {
		return a.print("deleted")
	}
	lines := []string{"", "Kept, with all that it holds:", "Bucket: " + kept.BucketName}
	if kept.KeyArn != "" {
		lines = append(lines, "Key: "+kept.KeyArn)
	}
	again := fmt.Sprintf("ssmbak-stack %s create --bucket %s", a.name, kept.BucketName)
	if kept.KeyArn != "" {
		again += " --key-arn " + kept.KeyArn
	}
	lines = append(lines, "`"+again+"` records into it again;", "`ssmbak preview / TIME -R --bucket "+kept.BucketName+"` still reads it.")
	for _, line := range lines {
		if _, err := fmt.Fprintln(a.env.Stdout, line); err != nil {
			return err
		}
	}
	return nil
}

// ask wants a yes, on a terminal.
func (a *app) ask(ctx context.Context, why string) error {
	if a.flags.yes {
		return nil
	}
	if !a.env.Terminal(a.env.Stdin) {
		return fail("add --yes; nothing was changed", "%s, and there is no terminal to ask on", why)
	}
	fmt.Fprintf(a.env.Stderr, "%s. Go on? Only yes is taken for it: ", why)
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
		return ctx.Err()
	}
}

func (a *app) redrive(ctx context.Context) error {
	s, conn, err := a.open(ctx)
	if err != nil {
		return err
	}
	if err := a.announce(ctx, conn); err != nil {
		return err
	}
	progress := render.NewProgress(ctx, a.env.Stderr, a.env.Terminal(a.env.Stderr), "redrive")
	defer progress.Close()
	moved, err := s.Redrive(ctx, func(moved, of int64) { progress.Set(int(moved), int(of)) })
	progress.Close()
	if err != nil {
		return err
	}
	if a.json() {
		return render.JSON(a.env.Stdout, struct{ Moved int64 }{moved})
	}
	return a.print("handed out again: %d", moved)
}
