package paramstore_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/paramstore"
)

func TestDelete(t *testing.T) {
	t.Parallel()
	emulated := ssmapi.New(ssmapi.Options{})
	requests := 0
	s := over(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ssmapi.Operation(r) == "DeleteParameters" {
			requests++
		}
		emulated.ServeHTTP(w, r)
	}))
	var names []ssmbak.Name
	for i := range paramstore.DeletePage {
		names = append(names, ssmbak.Name(fmt.Sprint("/a/", i)))
		if i%2 == 0 { // the others do not exist
			put(t, s, paramstore.Write{Name: names[i], Value: ssmbak.NewValue("v")})
		}
	}
	put(t, s, paramstore.Write{Name: "/a/kept", Value: ssmbak.NewValue("v")})
	put(t, s, paramstore.Write{Name: "/top", Value: ssmbak.NewValue("v")})
	if err := s.Delete(t.Context(), names...); err != nil || requests != 1 {
		t.Errorf("%d requests, %v", requests, err)
	}
	left, err := s.DescribeNamed(t.Context(), append(names, "/a/kept", "/top"))
	if err != nil || len(left) != 2 {
		t.Errorf("%v are left, %v", left, err)
	}
	if err := s.Delete(t.Context(), "/top"); err != nil {
		t.Errorf("a name of one level: %v", err)
	}
	if _, err := s.DescribeOne(t.Context(), "/top"); !errors.Is(err, paramstore.ErrNotFound) {
		t.Errorf("a name of one level is still there: %v", err)
	}
}

func TestDeleteErrors(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]error{"ExpiredTokenException": paramstore.ErrCredentials, "AccessDeniedException": nil, "ThrottlingException": nil} {
		s := over(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { ssmapi.WriteError(w, http.StatusBadRequest, code, "no") }))
		err := s.Delete(t.Context(), "/a", "/b")
		if err == nil || want != nil && !errors.Is(err, want) || !strings.Contains(err.Error(), "delete /a: ") || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v", code, err)
		}
	}
}
