package ssmbak_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
)

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
