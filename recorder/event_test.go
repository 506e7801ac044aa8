package recorder

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// The samples are from AWS documentation.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html
// https://docs.aws.amazon.com/tag-editor/latest/userguide/tag-monitor.html
const (
	sampleCreate = `{"version":"0","id":"6a7e4feb-b491-4cf7-a9f1-bf3703497718","detail-type":"Parameter Store Change","source":"aws.ssm","account":"123456789012","time":"2017-05-22T16:43:48Z","region":"us-east-2","resources":["arn:aws:ssm:us-east-2:123456789012:parameter/MyExampleParameter"],"detail":{"operation":"Create","name":"MyExampleParameter","type":"String","description":"Sample Parameter"}}`
	samplePolicy = `{"version":"0","id":"7a7e4feb","detail-type":"Parameter Store Policy Action","source":"aws.ssm","account":"123456789012","time":"2017-05-22T16:43:48Z","region":"us-east-2","resources":["arn:aws:ssm:us-east-2:123456789012:parameter/foo"],"detail":{"policy-type":"Expiration","parameter-name":"foo","parameter-type":"String","policy-content":"{}","action-status":"Success","action-reason":"expired"}}`
	sampleLabel  = `{"version":"0","id":"9a7e4feb","detail-type":"Parameter Store Change","source":"aws.ssm","account":"123456789012","time":"2017-05-22T16:43:48Z","region":"us-east-2","resources":["arn:aws:ssm:us-east-2:123456789012:parameter/app/db"],"detail":{"operation":"LabelParameterVersion","name":"/app/db","type":"String","label":"prod","fromVersion":"3","toVersion":"5"}}`
	sampleTag    = `{"version":"0","id":"8a7e4feb","detail-type":"Tag Change on Resource","source":"aws.tag","account":"123456789012","time":"2017-05-22T16:43:48Z","region":"us-east-2","resources":["arn:aws:ssm:us-east-2:123456789012:parameter/app/db"],"detail":{"changed-tag-keys":["a"],"service":"ssm","resource-type":"parameter","version":3,"tags":{"a":"b"}}}`
)

func TestDecode(t *testing.T) {
	t.Parallel()
	second := time.Date(2017, 5, 22, 16, 43, 48, 0, time.UTC).Unix()
	tests := []struct {
		name string
		body string
		want signal
		fail string
	}{
		{"create of one level", sampleCreate, signal{event: "6a7e4feb-b491-4cf7-a9f1-bf3703497718", name: "/MyExampleParameter", second: second, operation: ssmbak.OpCreate}, ""},
		{"policy action", samplePolicy, signal{event: "7a7e4feb", name: "/foo", second: second, observe: true}, ""},
		{"policy notification", strings.ReplaceAll(samplePolicy, `"Expiration"`, `"NoChangeNotification"`), signal{event: "7a7e4feb", name: "/foo", second: second, observe: true, unchanged: true}, ""},
		{"tags", sampleTag, signal{event: "8a7e4feb", name: "/app/db", second: second, tags: &timeline.TagsFact{Tags: map[string]string{"a": "b"}, Event: "8a7e4feb", Second: second, Counter: 3}}, ""},
		{"label", strings.ReplaceAll(sampleCreate, `"Create"`, `"LabelParameterVersion"`), signal{event: "6a7e4feb-b491-4cf7-a9f1-bf3703497718", name: "/MyExampleParameter", second: second, observe: true, labels: &timeline.LabelsFact{Event: "6a7e4feb-b491-4cf7-a9f1-bf3703497718", Second: second}}, ""},
		{"label with its versions", sampleLabel, signal{event: "9a7e4feb", name: "/app/db", second: second, observe: true, labels: &timeline.LabelsFact{Event: "9a7e4feb", Second: second, Label: "prod", From: 3, To: 5}}, ""},
		{"label with numbers for strings", strings.ReplaceAll(strings.ReplaceAll(sampleLabel, `"3"`, `[]`), `"5"`, `5.0`), signal{event: "9a7e4feb", name: "/app/db", second: second, observe: true, labels: &timeline.LabelsFact{Event: "9a7e4feb", Second: second, Label: "prod", To: 5}}, ""},
		{"a counter with a fraction part", strings.ReplaceAll(sampleTag, `"version":3`, `"version":4.0`), signal{event: "8a7e4feb", name: "/app/db", second: second, tags: &timeline.TagsFact{Tags: map[string]string{"a": "b"}, Event: "8a7e4feb", Second: second, Counter: 4}}, ""},
		{"an unknown operation", strings.ReplaceAll(sampleCreate, `"Create"`, `"Unlabel"`), signal{event: "6a7e4feb-b491-4cf7-a9f1-bf3703497718", name: "/MyExampleParameter", second: second, observe: true, labels: &timeline.LabelsFact{Event: "6a7e4feb-b491-4cf7-a9f1-bf3703497718", Second: second}}, ""},
		{"exception", strings.ReplaceAll(sampleCreate, `"operation"`, `"exception":"Unable to Describe Resource","operation"`), signal{event: "6a7e4feb-b491-4cf7-a9f1-bf3703497718", name: "/MyExampleParameter", second: second, operation: ssmbak.OpCreate, unchanged: true}, ""},
		{"name in the ARN only", strings.ReplaceAll(sampleCreate, `"name":"MyExampleParameter",`, ``), signal{event: "6a7e4feb-b491-4cf7-a9f1-bf3703497718", name: "/MyExampleParameter", second: second, operation: ssmbak.OpCreate}, ""},
		{"not JSON", "hunter2", signal{}, "not the JSON"},
		{"no id", strings.ReplaceAll(sampleCreate, `"id"`, `"ID2"`), signal{}, "id, time, account or region is missing"},
		{"other source", strings.ReplaceAll(sampleCreate, `"aws.ssm"`, `"aws.ec2"`), signal{}, "unrecognized event"},
		{"no name", `{"id":"1","detail-type":"Parameter Store Change","source":"aws.ssm","account":"1","time":"2017-05-22T16:43:48Z","region":"r","detail":{}}`, signal{}, "no valid parameter name"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := decode([]byte(test.body))
			if test.fail != "" {
				if err == nil || !strings.Contains(err.Error(), test.fail) || strings.Contains(err.Error(), "hunter2") {
					t.Fatalf("got error %v, want one containing %q", err, test.fail)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got.signal, cmp.AllowUnexported(signal{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.account != "123456789012" || got.region != "us-east-2" {
				t.Errorf("account %s, region %s", got.account, got.region)
			}
		})
	}
}

// TestDecodeOptional gives every optional member every JSON type. Only that member
// is lost, never the message.
func TestDecodeOptional(t *testing.T) {
	t.Parallel()
	for _, sample := range []string{sampleCreate, samplePolicy, sampleTag, sampleLabel} {
		for _, odd := range []string{"null", "true", "4.0", "-1", `"text"`, `""`, "[]", "[1]", "{}", `{"a":1}`, "1e99"} {
			check := func(member string, change func(outer, detail map[string]json.RawMessage)) {
				var outer, detail map[string]json.RawMessage
				if err := errors.Join(json.Unmarshal([]byte(sample), &outer), json.Unmarshal(outer["detail"], &detail)); err != nil {
					t.Fatal(err)
				}
				change(outer, detail)
				outer["detail"], _ = json.Marshal(detail)
				body, _ := json.Marshal(outer)
				d, err := decode(body)
				if err != nil || d.name == "" || d.event == "" {
					t.Errorf("%s is %s: %v", member, odd, err)
				}
			}
			for _, member := range []string{"version", "resources", "more"} {
				if member == "resources" && sample == sampleTag {
					continue // it names the parameter
				}
				check(member, func(outer, _ map[string]json.RawMessage) { outer[member] = json.RawMessage(odd) })
			}
			for _, member := range []string{"type", "description", "exception", "dataType", "label", "fromVersion", "toVersion", "policy-type", "parameter-type", "policy-content", "action-status", "action-reason", "version", "tags", "changed-tag-keys", "more"} {
				check(member, func(_, detail map[string]json.RawMessage) { detail[member] = json.RawMessage(odd) })
			}
		}
	}
}

// FuzzDecode checks that every decoded event has a valid name, an ID and a
// time.
func FuzzDecode(f *testing.F) {
	for _, sample := range []string{sampleCreate, samplePolicy, sampleTag, sampleLabel, samplePut, sampleDeleteMany, sampleAddTags, "{}", ""} {
		f.Add([]byte(sample))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := decode(body)
		if err != nil {
			return
		}
		all := d.calls
		if !d.trail {
			all = []signal{d.signal}
		}
		for _, n := range all {
			if again, err := ssmbak.ParseName(n.name.String()); err != nil || again != n.name || n.event == "" {
				t.Errorf("name %q or event %q is not valid", n.name, n.event)
			}
			if n.call != nil && (n.operation != "" || n.observe || n.tags != nil || n.labels != nil || n.call.By == "" || n.call.Event == "") {
				t.Errorf("the call %+v says more than a call does, or less", n)
			}
		}
		if d.event == "" || d.account == "" || d.region == "" {
			t.Errorf("decoded %+v", d)
		}
	})
}
