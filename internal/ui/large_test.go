package ui

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/recorder"
)

// atOnce is how long the first answer of an interaction may take. Other work may run on the
// machine, which must not fail the tests of all: there, it may take a minute. complete is how
// long a page may take to be complete.
func atOnce() time.Duration {
	if os.Getenv("SSMBAK_BENCH") != "" {
		return time.Second
	}
	return time.Minute
}

const complete = 5 * time.Minute

// large is a recorded account of services with 40 parameters each, which another principal
// has deployed 20 times. Deployments of a service take no time, and begin 20 s after those of
// the service before it.
func large(t *testing.T, parameters int) (w *testworld.World, begin time.Time) {
	t.Helper()
	const versions, service = 20, 40
	clock := emulator.NewClock(time.Now().Add(-versions * 2 * time.Hour))
	begin = clock.Now()
	w = testworld.New(t, testworld.Options{Emulator: emulator.Options{
		Clock: clock, S3Clock: emulator.RealClock(), SSM: ssmapi.Options{MaxStandard: parameters + 10},
		Queue: emulator.QueueOptions{Copies: func(string) int { return 0 }},
	}})
	for n := range versions {
		clock.Set(begin.Add(time.Duration(n) * 2 * time.Hour))
		for first := 0; first < parameters; first += service {
			clock.Advance(20 * time.Second)
			deploy := w.Connect(testworld.As(w.AWS.Client(), fmt.Sprintf("deploy-%d", first/service%25))).SSM()
			var wg sync.WaitGroup
			for i := first; i < min(first+service, parameters); i++ {
				wg.Go(func() {
					put(w, deploy, fmt.Sprintf("/app/service-%03d/parameter-%02d", i/service, i%service), fmt.Sprintf("value %d", n), types.ParameterTypeString)
				})
			}
			wg.Wait()
		}
	}
	if _, err := w.Recorder.Reconcile(t.Context(), testworld.Everything(w), recorder.ReconcileOptions{}); err != nil {
		t.Fatal(err)
	}
	return w, begin
}

// TestLarge opens the page over a large account with a client over HTTP, and does what people
// do with it. With SSMBAK_BENCH there are 10,000 parameters with 20 versions each.
func TestLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("it records many parameters")
	}
	t.Parallel()
	parameters := 80
	if os.Getenv("SSMBAK_BENCH") != "" {
		parameters = 10_000
	}
	w, begin := large(t, parameters)
	s, _ := serve(t.Context(), w, options(w, "/", true))
	s.firstAnswer = firstAnswer
	jar, err := cookiejar.New(nil)
	w.Must(err)
	client := &http.Client{Jar: jar, Timeout: complete}
	at := func(hours float64) string {
		return begin.Add(time.Duration(hours * float64(time.Hour))).UTC().Format(time.RFC3339)
	}
	each := 3 // an index and two values
	if parameters <= 100 {
		each = 5 // and tags and history
	}
	const name, other = "/app/service-000/parameter-07", "/app/service-001/parameter-08"
	restore := url.Values{"kind": {kindRestore}, "at": {at(21)}}
	ticked := url.Values{"kind": {kindRestore}, "at": {at(21)}, "name": {name}}
	for _, step := range []struct {
		what, address, want string
		requests            int // to AWS, at most
	}{
		{"open", s.URL(), "service-", parameters + parameters/200 + 20}, // it reads the archive
		{"zoom", s.base() + "/?" + url.Values{"from": {at(0)}, "until": {at(39)}}.Encode(), "deploy-", 2*treeRows + 10},
		{"zoom in", s.base() + "/?" + url.Values{"from": {at(20)}, "until": {at(22)}}.Encode(), "deploy-", 2*treeRows + 10},
		{"move the cursor", s.base() + "/?" + url.Values{"at": {at(19)}, "from": {at(0)}, "until": {at(39)}}.Encode(), "deploy-", 2*treeRows + 10},
		{"filter the changes", s.base() + "/?" + url.Values{"text": {"service-000"}, "by": {"*/deploy-0*"}, "from": {at(0)}, "until": {at(39)}}.Encode(), "service-000", 2*treeRows + 10},
		{"tree", s.base() + "/tree?" + url.Values{"at": {at(21)}}.Encode(), "changed", 2*treeRows + 10},
		{"tree at another moment", s.base() + "/tree?" + url.Values{"at": {at(11)}}.Encode(), "changed", 2*treeRows + 10},
		{"filter the tree", s.base() + "/tree?" + url.Values{"at": {at(21)}, "glob": {"/app/**/parameter-07"}}.Encode(), name, 2*treeRows + 10},
		{"parameter", s.base() + "/parameter?" + url.Values{"name": {name}, "at": {at(21)}}.Encode(), "value 19", 2*treeRows + 10},
		{"compare", s.base() + "/compare?" + url.Values{"a": {at(5)}, "b": {at(31)}}.Encode(), fmt.Sprint(parameters, " updated"), 2*treeRows + 10},
		{"plan for one parameter", s.base() + planLink(ticked), "1 to update", 2*treeRows + 10},
		{"plan for two parameters", s.base() + planLink(url.Values{"kind": {kindRestore}, "at": {at(21)}, "name": {name, other}}), "2 to update", 2*treeRows + 10},
		{"plan for all parameters", s.base() + planLink(restore), fmt.Sprint(parameters, " to update"), each*parameters + parameters/40 + 20},
	} {
		before := requests(w)
		began := time.Now()
		text := fetch(t, client, step.address)
		first := time.Since(began)
		for strings.Contains(text, ` data-refresh="1"`) && time.Since(began) < complete {
			time.Sleep(500 * time.Millisecond)
			text = fetch(t, client, step.address)
		}
		took, sent := time.Since(began), requests(w)-before
		t.Logf("%s: first answer after %v, complete after %v, %d requests, %d KiB", step.what, first.Round(time.Millisecond), took.Round(time.Millisecond), sent, len(text)>>10)
		if first > atOnce() || took > complete {
			t.Errorf("%s took %v and %v, want at most %v and %v", step.what, first, took, atOnce(), complete)
		}
		if sent > step.requests {
			t.Errorf("%s sent %d requests to AWS, want at most %d", step.what, sent, step.requests)
		}
		if !strings.Contains(text, step.want) {
			t.Errorf("%s shows no %q:\n%.2000s", step.what, step.want, text)
		}
	}
}

// requests returns the number of all requests to AWS.
func requests(w *testworld.World) (n int) {
	for _, count := range w.AWS.Counts() {
		n += count
	}
	return n
}

// fetch returns a page.
func fetch(t *testing.T, client *http.Client, address string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v\n%.2000s", address, answer.Status, err, text)
	}
	return string(text)
}
