package main_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/testkit/program"
)

// day is the Parameter Store of `ssmbak local`, and the command that restores it.
type day struct {
	*testing.T
	program string
	env     []string
	address string // host and port of `ssmbak local`
	ssm     *ssm.Client
}

// newDay starts `ssmbak local` until the end of the test.
func newDay(t *testing.T) *day {
	t.Helper()
	d := &day{T: t, program: program.Build(t, "ssmbak")}
	local := exec.CommandContext(context.WithoutCancel(t.Context()), d.program, "local", "--port", "0")
	local.Env = []string{"HOME=" + t.TempDir()}
	stdout, err := local.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := local.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = local.Process.Signal(os.Interrupt)
		_ = local.Wait()
	})
	url := ""
	for lines := bufio.NewScanner(stdout); len(d.env) < 6 && lines.Scan(); {
		for _, setting := range strings.Fields(strings.TrimPrefix(lines.Text(), "export ")) {
			d.env = append(d.env, setting)
			if after, ok := strings.CutPrefix(setting, "AWS_ENDPOINT_URL="); ok {
				url = after
			}
		}
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	conn, err := awsconn.Load(t.Context(), awsconn.Options{Anonymous: true, Region: "us-east-1", EndpointURL: url})
	if err != nil {
		t.Fatal(err)
	}
	d.ssm, d.address = conn.SSM(), strings.TrimPrefix(url, "http://")
	return d
}

// command returns an ssmbak command, not yet started.
func (d *day) command(args ...string) *exec.Cmd {
	c := exec.CommandContext(d.Context(), d.program, args...)
	c.Env = d.env
	return c
}

// ssmbak runs the command and returns what it printed.
func (d *day) ssmbak(code int, args ...string) (stdout, stderr string) {
	d.Helper()
	c := d.command(args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); c.ProcessState == nil || c.ProcessState.ExitCode() != code {
		d.Fatalf("ssmbak %s: %v, want exit code %d\n%s%s", strings.Join(args, " "), err, code, &out, &errs)
	}
	return out.String(), errs.String()
}

func (d *day) must(_ any, err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func (d *day) put(name, value string, change ...func(*ssm.PutParameterInput)) {
	d.Helper()
	in := &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true)}
	for _, f := range change {
		f(in)
	}
	d.must(d.ssm.PutParameter(d.Context(), in))
}

func (d *day) tag(name, key, value string) {
	d.Helper()
	d.must(d.ssm.AddTagsToResource(d.Context(), &ssm.AddTagsToResourceInput{
		ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &name, Tags: []types.Tag{{Key: &key, Value: &value}},
	}))
}

func (d *day) label(name string, version int64, labels ...string) {
	d.Helper()
	d.must(d.ssm.LabelParameterVersion(d.Context(), &ssm.LabelParameterVersionInput{Name: &name, ParameterVersion: &version, Labels: labels}))
}

func (d *day) remove(names ...string) {
	d.Helper()
	d.must(d.ssm.DeleteParameters(d.Context(), &ssm.DeleteParametersInput{Names: names}))
}

func secretly(key string) func(*ssm.PutParameterInput) {
	return func(in *ssm.PutParameterInput) { in.Type, in.KeyId = types.ParameterTypeSecureString, &key }
}

func advanced(policies string) func(*ssm.PutParameterInput) {
	return func(in *ssm.PutParameterInput) {
		in.Tier = types.ParameterTierAdvanced
		if policies != "" {
			in.Policies = &policies
		}
	}
}

func described(text string) func(*ssm.PutParameterInput) {
	return func(in *ssm.PutParameterInput) { in.Description = &text }
}

const (
	unchanging = `[{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"20","Unit":"Days"}}]`
	expiring   = `[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2090-01-01T00:00:00.000Z"}}]`
)

func at(i int) string { return fmt.Sprintf("/app/p%02d", i) }

// grow creates a tree of 30 parameters of every kind.
func (d *day) grow() {
	d.Helper()
	for i := range 30 {
		var kind []func(*ssm.PutParameterInput)
		switch {
		case i >= 25:
			kind = append(kind, advanced(unchanging))
		case i >= 20:
			kind = append(kind, advanced(""))
		}
		switch i % 3 {
		case 1:
			kind = append(kind, secretly("alias/app"))
		case 2:
			kind = append(kind, described("a list"), func(in *ssm.PutParameterInput) { in.Type = types.ParameterTypeStringList })
		}
		d.put(at(i), fmt.Sprintf("one %d", i), kind...)
		d.put(at(i), fmt.Sprintf("two %d", i), kind...)
		d.tag(at(i), "team", "core")
		d.label(at(i), 2, "prod")
	}
	for _, i := range []int{0, 3, 12, 15} {
		d.label(at(i), 1, "old")
	}
}

// ruin damages the tree in every way that can be restored in place.
func (d *day) ruin() {
	d.Helper()
	d.put(at(0), "broken")
	d.put(at(1), "broken", secretly("alias/other"))
	d.put(at(2), "two 2", described(""), func(in *ssm.PutParameterInput) { in.Type = types.ParameterTypeStringList }) // without its description
	d.put(at(4), "two 4")                                                                                             // no secret any more
	d.put(at(6), "two 6", secretly("alias/app"))
	d.tag(at(9), "team", "other")
	d.tag(at(9), "new", "x")
	d.must(d.ssm.RemoveTagsFromResource(d.Context(), &ssm.RemoveTagsFromResourceInput{
		ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String(at(10)), TagKeys: []string{"team"},
	}))
	d.label(at(12), 1, "prod")
	d.must(d.ssm.UnlabelParameterVersion(d.Context(), &ssm.UnlabelParameterVersionInput{Name: aws.String(at(15)), ParameterVersion: aws.Int64(1), Labels: []string{"old"}}))
	d.put(at(18), "broken")
	d.label(at(18), 3, "prod", "beta")
	d.put(at(21), "two 21", advanced(expiring))
	d.put(at(27), "two 27", advanced("[{}]"))
	d.remove(at(7), at(8), at(20), at(25))
	d.put("/app/new1", "x")
	d.put("/app/new2", "x", secretly("alias/app"))
}

// state returns all live parameters below /app, as one text each. It has labels as the
// values of their versions.
func (d *day) state() map[string]string {
	d.Helper()
	out := make(map[string]string)
	pages := ssm.NewDescribeParametersPaginator(d.ssm, &ssm.DescribeParametersInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(d.Context())
		d.must(nil, err)
		for _, p := range page.Parameters {
			if name := aws.ToString(p.Name); strings.HasPrefix(name, "/app/") {
				if text, there := d.describe(name); there {
					out[name] = text
				}
			}
		}
	}
	return out
}

// describe returns a parameter as text, and whether it exists: a running restore may
// delete it after the listing.
func (d *day) describe(name string) (text string, there bool) {
	d.Helper()
	var gone *types.ParameterNotFound
	var noResource *types.InvalidResourceId
	var all []types.ParameterHistory
	pages := ssm.NewGetParameterHistoryPaginator(d.ssm, &ssm.GetParameterHistoryInput{Name: &name, WithDecryption: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(d.Context())
		if errors.As(err, &gone) {
			return "", false
		}
		d.must(nil, err)
		all = append(all, page.Parameters...)
	}
	newest := slices.MaxFunc(all, func(a, b types.ParameterHistory) int { return cmp.Compare(a.Version, b.Version) })
	var labels, policies []string
	for _, v := range all {
		for _, label := range v.Labels {
			labels = append(labels, label+" on "+aws.ToString(v.Value))
		}
	}
	for _, p := range newest.Policies {
		policies = append(policies, aws.ToString(p.PolicyText))
	}
	slices.Sort(labels)
	listed, err := d.ssm.ListTagsForResource(d.Context(), &ssm.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &name})
	if errors.As(err, &noResource) {
		return "", false
	}
	d.must(nil, err)
	var tags []string
	for _, tag := range listed.TagList {
		tags = append(tags, aws.ToString(tag.Key)+"="+aws.ToString(tag.Value))
	}
	slices.Sort(tags)
	return fmt.Sprintf("%s %q key=%q tier=%s description=%q policies=%s tags=%v labels=%v", newest.Type, aws.ToString(newest.Value),
		aws.ToString(newest.KeyId), newest.Tier, aws.ToString(newest.Description), policies, tags, labels), true
}

// restores returns the IDs of all restores, newest first.
func (d *day) restores() []string {
	d.Helper()
	out, _ := d.ssmbak(0, "undo", "-o", "json")
	var rows []struct{ Id string }
	d.must(nil, json.Unmarshal([]byte(out), &rows))
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.Id
	}
	return ids
}

// changes returns the signs and names in the output of a diff.
func changes(diff string) []string {
	return regexp.MustCompile(`(?m)^(?:[-+~?=]|-/\+) /\S+`).FindAllString(diff, -1)
}

// TestWorstDay damages a tree in every way, restores it with a SIGKILL in the middle
// and a second run, and undoes both restores.
func TestWorstDay(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for 30 seconds between deletions and creations, as AWS asks for")
	}
	t.Parallel()
	d := newDay(t)
	d.grow()
	time.Sleep(2 * time.Second) // until the events have come, and the second is over
	healthy, moment := d.state(), time.Now().UTC().Format("2006-01-02T15:04:05Z")
	time.Sleep(2 * time.Second)
	d.ruin()
	time.Sleep(time.Second)
	ruined := d.state()

	diff, _ := d.ssmbak(2, "diff", "/app/", moment, "--exact", "--detailed-exitcode")
	want := []string{
		"- /app/new1", "- /app/new2", "~ /app/p00", "~ /app/p01", "~ /app/p02", "~ /app/p04", "~ /app/p06", "+ /app/p07", "+ /app/p08",
		"~ /app/p09", "~ /app/p10", "~ /app/p12", "~ /app/p15", "~ /app/p18", "+ /app/p20", "~ /app/p21", "+ /app/p25", "~ /app/p27",
	}
	if got := gocmp.Diff(changes(diff), want); got != "" {
		t.Fatalf("diff (-got +want):\n%s\n%s", got, diff)
	}

	// Kill the process in the middle.
	killed := d.command("restore", "/app/", moment, "--exact", "--yes")
	url, stuck := d.stall(3)
	killed.Env = append(slices.Clone(d.env), "AWS_ENDPOINT_URL="+url)
	d.must(nil, killed.Start())
	ended := make(chan struct{})
	go func() { _ = killed.Wait(); close(ended) }()
	select {
	case <-stuck:
	case <-ended:
		t.Fatal("the restore ended before its fourth write")
	}
	d.must(nil, killed.Process.Kill())
	<-ended
	if n := len(differing(d.state(), ruined)); n == 0 || n == len(want) {
		t.Fatalf("%d parameters were restored when the process was killed", n)
	}

	_, said := d.ssmbak(0, "restore", "/app/", moment, "--exact", "--yes")
	if got := gocmp.Diff(d.state(), healthy); got != "" {
		t.Errorf("restored state (-got +want):\n%s\n%s", got, said)
	}
	if diff, _ := d.ssmbak(0, "diff", "/app/", moment, "--exact", "--detailed-exitcode"); len(changes(diff)) != 0 {
		t.Errorf("a second diff shows\n%s", diff)
	}
	ids := d.restores()
	if len(ids) != 2 {
		t.Fatalf("undo lists %q", ids)
	}
	for _, id := range ids {
		d.ssmbak(0, "undo", id, "--yes")
	}
	if got := gocmp.Diff(d.state(), ruined); got != "" {
		t.Errorf("state after undo (-got +want):\n%s", got)
	}
}

// stall returns the endpoint of a proxy of `ssmbak local` that delivers this many PutParameter
// requests and holds those that follow, until their client ends. stuck is closed when it holds
// the first.
func (d *day) stall(writes int64) (url string, stuck <-chan struct{}) {
	d.Helper()
	var count atomic.Int64
	held := make(chan struct{})
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", d.address }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Target") == "AmazonSSM.PutParameter" {
			n := count.Add(1)
			if n == writes+1 {
				close(held)
			}
			if n > writes {
				_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client has ended
				<-r.Context().Done()
				return
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	d.Cleanup(server.Close)
	return server.URL, held
}

// differing returns the names whose values differ.
func differing(a, b map[string]string) (names []string) {
	for name := range b {
		if a[name] != b[name] {
			names = append(names, name)
		}
	}
	for name := range a {
		if _, ok := b[name]; !ok {
			names = append(names, name)
		}
	}
	return names
}
