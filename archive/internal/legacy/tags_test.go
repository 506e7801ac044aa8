package legacy_test

import (
	"testing"

	"github.com/ssmbak/ssmbak/archive/internal/legacy"
)

// FuzzDecodeTags checks that only times up to the end of the year 9999, which is the last
// one of a Python datetime, are taken for times.
func FuzzDecodeTags(f *testing.F) {
	f.Add("ssmbakTime", "1718309454", "ssmbakType", "String")
	f.Add("ssmbakTime", "-1", "ssmbakTime", "yesterday")
	f.Add("ssmbakTime", "253402300800", "ssmbakType", "String")
	f.Add("ssmbakType", "", "ssmbakDescription", "what it is for")
	f.Fuzz(func(t *testing.T, key1, value1, key2, value2 string) {
		tags := map[string]string{key1: value1}
		tags[key2] = value2
		got, ok := legacy.DecodeTags(tags)
		if ok != (got.Second > 0) || got.Second > 253402300799 {
			t.Errorf("%q=%q, %q=%q: %+v, %v", key1, value1, key2, value2, got, ok)
		}
		if ok && key1 != "ssmbakTime" && key2 != "ssmbakTime" {
			t.Errorf("a time out of nothing: %+v", got)
		}
	})
}
