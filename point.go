package ssmbak

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// TimeExamples lists forms that [ParsePoint] accepts, for help texts and hints.
const TimeExamples = "2024-06-13T20:10:54.417Z, 2024-06-13T20:10:54, '2024-06-13 20:10', 2024-06-13, 20:10, yesterdayT20:10, today, 1718309454, now, 90m, 1h30m, 3d, 1w, or before: and one of these"

// Point is a parsed point in time.
type Point struct {
	// At is the time that is meant, in milliseconds of UTC.
	At Time
	// Begin is the first millisecond of the unit in which the time was given: At itself
	// for milliseconds, now, a duration and before:, else the beginning of the second,
	// the minute or the day.
	Begin Time
}

// Coarse reports whether the point was given without milliseconds: then it means the end of
// the second that begins at Begin.
func (p Point) Coarse() bool { return p.At > p.Begin }

// TimeError reports a text that [ParsePoint] refuses.
type TimeError struct {
	Text    string
	Problem string // what is wrong, as the predicate of a sentence about Text
	// Instead are the texts to type instead, if they are known. Hint is one clause about
	// what to type otherwise, or "".
	Instead []string
	Hint    string
}

func (e *TimeError) Error() string {
	return fmt.Sprintf("%q %s", e.Text, cmp.Or(e.Problem, "is not a point in time"))
}

// Advice returns one clause about what to type instead.
func (e *TimeError) Advice() string {
	if len(e.Instead) > 0 {
		return "use " + strings.Join(e.Instead, " or ")
	}
	return cmp.Or(e.Hint, "a time is one of "+TimeExamples)
}

// ParseTime returns the time that [ParsePoint] reads, in UTC if text has no zone.
func ParseTime(text string, now time.Time) (Time, error) {
	p, err := ParsePoint(text, now, time.UTC)
	return p.At, err
}

// ParsePoint parses a point in time. now is the time of the caller's clock, and zone
// applies to a text without a zone. The error is a [*TimeError]. The forms are
//
//   - RFC 3339, with a T or a space, with or without seconds, fraction and zone; also
//     without separators, as in 20240613T201054Z;
//   - a date, "today" or "yesterday";
//   - a time of day such as 20:10 or 20:10:54, which is today's and must not be in the
//     future, and with "yesterdayT" or "todayT" (or a space) before it that of that day;
//   - 10 digits, Unix seconds, with or without a fraction; 13 digits, Unix milliseconds;
//   - "now", or durations before now such as 90m, 2h, 1h30m, 3d, 1w, where a day has 24
//     hours;
//   - the output of date, date -R and date -u, and RFC 1123.
//
// A zone is Z, UTC, GMT or an offset. A fraction is truncated to milliseconds. A time in
// whole seconds means the last millisecond of that second, so that every change within
// the second is included; a minute or a date means its first second. The prefix "before:"
// means the millisecond before the given time begins: before its millisecond if it has a
// fraction or is now or a duration, and before its second, its minute or its day
// otherwise.
//
// Nothing is guessed: a local time that a clock change repeats or skips is refused, and so
// are dates with slashes and names of zones. The result is after 1970-01-01T00:00:00Z and
// before the year 10000.
func ParsePoint(text string, now time.Time, zone *time.Location) (Point, error) {
	rest, before := strings.CutPrefix(text, "before:")
	at, err := parsePoint(rest, now, zone)
	if err != nil {
		err.Text = text
		for i := range err.Instead {
			err.Instead[i] = text[:len(text)-len(rest)] + err.Instead[i]
		}
		return Point{}, err
	}
	p := Point{At: at.begin, Begin: at.begin}
	switch {
	case before:
		p.At--
		p.Begin--
	case at.coarse:
		p.At += 999
	}
	if p.At <= 0 || at.begin.Std().Year() < 1970 || at.begin.Std().Year() > 9999 {
		return Point{}, &TimeError{Text: text, Problem: "is not a point in time: it is before 1970 or after 9999"}
	}
	return p, nil
}

// reading is the beginning of a point in time, which is coarse without milliseconds.
type reading struct {
	begin  Time
	coarse bool
}

var (
	durations  = regexp.MustCompile(`^(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$`)
	epoch      = regexp.MustCompile(`^(\d{10})(?:[.](\d{1,9}))?$`)
	epochMilli = regexp.MustCompile(`^\d{13}$`)
)

func parsePoint(text string, now time.Time, zone *time.Location) (reading, *TimeError) {
	if text == "now" {
		return reading{begin: TimeOf(now)}, nil
	}
	if ago, ok := parseAgo(text); ok {
		return reading{begin: TimeOf(now.Add(-ago))}, nil
	}
	if epochMilli.MatchString(text) {
		ms, _ := strconv.ParseInt(text, 10, 64)
		return reading{begin: Time(ms)}, nil
	}
	if parts := epoch.FindStringSubmatch(text); parts != nil {
		s, _ := strconv.ParseInt(parts[1], 10, 64)
		return reading{begin: Seconds(s) + milliseconds(parts[2]), coarse: parts[2] == ""}, nil
	}
	c, ok := parseCivil(text)
	if !ok {
		return reading{}, refused(text)
	}
	return c.resolve(now, zone)
}

// longestAgo is the longest duration, which is longer than the time since 1970.
const longestAgo = 200 * 365 * 24 * time.Hour

// parseAgo parses durations, the longest unit first.
func parseAgo(text string) (ago time.Duration, ok bool) {
	parts := durations.FindStringSubmatch(text)
	if text == "" || parts == nil {
		return 0, false
	}
	for i, unit := range []time.Duration{7 * 24 * time.Hour, 24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if parts[i+1] == "" {
			continue
		}
		n, err := strconv.ParseInt(parts[i+1], 10, 64)
		if err != nil || n > int64(longestAgo/unit) {
			return 0, false
		}
		if ago += time.Duration(n) * unit; ago > longestAgo {
			return 0, false
		}
	}
	return ago, true
}

// milliseconds returns the first three digits of a fraction as milliseconds.
func milliseconds(fraction string) Time {
	ms, _ := strconv.ParseInt((fraction + "000")[:3], 10, 64)
	return Time(ms)
}

// The parts of the forms that name a date or a time of day.
const (
	zoneForm  = `(?P<zone> ?(?:Z|UTC|GMT|[+-]\d\d(?::?\d\d)?))`
	clockForm = `(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?`
	dowForm   = `(?P<weekday>Mon|Tue|Wed|Thu|Fri|Sat|Sun),? `
	monthForm = `(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)`
	// halfForm is a time as date prints it, in some locales with 12 hours.
	halfForm = `(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?: (?P<half>AM|PM))?`
	// nameForm is a zone as date prints it. Only UTC and GMT name one offset.
	nameForm = ` (?P<zone>[A-Z]{3,5}|[+-]\d\d(?::?\d\d)?)`
)

// civilForms are the forms that name a date or a time of day. They are compiled when the first
// one is needed, and not by every program that imports this package.
var civilForms = sync.OnceValue(func() []*regexp.Regexp {
	return []*regexp.Regexp{
		regexp.MustCompile(`^(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)(?:[T ]` + clockForm + zoneForm + `?)?$`),
		regexp.MustCompile(`^(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)T(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?` + zoneForm + `?$`),
		regexp.MustCompile(`^(?P<date>today|yesterday)$`),
		regexp.MustCompile(`^(?:(?P<date>today|yesterday)[T ])?` + clockForm + zoneForm + `?$`),
		// The C locale, en_GB and older en_US; "Thu Jun 13 20:10:54 UTC 2024".
		regexp.MustCompile(`^` + dowForm + monthForm + ` {1,2}(?P<day>\d{1,2}) ` + halfForm + `(?:` + nameForm + `)? (?P<year>\d{4})$`),
		regexp.MustCompile(`^` + dowForm + `(?P<day>\d{1,2}) ` + monthForm + ` ` + halfForm + `(?:` + nameForm + `)? (?P<year>\d{4})$`),
		// RFC 1123, date -R and en_US; "Thu, 13 Jun 2024 20:10:54 +0000".
		regexp.MustCompile(`^` + dowForm + `(?P<day>\d{1,2}) ` + monthForm + ` (?P<year>\d{4}) ` + halfForm + `(?:` + nameForm + `)?$`),
	}
})

// civil is a date or a time of day, with the texts of its parts.
type civil map[string]string

func parseCivil(text string) (civil, bool) {
	for _, form := range civilForms() {
		parts := form.FindStringSubmatch(text)
		if parts == nil {
			continue
		}
		c := civil{"text": text}
		for i, name := range form.SubexpNames() {
			if name != "" && parts[i] != "" {
				c[name] = parts[i]
			}
		}
		return c, true
	}
	return nil, false
}

// number returns a part as a number, 0 if it is missing.
func (c civil) number(part string) int {
	n, _ := strconv.Atoi(c[part])
	return n
}

// month returns the month, which is a number or a name.
func (c civil) month() int {
	if t, err := time.Parse("Jan", c["month"]); err == nil {
		return int(t.Month())
	}
	return c.number("month")
}

// hour returns the hour from 0 to 23, or -1 if there is no such hour.
func (c civil) hour() int {
	h := c.number("hour")
	switch {
	case c["half"] == "":
		return h
	case h < 1 || h > 12:
		return -1
	case c["half"] == "AM":
		return h % 12
	}
	return h%12 + 12
}

// ofToday reports whether it is a time of day without another date.
func (c civil) ofToday() bool { return c["year"] == "" && c["date"] != "yesterday" }

// offset matches an offset from UTC.
var offset = regexp.MustCompile(`^([+-])(\d\d):?(\d\d)?$`)

// zone returns the zone, which is local if the text has none.
func (c civil) zone(local *time.Location) (*time.Location, *TimeError) {
	name := strings.TrimSpace(c["zone"])
	if name == "" {
		return local, nil
	}
	if name == "Z" || name == "UTC" || name == "GMT" {
		return time.UTC, nil
	}
	parts := offset.FindStringSubmatch(name)
	if parts == nil {
		return nil, &TimeError{Problem: "is not a point in time: " + name + " names more than one offset", Hint: "write UTC or an offset such as +02:00 instead of " + name}
	}
	hours, _ := strconv.Atoi(parts[2])
	minutes, _ := strconv.Atoi(parts[3])
	if hours > 23 || minutes > 59 {
		return nil, &TimeError{}
	}
	seconds := hours*3600 + minutes*60
	if parts[1] == "-" {
		seconds = -seconds
	}
	return time.FixedZone("", seconds), nil
}

// resolve returns the point in time.
func (c civil) resolve(now time.Time, local *time.Location) (reading, *TimeError) {
	zone, problem := c.zone(local)
	if problem != nil {
		return reading{}, problem
	}
	year, month, day := c.number("year"), time.Month(c.month()), c.number("day")
	if c["year"] == "" {
		year, month, day = now.In(zone).Date()
		if c["date"] == "yesterday" {
			year, month, day = time.Date(year, month, day-1, 0, 0, 0, 0, time.UTC).Date()
		}
	}
	wall := time.Date(year, month, day, c.hour(), c.number("minute"), c.number("second"), 0, time.UTC)
	if wall.Year() != year || wall.Month() != month || wall.Day() != day || wall.Hour() != c.hour() || wall.Minute() != c.number("minute") || wall.Second() != c.number("second") {
		return reading{}, &TimeError{Problem: "is not a point in time: there is no such date or time"}
	}
	if name := c["weekday"]; name != "" && !strings.HasPrefix(wall.Weekday().String(), name) {
		return reading{}, &TimeError{Problem: "is not a point in time: that day is a " + wall.Weekday().String()}
	}
	t, problem := localTime(wall, zone)
	if problem != nil {
		return reading{}, problem
	}
	out := reading{begin: Seconds(t.Unix()) + milliseconds(c["fraction"]), coarse: c["fraction"] == ""}
	if c.ofToday() && out.begin > TimeOf(now) {
		return reading{}, &TimeError{Problem: "is in the future", Instead: []string{"yesterdayT" + strings.TrimLeft(strings.TrimPrefix(c["text"], "today"), "T ")}}
	}
	return out, nil
}

// localTime returns the time at which clocks in a zone show the date and time of wall. It
// refuses one that a clock change repeats or skips.
func localTime(wall time.Time, zone *time.Location) (time.Time, *TimeError) {
	var found []time.Time
	for _, around := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, seconds := wall.Add(around).In(zone).Zone()
		t := wall.Add(-time.Duration(seconds) * time.Second).In(zone)
		if _, is := t.Zone(); is == seconds && !slices.ContainsFunc(found, t.Equal) {
			found = append(found, t)
		}
	}
	const form = "2006-01-02T15:04:05-07:00"
	switch len(found) {
	case 0:
		return time.Time{}, &TimeError{Problem: "is not a point in time: a clock change skips it in local time", Hint: "write it in UTC"}
	case 1:
		return found[0], nil
	}
	return time.Time{}, &TimeError{Problem: "is ambiguous: a clock change repeats it in local time", Instead: []string{found[0].Format(form), found[1].Format(form)}}
}

var (
	digits  = regexp.MustCompile(`^\d+$`)
	signed  = regexp.MustCompile(`^[-+](\d+[wdhms])+$`)
	slashes = regexp.MustCompile(`^\d+[/.]\d+[/.]\d+`)
	words   = regexp.MustCompile(`^(\d+) ?(w|d|h|m|s)(?:eeks?|ays?|ours?|in(?:ute)?s?|ec(?:ond)?s?)?(?: ago)?$`)
	oneHour = regexp.MustCompile(`^((?:today|yesterday)[T ])?\d:\d\d`)
)

// refused returns the error for a text that has none of the forms, with a hint if it has
// a similar one.
func refused(text string) *TimeError {
	e := &TimeError{Text: text}
	switch {
	case signed.MatchString(text):
		e.Instead = []string{text[1:]}
	case len(text) == 8 && digits.MatchString(text):
		e.Instead = []string{text[:4] + "-" + text[4:6] + "-" + text[6:]}
	case len(text) == 14 && digits.MatchString(text):
		e.Instead = []string{text[:8] + "T" + text[8:] + "Z"}
	case digits.MatchString(text):
		e.Hint = "10 digits are Unix seconds, 13 are milliseconds; a duration needs a unit, such as 90m"
	case slashes.MatchString(text):
		e.Hint = "write the year first, with hyphens, such as 2024-06-13"
	case oneHour.MatchString(text):
		e.Hint = "write two digits for the hour, such as 09:05"
	}
	if parts := words.FindStringSubmatch(text); parts != nil {
		e.Instead = []string{parts[1] + parts[2]}
	}
	return e
}
