package main

// paged are mutations of who is admitted to the page, what it applies and what it shows,
// that the named test finds.
var paged = []tests{
	{mutation{
		"a page of another name of the host is served", "internal/ui/guard.go",
		"case r.Host != g.host:", "case false:",
	}, "internal/ui", "TestGuard"},
	{mutation{
		"another origin may send requests", "internal/ui/guard.go",
		"case origin != \"\" && origin != \"http://\"+g.host:", "case false:",
	}, "internal/ui", "TestGuard"},
	{mutation{
		"another site may lead to the page", "internal/ui/guard.go",
		"case site != \"\" && site != \"same-origin\" && site != \"none\":", "case site == \"another\":",
	}, "internal/ui", "TestGuard"},
	{mutation{
		"any cookie admits", "internal/ui/guard.go",
		"case !same(c.Value, g.cookie):", "case c == nil:",
	}, "internal/ui", "TestGuard"},
	{mutation{
		"any token admits", "internal/ui/guard.go",
		"if !g.knows(token) {", "if g.knows(token) && false {",
	}, "internal/ui", "TestGuard"},
	{mutation{
		"a token of the page is valid twice", "internal/ui/tokens.go",
		"\t\tdelete(t.all, token)\n\t\ti :=", "\t\ti :=",
	}, "internal/ui", "TestTokens"},
	{mutation{
		"a page that is read-only applies plans", "internal/ui/apply.go",
		"if !s.o.AllowRestore {", "if false {",
	}, "internal/ui", "TestApplyRefuses"},
	{mutation{
		"the page deletes without the word", "internal/ui/apply.go",
		"case chosen.NeedsConfirmation() && r.PostFormValue(\"yes\") != \"yes\":", "case false:",
	}, "internal/ui", "TestRevertChosen"},
	{mutation{
		"the page applies what is not ticked", "internal/ui/ticks.go",
		"case own[item.Name] && applied:", "case false:",
	}, "internal/ui", "TestRevertChosen|TestApplyRefuses"},
	{mutation{
		"two restores of the page run at once", "internal/ui/apply.go",
		"case s.job != nil && !s.job.over():", "case false:",
	}, "internal/ui", "TestOneRestoreAtOnce"},
	{mutation{
		"the page begins a restore after an interrupt", "internal/ui/apply.go",
		"case s.ended:", "case false:",
	}, "internal/ui", "TestOneRestoreAtOnce"},
	{mutation{
		"a page contains control characters", "internal/ui/page.go",
		"return printable(buf.Bytes()), nil", "return buf.Bytes(), nil",
	}, "internal/ui", "TestHostileText"},
	{mutation{
		"the page plans outside of its path", "internal/ui/ticks.go",
		"!s.o.Target.Below(name) && !(possible && own == name)", "false && own == name && possible",
	}, "internal/ui", "TestApplyRefuses"},
	{mutation{
		"the page leads to other sites", "internal/ui/changes.go",
		"strings.HasPrefix(to, \"//\")", "false",
	}, "internal/ui", "TestApplyRefuses"},
	{mutation{
		"the cursor is after the changes that it is right before", "internal/ui/records.go",
		"all = append(all, set.From-1)", "all = append(all, set.From)",
	}, "internal/ui", "TestRestoreAndUndo|TestSee"},
	{mutation{
		"the command for chosen parameters includes those below them", "internal/ui/ticks.go",
		"return name[:i] + \"[\" + name[i:i+1] + \"]\" + name[i+1:]", "return name",
	}, "internal/ui", "TestPatternOf"},
	{mutation{
		"the page plans what is below a ticked parameter", "internal/ui/ticks.go",
		"pattern := exactly(string(name))", "pattern := string(name)",
	}, "internal/ui", "TestTickedAbove"},
	{mutation{
		"the page plans everything when nothing is ticked", "internal/ui/ticks.go",
		"case len(names) == 0 && q.Has(\"ticked\"):", "case false:",
	}, "internal/ui", "TestTickedRefused"},
	{mutation{
		"an address names any number of parameters", "internal/ui/ticks.go",
		"case len(names) > mostNames:", "case false:",
	}, "internal/ui", "TestTickedRefused"},
	{mutation{
		"the command for a part of ticked parameters excludes from all", "internal/ui/ticks.go",
		"case p.patterns != nil:", "case false:",
	}, "internal/ui", "TestRestoreTicked"},
	{mutation{
		"a report has links", "internal/ui/report.go",
		"\tbody.unlink()\n", "",
	}, "internal/ui", "TestReport"},
	{mutation{
		"sets overlap only one way", "changeset/changeset.go",
		"if sets[i].within(sets[j]) {", "if false {",
	}, "changeset", "TestGroupNeighbors"},
}
