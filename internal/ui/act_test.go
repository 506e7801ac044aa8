package ui

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/restore"
)

// all returns the form of a plan in which everything is ticked.
func all(page string) url.Values {
	form := url.Values{"rest": {"1"}}
	for _, m := range regexp.MustCompile(`name="name" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		form.Add("name", m[1])
	}
	return form
}

// cursorAt returns the moment of a page.
func cursorAt(page string) string {
	return regexp.MustCompile(`Cursor: <strong><time datetime="[^"]*"`).FindString(page)
}

// TestRestoreAndUndo finds the moment before a bad deployment, restores everything to it,
// and takes that back.
func TestRestoreAndUndo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := over(newWorld(t), "/app", true)
		time.Sleep(2 * setGap) // so that the restore is a set of its own
		first := x.get("/")
		contains(t, first, "user/deploy", "created 1, updated 3, deleted 1")
		plan := x.get(x.link(first, "Plan a restore to this moment"))
		contains(t, plan, "1 to create, 3 to update, 0 to replace, 0 to delete, 1 unchanged, 1 kept", "ssmbak restore /app ", "--recursive --bucket archive")
		form := all(plan)
		form.Set("message", "bad deploy")
		result := x.apply(plan, form)
		contains(t, result, "restored 4, deleted 0")
		for name, want := range map[string]string{"/app/url": "https://one", "/app/old": "old", "/app/password": secretText, "/app/new": "new"} {
			if got := x.live(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		const late = "a restore has just ended: its changes are shown here when they have been recorded"
		contains(t, x.get(x.link(result, "Tree at that moment")), late)
		contains(t, x.get(x.link(result, "Make the plan again")), "There is nothing to do")
		// When the restore is recorded, the page begins before the deployment, not before it.
		x.Record()
		time.Sleep(recorded)
		repaired := x.get("/")
		if cursorAt(repaired) != cursorAt(first) || strings.Contains(repaired, late) {
			t.Errorf("the cursor is not right before the deployment in\n%s", repaired)
		}
		contains(t, repaired, "<small>restore ", "by arn:aws:iam::123456789012:user/local: bad deploy</small>")
		contains(t, x.get(x.link(result, "Tree at that moment")), "changed 0", "removed 0", "recreated 1", "added 1", "same 4")
		contains(t, x.get("/restores"), "bad deploy", "restore /app", "user/local")
		contains(t, x.get(x.link(first, "Plan a restore to this moment")), "There is nothing to do")
		undo := x.get(x.link(result, "Plan to undo it"))
		contains(t, undo, "undo of restore", "Type yes to agree")
		form = all(undo)
		form.Set("yes", "yes")
		contains(t, x.apply(undo, form), "restored 3, deleted 1")
		for name, want := range map[string]string{"/app/url": "https://two", "/app/old": "", "/app/password": secretText + "-2", "/app/new": "new"} {
			if got := x.live(name); got != want {
				t.Errorf("%s is %q after the undo, want %q", name, got, want)
			}
		}
	})
}

// TestProgressSaysWait checks that the page says how long a restore waits for names that were
// deleted just now.
func TestProgressSaysWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		o := options(w, "/app", true)
		o.Now = func() time.Time { return time.Now().In(time.FixedZone("CEST", 2*60*60)) }
		o.Restorer = func(o restore.Options) *restore.Restorer { return restore.New(w.Archive, w.Live, w.Recorder, o) }
		x := opened(w, o)
		plan := x.get(x.link(x.get("/"), "Plan a restore to this moment"))
		form := all(plan)
		form.Set("token", x.token(plan, "/apply"))
		answer := x.send(http.MethodPost, "/apply", form, nil)
		progress := x.get(answer.Header().Get("Location"))
		contains(t, progress, "Deleted parameters are created again at <time datetime=", " &#43;02:00</span>: AWS requires 30 seconds")
		x.Wait()
		if result := x.get(answer.Header().Get("Location")); strings.Contains(result, "AWS requires") || x.live("/app/old") != "old" {
			t.Errorf("/app/old is %q:\n%s", x.live("/app/old"), result)
		}
	})
}

// TestRestoreIsSeen checks that a page over an archive that is slow to read shows what a
// restore wrote, once that is recorded, and reads the archive no more often than that.
func TestRestoreIsSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.AWS.Faults.Add(emulator.Rule{Service: "s3", Fault: emulator.Fault{Delay: 300 * time.Millisecond}})
		x := over(w, "/app", true)
		plan := x.get(x.link(x.get("/"), "Plan a restore to this moment"))
		contains(t, x.get("/"), ": 10 changes.")
		contains(t, x.apply(plan, all(plan)), "restored 4, deleted 0")
		x.get("/tree")
		w.Record() // the events of the restore
		time.Sleep(recorded)
		contains(t, x.get("/"), ": 14 changes.")
		put(w, w.SSM, "/app/later", "x", types.ParameterTypeString)
		w.Record()
		time.Sleep(time.Minute)
		if page := x.get("/"); strings.Contains(page, "/app/later") {
			t.Errorf("the archive was read again:\n%s", page)
		}
	})
}

// TestRevertChosen takes back two changes of a set, which deletes a parameter.
func TestRevertChosen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := over(newWorld(t), "/app", true)
		plan := x.get(x.link(x.get("/"), "Plan to take it back"))
		contains(t, plan, "revert of /app from", "1 to create, 3 to update, 1 to delete", "--by arn:aws:iam::123456789012:user/deploy")
		form := url.Values{"name": {"/app/new", "/app/url"}, "token": {x.token(plan, "/apply")}}
		answer := x.send(http.MethodPost, "/apply", form, nil)
		if answer.Code != http.StatusBadRequest || x.live("/app/new") == "" {
			t.Fatalf("a deletion without the word gives %d", answer.Code)
		}
		again := answer.Body.String()
		contains(t, again, "nothing was changed: this revert deletes 1 parameter, so type yes")
		if strings.Count(again, " checked>") != 2 {
			t.Errorf("the ticks are lost in\n%s", again)
		}
		form.Set("yes", "yes")
		contains(t, x.apply(again, form), "restored 1, deleted 1", "--only /app/new --only /app/url")
		for name, want := range map[string]string{"/app/url": "https://one", "/app/new": "", "/app/old": "", "/app/password": secretText + "-2"} {
			if got := x.live(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})
}

// TestApplyRefuses checks that nothing is written without a plan that was shown, a fresh
// token, a tick and the permission.
func TestApplyRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		x := over(w, "/app", true)
		address := x.link(x.get("/"), "Plan a restore to this moment")
		writes := func() int { n := w.AWS.Counts(); return n["ssm:PutParameter"] + n["ssm:DeleteParameters"] }
		before := writes()
		post := func(x *site, form url.Values, want string) {
			t.Helper()
			answer := x.send(http.MethodPost, "/apply", form, nil)
			if answer.Code != http.StatusBadRequest || !strings.Contains(answer.Body.String(), want) {
				t.Errorf("%v gives %d, want %q in\n%s", form, answer.Code, want, answer.Body)
			}
		}
		post(x, url.Values{}, "was used already")
		post(x, url.Values{"token": {"no"}}, "was used already")
		page := x.get(address)
		post(x, url.Values{"token": {x.token(page, "/apply")}}, "tick at least one parameter")
		post(x, url.Values{"token": {x.token(page, "/apply")}, "name": {"/app/url"}}, "was used already")
		// The token of a secret applies nothing.
		post(x, url.Values{"token": {x.token(x.get("/parameter?name=/app/password"), "/value")}}, "was used already")
		readOnly := over(w, "/app", false)
		if page := readOnly.get(address); strings.Contains(page, `name="token"`) || !strings.Contains(page, "--allow-restore") {
			t.Errorf("a page that is read-only offers to apply\n%s", page)
		}
		post(readOnly, url.Values{}, "this page is read-only")
		if n := writes(); n != before {
			t.Errorf("%d requests changed parameters", n-before)
		}
		for path, want := range map[string]string{
			"/plan?kind=restore&at=2099-01-01T00:00:00Z": "is in the future",
			"/plan?kind=restore":                         "a time is missing",
			"/plan?kind=restore&at=tomorrow":             "tomorrow",
			"/plan?kind=revert&from=1m&until=2m":         "is not before",
			"/plan?kind=undo&id=20240613T201054Z-none":   "no record of restore",
			"/plan?kind=other":                           "unknown kind of plan",
			"/plan?kind=restore&at=1s&name=/other":       "is not below /app",
			"/restore?run=none":                          "none of the running page",
			"/parameter?name=/app/none":                  "no records of /app/none",
			"/parameter?name=a%20b":                      "a b",
			"/?glob=%5B":                                 "pattern",
			"/?at=@none":                                 "there is no mark none",
			"/readAgain?to=//evil.example":               "is not an address of this page",
			"/nowhere":                                   "there is no such page",
		} {
			answer := x.send(http.MethodGet, path, nil, nil)
			if answer.Code < 400 || answer.Code > 404 || !strings.Contains(answer.Body.String(), want) {
				t.Errorf("GET %s: %d, want %q in\n%s", path, answer.Code, want, answer.Body)
			}
		}
	})
}

// TestTwoTabs applies two plans for the same parameter: the second finds it changed. And a
// plan that was shown before a change by others does not overwrite that.
func TestTwoTabs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := over(newWorld(t), "/app", true)
		address := x.link(x.get("/"), "Plan a restore to this moment")
		one, two := x.get(address), x.get(address)
		contains(t, x.apply(one, url.Values{"name": {"/app/url"}}), "restored 1")
		contains(t, x.apply(two, url.Values{"name": {"/app/url"}}), "refused 1", "it was changed since the plan was made")
		three := x.get(address)
		put(x.World, x.SSM, "/app/config", "by hand", types.ParameterTypeString)
		contains(t, x.apply(three, url.Values{"name": {"/app/config"}}), "refused 1")
		if got := x.live("/app/config"); got != "by hand" {
			t.Errorf("the value is %q", got)
		}
	})
}

// TestOneRestoreAtOnce checks that a second restore waits for the first to end, that its
// plan can be applied then, and that nothing begins after an interrupt, while what is in
// progress is completed.
func TestOneRestoreAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		o := options(w, "/app", true)
		o.Restorer = func(ro restore.Options) *restore.Restorer {
			ro.By, ro.Recreation = "arn:aws:iam::123456789012:user/local", 30*time.Second
			return restore.New(w.Archive, w.Live, w.Recorder, ro)
		}
		x := over(w, "/app", true)
		x.Server = New(ctx, o, testHost)
		x.handler = x.Handler()
		x.cookie.Value = x.guard.cookie
		address := x.link(x.get("/"), "Plan a restore to this moment")
		one, two := x.get(address), x.get(address)
		// A deleted parameter is created again after 30 seconds.
		form := url.Values{"name": {"/app/old"}, "token": {x.token(one, "/apply")}}
		first := x.send(http.MethodPost, "/apply", form, nil)
		if first.Code != http.StatusSeeOther {
			t.Fatalf("%d\n%s", first.Code, first.Body)
		}
		form = url.Values{"name": {"/app/url"}, "token": {x.token(two, "/apply")}}
		second := x.send(http.MethodPost, "/apply", form, nil)
		if second.Code != http.StatusBadRequest || !strings.Contains(second.Body.String(), "another restore of this page is in progress") {
			t.Errorf("%d\n%s", second.Code, second.Body)
		}
		contains(t, x.get(first.Header().Get("Location")), "Progress", "0 of 1", `data-refresh="1"`, `<noscript><meta http-equiv="refresh"`)
		x.Wait()
		contains(t, x.get(first.Header().Get("Location")), "restored 1")
		contains(t, x.apply(second.Body.String(), url.Values{"name": {"/app/url"}}), "restored 1")
		three := x.get(address)
		interrupt()
		synctest.Wait()
		form = url.Values{"name": {"/app/config"}, "token": {x.token(three, "/apply")}}
		if third := x.send(http.MethodPost, "/apply", form, nil); third.Code != http.StatusBadRequest || !strings.Contains(third.Body.String(), "ssmbak was interrupted") {
			t.Errorf("%d\n%s", third.Code, third.Body)
		}
	})
}
