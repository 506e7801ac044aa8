package legacy

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// FuzzDecodeTags holds that only times are taken for times.
func FuzzDecodeTags(f *testing.F) {
	f.Add("ssmbakTime", "1718309454", "ssmbakType", "String")
	f.Add("ssmbakTime", "-1", "ssmbakTime", "yesterday")
	f.Add("ssmbakType", "", "ssmbakDescription", "what it is for")
	f.Fuzz(func(t *testing.T, key1, value1, key2, value2 string) {
		got, ok := decodeTags([]types.Tag{{Key: aws.String(key1), Value: aws.String(value1)}, {Key: aws.String(key2), Value: aws.String(value2)}})
		if ok != (got.second > 0) || got.second > lastSecond {
			t.Errorf("%q=%q, %q=%q: %+v, %v", key1, value1, key2, value2, got, ok)
		}
		if ok && key1 != tagTime && key2 != tagTime {
			t.Errorf("a time out of nothing: %+v", got)
		}
	})
}
