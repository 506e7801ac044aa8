package ui

import (
	"net/url"
	"strings"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// tick selects the tick of a parameter.
func tick(name string) string { return `input[type="checkbox"][value="` + name + `"]` }

// ticked ticks two rows of the tree at a moment, one of them with the keyboard, and restores
// just those.
func (b *browserTab) ticked(w *testworld.World, base, moment string) {
	b.Helper()
	b.do(chromedp.Navigate(base+"/tree?at="+url.QueryEscape(moment)), chromedp.WaitVisible("#chosen"),
		chromedp.Focus(tick("/app/url")), chromedp.KeyEvent(" "), chromedp.Click(tick("/app/old")))
	b.tabTo("Plan a restore of what is ticked")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`document.querySelector("#plan") !== null`)
	var planned string
	b.do(chromedp.Evaluate(`[...document.querySelectorAll("#plan input[name=name]:checked")].map(i => i.value).sort().join(" ")`, &planned))
	if text := b.text(); planned != "/app/old /app/url" || !strings.Contains(text, "--only /app/old --only /app/url") {
		b.Errorf("the plan is for %q:\n%s", planned, text)
	}
	b.do(chromedp.Click("button.apply"))
	b.until(`document.querySelector("#result") !== null`)
	if text := b.text(); !strings.Contains(text, "restored 2, deleted 0") {
		b.Errorf("the result is\n%s", text)
	}
	for name, want := range map[string]string{"/app/url": "https://one", "/app/old": "old", "/app/password": secretText + "-2"} {
		if got := live(w, name); got != want {
			b.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
