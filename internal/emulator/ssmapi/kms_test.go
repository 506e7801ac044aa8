package ssmapi_test

import (
	"testing"

	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// TestKeys writes with keys that exist and others, and reads with a key that is
// gone.
func TestKeys(t *testing.T) {
	t.Parallel()
	s := newStore(t, ssmapi.Options{Keys: []string{"alias/mine", "arn:aws:kms:us-east-1:123456789012:key/1234"}})
	put := func(name, key string) string {
		return `{"Name":"` + name + `","Value":"hunter2","Type":"SecureString","KeyId":"` + key + `","Overwrite":true}`
	}
	s.must(t, "PutParameter", put("/a", "alias/mine"), `{"Version":1}`)
	s.must(t, "PutParameter", put("/a", "1234"), `{"Version":2}`)
	s.must(t, "PutParameter", put("/a", "alias/other"), "InvalidKeyId")
	s.must(t, "PutParameter", put("/a", "alias/aws/ssm"), `{"Version":3}`)
	s.must(t, "PutParameter", put("/b", "alias/mine"), `{"Version":1}`)

	s.DeleteKey("alias/mine")
	s.must(t, "PutParameter", put("/a", "alias/mine"), "InvalidKeyId")
	s.must(t, "GetParameter", `{"Name":"/b","WithDecryption":true}`, "AccessDeniedException")
	s.must(t, "GetParameters", `{"Names":["/b"],"WithDecryption":true}`, "AccessDeniedException")
	s.must(t, "GetParameterHistory", `{"Name":"/a","WithDecryption":true}`, "AccessDeniedException")
	s.must(t, "GetParameterHistory", `{"Name":"/a"}`, `{"Parameters":[{"KeyId":"alias/mine"},{"KeyId":"1234"},{"KeyId":"alias/aws/ssm"}]}`)
	s.must(t, "GetParameter", `{"Name":"/a","WithDecryption":true}`, `{"Parameter":{"Value":"hunter2"}}`)
	s.EnableKey("alias/mine")
	s.must(t, "GetParameter", `{"Name":"/b","WithDecryption":true}`, `{"Parameter":{"Value":"hunter2"}}`)

	any := newStore(t, ssmapi.Options{})
	any.must(t, "PutParameter", put("/a", "alias/whatever"), `{"Version":1}`)
	none := newStore(t, ssmapi.Options{Keys: []string{}})
	none.must(t, "PutParameter", put("/a", "alias/whatever"), "InvalidKeyId")
}
