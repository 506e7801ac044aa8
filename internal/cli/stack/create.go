package stackcli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/stack"
)

// prepare performs the steps that create and update have in common: it checks the
// settings, reads the file of --code, connects, and asks for confirmation if the
// settings cannot be reverted.
func (a *app) prepare(ctx context.Context) (*stack.Stack, stack.Values, error) {
	v, err := a.values()
	if err != nil {
		return nil, nil, err
	}
	if err := a.readCode(v); err != nil {
		return nil, nil, err
	}
	s, err := a.openToWrite(ctx)
	if err != nil {
		return nil, nil, err
	}
	if mode := v["lock-mode"]; mode != nil && mode[0] == "compliance" && !a.flags.changeSet {
		const why = "with --lock-mode compliance, no one can delete an object version before its retention ends, not even the root user"
		if err := a.confirm(ctx, why, a.flags.yes, "--yes"); err != nil {
			return nil, nil, err
		}
	}
	return s, v, nil
}

// confirm asks for confirmation unless agreed is set by the flag. Without a terminal,
// it fails with a hint that names the flag.
func (a *app) confirm(ctx context.Context, why string, agreed bool, flag string) error {
	if ask, err := a.Asks(agreed, flag, why); !ask {
		return err
	}
	return a.AskGravely(ctx, why)
}

func (a *app) create(ctx context.Context) error {
	s, v, err := a.prepare(ctx)
	if err != nil {
		return err
	}
	if err := a.findCode(ctx, s, v); err != nil {
		return err
	}
	d, err := s.Create(ctx, v)
	if err != nil {
		return err
	}
	if !a.flags.noFill {
		err = a.fill(ctx, s, &d)
	}
	if !a.flags.test || err != nil {
		return errors.Join(a.Data(d, func(io.Writer) error { return a.printCreated(d) }), err)
	}
	if a.Flags.Output != shell.JSON {
		if err := a.printCreated(d); err != nil {
			return err
		}
	}
	result, err := a.runTest(ctx, s)
	row := struct {
		stack.Deployed
		Test *testRow `json:",omitempty"`
	}{Deployed: d}
	if err == nil {
		row.Test = new(rowOfTest(result))
	}
	return errors.Join(a.Data(row, func(w io.Writer) error { return a.printTest(w, result, err) }), err, a.problemsOf(result))
}

// printDeployed prints the names of the functions and the bucket, as the legacy ssmbak
// does.
func (a *app) printDeployed(d stack.Deployed) error {
	return a.Lines("", "Lambda: "+d.LambdaName, "Bucket: "+d.BucketName, "Cloudwatch log group: /aws/lambda/"+d.LambdaName, "")
}

// printCreated prints what was created, and what to type next.
func (a *app) printCreated(d stack.Deployed) error {
	if err := a.printDeployed(d); err != nil {
		return err
	}
	lines := []string{a.recorded(d)}
	for _, f := range a.findings(d.Listing) {
		lines = append(lines, "WARNING: "+f.String())
	}
	lines = append(lines, "Next:")
	if d.PointerName != stack.DefaultPointer {
		lines = append(lines, "  export SSMBAK_STACKNAME="+a.name)
	}
	lines = append(lines,
		"  ssmbak preview / now -R"+a.Where(),
		"  aws logs tail --format short /aws/lambda/"+d.LambdaName+a.Where(),
		"  "+a.command("status"),
		"To let others use the archive, attach policies (readers need the first policy; restorers need both):",
		"  aws iam attach-role-policy --role-name ROLE --policy-arn "+d.ReaderPolicyArn,
		"  aws iam attach-role-policy --role-name ROLE --policy-arn "+d.RestorerPolicyArn)
	if len(d.Admins) > 0 {
		lines = append(lines,
			"and name the roles, since the bucket's policy denies all others (each flag can be repeated, and replaces its earlier values):",
			"  "+a.command("update --reader ARN --restorer ARN"),
			"Only these principals and the root user may change the bucket, its policy and the functions' code:")
		for _, admin := range d.Admins {
			lines = append(lines, "  "+admin)
		}
	}
	return a.Lines(lines...)
}

// recorded says which of the current parameters are recorded.
func (a *app) recorded(d stack.Deployed) string {
	again := "`ssmbak reconcile" + a.Where() + "`"
	switch l := d.Listing; {
	case !d.Filling && l.Began.IsZero():
		return "Every change is recorded. To record the current parameters, run " + again + "."
	case !d.Filling && l.Total == 0:
		return "There are no parameters yet. Every change is recorded from now on."
	case l.Total > 0 && l.Left == 0:
		return fmt.Sprintf("%s recorded, and every change from now on.", shell.Count(l.Total-len(l.Failed), "parameter is", "parameters are"))
	case l.Total > 0:
		return fmt.Sprintf("%d of %s recorded, the others by the next reconciles, and every change from now on; %s is faster.", l.Total-l.Left, shell.Count(l.Total, "parameter is", "parameters are"), again)
	}
	return "The current parameters are being recorded, and every change from now on."
}
