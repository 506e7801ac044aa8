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

// Question is the confirmation prompt for a plan.
type Question struct {
	Title           string
	Account, Region string
	// Rows is the height of the terminal in lines: the plan fits on one screen.
	Rows int
	// MaxRate is the maximum number of writes per second, 0 for unlimited.
	MaxRate float64
}

const (
	// usualRate is the default quota of PutParameter, in requests per second.
	// https://github.com/github-aws-runners/terraform-aws-github-runner/issues/2944
	usualRate = 3
	// recreation is the time that AWS requires between a deletion and a creation.
	// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html
	recreation = 30 * time.Second
	// namedPrincipals is the maximum number of principals that are named.
	namedPrincipals = 3
)

// Write writes the plan: the items, most destructive first, the summary, the principals
// of the live versions, the estimated time, and the account and region.
func (q Question) Write(w io.Writer, p *restore.Plan, o View) error {
	after := append([]string{Summary(p)}, Principals(p, o)...)
	after = append(after,
		q.Estimate(p),
		fmt.Sprintf("account %s, region %s", q.Account, q.Region),
		"running applications keep the old values until they read the parameters again;",
		"Terraform or CloudFormation may overwrite the restored values")
	room := max(5, q.Rows-len(after)-3) // the title and the question
	lines := []string{q.Title + ":"}
	lines = append(lines, screenful(Ordered(p), room, o)...)
	_, err := io.WriteString(w, strings.Join(append(lines, after...), "\n")+"\n")
	return err
}

// Ordered returns the items that a plan would write, most destructive first, and those in
// conflict.
func Ordered(p *restore.Plan) []plan.Item {
	rank := map[plan.Action]int{plan.ActionDelete: 1, plan.ActionReplace: 2, plan.ActionUpdate: 3, plan.ActionCreate: 4, plan.ActionSkip: 5}
	var items []plan.Item
	for _, item := range p.Items {
		if item.Action.Writes() || len(item.Conflicts) > 0 {
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

// screenful returns as much of the items as fits into room lines: all attributes, or
// the names only, or the first names.
func screenful(items []plan.Item, room int, o View) (lines []string) {
	for _, item := range items {
		lines = append(lines, ItemLines(item, o)...)
	}
	if len(lines) <= room {
		return lines
	}
	lines = lines[:0]
	for _, item := range items[:min(len(items), room-1)] {
		lines = append(lines, ItemLines(item, o)[0])
	}
	if left := len(items) - len(lines); left > 0 {
		lines = append(lines, fmt.Sprintf("... and %d more: use --dry-run to see all", left))
	} else {
		lines = append(lines, "... use --dry-run to see what changes in each")
	}
	return lines
}

// Principals names those who wrote the versions that would be overwritten or deleted.
func Principals(p *restore.Plan, o View) (lines []string) {
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
		all[v.User] = made{cmp.Or(v.User, "an unknown principal"), m.n + 1, max(m.last, v.Time)}
	}
	sorted := slices.SortedFunc(maps.Values(all), func(a, b made) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.by, b.by))
	})
	for i, m := range sorted {
		if i == namedPrincipals {
			return append(lines, "live versions by "+counted(len(sorted)-i, "other", "others"))
		}
		lines = append(lines, fmt.Sprintf("%s by %s, most recently at %s", counted(m.n, "live version", "live versions"), Escape(m.by), o.Exact(m.last)))
	}
	return lines
}

// Estimate returns a line with the estimated time of a plan.
func (q Question) Estimate(p *restore.Plan) string {
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
