package paramstore_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/paramstore"
)

// direct serves requests without a socket.
type direct struct{ handler http.Handler }

func (d direct) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// open returns an emulated Parameter Store and a Store connected to it.
func open(t *testing.T, o ssmapi.Options) (*ssmapi.Store, *paramstore.Store) {
	t.Helper()
	emulated := ssmapi.New(o)
	return emulated, over(t, emulated)
}

func over(t *testing.T, handler http.Handler) *paramstore.Store {
	t.Helper()
	conn, err := awsconn.Load(t.Context(), awsconn.Options{
		Anonymous: true, Region: "us-east-1", EndpointURL: "http://127.0.0.1:4566", HTTPClient: direct{handler}, MaxAttempts: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return paramstore.New(conn.SSM(), paramstore.Options{})
}

// put writes a parameter and fails the test if that fails.
func put(t *testing.T, s *paramstore.Store, w paramstore.Write) int64 {
	t.Helper()
	if w.Type == "" {
		w.Type = ssmbak.TypeString
	}
	written, err := s.Put(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return written.Number
}

func TestHistory(t *testing.T) {
	t.Parallel()
	emulated, s := open(t, ssmapi.Options{HistoryPage: 2})
	want := []string{" one\n", "two", "three é", "four", "five"}
	for i, v := range want {
		put(t, s, paramstore.Write{Name: "/app/db", Value: ssmbak.NewValue(v), Overwrite: i > 0, Attributes: ssmbak.Attributes{Description: fmt.Sprint("d", i)}})
	}
	h, err := s.History(t.Context(), "/app/db")
	if err != nil {
		t.Fatal(err)
	}
	truth := emulated.Truth("/app/db")
	for i, v := range h.Versions {
		if v.Number != int64(i+1) || !v.Value.IsKnown() || v.Value.V.Reveal() != want[i] || v.Description != fmt.Sprint("d", i) || v.Page != i/2 {
			t.Errorf("version %d is %+v with the value %q on page %d", i+1, v.Version, v.Value.V.Reveal(), v.Page)
		}
		if got, want := v.Time, ssmbak.TimeOf(truth[i].Time); got != want {
			t.Errorf("version %d has the time %v, want %v to the millisecond", i+1, got, want)
		}
		if v.User == "" || v.Tier != "Standard" || v.DataType != "text" || v.Type != ssmbak.TypeString {
			t.Errorf("version %d without some attributes: %+v", i+1, v.Version)
		}
	}
	if len(h.Versions) != 5 || h.Pages < 3 || h.Read.Began == 0 || h.Read.Ended < h.Read.Began {
		t.Errorf("%d versions on %d pages, read in %+v", len(h.Versions), h.Pages, h.Read)
	}
}

func TestHistoryOfNothing(t *testing.T) {
	t.Parallel()
	_, s := open(t, ssmapi.Options{})
	h, err := s.History(t.Context(), "/no/such")
	if !errors.Is(err, paramstore.ErrNotFound) {
		t.Fatalf("error %v, want ErrNotFound", err)
	}
	if h.Read.Ended == 0 {
		t.Error("History of a missing parameter did not set Read")
	}
	if _, err := s.Tags(t.Context(), "/no/such"); !errors.Is(err, paramstore.ErrNotFound) {
		t.Errorf("tags: error %v, want ErrNotFound", err)
	}
	if _, err := s.DescribeOne(t.Context(), "/no/such"); !errors.Is(err, paramstore.ErrNotFound) {
		t.Errorf("description: error %v, want ErrNotFound", err)
	}
	if err := s.Delete(t.Context(), "/no/such"); err != nil {
		t.Errorf("delete a missing parameter: %v", err)
	}
}

// TestHistoryOfTwoLives answers the second page from another life than the
// first, as Parameter Store does if the parameter is recreated in between.
func TestHistoryOfTwoLives(t *testing.T) {
	t.Parallel()
	pages := 0
	mixed := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		pages++
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		switch pages {
		case 1:
			fmt.Fprint(w, `{"NextToken":"more","Parameters":[{"Name":"/a","Version":1,"LastModifiedDate":20.5,"Type":"String","Value":"x"}]}`)
		case 2: // older than version 1: of a life before
			fmt.Fprint(w, `{"Parameters":[{"Name":"/a","Version":2,"LastModifiedDate":10.5,"Type":"String","Value":"y"}]}`)
		default:
			fmt.Fprint(w, `{"Parameters":[{"Name":"/a","Version":1,"LastModifiedDate":20.5,"Type":"String","Value":"x"}]}`)
		}
	})
	h, err := over(t, mixed).History(t.Context(), "/a")
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Versions) != 1 || pages != 3 {
		t.Errorf("%d versions after %d pages, want 1 after 3: the first two were of two lives", len(h.Versions), pages)
	}
}

// TestHistoryStepsBack reads a history whose times do not grow with its numbers,
// on one page and on several.
func TestHistoryStepsBack(t *testing.T) {
	t.Parallel()
	for _, page := range []int{1, 2, 50} {
		_, s := open(t, ssmapi.Options{HistoryPage: page, StepBack: func(_ string, version int64) time.Duration {
			return time.Duration(version%2) * time.Millisecond
		}})
		for i := range 5 {
			put(t, s, paramstore.Write{Name: "/app/db", Value: ssmbak.NewValue(fmt.Sprint(i)), Overwrite: i > 0})
		}
		h, err := s.History(t.Context(), "/app/db")
		if err != nil {
			t.Errorf("in pages of %d: %v", page, err)
			continue
		}
		for i, v := range h.Versions {
			if v.Number != int64(i+1) {
				t.Errorf("version %d at index %d", v.Number, i)
			}
		}
		if h.Versions[2].Time >= h.Versions[1].Time {
			t.Errorf("version 3 has the time %v, which does not step back from %v", h.Versions[2].Time, h.Versions[1].Time)
		}
	}
}

func TestSecret(t *testing.T) {
	t.Parallel()
	emulated, s := open(t, ssmapi.Options{})
	key := "arn:aws:kms:us-east-1:123456789012:key/1111"
	put(t, s, paramstore.Write{Name: "/s", Value: ssmbak.NewValue("hunter2"), Attributes: ssmbak.Attributes{Type: ssmbak.TypeSecureString, KeyID: key}})
	h, err := s.History(t.Context(), "/s")
	if err != nil {
		t.Fatal(err)
	}
	if v := h.Newest(); v.Value.IsKnown() || v.KeyID != key {
		t.Errorf("a history must not hold a secret's value, and must name its key: %+v", v)
	}
	got, err := s.Secret(t.Context(), "/s", 1)
	if err != nil {
		t.Fatal(err)
	}
	if got.Value.Reveal() != "hunter2" || got.Number != 1 || got.Time != h.Newest().Time {
		t.Errorf("version %d of %v with %q, want the history's", got.Number, got.Time, got.Value.Reveal())
	}
	if _, err := s.Secret(t.Context(), "/s", 7); !errors.Is(err, paramstore.ErrNotFound) {
		t.Errorf("a version that is not there: %v, want ErrNotFound", err)
	}
	emulated.DisableKey(key)
	var unreadable *paramstore.UnreadableError
	if _, err := s.Secret(t.Context(), "/s", 1); !errors.As(err, &unreadable) || unreadable.Number != 1 {
		t.Errorf("a disabled key: %v, want an UnreadableError", err)
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	_, s := open(t, ssmapi.Options{DescribePage: 2, EmptyPages: true})
	for _, name := range []ssmbak.Name{"/app/a", "/app/b", "/app/deep/c", "/app2/d", "/top", "/app"} {
		put(t, s, paramstore.Write{Name: name, Value: ssmbak.NewValue("v")})
	}
	tests := []struct {
		target    string
		recursive bool
		want      []ssmbak.Name
	}{
		{"/", true, []ssmbak.Name{"/app", "/app/a", "/app/b", "/app/deep/c", "/app2/d", "/top"}},
		{"/", false, []ssmbak.Name{"/app", "/top"}},
		{"/app", true, []ssmbak.Name{"/app/a", "/app/b", "/app/deep/c"}},
		{"/app/", false, []ssmbak.Name{"/app/a", "/app/b"}},
		{"/none", true, nil},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.target, test.recursive), func(t *testing.T) {
			t.Parallel()
			target, err := ssmbak.ParseTarget(test.target, test.recursive)
			if err != nil {
				t.Fatal(err)
			}
			var got []ssmbak.Name
			for d, err := range s.Describe(t.Context(), target) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, d.Name)
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, name := range []ssmbak.Name{"/top", "/app", "/app/deep/c"} {
		if d, err := s.DescribeOne(t.Context(), name); err != nil || d.Name != name || d.Version.Number != 1 {
			t.Errorf("describe %s: %+v, %v", name, d, err)
		}
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	emulated, s := open(t, ssmapi.Options{})
	policies := `[{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"20","Unit":"Days"}}]`
	put(t, s, paramstore.Write{Name: "/app/x", Value: ssmbak.NewValue("abc"), Tags: map[string]string{"b": "2", "a": "1"}, Attributes: ssmbak.Attributes{Description: "first", AllowedPattern: "^[a-z]+$", Tier: "Advanced", Policies: policies}})
	if n := put(t, s, paramstore.Write{Name: "/app/x", Value: ssmbak.NewValue("NOW ANYTHING"), Overwrite: true, ClearPolicies: true, Attributes: ssmbak.Attributes{Tier: "Advanced"}}); n != 2 {
		t.Errorf("the overwrite made version %d, want 2", n)
	}
	truth := emulated.Truth("/app/x")
	if first := truth[0]; first.Policies != policies || first.Description != "first" || first.Tags["a"] != "1" || first.Tags["b"] != "2" {
		t.Errorf("created as %+v", first)
	}
	if last := truth[len(truth)-1]; last.Description != "" || last.AllowedPattern != "" || last.Policies != "" {
		t.Errorf("empty attributes were not sent: %+v", last)
	}
	if err := s.RemoveTags(t.Context(), "/app/x", []string{"a"}); err != nil {
		t.Fatal(err)
	}
	if err := s.AddTags(t.Context(), "/app/x", map[string]string{"c": "3"}); err != nil {
		t.Fatal(err)
	}
	tags, err := s.Tags(t.Context(), "/app/x")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"b": "2", "c": "3"}, tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if _, err := s.Put(t.Context(), paramstore.Write{Name: "/app/x", Value: ssmbak.NewValue("v"), Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}}); !errors.Is(err, paramstore.ErrExists) {
		t.Errorf("create of an existing parameter: got %v, want ErrExists", err)
	}
}

// TestRefusedWithoutValue checks that no error contains a value, whatever
// AWS quotes.
func TestRefusedWithoutValue(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-{{x}}"
	messages := []string{
		"1 validation error detected: Value '" + secret + "' at 'value' failed to satisfy constraint: Member must have length less than or equal to 3",
		"Parameter value " + secret + " is no good",
	}
	for _, message := range messages {
		for _, code := range []string{"ValidationException", "AccessDeniedException", "ThrottlingException"} {
			refusing := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				ssmapi.WriteError(w, http.StatusBadRequest, code, message)
			})
			_, err := over(t, refusing).Put(t.Context(), paramstore.Write{Name: "/a", Value: ssmbak.NewValue(secret), Attributes: ssmbak.Attributes{Type: ssmbak.TypeSecureString}})
			if err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, err), "hunter2") {
				t.Errorf("%s: got error %q, want an error without the value", code, err)
			}
			var refused *paramstore.RefusedError
			if !errors.As(err, &refused) || refused.Code != code {
				t.Errorf("%s: error %v, want a RefusedError", code, err)
			}
		}
	}
}

// TestEveryAttribute writes a version in which every attribute is set, and checks that
// both operations that read versions return each.
func TestEveryAttribute(t *testing.T) {
	t.Parallel()
	_, s := open(t, ssmapi.Options{})
	valid := map[string]string{ // of attributes that accept only some texts, by field
		"Type": "SecureString", "KeyID": "alias/app", "Tier": "Advanced", "DataType": "text", "AllowedPattern": "^.*$",
		"Policies": `[{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"20","Unit":"Days"}}]`,
	}
	w := paramstore.Write{Name: "/app/x", Value: ssmbak.NewValue("v")}
	fields := reflect.ValueOf(&w.Attributes).Elem()
	for i := range fields.NumField() {
		field := fields.Type().Field(i).Name
		text, ok := valid[field]
		if !ok {
			text = "of " + field
		}
		fields.Field(i).SetString(text)
	}
	put(t, s, w)
	h, err := s.History(t.Context(), w.Name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w.Attributes, h.Newest().Attributes); diff != "" {
		t.Errorf("History (-written +read):\n%s", diff)
	}
	d, err := s.DescribeOne(t.Context(), w.Name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w.Attributes, d.Version.Attributes); diff != "" {
		t.Errorf("DescribeOne (-written +read):\n%s", diff)
	}
}
