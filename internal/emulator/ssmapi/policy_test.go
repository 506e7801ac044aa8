package ssmapi_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

func expiring(name, timestamp string) string {
	return fmt.Sprintf(`{"Name":%q,"Value":"v","Type":"String","Tier":"Advanced","Policies":"[{\"Type\":\"Expiration\",\"Version\":\"1.0\",\"Attributes\":{\"Timestamp\":\"%s\"}}]"}`, name, timestamp)
}

// TestExpirations deletes at the right millisecond, whatever the form of the
// timestamp: the ones of AWS's page
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html)
// and those that Java's ISO_INSTANT and ISO_OFFSET_DATE_TIME allow.
func TestExpirations(t *testing.T) {
	t.Parallel()
	for timestamp, want := range map[string]string{ // by hand
		"2018-12-02T21:34:33.000Z":            "2018-12-02T21:34:33Z",
		"2018-12-02T21:34:33Z":                "2018-12-02T21:34:33Z",
		"2019-11-01T22:13:48.87+10:30:00":     "2019-11-01T11:43:48.87Z",
		"2019-11-01T22:13:48.87+10:30":        "2019-11-01T11:43:48.87Z",
		"2019-11-01T22:13:48+10:30:48":        "2019-11-01T11:43:00Z",
		"2019-11-01T22:13-00:01:30":           "2019-11-01T22:14:30Z",
		"2019-11-01T22:13+01:00":              "2019-11-01T21:13:00Z",
		"2019-11-01T22:13Z":                   "2019-11-01T22:13:00Z",
		"2019-11-01T22:13:48.123456789-12:00": "2019-11-02T10:13:48.123456789Z",
	} {
		s := newStore(t, ssmapi.Options{})
		s.must(t, "PutParameter", expiring("/a", timestamp), `{"Version":1}`)
		at, err := time.Parse(time.RFC3339Nano, want)
		if err != nil {
			t.Fatal(err)
		}
		s.Expire(at.Add(-1))
		s.must(t, "GetParameter", `{"Name":"/a"}`, `{"Parameter":{"Version":1}}`)
		s.Expire(at)
		s.must(t, "GetParameter", `{"Name":"/a"}`, "ParameterNotFound")
		s.must(t, "PutParameter", expiring("/a", timestamp), `{"Version":1}`)
		s.must(t, "DescribeParameters", `{}`, fmt.Sprintf(`{"Parameters":[{"Policies":[{"PolicyType":"Expiration","PolicyText":"{\"Type\":\"Expiration\",\"Version\":\"1.0\",\"Attributes\":{\"Timestamp\":\"%s\"}}"}]}]}`, timestamp))
	}
	s := newStore(t, ssmapi.Options{})
	for _, timestamp := range []string{
		"", "tomorrow", "2019-11-01", "2019-11-01T22:13:48", "2019-11-01 22:13:48Z", "2019-11-01T22:13:48,5Z", "2019-13-01T22:13:48Z",
		"2019-11-01T22:13:48+1030", "2019-11-01T22:13:48.1234567890Z", "2019-11-01T22Z",
	} {
		s.must(t, "PutParameter", expiring("/a", timestamp), "InvalidPolicyAttributeException")
	}
}

// TestPassedExpiration plays both of what AWS may do.
func TestPassedExpiration(t *testing.T) {
	t.Parallel()
	const passed = "2017-05-22T16:43:48+00:00:00" // 123 ms ago
	strict := newStore(t, ssmapi.Options{})
	strict.must(t, "PutParameter", expiring("/a", passed), "InvalidPolicyAttributeException")
	kind := newStore(t, ssmapi.Options{PassedExpirations: true})
	kind.must(t, "PutParameter", expiring("/a", passed), `{"Version":1}`)
	kind.must(t, "GetParameter", `{"Name":"/a"}`, `{"Parameter":{"Version":1}}`)
	kind.Expire(kind.now)
	kind.must(t, "GetParameter", `{"Name":"/a"}`, "ParameterNotFound")
}
