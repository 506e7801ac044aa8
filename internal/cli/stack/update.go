package stackcli

import (
	"context"
	"errors"
	"io"

	"github.com/ssmbak/ssmbak/internal/stack"
)

func (a *app) update(ctx context.Context) error {
	s, v, err := a.prepare(ctx)
	if err != nil {
		return err
	}
	// An older version may show its change set, which changes nothing.
	o := stack.UpdateOptions{Show: a.flags.changeSet, Downgrade: a.flags.downgrade || a.flags.changeSet}
	d, changes, err := s.Update(ctx, v, o)
	if newer, ok := errors.AsType[*stack.VersionError](err); ok {
		if err := a.confirm(ctx, newer.Error()+", which is older", false, "--downgrade, or use ssmbak "+newer.Have); err != nil {
			return err
		}
		o.Downgrade = true
		d, changes, err = s.Update(ctx, v, o)
	}
	if err != nil {
		return err
	}
	if a.flags.changeSet {
		all := append([]stack.Change{}, changes.Resources...) // not null in JSON
		return a.Data(all, func(w io.Writer) error { return a.printChanges(w, changes) })
	}
	row := struct {
		stack.Deployed
		Changed bool
	}{d, changes.Any}
	return a.Data(row, func(io.Writer) error { return a.printUpdated(row.Deployed, row.Changed) })
}

// printUpdated prints the result of an update.
func (a *app) printUpdated(d stack.Deployed, changed bool) error {
	if !changed {
		return a.Print("nothing to update")
	}
	if err := a.printDeployed(d); err != nil {
		return err
	}
	return a.Print("The stack was updated to ssmbak %s; `%s` shows its status.", versionText(d.Version), a.command("status"))
}

func versionText(v string) string {
	if v == "" {
		return "(unknown)"
	}
	return v
}

// printChanges prints a change set.
func (a *app) printChanges(w io.Writer, c stack.Changes) error {
	if !c.Any {
		return a.Print("nothing to update")
	}
	if len(c.Resources) == 0 {
		return a.Print("no changes to resources, only to parameters or outputs")
	}
	counts := make(map[string]int)
	rows := make([][]string, len(c.Resources))
	for i, c := range c.Resources {
		sign, kind, remark := describeChange(c)
		counts[kind]++
		rows[i] = []string{sign, c.Resource, c.Type}
		if remark != "" {
			rows[i] = append(rows[i], "("+remark+")")
		}
	}
	if err := columns(w, rows); err != nil {
		return err
	}
	return a.Print("would add %d, change %d, replace %d, remove %d; nothing was changed", counts["add"], counts["change"], counts["replace"], counts["remove"])
}

// describeChange returns the sign of a change, the kind as which it is counted, and a
// remark or "".
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
func describeChange(c stack.Change) (sign, kind, remark string) {
	switch {
	case c.Action == "Add" || c.Action == "Import":
		return "+", "add", ""
	case c.Action == "Remove":
		return "-", "remove", ""
	case c.Action == "Dynamic":
		return "?", "change", "depends on other changes"
	case c.Replacement == "True":
		return "-/+", "replace", "will be replaced"
	case c.Replacement == "Conditional":
		return "~", "change", "may be replaced"
	}
	return "~", "change", ""
}
