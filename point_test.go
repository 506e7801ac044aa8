package ssmbak_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
)

func TestParseTimeForms(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 6, 14, 12, 0, 0, 500_000_000, time.UTC)
	tests := []struct{ text, want string }{
		{"2024-06-13T20:10:54Z", "2024-06-13T20:10:54.999Z"}, // the end of that second
		{"2024-06-13T20:10:54", "2024-06-13T20:10:54.999Z"},
		{"2024-06-13 20:10:54", "2024-06-13T20:10:54.999Z"},
		{"2024-06-13 20:10:54+02:00", "2024-06-13T18:10:54.999Z"},
		{"2024-06-13T20:10:54+02:00", "2024-06-13T18:10:54.999Z"},
		{"2024-06-13T20:10:54.123Z", "2024-06-13T20:10:54.123Z"}, // a fraction is exact
		{"2024-06-13T20:10:54.123999", "2024-06-13T20:10:54.123Z"},
		{"2024-06-13T20:10:54.000Z", "2024-06-13T20:10:54.000Z"},
		{"2024-06-13", "2024-06-13T00:00:00.999Z"},
		{"1718309454", "2024-06-13T20:10:54.999Z"},
		{"now", "2024-06-14T12:00:00.500Z"},
		{"90m", "2024-06-14T10:30:00.500Z"},
		{"2h", "2024-06-14T10:00:00.500Z"},
		{"3d", "2024-06-11T12:00:00.500Z"},
		{"1w", "2024-06-07T12:00:00.500Z"},
		{"30s", "2024-06-14T11:59:30.500Z"},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			got, err := ssmbak.ParseTime(test.text, now)
			if err != nil || got.String() != test.want {
				t.Errorf("got %v, %v, want %s", got, err, test.want)
			}
		})
	}
	for _, bad := range []string{"", "tomorrow", "2024-13-01", "2024-06-13T25:00:00", "20:10:54", "-2h", "2.5h", "h", "12", "1e9", "1969-12-31T00:00:00", "99999999999999", "100000w "} {
		if got, err := ssmbak.ParseTime(bad, now); err == nil {
			t.Errorf("%q is parsed as %v", bad, got)
		}
	}
}

func TestParseTimeLimits(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 6, 14, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		text string
		want string // "" if it is refused
	}{
		{"1970-01-01", "1970-01-01T00:00:00.999Z"},
		{"9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999Z"},
		{"1970-01-01T00:00:00+00:01", ""}, // a minute before 1970 in UTC
		{"9999-12-31T23:59:59-00:01", ""}, // a minute after 9999 in UTC
		{"1969-12-31T23:59:59-00:01", "1970-01-01T00:00:59.999Z"},
		{"100000000", ""}, // 9 digits
		{"99999999", ""},  // could be a date
		{"1000000000", "2001-09-09T01:46:40.999Z"},
		{"9999999999", "2286-11-20T17:46:39.999Z"},
		{"10000000000", ""},
		{"0000000000", "1970-01-01T00:00:00.999Z"},
		{"0000000000001", "1970-01-01T00:00:00.001Z"},
		{"-1718309454", ""},
		{"54w", "2023-06-02T12:00:00.000Z"},
		{"60y", ""},
		{"20000d", ""}, // before 1970
		{"0m", "2024-06-14T12:00:00.000Z"},
		{"99999999999999999999w", ""},
		{"2024-02-29", "2024-02-29T00:00:00.999Z"},
		{"2023-02-29", ""},
		{"2024-06-13T20:10:54,5Z", "2024-06-13T20:10:54.500Z"},
		{" 2024-06-13", ""},
		{"2024-06-13T20:10:54Z\n", ""},
		{"NOW", ""},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			got, err := ssmbak.ParseTime(test.text, now)
			if test.want == "" {
				if err == nil {
					t.Errorf("got %v, want it refused", got)
				}
				return
			}
			if err != nil || got.String() != test.want {
				t.Errorf("got %v, %v, want %s", got, err, test.want)
			}
		})
	}
}

// TestParseTimeBefore checks, for every form, that before: means the millisecond before
// the time begins.
func TestParseTimeBefore(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 6, 14, 12, 0, 0, 500_000_000, time.UTC)
	tests := []struct {
		text string
		want string // "" if it is refused
	}{
		{"before:2024-06-13T20:10:54.417Z", "2024-06-13T20:10:54.416Z"},
		{"before:2024-06-13T20:10:54.000Z", "2024-06-13T20:10:53.999Z"},
		{"before:2024-06-13T20:10:54.4179Z", "2024-06-13T20:10:54.416Z"}, // cut to milliseconds first
		{"before:2024-06-13T22:10:54.417+02:00", "2024-06-13T20:10:54.416Z"},
		{"before:2024-06-13T20:10:54Z", "2024-06-13T20:10:53.999Z"},
		{"before:2024-06-13 20:10:54", "2024-06-13T20:10:53.999Z"},
		{"before:2024-06-13", "2024-06-12T23:59:59.999Z"},
		{"before:1718309454", "2024-06-13T20:10:53.999Z"},
		{"before:now", "2024-06-14T12:00:00.499Z"},
		{"before:2h", "2024-06-14T10:00:00.499Z"},
		{"before:1970-01-01T00:00:00.002Z", "1970-01-01T00:00:00.001Z"},
		{"before:1970-01-01", ""},
		{"before:1970-01-01T00:00:00.001Z", ""}, // 0 means no time
		{"1970-01-01T00:00:00.000Z", ""},
		{"before:", ""},
		{"before:before:2024-06-13", ""},
		{"before: 2024-06-13", ""},
		{"before:yesterday", "2024-06-12T23:59:59.999Z"},
		{"before:tomorrow", ""},
		{"Before:2024-06-13", ""},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			got, err := ssmbak.ParseTime(test.text, now)
			if test.want == "" {
				if err == nil {
					t.Errorf("got %v, want it refused", got)
				}
				return
			}
			if err != nil || got.String() != test.want {
				t.Errorf("got %v, %v, want %s", got, err, test.want)
			}
		})
	}
}

// TestTimeTextsAreReadAgain checks, for random times, that both printed forms are parsed
// again: with milliseconds as that millisecond, without as the last one of the second;
// and that before: with either is the last millisecond before it.
func TestTimeTextsAreReadAgain(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	last := time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC).UnixMilli()
	for range 5_000 {
		at := ssmbak.Time(2000 + random.Int64N(last-2000))
		second := ssmbak.Seconds(at.Second())
		for text, want := range map[string]ssmbak.Time{
			at.String():                   at,
			at.Whole():                    second + 999,
			"before:" + at.String():       at - 1,
			"before:" + at.Whole():        second - 1,
			"before:" + second.String():   second - 1,
			"before:" + (at + 1).String(): at,
		} {
			if got, err := ssmbak.ParseTime(text, time.Time{}); err != nil || got != want {
				t.Fatalf("%s is read as %v, %v, want %v", text, got, err, want)
			}
		}
	}
}

// FuzzParseTimeRange checks that every parsed time can be printed, and that only relative
// times depend on the clock.
func FuzzParseTimeRange(f *testing.F) {
	for _, s := range []string{"2024-06-13T20:10:54Z", "1970-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "68719476735", "9999w", "0001-01-01", "4294967295s", "1970-01-01T00:00:00.0Z", "before:1970-01-01T00:00:00.001Z", "before:9999-12-31"} {
		f.Add(s, int64(1718309454))
	}
	last := time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC).UnixMilli()
	f.Fuzz(func(t *testing.T, text string, now int64) {
		if now < 0 || now > last/1000 {
			return
		}
		at, err := ssmbak.ParseTime(text, time.Unix(now, 0))
		if err != nil {
			return
		}
		if at < 0 || int64(at) > last {
			t.Errorf("%q at %d is %d ms, outside 1970 to 9999", text, now, int64(at))
		}
		if before, err := ssmbak.ParseTime("before:"+text, time.Unix(now, 0)); err == nil && at-before != 1 && at-before != 1000 {
			t.Errorf("%q is %s, and before it %s", text, at, before)
		}
		if std, err := time.Parse(time.RFC3339, at.String()); err != nil || std.UnixMilli() != int64(at) {
			t.Errorf("%q is %d ms, shown as %s: %v, %v", text, int64(at), at, std, err)
		}
	})
}

// FuzzParseTime checks that the text of a parsed time is parsed as the same time.
func FuzzParseTime(f *testing.F) {
	for _, s := range strings.Split(ssmbak.TimeExamples, ", ") {
		f.Add(strings.Trim(s, "'"))
	}
	now := time.Date(2024, 6, 14, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		at, err := ssmbak.ParseTime(text, now)
		if err != nil {
			return
		}
		if again, err := ssmbak.ParseTime(at.String(), now); err != nil || again != at {
			t.Errorf("%q is %v, which is read again as %v, %v", text, at, again, err)
		}
	})
}

// berlin is a zone with clock changes: forwards on 2024-03-31 at 01:00 UTC, back on
// 2024-10-27 at 01:00 UTC.
func berlin(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// TestParsePoint checks each form: the time that it means, and the beginning of its unit.
func TestParsePoint(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 6, 14, 12, 0, 0, 500_000_000, time.UTC)
	local := berlin(t)
	tests := []struct {
		text      string
		zone      *time.Location
		at, begin string
	}{
		{"2024-06-13T20:10", time.UTC, "2024-06-13T20:10:00.999Z", "2024-06-13T20:10:00.000Z"},
		{"2024-06-13 20:10Z", time.UTC, "2024-06-13T20:10:00.999Z", "2024-06-13T20:10:00.000Z"},
		{"2024-06-13T20:10:54 UTC", time.UTC, "2024-06-13T20:10:54.999Z", "2024-06-13T20:10:54.000Z"},
		{"2024-06-13T20:10:54GMT", local, "2024-06-13T20:10:54.999Z", "2024-06-13T20:10:54.000Z"},
		{"2024-06-13 20:10:54 +0000", local, "2024-06-13T20:10:54.999Z", "2024-06-13T20:10:54.000Z"},
		{"2024-06-13 20:10:54.5 +0200", time.UTC, "2024-06-13T18:10:54.500Z", "2024-06-13T18:10:54.500Z"},
		{"2024-06-13 20:10:54-07", time.UTC, "2024-06-14T03:10:54.999Z", "2024-06-14T03:10:54.000Z"},
		{"2024-06-13T20:10:54", local, "2024-06-13T18:10:54.999Z", "2024-06-13T18:10:54.000Z"},
		{"2024-06-13", local, "2024-06-12T22:00:00.999Z", "2024-06-12T22:00:00.000Z"},
		{"before:2024-06-13", local, "2024-06-12T21:59:59.999Z", "2024-06-12T21:59:59.999Z"},
		{"before:2024-06-13T20:10", time.UTC, "2024-06-13T20:09:59.999Z", "2024-06-13T20:09:59.999Z"},
		{"20240613T201054Z", time.UTC, "2024-06-13T20:10:54.999Z", "2024-06-13T20:10:54.000Z"},
		{"20240613T201054", local, "2024-06-13T18:10:54.999Z", "2024-06-13T18:10:54.000Z"},
		{"20240613T201054.417+0200", time.UTC, "2024-06-13T18:10:54.417Z", "2024-06-13T18:10:54.417Z"},
		{"1718309454.84", time.UTC, "2024-06-13T20:10:54.840Z", "2024-06-13T20:10:54.840Z"},
		{"1718309454.4179", time.UTC, "2024-06-13T20:10:54.417Z", "2024-06-13T20:10:54.417Z"},
		{"1718309454417", time.UTC, "2024-06-13T20:10:54.417Z", "2024-06-13T20:10:54.417Z"},
		{"before:1718309454417", time.UTC, "2024-06-13T20:10:54.416Z", "2024-06-13T20:10:54.416Z"},
		{"today", time.UTC, "2024-06-14T00:00:00.999Z", "2024-06-14T00:00:00.000Z"},
		{"before:today", time.UTC, "2024-06-13T23:59:59.999Z", "2024-06-13T23:59:59.999Z"},
		{"yesterday", local, "2024-06-12T22:00:00.999Z", "2024-06-12T22:00:00.000Z"},
		{"yesterdayT14:00", time.UTC, "2024-06-13T14:00:00.999Z", "2024-06-13T14:00:00.000Z"},
		{"yesterday 14:00:30", local, "2024-06-13T12:00:30.999Z", "2024-06-13T12:00:30.000Z"},
		{"yesterdayT14:00:30.25Z", local, "2024-06-13T14:00:30.250Z", "2024-06-13T14:00:30.250Z"},
		{"before:yesterdayT14:00", time.UTC, "2024-06-13T13:59:59.999Z", "2024-06-13T13:59:59.999Z"},
		{"12:00", time.UTC, "2024-06-14T12:00:00.999Z", "2024-06-14T12:00:00.000Z"},
		{"12:00:00", time.UTC, "2024-06-14T12:00:00.999Z", "2024-06-14T12:00:00.000Z"},
		{"14:00", local, "2024-06-14T12:00:00.999Z", "2024-06-14T12:00:00.000Z"},
		{"todayT11:59:30", time.UTC, "2024-06-14T11:59:30.999Z", "2024-06-14T11:59:30.000Z"},
		{"01:00+13:00", time.UTC, "2024-06-14T12:00:00.999Z", "2024-06-14T12:00:00.000Z"}, // today is the 15th there
		{"1h30m", time.UTC, "2024-06-14T10:30:00.500Z", "2024-06-14T10:30:00.500Z"},
		{"1w2d3h4m5s", time.UTC, "2024-06-05T08:55:55.500Z", "2024-06-05T08:55:55.500Z"},
		{"before:90m", time.UTC, "2024-06-14T10:30:00.499Z", "2024-06-14T10:30:00.499Z"},
		{"Thu Jun 13 20:10:54 UTC 2024", local, "2024-06-13T20:10:54.999Z", "2024-06-13T20:10:54.000Z"},
		{"Thu Jun  6 20:10:54 UTC 2024", local, "2024-06-06T20:10:54.999Z", "2024-06-06T20:10:54.000Z"},
		{"Thu Jun 13 20:10:54 2024", local, "2024-06-13T18:10:54.999Z", "2024-06-13T18:10:54.000Z"},
		{"Thu 13 Jun 2024 08:10:54 PM UTC", local, "2024-06-13T20:10:54.999Z", "2024-06-13T20:10:54.000Z"},
		{"Thu Jun 13 12:10:54 AM UTC 2024", local, "2024-06-13T00:10:54.999Z", "2024-06-13T00:10:54.000Z"},
		{"Thu 13 Jun 20:10:54 GMT 2024", local, "2024-06-13T20:10:54.999Z", "2024-06-13T20:10:54.000Z"},
		{"Thu, 13 Jun 2024 20:10:54 GMT", local, "2024-06-13T20:10:54.999Z", "2024-06-13T20:10:54.000Z"},
		{"Thu, 13 Jun 2024 20:10:54 +0200", time.UTC, "2024-06-13T18:10:54.999Z", "2024-06-13T18:10:54.000Z"},
		{"2024-03-31T01:59:59", local, "2024-03-31T00:59:59.999Z", "2024-03-31T00:59:59.000Z"},
		{"2024-03-31T03:00", local, "2024-03-31T01:00:00.999Z", "2024-03-31T01:00:00.000Z"},
		{"2024-10-27T03:00", local, "2024-10-27T02:00:00.999Z", "2024-10-27T02:00:00.000Z"},
		{"2024-10-27T02:30+01:00", local, "2024-10-27T01:30:00.999Z", "2024-10-27T01:30:00.000Z"},
	}
	for _, test := range tests {
		t.Run(test.text+" "+test.zone.String(), func(t *testing.T) {
			t.Parallel()
			got, err := ssmbak.ParsePoint(test.text, now, test.zone)
			if err != nil || got.At.String() != test.at || got.Begin.String() != test.begin || got.Coarse() != (got.At == got.Begin+999) {
				t.Errorf("got %s from %s, %v, want %s from %s", got.At, got.Begin, err, test.at, test.begin)
			}
		})
	}
}

// TestParsePointRefuses checks that a text with more than one meaning is refused, with
// what to type instead.
func TestParsePointRefuses(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 6, 14, 12, 0, 0, 500_000_000, time.UTC)
	local := berlin(t)
	tests := []struct {
		text            string
		zone            *time.Location
		problem, advice string // parts of them
	}{
		{"12:00:01", time.UTC, "is in the future", "use yesterdayT12:00:01"},
		{"12:00:00.501", time.UTC, "is in the future", "use yesterdayT12:00:00.501"},
		{"before:14:00", time.UTC, `"before:14:00" is in the future`, "use before:yesterdayT14:00"},
		{"today 14:00", time.UTC, "is in the future", "use yesterdayT14:00"},
		{"14:01", local, "is in the future", "use yesterdayT14:01"},
		{"2024-10-27T02:30", local, "is ambiguous: a clock change repeats it", "use 2024-10-27T02:30:00+02:00 or 2024-10-27T02:30:00+01:00"},
		{"before:2024-10-27T02:30", local, "is ambiguous", "use before:2024-10-27T02:30:00+02:00 or before:2024-10-27T02:30:00+01:00"},
		{"2024-03-31T02:30", local, "a clock change skips it", "write it in UTC"},
		{"Thu Jun 13 20:10:54 CEST 2024", time.UTC, "CEST names more than one offset", "write UTC or an offset such as +02:00 instead of CEST"},
		{"Fri Jun 13 20:10:54 UTC 2024", time.UTC, "that day is a Thursday", ""},
		{"2024-02-30", time.UTC, "there is no such date or time", ""},
		{"2024-06-13T24:00", time.UTC, "there is no such date or time", ""},
		{"Thu Jun 13 13:10:54 PM UTC 2024", time.UTC, "there is no such date or time", ""},
		{"2024-06-13T20:10+24:00", time.UTC, "is not a point in time", ""},
		{"20240613201054", time.UTC, "is not a point in time", "use 20240613T201054Z"},
		{"20240613", time.UTC, "is not a point in time", "use 2024-06-13"},
		{"171830945", time.UTC, "is not a point in time", "10 digits are Unix seconds, 13 are milliseconds"},
		{"6/13/2024", time.UTC, "is not a point in time", "write the year first, with hyphens"},
		{"13.06.2024 20:10", time.UTC, "is not a point in time", "write the year first, with hyphens"},
		{"-2h", time.UTC, "is not a point in time", "use 2h"},
		{"before:-2h", time.UTC, "is not a point in time", "use before:2h"},
		{"2 hours ago", time.UTC, "is not a point in time", "use 2h"},
		{"5 minutes", time.UTC, "is not a point in time", "use 5m"},
		{"5 months ago", time.UTC, "is not a point in time", "a time is one of"},
		{"9:05", time.UTC, "is not a point in time", "write two digits for the hour"},
		{"yesterdayT", time.UTC, "is not a point in time", "a time is one of"},
		{"yesterday14:00", time.UTC, "is not a point in time", "a time is one of"},
		{"1m2h", time.UTC, "is not a point in time", "a time is one of"},
		{"1h1h", time.UTC, "is not a point in time", "a time is one of"},
		{"Jun 13 2024", time.UTC, "is not a point in time", "a time is one of"},
		{"1e9", time.UTC, "is not a point in time", "a time is one of"},
		{"2024-06-13T20:10:54 CEST", time.UTC, "is not a point in time", "a time is one of"},
		{"1969-12-31", time.UTC, "it is before 1970 or after 9999", ""},
	}
	for _, test := range tests {
		t.Run(test.text+" "+test.zone.String(), func(t *testing.T) {
			t.Parallel()
			got, err := ssmbak.ParsePoint(test.text, now, test.zone)
			var refused *ssmbak.TimeError
			if !errors.As(err, &refused) {
				t.Fatalf("got %s, %v, want it refused", got.At, err)
			}
			if !strings.Contains(refused.Error(), test.problem) || !strings.Contains(refused.Advice(), test.advice) {
				t.Errorf("got %q and %q, want %q and %q", refused, refused.Advice(), test.problem, test.advice)
			}
		})
	}
}

// TestParsePointReadsLayouts checks, for random times and zones, that what other programs
// print is parsed as the time that was printed.
func TestParsePointReadsLayouts(t *testing.T) {
	t.Parallel()
	layouts := []struct {
		layout string
		unit   time.Duration
	}{
		{time.RFC3339Nano, time.Nanosecond},
		{time.RFC3339, time.Second},
		{time.RFC1123Z, time.Second},
		{"2006-01-02 15:04:05.000-07:00", time.Millisecond},
		{"2006-01-02 15:04:05 -0700", time.Second},
		{"2006-01-02T15:04-07:00", time.Minute},
		{"20060102T150405Z0700", time.Second},
		{"Mon Jan _2 15:04:05 -0700 2006", time.Second},
		{"Mon 02 Jan 2006 03:04:05 PM -0700", time.Second},
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 3_000 {
		zone := time.FixedZone("", (random.IntN(28*60)-14*60)*60)
		want := time.UnixMilli(86_400_000 + random.Int64N(200*365*86_400_000)).In(zone)
		for _, l := range layouts {
			text := want.Format(l.layout)
			got, err := ssmbak.ParsePoint(text, time.Time{}, time.UTC)
			begin := ssmbak.TimeOf(want.Truncate(l.unit))
			if err != nil || got.Begin != begin {
				t.Fatalf("%q is parsed as %s, %v, want %s", text, got.Begin, err, begin)
			}
		}
	}
}

// TestParsePointInLocalTime checks, for random times, that local time without an offset is
// read as one of the times at which clocks showed it, or refused if there were two.
func TestParsePointInLocalTime(t *testing.T) {
	t.Parallel()
	local := berlin(t)
	random := rand.New(rand.NewPCG(5, 6))
	refused := 0
	for i := range 20_000 {
		want := time.Date(2024, 1, 1, 0, 0, random.IntN(366*86_400), 0, time.UTC)
		if i%2 == 0 { // near a clock change
			want = time.Date(2024, 10, 26, 22, 0, random.IntN(6*3600), 0, time.UTC)
		}
		text := want.In(local).Format("2006-01-02T15:04:05")
		got, err := ssmbak.ParsePoint(text, time.Time{}, local)
		repeated := want.Add(time.Hour).In(local).Format("2006-01-02T15:04:05") == text || want.Add(-time.Hour).In(local).Format("2006-01-02T15:04:05") == text
		switch {
		case repeated:
			refused++
			if err == nil {
				t.Fatalf("%s is parsed as %s", text, got.At)
			}
		case err != nil || got.Begin != ssmbak.TimeOf(want):
			t.Fatalf("%s is parsed as %s, %v, want %s", text, got.Begin, err, want)
		}
	}
	if refused == 0 {
		t.Error("no time was ambiguous")
	}
}
