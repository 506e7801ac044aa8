package paramstore_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/paramstore"
)

// versions creates n versions of /p and returns the store.
func versions(t *testing.T, n int) (*ssmapi.Store, *paramstore.Store) {
	t.Helper()
	emulated, s := open(t, ssmapi.Options{HistoryPage: 2})
	for i := range n {
		put(t, s, paramstore.Write{Name: "/p", Value: ssmbak.NewValue(fmt.Sprint(i)), Overwrite: i > 0})
	}
	return emulated, s
}

func labels(t *testing.T, s *paramstore.Store) map[string]int64 {
	t.Helper()
	h, err := s.History(t.Context(), "/p")
	if err != nil {
		t.Fatal(err)
	}
	return h.Labels()
}

func TestLabels(t *testing.T) {
	t.Parallel()
	_, s := versions(t, 5)
	if got := labels(t, s); got == nil || len(got) != 0 {
		t.Errorf("without any: %v, want an empty map", got)
	}
	for _, test := range []struct {
		name   string
		number int64
		on     bool
		labels []string
		want   map[string]int64
	}{
		{"two", 1, true, []string{"blue", "green"}, map[string]int64{"blue": 1, "green": 1}},
		{"one moves", 5, true, []string{"blue"}, map[string]int64{"blue": 5, "green": 1}},
		{"one is there already", 5, true, []string{"blue", "red"}, map[string]int64{"blue": 5, "green": 1, "red": 5}},
		{"one is taken away", 5, false, []string{"blue"}, map[string]int64{"green": 1, "red": 5}},
		{"one that is elsewhere stays there", 5, false, []string{"green", "red"}, map[string]int64{"green": 1}},
		{"one that is nowhere", 5, false, []string{"blue"}, map[string]int64{"green": 1}},
		{"none", 5, true, nil, map[string]int64{"green": 1}},
		{"no label removed", 5, false, nil, map[string]int64{"green": 1}},
	} {
		do := s.Unlabel
		if test.on {
			do = s.Label
		}
		if err := do(t.Context(), "/p", test.number, test.labels); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if got := labels(t, s); !maps.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

func TestLabelErrors(t *testing.T) {
	t.Parallel()
	_, s := versions(t, 2)
	var refused *paramstore.RefusedError
	for _, label := range []string{"aws-x", "ssm", "1st", "a b"} {
		if err := s.Label(t.Context(), "/p", 1, []string{"good", label}); !errors.As(err, &refused) || refused.Code != "InvalidLabels" || refused.Reason != label || refused.Name != "/p" {
			t.Errorf("label %q: %v, want a RefusedError that names it", label, err)
		}
	}
	var many []string
	for i := range 10 {
		many = append(many, fmt.Sprint("l", i))
	}
	if err := s.Label(t.Context(), "/p", 1, many); !errors.As(err, &refused) || refused.Code != "ParameterVersionLabelLimitExceeded" {
		t.Errorf("an eleventh label: %v, want a RefusedError", err)
	}
	for name, err := range map[string]error{
		"label a version that is not there":           s.Label(t.Context(), "/p", 7, []string{"x"}),
		"label a parameter that is not there":         s.Label(t.Context(), "/q", 1, []string{"x"}),
		"take from a version that is not there":       s.Unlabel(t.Context(), "/p", 7, []string{"x"}),
		"take from a parameter that is not there":     s.Unlabel(t.Context(), "/q", 1, []string{"x"}),
		"unlabel a parameter that does not exist":     s.Unlabel(t.Context(), "/q", 1, append(many, "x")),
		"label a version that is not there, with ten": s.Label(t.Context(), "/p", 7, many),
	} {
		if !errors.Is(err, paramstore.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", name, err)
		}
	}
}

// TestLabelPages removes more labels from a version than one request can.
func TestLabelPages(t *testing.T) {
	t.Parallel()
	var sizes []int
	counting := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Labels []string }
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &in)
		sizes = append(sizes, len(in.Labels))
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		fmt.Fprint(w, `{"InvalidLabels":[],"RemovedLabels":[],"ParameterVersion":1}`)
	})
	s := over(t, counting)
	many := strings.Fields(strings.Repeat("x ", 23))
	for _, do := range []func() error{
		func() error { return s.Label(t.Context(), "/p", 1, many) }, func() error { return s.Unlabel(t.Context(), "/p", 1, many) },
	} {
		sizes = nil
		if err := do(); err != nil || fmt.Sprint(sizes) != "[10 10 3]" {
			t.Errorf("requests of %v labels, %v", sizes, err)
		}
	}
}

// TestLabelPassing distinguishes transient errors from rejected labels.
func TestLabelPassing(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{"ThrottlingException": false, "AccessDeniedException": false, "TooManyUpdates": false, "ValidationException": true} {
		s := over(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { ssmapi.WriteError(w, http.StatusBadRequest, code, "no") }))
		for _, err := range []error{s.Label(t.Context(), "/p", 1, []string{"x"}), s.Unlabel(t.Context(), "/p", 1, []string{"x"})} {
			var refused *paramstore.RefusedError
			if err == nil || !strings.Contains(err.Error(), "version 1 of /p") || errors.As(err, &refused) != want {
				t.Errorf("%s: %v", code, err)
			}
		}
	}
	s := over(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		ssmapi.WriteError(w, http.StatusBadRequest, "ExpiredTokenException", "no")
	}))
	if err := s.Label(t.Context(), "/p", 1, []string{"x"}); !errors.Is(err, paramstore.ErrCredentials) {
		t.Errorf("expired credentials: %v, want ErrCredentials", err)
	}
	if err := s.Unlabel(t.Context(), "/p", 1, []string{"x"}); !errors.Is(err, paramstore.ErrCredentials) {
		t.Errorf("expired credentials: %v, want ErrCredentials", err)
	}
}
