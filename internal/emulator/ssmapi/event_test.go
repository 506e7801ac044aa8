package ssmapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// TestLabelEvents compares the events of labels with the schema
// aws.ssm@ParameterStoreChange, version 1, in EventBridge's registry: all
// strings, of which name, type and operation are required.
// https://github.com/aws/aws-sam-cli, tests/unit/lib/schemas/test_schemas_api_caller.py
func TestLabelEvents(t *testing.T) {
	t.Parallel()
	s := newStore(t, ssmapi.Options{UnlabelOperation: "UnlabelParameterVersion"})
	s.must(t, "PutParameter", `{"Name":"/app/a","Value":"v","Type":"SecureString"}`, `{}`)
	s.must(t, "PutParameter", `{"Name":"/app/a","Value":"w","Type":"SecureString","Overwrite":true}`, `{}`)
	s.events = nil
	s.must(t, "LabelParameterVersion", `{"Name":"/app/a","ParameterVersion":1,"Labels":["x","9","y"]}`, `{}`)
	s.must(t, "LabelParameterVersion", `{"Name":"/app/a","ParameterVersion":2,"Labels":["y"]}`, `{}`)
	s.must(t, "LabelParameterVersion", `{"Name":"/app/a","ParameterVersion":2,"Labels":["y"]}`, `{}`)
	s.must(t, "UnlabelParameterVersion", `{"Name":"/app/a","ParameterVersion":2,"Labels":["y"]}`, `{}`)
	var got []map[string]any
	for _, e := range s.events {
		if e.DetailType != "Parameter Store Change" || e.Source != "aws.ssm" || len(e.Resources) != 1 {
			t.Errorf("event %+v", e)
		}
		got = append(got, e.Detail)
	}
	const op = "LabelParameterVersion"
	want := []map[string]any{
		{"operation": op, "name": "/app/a", "type": "SecureString", "label": "x", "toVersion": "1"},
		{"operation": op, "name": "/app/a", "type": "SecureString", "label": "y", "toVersion": "1"},
		{"operation": op, "name": "/app/a", "type": "SecureString", "label": "y", "fromVersion": "1", "toVersion": "2"},
		{"operation": "UnlabelParameterVersion", "name": "/app/a", "type": "SecureString", "label": "y", "fromVersion": "2"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("details (-want +got):\n%s", diff)
	}
}

// TestTagEvent has a counter that is no integer in JSON, as recorded ones are.
func TestTagEvent(t *testing.T) {
	t.Parallel()
	s := newStore(t, ssmapi.Options{})
	s.must(t, "PutParameter", `{"Name":"/a","Value":"v","Type":"String"}`, `{}`)
	for _, value := range []string{"1", "2"} {
		s.must(t, "AddTagsToResource", `{"ResourceType":"Parameter","ResourceId":"/a","Tags":[{"Key":"k","Value":"`+value+`"}]}`, `{}`)
	}
	text := string(s.events[2].JSON())
	if !strings.Contains(text, `"version":2.0`) || !json.Valid([]byte(text)) {
		t.Errorf("event %s, want the counter 2.0", text)
	}
}
