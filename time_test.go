package ssmbak_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
)

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
		{"100000000", "1973-03-03T09:46:40.999Z"}, // the shortest Unix time
		{"99999999", ""}, // could be a date
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
		{"before:yesterday", ""},
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

// TestTimeJSONForms checks the JSON of times, and null for the absence of one.
func TestTimeJSONForms(t *testing.T) {
	t.Parallel()
	shown := []struct {
		name string
		at   ssmbak.Time
		want string
	}{
		{"zero", 0, `null`},
		{"before all", ssmbak.MinTime, `null`},
		{"after all", ssmbak.MaxTime, `null`},
		{"milliseconds", 1_718_309_454_120, `"2024-06-13T20:10:54.120Z"`},
		{"whole second", ssmbak.Seconds(1_718_309_454), `"2024-06-13T20:10:54.000Z"`},
	}
	for _, test := range shown {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got, err := json.Marshal(test.at); err != nil || string(got) != test.want {
				t.Errorf("got %s, %v, want %s", got, err, test.want)
			}
		})
	}
	read := []struct {
		text string
		want ssmbak.Time
		fail bool
	}{
		{`null`, 0, false},
		{`"2024-06-13T22:10:54.1239+02:00"`, 1_718_309_454_123, false}, // cut, not rounded
		{`"2024-06-13T20:10:54Z"`, 1_718_309_454_000, false},
		{`1718309454`, 0, true},
		{`""`, 0, true},
		{`{}`, 0, true},
	}
	for _, test := range read {
		t.Run("read "+test.text, func(t *testing.T) {
			t.Parallel()
			got := ssmbak.Time(7)
			err := json.Unmarshal([]byte(test.text), &got)
			if (err != nil) != test.fail || !test.fail && got != test.want {
				t.Errorf("got %d, %v, want %d", int64(got), err, int64(test.want))
			}
		})
	}
}

func TestTimeAdd(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		at   ssmbak.Time
		d    time.Duration
		want ssmbak.Time
	}{
		{"forward", 1000, 2 * time.Second, 3000},
		{"back", 1000, -2 * time.Second, -1000},
		{"less than a millisecond", 1000, 999 * time.Microsecond, 1000},
		{"before all stays", ssmbak.MinTime, -time.Hour, ssmbak.MinTime},
		{"after all stays", ssmbak.MaxTime, time.Hour, ssmbak.MaxTime},
		{"the end does not come back", ssmbak.MaxTime, -time.Hour, ssmbak.MaxTime},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := test.at.Add(test.d); got != test.want {
				t.Errorf("got %d, want %d", int64(got), int64(test.want))
			}
		})
	}
}

func TestTimeOfCuts(t *testing.T) {
	t.Parallel()
	std := time.Date(2024, 6, 13, 22, 10, 54, 123_999_999, time.FixedZone("", 7200))
	got := ssmbak.TimeOf(std)
	if want := ssmbak.Time(1_718_309_454_123); got != want || !got.Std().Equal(std.Truncate(time.Millisecond)) || got.Std().Location() != time.UTC {
		t.Errorf("got %d, %v, want %d", int64(got), got.Std(), int64(want))
	}
	if got.Whole() != "2024-06-13T20:10:54Z" || ssmbak.Time(0).Whole() != "never" || ssmbak.MaxTime.Whole() != "+inf" {
		t.Errorf("in seconds it is %s", got.Whole())
	}
	if ssmbak.MinTime.String() != "-inf" || ssmbak.MaxTime.String() != "+inf" {
		t.Errorf("the ends of time are %v and %v", ssmbak.MinTime, ssmbak.MaxTime)
	}
}
