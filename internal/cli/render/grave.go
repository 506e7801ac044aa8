package render

import (
	"fmt"
	"strings"

	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// Grave returns the reason why a plan requires confirmation, see
// [plan.Plan.NeedsConfirmation].
func Grave(p *restore.Plan) string {
	deleted, replaced := p.Count(plan.ActionDelete), p.Count(plan.ActionReplace)
	verb := "restore"
	switch {
	case p.Until != 0:
		verb = "revert"
	case p.Undoes != "":
		verb = "undo"
	}
	switch {
	case deleted > 0 && replaced > 0:
		return "this " + verb + " deletes " + parameters(deleted) + " and replaces " + parameters(replaced)
	case deleted > 0:
		return "this " + verb + " deletes " + parameters(deleted)
	case replaced > 0:
		return "this " + verb + " replaces " + parameters(replaced)
	case p.Target.Root():
		return "a " + verb + " of " + p.Target.String() + " may affect every parameter"
	}
	return "this " + verb + " may have to replace parameters to change their type"
}

// Remedies returns a hint for what was refused or failed, or "". again is the command
// that was given.
func Remedies(p *restore.Plan, res restore.Result, again string) string {
	helps := make(map[plan.Remedy]bool)
	for _, o := range res.Outcomes {
		remedy := o.Remedy
		if p.Undoes != "" && remedy == plan.RemedyRerun && o.Status == plan.StatusRefused {
			continue // changed since the restore: a rerun would be refused too
		}
		helps[remedy] = true
	}
	var all []string
	if helps[plan.RemedyRerun] {
		all = append(all, "`"+again+"` finishes the rest and writes nothing twice")
	}
	if helps[plan.RemedyReplace] {
		all = append(all, "`"+again+" --replace` also deletes and recreates what cannot be changed in place")
	}
	if helps[plan.RemedyFix] {
		all = append(all, "fix the cause, then rerun `"+again+"`")
	}
	return strings.Join(all, "; ")
}

// parameters returns a number of parameters as text.
func parameters(n int) string { return counted(n, "parameter", "parameters") }

// counted returns n followed by the singular or plural.
func counted(n int, one, many string) string {
	if n == 1 {
		many = one
	}
	return fmt.Sprintf("%d %s", n, many)
}
