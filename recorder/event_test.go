package recorder

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// The samples are those of AWS's pages.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html
// https://docs.aws.amazon.com/tag-editor/latest/userguide/tag-monitor.html
const (
	sampleCreate = `{"version":"0","id":"6a7e4feb-b491-4cf7-a9f1-bf3703497718","detail-type":"Parameter Store Change","source":"aws.ssm","account":"123456789012","time":"2017-05-22T16:43:48Z","region":"us-east-2","resources":["arn:aws:ssm:us-east-2:123456789012:parameter/MyExampleParameter"],"detail":{"operation":"Create","name":"MyExampleParameter","type":"String","description":"Sample Parameter"}}`
	samplePolicy = `{"version":"0","id":"7a7e4feb","detail-type":"Parameter Store Policy Action","source":"aws.ssm","account":"123456789012","time":"2017-05-22T16:43:48Z","region":"us-east-2","resources":["arn:aws:ssm:us-east-2:123456789012:parameter/foo"],"detail":{"policy-type":"Expiration","parameter-name":"foo","parameter-type":"String","policy-content":"{}","action-status":"Success","action-reason":"expired"}}`
	sampleTag    = `{"version":"0","id":"8a7e4feb","detail-type":"Tag Change on Resource","source":"aws.tag","account":"123456789012","time":"2017-05-22T16:43:48Z","region":"us-east-2","resources":["arn:aws:ssm:us-east-2:123456789012:parameter/app/db"],"detail":{"changed-tag-keys":["a"],"service":"ssm","resource-type":"parameter","version":3,"tags":{"a":"b"}}}`
)

func TestDecode(t *testing.T) {
	t.Parallel()
	second := time.Date(2017, 5, 22, 16, 43, 48, 0, time.UTC).Unix()
	tests := []struct {
		name string
		body string
		want notice
		fail string
	}{
		{"create of one level", sampleCreate, notice{event: "6a7e4feb-b491-4cf7-a9f1-bf3703497718", name: "/MyExampleParameter", second: second, operation: ssmbak.Create}, ""},
		{"policy action", samplePolicy, notice{event: "7a7e4feb", name: "/foo", second: second, looks: true}, ""},
		{"policy notification", strings.ReplaceAll(samplePolicy, `"Expiration"`, `"NoChangeNotification"`), notice{event: "7a7e4feb", name: "/foo", second: second, looks: true, nothing: true}, ""},
		{"tags", sampleTag, notice{event: "8a7e4feb", name: "/app/db", second: second, tags: &timeline.TagsSeen{Tags: map[string]string{"a": "b"}, Event: "8a7e4feb", Second: second, Counter: 3}}, ""},
		{"label", strings.ReplaceAll(sampleCreate, `"Create"`, `"LabelParameterVersion"`), notice{event: "6a7e4feb-b491-4cf7-a9f1-bf3703497718", name: "/MyExampleParameter", second: second, looks: true, labels: true}, ""},
		{"an operation that nobody knows", strings.ReplaceAll(sampleCreate, `"Create"`, `"Unlabel"`), notice{event: "6a7e4feb-b491-4cf7-a9f1-bf3703497718", name: "/MyExampleParameter", second: second, looks: true, labels: true}, ""},
		{"exception", strings.ReplaceAll(sampleCreate, `"operation"`, `"exception":"Unable to Describe Resource","operation"`), notice{event: "6a7e4feb-b491-4cf7-a9f1-bf3703497718", name: "/MyExampleParameter", second: second, operation: ssmbak.Create, nothing: true}, ""},
		{"name in the ARN only", strings.ReplaceAll(sampleCreate, `"name":"MyExampleParameter",`, ``), notice{event: "6a7e4feb-b491-4cf7-a9f1-bf3703497718", name: "/MyExampleParameter", second: second, operation: ssmbak.Create}, ""},
		{"no JSON", "hunter2", notice{}, "not the JSON"},
		{"no id", strings.ReplaceAll(sampleCreate, `"id"`, `"ID2"`), notice{}, "lacks id"},
		{"other source", strings.ReplaceAll(sampleCreate, `"aws.ssm"`, `"aws.ec2"`), notice{}, "none that is known"},
		{"no name", `{"id":"1","detail-type":"Parameter Store Change","source":"aws.ssm","account":"1","time":"2017-05-22T16:43:48Z","region":"r","detail":{}}`, notice{}, "names no parameter"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := decode([]byte(test.body))
			if test.fail != "" {
				if err == nil || !strings.Contains(err.Error(), test.fail) || strings.Contains(err.Error(), "hunter2") {
					t.Fatalf("error %v, want one that says %q", err, test.fail)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got.notice, cmp.AllowUnexported(notice{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.account != "123456789012" || got.region != "us-east-2" {
				t.Errorf("of account %s in %s", got.account, got.region)
			}
		})
	}
}

// FuzzDecode holds that whatever is decoded names a parameter, an event and a
// time, and that nothing else is let through.
func FuzzDecode(f *testing.F) {
	for _, sample := range []string{sampleCreate, samplePolicy, sampleTag, "{}", ""} {
		f.Add([]byte(sample))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := decode(body)
		if err != nil {
			return
		}
		if again, err := ssmbak.ParseName(d.name.String()); err != nil || again != d.name {
			t.Errorf("the name %q is none", d.name)
		}
		if d.event == "" || d.account == "" || d.region == "" {
			t.Errorf("decoded %+v", d)
		}
	})
}
