package ui

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// mostNames is the number of parameters that the address of a plan may name. Each of them has
// a tick of its own in the plan.
const mostNames = tickedRows

// planNames returns the parameters that an address chooses, sorted, or none for all.
func planNames(q url.Values) ([]ssmbak.Name, error) {
	var names []ssmbak.Name
	for _, text := range q["name"] {
		if text == "" {
			continue
		}
		name, err := ssmbak.ParseName(text)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	switch {
	case len(names) > mostNames:
		return nil, shell.Usage("plan a restore of the path and clear ticks there, or run `ssmbak restore` with --only",
			"%s named, and the address of a plan may name %d", shell.Count(len(names), "parameter is", "parameters are"), mostNames)
	case len(names) == 0 && q.Has("ticked"):
		return nil, shell.Usage("go back and tick at least one, or plan a restore of all", "no parameter is ticked")
	}
	return names, nil
}

// planTarget returns the target of a plan: the named parameter, or the deepest path that has
// all named ones, which must be below that of the page.
func (s *Server) planTarget(names []ssmbak.Name) (ssmbak.Target, error) {
	for _, name := range names {
		if own, possible := s.o.Target.Name(); !s.o.Target.Below(name) && !(possible && own == name) {
			return ssmbak.Target{}, shell.Usage("open the page for a path that contains it", "%s is not below %s", name, s.o.Target)
		}
	}
	switch len(names) {
	case 0:
		return s.o.Target, nil
	case 1:
		return ssmbak.NameTarget(names[0]), nil
	}
	first, last := string(names[0]), string(names[len(names)-1]) // what both have in common, all have
	shared := 0
	for shared < min(len(first), len(last)) && first[shared] == last[shared] {
		shared++
	}
	path := first[:strings.LastIndex(first[:shared], "/")+1]
	if len(path) <= len(s.o.Target.Prefix()) {
		return s.o.Target, nil
	}
	return ssmbak.ParseTarget(path, true)
}

// restrict restricts a plan for a path to parameters, whatever is below them now. The shown
// command has the name of one below which nothing is recorded, which is easier to read.
func (p *planned) restrict(names, recorded []ssmbak.Name) {
	p.patterns = make(map[string]string, len(names))
	for _, name := range names {
		pattern := exactly(string(name))
		p.options.Only = append(p.options.Only, pattern)
		below := name + "/"
		if i, _ := slices.BinarySearch(recorded, below); i == len(recorded) || !strings.HasPrefix(string(recorded[i]), string(below)) {
			pattern = string(name)
		}
		p.patterns[string(name)] = pattern
	}
}

// flags returns the flags that select the parameters of the plan, each preceded by a space.
func (p *planned) flags() string { return p.flagsOf(slices.Sorted(maps.Keys(p.patterns))) }

func (p *planned) flagsOf(names []string) string {
	var flags strings.Builder
	for _, name := range names {
		flags.WriteString(shell.Given("only", p.patterns[name]))
	}
	return flags.String()
}

// unrecorded returns the error of a plan. If nothing is known about a named parameter, it
// says so.
func unrecorded(err error) error {
	if found, ok := errors.AsType[*plan.UnmatchedError](err); ok {
		name := strings.NewReplacer("[", "", "]", "").Replace(found.Pattern)
		return shell.KindNotFound.Fail("tick parameters of the tree", "there are no records of %s", name)
	}
	return err
}

// only returns the plan with the chosen parameters, and the flags that choose the same. rest
// says that those without a tick of their own are chosen, too.
func (p *planned) only(ticked map[string]bool, rest bool) (*restore.Plan, string) {
	chosen := *p.Plan
	chosen.Items = nil
	own := make(map[ssmbak.Name]bool)
	for i, item := range render.Ordered(p.Plan) {
		own[item.Name] = i < tickedRows && !ticked[string(item.Name)] || i >= tickedRows && !rest
	}
	var names, without []string
	for _, item := range p.Items {
		switch applied := item.Action.Writes() && item.Refused == ""; {
		case own[item.Name] && applied:
			without = append(without, string(item.Name))
			continue
		case applied:
			names = append(names, string(item.Name))
		}
		chosen.Items = append(chosen.Items, item)
	}
	switch {
	case len(without) == 0:
		return &chosen, p.flags()
	case p.patterns != nil:
		return &chosen, p.flagsOf(names)
	}
	flag, patterns, others := "only", names, without
	if len(without) < len(names) {
		flag, patterns, others = "exclude", without, names
	}
	var flags strings.Builder
	for _, name := range patterns {
		flags.WriteString(shell.Given(flag, patternOf(name, others)))
	}
	return &chosen, flags.String()
}

// patternOf returns a pattern that matches a name and none of the others. A name as a
// pattern also matches everything below it.
func patternOf(name string, others []string) string {
	if !slices.ContainsFunc(others, func(other string) bool { return strings.HasPrefix(other, name+"/") }) {
		return name
	}
	return exactly(name)
}

// exactly returns a pattern that matches a name and nothing below it: one with a wildcard.
func exactly(name string) string {
	i := strings.LastIndexFunc(name, func(r rune) bool { return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' })
	if i < 0 {
		i = len(name) - 1 // of punctuation only
	}
	return name[:i] + "[" + name[i:i+1] + "]" + name[i+1:]
}
