package ssmapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// TestNameFilter finds a name of a single level by both of its forms.
// https://github.com/hashicorp/terraform-provider-aws/pull/49339
func TestNameFilter(t *testing.T) {
	t.Parallel()
	s := newStore(t, ssmapi.Options{})
	for _, name := range []string{"foo", "/foo/bar", "foobar", "/food/x"} {
		s.must(t, "PutParameter", fmt.Sprintf(`{"Name":%q,"Value":"v","Type":"String"}`, name), `{}`)
	}
	for _, test := range []struct{ option, value, want string }{
		{"Equals", "foo", "foo"},
		{"Equals", "/foo", "foo"},
		{"Equals", "/foo/bar", "/foo/bar"},
		{"Equals", "/foo/", ""},
		{"Equals", "fo", ""},
		{"BeginsWith", "/foo", "foo /foo/bar foobar /food/x"},
		{"BeginsWith", "foo", "foo foobar"},
		{"BeginsWith", "/foo/", "/foo/bar"},
		{"BeginsWith", "/foob", "foobar"},
	} {
		want := []string{}
		for name := range strings.FieldsSeq(test.want) {
			want = append(want, fmt.Sprintf(`{"Name":%q}`, name))
		}
		s.must(t, "DescribeParameters", fmt.Sprintf(`{"ParameterFilters":[{"Key":"Name","Option":%q,"Values":[%q]}]}`, test.option, test.value), `{"Parameters":[`+strings.Join(want, ",")+`]}`)
	}
}
