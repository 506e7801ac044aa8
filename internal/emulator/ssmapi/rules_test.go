package ssmapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/testkit/moto"
)

// rule is one call and what Parameter Store answers to it. The calls build on
// each other.
type rule struct {
	name string
	op   string
	body string
	// want is the error's code, or JSON of which every member must be in the
	// answer; lists must have the same length.
	want string
	// moto says why moto answers otherwise.
	moto string
}

// page is where AWS says it; SDK are the doc comments of service/ssm.
var rules = []rule{
	{"create", "PutParameter", `{"Name":"/app/db","Value":"one","Type":"String","Description":"d"}`, `{"Version":1,"Tier":"Standard"}`, ""},
	{"create what is there", "PutParameter", `{"Name":"/app/db","Value":"two","Type":"String"}`, "ParameterAlreadyExists", ""},
	{"overwrite", "PutParameter", `{"Name":"/app/db","Value":"two","Type":"String","Overwrite":true}`, `{"Version":2}`, ""},
	{"overwrite without a type", "PutParameter", `{"Name":"/app/db","Value":"three","Overwrite":true}`, `{"Version":3}`, ""},
	{"create without a type", "PutParameter", `{"Name":"/app/x","Value":"one"}`, "ValidationException", ""},
	{"tags and overwrite", "PutParameter", `{"Name":"/app/db","Value":"x","Type":"String","Overwrite":true,"Tags":[{"Key":"a","Value":"b"}]}`, "ValidationException", ""},
	{"empty value", "PutParameter", `{"Name":"/app/e","Value":"","Type":"String"}`, "ValidationException", ""},
	{"reference in a value", "PutParameter", `{"Name":"/app/e","Value":"{{ssm:other}}","Type":"String"}`, "ValidationException", "moto does not check values"},
	{"relative path", "PutParameter", `{"Name":"app/db","Value":"x","Type":"String"}`, "ValidationException", "moto takes it"},
	{"two slashes", "PutParameter", `{"Name":"/app//db","Value":"x","Type":"String"}`, "ValidationException", "moto takes it"},
	{"sixteen levels", "PutParameter", `{"Name":"/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16","Value":"x","Type":"String"}`, "HierarchyLevelLimitExceededException", "moto does not count"},
	{"name of AWS", "PutParameter", `{"Name":"/aws/x","Value":"x","Type":"String"}`, "AccessDeniedException|ValidationException", ""},
	{"key of a String", "PutParameter", `{"Name":"/app/k","Value":"x","Type":"String","KeyId":"alias/mine"}`, "ValidationException", "moto takes it"},
	{"pattern that does not match", "PutParameter", `{"Name":"/app/p","Value":"abc","Type":"String","AllowedPattern":"^\\d+$"}`, "ParameterPatternMismatchException", "moto does not match"},
	{"too large for Standard", "PutParameter", `{"Name":"/app/large","Value":"` + strings.Repeat("x", 4097) + `","Type":"String"}`, "ValidationException", "moto takes it"},
	{"large", "PutParameter", `{"Name":"/app/large","Value":"` + strings.Repeat("x", 4097) + `","Type":"String","Tier":"Advanced"}`, `{"Version":1,"Tier":"Advanced"}`, "moto took the one before"},
	{"downgrade", "PutParameter", `{"Name":"/app/large","Value":"x","Type":"String","Tier":"Standard","Overwrite":true}`, "ValidationException", "moto takes it"},
	{"intelligent tiering", "PutParameter", `{"Name":"/app/clever","Value":"x","Type":"String","Tier":"Intelligent-Tiering"}`, `{"Tier":"Standard"}`, "moto keeps the word"},
	{"secret", "PutParameter", `{"Name":"/app/secret","Value":"hunter2","Type":"SecureString","Tags":[{"Key":"team","Value":"blue"}]}`, `{"Version":1}`, ""},
	{"one level", "PutParameter", `{"Name":"top","Value":"x","Type":"StringList"}`, `{"Version":1}`, ""},
	{"one level with a slash is the same", "PutParameter", `{"Name":"/top","Value":"y","Type":"StringList"}`, "ParameterAlreadyExists", ""},

	{"get", "GetParameter", `{"Name":"/app/db"}`, `{"Parameter":{"Name":"/app/db","Value":"three","Version":3,"Type":"String","ARN":"arn:aws:ssm:us-east-1:123456789012:parameter/app/db"}}`, ""},
	{"the name is echoed", "GetParameter", `{"Name":"/top"}`, `{"Parameter":{"Name":"/top","Value":"x"}}`, "moto reports its own form"},
	{"get a version", "GetParameter", `{"Name":"/app/db:2"}`, `{"Parameter":{"Value":"two","Version":2,"Selector":":2"}}`, "moto shows no selector"},
	{"get no such version", "GetParameter", `{"Name":"/app/db:9"}`, "ParameterVersionNotFound", ""},
	{"get nothing", "GetParameter", `{"Name":"/none"}`, "ParameterNotFound", ""},
	{"decrypt", "GetParameter", `{"Name":"/app/secret","WithDecryption":true}`, `{"Parameter":{"Value":"hunter2"}}`, ""},
	{"get several", "GetParameters", `{"Names":["/app/db","/none","/app/secret"],"WithDecryption":true}`, `{"Parameters":[{"Name":"/app/db"},{"Value":"hunter2"}],"InvalidParameters":["/none"]}`, "moto has another order"},
	{"get eleven", "GetParameters", `{"Names":["/1","/2","/3","/4","/5","/6","/7","/8","/9","/10","/11"]}`, "ValidationException", ""},
	{"by path", "GetParametersByPath", `{"Path":"/app"}`, `{"Parameters":[{"Name":"/app/clever"},{"Name":"/app/db"},{"Name":"/app/large"},{"Name":"/app/secret"}]}`, "moto keeps the order of creation, and took more"},
	{"by the root path", "GetParametersByPath", `{"Path":"/"}`, `{"Parameters":[{"Name":"top"}]}`, ""},
	{"by a relative path", "GetParametersByPath", `{"Path":"app"}`, "ValidationException", "moto takes it"},

	{"history", "GetParameterHistory", `{"Name":"/app/db"}`, `{"Parameters":[{"Version":1,"Value":"one","Description":"d","Labels":[],"Tier":"Standard","DataType":"text"},{"Version":2,"Value":"two"},{"Version":3,"Value":"three"}]}`, ""},
	{"history in pages", "GetParameterHistory", `{"Name":"/app/db","MaxResults":2}`, `{"Parameters":[{"Version":1},{"Version":2}]}`, ""},
	{"history with too large pages", "GetParameterHistory", `{"Name":"/app/db","MaxResults":51}`, "ValidationException", ""},
	{"history of nothing", "GetParameterHistory", `{"Name":"/none"}`, "ParameterNotFound", ""},
	{"describe", "DescribeParameters", `{"ParameterFilters":[{"Key":"Name","Option":"Equals","Values":["/app/db"]}]}`, `{"Parameters":[{"Name":"/app/db","Version":3,"Tier":"Standard","DataType":"text","Policies":[]}]}`, "moto omits Policies"},
	{"describe a path", "DescribeParameters", `{"ParameterFilters":[{"Key":"Path","Option":"OneLevel","Values":["/app"]},{"Key":"Type","Values":["SecureString"]}]}`, `{"Parameters":[{"Name":"/app/secret"}]}`, ""},
	{"describe with too large pages", "DescribeParameters", `{"MaxResults":51}`, "ValidationException", "moto takes it"},

	{"label", "LabelParameterVersion", `{"Name":"/app/db","ParameterVersion":1,"Labels":["prod","9bad","awsbad"]}`, `{"InvalidLabels":["9bad","awsbad"],"ParameterVersion":1}`, ""},
	{"labelled", "GetParameter", `{"Name":"/app/db:prod"}`, `{"Parameter":{"Version":1,"Value":"one"}}`, ""},
	{"a label moves", "LabelParameterVersion", `{"Name":"/app/db","ParameterVersion":2,"Labels":["prod"]}`, `{"InvalidLabels":[]}`, ""},
	{"moved", "GetParameter", `{"Name":"/app/db:prod"}`, `{"Parameter":{"Version":2}}`, ""},
	{"eleven labels", "LabelParameterVersion", `{"Name":"/app/db","ParameterVersion":3,"Labels":["a","b","c","d","e","f","g","h","i","j","k"]}`, "ParameterVersionLabelLimitExceeded|ValidationException", ""},
	{"label no version", "LabelParameterVersion", `{"Name":"/app/db","ParameterVersion":9,"Labels":["x"]}`, "ParameterVersionNotFound", ""},
	{"unlabel", "UnlabelParameterVersion", `{"Name":"/app/db","ParameterVersion":2,"Labels":["prod","none"]}`, `{"RemovedLabels":["prod"],"InvalidLabels":["none"]}`, ""},

	{"tags", "ListTagsForResource", `{"ResourceType":"Parameter","ResourceId":"/app/secret"}`, `{"TagList":[{"Key":"team","Value":"blue"}]}`, ""},
	{"add tags", "AddTagsToResource", `{"ResourceType":"Parameter","ResourceId":"/app/secret","Tags":[{"Key":"b","Value":""},{"Key":"team","Value":"red"}]}`, `{}`, ""},
	{"remove tags", "RemoveTagsFromResource", `{"ResourceType":"Parameter","ResourceId":"/app/secret","TagKeys":["b","none"]}`, `{}`, ""},
	{"changed tags", "ListTagsForResource", `{"ResourceType":"Parameter","ResourceId":"/app/secret"}`, `{"TagList":[{"Key":"team","Value":"red"}]}`, ""},
	{"tags of nothing", "ListTagsForResource", `{"ResourceType":"Parameter","ResourceId":"/none"}`, "InvalidResourceId", ""},
	{"tags of AWS", "AddTagsToResource", `{"ResourceType":"Parameter","ResourceId":"/app/secret","Tags":[{"Key":"aws:x","Value":"y"}]}`, "ValidationException", "moto takes it"},

	{"delete", "DeleteParameter", `{"Name":"/app/db"}`, `{}`, ""},
	{"delete nothing", "DeleteParameter", `{"Name":"/app/db"}`, "ParameterNotFound", ""},
	{"recreated", "PutParameter", `{"Name":"/app/db","Value":"new","Type":"SecureString"}`, `{"Version":1}`, ""},
	{"its history starts again", "GetParameterHistory", `{"Name":"/app/db"}`, `{"Parameters":[{"Version":1,"Type":"SecureString"}]}`, ""},
	{"its tags are gone", "ListTagsForResource", `{"ResourceType":"Parameter","ResourceId":"/app/db"}`, `{"TagList":[]}`, ""},
	{"delete several", "DeleteParameters", `{"Names":["/app/db","/none"]}`, `{"DeletedParameters":["/app/db"],"InvalidParameters":["/none"]}`, ""},
	{"unknown member", "GetParameter", `{"Name":"/app/secret","Colour":"blue"}`, "SerializationException", "AWS and moto ignore it; it is a mistake"},
}

// answer is a status and a body.
type answer struct {
	status int
	body   map[string]any
	text   string
}

// post sends a call to an endpoint.
func post(t *testing.T, endpoint, op, body string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Amz-Target", "AmazonSSM."+op)
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	// moto takes account, region and service from it.
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20240613/us-east-1/ssm/aws4_request, SignedHeaders=host, Signature=0")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: response.StatusCode, text: string(text)}
	if len(bytes.TrimSpace(text)) > 0 {
		if err := json.Unmarshal(text, &a.body); err != nil {
			t.Fatalf("%s answered %s", op, text)
		}
	}
	return a
}

// differs says how an answer is not what the rule wants, "" if it is.
func (r rule) differs(a answer) string {
	if !strings.HasPrefix(r.want, "{") {
		code, _ := a.body["__type"].(string)
		_, code, _ = strings.Cut("#"+code, "#")
		if i := strings.LastIndex(code, "#"); i >= 0 {
			code = code[i+1:]
		}
		for want := range strings.SplitSeq(r.want, "|") {
			if a.status == http.StatusBadRequest && code == want {
				return ""
			}
		}
		return fmt.Sprintf("%d %.200s, want %s", a.status, a.text, r.want)
	}
	var want map[string]any
	if err := json.Unmarshal([]byte(r.want), &want); err != nil {
		return err.Error()
	}
	if a.status != http.StatusOK {
		return fmt.Sprintf("%d %.200s, want %s", a.status, a.text, r.want)
	}
	return lacks("", a.body, want)
}

// lacks returns which part of want is not in got.
func lacks(at string, got, want any) string {
	switch w := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		for key, value := range w {
			if s := lacks(at+"."+key, g[key], value); s != "" {
				return s
			}
		}
		return ""
	case []any:
		g, _ := got.([]any)
		if len(g) != len(w) {
			return fmt.Sprintf("%s has %d entries, want %d: %v", at, len(g), len(w), got)
		}
		for i := range w {
			if s := lacks(fmt.Sprintf("%s[%d]", at, i), g[i], w[i]); s != "" {
				return s
			}
		}
		return ""
	}
	if got != want {
		return fmt.Sprintf("%s is %v, want %v", at, got, want)
	}
	return ""
}

func TestRules(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(ssmapi.New(ssmapi.Options{}))
	t.Cleanup(server.Close)
	for _, r := range rules {
		if s := r.differs(post(t, server.URL, r.op, r.body)); s != "" {
			t.Errorf("%s: %s", r.name, s)
		}
	}
}

// TestMoto checks the same rules on moto, except where moto is known to be laxer.
func TestMoto(t *testing.T) {
	t.Parallel()
	endpoint := moto.Start(t)
	for _, r := range rules {
		s := r.differs(post(t, endpoint, r.op, r.body))
		switch {
		case s != "" && r.moto == "":
			t.Errorf("%s: moto and the rule differ: %s", r.name, s)
		case s == "" && r.moto != "":
			t.Logf("%s: moto is right by now, though it was noted: %s", r.name, r.moto)
		}
	}
}
