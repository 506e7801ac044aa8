package render

import (
	"regexp"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
)

// View says how data is shown to people. The zero value masks values, and shows times in
// UTC.
type View struct {
	// Reveal shows the values of SecureStrings.
	Reveal bool
	// Color colors the signs.
	Color bool
	// Live adds who made each live version that would be overwritten or deleted.
	Live bool
	// Zone is the zone of times, nil for UTC. With Both, exact times are shown in UTC, too.
	Zone *time.Location
	Both bool
	// Spaced separates date, time and offset of local times by spaces, as Both does.
	Spaced bool
	// Format is that of tables and plans. Width is the width of the terminal, 0 if the
	// output is not a terminal: only on a terminal, cells are cut. Columns are the names of
	// the columns to show, in their order; empty for all.
	Format  Format
	Width   int
	Columns []string
}

// Exact returns a time with milliseconds, as [ssmbak.ParsePoint] reads it.
func (v View) Exact(t ssmbak.Time) string { return v.zoned(t, t.String(), ".000") }

// seconds returns the second of a time of which only the second is known.
func (v View) seconds(t ssmbak.Time) string { return v.zoned(t, t.Whole(), "") }

// zoned returns utc, or t in the zone of the view with a fraction of a second in the
// given layout.
func (v View) zoned(t ssmbak.Time, utc, fraction string) string {
	if v.utc() || t == 0 || t == ssmbak.MinTime || t == ssmbak.MaxTime {
		return utc
	}
	local, spaced := t.Std().In(v.Zone), "2006-01-02 15:04:05"+fraction+" -07:00"
	switch {
	case v.Both:
		return utc + local.Format(" ("+spaced+")")
	case v.Spaced:
		return local.Format(spaced)
	}
	return local.Format("2006-01-02T15:04:05" + fraction + "-07:00")
}

// short returns a time truncated to seconds, as in the legacy ssmbak, or "" for the zero
// value, [ssmbak.MinTime] and [ssmbak.MaxTime].
func (v View) short(t ssmbak.Time) string {
	if t == 0 || t == ssmbak.MinTime || t == ssmbak.MaxTime {
		return ""
	}
	std := t.Std()
	if v.Zone != nil {
		std = std.In(v.Zone)
	}
	return std.Format("2006-01-02 15:04:05-07:00")
}

// utcTime matches a time in UTC in a message, and what [View.Local] skips: a command in
// backquotes, quoted text, a time that is followed by local time, and the line of a checkpoint.
var utcTime = regexp.MustCompile("`[^`]*`|" + `"(?:[^"\\]|\\.)*"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z(?:, local | [0-9a-f]{64})?`)

// Local returns a message with its times in UTC in the zone of the view. Commands and quoted
// text stay the same.
func (v View) Local(message string) string {
	if v.utc() {
		return message
	}
	return utcTime.ReplaceAllStringFunc(message, func(text string) string {
		at, err := time.Parse(time.RFC3339, text)
		switch {
		case err != nil:
			return text
		case strings.Contains(text, "."):
			return v.Exact(ssmbak.TimeOf(at))
		}
		return v.seconds(ssmbak.TimeOf(at))
	})
}

func (v View) utc() bool { return v.Zone == nil || v.Zone == time.UTC }
