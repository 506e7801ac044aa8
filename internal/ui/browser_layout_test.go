package ui

import (
	"context"
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/emulation"
	intercept "github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	devtools "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// observeShifts lets every page of the tab count how far what is painted moves without an input
// of the user, which browsers call layout shift: https://web.dev/articles/cls.
func (b *browserTab) observeShifts() {
	b.Helper()
	const script = `window.shifts = [];
	window.shiftsOf = new PerformanceObserver((list) => window.shifts.push(...list.getEntries()));
	window.shiftsOf.observe({type: "layout-shift", buffered: true});`
	b.do(chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := devtools.AddScriptToEvaluateOnNewDocument(script).Do(ctx)
		return err
	}))
}

// shifted checks that the layout of the page has not moved by more than most since it was opened.
func (b *browserTab) shifted(where string, most float64) {
	b.Helper()
	var got struct {
		Sum   float64
		Nodes []string
	}
	b.do(chromedp.Evaluate(`new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r))).then(() => {
		shifts.push(...shiftsOf.takeRecords());
		const all = shifts.filter((s) => !s.hadRecentInput);
		return {sum: all.reduce((n, s) => n + s.value, 0), nodes: all.flatMap((s) => s.sources.map((x) => x.node?.outerHTML?.slice(0, 80) ?? "a removed node"))};
	})`, &got, awaited))
	if got.Sum > most {
		b.Errorf("the layout of %s shifts by %.3f, want at most %.3f:\n%s", where, got.Sum, most, strings.Join(got.Nodes, "\n"))
	}
}

// slowly checks that no screen moves while it arrives: Chromium may paint a page before it has
// all of it, where a parser is interrupted or a response comes in pieces.
func (b *browserTab) slowly(base string) {
	b.Helper()
	const bytesPerSecond = 40_000
	b.do(network.EmulateNetworkConditions(false, 0, bytesPerSecond, -1))
	for _, path := range []string{"/", "/tree", "/parameter?name=/app/config", "/compare", "/restores", "/plan?kind=restore&at=1h"} {
		b.do(chromedp.Navigate(base+path), chromedp.WaitReady("footer"))
		b.shifted(path+", which arrives slowly,", 0)
	}
	b.do(network.EmulateNetworkConditions(false, 0, -1, -1))
}

// darkFirst checks that the page is dark before its stylesheet arrives: all that a browser may
// paint until then is the canvas. Chromium does not paint it, but says which color it has.
func (b *browserTab) darkFirst(base string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	held := make(chan intercept.RequestID, 1)
	chromedp.ListenTarget(ctx, func(event any) {
		if e, ok := event.(*intercept.EventRequestPaused); ok {
			held <- e.RequestID
		}
	})
	b.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}),
		intercept.Enable().WithPatterns([]*intercept.RequestPattern{{URLPattern: "*/static/ui.css"}}),
		chromedp.ActionFunc(func(ctx context.Context) error {
			_, _, _, _, err := devtools.Navigate(base + "/").Do(ctx)
			return err
		}))
	var id intercept.RequestID
	select {
	case id = <-held:
	case <-ctx.Done():
		b.Fatal("the page requests no stylesheet")
	}
	// The browser requests the stylesheet as soon as it has seen its element, which may be
	// before it has any element of the page.
	const ask = `(async () => {
		while (!document.documentElement) await new Promise((r) => setTimeout(r, 10));
		const e = document.createElement("p");
		e.style.color = "Canvas";
		document.documentElement.append(e);
		return getComputedStyle(e).color + ", " + document.styleSheets.length + " stylesheets";
	})()`
	var canvas string
	b.do(chromedp.Evaluate(ask, &canvas, awaited), intercept.ContinueRequest(id), intercept.Disable(), chromedp.WaitReady("main"))
	var red, green, blue int
	if _, err := fmt.Sscanf(canvas, "rgb(%d, %d, %d), 0 stylesheets", &red, &green, &blue); err != nil || max(red, green, blue) > 60 {
		b.Errorf("before its stylesheet arrives, a dark page is %s", canvas)
	}
}
