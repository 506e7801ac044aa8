package ssmbakcli

import (
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// moment parses a TIME argument and prints it as a note. A time in seconds means the
// end of that second, so the current second is not in the future.
func (a *app) moment(text string) (at ssmbak.Time, future bool, err error) {
	now := a.Now()
	at, err = ssmbak.ParseTime(text, now)
	if err != nil {
		return 0, false, shell.Usage("a time is one of "+ssmbak.TimeExamples, "%s", err)
	}
	a.Note("time %s, local %s", at, local(at, now))
	return at, at.Second() > now.Unix(), nil
}

// local formats a time in the zone of now.
func local(at ssmbak.Time, now time.Time) string {
	return at.Std().In(now.Location()).Format("2006-01-02 15:04:05.000 -07:00")
}

// past is like moment, for commands that only read: it prints a note for a time in the
// future.
func (a *app) past(text string) (ssmbak.Time, error) {
	at, future, err := a.moment(text)
	if err == nil && future {
		a.Note("this time is in the future: showing the state as of now, %s", local(ssmbak.TimeOf(a.Now()), a.Now()))
	}
	return at, err
}
