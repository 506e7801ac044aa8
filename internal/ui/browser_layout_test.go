package ui

import (
	"context"
	"strings"

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
