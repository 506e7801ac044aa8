package ssmapi_test

import (
	"testing"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// TestOmitted overwrites without saying anything of description, pattern, data
// type and key.
func TestOmitted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options ssmapi.Options
		key     string
	}{
		"the key falls back": {ssmapi.Options{}, "alias/aws/ssm"},
		"the key is kept":    {ssmapi.Options{OmittedKeyKept: true}, "alias/mine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, test.options)
			s.must(t, "PutParameter", `{"Name":"/a","Value":"1","Type":"SecureString","KeyId":"alias/mine","Description":"d","AllowedPattern":"^\\d$","DataType":"integer"}`, `{}`)
			s.must(t, "PutParameter", `{"Name":"/a","Value":"x","Overwrite":true}`, "ValidationException|ParameterPatternMismatchException")
			s.must(t, "PutParameter", `{"Name":"/a","Value":"2","Overwrite":true}`, `{"Version":2}`)
			s.must(t, "PutParameter", `{"Name":"/a","Value":"3","Overwrite":true,"Description":"","AllowedPattern":""}`, `{"Version":3}`)
			s.must(t, "GetParameterHistory", `{"Name":"/a"}`, `{"Parameters":[
				{"Version":1,"Description":"d","AllowedPattern":"^\\d$","DataType":"integer","KeyId":"alias/mine"},
				{"Version":2,"Description":"d","AllowedPattern":"^\\d$","DataType":"integer","KeyId":"`+test.key+`"},
				{"Version":3,"DataType":"integer"}]}`)
			a := s.must(t, "DescribeParameters", `{}`, `{"Parameters":[{"Version":3}]}`)
			if p := a.body["Parameters"].([]any)[0].(map[string]any); p["Description"] != nil || p["AllowedPattern"] != nil {
				t.Errorf("not cleared: %v", p)
			}
		})
	}
}

// TestStepBack makes a version older than the one before it.
func TestStepBack(t *testing.T) {
	t.Parallel()
	s := newStore(t, ssmapi.Options{StepBack: func(_ string, version int64) time.Duration {
		if version == 2 {
			return time.Millisecond
		}
		return 0
	}})
	for range 3 {
		s.must(t, "PutParameter", `{"Name":"/a","Value":"v","Type":"String","Overwrite":true}`, `{}`)
		s.now = s.now.Add(time.Second)
	}
	s.must(t, "GetParameterHistory", `{"Name":"/a"}`, `{"Parameters":[{"LastModifiedDate":1495471428.123},{"LastModifiedDate":1495471428.122},{"LastModifiedDate":1495471430.123}]}`)
	if changes := s.Truth("/a"); len(changes) != 3 || !changes[1].Time.Equal(changes[0].Time.Add(time.Second)) {
		t.Errorf("changes %+v, want their true times", changes)
	}
}
