package ssmbakcli

import (
	"context"
	"fmt"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/timeline"
)

// existedShown is the maximum number of spans in a message.
const existedShown = 3

// existence is a span in which a parameter is known to have existed, from its first
// to its last millisecond; both are valid as TIME. last is [ssmbak.MaxTime] if the
// parameter still exists.
type existence struct{ first, last ssmbak.Time }

// existences returns the spans in which a parameter is known to have existed, oldest
// first.
func existences(line *timeline.Timeline) (all []existence) {
	for _, s := range line.Spans() {
		if s.Kind != timeline.KindPresent || s.Unknown {
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

// existed returns a clause about when a parameter existed, or "" if that is unknown.
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
		text += ", and " + shell.Count(more, "time", "times") + " before (see `ssmbak log`)"
	}
	return text
}

// absentThen returns the error for a parameter that did not exist at the requested
// time. Its hint says when it existed.
func (a *app) absentThen(ctx context.Context, s *session, name ssmbak.Name, format string, args ...any) error {
	lines, err := s.archive.Timelines(ctx, ssmbak.NameTarget(name))
	if err != nil {
		return err
	}
	hint := "no version of it was recorded"
	for i, line := range lines.All {
		if text := existed(line); lines.Names[i] == name && text != "" {
			hint = text
		}
	}
	return shell.KindNotFound.Fail(hint, format, args...)
}
