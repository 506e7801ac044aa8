package recorder

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// trailEvent returns an event with CloudTrail's record of a request. The envelope is that of
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html.
func trailEvent(name, members string) string {
	return `{"version":"0","id":"e1","detail-type":"AWS API Call via CloudTrail","source":"aws.ssm","account":"123456789012","time":"2017-05-22T16:43:49Z","region":"us-east-2","resources":[],"detail":{"eventVersion":"1.11",` +
		`"userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::123456789012:user/alice","accountId":"123456789012","accessKeyId":"AKIAEXAMPLE","userName":"alice"},` +
		`"eventTime":"2017-05-22T16:43:48Z","eventSource":"ssm.amazonaws.com","eventName":"` + name + `","awsRegion":"us-east-2","sourceIPAddress":"192.0.2.1","userAgent":"aws-cli",` + members +
		`,"requestID":"r1","eventID":"c1","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"123456789012","eventCategory":"Management"}}`
}

// The responses of PutParameter and DeleteParameter are those of published records.
var (
	samplePut        = trailEvent("PutParameter", `"requestParameters":{"name":"/app/db","value":"HIDDEN_DUE_TO_SECURITY_REASONS","type":"String"},"responseElements":{"version":2,"tier":"Standard"}`)
	sampleDelete     = trailEvent("DeleteParameter", `"requestParameters":{"name":"root"},"responseElements":null`)
	sampleDeleteMany = trailEvent("DeleteParameters", `"requestParameters":{"names":["/app/db","root","a/b","arn:aws:ssm:us-east-2:123456789012:parameter/app/url","arn:aws:ssm:us-east-1:123456789012:parameter/app/x","arn:aws:ssm:us-east-2:210987654321:parameter/app/y"]},"responseElements":null`)
	sampleAddTags    = trailEvent("AddTagsToResource", `"requestParameters":{"resourceType":"Parameter","resourceId":"/app/db","tags":[{"key":"team","value":"red"}]},"responseElements":null`)
	sampleUntag      = trailEvent("RemoveTagsFromResource", `"requestParameters":{"resourceType":"Parameter","resourceId":"/app/db","tagKeys":["team"]},"responseElements":null`)
	sampleLabelCall  = trailEvent("LabelParameterVersion", `"requestParameters":{"name":"/app/db","parameterVersion":2,"labels":["prod","9x"]},"responseElements":{"invalidLabels":["9x"],"parameterVersion":2}`)
	sampleUnlabel    = trailEvent("UnlabelParameterVersion", `"requestParameters":{"name":"/app/db","parameterVersion":2,"labels":["prod"]},"responseElements":null`)
)

// TestDecodeCalls decodes CloudTrail events. One that is no successful change of a parameter
// in the event's account and region is no call, and never an error.
func TestDecodeCalls(t *testing.T) {
	t.Parallel()
	second := time.Date(2017, 5, 22, 16, 43, 48, 0, time.UTC).Unix()
	red := "red"
	call := func(api timeline.API, more timeline.Call) timeline.Call {
		more.Event, more.Second, more.API, more.By = "c1", second, api, "arn:aws:iam::123456789012:user/alice"
		return more
	}
	of := func(k timeline.Call, names ...ssmbak.Name) map[ssmbak.Name]timeline.Call {
		all := make(map[ssmbak.Name]timeline.Call)
		for _, name := range names {
			all[name] = k
		}
		return all
	}
	put := call(timeline.APIPut, timeline.Call{Version: 2})
	service := put
	service.By = "cloudformation.amazonaws.com"
	enveloped := put
	enveloped.Event, enveloped.Second = "e1", second+1
	none := map[ssmbak.Name]timeline.Call{}
	with := func(old, new string) string { return strings.Replace(samplePut, old, new, 1) }
	tests := []struct {
		name, body string
		want       map[ssmbak.Name]timeline.Call
	}{
		{"put", samplePut, of(put, "/app/db")},
		{"put with tags", with(`"type":"String"`, `"type":"String","tags":[{"key":"team","value":"red"}]`), of(call(timeline.APIPut, timeline.Call{Version: 2, Tags: map[string]*string{"team": &red}}), "/app/db")},
		{"put without a response", with(`{"version":2,"tier":"Standard"}`, `null`), none},
		{"delete of one level", sampleDelete, of(call(timeline.APIDelete, timeline.Call{}), "/root")},
		{"delete by ARN", strings.Replace(sampleDelete, `"root"`, `"arn:aws-cn:ssm:us-east-2:123456789012:parameter/root"`, 1), of(call(timeline.APIDelete, timeline.Call{}), "/root")},
		{"delete of several names", sampleDeleteMany, of(call(timeline.APIDelete, timeline.Call{}), "/app/db", "/root", "/app/url")},
		{"delete of some of several names", strings.Replace(sampleDeleteMany, `"responseElements":null`, `"responseElements":{"deletedParameters":["root"],"invalidParameters":["/app/db"]}`, 1), of(call(timeline.APIDelete, timeline.Call{}), "/root")},
		{"add tags", sampleAddTags, of(call(timeline.APITag, timeline.Call{Tags: map[string]*string{"team": &red}}), "/app/db")},
		{"add tags to another resource", strings.Replace(sampleAddTags, `"Parameter"`, `"Document"`, 1), none},
		{"remove tags", sampleUntag, of(call(timeline.APIUntag, timeline.Call{Tags: map[string]*string{"team": nil}}), "/app/db")},
		{"label", sampleLabelCall, of(call(timeline.APILabel, timeline.Call{Version: 2, Labels: []string{"prod"}}), "/app/db")},
		{"unlabel", sampleUnlabel, of(call(timeline.APIUnlabel, timeline.Call{Version: 2, Labels: []string{"prod"}}), "/app/db")},
		{"an AWS service", with(`"arn":"arn:aws:iam::123456789012:user/alice"`, `"invokedBy":"cloudformation.amazonaws.com"`), of(service, "/app/db")},
		{"without an event ID and time", strings.Replace(with(`"eventID":"c1"`, `"eventID":7`), `"eventTime":"2017`, `"eventTime":"20 17`, 1), of(enveloped, "/app/db")},
		{"failed", with(`"requestID"`, `"errorCode":"ParameterAlreadyExists","errorMessage":"","requestID"`), none},
		{"read only", with(`"readOnly":false`, `"readOnly":true`), none},
		{"a read", with(`"PutParameter"`, `"GetParameter"`), none},
		{"another region", with(`"awsRegion":"us-east-2"`, `"awsRegion":"us-east-1"`), none},
		{"another service", with(`"ssm.amazonaws.com"`, `"ssmmessages.amazonaws.com"`), none},
		{"no principal", with(`"arn":"arn:aws:iam::123456789012:user/alice"`, `"arn":null`), none},
		{"no detail", `{"id":"e1","detail-type":"AWS API Call via CloudTrail","source":"aws.ssm","account":"123456789012","time":"2017-05-22T16:43:49Z","region":"us-east-2"}`, none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d, err := decode([]byte(tt.body))
			if err != nil || !d.trail {
				t.Fatalf("got %+v, %v", d, err)
			}
			got := make(map[ssmbak.Name]timeline.Call)
			for _, n := range d.calls {
				got[n.name] = *n.call
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestDecodeCallsOptional gives every member of a CloudTrail event every JSON type. It is
// never an error.
func TestDecodeCallsOptional(t *testing.T) {
	t.Parallel()
	for _, sample := range []string{samplePut, sampleDelete, sampleDeleteMany, sampleAddTags, sampleUntag, sampleLabelCall, sampleUnlabel} {
		for _, odd := range []string{"null", "true", "4.0", "-1", `"text"`, `""`, "[]", "[1]", "{}", `{"a":1}`, `[{"key":7}]`, "1e99"} {
			for _, path := range [][]string{{}, {"userIdentity"}, {"requestParameters"}, {"responseElements"}} {
				var outer, detail, inner map[string]json.RawMessage
				if err := errors.Join(json.Unmarshal([]byte(sample), &outer), json.Unmarshal(outer["detail"], &detail)); err != nil {
					t.Fatal(err)
				}
				at := detail
				if len(path) > 0 {
					_ = json.Unmarshal(detail[path[0]], &inner)
					at = inner
				}
				for member, was := range at {
					at[member] = json.RawMessage(odd)
					if len(path) > 0 {
						detail[path[0]], _ = json.Marshal(inner)
					}
					outer["detail"], _ = json.Marshal(detail)
					body, _ := json.Marshal(outer)
					if d, err := decode(body); err != nil || !d.trail {
						t.Errorf("%s%v is %s: %v", member, path, odd, err)
					}
					at[member] = was
				}
			}
		}
	}
}

// TestCallsOfOthers refuses CloudTrail events of another account or region, as any event.
func TestCallsOfOthers(t *testing.T) {
	t.Parallel()
	r := New(nil, nil, Options{Account: "123456789012", Region: "us-east-2"})
	for _, old := range []string{`"account":"123456789012"`, `"region":"us-east-2"`} {
		if _, err := r.parse(t.Context(), Message{Body: []byte(strings.Replace(samplePut, old, strings.Replace(old, "2", "3", 1), 1))}); err == nil {
			t.Errorf("an event with another %s is taken", old)
		}
	}
	young := fmt.Sprintf(`"eventTime":%q`, time.Now().Add(2*time.Minute).UTC().Format(time.RFC3339))
	if all, err := r.parse(t.Context(), Message{Body: []byte(strings.Replace(samplePut, `"eventTime":"2017-05-22T16:43:48Z"`, young, 1))}); err != nil || len(all) > 0 {
		t.Errorf("a call in the future: %+v, %v", all, err)
	}
}
