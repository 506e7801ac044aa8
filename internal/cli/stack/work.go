package stackcli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/stack"
	"github.com/ssmbak/ssmbak/internal/stack/code"
)

// event prints one as it comes, its time in UTC.
func (a *app) event(e stack.Event) {
	if a.Flags.Output == shell.JSON {
		_ = a.WriteLine(struct{ Event EventRow }{eventRow(e)})
		return
	}
	line := fmt.Sprintf("%s   %s  %s  %s", e.Time.Format("01/02/06 15:04:05"), e.Status, e.Resource, e.Type)
	if e.Reason != "" {
		line += "  " + e.Reason
	}
	_ = a.Lines(line)
}

func (a *app) create(ctx context.Context) error {
	v, err := a.values()
	if err != nil {
		return err
	}
	if err := a.readCode(v); err != nil {
		return err
	}
	s, err := a.openToWrite(ctx)
	if err != nil {
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
	return errors.Join(a.Data(m, func(io.Writer) error { return a.printCreated(m) }), err)
}

// readCode reads the file of --code before anything is asked or made. Where no
// processor is named, it is that of the file.
func (a *app) readCode(v stack.Values) error {
	if want := a.flags.codeSHA256; want != "" && !sha256Form.MatchString(want) {
		return shell.Usage("`sha256sum FILE` prints it", "--code-sha256 %s: must be the SHA-256 of the zip, 64 hexadecimal digits", want)
	}
	if a.flags.code == "" {
		return nil
	}
	z, err := code.File(a.flags.code)
	if err != nil {
		return err
	}
	if err := a.checkDigest(a.flags.code, z); err != nil {
		return err
	}
	if named := v["architecture"]; named == nil && a.doing == "create" {
		v["architecture"] = []string{z.Architecture}
	} else if named != nil && named[0] != z.Architecture {
		return shell.Usage("leave out --architecture, or name another zip", "%s is for %s, not for %s", a.flags.code, z.Architecture, named[0])
	}
	a.zips[z.Architecture] = z
	return nil
}

var sha256Form = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)

// checkDigest refuses a zip that is not the one of --code-sha256.
func (a *app) checkDigest(name string, z code.Zip) error {
	if want := a.flags.codeSHA256; want != "" && !strings.EqualFold(want, z.SHA256) {
		return shell.Usage("nothing was changed", "%s has SHA-256 %s, not %s", name, z.SHA256, want)
	}
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
			return code.Zip{}, shell.Usage("say --architecture "+other+", or name another zip", "%s is for %s, and the stack's functions are for %s", a.flags.code, other, architecture)
		}
	}
	z, err := a.env.FindCode(ctx, architecture, a.env.Version)
	if err != nil {
		return code.Zip{}, err
	}
	if err := a.checkDigest("the functions' zip", z); err != nil {
		return code.Zip{}, err
	}
	a.zips[architecture] = z
	return z, nil
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
	return a.Lines("", "Lambda: "+m.LambdaName, "Bucket: "+m.BucketName, "Cloudwatch log group: /aws/lambda/"+m.LambdaName, "")
}

// pointers are the parameters in which ssmbak looks for the name of the bucket.
var pointers = []string{"/ssmbak/bucketname", "/newvoll/ssmbak/bucketname"}

// printCreated says what there is now, and what to type next.
func (a *app) printCreated(m stack.Made) error {
	if err := a.printMade(m); err != nil {
		return err
	}
	lines := []string{"What there is now is being recorded; every change from here on is, too."}
	if !m.Filling {
		lines = []string{"Every change is recorded. `ssmbak reconcile" + a.Where() + "` records what there is now."}
	}
	lines = append(lines, "Next:")
	if !slices.Contains(pointers, m.PointerName) {
		lines = append(lines, "  export SSMBAK_STACKNAME="+a.name)
	}
	lines = append(lines,
		"  ssmbak preview / now -R"+a.Where(),
		"  aws logs tail --format short /aws/lambda/"+m.LambdaName+a.Where(),
		"  "+a.command("status"),
		"Readers need the first of these policies, restorers both:",
		"  aws iam attach-role-policy --role-name ROLE --policy-arn "+m.ReaderPolicyArn,
		"  aws iam attach-role-policy --role-name ROLE --policy-arn "+m.RestorerPolicyArn)
	if len(m.Admins) > 0 {
		lines = append(lines,
			"and have to be named, since the bucket denies values to all others:",
			"  "+a.command("update --reader ARN --restorer ARN"),
			"From now on only these and the root user may change the bucket, its policy and the code in it:")
		for _, admin := range m.Admins {
			lines = append(lines, "  "+admin)
		}
	}
	return a.Lines(lines...)
}

func (a *app) update(ctx context.Context) error {
	v, err := a.values()
	if err != nil {
		return err
	}
	if err := a.readCode(v); err != nil {
		return err
	}
	s, err := a.openToWrite(ctx)
	if err != nil {
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
	if a.flags.changeSet {
		return a.changes(changes)
	}
	row := struct {
		stack.Made
		Changed bool
	}{m, changes.Any}
	return a.Data(row, func(io.Writer) error { return a.printUpdated(row.Made, row.Changed) })
}

// printUpdated says what there is now.
func (a *app) printUpdated(m stack.Made, changed bool) error {
	if !changed {
		return a.Print("nothing to update")
	}
	if err := a.printMade(m); err != nil {
		return err
	}
	return a.Print("The stack is of ssmbak %s now; `%s` tells how it is.", versionText(m.Version), a.command("status"))
}

// changes shows what a change set would do.
func (a *app) changes(c stack.Changes) error {
	all := c.Resources
	if all == nil {
		all = []stack.Change{}
	}
	return a.Data(all, func(w io.Writer) error { return a.printChanges(w, c) })
}

func (a *app) printChanges(w io.Writer, c stack.Changes) error {
	all := c.Resources
	if !c.Any {
		return a.Print("nothing to update")
	}
	if len(all) == 0 {
		return a.Print("no resource changes, only parameters or outputs do")
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
	if err := columns(w, rows); err != nil {
		return err
	}
	return a.Print("would add %d, change %d, replace %d, remove %d; nothing was changed", counts["add"], counts["change"], counts["replace"], counts["remove"])
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
	s, err := a.openToWrite(ctx)
	if err != nil {
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
	return a.Data(kept, func(io.Writer) error { return a.printDeleted(kept) })
}

// printDeleted says what is left, and what to type to go on with it.
func (a *app) printDeleted(kept stack.Kept) error {
	lines := []string{"", "The stack " + a.name + " is deleted."}
	if kept.BucketName != "" {
		lines = append(lines, "Kept, with all that it holds:", "Bucket: "+kept.BucketName)
		again := "create --bucket " + kept.BucketName
		if kept.KeyArn != "" {
			lines = append(lines, "Key: "+kept.KeyArn)
			again += " --key-arn " + kept.KeyArn
		}
		lines = append(lines, "`"+a.command(again)+"` records into it again;", "`ssmbak preview / TIME -R --bucket "+kept.BucketName+a.Where()+"` still reads it.")
	}
	return a.Lines(lines...)
}

// ask wants a yes, on a terminal. agreed says that it was given already, and flag
// what gives it.
func (a *app) ask(ctx context.Context, why string, agreed bool, flag string) error {
	if agreed {
		return nil
	}
	if unasked := a.Unasked(); unasked != "" {
		return shell.Fail("add "+flag+"; nothing was changed", "%s, and %s", why, unasked)
	}
	return a.AskGravely(ctx, why)
}

func (a *app) redrive(ctx context.Context) error {
	s, err := a.openToWrite(ctx)
	if err != nil {
		return err
	}
	progress := a.NewProgress("redrive")
	defer progress.Close()
	moved, err := s.Redrive(ctx, func(moved, of int64) { progress.Set(int(moved), int(of)) })
	progress.Close()
	if err != nil {
		return err
	}
	return a.Data(struct{ Moved int64 }{moved}, func(io.Writer) error {
		if err := a.Print("handed out again: %d", moved); err != nil || moved == 0 {
			return err
		}
		a.Note("`%s` tells whether they are recorded now", a.command("status"))
		return nil
	})
}
