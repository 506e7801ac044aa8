package legacy

import "testing"

// FuzzDecodeTags checks that only times are taken for times.
func FuzzDecodeTags(f *testing.F) {
	f.Add("ssmbakTime", "1718309454", "ssmbakType", "String")
	f.Add("ssmbakTime", "-1", "ssmbakTime", "yesterday")
	f.Add("ssmbakType", "", "ssmbakDescription", "what it is for")
	f.Fuzz(func(t *testing.T, key1, value1, key2, value2 string) {
		tags := map[string]string{key1: value1}
		tags[key2] = value2
		got, ok := decodeTags(tags)
		if ok != (got.second > 0) || got.second > lastSecond {
			t.Errorf("%q=%q, %q=%q: %+v, %v", key1, value1, key2, value2, got, ok)
		}
		if ok && key1 != tagTime && key2 != tagTime {
			t.Errorf("a time out of nothing: %+v", got)
		}
	})
}
