package ui

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/changeset"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
	"github.com/ssmbak/ssmbak/timeline"
)

// TestSee checks what the screens show of a bad deployment.
func TestSee(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := over(newWorld(t), "/app", false)
		first := x.get("/")
		contains(t, first, "read-only", "created 6", "updated 3", "deleted 1", "Cursor is right before it", "ssmbak log /app --recursive --sets --since ",
			"before recording began at ", "unknown from ", ": /app/old</td>")
		tree := x.get(x.link(first, "Tree at this moment"))
		contains(t, tree, "removed 1", "changed 3", "added 1", "same 1", "unknown 0", "a restore keeps it, unless it is exact", "~ b.c: 2 -&gt; 3", "value: differs",
			"deleted by arn:aws:iam::123456789012:user/deploy", "ssmbak diff /app ", `<small class="doubt">(last known)</small>`)
		// A comparison says what it does not show.
		contains(t, x.get("/compare?a=1h&b=now&text=url"), `name="text" value="url"`, `<input type="hidden" name="a" value="`)
		// Before recording began, the state is unknown, and that of now is not.
		contains(t, x.get("/tree?at=1h&text=same"), "unknown 1", "nothing was recorded yet", "<em>unknown</em>", `<code class="value">same</code> <small>String, version 1`)
		if strings.Contains(tree, ">Tree at this moment</a>") {
			t.Error("the tree leads to itself")
		}
		contains(t, x.get("/tree?text=url&by=deploy"), " | grep -iF url", "ssmbak log /app --recursive --since ", " --by deploy --bucket")
		contains(t, x.get("/compare?a=1h&b=now&glob=/app/u*&op=Update"), "--recursive --only &#39;/app/u*&#39; --bucket", " --operation Update --bucket")
		if added := x.get(x.link(tree, "added 1")); !strings.Contains(added, ">/app/new</a>") || strings.Contains(added, ">/app/url</a>") {
			t.Errorf("the rows that were added are\n%s", added)
		}
		history := x.get("/parameter?name=/app/password")
		contains(t, history, "SecureString", "Show this secret", "Certainty: <strong>proved", "value: differs", "user/deploy")
		if all := x.get(x.link(first, "What it changed")); !strings.Contains(all, "1 created, 3 updated, 0 replaced, 1 deleted") {
			t.Errorf("the comparison is\n%s", all)
		}
		for query, want := range map[string][]string{
			"text=PASS":    {"/app/password", "/app/url"},
			"glob=/app/u*": {"/app/url", "/app/password"},
			"op=Delete":    {"/app/old", "/app/url"},
			"by=deploy":    {"/app/new", "/app/same"},
		} {
			for _, screen := range []string{"/", "/tree"} {
				page := x.get(screen + "?" + query)
				_, rows, _ := strings.Cut(page, "</form>")
				if i := strings.Index(rows, "<h2>All changes"); i >= 0 {
					rows = rows[i:]
				}
				if !strings.Contains(rows, ">"+want[0]+"</a>") || strings.Contains(rows, ">"+want[1]+"</a>") {
					t.Errorf("%s?%s shows %s, or not %s", screen, query, want[1], want[0])
				}
			}
		}
		// A permalink shows the same in another run.
		link := x.link(first, "Tree at this moment")
		if again := over(x.World, "/app", false).get(link); section(again) != section(x.get(link)) {
			t.Errorf("another run shows\n%s\nwant\n%s", section(again), section(tree))
		}
	})
}

// section returns the rows of a page, without what was read when.
func section(page string) string {
	_, page, _ = strings.Cut(page, "<tbody>")
	page, _, _ = strings.Cut(page, "</tbody>")
	return page
}

// TestSecretsStayMasked checks that a secret is in no page but the one that is asked for
// it, once.
func TestSecretsStayMasked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := over(newWorld(t), "/app", true)
		first := x.get("/")
		plan := x.link(first, "Plan a restore to this moment")
		for _, path := range []string{"/", x.link(first, "Tree at this moment"), "/parameter?name=/app/password", x.link(first, "What it changed"), plan, x.link(first, "Plan to take it back"), "/restores"} {
			if page := x.get(path); strings.Contains(page, secretText) {
				t.Errorf("%s shows the secret", path)
			}
		}
		history := x.get("/parameter?name=/app/password")
		form := url.Values{"token": {x.token(history, "/value")}}
		if answer := x.send(http.MethodPost, "/value", form, nil); answer.Code != 200 || !strings.Contains(answer.Body.String(), ">"+secretText+"<") {
			t.Errorf("the secret is not shown: %d\n%s", answer.Code, answer.Body)
		}
		if answer := x.send(http.MethodPost, "/value", form, nil); answer.Code != http.StatusBadRequest || strings.Contains(answer.Body.String(), secretText) {
			t.Errorf("a token shows it twice: %d", answer.Code)
		}
		if result := x.apply(x.get(plan), all(x.get(plan))); strings.Contains(result, secretText) {
			t.Error("the result shows the secret")
		}
		var report bytes.Buffer
		x.Must(x.Report(t.Context(), &report, Period{}))
		if strings.Contains(report.String(), secretText) {
			t.Error("the report shows the secret")
		}
	})
}

// hostile is text that does harm where it is taken for HTML, or for what a terminal or the
// direction of text obeys.
const hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{.}\u202e\x1b[31m\u2028javascript:alert(1)"

// TestHostileText checks that values, descriptions, tags and principals are text, on every
// screen and in the report.
func TestHostileText(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		client := w.SSM
		name := "/app/hostile"
		for _, value := range []string{"plain", hostile, hostile + "\n" + hostile, `{"` + "<i>k</i>" + `": "` + "<script>x</script>" + `"}`} {
			_, err := client.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true), Description: aws.String(hostile)})
			w.Must(err)
		}
		_, err := client.AddTagsToResource(t.Context(), &ssm.AddTagsToResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &name, Tags: []types.Tag{{Key: aws.String("k=<u>"), Value: aws.String("<script>tag")}}})
		if err != nil { // AWS allows no such characters, and the emulator neither
			_, err = client.AddTagsToResource(t.Context(), &ssm.AddTagsToResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &name, Tags: []types.Tag{{Key: aws.String("a=b"), Value: aws.String("/@: +")}}})
			w.Must(err)
		}
		w.Record()
		x := over(w, "/app", true)
		// IAM allows no such names, but whoever writes to the bucket does.
		rec, err := x.read(t.Context())
		w.Must(err)
		for i := range rec.changes {
			rec.changes[i].By = "user/<b>bob</b>" + hostile
		}
		rec.sets = changeset.Group(rec.changes, setGap)
		// So do marks, tags and labels.
		rec.marks[hostile] = archive.Mark{Name: hostile, At: rec.now - 1, Message: "<u>why</u>" + hostile}
		facts := rec.byName[ssmbak.Name(name)].Facts()
		facts.Tags, facts.Labels = slices.Clone(facts.Tags), slices.Clone(facts.Labels)
		for i := range facts.Tags {
			facts.Tags[i].Tags = map[string]string{"<u>tag</u>" + hostile: hostile}
		}
		for i := range facts.Labels {
			facts.Labels[i].Labels = map[string]int64{"<u>label</u>" + hostile: 1}
		}
		rec.byName[ssmbak.Name(name)] = timeline.New(ssmbak.Name(name), facts, timeline.Coverage{Since: rec.lines.Since})
		rec.took = time.Hour // so that it is not read again
		x.records = rec
		first := x.get("/")
		plan := x.link(first, "Plan a restore to this moment")
		pages := map[string]string{}
		for _, path := range []string{
			"/", "/tree?at=3s", "/tree?at=" + url.QueryEscape(time.Now().UTC().Add(-time.Hour).Format(time.RFC3339)), "/compare?a=1h&b=now", "/parameter?name=/app/hostile", plan,
			"/?" + url.Values{"text": {hostile}, "by": {hostile}, "op": {hostile}, "status": {hostile}}.Encode(), "/tree?" + url.Values{"glob": {"<script>*"}}.Encode(),
		} {
			pages[path] = x.get(path)
		}
		form := all(pages[plan])
		form.Set("message", hostile)
		pages["the result"] = x.apply(pages[plan], form)
		pages["/restores"] = x.get("/restores")
		for path, where := range map[string]string{"/nowhere?" + url.QueryEscape(hostile): "", "/parameter?name=" + url.QueryEscape(hostile): "", "/plan?kind=" + url.QueryEscape(hostile): ""} {
			pages[path] = x.send(http.MethodGet, path, nil, nil).Body.String() + where
		}
		var report bytes.Buffer
		w.Must(x.Report(t.Context(), &report, Period{}))
		pages["the report"] = report.String()
		tags := regexp.MustCompile(`<(script|img|b|i|u)[ >]`)
		for path, page := range pages {
			for _, tag := range tags.FindAllString(page, -1) {
				if tag != "<script " || strings.Count(page, "<script ") != 1 || !strings.Contains(page, `<script src="/static/ui.js" defer></script>`) {
					t.Errorf("%s contains %s", path, tag)
				}
			}
			for _, r := range page {
				if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
					t.Errorf("%s contains %U", path, r)
					break
				}
			}
			if strings.Contains(page, `href="javascript`) {
				t.Errorf("%s contains a link that is code", path)
			}
		}
		contains(t, pages["/parameter?name=/app/hostile"], "&lt;script&gt;alert(1)&lt;/script&gt;", `\u202e\x1b[31m`, "tag &lt;u&gt;tag&lt;/u&gt;", "label &lt;u&gt;label&lt;/u&gt;")
		contains(t, pages["/"], "(&lt;u&gt;why&lt;/u&gt;&lt;script&gt;")
		contains(t, pages["/"], "user/&lt;b&gt;bob&lt;/b&gt;")
	})
}

// TestReport checks that the file needs nothing else, and shows what the page does.
func TestReport(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := over(newWorld(t), "/app", false)
		var out bytes.Buffer
		x.Must(x.Report(t.Context(), &out, Period{}))
		text := out.String()
		contains(t, text, "<style>:root", "user/deploy", "~ b.c: 2 -&gt; 3", "changed 3", "ssmbak ui /app --report FILE --at ")
		for _, not := range []string{"href=\"/", "src=", "<script", "<form", "<link", "url(http", "token"} {
			if strings.Contains(text, not) {
				t.Errorf("the report contains %q", not)
			}
		}
	})
}

// TestAxis checks that the times of the strip's axis are as precise as its period is short.
func TestAxis(t *testing.T) {
	t.Parallel()
	begin := ssmbak.TimeOf(time.Date(2024, 6, 13, 20, 10, 54, 0, time.UTC))
	for span, want := range map[time.Duration]string{
		time.Second:           "20:10:54.000 20:10:54.250 20:10:54.500 20:10:54.750",
		time.Hour:             "20:10:54 20:25:54 20:40:54 20:55:54",
		4 * 24 * time.Hour:    "06-13 20:10 06-14 20:10 06-15 20:10 06-16 20:10",
		1000 * 24 * time.Hour: "2024-06-13 2025-02-18 2025-10-26 2026-07-03",
	} {
		if got := strings.Join(scale{begin, begin.Add(span)}.axis(time.UTC), " "); got != want {
			t.Errorf("%s: got %s, want %s", span, got, want)
		}
	}
}

// TestMarks checks that the marks of the period are listed, with links that move the cursor.
func TestMarks(t *testing.T) {
	t.Parallel()
	r := &records{marks: make(map[string]archive.Mark)}
	for i := range 30 {
		name := fmt.Sprint("deploy-", i)
		r.marks[name] = archive.Mark{Name: name, At: ssmbak.Time(1000 + i)}
	}
	shown, more := r.namedMarks(view{From: 1001, Until: 1028}, time.UTC)
	if len(shown) != shownMarks || more != 27-shownMarks || shown[0].Name != "deploy-27" || !strings.Contains(shown[0].Link, "at=1970-01-01T00%3A00%3A01.027Z") {
		t.Errorf("got %+v and %d more", shown, more)
	}
}

// TestLocalTime checks that times are shown in UTC and next to it in local time.
func TestLocalTime(t *testing.T) {
	t.Parallel()
	moment := ssmbak.TimeOf(time.Date(2024, 6, 13, 20, 10, 54, 417e6, time.UTC))
	if got := fmt.Sprint(at(moment, time.FixedZone("", 2*3600))); got != "{2024-06-13T20:10:54.417Z 2024-06-13T20:10:54.417Z 2024-06-13 22:10:54.417 +02:00}" {
		t.Errorf("got %s", got)
	}
	local := &Server{o: Options{Now: func() time.Time { return time.Now().In(time.FixedZone("", 2*3600)) }}}
	target, err := ssmbak.ParseTarget("/app", true)
	if err != nil {
		t.Fatal(err)
	}
	for want, p := range map[string]plan.Plan{
		"restore of /app to 2024-06-13T20:10:54.417Z (2024-06-13 22:10:54.417 +02:00)":                                                               {At: moment},
		"revert of /app from 2024-06-13T20:10:54.417Z (2024-06-13 22:10:54.417 +02:00) to 2024-06-13T20:10:55.417Z (2024-06-13 22:10:55.417 +02:00)": {At: moment, Until: moment + 1000},
	} {
		p.Target = target
		if got := local.planView(&planned{Plan: &restore.Plan{Plan: p}}, nil).Title; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	item := plan.Item{Name: "/app/db", Action: plan.ActionDelete, Before: &plan.Parameter{Version: ssmbak.Version{Number: 2, Time: moment, User: "alice"}}}
	if got := fmt.Sprint(local.planRow(item).Lines); !strings.Contains(got, "alice at 2024-06-13T20:10:54.417Z (2024-06-13 22:10:54.417 +02:00)") {
		t.Errorf("the lines of a plan: %s", got)
	}
	if got := at(moment, time.UTC); got.Local != "" {
		t.Errorf("got %+v where local time is UTC", got)
	}
	if got := at(0, time.UTC); got.Machine != "" || got.UTC != "never" {
		t.Errorf("got %+v for no time", got)
	}
}

// TestPatternOf checks that the pattern of a name matches it and none of the others, and is
// the name where that suffices.
func TestPatternOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		others []string
		want   string
	}{
		{"/app/db", []string{"/app/db2", "/app"}, "/app/db"},
		{"/app/db", []string{"/app/db/url"}, "/app/d[b]"},
		{"/app/db-", []string{"/app/db-/url"}, "/app/d[b]-"},
		{"/app/db_.", []string{"/app/db_./x/y"}, "/app/d[b]_."},
		{"/_/-", []string{"/_/-/x"}, "/_/[-]"},
	} {
		got := patternOf(test.name, test.others)
		if got != test.want || !pattern.Match(got, ssmbak.Name(test.name)) {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
		for _, other := range test.others {
			if pattern.Match(got, ssmbak.Name(other)) {
				t.Errorf("%s matches %s", got, other)
			}
		}
	}
}

// TestPaged checks that pages have every row once, and that their links lead to each other.
func TestPaged(t *testing.T) {
	t.Parallel()
	rows := make([]int, 101)
	for i := range rows {
		rows[i] = i
	}
	var seen []int
	v := view{Page: 1}
	for {
		page, p := paged(v, "/tree", rows, 50)
		seen = append(seen, page...)
		if p.First != page[0]+1 || p.Last != page[len(page)-1]+1 || p.Total != 101 {
			t.Errorf("page %d is %+v", v.Page, p)
		}
		if p.Next == "" {
			break
		}
		v.Page++
		if want := fmt.Sprintf("/tree?page=%d", v.Page); p.Next != want {
			t.Errorf("the next page is %s, want %s", p.Next, want)
		}
	}
	if len(seen) != 101 {
		t.Errorf("%d rows", len(seen))
	}
	if page, p := paged(view{Page: 99}, "/tree", rows, 50); len(page) != 1 || p.Previous != "/tree?page=2" {
		t.Errorf("a page after the last is %v, %+v", page, p)
	}
	if page, _ := paged(view{Page: 1}, "/tree", []int(nil), 50); len(page) != 0 {
		t.Errorf("no rows give %v", page)
	}
}

// TestOverlaps checks that a set of changes names those that other principals made meanwhile,
// as log --sets does, with a link to right before them.
func TestOverlaps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		begin := overlapping(w)
		x := over(w, "/app", false)
		page := x.get("/?from=2m&until=now")
		contains(t, page, "from "+begin.String()+" to "+begin.Add(20*time.Second).String()+", overlaps 1 set</title>")
		if n := strings.Count(page, "overlaps <a href="); n != 1 {
			t.Errorf("%d sets overlap another, want that of alice:\n%s", n, page)
		}
		contains(t, x.get(x.link(page, "the set of arn:aws:iam::123456789012:user/bob")), `Cursor: <strong><time datetime="`+begin.Add(10*time.Second-time.Millisecond).String()+`">`)
		var report bytes.Buffer
		x.Must(x.Report(t.Context(), &report, Period{}))
		contains(t, report.String(), "overlaps the set of arn:aws:iam::123456789012:user/bob from <time")
	})
}
