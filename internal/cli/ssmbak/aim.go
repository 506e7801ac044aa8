package ssmbakcli

import (
	"errors"
	"io"
	"regexp"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// timeHelp explains TIME.
const timeHelp = `TIME is one of ` + ssmbak.TimeExamples + `;
or what date and the AWS CLI print. Without a zone it is UTC, with --local-time local
time. A time in whole seconds means the end of that second, a date or a minute its first
second.

To find TIME: ` + "`ssmbak log PATH --recursive --since 2h`" + ` lists the changes. Put before: in
front of the time of the first unwanted one: before:TIME is the millisecond before TIME
begins. @NAME is the time of a mark, which ` + "`ssmbak mark NAME`" + ` sets, and before:@NAME the
millisecond before it.`

// zone is the zone of a TIME without one.
func (a *app) zone() *time.Location {
	if a.flags.localTime {
		return a.Now().Location()
	}
	return time.UTC
}

// printedZone is the zone of printed times: JSON and text always have UTC.
func (a *app) printedZone() *time.Location {
	if a.Flags.Output == shell.JSON || a.Flags.Output == shell.Text {
		return time.UTC
	}
	return a.zone()
}

// view returns how data is shown on a stream.
func (a *app) view(stream io.Writer) render.View {
	formats := map[shell.Format]render.Format{shell.Text: render.Tabs, shell.Markdown: render.Markdown}
	return render.View{
		Reveal: a.flags.decrypt, Color: a.Color(stream), Zone: a.printedZone(), Format: formats[a.Flags.Output], Width: a.Columns(stream), Columns: a.flags.columns,
	}
}

// moment is a parsed TIME argument. The point of a mark is known once the archive is open,
// see [app.locate].
type moment struct {
	ssmbak.Point
	mark   string // the name of a mark, or ""
	before bool   // before that mark
}

// point parses a TIME argument. what is the flag that it belongs to, followed by a colon
// and a space, or "".
func (a *app) point(what, text string) (moment, error) {
	if m, ok := marked(text); ok {
		return m, checkMarkName(what, m.mark)
	}
	p, err := ssmbak.ParsePoint(text, a.Now(), a.zone())
	if refused := new(ssmbak.TimeError); errors.As(err, &refused) {
		err = shell.Usage(refused.Advice(), "%s%s", what, err)
	}
	return moment{Point: p}, err
}

// moment parses a TIME argument and prints it as a note, unless it is a mark.
func (a *app) moment(text string) (moment, error) {
	m, err := a.point("", text)
	if err == nil && m.mark == "" {
		a.NoteFacts(shell.Facts{"At": m.At}, "time %s", a.both(m.At))
	}
	return m, err
}

// future reports whether a point is in the future. A time in seconds means the end of
// that second, so the current second is not in the future.
func (a *app) future(p ssmbak.Point) bool { return p.At.Second() > a.Now().Unix() }

// both formats a time in UTC, and in local time if that differs.
func (a *app) both(at ssmbak.Time) string {
	if _, offset := at.Std().In(a.Now().Location()).Zone(); offset == 0 {
		return at.String()
	}
	return at.String() + ", local " + local(at, a.Now())
}

// local formats a time in the zone of now.
func local(at ssmbak.Time, now time.Time) string {
	return at.Std().In(now.Location()).Format("2006-01-02 15:04:05.000 -07:00")
}

// past is like moment, for commands that only read: it prints a note for a time in the
// future.
func (a *app) past(text string) (moment, error) {
	m, err := a.moment(text)
	if err == nil && a.future(m.Point) {
		a.noteFuture()
	}
	return m, err
}

func (a *app) noteFuture() {
	now := ssmbak.TimeOf(a.Now())
	a.NoteFacts(shell.Facts{"At": now}, "this time is in the future: showing the state as of now, %s", a.both(now))
}

var (
	dateArgument  = regexp.MustCompile(`^(before:)?(today|yesterday|\d{4}-\d\d-\d\d)$`)
	clockArgument = regexp.MustCompile(`^\d{1,2}:\d\d`)
)

// oneArgument returns an error if two of the arguments look like one TIME that was not
// quoted: a date and a time of day.
func oneArgument(args []string) error {
	for i := 1; i < len(args); i++ {
		var f *shell.Failure
		if err := unquoted(args[i-1], args[i]); errors.As(err, &f) {
			if args[i-1] != "before" && args[i-1] != "today" {
				f.Hint += "; for two times write todayT" + args[i]
			}
			return f
		}
	}
	return nil
}

// unquoted returns an error if two texts look like one TIME that was not quoted.
func unquoted(first, second string) error {
	hint := ""
	switch {
	case first == "before" && isTime(second):
		hint = "write before:" + second
	case dateArgument.MatchString(first) && clockArgument.MatchString(second):
		hint = "write " + first + "T" + second + ", or quote it: '" + first + " " + second + "'"
	default:
		return nil
	}
	return shell.Usage(hint, "%q and %q are two arguments", first, second)
}
