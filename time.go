package ssmbak

import (
	"fmt"
	"math"
	"strconv"
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
	return strconv.AppendQuote(nil, t.String()), nil // ASCII
}

// UnmarshalJSON reads RFC 3339 with any zone, truncated to milliseconds, or null for
// the zero value.
func (t *Time) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*t = 0
		return nil
	}
	var std time.Time
	if err := std.UnmarshalJSON(text); err != nil { // json.Unmarshal would parse the text twice
		return fmt.Errorf("%.40q is not a time in RFC 3339", text)
	}
	*t = TimeOf(std)
	return nil
}
