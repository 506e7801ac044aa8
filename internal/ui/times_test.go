package ui

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/restore"
)

var (
	// entered is what people type or copy, in UTC: commands, and IDs.
	entered    = regexp.MustCompile(`(?s)<section class="commands".*</section>|<code>.*?</code>|\d{8}T\d{6}Z-\w+`)
	element    = regexp.MustCompile(`<[^>]*?(aria-label="[^"]*")?[^>]*>`)
	timeInUTC  = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z`)
	localAfter = regexp.MustCompile(`^ \(?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{3})? \+02:00\)?`)
)

// TestBothTimes checks that every time on every screen, in tooltips and for screen readers, is
// in UTC and local time.
func TestBothTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		overlapping(w)
		_, err := w.Archive.SetMark(t.Context(), archive.Mark{Name: "deploy-1", At: ssmbak.TimeOf(time.Now())}, false)
		w.Must(err)
		_, err = w.SSM.DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: aws.String("/app/same")})
		w.Must(err)
		w.Record()
		o := options(w, "/app", true)
		o.Now = func() time.Time { return time.Now().In(time.FixedZone("", 2*60*60)) }
		o.MaxRate = 1
		o.Restorer = func(ro restore.Options) *restore.Restorer {
			ro.By, ro.Recreation = "arn:aws:iam::123456789012:user/local", 30*time.Second
			return restore.New(w.Archive, w.Live, w.Recorder, ro)
		}
		x := opened(w, o)
		first := x.get("/")
		plan := x.get(x.link(first, "Plan a restore to this moment"))
		if !strings.Contains(plan, "at the earliest") {
			t.Error("the plan does not say when the deleted parameter can be created")
		}
		pages := map[string]string{
			"/": first, "the plan": plan, "the revert": x.get(x.link(first, "Plan to take it back")),
			"the result": x.apply(plan, all(plan)),
		}
		for _, path := range []string{"/?from=2m&until=now", "/tree?at=4s", "/tree?at=1h", "/compare?a=1h&b=now", "/compare?a=20s&b=now", "/parameter?name=/app/old", "/parameter?name=/app/password", "/restores"} {
			pages[path] = x.get(path)
		}
		for path, page := range pages {
			text := html.UnescapeString(element.ReplaceAllString(entered.ReplaceAllString(page, ""), "$1"))
			for _, at := range timeInUTC.FindAllStringIndex(text, -1) {
				if after := text[at[1]:min(at[1]+40, len(text))]; !localAfter.MatchString(after) {
					t.Errorf("%s: no local time after %q", path, text[max(0, at[0]-80):at[1]]+after)
				}
			}
		}
	})
}

// overlapping lets two principals change parameters at once, and returns when that begins.
func overlapping(w *testworld.World) (begin ssmbak.Time) {
	time.Sleep(2 * setGap)
	begin = ssmbak.TimeOf(time.Now())
	alice, bob := w.Connect(testworld.As(w.AWS.Client(), "alice")).SSM(), w.Connect(testworld.As(w.AWS.Client(), "bob")).SSM()
	put(w, alice, "/app/url", "alice", types.ParameterTypeString)
	time.Sleep(10 * time.Second)
	put(w, bob, "/app/same", "bob", types.ParameterTypeString)
	time.Sleep(10 * time.Second)
	put(w, alice, "/app/config", "alice", types.ParameterTypeString)
	w.Record()
	return begin
}
