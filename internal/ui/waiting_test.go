package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/restore"
)

// slowly lets the page wait for each parameter of [newWorld]: the index of the nth of them
// takes n seconds, and any value takes a second.
func slowly(w *testworld.World) {
	for i, name := range []string{"/app/config", "/app/new", "/app/old", "/app/password", "/app/same", "/app/url"} {
		w.AWS.Faults.Add(emulator.Rule{Service: "s3", Op: "GetObject", KeyPrefix: ".ssmbak/index" + name, Fault: emulator.Fault{Delay: time.Duration(i+1) * time.Second}})
	}
	w.AWS.Faults.Add(emulator.Rule{Service: "s3", Op: "GetObject", KeyPrefix: ".ssmbak/restores/", Fault: emulator.Fault{Delay: 2 * time.Second}})
	w.AWS.Faults.Add(emulator.Rule{Service: "s3", Op: "GetObject", KeyPrefix: "/app/", Fault: emulator.Fault{Delay: time.Second}})
}

// waits is a page over a world that answers within the time for the first answer.
func waits(w *testworld.World, allow bool) *site {
	x := over(w, "/app", allow)
	x.firstAnswer = firstAnswer
	return x
}

// asked asks for a page twice a second, as ui.js does, until it is complete. It returns the
// pages that it gets, of which each must arrive within a second, and show a command.
func (x *site) asked(path string) (pages []string) {
	x.Helper()
	for range 100 {
		began := time.Now()
		text := x.get(path)
		if took := time.Since(began); took > time.Second {
			x.Errorf("%s takes %s, want at most a second", path, took)
		}
		if !strings.Contains(text, "<code>ssmbak ") {
			x.Errorf("%s shows no command:\n%s", path, text)
		}
		if pages = append(pages, text); !strings.Contains(text, ` data-refresh="1"`) {
			return pages
		}
		time.Sleep(500 * time.Millisecond)
	}
	x.Fatalf("%s is not complete:\n%s", path, pages[len(pages)-1])
	return nil
}

// TestFirstAnswer checks that no answer takes longer than a second while the archive is read,
// a plan is made, or both are done again: until then, there is a page with the progress.
func TestFirstAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		slowly(w)
		x := waits(w, true)
		pages := x.asked("/")
		first, complete := pages[0], pages[len(pages)-1]
		contains(t, first, `<div id="waiting" data-refresh="1"`, "<h1>Reading the archive</h1>", "0 of 6 parameters read", `<noscript><meta http-equiv="refresh" content="1"></noscript>`)
		contains(t, pages[len(pages)/2], `<progress aria-label="parameters read" max="6" value="3"></progress> 3 of 6 parameters read`)
		contains(t, complete, "<h1>What changed</h1>", ": 10 changes.")

		pages = x.asked(x.link(complete, "Plan a restore to this moment"))
		contains(t, pages[0], "<h1>Making the plan</h1>", "0 of 6 parameters read from the archive",
			"0 of 6 live parameters listed", "0 of 6 parameters compared", "0 of 6 parameters checked for live tags and labels", "ssmbak restore /app ")
		contains(t, pages[len(pages)-2], "6 of 6 parameters read from the archive", "6 of 6 live parameters listed", " of 6 parameters compared")
		contains(t, pages[len(pages)-1], "1 to create, 3 to update", `name="token"`)
		result := x.apply(pages[len(pages)-1], url.Values{"name": {"/app/config"}})

		// An undo is of so many parameters as the restore, if that was read, and of an unknown number otherwise.
		const unknown = `<ul class="steps"><li><progress aria-label="progress"></progress></li></ul>`
		undo := x.link(result, "Plan to undo it")
		pages = x.asked(undo)
		contains(t, pages[0], "<h1>Making the plan</h1>", unknown, "<code>ssmbak undo ")
		contains(t, pages[len(pages)-1], "1 to update")
		time.Sleep(recorded + time.Minute)
		x.asked("/")
		pages = x.asked(undo)
		contains(t, pages[0], "<h1>Making the plan</h1>", "0 of 1 parameters read from the archive", "0 of 1 live parameters listed")
		contains(t, pages[len(pages)-1], "1 to update")

		tree := x.link(complete, "Tree at this moment")
		contains(t, x.asked(tree)[0], "<h1>Comparing all parameters</h1>", "<code>ssmbak preview /app ")
		contains(t, x.asked("/compare?a=1h&b=now")[0], "<h1>Comparing all parameters</h1>", "<code>ssmbak diff /app ")

		// Until the archive is read again, there is what was read last.
		put(w, w.SSM, "/app/url", "https://three", types.ParameterTypeString)
		w.Record()
		answer := x.send(http.MethodGet, x.link(complete, "read it again"), nil, nil)
		if answer.Code != http.StatusSeeOther {
			t.Fatalf("reading it again gives %d\n%s", answer.Code, answer.Body)
		}
		pages = x.asked(answer.Header().Get("Location"))
		contains(t, pages[0], ": 10 changes.", `id="reading" data-refresh="1"`, "The archive is being read again", "0 of 6 parameters read")
		if last := pages[len(pages)-1]; strings.Contains(last, "being read again") {
			t.Errorf("the archive is still being read:\n%s", last)
		}
		pages = x.asked("/parameter?name=/app/url")
		contains(t, pages[0], "<h1>Reading the history of /app/url</h1>", "<code>ssmbak log /app/url --patch ")
		contains(t, pages[len(pages)-1], "https://three")
		contains(t, x.asked("/restores")[0], "<h1>Reading the restores</h1>", "<code>ssmbak undo ")

		// A screen that fails has the command, too.
		w.AWS.Faults.Clear()
		refused := func(method, path string, form url.Values, command string) {
			t.Helper()
			body := x.send(method, path, form, nil).Body.String()
			contains(t, body, "<h1>Not possible</h1>", "<code>ssmbak "+command)
		}
		refused(http.MethodGet, "/restore?run=none", nil, "undo --bucket archive<")
		refused(http.MethodGet, "/plan?kind=undo&id=none", nil, "undo none --bucket archive<")
		token := x.token(x.get("/parameter?name=/app/password"), "/value")
		w.AWS.Faults.Add(emulator.Rule{Service: "s3", Op: "GetObject", KeyPrefix: "/app/password", Fault: emulator.Denied})
		refused(http.MethodPost, "/value", url.Values{"token": {token}}, "get /app/password ")
		w.AWS.Faults.Add(emulator.Rule{Service: "s3", Op: "ListObjectsV2", Fault: emulator.Denied})
		refused(http.MethodGet, "/restores", nil, "undo --bucket archive<")
	})
}

// TestPlanReads checks that a plan for many parameters of which few have changed reads no more
// than the command that shows the same.
func TestPlanReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := testworld.New(t, testworld.Options{})
		for i := range 150 {
			put(w, w.SSM, fmt.Sprintf("/app/%03d", i), "one", types.ParameterTypeString)
		}
		w.Record()
		time.Sleep(time.Hour)
		w.Record()
		time.Sleep(time.Hour)
		moment := ssmbak.TimeOf(time.Now())
		time.Sleep(time.Minute)
		put(w, w.SSM, "/app/007", "two", types.ParameterTypeString)
		w.Record()
		o := options(w, "/app", true)
		x := opened(w, o)
		x.get("/")
		read := func(plan func()) int {
			before := requests(w)
			plan()
			return requests(w) - before
		}
		command := read(func() {
			_, err := o.Restorer(restore.Options{FindNew: true, Brief: true}).Plan(t.Context(), o.Target, moment)
			w.Must(err)
		})
		var plan string
		page := read(func() { plan = x.get(planLink(url.Values{"kind": {kindRestore}, "at": {moment.String()}})) })
		contains(t, plan, "1 to update", "149 unchanged")
		if page > command+10 || command > 30 { // the page also reads its archive again
			t.Errorf("the page sends %d requests, the command %d", page, command)
		}
		// So does a revert of the path.
		var revert string
		page = read(func() {
			revert = x.get(planLink(url.Values{"kind": {kindRevert}, "from": {moment.String()}, "until": {ssmbak.TimeOf(time.Now()).String()}}))
		})
		contains(t, revert, "1 to update", "149 unchanged")
		if page > command+10 {
			t.Errorf("a revert sends %d requests", page)
		}
		contains(t, x.apply(plan, all(plan)), "restored 1")
	})
}

// TestWaitFails checks that a page says why the archive could not be read, whether it was
// waiting for that or asked later, and that the next one tries again.
func TestWaitFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		slowly(w)
		x := waits(w, false)
		complete := x.asked("/")
		for _, later := range []time.Duration{0, 3 * time.Second} {
			w.AWS.Faults.Clear()
			denied := emulator.Denied
			denied.Delay = time.Second
			w.AWS.Faults.Add(emulator.Rule{Service: "s3", Op: "ListObjectsV2", Fault: denied})
			x.send(http.MethodGet, x.link(complete[len(complete)-1], "read it again"), nil, nil)
			time.Sleep(later)
			var answer string
			for range 10 {
				if got := x.send(http.MethodGet, "/", nil, nil); got.Code != http.StatusOK {
					answer = got.Body.String()
					break
				}
				time.Sleep(500 * time.Millisecond)
			}
			contains(t, answer, `role="alert"`, "<code>ssmbak log /app --recursive --sets --bucket archive</code>")
			w.AWS.Faults.Clear()
			contains(t, x.get("/"), "<h1>What changed</h1>")
		}
	})
}

// TestIdle checks that a plan that no tab waits for is not made any further, that one that was
// made is not shown much later, and that two tabs that wait get the same.
func TestIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		x := waits(w, true)
		address := x.link(x.get("/"), "Plan a restore to this moment")
		slowly(w)
		w.AWS.Faults.Clear()
		w.AWS.Faults.Add(emulator.Rule{Service: "ssm", Op: "DescribeParameters", Fault: emulator.Fault{Delay: time.Hour}})
		contains(t, x.get(address), "Making the plan")
		before := w.AWS.Counts()["s3:GetObject"]
		time.Sleep(2 * time.Hour)
		x.mu.Lock()
		making := len(x.works)
		x.mu.Unlock()
		if n := w.AWS.Counts()["s3:GetObject"] - before; n > 0 || making > 0 {
			t.Errorf("%d values were read, and %d plans are being made", n, making)
		}

		w.AWS.Faults.Clear()
		w.AWS.Faults.Add(emulator.Rule{Service: "ssm", Op: "DescribeParameters", Fault: emulator.Fault{Delay: 2 * time.Second}})
		contains(t, x.get(address), "Making the plan")
		time.Sleep(2*time.Second + kept + time.Second)
		put(w, w.SSM, "/app/same", "other", types.ParameterTypeString)
		w.Record()
		one, two := x.get(address), x.get(address)
		contains(t, one, "Making the plan")
		contains(t, two, "Making the plan")
		pages := x.asked(address)
		contains(t, pages[len(pages)-1], "1 to create, 4 to update")
		contains(t, x.apply(pages[len(pages)-1], url.Values{"name": {"/app/same"}}), "restored 1")
	})
}
