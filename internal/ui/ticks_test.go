package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
)

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// chosen returns the address that the form of a tree leads to with ticks.
func (x *site) chosen(tree string, names ...string) string {
	x.Helper()
	_, form, found := strings.Cut(tree, `<form action="/plan" method="get"`)
	form, _, _ = strings.Cut(form, "</form>")
	if !found {
		x.Fatalf("there is no form in\n%s", tree)
	}
	q := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(form, -1) {
		q.Set(m[1], m[2])
	}
	for _, name := range names {
		if !strings.Contains(form, `<input type="checkbox" name="name" value="`+name+`" aria-label="restore `+name+`">`) {
			x.Errorf("%s has no tick in\n%s", name, form)
		}
		q.Add("name", name)
	}
	return "/plan?" + q.Encode()
}

// TestRestoreTicked ticks rows of the tree: the plan, the command that does the same, and the
// restore have just those.
func TestRestoreTicked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		x := over(w, "/app", true)
		tree := x.get(x.link(x.get("/"), "Tree at this moment"))
		plan := x.get(x.chosen(tree, "/app/url", "/app/old"))
		contains(t, plan, "1 to create, 1 to update, 0 to replace, 0 to delete, 0 unchanged, 0 kept", " --recursive --only /app/old --only /app/url --bucket archive")
		for _, not := range []string{"/app/config", "/app/password", "/app/new"} {
			if strings.Contains(plan, not) {
				t.Errorf("%s is in the plan", not)
			}
		}
		exact := x.get(x.link(plan, "Do: also delete parameters created after that time"))
		contains(t, exact, "0 to delete", "--exact --only /app/old --only /app/url --bucket")
		// The ticks of a plan restrict it further.
		three := x.get(x.chosen(tree, "/app/url", "/app/old", "/app/password", "/app/new"))
		contains(t, three, "1 to create, 2 to update", "1 kept")
		result := x.apply(three, url.Values{"name": {"/app/url", "/app/old"}})
		contains(t, result, "restored 2, deleted 0", " --recursive --only /app/old --only /app/url --bucket archive")
		for name, want := range map[string]string{"/app/url": "https://one", "/app/old": "old", "/app/password": secretText + "-2", "/app/new": "new"} {
			if got := x.live(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		contains(t, x.get("/restores"), "--only /app/old --only /app/url")

		// The maximum rate is that of the command.
		paced := options(w, "/app", true)
		paced.MaxRate = 0.5
		contains(t, opened(w, paced).get(x.chosen(tree, "/app/config", "/app/password")), "estimated time: 4s at 0.5 writes per second", " --recursive --max-rate 0.5 --only ")

		// One row is a restore of that parameter.
		one := x.get(x.chosen(tree, "/app/config"))
		contains(t, one, "ssmbak restore /app/config ")
		contains(t, x.apply(one, all(one)), "restored 1")

		if tree := over(w, "/app", false).get("/tree"); strings.Contains(tree, "checkbox") {
			t.Errorf("a page that is read-only has ticks\n%s", tree)
		}
		if compare := x.get("/compare?a=1h&b=now"); strings.Contains(compare, "checkbox") {
			t.Errorf("a comparison has ticks\n%s", compare)
		}
	})
}

// TestTickedAbove ticks a parameter that has others below it: they are not in the plan.
func TestTickedAbove(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		put(w, w.SSM, "/app/url/below", "one", types.ParameterTypeString)
		w.Record()
		put(w, w.SSM, "/app/url/below", "two", types.ParameterTypeString)
		put(w, w.SSM, "/app/url", "https://three", types.ParameterTypeString)
		put(w, w.SSM, "/app/same", "other", types.ParameterTypeString)
		w.Record()
		x := over(w, "/app", true)
		plan := x.get(x.chosen(x.get(x.link(x.get("/"), "Tree at this moment")), "/app/url", "/app/same"))
		contains(t, plan, "--only /app/same --only &#39;/app/ur[l]&#39; --bucket")
		if strings.Contains(plan, "/app/url/below") {
			t.Errorf("what is below is in the plan\n%s", plan)
		}
		// And one that nothing knows of yet.
		put(w, w.SSM, "/app/same/new", "new", types.ParameterTypeString)
		plan = x.get(x.chosen(x.get("/tree"), "/app/url", "/app/same"))
		exact := x.get(x.link(plan, "Do: also delete parameters created after that time"))
		if strings.Contains(exact, "/app/same/new") {
			t.Errorf("what is below is in the plan\n%s", exact)
		}
	})
}

// TestTickedRefused checks that addresses with no, unknown, foreign or too many names give
// one line.
func TestTickedRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := over(newWorld(t), "/app", true)
		none := x.chosen(x.get("/tree"))
		var many strings.Builder
		for i := range mostNames {
			fmt.Fprintf(&many, "&name=/app/%d", i)
		}
		for path, want := range map[string]string{
			none:                                       "no parameter is ticked",
			none + "&name=&name=":                      "no parameter is ticked",
			none + "&name=/app/url&name=/app/none":     "there are no records of /app/none",
			none + "&name=/app/url&name=/other/url":    "/other/url is not below /app",
			none + "&name=/app/url&name=a%20b":         "a b",
			none + "&name=/app/url" + many.String():    "301 parameters are named, and the address of a plan may name 300",
			none + "&name=/app/0" + many.String():      "there are no records of /app/0",
			none + "&name=/app/url&name=/app/old:prod": "it means the version of /app/old with the label prod",
		} {
			answer := x.send(http.MethodGet, path, nil, nil)
			body := answer.Body.String()
			if answer.Code != http.StatusBadRequest && answer.Code != http.StatusNotFound || !strings.Contains(body, want) || strings.Count(body, `role="alert"`) != 1 {
				t.Errorf("GET %.80s: %d, want %q in\n%s", path, answer.Code, want, body)
			}
		}
		// The same parameter named twice is one.
		contains(t, x.get(none+"&name=/app/url&name=/app/url"), "ssmbak restore /app/url ")
	})
}

// TestPlanTarget checks that a plan is for no more than what the named parameters have in
// common, so that the command that does the same reads no more.
func TestPlanTarget(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		path  string
		names []ssmbak.Name
		want  string
	}{
		{"/app", nil, "/app"},
		{"/", []ssmbak.Name{"/app/db/url"}, "/app/db/url"},
		{"/", []ssmbak.Name{"/app/db/name", "/app/db/url"}, "/app/db/"},
		{"/", []ssmbak.Name{"/app/db", "/app/db/url"}, "/app/"},
		{"/", []ssmbak.Name{"/app/db-1/url", "/app/db-2/url", "/app/db/url"}, "/app/"},
		{"/", []ssmbak.Name{"/app/url", "/web/url"}, "/"},
		{"/app", []ssmbak.Name{"/app/a", "/app/b"}, "/app"},
		{"/app", []ssmbak.Name{"/app/x/a", "/app/x/b/c"}, "/app/x/"},
	} {
		own, err := ssmbak.ParseTarget(test.path, true)
		if err != nil {
			t.Fatal(err)
		}
		s := &Server{o: Options{Target: own}}
		got, err := s.planTarget(test.names)
		if err != nil || got.String() != test.want || len(test.names) != 1 && !got.Recursive() {
			t.Errorf("%v of %s: got %s, %v, want %s", test.names, test.path, got, err, test.want)
		}
	}
}

// TestRestrict checks that the patterns of a plan match the names and nothing below them.
func TestRestrict(t *testing.T) {
	t.Parallel()
	var p planned
	p.restrict([]ssmbak.Name{"/a", "/a/b", "/c"}, []ssmbak.Name{"/a", "/a-b", "/a/b", "/a0/b"})
	if got, want := p.flags(), " --only '/[a]' --only /a/b --only /c"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for name, want := range map[ssmbak.Name]bool{"/a": true, "/a/b": true, "/c": true, "/a/c": false, "/a/b/c": false, "/c/a": false, "/d/c": false} {
		if got := p.options.Includes(name); got != want {
			t.Errorf("%s: got %t, want %t", name, got, want)
		}
	}
}
