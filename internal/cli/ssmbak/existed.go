package ssmbakcli

import (
	"context"
	"fmt"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/timeline"
)

// existedShown is how many spans of time a message names at most.
const existedShown = 3

// existence is a span of time in which a parameter existed, as far as it is
// known: from its first millisecond to its last, both of which can be given as
// TIME. last is [ssmbak.MaxTime] if it exists still.
type existence struct{ first, last ssmbak.Time }

// existences returns the spans of time in which a parameter existed, the oldest
// first. What is unknown belongs to none.
func existences(line *timeline.Timeline) (all []existence) {
	for _, s := range line.Spans() {
		if s.Kind != timeline.Held || s.Unknown {
			continue
		}
		last := s.Until
		if last != ssmbak.MaxTime {
			last--
		}
		if n := len(all); n > 0 && all[n-1].last+1 == s.From {
			all[n-1].last = last
			continue
		}
		all = append(all, existence{s.From, last})
	}
	return all
}

// existed says when a parameter existed, "" if nothing of that is known.
func existed(line *timeline.Timeline) string {
	all := existences(line)
	if len(all) == 0 {
		return ""
	}
	more := len(all) - existedShown
	var parts []string
	for _, e := range all[max(0, more):] {
		part := fmt.Sprintf("from %s to %s", e.first, e.last)
		if e.last == ssmbak.MaxTime {
			part = "from " + e.first.String() + " on"
		}
		parts = append(parts, part)
	}
	text := "it existed " + strings.Join(parts, ", ")
	if more > 0 {
		text += fmt.Sprintf(", and %d times before: `ssmbak log` shows them", more)
	}
	return text
}

// absentThen is the error, in the words of the format, for one parameter that was
// not there when it was asked for. Its hint says when it was there.
func (a *app) absentThen(ctx context.Context, s *session, name ssmbak.Name, format string, args ...any) error {
	lines, err := s.archive.Timelines(ctx, ssmbak.NameTarget(name))
	if err != nil {
		return err
	}
	hint := "no version of it was ever recorded"
	for i, line := range lines.All {
		if text := existed(line); lines.Names[i] == name && text != "" {
			hint = text
		}
	}
	return shell.Fail(hint, format, args...)
}
