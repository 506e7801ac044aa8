package ui

import (
	"context"
	"net/url"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/chromedp/chromedp"

	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/restore"
)

// plan opens the plan of a restore of parameters to a moment.
func (b *browserTab) plan(base, moment, options string, names ...string) {
	b.Helper()
	q := url.Values{"kind": {kindRestore}, "at": {moment}, "name": names}
	b.do(chromedp.Navigate(base+planLink(q)+options), chromedp.WaitVisible("button.apply"))
}

// says checks that the page comes to say something.
func (b *browserTab) says(selector string, wants ...string) {
	b.Helper()
	b.until(`document.querySelector("` + selector + `") !== null`)
	for _, want := range wants {
		if text := b.text(); !strings.Contains(text, want) {
			b.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

// refusals checks that a plan that went stale, one without the word yes, and one that was
// applied in another tab change nothing, and that the page says so.
func (b *browserTab) refusals(w *testworld.World, base, moment string) {
	b.Helper()
	b.hush()
	unchanged := func(name, want string) {
		b.Helper()
		if got := live(w, name); got != want {
			b.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	b.plan(base, moment, "", "/app/config")
	put(w, w.SSM, "/app/config", "by hand", types.ParameterTypeString)
	b.do(chromedp.Click("button.apply"))
	b.says("#result", "refused 1", "it was changed since the plan was made")
	unchanged("/app/config", "by hand")

	b.plan(base, moment, "&exact=1", "/app/new")
	b.do(chromedp.SendKeys(`input[name="yes"]`, "no"), chromedp.Click("button.apply"))
	b.says("[role=alert]", "nothing was changed", "type yes into the field")
	unchanged("/app/new", "new")

	ctx, cancel := chromedp.NewContext(b.ctx)
	defer cancel()
	if err := chromedp.Run(ctx); err != nil { // the tab ends with the context of its first run
		b.Fatal(err)
	}
	other := &browserTab{TB: b.TB, ctx: ctx, base: base, quiet: true}
	b.plan(base, moment, "", "/app/password")
	other.plan(base, moment, "", "/app/password")
	var token string
	b.do(chromedp.Value(`#plan input[name="token"]`, &token))
	b.do(chromedp.Click("button.apply"))
	b.says("#result", "restored 1")
	put(w, w.SSM, "/app/password", "after it", types.ParameterTypeSecureString)
	other.do(chromedp.SetValue(`#plan input[name="token"]`, token), chromedp.Click("button.apply"))
	other.says("[role=alert]", "was used already", "nothing was done")
	unchanged("/app/password", "after it")
}

// held returns options whose restores write one parameter, and the others after release.
func held(w *testworld.World) (o Options, release func()) {
	gate := make(chan struct{})
	o = options(w, "/app", true)
	restorer := o.Restorer
	o.Restorer = func(ro restore.Options) *restore.Restorer {
		ro.Parallel = 1
		if progress := ro.Progress; progress != nil {
			ro.Progress = func(done, total int) { progress(done, total); <-gate }
		}
		return restorer(ro)
	}
	return o, sync.OnceFunc(func() { close(gate) })
}

// completed checks that the progress of a restore becomes its result without moving what is
// on the page.
func (b *browserTab) completed(w *testworld.World, moment string) {
	b.Helper()
	b.hush()
	put(w, w.SSM, "/app/same", "broken", types.ParameterTypeString)
	put(w, w.SSM, "/app/url", "broken", types.ParameterTypeString)
	o, release := held(w)
	defer release()
	s, _ := serve(w.Context(), w, o)
	b.do(chromedp.Navigate(s.URL()))
	b.plan(s.base(), moment, "", "/app/same", "/app/url")
	b.do(chromedp.Click("button.apply"))
	b.until(`document.body.innerText.includes("1 of 2")`)
	release()
	b.says("#result", "restored 2")
	b.shifted("a restore that was waited for", 0.1)
}

// killed ends the server between two writes of a restore, after which nothing of it runs. The
// page says that it ended, and the next server lists the restore and undoes it.
func (b *browserTab) killed(w *testworld.World, moment string) {
	b.Helper()
	b.hush()
	both := func() string { return live(w, "/app/same") + " " + live(w, "/app/url") }
	put(w, w.SSM, "/app/same", "broken", types.ParameterTypeString)
	put(w, w.SSM, "/app/url", "broken", types.ParameterTypeString)

	ctx, interrupt := context.WithCancel(w.Context())
	defer interrupt()
	o, release := held(w)
	defer release()
	s, end := serve(ctx, w, o)
	b.do(chromedp.Navigate(s.URL()))
	b.plan(s.base(), moment, "", "/app/same", "/app/url")
	b.do(chromedp.Click("button.apply"))
	b.until(`document.body.innerText.includes("1 of 2")`)
	end()
	b.says("#live [role=alert]", "ssmbak has ended. Its restore is in the list of restores, and ssmbak undo shows it.")
	if got := both(); got != "same broken" && got != "broken https://one" {
		b.Errorf("the values are %s", got)
	}

	s2, _ := serve(w.Context(), w, options(w, "/app", true))
	b.do(chromedp.Navigate(s2.URL()), chromedp.Navigate(s2.base()+"/restores"))
	b.says("table", "not completed", "--only /app/same --only /app/url")
	b.follow(link("Plan to undo it"))
	b.says("#plan", "1 to update")
	b.do(chromedp.Click("button.apply"))
	b.says("#result", "restored 1")
	if got := both(); got != "broken broken" {
		b.Errorf("the values are %s", got)
	}
	// The killed server writes nothing more.
	interrupt()
	release()
	s.Wait()
	if got := both(); got != "broken broken" {
		b.Errorf("the values are %s", got)
	}
}
