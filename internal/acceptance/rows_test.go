//go:build aws

package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ssmbak/ssmbak/internal/testkit/recorded"
)

// observer notes which parameters are created, and makes rows of answers.
type observer struct {
	next  aws.HTTPClient
	place *place
	rows  *rows // or nil
}

func (o *observer) Do(r *http.Request) (*http.Response, error) {
	body := []byte{}
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	_, operation, json11 := strings.Cut(r.Header.Get("X-Amz-Target"), "AmazonSSM.")
	response, err := o.next.Do(r)
	if operation == "PutParameter" && (err != nil || response.StatusCode < http.StatusBadRequest || response.StatusCode >= http.StatusInternalServerError) {
		var in struct{ Name string }
		_ = json.Unmarshal(body, &in) // it is the SDK's
		o.place.noted(in.Name)
	}
	if err != nil || o.rows == nil || !json11 && r.Header.Get("X-Amz-Target") != "" {
		return response, err
	}
	text, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(text))
	o.rows.mu.Lock()
	defer o.rows.mu.Unlock()
	if json11 {
		o.rows.addSSM(operation, body, response, text)
	} else if bucket := o.place.resource(objectsBucket); strings.Contains(r.URL.Host+r.URL.Path, bucket) {
		o.rows.addS3(bucket, r, body, response, text)
	}
	return response, nil
}

// rows makes a case of the table of recorded answers from the answers about one fact.
// Names, the account and the region are replaced, and values masked.
type rows struct {
	mu       sync.Mutex
	one      recorded.Case
	literals []string          // old, new, ...
	values   map[string]string // masks by values
	last     string            // the request of the last step
}

func newRows(p *place, f *fact) *rows {
	return &rows{
		one: recorded.Case{
			Name:   "acceptance: " + f.name,
			Source: fmt.Sprintf("internal/acceptance on %s, %s, %s", p.kind, p.region, time.Now().UTC().Format(time.DateOnly)),
		},
		literals: []string{p.rootName(), "{p}", p.id, "{p}", p.account, "123456789012", p.region, "us-east-1"},
		values:   make(map[string]string),
	}
}

// replace replaces a text by a name in braces from now on.
func (r *rows) replace(text, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.literals = append(r.literals, text, "{"+name+"}")
}

func (r *rows) text(s string) string { return strings.NewReplacer(r.literals...).Replace(s) }

// add adds a step, which replaces the one before if that asked for the same: a fact asks
// again until a change shows. The lock is held.
func (r *rows) add(request string, step recorded.Step) {
	if n := len(r.one.Steps); n > 0 && r.last == request {
		r.one.Steps = r.one.Steps[:n-1]
	}
	r.one.Steps, r.last = append(r.one.Steps, step), request
}

func status(response *http.Response) int {
	if response.StatusCode == http.StatusOK {
		return 0
	}
	return response.StatusCode
}

func (r *rows) addSSM(operation string, in []byte, response *http.Response, out []byte) {
	step := recorded.Step{SSM: operation, In: r.json(in), Status: status(response)}
	if step.Status == 0 {
		step.Out = r.json(out)
	} else {
		var refused struct {
			Type    string `json:"__type"`
			Message string // or message
		}
		_ = json.Unmarshal(out, &refused) // an error without a text has none of them
		step.Code, step.Message = refused.Type[strings.LastIndex(refused.Type, "#")+1:], r.text(refused.Message)
	}
	if step.Code != "ThrottlingException" {
		r.add(operation+string(in), step)
	}
}

// json returns a JSON object with replaced names and masked values, and without what
// differs each time.
func (r *rows) json(text []byte) json.RawMessage {
	var object map[string]any
	d := json.NewDecoder(strings.NewReader(r.text(string(text))))
	d.UseNumber()
	if err := d.Decode(&object); err != nil {
		return nil
	}
	clean, _ := json.Marshal(r.masked(object)) // it was JSON
	return clean
}

func (r *rows) masked(x any) any {
	switch x := x.(type) {
	case map[string]any:
		maps.DeleteFunc(x, func(key string, value any) bool {
			return value == nil || slices.Contains([]string{"LastModifiedDate", "LastModifiedUser", "NextToken"}, key)
		})
		_, pair := x["Key"] // of a tag
		for key, value := range x {
			if text, ok := value.(string); ok && key == "Value" && !pair {
				x[key] = r.mask(text)
			} else {
				x[key] = r.masked(value)
			}
		}
	case []any:
		for i := range x {
			x[i] = r.masked(x[i])
		}
	}
	return x
}

// mask masks a value: white space around it and commas are kept, and equal parts get equal
// masks.
func (r *rows) mask(value string) string {
	parts := strings.Split(value, ",")
	for i, part := range parts {
		core := strings.TrimSpace(part)
		if core == "" {
			continue
		}
		if r.values[core] == "" {
			n := len(r.values)
			r.values[core] = "value" + strings.Repeat("z", n/26) + string(rune('a'+n%26)) // letters, as a pattern may require
			if strings.Trim(core, "0123456789") == "" {                                   // the data type integer requires digits
				r.values[core] = fmt.Sprint(n + 1)
			}
		}
		parts[i] = strings.Replace(part, core, r.values[core], 1)
	}
	return strings.Join(parts, ",")
}

// kept are the header fields of requests to S3 that say what is asked for.
var kept = []string{"If-Match", "If-None-Match"}

func (r *rows) addS3(bucket string, request *http.Request, in []byte, response *http.Response, out []byte) {
	path := strings.TrimPrefix(request.URL.EscapedPath(), "/"+bucket)
	query := request.URL.Query()
	query.Del("x-id") // the SDK's
	if len(query) > 0 {
		path += "?" + strings.ReplaceAll(query.Encode(), "versions=&", "versions&")
	}
	step := recorded.Step{S3: request.Method + " " + r.text(path), Body: r.text(string(in)), Status: status(response)}
	for _, field := range kept {
		if value := request.Header.Get(field); value != "" {
			step.Header = map[string]string{field: r.text(value)}
		}
	}
	r.one.Bucket = "Enabled"
	found, err := recorded.Elements(out)
	if err != nil {
		found = nil // an object
	}
	switch {
	case response.StatusCode >= http.StatusBadRequest:
		for _, e := range found {
			if e.Path == "Error>Code" {
				step.Code = e.Text
			}
		}
	case query.Has("versions"):
		step.XML = r.listed(found)
	case request.Method == http.MethodGet:
		text := r.text(string(out))
		step.Text = &text
	}
	for field, short := range map[string]string{"ETag": "e", "X-Amz-Version-Id": "v"} {
		value := response.Header.Get(field)
		if value == "" || slices.Contains(r.literals, value) {
			continue
		}
		name := fmt.Sprint(short, len(r.one.Steps)+1)
		if step.Keep == nil {
			step.Keep = make(map[string]string)
		}
		step.Keep[name] = field
		r.literals = append(r.literals, value, "{"+name+"}")
	}
	r.add(step.S3+step.Body+fmt.Sprint(step.Header), step)
}

// listed returns what a listing of versions says about them.
func (r *rows) listed(found []recorded.Element) map[string][]string {
	all := make(map[string][]string)
	for _, e := range found {
		path := strings.Split(e.Path, ">")
		if n := len(path); n > 2 && slices.Contains([]string{"Version", "DeleteMarker"}, path[n-2]) && slices.Contains([]string{"Key", "VersionId", "IsLatest"}, path[n-1]) {
			key := path[n-2] + ">" + path[n-1]
			all[key] = append(all[key], r.text(e.Text))
		}
	}
	return all
}

// winnersFirst puts the successes among the steps from the given one on first: these were
// sent at once, and in this order they are answered alike one by one.
func (r *rows) winnersFirst(from int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortStableFunc(r.one.Steps[from:], func(a, b recorded.Step) int { return a.Status - b.Status })
}

// event adds an event.
func (r *rows) event(text []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var e map[string]any
	if json.Unmarshal(r.json(text), &e) != nil {
		return
	}
	for _, each := range []string{"id", "time", "version"} {
		delete(e, each)
	}
	clean, _ := json.Marshal(e) // it was JSON
	r.one.Events = append(r.one.Events, clean)
}

// steps returns the number of steps.
func (r *rows) steps() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.one.Steps)
}
