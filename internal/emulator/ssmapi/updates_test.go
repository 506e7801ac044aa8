package ssmapi_test

import (
	"testing"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// TestTooManyUpdates refuses writes for a number of tries, for a time, and, in
// the other form, creates only.
func TestTooManyUpdates(t *testing.T) {
	t.Parallel()
	s := newStore(t, ssmapi.Options{})
	const put = `{"Name":"/a","Value":"v","Type":"String","Overwrite":true}`
	s.RefuseUpdates("a", ssmapi.TooManyUpdates{Times: 2})
	for range 2 {
		if a := s.must(t, "PutParameter", put, "TooManyUpdates"); a.body["message"] != "" {
			t.Errorf("message %q, want none", a.body["message"])
		}
	}
	s.must(t, "PutParameter", put, `{"Version":1}`)

	s.RefuseUpdates("/a", ssmapi.TooManyUpdates{For: time.Minute})
	s.must(t, "PutParameter", put, "TooManyUpdates")
	s.must(t, "PutParameter", `{"Name":"/b","Value":"v","Type":"String"}`, `{"Version":1}`)
	s.now = s.now.Add(time.Minute)
	s.must(t, "PutParameter", put, `{"Version":2}`)

	s.RefuseUpdates("/a", ssmapi.TooManyUpdates{StaleTags: true})
	s.must(t, "PutParameter", put, `{"Version":3}`)
	s.must(t, "DeleteParameter", `{"Name":"/a"}`, `{}`)
	s.now = s.now.Add(72 * time.Hour)
	for range 2 {
		if a := s.must(t, "PutParameter", put, "TooManyUpdates"); a.body["message"] == "" {
			t.Error("there is no message")
		}
	}
	s.AllowUpdates("/a")
	s.must(t, "PutParameter", put, `{"Version":1}`)
}
