package ui

import (
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/ssmbak/ssmbak/internal/testkit/extent"
	"github.com/ssmbak/ssmbak/internal/testkit/program"
)

// TestLargeInBrowser opens the page over a large account in Chromium, and logs the time from each
// key or click to the painted answer. With SSMBAK_BENCH there are 10,000 parameters with 20
// versions each.
func TestLargeInBrowser(t *testing.T) {
	parameters := 80
	switch {
	case os.Getenv("SSMBAK_BENCH") != "":
		parameters = 10_000
	case !extent.Long():
		t.Skip("SSMBAK_LONG=1 or SSMBAK_BENCH=1 runs it")
	}
	program.Need(t, "chromium", "SSMBAK_REQUIRE_CHROMIUM", "apt-get install chromium")
	w, _ := large(t, parameters)
	s, _ := serve(t.Context(), w, options(w, "/", true))
	s.firstAnswer = firstAnswer
	b := openBrowser(t, s.base())
	const changes = `location.pathname === "/" && document.querySelector("#cursor")`
	filters := map[string]string{"filter the changes": "parameter-0", "filter the tree": "service-001"}
	for _, step := range []struct {
		what  string
		act   chromedp.Action
		shows string
	}{
		{"open", chromedp.Navigate(s.URL()), changes},
		{"move the cursor", press("["), changes},
		{"zoom out", press("-"), changes},
		{"zoom in", press("+"), changes},
		{"filter the changes", chromedp.KeyEvent(kb.Enter), `location.search.includes("text=parameter-0") && document.querySelector("#cursor")`},
		{"parameter", chromedp.Click(`a[href^="/parameter"]`), `document.querySelector("h1.path")`},
		{"compare", chromedp.Click(link("Compare with now")), `location.pathname === "/compare" && document.querySelector("#waiting") === null`},
		{"tree", chromedp.Click(link("Tree")), `document.querySelector("#chosen")`},
		{"filter the tree", chromedp.KeyEvent(kb.Enter), `location.search.includes("text=service-001") && document.querySelector("#chosen")`},
	} {
		if text, found := filters[step.what]; found {
			b.do(chromedp.Evaluate(`document.querySelector("#filter").value = ""`, nil), chromedp.SendKeys("#filter", text))
		}
		b.do(chromedp.Evaluate(`window.left = true; 0`, nil))
		began := time.Now()
		b.do(step.act)
		b.until(`!window.left && !!(` + step.shows + `)`)
		b.do(chromedp.Evaluate(`new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r))).then(() => 0)`, nil, awaited))
		t.Logf("%s: painted after %v", step.what, time.Since(began).Round(time.Millisecond))
	}
	for _, problem := range b.problems {
		t.Error(problem)
	}
}
