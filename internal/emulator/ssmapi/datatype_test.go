package ssmapi_test

import (
	"fmt"
	"testing"

	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// TestDataTypeChanges changes every data type into every other, in place.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-data-types.html
func TestDataTypeChanges(t *testing.T) {
	t.Parallel()
	values := map[string]string{"text": "12", "integer": "12", "float": "1.5e3", "aws:ec2:image": "ami-12345678", "aws:ssm:integration": "12", "boolean": "yes"}
	s := newStore(t, ssmapi.Options{DataTypes: []string{"boolean"}})
	i := 0
	for from, value := range values {
		for to, next := range values {
			i++
			name := fmt.Sprintf("/%d", i)
			s.must(t, "PutParameter", fmt.Sprintf(`{"Name":%q,"Value":%q,"Type":"String","DataType":%q}`, name, value, from), `{"Version":1}`)
			want, kept := `{"Version":2}`, to
			if from != to && (len(from) > 8 || len(to) > 8) { // the two with aws: in front
				want, kept = "ValidationException", from
			}
			s.must(t, "PutParameter", fmt.Sprintf(`{"Name":%q,"Value":%q,"DataType":%q,"Overwrite":true}`, name, next, to), want)
			s.must(t, "GetParameter", fmt.Sprintf(`{"Name":%q}`, name), fmt.Sprintf(`{"Parameter":{"DataType":%q}}`, kept))
			// A request without it leaves it unchanged.
			s.must(t, "PutParameter", fmt.Sprintf(`{"Name":%q,"Value":%q,"Overwrite":true}`, name, values[kept]), `{}`)
			s.must(t, "GetParameter", fmt.Sprintf(`{"Name":%q}`, name), fmt.Sprintf(`{"Parameter":{"DataType":%q}}`, kept))
		}
	}
}

// TestDataTypeValues writes values that do not conform.
func TestDataTypeValues(t *testing.T) {
	t.Parallel()
	s := newStore(t, ssmapi.Options{})
	for i, test := range []struct {
		dataType, typ, value string
		valid                bool
	}{
		{"integer", "String", "-12", true},
		{"integer", "String", "1.5", false},
		{"integer", "SecureString", "twelve", false},
		{"integer", "StringList", "1,2", true},
		{"integer", "StringList", "1,b", false},
		{"float", "String", "1.5", true},
		{"float", "String", "one", false},
		{"text", "String", "one", true},
		{"Integer", "String", "1", false},
		{"color", "String", "blue", false},
	} {
		want := `{"Version":1}`
		if !test.valid {
			want = "ValidationException"
		}
		s.must(t, "PutParameter", fmt.Sprintf(`{"Name":"/%d","Value":%q,"Type":%q,"DataType":%q}`, i, test.value, test.typ, test.dataType), want)
	}
}

// TestImageWithoutPermission answers with a version and stores nothing.
// https://github.com/boto/boto3/issues/3588
func TestImageWithoutPermission(t *testing.T) {
	t.Parallel()
	s := newStore(t, ssmapi.Options{})
	s.DenyDescribeImages(true)
	const put = `{"Name":"/ami","Value":"ami-12345678","Type":"String","DataType":"aws:ec2:image","Overwrite":true}`
	for range 2 {
		s.must(t, "PutParameter", put, `{"Version":1}`)
		s.must(t, "GetParameter", `{"Name":"/ami"}`, "ParameterNotFound")
	}
	if len(s.events) != 2 || s.events[0].Detail["exception"] == nil {
		t.Errorf("events %+v", s.events)
	}
	s.must(t, "PutParameter", `{"Name":"/text","Value":"ami-12345678","Type":"String"}`, `{"Version":1}`)
	s.must(t, "GetParameter", `{"Name":"/text"}`, `{"Parameter":{"Version":1}}`)
	s.DenyDescribeImages(false)
	s.must(t, "PutParameter", put, `{"Version":1}`)
	s.must(t, "GetParameter", `{"Name":"/ami"}`, `{"Parameter":{"Version":1}}`)
}
