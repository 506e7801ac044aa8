package render

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// Question is what a person sees of a plan before they agree to it.
type Question struct {
	Title           string
	Account, Region string
	// Rows is the height of the terminal: the plan takes one screen at most.
	Rows int
	// MaxRate bounds the writes per second, 0 if nothing does.
	MaxRate float64
}

const (
	// usualRate is how many PutParameter per second an account allows unless it
	// has higher throughput.
	// https://github.com/github-aws-runners/terraform-aws-github-runner/issues/2944
	usualRate = 3
	// recreation is how long AWS asks to wait between a deletion and a creation.
	// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html
	recreation = 30 * time.Second
	// namedPrincipals is how many of those who made the live versions are named.
	namedPrincipals = 3
)

// Write writes the plan: what it deletes and replaces, what else it writes,
// counts, who made the live versions, how long it may take, and where.
func (q Question) Write(w io.Writer, p *restore.Plan, o PlanOptions) error {
	after := append([]string{Summary(p)}, principals(p)...)
	after = append(after,
		q.estimate(p),
		fmt.Sprintf("account %s, region %s", q.Account, q.Region),
		"running tasks keep the old values until they read the parameters again;",
		"Terraform or CloudFormation may write their own values back")
	room := max(5, q.Rows-len(after)-3) // the title and the question
	lines := []string{q.Title + ":"}
	lines = append(lines, screenful(ordered(p), room, o)...)
	_, err := io.WriteString(w, strings.Join(append(lines, after...), "\n")+"\n")
	return err
}

// ordered returns the items that a plan would write, the gravest first.
func ordered(p *restore.Plan) []plan.Item {
	rank := map[plan.Action]int{plan.ActionDelete: 1, plan.ActionReplace: 2, plan.ActionUpdate: 3, plan.ActionCreate: 4}
	var items []plan.Item
	for _, item := range p.Items {
		if item.Action.Writes() {
			items = append(items, item)
		}
	}
	slices.SortStableFunc(items, func(a, b plan.Item) int {
		x, y := a.Refused != "", b.Refused != ""
		if x != y {
			if x {
				return 1
			}
			return -1
		}
		return cmp.Compare(rank[a.Action], rank[b.Action])
	})
	return items
}

// screenful returns as much of the items as fits: with all attributes, else the
// names alone, else the first of them.
func screenful(items []plan.Item, room int, o PlanOptions) (lines []string) {
	for _, item := range items {
		lines = append(lines, itemLines(item, o)...)
	}
	if len(lines) <= room {
		return lines
	}
	lines = lines[:0]
	for _, item := range items[:min(len(items), room-1)] {
		lines = append(lines, itemLines(item, o)[0])
	}
	if left := len(items) - len(lines); left > 0 {
		lines = append(lines, fmt.Sprintf("... and %d more: --dry-run shows all of it", left))
	} else {
		lines = append(lines, "... --dry-run shows what changes in each")
	}
	return lines
}

// principals says who made the versions that would be overwritten or deleted.
func principals(p *restore.Plan) (lines []string) {
	type made struct {
		by   string
		n    int
		last ssmbak.Time
	}
	all := make(map[string]made)
	for _, item := range p.Items {
		if item.Before == nil || !item.Action.Writes() {
			continue
		}
		v := item.Before.Version
		m := all[v.User]
		all[v.User] = made{cmp.Or(v.User, "somebody unknown"), m.n + 1, max(m.last, v.Time)}
	}
	sorted := slices.SortedFunc(maps.Values(all), func(a, b made) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.by, b.by))
	})
	for i, m := range sorted {
		if i == namedPrincipals {
			return append(lines, fmt.Sprintf("live versions of %d others", len(sorted)-i))
		}
		versions := "versions"
		if m.n == 1 {
			versions = "version"
		}
		lines = append(lines, fmt.Sprintf("%d live %s by %s, most recently at %s", m.n, versions, Escape(m.by), m.last))
	}
	return lines
}

// estimate says how long a plan may take.
func (q Question) estimate(p *restore.Plan) string {
	rate := float64(usualRate)
	if q.MaxRate > 0 {
		rate = min(rate, q.MaxRate)
	}
	requests := p.Count(plan.ActionCreate) + p.Count(plan.ActionUpdate) + 2*p.Count(plan.ActionReplace) + (p.Count(plan.ActionDelete)+9)/10
	took := time.Duration(math.Ceil(float64(requests)/rate)) * time.Second
	switch wait := time.Until(p.Waits().Std()); {
	case p.Count(plan.ActionReplace) > 0:
		took += recreation
	case wait > 0:
		took = max(took, wait.Round(time.Second))
	}
	return fmt.Sprintf("estimated time: %s at %g writes per second", took, rate)
}
