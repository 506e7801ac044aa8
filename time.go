package ssmbak

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Time is an instant in milliseconds since 1970-01-01 UTC, the precision of a
// version's time in Parameter Store. The zero value means no time.
type Time int64

// MinTime and MaxTime are before and after every event.
const (
	MinTime Time = math.MinInt64
	MaxTime Time = math.MaxInt64
)

// TimeOf returns t truncated to milliseconds.
func TimeOf(t time.Time) Time { return Time(t.UnixMilli()) }

// Seconds returns the beginning of the given Unix second.
func Seconds(s int64) Time { return Time(s * 1000) }

// Std returns t as a [time.Time] in UTC.
func (t Time) Std() time.Time { return time.UnixMilli(int64(t)).UTC() }

// Second returns the Unix second that contains t.
func (t Time) Second() int64 {
	s := int64(t) / 1000
	if int64(t)%1000 < 0 {
		s--
	}
	return s
}

// Add returns t+d, with d truncated to milliseconds. MinTime and MaxTime stay the
// same.
func (t Time) Add(d time.Duration) Time {
	if t == MinTime || t == MaxTime {
		return t
	}
	return t + Time(d/time.Millisecond)
}

// String returns t in RFC 3339, in UTC with milliseconds. The zero value is "never",
// MinTime is "-inf" and MaxTime is "+inf".
func (t Time) String() string {
	switch t {
	case 0:
		return "never"
	case MinTime:
		return "-inf"
	case MaxTime:
		return "+inf"
	}
	return t.Std().Format("2006-01-02T15:04:05.000Z")
}

// Whole returns the second of t in RFC 3339, in UTC without a fraction. It is for
// times of which only the second is known; [ParseTime] reads it as the end of that
// second. The zero value, MinTime and MaxTime are as in [Time.String].
func (t Time) Whole() string {
	if t == 0 || t == MinTime || t == MaxTime {
		return t.String()
	}
	return Seconds(t.Second()).Std().Format(time.RFC3339)
}

// MarshalJSON returns t in RFC 3339, in UTC with milliseconds, or null for the zero
// value, MinTime and MaxTime.
func (t Time) MarshalJSON() ([]byte, error) {
	if t == 0 || t == MinTime || t == MaxTime {
		return []byte("null"), nil
	}
	return json.Marshal(t.String())
}

// UnmarshalJSON reads RFC 3339 with any zone, truncated to milliseconds, or null for
// the zero value.
func (t *Time) UnmarshalJSON(text []byte) error {
	var std *time.Time
	if err := json.Unmarshal(text, &std); err != nil {
		return fmt.Errorf("%.40q is not a time in RFC 3339", text)
	}
	*t = 0
	if std != nil {
		*t = TimeOf(*std)
	}
	return nil
}

// TimeExamples lists the forms that [ParseTime] accepts, for help texts and hints.
const TimeExamples = "2024-06-13T20:10:54.417Z, 2024-06-13T20:10:54, '2024-06-13 20:10:54', 2024-06-13, 1718309454, now, 90m, 2h, 3d, 1w, or before: and one of these"

// ParseTime parses a point in time: RFC 3339 with or without a fraction, and with or
// without a zone (UTC if it has none); the same with a space instead of the T; a date;
// Unix seconds; "now"; or a duration before now such as 90m, 2h, 3d, 1w. A fraction is
// truncated to milliseconds.
//
// A time in whole seconds means the last millisecond of that second, so that every
// change within the second is included; a date means the first second of its day in
// UTC. The prefix "before:" means the millisecond before the given time begins: before
// its millisecond if it has a fraction or is now or a duration, before its second if
// it is in whole seconds, and before its day if it is a date.
//
// The result is after 1970-01-01T00:00:00Z and before the year 10000. now is the time
// of the caller's clock.
func ParseTime(text string, now time.Time) (Time, error) {
	point, before := strings.CutPrefix(text, "before:")
	at, seconds, ok := parsePoint(point, now)
	switch {
	case before && ok:
		at--
	case seconds:
		at += 999
	}
	if !ok || at <= 0 {
		return 0, fmt.Errorf("%q is not a point in time", text)
	}
	return at, nil
}

// parsePoint returns the beginning of a point in time, and whether it was given in
// whole seconds.
func parsePoint(text string, now time.Time) (begin Time, seconds, ok bool) {
	if text == "now" {
		return TimeOf(now), false, true
	}
	if ago, ok := parseAgo(text); ok && now.Add(-ago).Unix() >= 0 {
		return TimeOf(now.Add(-ago)), false, true
	}
	if s, err := strconv.ParseInt(text, 10, 64); err == nil && len(text) >= 9 && s > 0 && s < 1<<36 {
		return Seconds(s), true, true
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05"} {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		if year := t.UTC().Year(); year < 1970 || year > 9999 {
			break
		}
		if strings.ContainsAny(text, ".,") {
			return TimeOf(t), false, true
		}
		return Seconds(t.Unix()), true, true
	}
	return 0, false, false
}

func parseAgo(text string) (time.Duration, bool) {
	if len(text) < 2 {
		return 0, false
	}
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	unit, ok := units[text[len(text)-1]]
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(text[:len(text)-1], 10, 32)
	if err != nil || n > uint64(200*365*24*time.Hour/unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}
