package ssmapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestTrail checks the records of requests that change parameters: also of those that fail,
// without a value, and none without a trail.
func TestTrail(t *testing.T) {
	t.Parallel()
	var got []map[string]any
	store := New(Options{Now: func() time.Time { return time.Unix(1718309454, 900_000_000) }, Emit: func(e Event) {
		if e.DetailType != "AWS API Call via CloudTrail" {
			return
		}
		var event map[string]any
		if err := json.Unmarshal(e.JSON(), &event); err != nil {
			t.Error(err)
		}
		got = append(got, event)
	}})
	send := func(op, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("X-Amz-Target", ssmTarget+op)
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=alice/20240613/us-east-1/ssm/aws4_request")
		store.ServeHTTP(httptest.NewRecorder(), r)
	}
	send("PutParameter", `{"Name":"/app/url","Value":"hunter2","Type":"String"}`)
	store.StartTrail()
	send("PutParameter", `{"Name":"/app/db","Value":"hunter2","Type":"String","Tags":[{"Key":"team","Value":"red"}]}`)
	send("PutParameter", `{"Name":"/app/db","Value":"hunter2","Type":"String"}`)
	send("GetParameter", `{"Name":"/app/db"}`)
	send("DeleteParameters", `{"Names":["/app/db","/app/none"]}`)
	want := []string{
		`PutParameter map[name:/app/db tags:[map[key:team value:red]] type:String value:HIDDEN_DUE_TO_SECURITY_REASONS] map[tier:Standard version:1] <nil>`,
		`PutParameter map[name:/app/db type:String value:HIDDEN_DUE_TO_SECURITY_REASONS] <nil> ParameterAlreadyExists`,
		`DeleteParameters map[names:[/app/db /app/none]] <nil> <nil>`,
	}
	if len(got) != len(want) {
		t.Fatalf("got %d records, want %d: %v", len(got), len(want), got)
	}
	ids := make(map[any]bool)
	for i, event := range got {
		detail := event["detail"].(map[string]any)
		if text := fmt.Sprint(detail["eventName"], " ", detail["requestParameters"], " ", detail["responseElements"], " ", detail["errorCode"]); text != want[i] {
			t.Errorf("got %s, want %s", text, want[i])
		}
		identity := detail["userIdentity"].(map[string]any)
		if identity["arn"] != "arn:aws:iam::123456789012:user/alice" || detail["eventTime"] != "2024-06-13T20:10:54Z" || event["time"] != detail["eventTime"] || detail["eventID"] == event["id"] {
			t.Errorf("got %v", event)
		}
		ids[detail["eventID"]] = true
	}
	if len(ids) != len(want) {
		t.Errorf("the event IDs are not unique: %v", ids)
	}
}
