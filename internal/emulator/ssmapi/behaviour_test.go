package ssmapi_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// store is an emulated Parameter Store on a socket, with a clock that stays
// still and the events that it sent.
type store struct {
	*ssmapi.Store
	url    string
	now    time.Time
	events []ssmapi.Event
}

func newStore(t *testing.T, o ssmapi.Options) *store {
	t.Helper()
	s := &store{now: time.Date(2017, 5, 22, 16, 43, 48, 123_000_000, time.UTC)}
	o.Now = func() time.Time { return s.now }
	o.Emit = func(e ssmapi.Event) { s.events = append(s.events, e) }
	s.Store = ssmapi.New(o)
	server := httptest.NewServer(s.Store)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// must makes a call that answers as wanted.
func (s *store) must(t *testing.T, op, body, want string) answer {
	t.Helper()
	a := post(t, s.url, op, body)
	if d := (rule{want: want}).differs(a); d != "" {
		t.Fatalf("%s %s: %s", op, body, d)
	}
	return a
}

// TestOldestVersion drops the oldest of too many versions, unless it has a
// label.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
func TestOldestVersion(t *testing.T) {
	t.Parallel()
	s := newStore(t, ssmapi.Options{})
	const put = `{"Name":"/a","Value":"v","Type":"String","Overwrite":true}`
	for i := range 101 {
		s.must(t, "PutParameter", put, fmt.Sprintf(`{"Version":%d}`, i+1))
	}
	s.must(t, "GetParameter", `{"Name":"/a:1"}`, "ParameterVersionNotFound")
	s.must(t, "LabelParameterVersion", `{"Name":"/a","ParameterVersion":2,"Labels":["keep"]}`, `{}`)
	s.must(t, "PutParameter", put, "ParameterMaxVersionLimitExceeded")
	s.must(t, "LabelParameterVersion", `{"Name":"/a","ParameterVersion":101,"Labels":["keep"]}`, `{}`)
	s.must(t, "PutParameter", put, `{"Version":102}`)
}

// TestEvent compares an event with AWS's own sample.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html
func TestEvent(t *testing.T) {
	t.Parallel()
	s := newStore(t, ssmapi.Options{Region: "us-east-2"})
	s.must(t, "PutParameter", `{"Name":"/MyExampleParameter","Value":"v","Type":"String","Description":"Sample Parameter"}`, `{}`)
	if len(s.events) != 1 {
		t.Fatalf("%d events, want 1", len(s.events))
	}
	sample := fmt.Sprintf(`{"version":"0","id":%q,"detail-type":"Parameter Store Change","source":"aws.ssm","account":"123456789012",
		"time":"2017-05-22T16:43:48Z","region":"us-east-2","resources":["arn:aws:ssm:us-east-2:123456789012:parameter/MyExampleParameter"],
		"detail":{"operation":"Create","name":"MyExampleParameter","type":"String","description":"Sample Parameter"}}`, s.events[0].ID)
	var got, want map[string]any
	if err := json.Unmarshal(s.events[0].JSON(), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(sample), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-sample +got):\n%s", diff)
	}
}

// TestEventsInOrder counts what each change announces.
func TestEventsInOrder(t *testing.T) {
	t.Parallel()
	s := newStore(t, ssmapi.Options{})
	policy := `[{\"Type\":\"Expiration\",\"Version\":\"1.0\",\"Attributes\":{\"Timestamp\":\"2017-05-22T17:43:48.000Z\"}}]`
	s.must(t, "PutParameter", `{"Name":"/a","Value":"v","Type":"String","Tier":"Advanced","Policies":"`+policy+`"}`, `{}`)
	s.must(t, "PutParameter", `{"Name":"/a","Value":"w","Type":"String","Tier":"Advanced","Overwrite":true}`, `{}`)
	s.must(t, "LabelParameterVersion", `{"Name":"/a","ParameterVersion":1,"Labels":["x"]}`, `{}`)
	s.must(t, "AddTagsToResource", `{"ResourceType":"Parameter","ResourceId":"/a","Tags":[{"Key":"k","Value":"v"}]}`, `{}`)
	s.must(t, "GetParameter", `{"Name":"/a"}`, `{"Parameter":{"Value":"w"}}`)
	s.now = s.now.Add(2 * time.Hour)
	s.Expire(s.now)
	s.must(t, "GetParameter", `{"Name":"/a"}`, "ParameterNotFound")
	s.must(t, "PutParameter", `{"Name":"/a","Value":"v","Type":"String"}`, `{"Version":1}`)
	s.must(t, "DeleteParameter", `{"Name":"/a"}`, `{}`)
	var got []string
	for _, e := range s.events {
		kind := fmt.Sprint(e.Detail["operation"])
		if e.Detail["operation"] == nil {
			kind = e.DetailType
		}
		got = append(got, kind)
	}
	want := []string{"Create", "Update", "LabelParameterVersion", "Tag Change on Resource", "Parameter Store Policy Action", "Delete", "Create", "Delete"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestStale answers from the past.
func TestStale(t *testing.T) {
	t.Parallel()
	stale := time.Duration(0)
	s := newStore(t, ssmapi.Options{StaleBy: func(string, string) time.Duration { return stale }})
	s.must(t, "PutParameter", `{"Name":"/a","Value":"one","Type":"String"}`, `{}`)
	s.now = s.now.Add(10 * time.Second)
	s.must(t, "PutParameter", `{"Name":"/a","Value":"two","Type":"String","Overwrite":true}`, `{"Version":2}`)
	stale = 5 * time.Second
	s.must(t, "GetParameterHistory", `{"Name":"/a"}`, `{"Parameters":[{"Value":"one"}]}`)
	stale = 15 * time.Second
	s.must(t, "GetParameterHistory", `{"Name":"/a"}`, "ParameterNotFound")
	// A write is never stale.
	s.must(t, "PutParameter", `{"Name":"/a","Value":"three","Type":"String","Overwrite":true}`, `{"Version":3}`)
}

// TestDisabledKey refuses to decrypt, and nothing else.
func TestDisabledKey(t *testing.T) {
	t.Parallel()
	s := newStore(t, ssmapi.Options{})
	s.must(t, "PutParameter", `{"Name":"/s","Value":"hunter2","Type":"SecureString","KeyId":"alias/mine"}`, `{}`)
	s.DisableKey("arn:aws:kms:us-east-1:123456789012:alias/mine")
	s.must(t, "GetParameter", `{"Name":"/s","WithDecryption":true}`, "InvalidKeyId")
	s.must(t, "GetParameterHistory", `{"Name":"/s"}`, `{"Parameters":[{"KeyId":"alias/mine"}]}`)
	s.EnableKey("alias/mine")
	s.must(t, "GetParameter", `{"Name":"/s","WithDecryption":true}`, `{"Parameter":{"Value":"hunter2"}}`)
}

// TestEmptyPages ends a list by the token, not by an empty page.
func TestEmptyPages(t *testing.T) {
	t.Parallel()
	s := newStore(t, ssmapi.Options{EmptyPages: true, DescribePage: 2})
	for i := range 5 {
		s.must(t, "PutParameter", fmt.Sprintf(`{"Name":"/a/%d","Value":"v","Type":"String"}`, i), `{}`)
	}
	seen, empty, token := 0, 0, ""
	for range 50 {
		body := `{}`
		if token != "" {
			body = fmt.Sprintf(`{"NextToken":%q}`, token)
		}
		a := s.must(t, "DescribeParameters", body, `{}`)
		page, _ := a.body["Parameters"].([]any)
		if seen += len(page); len(page) == 0 {
			empty++
		}
		if token, _ = a.body["NextToken"].(string); token == "" {
			break
		}
	}
	if seen != 5 || empty == 0 || token != "" {
		t.Errorf("%d parameters, %d empty pages, token %q", seen, empty, token)
	}
	s.must(t, "DescribeParameters", `{"NextToken":"made up"}`, "InvalidNextToken")
}
