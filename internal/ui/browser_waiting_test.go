package ui

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/program"
)

// TestWaitInBrowser waits for an archive and a plan that take long, uses the keyboard's
// shortcuts, and returns to tabs whose server was started again, in Chromium.
func TestWaitInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a browser")
	}
	t.Parallel()
	program.Need(t, "chromium", "SSMBAK_REQUIRE_CHROMIUM", "apt-get install chromium")
	w := newWorld(t)
	// hold keeps what reads an index waiting until release is called. Then it takes longer
	// than pages that are loaded without a reading of their own.
	hold := func() (release func()) {
		held := make(chan struct{})
		w.AWS.Faults.Clear()
		w.AWS.Faults.Add(emulator.Rule{Service: "s3", Op: "GetObject", KeyPrefix: ".ssmbak/index/app/old", Fault: emulator.Fault{Delay: 2 * quick, Until: held}})
		return func() { close(held) }
	}
	release := hold()
	s, end := serve(t.Context(), w, options(w, "/app", true))
	s.firstAnswer = 100 * time.Millisecond
	base := s.base()
	b := openBrowser(t, base)

	b.observeShifts()
	b.do(chromedp.Navigate(s.URL()), chromedp.WaitVisible("#waiting"), chromedp.Evaluate(`window.same = true; 0`, nil))
	b.until(`document.querySelector("#waiting li").innerText.includes("5 of 6 parameters read")`)
	b.accessible("a page that waits")
	release()
	b.until(`document.querySelector("#cursor") !== null`)
	b.shifted("an archive that was waited for", 0)
	var arrived string
	b.do(chromedp.Evaluate(`[window.same, document.title, document.activeElement.id, document.querySelectorAll("main, header, footer").length, getComputedStyle(document.activeElement).outlineStyle].join(" ")`, &arrived))
	if want := "true Changes - ssmbak main 3 none"; arrived != want {
		t.Errorf("the page comes to be %q, want %q: not loaded again", arrived, want)
	}
	release = hold()
	b.do(chromedp.Click(link("Plan a restore to this moment")), chromedp.WaitVisible("#waiting"))
	if text := b.text(); !strings.Contains(text, "Making the plan") || !strings.Contains(text, "ssmbak restore /app ") {
		t.Errorf("a plan that is being made shows\n%s", text)
	}
	release()
	b.until(`document.querySelector("#plan") !== null`)
	b.shifted("a plan that was waited for", 0)

	// Ticks are kept while the archive is read again.
	b.do(chromedp.Navigate(base + "/tree"))
	b.until(`document.querySelector("#chosen") !== null`)
	release = hold()
	b.do(chromedp.Click(link("read it again")), chromedp.WaitVisible("#reading"))
	b.accessible("a page that is read again")
	b.do(chromedp.Click(tick("/app/url")))
	release()
	b.until(`document.querySelector("#reading").innerText === "The archive was read again: load the page again to see it."`)
	var ticked bool
	if b.do(chromedp.Evaluate(`document.querySelector('`+tick("/app/url")+`').checked`, &ticked)); !ticked {
		t.Error("the tick is lost")
	}
	b.shifted("an archive that was read again", 0)
	w.AWS.Faults.Clear()
	b.keys(base)
	for _, problem := range b.problems {
		t.Error(problem)
	}
	b.hush()

	// The server is killed, and started again at the same address.
	b.do(chromedp.Navigate(base + "/"))
	b.until(`document.querySelector("#cursor") !== null`)
	var moment string
	b.do(chromedp.AttributeValue("#cursor time", "datetime", &moment, nil))
	b.plan(base, moment, "", "/app/config")
	ctx, cancel := chromedp.NewContext(b.ctx)
	defer cancel()
	if err := chromedp.Run(ctx); err != nil { // the tab ends with the context of its first run
		t.Fatal(err)
	}
	waiting := &browserTab{TB: t, ctx: ctx, base: base, quiet: true}
	release = hold()
	waiting.do(chromedp.Navigate(base+planLink(url.Values{"kind": {kindRestore}, "at": {moment}})), chromedp.WaitVisible("#waiting"))
	end()
	serveCtx, stop := context.WithCancel(t.Context())
	defer stop()
	again, _ := serveAt(serveCtx, w, options(w, "/app", true), s.guard.host)
	waiting.until(`["refused: this page is that of an earlier run: open the address that ssmbak printed last",
		"ssmbak has ended. Start it again, and open the address that it prints."].includes(document.querySelector("[role=alert]")?.innerText.trim())`)
	w.AWS.Faults.Clear()
	release()
	waiting.do(chromedp.Navigate(again.URL()), chromedp.WaitVisible("#cursor"))
	b.do(chromedp.Click("button.apply"))
	b.says("[role=alert]", "was used already, or its page is too old: nothing was done")
	if got := live(w, "/app/config"); !strings.Contains(got, `"c": 3`) {
		t.Errorf("a page of an earlier run wrote %s", got)
	}

	// A plan that waits until the archive is read has the title of what is in progress.
	release = hold()
	unread, _ := serve(t.Context(), w, options(w, "/app", true))
	unread.firstAnswer = 100 * time.Millisecond
	b.do(chromedp.Navigate(unread.URL()), chromedp.WaitVisible("#waiting"), chromedp.Navigate(unread.base()+planLink(url.Values{"kind": {kindRestore}, "at": {moment}})))
	for _, title := range []string{"Reading the archive", "Making the plan"} { // each reads the indexes
		var got string
		b.until(fmt.Sprintf(`document.querySelector("h1")?.innerText === %q`, title))
		if b.do(chromedp.Title(&got)); got != title+" - ssmbak" {
			t.Errorf("the page %q has the title %q", title, got)
		}
		before := release
		release = hold()
		before()
	}
	w.AWS.Faults.Clear()
	release()
}

// keys checks that shortcuts work on German keyboards of all systems, and not with other
// modifiers or in fields.
func (b *browserTab) keys(base string) {
	b.Helper()
	open := func() {
		b.Helper()
		b.do(chromedp.Navigate(base + "/"))
		b.until(`document.querySelector("#cursor") !== null`)
	}
	const send = `(init, selector, platform) => {
		if (platform) Object.defineProperty(navigator, "platform", {value: platform, configurable: true});
		document.addEventListener("click", (e) => e.preventDefault(), {once: true}); // stay here
		const e = new KeyboardEvent("keydown", {bubbles: true, cancelable: true, ...init});
		(selector ? document.querySelector(selector) : document.body).dispatchEvent(e);
		return e.defaultPrevented;
	}`
	for _, test := range []struct {
		init, selector, platform string
		want                     bool
	}{
		{`{key: "["}`, "", "", true},
		{`{key: "[", modifierAltGraph: true}`, "", "", true},                              // Linux
		{`{key: "[", modifierAltGraph: true, ctrlKey: true, altKey: true}`, "", "", true}, // Windows
		{`{key: "[", altKey: true}`, "", "MacIntel", true},
		{`{key: "/", shiftKey: true}`, "", "", true},
		{`{key: "?", shiftKey: true}`, "", "", true},
		{`{key: "/", modifierAltGraph: true}`, "", "", true},
		{`{key: "[", altKey: true}`, "", "Linux x86_64", false},
		{`{key: "[", ctrlKey: true}`, "", "", false},
		{`{key: "[", metaKey: true}`, "", "MacIntel", false},
		{`{key: "[", ctrlKey: true, altKey: true}`, "", "Linux x86_64", false},
		{`{key: "[", modifierAltGraph: true, ctrlKey: true}`, "", "Linux x86_64", false},
		{`{key: "+", ctrlKey: true}`, "", "", false}, // the browser's zoom
		{`{key: "-", ctrlKey: true}`, "", "", false},
		{`{key: "/", ctrlKey: true}`, "", "", false},
		{`{key: "?", altKey: true}`, "", "Win32", false},
		{`{key: "["}`, "#filter", "", false},
		{`{key: "/"}`, "#filter", "", false},
		{`{key: "?"}`, "select", "", false},
		{`{key: "[", isComposing: true}`, "", "", false},
		{`{key: "x"}`, "", "", false},
	} {
		open()
		var taken bool
		b.do(chromedp.Evaluate(fmt.Sprintf("(%s)(%s, %q, %q)", send, test.init, test.selector, test.platform), &taken))
		if taken != test.want {
			b.Errorf("%s in %q on %q is a shortcut: %t, want %t", test.init, test.selector, test.platform, taken, test.want)
		}
	}
	for key, id := range map[string]string{"/": "filter", "?": "keys"} {
		open()
		var focused string
		b.do(press(key), chromedp.Evaluate(`document.activeElement.id`, &focused))
		if focused != id {
			b.Errorf("%s leads to %q, want %q", key, focused, id)
		}
	}
	for key, id := range map[string]string{"<": "earlier", ">": "later", "+": "in", "-": "out"} {
		open()
		var before, address string
		b.do(chromedp.Location(&before), chromedp.Evaluate(fmt.Sprintf(`document.getElementById(%q).href`, id), &address))
		if address == before {
			b.Errorf("%s leads nowhere", id)
		}
		b.do(press(key))
		b.until(fmt.Sprintf(`location.href === %q && document.activeElement.id === %q`, address, id))
	}
	// A slash is a shortcut once, and then a character of the filter.
	open()
	var typed string
	for _, key := range "//a[?" {
		b.do(press(string(key)))
	}
	if b.do(chromedp.Value("#filter", &typed)); typed != "/a[?" {
		b.Errorf("the filter is %q, want %q", typed, "/a[?")
	}
}

// press presses a key that writes a character, and releases it. chromedp.KeyEvent sends the
// character as an event of its own, which comes although the page took the key.
func press(key string) chromedp.Tasks {
	return chromedp.Tasks{
		input.DispatchKeyEvent(input.KeyDown).WithKey(key).WithText(key).WithUnmodifiedText(key),
		input.DispatchKeyEvent(input.KeyUp).WithKey(key),
	}
}
