package ui

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/restore"
)

const testHost = "127.0.0.1:4711"

// secretText is the value of a secret, which no page may contain unasked.
const secretText = "hunter2-is-secret"

// site is a world with a page over it, without a browser.
type site struct {
	*testworld.World
	*Server
	handler http.Handler
	cookie  *http.Cookie
}

// newWorld returns a world in which /app was deployed well, and then badly by another user.
func newWorld(t testing.TB) *testworld.World {
	w := testworld.New(t, testworld.Options{Emulator: emulator.Options{
		Clock: emulator.RealClock(), SSM: ssmapi.Options{Trail: true, UnlabelOperation: "UnlabelParameterVersion"}, TrailDelay: 500 * time.Millisecond,
	}})
	put(w, w.SSM, "/app/url", "https://one", types.ParameterTypeString)
	put(w, w.SSM, "/app/config", `{"a": 1, "b": {"c": 2}}`, types.ParameterTypeString)
	put(w, w.SSM, "/app/old", "old", types.ParameterTypeString)
	put(w, w.SSM, "/app/same", "same", types.ParameterTypeString)
	put(w, w.SSM, "/app/password", secretText, types.ParameterTypeSecureString)
	w.Record()
	deploy := w.Connect(testworld.As(w.AWS.Client(), "deploy")).SSM()
	put(w, deploy, "/app/url", "https://two", types.ParameterTypeString)
	put(w, deploy, "/app/config", `{"a": 1, "b": {"c": 3}}`, types.ParameterTypeString)
	put(w, deploy, "/app/password", secretText+"-2", types.ParameterTypeSecureString)
	put(w, deploy, "/app/new", "new", types.ParameterTypeString)
	name := "/app/old"
	_, err := deploy.DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: &name})
	w.Must(err)
	w.Record()
	return w
}

func put(w *testworld.World, client *ssm.Client, name, value string, kind types.ParameterType) {
	w.Helper()
	_, err := client.PutParameter(w.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: kind, Overwrite: aws.Bool(true)})
	w.Must(err)
}

// options are those of a page over a world, as the command has them.
func options(w *testworld.World, path string, allow bool) Options {
	id, _ := w.Archive.Identity()
	return Options{
		Archive: w.Archive, Target: testworld.Target(w, path, true), Account: id.Account, Region: id.Region, Live: true, AllowRestore: allow,
		Flags: " --bucket archive", Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Restorer: func(o restore.Options) *restore.Restorer {
			o.By, o.Recreation = "arn:aws:iam::123456789012:user/local", -1
			if allow {
				return restore.New(w.Archive, w.Live, w.Recorder, o)
			}
			return restore.New(w.Archive, w.Live, nil, o)
		},
		Explain: func(err error) (message, hint string) {
			f := shell.Explain(err)
			return f.Message, f.Hint
		},
	}
}

// over returns the page over a world.
func over(w *testworld.World, path string, allow bool) *site {
	return opened(w, options(w, path, allow))
}

// opened returns the page with options.
func opened(w *testworld.World, o Options) *site {
	x := &site{World: w, Server: New(w.Context(), o, testHost)}
	x.firstAnswer = time.Hour // except in tests of pages that wait
	x.handler = x.Handler()
	answer := x.send(http.MethodGet, strings.TrimPrefix(x.URL(), "http://"+testHost), nil, nil)
	if answer.Code != http.StatusSeeOther || len(answer.Result().Cookies()) != 1 {
		w.Fatalf("the token gives %d %v", answer.Code, answer.Result().Cookies())
	}
	x.cookie = answer.Result().Cookies()[0]
	return x
}

// send sends a request as the admitted browser would. change may change it.
func (x *site) send(method, path string, form url.Values, change func(*http.Request)) *httptest.ResponseRecorder {
	x.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequestWithContext(x.Context(), method, path, body)
	r.Host = testHost
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "http://"+testHost)
	}
	if x.cookie != nil {
		r.AddCookie(x.cookie)
	}
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	x.handler.ServeHTTP(w, r)
	return w
}

// get returns a page without the places where a line may be broken, which show nothing.
func (x *site) get(path string) string {
	x.Helper()
	answer := x.send(http.MethodGet, path, nil, nil)
	if answer.Code != http.StatusOK {
		x.Fatalf("GET %s: %d\n%s", path, answer.Code, answer.Body)
	}
	return strings.ReplaceAll(answer.Body.String(), "<wbr>", "")
}

// token returns the token of the first form with an action.
func (x *site) token(page, action string) string {
	x.Helper()
	_, form, _ := strings.Cut(page, `action="`+action+`"`)
	form, _, _ = strings.Cut(form, "</form>")
	m := regexp.MustCompile(`name="token" value="([A-Z0-9]+)"`).FindStringSubmatch(form)
	if m == nil {
		x.Fatalf("there is no form for %s in\n%s", action, page)
	}
	return m[1]
}

// link returns the address of the first link with a text.
func (x *site) link(page, text string) string {
	x.Helper()
	m := regexp.MustCompile(`<a [^>]*href="([^"]*)"[^>]*>` + regexp.QuoteMeta(text) + `</a>`).FindStringSubmatch(page)
	if m == nil {
		x.Fatalf("there is no link %q in\n%s", text, page)
	}
	return strings.ReplaceAll(m[1], "&amp;", "&")
}

// apply applies a plan and returns the page with its result.
func (x *site) apply(page string, form url.Values) string {
	x.Helper()
	form.Set("token", x.token(page, "/apply"))
	answer := x.send(http.MethodPost, "/apply", form, nil)
	if answer.Code != http.StatusSeeOther {
		x.Fatalf("POST /apply: %d\n%s", answer.Code, answer.Body)
	}
	x.Wait()
	return x.get(answer.Header().Get("Location"))
}

// live returns the live value of a parameter, "" if it does not exist.
func (x *site) live(name string) string { return live(x.World, name) }

func live(w *testworld.World, name string) string {
	w.Helper()
	out, err := w.SSM.GetParameters(w.Context(), &ssm.GetParametersInput{Names: []string{name}, WithDecryption: aws.Bool(true)})
	w.Must(err)
	if len(out.Parameters) == 0 {
		return ""
	}
	return aws.ToString(out.Parameters[0].Value)
}

func contains(t testing.TB, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}
