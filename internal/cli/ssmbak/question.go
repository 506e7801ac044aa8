package ssmbakcli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/restore"
)

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

// asks reports whether a person is asked before the plan is applied.
func (a *app) asks(plan *restore.Plan, o restoreOptions) bool {
	return !o.yes && changes(plan) > 0 && a.unasked() == ""
}

// changes counts the items that will be carried out.
func changes(plan *restore.Plan) (n int) {
	for _, item := range plan.Items {
		if item.Action.Writes() && item.Refused == "" {
			n++
		}
	}
	return n
}

// agree returns nil if the plan may be applied: a person agreed to it now or by
// --yes, or there is nothing that has to be agreed to.
func (a *app) agree(ctx context.Context, s *session, plan *restore.Plan, o restoreOptions) error {
	switch {
	case a.asks(plan, o):
		return a.ask(ctx, s, plan, o)
	case plan.Asks() && changes(plan) > 0 && !o.yes:
		return fail("look at it with --dry-run, then add --yes; nothing was changed", "%s, and %s", grave(plan), a.unasked())
	}
	return nil
}

// grave says why a plan is not carried out without a word.
func grave(plan *restore.Plan) string {
	deleted, replaced := plan.Count(restore.Delete), plan.Count(restore.Replace)
	switch {
	case deleted > 0 && replaced > 0:
		return "this restore deletes " + parameters(deleted) + " and replaces " + parameters(replaced)
	case deleted > 0:
		return "this restore deletes " + parameters(deleted)
	case replaced > 0:
		return "this restore replaces " + parameters(replaced)
	case plan.Target.Root():
		return "a restore of " + plan.Target.String() + " may concern everything"
	}
	return "this restore may have to replace parameters to change their type"
}

// ask shows a plan and returns nil if a person agrees to it.
func (a *app) ask(ctx context.Context, s *session, plan *restore.Plan, o restoreOptions) error {
	q := render.Question{
		Title: render.Title(plan, o.to), Account: s.caller.Account, Region: s.conn.Region(), Rows: a.rows(), MaxRate: o.maxRate,
	}
	po := render.PlanOptions{Reveal: a.flags.decrypt, Color: !a.flags.noColor && a.env.Getenv("NO_COLOR") == ""}
	if err := q.Write(a.env.Stderr, plan, po); err != nil {
		return err
	}
	prompt := "Continue? [y/N] "
	agreed := func(answer string) bool { return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes") }
	if plan.Asks() {
		prompt = grave(plan) + "\nType \"yes\" to continue: "
		agreed = func(answer string) bool { return answer == "yes" }
	}
	if _, err := io.WriteString(a.env.Stderr, prompt); err != nil {
		return err
	}
	answer, err := readLine(ctx, a.env.Stdin)
	if err != nil {
		fmt.Fprintln(a.env.Stderr) // the error does not follow the prompt
	}
	switch {
	case errors.Is(err, context.Canceled):
		return &failure{message: "interrupted", hint: "nothing was changed", code: exitInterrupted}
	case err != nil && !errors.Is(err, io.EOF):
		return fail("nothing was changed", "read the answer: %v", err)
	case !agreed(answer):
		return fail("nothing was changed", "the answer was not yes")
	}
	return nil
}

// rows is the height of the terminal.
func (a *app) rows() int {
	if f, ok := a.env.Stderr.(*os.File); ok {
		if _, rows, err := term.GetSize(int(f.Fd())); err == nil && rows > 0 {
			return rows
		}
	}
	return 24
}

// readLine reads one line, or stops waiting when ctx ends. The error is [io.EOF]
// if the input ends before the line does; what was read of it is no answer.
func readLine(ctx context.Context, r io.Reader) (string, error) {
	type answer struct {
		line string
		err  error
	}
	lines := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(r).ReadString('\n')
		if err != nil {
			line = ""
		}
		lines <- answer{strings.TrimSpace(line), err}
	}()
	select {
	case x := <-lines:
		return x.line, x.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
