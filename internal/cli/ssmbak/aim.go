package ssmbakcli

import (
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// moment reads a TIME argument and says on standard error which moment it is.
// In a time of whole seconds the whole second has happened, so the second that
// is now is no future.
func (a *app) moment(text string) (at ssmbak.Time, future bool, err error) {
	now := a.Now()
	at, err = ssmbak.ParseTime(text, now)
	if err != nil {
		return 0, false, shell.Usage("a time is one of "+ssmbak.TimeExamples, "%s", err)
	}
	a.Note("time %s, local %s", at, local(at, now))
	return at, at.Second() > now.Unix(), nil
}

// local returns a moment in the zone of the caller's clock.
func local(at ssmbak.Time, now time.Time) string {
	return at.Std().In(now.Location()).Format("2006-01-02 15:04:05.000 -07:00")
}

// past is moment for commands that only look: a future is noted.
func (a *app) past(text string) (ssmbak.Time, error) {
	at, future, err := a.moment(text)
	if err == nil && future {
		a.Note("this time is in the future: what is shown is what is known now, %s", local(ssmbak.TimeOf(a.Now()), a.Now()))
	}
	return at, err
}
