// Package recorded plays requests whose responses were recorded on AWS: the tables in
// internal/emulator/testdata/recorded, and what internal/acceptance adds to them.
package recorded

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Case is a series of requests and what AWS answers to each. In all texts, {p} stands for
// a name that no other case has, {now}, {tomorrow} and {yesterday} for times as in HTTP's
// headers, and {soon} and {passed} for times as in policies.
type Case struct {
	Name   string
	Source string // who recorded it, where
	// Bucket is the versioning of the bucket that the case begins with: Enabled,
	// Suspended (after Enabled) or None; "" for a case without one. {bucket} is
	// its name, and {p} a name that no other case has.
	Bucket string `json:",omitempty"`
	Steps  []Step
	// Moto says of the steps that moto answers otherwise, by their numbers from 1,
	// how.
	Moto map[string]string `json:",omitempty"`
	// Events are members of the events that the steps caused, in any order. There may be
	// others.
	Events []json.RawMessage `json:",omitempty"`
}

// Step is one request: of S3 a method and a path below the bucket, of
// Parameter Store an operation.
type Step struct {
	S3     string            `json:",omitempty"`
	Header map[string]string `json:",omitempty"`
	Body   string            `json:",omitempty"`

	SSM string          `json:",omitempty"`
	In  json.RawMessage `json:",omitempty"`

	Status int `json:",omitempty"` // 200 if zero
	// Code is the error's, and Message a part of its text; NoMessage says that it
	// has none.
	Code, Message string `json:",omitempty"`
	NoMessage     bool   `json:",omitempty"`
	// Has are header fields that the answer has: a value, "*" for any, "" for
	// none. Lacks are those that it has not.
	Has map[string]string `json:",omitempty"`
	// XML are the texts of elements, in their order, by the last parts of their
	// path: "Version>Key".
	XML map[string][]string `json:",omitempty"`
	// Text is the unmodified body.
	Text *string `json:",omitempty"`
	// Out is JSON whose members must all be in the response.
	Out json.RawMessage `json:",omitempty"`
	// Keep keeps header fields of the answer, by the names under which later
	// steps have them: {v1}.
	Keep map[string]string `json:",omitempty"`
}

// Read returns the cases of all files in a directory, each of which is a list of them.
func Read(dir string) ([]Case, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	var all []Case
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		cases, err := Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, cases...)
	}
	return all, nil
}

// Parse returns the cases of a list.
func Parse(text []byte) ([]Case, error) {
	var cases []Case
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&cases); err != nil {
		return nil, err
	}
	for _, c := range cases {
		if c.Name == "" || c.Source == "" || len(c.Steps) == 0 {
			return nil, fmt.Errorf("the case %q has no name, source or steps", c.Name)
		}
	}
	return cases, nil
}
