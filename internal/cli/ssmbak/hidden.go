package ssmbakcli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// hiddenHint is the hint for hidden parameters.
const hiddenHint = "`ssmbak reconcile` restores missing indexes"

// noteUnchecked prints that hidden parameters were not looked for.
func (a *app) noteUnchecked(unchecked bool) {
	switch {
	case unchecked && a.foreign:
		a.Note("hidden parameters were not looked for, because the archive has no complete register of names yet")
	case unchecked:
		a.Note("hidden parameters were not looked for, because the archive has no complete register of names yet: run `ssmbak reconcile`")
	}
}

// hidden returns the parameter that cannot be read because its index is missing, if that is
// the problem. A plan for copies names the copy, not the parameter.
func hidden(p archive.Problem) (ssmbak.Name, bool) {
	var missing *archive.MissingIndexError
	if errors.As(p.Err, &missing) && missing.Hidden {
		return missing.Name, true
	}
	return "", false
}

// noteProblems prints which parameters could not be read completely, hidden ones in one
// note, and reports whether there are hidden ones.
func (a *app) noteProblems(problems []archive.Problem) bool {
	var names []ssmbak.Name
	for _, p := range problems {
		if name, ok := hidden(p); ok {
			names = append(names, name)
			continue
		}
		why := reason(p.Err)
		text := why
		if !strings.HasPrefix(text, string(p.Name)+" ") { // the key of a value is the parameter's name
			text = fmt.Sprintf("%s: %s", p.Name, text)
		}
		a.NoteFacts(shell.Facts{"Name": p.Name, "Reason": why, "Code": explain(p.Err).CodeName()}, "%s", text)
	}
	if n := len(names); n > 0 {
		a.NoteFacts(shell.Facts{"Names": names}, "%s hidden, because %s missing: %s", shell.Count(n, "parameter is", "parameters are"), shell.Plural(n, "its index is", "their indexes are"), archive.NameList(names))
	}
	return len(names) > 0
}
