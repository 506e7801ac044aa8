package plan

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzParseFile checks that a plan file that is read can be written and read again as it
// was, and that all errors are of one type.
func FuzzParseFile(f *testing.F) {
	f.Add([]byte(`{"format":1,"kind":"ssmbak restore plan","account":"123456789012","region":"us-east-1","bucket":"b","created":"2024-06-13T20:10:54.123Z",` +
		`"at":"2024-06-13T20:05:00.000Z","until":"2024-06-13T20:06:00.000Z","target":"/app/","recursive":true,"options":{"only":["db"],"replace":true},` +
		`"items":[{"name":"/app/db","action":"update","attributes":["value","tag a","label b"],` +
		`"before":{"source":"/app/db","version":{"number":2,"time":"2024-06-13T20:05:30.000Z","type":"String","objects":[{"id":"o"}]},"tags":{"a":"1"},"labels":{"b":2}},` +
		`"after":{"source":"/app/db","version":{"number":3,"type":"String"},"recorded":{"number":1,"time":"2024-06-13T20:01:00.000Z"},"from":[{"id":"p"}],"tags":null,"labels":null},` +
		`"conflicts":[{"unit":"tag a","reason":"it changed since"}]}],"unchanged":1}`))
	file, _ := planned(nil)
	text, err := json.Marshal(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := ParseFile(text)
		if err != nil {
			if _, ok := errors.AsType[*FileError](err); !ok {
				t.Errorf("an error of another type: %v", err)
			}
			return
		}
		again, err := json.Marshal(file)
		if err != nil {
			return // a time that no JSON can hold
		}
		second, err := ParseFile(again)
		if err != nil {
			t.Fatalf("written and not read again: %v\n%s", err, again)
		}
		if diff := cmp.Diff(file, second, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-first +again):\n%s", diff)
		}
		_, _ = file.Select(nil)
	})
}

// FuzzUnexpired checks that removing expired policies twice removes no more than once, and
// that the result is as good JSON as the input.
func FuzzUnexpired(f *testing.F) {
	f.Add(`[{"Type":"Expiration","Attributes":{"Timestamp":"2020-01-01T00:00:00Z"}},{"Type":"NoChangeNotification"}]`)
	f.Add(`[{"Type":"Expiration","Attributes":{"Timestamp":"2090-01-01T00:00:00+10:30:00"}}]`)
	f.Fuzz(func(t *testing.T, policies string) {
		left, _ := Unexpired(policies, later)
		if left != "" && json.Valid([]byte(policies)) && !json.Valid([]byte(left)) {
			t.Errorf("%q becomes %q", policies, left)
		}
		if again, notice := Unexpired(left, later); again != left || notice != "" {
			t.Errorf("%q becomes %q, and then %q: %s", policies, left, again, notice)
		}
		if !SamePolicies(policies, policies) {
			t.Errorf("%q is not the same as itself", policies)
		}
	})
}
