package recorded

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// Player plays cases against an endpoint.
type Player struct {
	Client   *http.Client
	Endpoint string
	// Events returns the events since the player was made; nil does not compare events.
	Events func() []json.RawMessage

	known map[string]string // the texts that {names} in a case stand for
}

func (p *Player) text(s string) string {
	for name, value := range p.known {
		s = strings.ReplaceAll(s, "{"+name+"}", value)
	}
	return s
}

// answer is a response whose body was read.
type answer struct {
	code   int
	status string
	header http.Header
	body   []byte
}

func (p *Player) do(t testing.TB, method, path string, header map[string]string, body string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, p.Endpoint+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		request.Header.Set(name, p.text(value))
	}
	service := "s3"
	if header["X-Amz-Target"] != "" {
		service = "ssm"
	}
	// moto takes account, region and service from it.
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20240613/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	response, err := p.Client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Status, response.Header, text}
}

// versioning sets that of the bucket.
func (p *Player) versioning(t testing.TB, status string) {
	t.Helper()
	body := `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>` + status + `</Status></VersioningConfiguration>`
	if a := p.do(t, http.MethodPut, "/"+p.known["bucket"]+"?versioning", nil, body); a.code != http.StatusOK {
		t.Fatalf("versioning: %s %s", a.status, a.body)
	}
}

// Play returns the steps that are answered otherwise, by their numbers from 1, and how; 0
// stands for the events. The name is part of the names of the case's bucket and parameters.
func (p *Player) Play(t testing.TB, c Case, name string) map[int]string {
	t.Helper()
	now := time.Now().UTC()
	p.known = map[string]string{
		"bucket": "bucket-" + name, "p": "p-" + name, "now": now.Format(http.TimeFormat),
		"tomorrow": now.Add(24 * time.Hour).Format(http.TimeFormat), "yesterday": now.Add(-24 * time.Hour).Format(http.TimeFormat),
		"soon": now.Add(time.Hour).Format(time.RFC3339), "passed": now.Add(-time.Hour).Format(time.RFC3339),
	}
	if c.Bucket != "" {
		if a := p.do(t, http.MethodPut, "/"+p.known["bucket"], nil, ""); a.code != http.StatusOK {
			t.Fatalf("create bucket: %s %s", a.status, a.body)
		}
	}
	switch c.Bucket {
	case "Enabled":
		p.versioning(t, "Enabled")
	case "Suspended":
		p.versioning(t, "Enabled")
		p.versioning(t, "Suspended")
	}
	different := map[int]string{}
	for i, step := range c.Steps {
		var a answer
		if step.SSM != "" {
			header := map[string]string{"X-Amz-Target": "AmazonSSM." + step.SSM, "Content-Type": "application/x-amz-json-1.1"}
			a = p.do(t, http.MethodPost, "/", header, p.text(string(step.In)))
		} else {
			method, path, _ := strings.Cut(step.S3, " ")
			a = p.do(t, method, "/"+p.known["bucket"]+p.text(path), step.Header, p.text(step.Body))
		}
		if err := p.differs(step, a); err != nil {
			different[i+1] = fmt.Sprintf("%s%s: %v", step.S3, step.SSM, err)
		}
		for name, field := range step.Keep {
			p.known[name] = a.header.Get(field)
		}
	}
	if p.Events == nil {
		return different
	}
	seen := p.Events()
	for _, event := range c.Events {
		if !slices.ContainsFunc(seen, func(got json.RawMessage) bool { return p.has(got, event) == nil }) {
			different[0] = fmt.Sprintf("no event has %s: %s", p.text(string(event)), seen)
		}
	}
	return different
}

// has returns which part of a recorded JSON text is not in another one.
func (p *Player) has(text []byte, recorded json.RawMessage) error {
	var got, want map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		return fmt.Errorf("%.300s is no JSON", text)
	}
	if len(recorded) > 0 {
		if err := json.Unmarshal([]byte(p.text(string(recorded))), &want); err != nil {
			return err
		}
	}
	return lacks("", got, want)
}

// differs says how an answer is not the recorded one.
func (p *Player) differs(step Step, a answer) error {
	want := step.Status
	if want == 0 {
		want = http.StatusOK
	}
	if a.code != want {
		return fmt.Errorf("%s %.300s, want %d %s", a.status, a.body, want, step.Code)
	}
	for field, value := range step.Has {
		switch got := a.header.Get(field); {
		case value == "*" && got != "", got == p.text(value):
		default:
			return fmt.Errorf("%s is %q, want %q", field, got, p.text(value))
		}
	}
	if step.Text != nil && string(a.body) != *step.Text {
		return fmt.Errorf("the body is %q, want %q", a.body, *step.Text)
	}
	if step.SSM != "" {
		return p.differsJSON(step, a.body)
	}
	return p.differsXML(step, a.body)
}

func (p *Player) differsJSON(step Step, text []byte) error {
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		return fmt.Errorf("%.300s is no JSON", text)
	}
	if step.Code != "" {
		code, _ := got["__type"].(string)
		message, _ := got["message"].(string)
		if other, ok := got["Message"].(string); ok {
			message = other
		}
		if code[strings.LastIndex(code, "#")+1:] != step.Code || !strings.Contains(message, p.text(step.Message)) || step.NoMessage && message != "" {
			return fmt.Errorf("%s, want %s %q", text, step.Code, step.Message)
		}
		return nil
	}
	return p.has(text, step.Out)
}

// lacks returns which part of want is not in got; lists have the same length.
func lacks(at string, got, want any) error {
	switch w := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		for key, value := range w {
			if err := lacks(at+"."+key, g[key], value); err != nil {
				return err
			}
		}
		return nil
	case []any:
		g, _ := got.([]any)
		if len(g) != len(w) {
			return fmt.Errorf("%s has %d entries, want %d: %v", at, len(g), len(w), got)
		}
		for i := range w {
			if err := lacks(fmt.Sprintf("%s[%d]", at, i), g[i], w[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if got != want {
		return fmt.Errorf("%s is %v, want %v", at, got, want)
	}
	return nil
}

func (p *Player) differsXML(step Step, text []byte) error {
	want := map[string][]string{}
	for path, values := range step.XML {
		want[path] = []string{}
		for _, value := range values {
			want[path] = append(want[path], p.text(value))
		}
	}
	if step.Code != "" && len(text) > 0 { // a HEAD has no body
		want["Error>Code"] = []string{step.Code}
		if step.Message != "" {
			want["Error>Message"] = []string{p.text(step.Message)}
		}
	}
	if len(want) == 0 {
		return nil
	}
	got, err := Elements(text)
	if err != nil {
		return fmt.Errorf("%.300s is no XML: %w", text, err)
	}
	for path, values := range want {
		found := []string{}
		for _, e := range got {
			if e.Path == path || strings.HasSuffix(e.Path, ">"+path) {
				found = append(found, e.Text)
			}
		}
		if !slices.Equal(found, values) {
			return fmt.Errorf("%s is %q, want %q", path, found, values)
		}
	}
	return nil
}

// Element is an element of an XML document: the names of those around it and its own,
// joined by ">", and its text.
type Element struct{ Path, Text string }

// Elements returns the elements of a document in the order of their ends.
func Elements(text []byte) ([]Element, error) {
	var all []Element
	var path, texts []string
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			path, texts = append(path, token.Name.Local), append(texts, "")
		case xml.CharData:
			if n := len(texts); n > 0 {
				texts[n-1] += string(token)
			}
		case xml.EndElement:
			n := len(path) - 1
			all = append(all, Element{strings.Join(path, ">"), texts[n]})
			path, texts = path[:n], texts[:n]
		}
	}
}
