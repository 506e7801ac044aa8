package original_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/timeline"
)

const (
	alone     = "alone" // a bucket to which only ssmbak writes
	histories = 8
)

// world is an account whose changes are recorded: by ssmbak in two buckets, and
// by the original in one of them. It lives in a bubble.
type world struct {
	*storage
	live     *paramstore.Store
	archives map[string]*archive.Archive // by bucket
	random   *rand.Rand

	mu      sync.Mutex
	delays  *rand.Rand
	heard   map[string]bool // events that the original got
	python  bool            // the original is there
	ours    bool            // ssmbak is there
	writing sync.WaitGroup  // events that the original is at
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
	report, err := w.recorder(bucket).Reconcile(t.Context(), everything(t), recorder.ReconcileOptions{})
	if err != nil || !report.Complete || len(report.Failed) > 0 {
		t.Fatalf("reconcile: %+v, %v", report, err)
	}
	return report
}

func everything(t *testing.T) ssmbak.Target {
	t.Helper()
	target, err := ssmbak.ParseTarget("/", true)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// during hands out events while do changes parameters, and returns when all of
// them are done.
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
		t.Errorf("the original: %v", err)
	}
}

// handle gives each event to the original, in its own time, and to ssmbak.
func (w *world) handle(ctx context.Context, batch []emulator.Message) (failed []string) {
	messages := make([]recorder.Message, len(batch))
	for i, m := range batch {
		messages[i] = recorder.Message{ID: m.ID, Body: m.Body, Sent: m.Sent, Receives: m.Receives}
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
		for _, f := range w.recorder(b).Handle(ctx, messages) {
			failed = append(failed, f.ID)
		}
	}
	return failed
}

// python is what the original's recorder does with one event.
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
			kind = []ssmbak.Type{ssmbak.String, ssmbak.StringList, ssmbak.SecureString}[r.IntN(3)]
		}
		if there && r.IntN(3) == 0 {
			err = w.live.Delete(t.Context(), name)
		} else {
			write := paramstore.Write{
				Name: name, Value: ssmbak.NewValue(fmt.Sprintf(" value %d\n", i)), Overwrite: there,
				Type: kind, Tier: "Standard",
			}
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
	all, err := a.Timelines(t.Context(), everything(t))
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
		v, err := r.archive.Value(t.Context(), name, refs)
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

// checkProved holds that what is proved was so, and that every value is that of
// its version.
func (w *world) checkProved(t *testing.T, r *reading) {
	t.Helper()
	for _, name := range names {
		versions := make(map[timeline.Ref]string)
		for _, c := range w.aws.SSM.Truth(string(name)) {
			versions[timeline.Ref{Number: c.Version, Time: ssmbak.TimeOf(c.Time)}] = c.Value
		}
		for _, at := range w.moments(name, r) {
			s, value := r.at(t, name, at)
			c, there := w.truth(name, at)
			if s.Certainty == ssmbak.Proved && (s.Deleted == there || there && (s.Version.Number != c.Version || s.Version.Time != ssmbak.TimeOf(c.Time))) {
				t.Errorf("%s at %v is proved to be %+v, it was %+v", name, at, s, c)
			}
			if s.Version.Number != 0 && value != nil && *value != versions[timeline.Ref{Number: s.Version.Number, Time: s.Version.Time}] {
				t.Errorf("%s at %v: version %d has the value %q", name, at, s.Version.Number, *value)
			}
		}
	}
}

// checkComplete holds that everything Parameter Store has is recorded, that the
// live value is its key's current object, and that a marker lies on what is gone.
func (w *world) checkComplete(t *testing.T, bucket string) {
	t.Helper()
	for _, name := range names {
		stored := w.aws.S3.Versions(bucket, string(name))
		h, err := w.live.History(t.Context(), name)
		if errors.Is(err, paramstore.ErrNotFound) {
			if len(stored) > 0 && !stored[0].Marker {
				t.Errorf("%s is gone, and on top is %+v", name, stored[0])
			}
			continue
		}
		x, err2 := w.archives[bucket].Index(t.Context(), name)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		for _, v := range h.Versions {
			if fact, ok := x.Facts.Version(timeline.Ref{Number: v.Number, Time: v.Time}); !ok || len(fact.Objects) == 0 {
				t.Errorf("version %d of %s is lost: %+v", v.Number, name, fact)
			}
		}
		c, _ := w.truth(name, ssmbak.TimeOf(time.Now()))
		if stored[0].Marker || string(stored[0].Body) != c.Value || stored[0].Metadata["ssmbak-version"] != strconv.FormatInt(c.Version, 10) {
			t.Errorf("the live value of %s is not on top: %+v", name, stored[0])
		}
	}
}

// first is the event time of the first fact that is ssmbak's own.
func first(f timeline.Facts) ssmbak.Time {
	first := ssmbak.MaxTime
	for _, v := range f.Versions {
		first = min(first, v.Time)
	}
	for _, d := range f.Deletions {
		first = min(first, ssmbak.Seconds(d.Second))
	}
	for _, tr := range f.Traces {
		first = min(first, ssmbak.Seconds(tr.Second-1))
	}
	for _, l := range f.Looks {
		if l.Gone {
			first = min(first, l.Seen)
		}
	}
	return first
}

func sameState(a ssmbak.State, aValue *string, b ssmbak.State, bValue *string) bool {
	return a.Deleted == b.Deleted && a.Certainty == b.Certainty && cmp.Equal(a.Version, b.Version) && a.Reason == b.Reason && cmp.Equal(aValue, bValue) &&
		a.ProvedUntil == b.ProvedUntil && cmp.Equal(a.Tags, b.Tags) && cmp.Equal(a.Labels, b.Labels)
}

// compare holds that what the original wrote beside changed no answer since the
// first fact of ssmbak's own, and that no value is lacking.
func (w *world) compare(t *testing.T, own, beside *reading) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(own.lines)) {
		line := beside.lines[name]
		if line == nil {
			t.Fatalf("%s is not recorded", name)
		}
		for _, v := range own.lines[name].Facts().Versions {
			if fact, ok := line.Facts().Version(v.Ref()); !ok || len(fact.Objects) == 0 && len(v.Objects) > 0 {
				t.Errorf("version %d of %s is lost: %+v", v.Number, name, fact)
			}
		}
		for _, at := range append(w.moments(name, own), w.moments(name, beside)...) {
			a, aValue := own.at(t, name, at)
			b, bValue := beside.at(t, name, at)
			if at >= first(line.Facts()) && !sameState(a, aValue, b, bValue) {
				t.Errorf("%s at %v: alone %+v, beside %+v", name, at, a, b)
			}
		}
	}
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

// TestBeside lets both record at once in one bucket, and ssmbak alone in another:
// its answers are the same in both from its own first fact on, nothing is lost,
// and the live value is on top in the end.
func TestBeside(t *testing.T) {
	t.Parallel()
	for seed := range uint64(histories) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { beside(t, seed) })
		})
	}
}

func beside(t *testing.T, seed uint64) {
	// Without latency both buckets see everything at the same time.
	var latency func(service, op string) time.Duration
	if seed%2 == 1 {
		latency = slow(seed)
	}
	w := newWorld(t, seed, latency)
	w.python = true
	if seed%3 > 0 { // the original was there before
		w.during(t, func() { w.change(t, 12) })
	}
	w.establish(t, alone, bucket)
	w.during(t, func() { w.change(t, 25) })
	if seed%4 == 0 { // and is stopped
		w.python = false
		w.during(t, func() { w.change(t, 8) })
	}
	own, beside := read(t, w.archives[alone]), read(t, w.archives[bucket])
	w.checkProved(t, own)
	w.checkProved(t, beside)
	if latency == nil {
		w.compare(t, own, beside)
	}
	time.Sleep(time.Minute) // so that no look may have answered from before the last change
	w.reconcile(t, alone)
	w.reconcile(t, bucket)
	w.checkComplete(t, alone)
	w.checkComplete(t, bucket)
	w.checkProved(t, read(t, w.archives[alone]))
	after := read(t, w.archives[bucket])
	w.checkProved(t, after)
	// What only the original knew has an index now, and answers as before.
	for name, line := range beside.lines {
		if first(line.Facts()) < ssmbak.MaxTime {
			continue
		}
		if after.lines[name] == nil {
			t.Fatalf("%s, which only the original recorded, is gone", name)
		}
		for _, at := range w.moments(name, beside) {
			was, old := beside.at(t, name, at)
			is, value := after.at(t, name, at)
			if was.Certainty != ssmbak.Unknown && at < first(after.lines[name].Facts()) && !sameState(was, old, is, value) {
				t.Errorf("%s at %v: %+v before it was adopted, %+v after it", name, at, was, is)
			}
		}
	}
	// Nothing is left to do.
	time.Sleep(time.Hour)
	for _, b := range []string{alone, bucket} {
		if again := w.reconcile(t, b); len(again.Recorded)+len(again.Gaps) > 0 {
			t.Errorf("%s: the second reconcile found %+v", b, again)
		}
	}
	id, _ := w.archives[bucket].Identity()
	if adopted := len(w.aws.S3.Versions(bucket, ".ssmbak/adopted")) == 1; adopted != id.Original {
		t.Errorf("adopted: %v, the original was here: %v", adopted, id.Original)
	}
	w.checkComplete(t, bucket)
	w.checkProved(t, read(t, w.archives[bucket]))
}

// TestContinued takes a bucket over from the original: the whole corpus, and
// random histories. Before the first fact of ssmbak's own the answers stay those
// of the original, whether a name is recorded again or only adopted.
func TestContinued(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { continued(t, seed) })
		})
	}
}

// left is what the original left of one name.
type left struct {
	steps   []step
	answers []answer
}

// leave returns random histories, and what the original answers for each second.
func leave(r *rand.Rand, names int) map[ssmbak.Name]left {
	all := make(map[ssmbak.Name]left)
	for n := range names {
		name := ssmbak.Name(fmt.Sprint("/random/", n))
		if n == 0 {
			name = "/top"
		}
		var l left
		stored := int64(0)
		for i := range 1 + r.IntN(10) {
			// The listing loses the order of a version and a marker of one second.
			stored += 1 + r.Int64N(30)
			st := step{Delete: r.IntN(3) == 0, At: stored}
			if !st.Delete {
				happened := stored - r.Int64N(60)
				st.Put, st.Time, st.Type = fmt.Sprint("v", i), &happened, "String"
				d := fmt.Sprintf("été %d, (%s)", i, strings.Repeat("long ", r.IntN(100)))
				d = untaggable.ReplaceAllString(d, "")
				st.Description = d[:min(len(d), 256)]
			}
			l.steps = append(l.steps, st)
		}
		for second := int64(-61); second <= stored+1; second++ {
			l.answers = append(l.answers, oracle(l.steps, second))
		}
		all[name] = l
	}
	return all
}

func continued(t *testing.T, seed uint64) {
	w := newWorld(t, seed, nil)
	time.Sleep(time.Until(base.Add(-time.Hour)))
	all := leave(w.random, 12)
	for file, e := range corpus(t) {
		name := e.Parameter
		switch name {
		case "/top":
			name = ssmbak.Name("/" + file)
		case "/app/db":
			name = ssmbak.Name("/corpus/" + file)
		}
		all[name] = left{e.Steps, e.Answers}
	}
	type write struct {
		name ssmbak.Name
		step
	}
	var writes []write
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, st := range all[name].steps {
			writes = append(writes, write{name, st})
		}
	}
	slices.SortStableFunc(writes, func(a, b write) int { return int(a.At - b.At) })
	for _, x := range writes {
		w.do(t.Context(), t, x.name, x.step)
	}

	continuing := make(map[ssmbak.Name]int64) // by name, the second of what ssmbak recorded
	check := func(when string) {
		t.Helper()
		a, err := archive.Open(t.Context(), w.client, archive.Options{Bucket: bucket, Account: account, Region: region})
		if err != nil {
			t.Fatal(err)
		}
		r := read(t, a)
		for name, l := range all {
			for _, want := range l.answers {
				if s, value := r.at(t, name, ssmbak.Seconds(base.Unix()+want.At)+999); !want.is(s, value) {
					t.Errorf("%s: %s at %d: %+v, want %+v", when, name, want.At, s, want)
				}
			}
			if second, ok := continuing[name]; ok {
				if s, value := r.at(t, name, ssmbak.Seconds(second)+999); value == nil || *value != "ours" || s.Certainty != ssmbak.Proved {
					t.Errorf("%s: %s is %+v, want what ssmbak recorded", when, name, s)
				}
			}
		}
	}
	check("left by the original")
	time.Sleep(time.Until(base.Add(time.Hour)))
	w.establish(t, bucket)
	check("established")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if w.random.IntN(3) > 0 {
			continue
		}
		if _, err := w.live.Put(t.Context(), paramstore.Write{Name: name, Type: ssmbak.String, Value: ssmbak.NewValue("ours")}); err != nil {
			t.Fatal(err)
		}
		continuing[name] = time.Now().Unix()
		time.Sleep(time.Minute)
		if err := w.recorder(bucket).Sync(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	check("continued")
	w.reconcile(t, bucket)
	check("adopted")

	w.aws.ResetCounts()
	a, err := archive.Open(t.Context(), w.client, archive.Options{Bucket: bucket, Account: account, Region: region})
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := a.At(t.Context(), everything(t), ssmbak.TimeOf(time.Now()), archive.NoValues)
	known := 0
	for _, l := range all {
		if slices.ContainsFunc(l.answers, func(a answer) bool { return a.Deleted || a.Value != nil }) {
			known++
		}
	}
	if err != nil || len(snapshot.States) != known {
		t.Errorf("%d states, %v, want %d", len(snapshot.States), err, known)
	}
	// The indexes, and .ssmbak/archive, .ssmbak/adopted and .ssmbak/reconciled.
	if diff := cmp.Diff(map[string]int{"s3:ListObjectsV2": 1, "s3:GetObject": known + 3}, w.aws.Counts()); diff != "" {
		t.Errorf("requests to read the path (-want +got):\n%s", diff)
	}

	// What the original did not see being deleted is found out by the next one.
	report := w.reconcile(t, bucket)
	check("reconciled")
	for name, l := range all {
		if _, ok := continuing[name]; ok {
			continue
		}
		last := l.answers[len(l.answers)-1]
		if got := slices.Contains(report.Deleted, name); got != (last.Value != nil) {
			t.Errorf("%s found deleted: %v, after %+v", name, got, last)
		}
		if s, _ := read(t, a).at(t, name, ssmbak.TimeOf(time.Now())); last.Value != nil && !s.Deleted {
			t.Errorf("%s is %+v now", name, s)
		}
	}
}

// is reports whether the state is the answer.
func (a answer) is(s ssmbak.State, value *string) bool {
	switch {
	case a.Deleted:
		return s.Deleted && s.Certainty == ssmbak.LastKnown
	case a.Value == nil:
		return s.Certainty == ssmbak.Unknown && value == nil
	}
	return !s.Deleted && s.Certainty == ssmbak.LastKnown && value != nil && *value == *a.Value &&
		(a.Type == nil || string(s.Version.Type) == *a.Type) && (a.Description == "" || s.Version.Description == a.Description)
}

// TestReadByTheOriginal reads what ssmbak alone recorded by the original's rules:
// wherever ssmbak has an answer, it is the same. They cannot agree in a second in
// which something changed, nor between a deletion and its marker, which tells
// only when it was laid.
func TestReadByTheOriginal(t *testing.T) {
	t.Parallel()
	for seed := range uint64(histories) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { readByTheOriginal(t, seed) })
		})
	}
}

func readByTheOriginal(t *testing.T, seed uint64) {
	var latency func(service, op string) time.Duration
	if seed%2 == 1 {
		latency = slow(seed)
	}
	w := newWorld(t, seed, latency)
	w.establish(t, bucket)
	w.during(t, func() { w.change(t, 40) })
	ours := read(t, w.archives[bucket])
	for _, name := range names {
		var steps []step
		var markers []time.Time
		for _, v := range slices.Backward(w.aws.S3.Versions(bucket, string(name))) {
			st := step{Delete: v.Marker, At: v.LastModified.Unix(), Put: string(v.Body)}
			if v.Marker {
				markers = append(markers, v.LastModified)
			} else {
				second, err := strconv.ParseInt(v.Tags["ssmbakTime"], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				st.Time, st.Type, st.Description = &second, v.Tags["ssmbakType"], v.Tags["ssmbakDescription"]
			}
			steps = append(steps, st)
		}
		changes := w.aws.SSM.Truth(string(name))
		if len(changes) == 0 {
			continue
		}
		end := time.Now().Unix() + 1
		for second := changes[0].Time.Unix() - 2; second <= end; second++ {
			if slices.ContainsFunc(changes, func(c ssmapi.Change) bool { return c.Time.Unix() == second }) {
				continue
			}
			state, value := ours.at(t, name, ssmbak.Seconds(second)+999)
			if state.Certainty == ssmbak.Unknown {
				continue
			}
			theirs := oracle(steps, second)
			c, _ := w.truth(name, ssmbak.Seconds(second)+999)
			switch {
			case !state.Deleted && value == nil: // it could not be had
			case second < end && state.Deleted && theirs.Value != nil && !slices.ContainsFunc(markers, func(m time.Time) bool { return !m.Before(c.Time) && m.Unix() <= second }):
			case latency != nil && !state.Deleted && theirs.Deleted && slices.ContainsFunc(markers, func(m time.Time) bool { return m.After(c.Time) && m.Before(c.Time.Add(2*time.Second)) }):
				// The next life began while the marker was on its way.
			case state.Deleted != (theirs.Value == nil), !state.Deleted && *value != *theirs.Value:
				t.Fatalf("%s at %d: ours %+v, theirs %+v; %+v", name, second, state, theirs, steps)
			}
		}
	}
}
