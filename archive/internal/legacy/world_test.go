package legacy_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/testkit/extent"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/timeline"
)

const alone = "alone" // a bucket to which only ssmbak writes

// TestMain lets rapid try fewer cases, unless SSMBAK_LONG is set, and makes garbage collection
// of the many small accounts less frequent.
func TestMain(m *testing.M) {
	testworld.CollectLess()
	if !extent.Long() {
		_ = flag.Set("rapid.checks", "25")
	}
	flag.Parse()
	os.Exit(m.Run())
}

// histories is how many random ones are tried, set by SSMBAK_CASES or SSMBAK_LONG.
func histories(t *testing.T) uint64 {
	t.Helper()
	if s := os.Getenv("SSMBAK_CASES"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if extent.Long() {
		return 12
	}
	return 3
}

// world is an account whose changes are recorded: by ssmbak in two buckets, and
// by the legacy ssmbak in one of them. It must be used in a synctest bubble.
type world struct {
	*storage
	live     *paramstore.Store
	archives map[string]*archive.Archive // by bucket
	random   *rand.Rand

	mu      sync.Mutex
	delays  *rand.Rand
	heard   map[string]bool // events that the legacy ssmbak got
	python  bool            // the legacy ssmbak is there
	ours    bool            // ssmbak is there
	writing sync.WaitGroup  // events that the legacy ssmbak is at
	errs    []error
}

func newWorld(t *testing.T, seed uint64, latency func(service, op string) time.Duration) *world {
	t.Helper()
	w := &world{
		random: rand.New(rand.NewPCG(seed, 1)), delays: rand.New(rand.NewPCG(seed, 2)),
		archives: make(map[string]*archive.Archive), heard: make(map[string]bool),
	}
	w.storage = connect(t.Context(), t, emulator.New(emulator.Options{Latency: latency, Queue: emulator.QueueOptions{
		Delay: func(string) time.Duration { return w.late() },
		Copies: func(string) int {
			w.mu.Lock()
			defer w.mu.Unlock()
			return 1 + w.delays.IntN(10)/9
		},
	}}))
	w.bubble = true
	w.aws.S3.CreateBucket(alone, true)
	w.live = paramstore.New(w.conn.SSM(), paramstore.Options{Tagging: w.conn.Tagging()})
	return w
}

// late is how late an event comes: mostly at once, now and then by minutes.
func (w *world) late() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	longest := []time.Duration{0, time.Second, time.Second, 3 * time.Second, 40 * time.Second, 200 * time.Second}
	return time.Duration(w.delays.Int64N(int64(longest[w.delays.IntN(len(longest))]) + 1))
}

// establish begins to record with ssmbak.
func (w *world) establish(t *testing.T, buckets ...string) {
	t.Helper()
	for _, b := range buckets {
		a, err := archive.Open(t.Context(), w.client, archive.Options{Bucket: b, Account: account, Region: region})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Establish(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.archives[b] = a
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ours = true
}

func (w *world) recorder(bucket string) *recorder.Recorder {
	return recorder.New(w.archives[bucket], w.live, recorder.Options{Account: account, Region: region})
}

func (w *world) reconcile(t *testing.T, bucket string) recorder.Report {
	t.Helper()
	report, err := w.recorder(bucket).Reconcile(t.Context(), testworld.Everything(t), recorder.ReconcileOptions{})
	if err != nil || !report.Complete || len(report.Failed) > 0 {
		t.Fatalf("reconcile: %+v, %v", report, err)
	}
	return report
}

// during delivers events while do changes parameters, and returns when all of them are
// handled.
func (w *world) during(t *testing.T, do func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() { w.aws.Queue.Run(ctx, w.handle) })
	do()
	for w.aws.Queue.Depth() > 0 {
		time.Sleep(time.Second)
	}
	cancel()
	serving.Wait()
	w.writing.Wait()
	if dead := w.aws.Queue.DeadLetters(); len(dead) > 0 {
		t.Errorf("%d messages became dead letters: %s", len(dead), dead[0].Body)
	}
	for _, err := range w.errs {
		t.Errorf("the legacy ssmbak: %v", err)
	}
}

// handle gives each event to the legacy ssmbak, in its own time, and to ssmbak.
func (w *world) handle(ctx context.Context, batch []emulator.Message) (failed []string) {
	for _, m := range batch {
		w.mu.Lock()
		first := w.python && !w.heard[m.ID]
		w.heard[m.ID] = true
		w.mu.Unlock()
		if !first {
			continue
		}
		after := w.late()
		w.writing.Go(func() {
			time.Sleep(after)
			if err := (python{w.client, w.conn.SSM()}).handle(context.WithoutCancel(ctx), m.Body); err != nil {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.errs = append(w.errs, err)
			}
		})
	}
	w.mu.Lock()
	ours := w.ours
	w.mu.Unlock()
	if !ours {
		return nil
	}
	for _, b := range slices.Sorted(maps.Keys(w.archives)) {
		failed = append(failed, testworld.Handler(w.recorder(b))(ctx, batch)...)
	}
	return failed
}

// python records one event as the legacy ssmbak does.
type python struct {
	s3  *s3.Client
	ssm *ssm.Client
}

var untaggable = regexp.MustCompile(`[^a-zA-Z0-9 +\-=._:/@]`)

func (p python) handle(ctx context.Context, body []byte) error {
	var e struct {
		Time   time.Time `json:"time"`
		Detail struct {
			Operation   string  `json:"operation"`
			Name        string  `json:"name"`
			Type        string  `json:"type"`
			Description *string `json:"description"`
		} `json:"detail"`
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return err
	}
	key := e.Detail.Name
	if !strings.HasPrefix(key, "/") {
		key = "/" + key
	}
	switch e.Detail.Operation {
	case "Delete":
		_, err := p.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: &key})
		return err
	case "Create", "Update":
	default:
		return nil
	}
	out, err := p.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &key, WithDecryption: aws.Bool(true)})
	var gone *types.ParameterNotFound
	if errors.As(err, &gone) {
		return nil // it was deleted meanwhile
	}
	if err != nil {
		return err
	}
	tags := url.Values{"ssmbakTime": {strconv.FormatInt(e.Time.Unix(), 10)}, "ssmbakType": {e.Detail.Type}}
	if e.Detail.Description != nil {
		d := untaggable.ReplaceAllString(*e.Detail.Description, "")
		tags.Set("ssmbakDescription", d[:min(len(d), 256)])
	}
	_, err = p.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(bucket), Key: &key, Body: strings.NewReader(*out.Parameter.Value), Tagging: aws.String(tags.Encode()),
	})
	return err
}

var names = []ssmbak.Name{"/top", "/app/a", "/app/b", "/app/b/c"}

// change makes n random changes with random pauses between them.
func (w *world) change(t *testing.T, n int) {
	t.Helper()
	r := w.random
	for i := range n {
		name := names[r.IntN(len(names))]
		now, err := w.live.DescribeOne(t.Context(), name)
		there := err == nil
		kind := now.Version.Type // of a life
		if !there {
			kind = []ssmbak.Type{ssmbak.TypeString, ssmbak.TypeStringList, ssmbak.TypeSecureString}[r.IntN(3)]
		}
		if there && r.IntN(3) == 0 {
			err = w.live.Delete(t.Context(), name)
		} else {
			write := paramstore.Write{Name: name, Value: ssmbak.NewValue(fmt.Sprintf(" value %d\n", i)), Overwrite: there, Attributes: ssmbak.Attributes{Type: kind, Tier: "Standard"}}
			if r.IntN(2) == 0 {
				write.Description = fmt.Sprintf("été, %d (%s)", i, strings.Repeat("long ", r.IntN(90)))
			}
			_, err = w.live.Put(t.Context(), write)
		}
		if err != nil {
			t.Fatal(err)
		}
		longest := []time.Duration{time.Millisecond, 900 * time.Millisecond, 3 * time.Second, 20 * time.Second, 5 * time.Minute}
		time.Sleep(time.Duration(r.Int64N(int64(longest[r.IntN(len(longest))]))) + time.Millisecond)
	}
}

// truth returns the change by which a parameter was as it was at the moment.
func (w *world) truth(name ssmbak.Name, at ssmbak.Time) (c ssmapi.Change, there bool) {
	for _, next := range w.aws.SSM.Truth(string(name)) {
		if ssmbak.TimeOf(next.Time) > at {
			break
		}
		c, there = next, next.Op != "Delete"
	}
	return c, there
}

// reading is an archive's timelines, and the values that they name.
type reading struct {
	archive *archive.Archive
	lines   map[ssmbak.Name]*timeline.Timeline
	values  map[string]string
}

func read(t *testing.T, a *archive.Archive) *reading {
	t.Helper()
	all, err := a.Timelines(t.Context(), testworld.Everything(t))
	if err != nil || len(all.Problems) > 0 {
		t.Fatalf("%v, %v", all.Problems, err)
	}
	r := &reading{a, make(map[ssmbak.Name]*timeline.Timeline), make(map[string]string)}
	for i, name := range all.Names {
		r.lines[name] = all.All[i]
	}
	return r
}

// at is the state at a moment, with its value if there is one.
func (r *reading) at(t *testing.T, name ssmbak.Name, at ssmbak.Time) (s ssmbak.State, value *string) {
	t.Helper()
	line := r.lines[name]
	if line == nil {
		return ssmbak.State{Certainty: ssmbak.Unknown}, nil
	}
	s, refs := line.At(at)
	if len(refs) == 0 || s.Deleted {
		return s, nil
	}
	text, known := r.values[refs[0].ID]
	if !known {
		v, err := r.archive.Value(t.Context(), name, s.Version, refs)
		if err != nil {
			t.Fatal(err)
		}
		text = v.Reveal()
		r.values[refs[0].ID] = text
	}
	return s, &text
}

// moments are those at which an answer could be wrong.
func (w *world) moments(name ssmbak.Name, r *reading) (all []ssmbak.Time) {
	for _, c := range w.aws.SSM.Truth(string(name)) {
		at := ssmbak.TimeOf(c.Time)
		second := ssmbak.Seconds(at.Second())
		all = append(all, at-1, at, at+1, second-1, second, second+999, second+1000, second+4000)
	}
	if line := r.lines[name]; line != nil {
		for _, s := range line.Spans() {
			all = append(all, s.From, s.Until-1)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// slow makes requests take their time.
func slow(seed uint64) func(service, op string) time.Duration {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 3))
	return func(string, string) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return time.Duration(r.Int64N(int64(200*time.Millisecond))) + time.Millisecond
	}
}
