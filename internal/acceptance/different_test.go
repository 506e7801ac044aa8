//go:build aws

package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// strange is an account that differs from what is assumed about AWS.
type strange struct {
	name  string
	facts []string // the names of the facts that must find it, or how they begin
	// change changes the emulator.
	change func(*emulator.Options, *emulated)
	// request changes the input of an operation of Parameter Store, and header the header
	// fields of all requests.
	request func(operation string, in map[string]any)
	header  func(http.Header)
	// answer changes an answer of Parameter Store or S3.
	answer func(operation string, status int, body string) (int, string)
}

// strangeClient sends the requests of a strange account.
type strangeClient struct {
	next aws.HTTPClient
	s    *strange
}

func (c strangeClient) Do(r *http.Request) (*http.Response, error) {
	_, operation, json11 := strings.Cut(r.Header.Get("X-Amz-Target"), "AmazonSSM.")
	if c.s.header != nil {
		c.s.header(r.Header)
	}
	if c.s.request != nil && json11 {
		var in map[string]any
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			return nil, err
		}
		c.s.request(operation, in)
		body, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	response, err := c.next.Do(r)
	if err != nil || c.s.answer == nil || !json11 && !strings.Contains(r.URL.Path, resourcePrefix) {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil {
		return nil, err
	}
	status, text := c.s.answer(operation, response.StatusCode, string(body))
	response.StatusCode, response.Body, response.ContentLength = status, io.NopCloser(strings.NewReader(text)), int64(len(text))
	return response, nil
}

// overwriting returns a change of the input of overwrites.
func overwriting(change func(in map[string]any)) func(string, map[string]any) {
	return func(operation string, in map[string]any) {
		if operation == "PutParameter" && in["Overwrite"] == true {
			change(in)
		}
	}
}

func stranges() []strange {
	lose := func(loses func(ssmapi.Event) bool) func(*emulator.Options, *emulated) {
		return func(_ *emulator.Options, e *emulated) { e.loses = loses }
	}
	return []strange{
		{
			name: "throttles more", facts: []string{"rate of PutParameter", "rate of DeleteParameter", "rate of DescribeParameters", "rate of GetParameter", "rate of GetParameterHistory", "rate of ListTagsForResource"},
			change: func(o *emulator.Options, _ *emulated) {
				o.Limits = map[string]float64{"ssm:PutParameter": 1, "ssm:DeleteParameter": 1, "ssm:DescribeParameters": 1, "ssm:GetParameter": 20, "ssm:GetParameterHistory": 5, "ssm:ListTagsForResource": 5}
			},
		},
		{
			name: "keeps the type in an overwrite", facts: []string{"overwrite of a String by a SecureString", "overwrite of a SecureString by a String"},
			request: overwriting(func(in map[string]any) { delete(in, "Type") }),
		},
		{
			name: "refuses overwrites", facts: []string{"overwrite of a ", "omitted by an overwrite: description", "omitted by an overwrite: allowed pattern", "data type integer"},
			request: overwriting(func(in map[string]any) { in["Name"] = "not/qualified" }),
		},
		{
			name:  "removes what an overwrite omits",
			facts: []string{"omitted by an overwrite: description", "omitted by an overwrite: allowed pattern", "omitted by an overwrite: data type", "omitted by an overwrite: policies"},
			request: overwriting(func(in map[string]any) {
				for member, empty := range map[string]any{"Description": "", "AllowedPattern": "", "DataType": "text", "Policies": "[{}]"} {
					if in[member] == nil {
						in[member] = empty
					} else {
						delete(in, member) // and keeps what is sent empty
					}
				}
			}),
		},
		{
			name: "makes what omits its type a String", facts: []string{"omitted by an overwrite: type"},
			request: overwriting(func(in map[string]any) {
				if in["Type"] == nil {
					in["Type"] = "String"
				}
			}),
		},
		{
			name: "keeps an omitted key", facts: []string{"omitted by an overwrite: key"},
			change: func(o *emulator.Options, _ *emulated) { o.SSM.OmittedKeyKept = true },
		},
		{
			name: "keeps no tags", facts: []string{"omitted by an overwrite: tags", "root-level name: tags", "read after write: ListTagsForResource"},
			answer: func(operation string, status int, body string) (int, string) {
				if operation == "ListTagsForResource" {
					return status, `{"TagList":[]}`
				}
				return status, body
			},
		},
		{
			name: "makes what is advanced standard", facts: []string{"omitted by an overwrite: tier"},
			answer: func(operation string, status int, body string) (int, string) {
				if operation == "PutParameter" {
					return http.StatusOK, `{"Version":1}`
				}
				return status, strings.ReplaceAll(strings.ReplaceAll(body, "Advanced", "Standard"), `"Version":1`, `"Version":2`)
			},
		},
		{
			name: "accepts everything",
			facts: []string{
				"root-level name: /a is a", "name of two levels", "name with an empty level", "data type changed", "Expiration that has passed", "tags of an overwrite",
				"advanced parameter made standard", "disabled key: write", "key pending deletion: write",
			},
			answer: func(operation string, status int, body string) (int, string) {
				if operation == "PutParameter" && status != http.StatusOK {
					return http.StatusOK, `{"Version":1}`
				}
				return status, body
			},
		},
		{
			name: "has no name with spaces, but accepts it", facts: []string{"outer spaces"},
			request: func(operation string, in map[string]any) {
				if name, _ := in["Name"].(string); operation == "PutParameter" && strings.HasPrefix(name, " ") {
					in["Name"] = strings.TrimSpace(name) + "-"
				}
			},
		},
		{
			name: "reports root-level names with a slash", facts: []string{"root-level name: GetParameter", "root-level name: DescribeParameters", "event of a root-level parameter"},
			answer: func(operation string, status int, body string) (int, string) {
				if operation == "GetParameter" || operation == "DescribeParameters" {
					body = strings.ReplaceAll(body, `"Name":"`+parameterPrefix, `"Name":"/`+parameterPrefix)
				}
				return status, body
			},
			change: lose(func(e ssmapi.Event) bool {
				if name, _ := e.Detail["name"].(string); !strings.HasPrefix(name, "/") {
					e.Detail["name"] = "/" + name
				}
				return false
			}),
		},
		{
			name: "trims values", facts: []string{"white space"},
			request: func(_ string, in map[string]any) {
				if value, ok := in["Value"].(string); ok {
					in["Value"] = strings.TrimSpace(value)
				}
			},
		},
		{
			name: "refuses an overwrite of an integer", facts: []string{"data type integer changed"},
			request: overwriting(func(in map[string]any) { in["DataType"] = "aws:ec2:image" }),
		},
		{
			name: "steps back", facts: []string{"times of versions"},
			change: func(o *emulator.Options, _ *emulated) {
				o.SSM.StepBack = func(string, int64) time.Duration { return time.Second }
			},
		},
		{
			name: "counts on after a deletion", facts: []string{"version of a recreated parameter"},
			answer: func(_ string, status int, body string) (int, string) {
				if strings.Contains(body, "third") {
					body = strings.ReplaceAll(body, `"Version":1`, `"Version":3`)
				}
				return status, body
			},
		},
		{
			name: "keeps the tags of a deleted parameter", facts: []string{"removed tag"},
			answer: func(operation string, status int, body string) (int, string) {
				if operation == "ListTagsForResource" {
					return status, `{"TagList":[{"Key":"old","Value":"yes"}]}`
				}
				return status, body
			},
		},
		{
			name: "ignores keys", facts: []string{"disabled key: read", "key pending deletion: read"},
			answer: func(operation string, status int, body string) (int, string) {
				if operation == "GetParameter" && status != http.StatusOK {
					return http.StatusOK, `{"Parameter":{"Value":"first"}}`
				}
				return status, body
			},
		},
		{
			name: "is late", facts: []string{"read after write: GetParameter", "read after write: DescribeParameters", "read after write: ListTagsForResource"},
			change: func(o *emulator.Options, _ *emulated) {
				o.SSM.StaleBy = func(string, string) time.Duration { return 2 * late }
			},
		},
		{
			name: "ignores conditions", facts: []string{"50 parallel writes", "conditional writes over"},
			header: func(h http.Header) {
				h.Del("If-Match")
				h.Del("If-None-Match")
			},
		},
		{
			name: "lists the oldest first", facts: []string{"order of versions", "read and listing"},
			answer: func(_ string, status int, body string) (int, string) {
				before, rest, found := strings.Cut(body, "<Version>")
				if !found {
					return status, body
				}
				all := strings.Split(rest, "<Version>")
				last, after, _ := strings.Cut(all[len(all)-1], "</Version>")
				all[len(all)-1] = last + "</Version>"
				for i := range all {
					before += "<Version>" + all[len(all)-1-i]
				}
				return status, before + after
			},
		},
		{
			name: "has one key for several", facts: []string{"keys with empty segments"},
			answer: func(_ string, status int, body string) (int, string) {
				return status, strings.TrimPrefix(body, "/")
			},
		},
		{
			name: "sends no events", facts: []string{"events of a parameter", "event of a root-level", "event of a label", "event of a tag", "stack: "},
			change: lose(func(ssmapi.Event) bool { return true }),
		},
		{
			name: "says nothing of an expiration", facts: []string{"events of an expired"},
			change: lose(func(e ssmapi.Event) bool { return e.DetailType == "Parameter Store Policy Action" }),
		},
		{
			name: "reports a removed label without a name", facts: []string{"event of a removed label"},
			change: func(o *emulator.Options, e *emulated) {
				o.SSM.UnlabelOperation = "UnlabelParameterVersion"
				e.loses = func(e ssmapi.Event) bool {
					if e.Detail["operation"] == o.SSM.UnlabelOperation {
						delete(e.Detail, "name")
					}
					return false
				}
			},
		},
	}
}

// TestDifferent checks that each fact finds an account that differs from what it assumes.
func TestDifferent(t *testing.T) {
	t.Parallel()
	emulationsOnly(t)
	for _, f := range facts() {
		if f.lacks[onEmulator] != "" {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			found := false
			for _, s := range stranges() {
				for _, begin := range s.facts {
					if strings.HasPrefix(f.name, begin) {
						found = true
						synctest.Test(t, func(t *testing.T) { finds(t, &f, &s) })
						break
					}
				}
			}
			if !found {
				t.Error("no strange account shows that this fact can be found to differ")
			}
		})
	}
}

func finds(t *testing.T, f *fact, s *strange) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	e := newEmulated(ctx, t, f, s.change)
	p, err := e.place(ctx, strangeClient{e.aws.Client(), s})
	if err != nil {
		t.Fatal(err)
	}
	v, _ := p.settle(ctx, f)
	if d, ok := errors.AsType[*difference](v.err); !ok {
		t.Errorf("an account that %s: %v", s.name, v)
	} else {
		t.Logf("an account that %s: %v", s.name, d)
	}
}
