package ui

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/ssmbak/ssmbak/internal/testkit/extent"
	"github.com/ssmbak/ssmbak/internal/testkit/program"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// patience is how long the browser may take for one step of a test.
const patience = 60 * time.Second

// browserTab is a tab of a browser that may send requests to the page only, and must not complain.
type browserTab struct {
	testing.TB
	ctx  context.Context
	base string

	mu       sync.Mutex
	problems []string
	quiet    bool
}

// openBrowser starts Chromium.
func openBrowser(t *testing.T, base string) *browserTab {
	t.Helper()
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(patience))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), flags...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browserTab{TB: t, ctx: ctx, base: base}
	chromedp.ListenTarget(ctx, b.listen)
	// The browser ends with the context of the first run.
	if err := chromedp.Run(ctx, log.Enable(), network.Enable(), runtime.Enable()); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *browserTab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.quiet {
		return
	}
	switch e := event.(type) {
	case *log.EventEntryAdded:
		b.problems = append(b.problems, "the browser says: "+e.Entry.Text)
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, "the script fails: "+e.ExceptionDetails.Error())
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, b.base) {
			b.problems = append(b.problems, "the page sends a request to "+e.Request.URL)
		}
	}
}

// hush ends the check for complaints: the browser complains about each refusal.
func (b *browserTab) hush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.quiet = true
}

// do performs steps.
func (b *browserTab) do(actions ...chromedp.Action) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.Fatalf("%v, on\n%s", err, b.shown())
	}
}

// shown returns the text of the page for the message of a failure, which it does not delay
// by more than the patience.
func (b *browserTab) shown() string {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	var text string
	if err := chromedp.Run(ctx, chromedp.Evaluate(`document.body ? document.body.innerText : ""`, &text)); err != nil {
		return "(the text of the page cannot be read: " + err.Error() + ")"
	}
	return text
}

// text returns the text of the page.
func (b *browserTab) text() (text string) {
	b.Helper()
	b.do(chromedp.Evaluate(`document.body.innerText`, &text))
	return text
}

// follow clicks what is selected and waits for the page after it.
func (b *browserTab) follow(selector string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(selector)); err != nil {
		b.Fatalf("click %s: %v, on\n%s", selector, err, b.shown())
	}
}

// until waits until the page is loaded, with its script, and a condition of it is true. A page
// may be left meanwhile.
func (b *browserTab) until(condition string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for ; ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		var holds bool
		if err := chromedp.Run(ctx, chromedp.Evaluate(`document.readyState === "complete" && (`+condition+`)`, &holds)); err == nil && holds {
			return
		}
	}
	b.Fatalf("%s does not become true, on\n%s", condition, b.shown())
}

// tabTo presses Tab until an element with a text has the focus.
func (b *browserTab) tabTo(text string) {
	b.Helper()
	for range 100 {
		var focused string
		b.do(chromedp.KeyEvent(kb.Tab), chromedp.Evaluate(`(document.activeElement.innerText || document.activeElement.name || "").trim()`, &focused))
		if focused == text {
			return
		}
	}
	b.Fatalf("Tab does not lead to %q on\n%s", text, b.shown())
}

// serve serves a page on the loopback interface until end is called.
func serve(ctx context.Context, w *testworld.World, o Options) (s *Server, end func()) {
	w.Helper()
	return serveAt(ctx, w, o, "127.0.0.1:0")
}

// serveAt is serve on an address.
func serveAt(ctx context.Context, w *testworld.World, o Options, address string) (s *Server, end func()) {
	w.Helper()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	w.Must(err)
	s = New(ctx, o, l.Addr().String())
	s.firstAnswer = patience // except in tests of pages that wait
	server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	end = func() { _ = server.Close() }
	w.Cleanup(end)
	return s, end
}

// base returns the address of the page without a path.
func (s *Server) base() string { return "http://" + s.guard.host }

// link selects a link by its text.
func link(text string) string { return fmt.Sprintf(`//a[normalize-space()=%q]`, text) }

// TestInBrowser finds the moment of a bad deployment by the strip, restores it with the
// keyboard alone, and undoes that, in Chromium.
func TestInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a browser")
	}
	t.Parallel()
	program.Need(t, "chromium", "SSMBAK_REQUIRE_CHROMIUM", "apt-get install chromium")
	w := newWorld(t)
	o := options(w, "/app", true)
	o.Now = func() time.Time { return time.Now().In(time.FixedZone("", 2*3600)) }
	s, _ := serve(t.Context(), w, o)
	base := s.base()
	b := openBrowser(t, base)

	b.observeShifts()
	b.do(chromedp.Navigate(s.URL()), chromedp.WaitVisible("#cursor"))
	var address string
	b.do(chromedp.Location(&address))
	if strings.Contains(address, "token") {
		t.Errorf("the address contains the token: %s", address)
	}
	cursor := func() (text string) {
		b.do(chromedp.Text("#cursor time", &text))
		return text
	}
	begin := cursor()
	var deployed string
	b.do(chromedp.AttributeValue("#cursor time", "datetime", &deployed, nil))
	// Zoom in until the sets are apart, and find the moment by the strip.
	b.follow("#in")
	b.follow(`(//*[local-name()="svg"]//*[local-name()="a"])[last()]`)
	if got := cursor(); got != begin {
		t.Errorf("the last bar leads to %s, want %s", got, begin)
	}
	b.do(chromedp.KeyEvent("["))
	b.until(fmt.Sprintf(`document.querySelector("#cursor time").innerText !== %q`, begin))
	if earlier := cursor(); earlier >= begin {
		t.Errorf("[ moves the cursor from %s to %s", begin, earlier)
	}
	b.do(chromedp.KeyEvent("]"))
	b.until(fmt.Sprintf(`document.querySelector("#cursor time").innerText === %q`, begin))

	b.screens(base)
	b.slowly(base)
	b.darkFirst(base)
	b.do(chromedp.Navigate(base+"/"), chromedp.WaitVisible("#cursor"))

	// With the keyboard alone.
	b.tabTo("Plan a restore to this moment")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`document.querySelector("#plan") !== null`)
	b.tabTo("message")
	b.do(chromedp.KeyEvent("a bad deployment"))
	b.tabTo("Apply to what is ticked")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`document.querySelector("#result") !== null`)
	if text := b.text(); !strings.Contains(text, "restored 4, deleted 0") || !strings.Contains(text, "ssmbak undo ") {
		t.Errorf("the result is\n%s", text)
	}
	b.shifted("a result", 0.1)
	b.do(chromedp.Click(".copy"))
	b.until(`document.querySelector(".copy").textContent === "Copied"`)
	for name, want := range map[string]string{"/app/url": "https://one", "/app/old": "old", "/app/password": secretText} {
		if got := live(w, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	b.follow(link("Plan to undo it"))
	b.do(chromedp.WaitVisible("#plan"), chromedp.SendKeys(`input[name="yes"]`, "yes"), chromedp.Click("button.apply"))
	b.until(`document.querySelector("#result") !== null`)
	if text := b.text(); !strings.Contains(text, "restored 3, deleted 1") || live(w, "/app/url") != "https://two" {
		t.Errorf("the result of the undo is\n%s", text)
	}

	// A secret is on the page that is asked for it.
	b.do(chromedp.Navigate(base + "/parameter?name=/app/password"))
	var source string
	b.do(chromedp.OuterHTML("html", &source))
	if strings.Contains(source, secretText) {
		t.Error("the secret is in the source of a page")
	}
	b.follow(`form[action="/value"] button`)
	b.do(chromedp.WaitVisible("#value"), chromedp.Text("#value", &source))
	if source != secretText+"-2" && source != secretText {
		t.Errorf("the secret is %q", source)
	}
	b.ticked(w, base, deployed)
	b.hostile(w, base)
	for _, problem := range b.problems {
		t.Error(problem)
	}
	b.foreign(base, w.AWS.Counts)
	b.refusals(w, base, deployed)
	b.completed(w, deployed)
	b.killed(w, deployed)
}

// hostile checks that values and descriptions with elements and code are text: the browser
// makes no elements of them, and runs nothing.
func (b *browserTab) hostile(w *testworld.World, base string) {
	b.Helper()
	for _, value := range []string{hostile, `{"<b>k</b>": "` + `<img src=/x onerror=ran=1>"}`} {
		_, err := w.SSM.PutParameter(b.Context(), &ssm.PutParameterInput{
			Name: aws.String("/app/hostile"), Value: aws.String(value), Type: types.ParameterTypeString, Overwrite: aws.Bool(true), Description: aws.String(hostile),
		})
		w.Must(err)
	}
	w.Record()
	for _, path := range []string{"/", "/tree?at=1h", "/compare?a=1h&b=now", "/parameter?name=/app/hostile", "/plan?kind=restore&at=1h", "/?text=" + url.QueryEscape(hostile)} {
		var made int
		var ran bool
		b.do(chromedp.Navigate(base+path), chromedp.WaitReady("main"),
			chromedp.Evaluate(`document.querySelectorAll("img, b, i, u, iframe, script:not([src='/static/ui.js'])").length`, &made), chromedp.Evaluate(`"ran" in window`, &ran))
		if made > 0 || ran {
			b.Errorf("%s has %d elements of a value, which ran: %t", path, made, ran)
		}
	}
	b.do(chromedp.Navigate(base + "/parameter?name=/app/hostile"))
	if text := b.text(); !strings.Contains(text, "<img src=/x onerror=ran=1>") {
		b.Errorf("the value is not shown as text:\n%s", text)
	}
}

// foreign checks that a page of another origin can neither send a form nor read anything.
func (b *browserTab) foreign(base string, counts func() map[string]int) {
	b.Helper()
	b.hush()
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<!doctype html><title>evil</title><form action="%s/apply" method="post"><input name="token" value="x"><button id="send">send</button></form>
<a id="go" href="%s/tree">go</a><script>fetch("%s/", {credentials: "include"}).then(a => a.text()).then(t => document.title = "read " + t.length, () => document.title = "unread")</script>`, base, base, base)
	}))
	b.Cleanup(evil.Close)
	before := counts()["ssm:PutParameter"]
	b.do(chromedp.Navigate(evil.URL))
	b.until(`document.title !== "evil"`)
	var title string
	b.do(chromedp.Title(&title))
	if title != "unread" {
		b.Errorf("another origin: %s", title)
	}
	for _, step := range []string{"#send", "#go"} {
		b.do(chromedp.Navigate(evil.URL))
		b.follow(step)
		if text := b.text(); !strings.HasPrefix(text, "refused:") {
			b.Errorf("%s of another origin gives\n%s", step, text)
		}
	}
	if n := counts()["ssm:PutParameter"]; n != before {
		b.Errorf("%d parameters were written", n-before)
	}
}

// awaited lets an evaluation wait for the promise that it results in.
func awaited(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

// accessible checks that axe-core finds nothing.
func (b *browserTab) accessible(where string) {
	b.Helper()
	axe, err := os.ReadFile(filepath.Join("testdata", "axe.min.js"))
	if err != nil {
		b.Fatal(err)
	}
	var found string
	b.do(chromedp.Evaluate(string(axe)+";0", nil), chromedp.Evaluate(`axe.run().then(r => JSON.stringify(r.violations.map(v => [v.id, v.help, v.nodes.slice(0, 3).map(n => n.html + " " + n.failureSummary)])))`, &found,
		awaited))
	if found != "[]" {
		var all any
		_ = json.Unmarshal([]byte(found), &all)
		text, _ := json.MarshalIndent(all, "", " ")
		b.Errorf("axe-core on %s: %s", where, text)
	}
}

// screens checks every screen in both widths and both schemes: axe-core finds nothing, and
// nothing is wider than the window, but for tables in a wide one. With UPDATE, it writes the pictures.
func (b *browserTab) screens(base string) {
	b.Helper()
	var plan string
	b.do(chromedp.AttributeValue(link("Plan a restore to this moment"), "href", &plan, nil))
	const pictured = 4
	screens := []struct{ name, path string }{
		{"changes", "/"}, {"plan", plan}, {"tree", "/tree"}, {"parameter", "/parameter?name=/app/config"}, {"compare", "/compare"}, {"restores", "/restores"}, {"problem", "/nowhere"},
	}
	for _, window := range []struct {
		width, height int64
		scheme        string
	}{{1280, 900, "light"}, {390, 844, "dark"}, {1280, 900, "dark"}, {390, 844, "light"}} {
		if both := window.width == 1280 == (window.scheme == "light"); !both && !extent.Long() && os.Getenv("UPDATE") == "" {
			continue // every width and every scheme was there
		}
		b.do(chromedp.EmulateViewport(window.width, window.height), emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: window.scheme}}))
		for i, screen := range screens {
			where := fmt.Sprintf("%s at %d, %s", screen.name, window.width, window.scheme)
			b.mu.Lock()
			b.quiet = screen.name == "problem" // the browser says that it is not found
			b.mu.Unlock()
			var wide bool
			b.do(chromedp.Navigate(base+screen.path), chromedp.WaitReady("main"), chromedp.Evaluate(`document.documentElement.scrollWidth > innerWidth`, &wide))
			b.shifted(where, 0)
			if wide {
				b.Errorf("%s is wider than the window", where)
			}
			var cut bool
			if b.do(chromedp.Evaluate(`innerWidth < 500 && [...document.querySelectorAll(".wide")].some(e => e.scrollWidth > e.clientWidth)`, &cut)); cut {
				b.Errorf("a table of %s is wider than the window", where)
			}
			if i < pictured {
				b.picture(fmt.Sprintf("%s-%d-%s.png", screen.name, window.width, window.scheme))
			}
			if window.width != 1280 && i >= pictured/2 && !extent.Long() {
				continue // the same rules and colors
			}
			b.accessible(where)
		}
	}
	b.do(chromedp.EmulateViewport(1280, 900))
}
