package emulator_test

import (
	"bytes"
	"embed"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/testkit/moto"
)

// recorded are cases whose response was recorded on AWS: each of
// testdata/recorded/*.json is a list of them.
//
//go:embed testdata/recorded
var recorded embed.FS

// recordedCase is a series of requests and what AWS answers to each.
type recordedCase struct {
	Name   string
	Source string // who recorded it, where
	// Bucket is the versioning of the bucket that the case begins with: Enabled,
	// Suspended (after Enabled) or None; "" for a case without one. {bucket} is
	// its name, and {p} a name that no other case has.
	Bucket string
	Steps  []recordedStep
	// Moto says of the steps that moto answers otherwise, by their numbers from 1,
	// how.
	Moto map[string]string
}

// recordedStep is one request: of S3 a method and a path below the bucket, of
// Parameter Store an operation.
type recordedStep struct {
	S3     string
	Header map[string]string
	Body   string

	SSM string
	In  json.RawMessage

	Status int // 200 if zero
	// Code is the error's, and Message a part of its text; NoMessage says that it
	// has none.
	Code, Message string
	NoMessage     bool
	// Has are header fields that the answer has: a value, "*" for any, "" for
	// none. Lacks are those that it has not.
	Has map[string]string
	// XML are the texts of elements, in their order, by the last parts of their
	// path: "Version>Key".
	XML map[string][]string
	// Text is the unmodified body.
	Text *string
	// Out is JSON whose members must all be in the response.
	Out json.RawMessage
	// Keep keeps header fields of the answer, by the names under which later
	// steps have them: {v1}.
	Keep map[string]string
}

func recordedCases(t *testing.T) []recordedCase {
	t.Helper()
	files, err := recorded.ReadDir("testdata/recorded")
	if err != nil {
		t.Fatal(err)
	}
	var all []recordedCase
	for _, file := range files {
		text, err := recorded.ReadFile("testdata/recorded/" + file.Name())
		if err != nil {
			t.Fatal(err)
		}
		var cases []recordedCase
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&cases); err != nil {
			t.Fatalf("%s: %v", file.Name(), err)
		}
		for _, c := range cases {
			if c.Name == "" || c.Source == "" || len(c.Steps) == 0 {
				t.Fatalf("%s: the case %q has no name, source or steps", file.Name(), c.Name)
			}
		}
		all = append(all, cases...)
	}
	return all
}

// player plays a case against an endpoint.
type player struct {
	client   *http.Client
	endpoint string
	known    map[string]string
}

func (p *player) text(s string) string {
	for name, value := range p.known {
		s = strings.ReplaceAll(s, "{"+name+"}", value)
	}
	return s
}

func (p *player) do(t *testing.T, method, path string, header map[string]string, body string) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, p.endpoint+path, strings.NewReader(body))
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
	response, err := p.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, text
}

// versioning sets that of the bucket.
func (p *player) versioning(t *testing.T, status string) {
	t.Helper()
	body := `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>` + status + `</Status></VersioningConfiguration>`
	if response, text := p.do(t, http.MethodPut, "/"+p.known["bucket"]+"?versioning", nil, body); response.StatusCode != http.StatusOK {
		t.Fatalf("versioning: %s %s", response.Status, text)
	}
}

// play returns the steps that are answered otherwise, by their numbers from 1,
// and how.
func (p *player) play(t *testing.T, c recordedCase, name string) map[int]string {
	t.Helper()
	p.known = map[string]string{"bucket": "bucket-" + name, "p": "p-" + name, "now": time.Now().UTC().Format(http.TimeFormat), "tomorrow": time.Now().Add(24 * time.Hour).UTC().Format(http.TimeFormat), "yesterday": time.Now().Add(-24 * time.Hour).UTC().Format(http.TimeFormat)}
	if c.Bucket != "" {
		if response, text := p.do(t, http.MethodPut, "/"+p.known["bucket"], nil, ""); response.StatusCode != http.StatusOK {
			t.Fatalf("create bucket: %s %s", response.Status, text)
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
		var response *http.Response
		var text []byte
		if step.SSM != "" {
			header := map[string]string{"X-Amz-Target": "AmazonSSM." + step.SSM, "Content-Type": "application/x-amz-json-1.1"}
			response, text = p.do(t, http.MethodPost, "/", header, p.text(string(step.In)))
		} else {
			method, path, _ := strings.Cut(step.S3, " ")
			response, text = p.do(t, method, "/"+p.known["bucket"]+p.text(path), step.Header, p.text(step.Body))
		}
		if err := p.differs(step, response, text); err != nil {
			different[i+1] = fmt.Sprintf("%s%s: %v", step.S3, step.SSM, err)
		}
		for name, field := range step.Keep {
			p.known[name] = response.Header.Get(field)
		}
	}
	return different
}

// differs says how an answer is not the recorded one.
func (p *player) differs(step recordedStep, response *http.Response, text []byte) error {
	want := step.Status
	if want == 0 {
		want = http.StatusOK
	}
	if response.StatusCode != want {
		return fmt.Errorf("%s %.300s, want %d %s", response.Status, text, want, step.Code)
	}
	for field, value := range step.Has {
		switch got := response.Header.Get(field); {
		case value == "*" && got != "", got == p.text(value):
		default:
			return fmt.Errorf("%s is %q, want %q", field, got, p.text(value))
		}
	}
	if step.Text != nil && string(text) != *step.Text {
		return fmt.Errorf("the body is %q, want %q", text, *step.Text)
	}
	if step.SSM != "" {
		return p.differsJSON(step, text)
	}
	return p.differsXML(step, text)
}

func (p *player) differsJSON(step recordedStep, text []byte) error {
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
	var want map[string]any
	if len(step.Out) > 0 {
		if err := json.Unmarshal([]byte(p.text(string(step.Out))), &want); err != nil {
			return err
		}
	}
	return lacks("", got, want)
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

func (p *player) differsXML(step recordedStep, text []byte) error {
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
	got, err := elements(text)
	if err != nil {
		return fmt.Errorf("%.300s is no XML: %w", text, err)
	}
	for path, values := range want {
		found := []string{}
		for _, e := range got {
			if e.path == path || strings.HasSuffix(e.path, ">"+path) {
				found = append(found, e.text)
			}
		}
		if !slices.Equal(found, values) {
			return fmt.Errorf("%s is %q, want %q", path, found, values)
		}
	}
	return nil
}

type element struct{ path, text string }

// elements returns the elements of a document in the order of their ends.
func elements(text []byte) ([]element, error) {
	var all []element
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
			all = append(all, element{strings.Join(path, ">"), texts[n]})
			path, texts = path[:n], texts[:n]
		}
	}
}

// TestRecorded plays the recorded cases on the emulator.
func TestRecorded(t *testing.T) {
	t.Parallel()
	for i, c := range recordedCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			p := &player{client: emulator.New(emulator.Options{SSM: ssmapi.Options{Keys: []string{}}}).Client(), endpoint: "http://127.0.0.1"}
			for step, how := range p.play(t, c, fmt.Sprint("case-", i)) {
				t.Errorf("step %d: %s\nrecorded: %s", step, how, c.Source)
			}
		})
	}
}

// TestRecordedOnMoto plays the same cases on moto, but where it is known to
// answer otherwise than AWS.
func TestRecordedOnMoto(t *testing.T) {
	t.Parallel()
	endpoint := moto.Start(t)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for i, c := range recordedCases(t) {
		p := &player{client: client, endpoint: endpoint}
		different := p.play(t, c, fmt.Sprint("case-", i))
		for step, how := range different {
			if c.Moto[fmt.Sprint(step)] == "" {
				t.Errorf("%s, step %d: moto differs: %s", c.Name, step, how)
			}
		}
		for step, why := range c.Moto {
			if n, err := strconv.Atoi(step); err != nil || n < 1 || n > len(c.Steps) {
				t.Errorf("%s has no step %q", c.Name, step)
			} else if different[n] == "" {
				t.Logf("%s, step %d: moto is right by now, though it was noted: %s", c.Name, n, why)
			}
		}
	}
}
