package restore_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/restore"
)

// secretMark stands in every value, so that one is found wherever it must not be.
const secretMark = "hunter2"

// story is what happens in one seed.
type story struct {
	*world
	seed   uint64
	counts *tally
	rand   *rand.Rand
	names  []string
	log    logged
	// lossy says that events are lost, and unlabelled which parameters lost a
	// label, of which there is no event.
	lossy      bool
	unlabelled map[string]bool
	moments    []ssmbak.Time

	// What is restored.
	at        ssmbak.Time
	text      string
	recursive bool
	options   restore.Options

	lostPuts sync.Map   // names of which the answer to a put was lost
	writes   sync.Mutex // held while a parameter changes
	owners   map[string][]int

	mu       sync.Mutex
	draws    map[string]int
	planned  time.Time // when the plan that is being applied was made
	problems []string
	events   []event
}

type event struct {
	at   time.Time
	text string
}

func (s *story) wrong(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problems = append(s.problems, fmt.Sprintf(format, args...))
}

func (s *story) tell(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, event{time.Now(), fmt.Sprintf(format, args...)})
}

// draw returns a number below n. It depends on the seed, the subject and how
// often that drew before, not on which goroutine came first.
func (s *story) draw(subject string, n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draws[subject]++
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, s.seed, subject, s.draws[subject])
	x := h.Sum64() * 0xbf58476d1ce4e5b9
	x ^= x >> 32
	return int(x % uint64(n))
}

// chance is true once in n times.
func (s *story) chance(n int) bool { return s.rand.IntN(n) == 0 }

func (s *story) copies(string) int {
	switch n := s.draw("copies", 20); {
	case s.lossy && n < 4:
		s.counts.add("an event was lost")
		return 0
	case n == 5:
		return 2
	}
	return 1
}

// made is a change, and when a user made the version before it, zero if the
// run did or nobody.
type made struct {
	name   string
	theirs time.Time
}

// as lets somebody change parameters and notes whose the changes are.
func (s *story) as(who int, names []string, f func()) (changes []made) {
	s.writes.Lock()
	defer s.writes.Unlock()
	f()
	for _, name := range names {
		log := s.aws.SSM.Truth(name)
		known := len(s.owners[name])
		for range len(log) - known {
			s.owners[name] = append(s.owners[name], who)
		}
		if len(log) == known {
			continue
		}
		m := made{name: name}
		if i := lastVersion(log[:known]); i >= 0 && s.owners[name][i] == users {
			m.theirs = log[i].Time
		}
		changes = append(changes, m)
	}
	return changes
}

// lastVersion returns the index of the last change that was none of tags or
// labels, -1 if there is none.
func lastVersion(log []ssmapi.Change) int {
	for i := len(log) - 1; i >= 0; i-- {
		if version(log[i]) {
			return i
		}
	}
	return -1
}

func version(c ssmapi.Change) bool { return c.Op != "Tags" && c.Op != "Labels" }

// snapshot is a parameter at one moment.
type snapshot struct {
	ssmapi.Change
	live bool
	life int
	made time.Time // of the version
}

func (s *story) snapshot(name string, at ssmbak.Time) snapshot {
	return snapshotOf(s.aws.SSM.Truth(name), at)
}

func snapshotOf(log []ssmapi.Change, at ssmbak.Time) snapshot {
	var x snapshot
	for _, c := range log {
		if ssmbak.TimeOf(c.Time) > at {
			break
		}
		made, life := x.made, x.life
		if version(c) {
			made = c.Time
		}
		if c.Op == "Create" {
			life++
		}
		x = snapshot{Change: c, live: c.Op != "Delete", life: life, made: made}
	}
	return x
}

func (s *story) now(name string) snapshot { return s.snapshot(name, ssmbak.MaxTime-1) }

// everyone is what is live of every name.
func (s *story) everyone() map[string]snapshot {
	all := make(map[string]snapshot)
	for _, name := range s.names {
		all[name] = s.now(name)
	}
	return all
}

func (s *story) String() string {
	return fmt.Sprintf("%s (recursive %v) to %s, %+v", s.text, s.recursive, s.at, s.options)
}

// play plays the whole story.
func (s *story) play() {
	s.rand = rand.New(rand.NewPCG(s.seed, 0x726573746f7265))
	s.draws, s.owners, s.unlabelled = make(map[string]int), make(map[string][]int), make(map[string]bool)
	s.names = []string{"/app/a", "/app/b", "/app/sub/c", "/app/sub/d", "/copy/a", "/copy/sub/d", "/else/x", "/copy/b", "/copy/c", "/copy/d", "/copy/sub/c"}
	s.lossy = s.chance(8)
	if s.lossy {
		s.tell("events are lost")
	}
	time.Sleep(time.Duration(s.rand.IntN(1000)) * time.Millisecond)
	if s.chance(2) {
		s.record()
	}
	s.history(6+s.rand.IntN(16), true)
	s.see(1)
	s.at = s.moments[s.rand.IntN(len(s.moments))]
	s.history(1+s.rand.IntN(10), false)
	s.see(3)
	s.choose()
	s.tell("restore %v", s)
	first := s.first()
	s.rest()
	second := s.second()
	s.back(first, second)
	s.secrets(first, second)
}

// rest lets some time pass, in which more or less of what happened is recorded.
func (s *story) rest() {
	time.Sleep(time.Duration(2+s.rand.IntN(90)) * time.Second)
	if s.chance(2) {
		s.see(2)
	}
	time.Sleep(time.Duration(s.rand.IntN(60)) * time.Second)
}

// see records everything, only what the events tell of, or, where it may, nothing.
func (s *story) see(ways int) {
	switch s.rand.IntN(ways) {
	case 0:
		s.tell("everything is recorded")
		s.record()
	case 1:
		s.tell("events are recorded")
		s.drain()
	}
}

func (s *story) drain() {
	time.Sleep(2 * time.Second)
	s.must(s.aws.Queue.Drain(s.Context(), func(ctx context.Context, batch []emulator.Message) (failed []string) {
		var messages []recorder.Message
		for _, m := range batch {
			messages = append(messages, recorder.Message{ID: m.ID, Body: m.Body, Sent: m.Sent, Receives: m.Receives})
		}
		for _, f := range s.recorder.Handle(ctx, messages) {
			failed = append(failed, f.ID)
		}
		return failed
	}))
}

// history lets users change parameters. moments says that one may be restored
// to.
func (s *story) history(steps int, moments bool) {
	for range steps {
		name := s.names[s.rand.IntN(7)] // nobody but a restore makes the others
		if s.chance(2) {
			name = s.names[s.rand.IntN(3)]
		}
		s.change(name)
		if moments {
			s.moments = append(s.moments, ssmbak.TimeOf(time.Now()).Add(time.Duration(s.rand.IntN(3)-1)*time.Millisecond))
		}
		switch s.rand.IntN(6) {
		case 0:
			time.Sleep(time.Duration(1+s.rand.IntN(900)) * time.Millisecond)
		case 1, 2, 3:
			time.Sleep(time.Duration(1+s.rand.IntN(8000)) * time.Millisecond)
		case 4:
			time.Sleep(time.Duration(20+s.rand.IntN(200)) * time.Second)
		case 5:
			time.Sleep(time.Duration(20+s.rand.IntN(200)) * time.Second)
			s.see(2)
		}
		if moments {
			s.moments = append(s.moments, ssmbak.TimeOf(time.Now()))
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// user makes a change as a user. What Parameter Store refuses is no change.
func (s *story) user(name, what string, f func() error) {
	s.as(users, []string{name}, func() {
		if err := f(); err != nil {
			what += ": " + err.Error()
			what, _, _ = strings.Cut(what, "operation error")
			what += "refused"
		}
	})
	s.tell("%s %s", what, name)
}

// change makes one random change.
func (s *story) change(name string) {
	cur := s.now(name)
	n := s.rand.IntN(20)
	switch {
	case !cur.live || n < 9:
		s.putRandom(name, cur)
	case n < 11:
		s.user(name, "delete", func() error {
			_, err := s.ssm.DeleteParameter(s.Context(), &ssm.DeleteParameterInput{Name: &name})
			return err
		})
		if s.chance(3) {
			time.Sleep(time.Duration(1+s.rand.IntN(3000)) * time.Millisecond)
			s.putRandom(name, s.now(name))
		}
	case n < 14:
		key, value := []string{"env", "team", "cost"}[s.rand.IntN(3)], []string{"", "prod", "dev"}[s.rand.IntN(3)]
		s.user(name, fmt.Sprintf("tag %s=%q of", key, value), func() error { return s.tagged(name, key, value) })
	case n == 14:
		key := []string{"env", "team", "cost"}[s.rand.IntN(3)]
		s.user(name, "untag "+key+" of", func() error {
			_, err := s.ssm.RemoveTagsFromResource(s.Context(), &ssm.RemoveTagsFromResourceInput{ResourceId: &name, ResourceType: types.ResourceTypeForTaggingParameter, TagKeys: []string{key}})
			return err
		})
	case n < 18:
		label, number := []string{"blue", "green", "red"}[s.rand.IntN(3)], max(1, cur.Version-s.rand.Int64N(4))
		s.user(name, fmt.Sprintf("label %s on version %d of", label, number), func() error { return s.labelled(name, number, label) })
	case n == 18:
		for label, number := range cur.Labels {
			s.unlabelled[name] = true
			s.user(name, fmt.Sprintf("take label %s from version %d of", label, number), func() error {
				_, err := s.ssm.UnlabelParameterVersion(s.Context(), &ssm.UnlabelParameterVersionInput{Name: &name, ParameterVersion: &number, Labels: []string{label}})
				return err
			})
			break
		}
	case s.chance(8):
		s.crowd(name)
	default:
		s.putRandom(name, cur)
	}
}

func (s *story) tagged(name, key, value string) error {
	_, err := s.ssm.AddTagsToResource(s.Context(), &ssm.AddTagsToResourceInput{
		ResourceId: &name, ResourceType: types.ResourceTypeForTaggingParameter, Tags: []types.Tag{{Key: &key, Value: &value}},
	})
	return err
}

func (s *story) labelled(name string, number int64, label string) error {
	_, err := s.ssm.LabelParameterVersion(s.Context(), &ssm.LabelParameterVersionInput{Name: &name, ParameterVersion: &number, Labels: []string{label}})
	return err
}

// crowd fills a parameter with as many versions as Parameter Store keeps, or some
// more, and mostly labels the oldest.
func (s *story) crowd(name string) {
	s.tell("crowd %s", name)
	tier := types.ParameterTier(s.now(name).Tier)
	for range 101 {
		cur := s.now(name)
		if cur.Version >= 100 && s.chance(2) {
			break
		}
		if _, blocked := oldestLabel(cur); blocked {
			break
		}
		if cur.Type == "StringList" {
			tier = ""
		}
		value := fmt.Sprint(secretMark, "-", cur.Version)
		s.user(name, "put", func() error {
			_, err := s.ssm.PutParameter(s.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Tier: tier, Overwrite: aws.Bool(true), Policies: aws.String("[{}]")})
			return err
		})
		s.events = s.events[:len(s.events)-1]
		time.Sleep(20 * time.Millisecond)
	}
	if cur := s.now(name); !s.chance(3) {
		number := max(1, cur.Version-99)
		s.user(name, fmt.Sprintf("label old on version %d of", number), func() error { return s.labelled(name, number, "old") })
	}
	time.Sleep(time.Minute)
	s.drain()
}

// oldestLabel reports whether as many versions are kept as can be, and a label is
// on the oldest.
func oldestLabel(x snapshot) (label string, blocked bool) {
	for label, number := range x.Labels {
		if x.live && x.Version >= 100 && number == x.Version-99 {
			return label, true
		}
	}
	return "", false
}

// putRandom puts a version with random attributes.
func (s *story) putRandom(name string, cur snapshot) {
	in := &ssm.PutParameterInput{Name: &name, Overwrite: aws.Bool(true)}
	in.Type = []types.ParameterType{types.ParameterTypeString, types.ParameterTypeString, types.ParameterTypeSecureString, types.ParameterTypeSecureString, types.ParameterTypeStringList}[s.rand.IntN(5)]
	if cur.live && !s.chance(5) {
		in.Type = types.ParameterType(cur.Type)
	}
	value := fmt.Sprint(secretMark, "-", s.rand.IntN(5))
	in.Tier = types.ParameterTierStandard
	if cur.live && cur.Tier == "Advanced" || s.chance(5) {
		in.Tier = types.ParameterTierAdvanced
	}
	switch {
	case in.Type == types.ParameterTypeStringList:
		value += "," + value
	case in.Type == types.ParameterTypeSecureString:
		if key := []string{"", "alias/k1", "alias/k2"}[s.rand.IntN(3)]; key != "" {
			in.KeyId = &key
		}
	case !cur.live && s.chance(3) || s.chance(12) || cur.live && cur.DataType == "aws:ec2:image" && !s.chance(4):
		in.DataType = aws.String("aws:ec2:image")
		value = fmt.Sprintf("ami-0123456%d", s.rand.IntN(9))
	case s.chance(12):
		in.DataType = aws.String("integer")
		value = fmt.Sprint(s.rand.IntN(5))
	default:
		in.DataType = aws.String("text")
	}
	if in.Tier == types.ParameterTierAdvanced && (in.DataType == nil || *in.DataType == "text") {
		if s.chance(8) {
			value += strings.Repeat("x", 5000)
		}
		in.Policies = s.policies()
	}
	if s.chance(4) {
		in.Description = aws.String([]string{"about it", "öäü \n"}[s.rand.IntN(2)])
	}
	if s.chance(4) {
		in.AllowedPattern = aws.String([]string{".*", "(ami|hunter|[0-9]).*"}[s.rand.IntN(2)])
	}
	in.Value = &value
	shown := value
	if len(shown) > 30 {
		shown = shown[:30] + "..."
	}
	s.user(name, fmt.Sprintf("put %s %s %s", in.Type, in.Tier, shown), func() error {
		_, err := s.ssm.PutParameter(s.Context(), in)
		return err
	})
}

func (s *story) policies() *string {
	expires := func(d time.Duration) string {
		at := time.Now().Add(d).In(time.FixedZone("", []int{0, 10*3600 + 1800, -3600}[s.rand.IntN(3)]))
		return `{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"` + at.Format(time.RFC3339) + `"}}`
	}
	const notify, idle = `{"Type":"ExpirationNotification","Version":"1.0","Attributes":{"Before":"1","Unit":"Hours"}}`,
		`{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"20","Unit":"Days"}}`
	return aws.String([]string{
		"[{}]", "[" + idle + "]", "[" + expires(time.Hour*100) + "," + notify + "]", "[" + expires(time.Minute*2) + "," + idle + "," + notify + "]", "[" + expires(time.Minute*2) + "]",
	}[s.rand.IntN(5)])
}

// foreign lets a user change a parameter that is being restored. It may be called
// from any goroutine.
func (s *story) foreign(subject, name string) {
	cur := s.now(name)
	kind := s.draw("foreign "+subject, 6)
	switch {
	case !cur.live && kind < 4 || kind < 3:
		value := fmt.Sprint(secretMark, " of a user ", s.draw("value", 1<<30))
		in := &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true)}
		if cur.live {
			in.Type = types.ParameterType(cur.Type)
			in.Tier = types.ParameterTier(cur.Tier)
		}
		s.user(name, "MEANWHILE put", func() error {
			_, err := s.ssm.PutParameter(s.Context(), in)
			return err
		})
	case !cur.live:
	case kind == 3:
		s.user(name, "MEANWHILE delete", func() error {
			_, err := s.ssm.DeleteParameter(s.Context(), &ssm.DeleteParameterInput{Name: &name})
			return err
		})
	case kind == 4:
		s.user(name, "MEANWHILE tag", func() error { return s.tagged(name, "theirs", "yes") })
	default:
		s.user(name, "MEANWHILE label", func() error { return s.labelled(name, cur.Version, "theirs") })
	}
}

// choose chooses what is restored, and how.
func (s *story) choose() {
	s.text, s.recursive = "/app", true
	switch s.rand.IntN(8) {
	case 0:
		s.text, s.recursive = "/app/", false
	case 1:
		s.text, s.recursive = "/app/a", false
		s.counts.add("one parameter")
	case 2:
		s.text = "/app/sub/"
	}
	o := restore.Options{Options: plan.Options{Exact: s.chance(3), Replace: s.chance(2), AssumeLastKnown: s.chance(3)}, Parallel: 1 + s.rand.IntN(8), By: "arn:aws:sts::123456789012:me", Arguments: "restore it"}
	if s.chance(8) {
		o.KeyID = "alias/k3"
		s.counts.add("another key")
	}
	if o.Exact {
		s.counts.add("exact")
	}
	switch s.rand.IntN(8) {
	case 0:
		o.To = "/copy"
		s.counts.add("beside")
	case 1:
		if s.text == "/app" || s.chance(4) { // elsewhere one of them matches nothing
			o.Only = []string{"/app/sub/*", "a"}
		}
	case 2:
		if s.recursive || s.chance(4) {
			o.Exclude = []string{"[a-c]"}
		}
	}
	s.options = o
	if s.chance(8) {
		key := []string{"alias/k1", "alias/k2"}[s.rand.IntN(2)]
		s.tell("key %s is disabled", key)
		s.aws.SSM.DisableKey(key)
	}
}

// written returns the name to which a parameter is restored, and whether it is
// at all. With To, a name there stands for itself where there is no such one.
func (s *story) written(name string) (to string, ok bool) {
	switch {
	case s.text == "/app/a":
		ok = name == "/app/a"
	case s.recursive:
		ok = strings.HasPrefix(name, strings.TrimSuffix(s.text, "/")+"/")
	default:
		ok = strings.HasPrefix(name, "/app/") && strings.Count(name, "/") == 2
	}
	switch base := name[strings.LastIndex(name, "/")+1:]; {
	case s.options.Only != nil:
		ok = ok && (strings.HasPrefix(name, "/app/sub/") || base == "a")
	case s.options.Exclude != nil:
		ok = ok && base == "d"
	}
	if s.options.To == "" {
		return name, ok
	}
	from := strings.TrimSuffix(s.text, "/")
	if s.text == "/app/a" {
		from = "/app"
	}
	return "/copy" + strings.TrimPrefix(name, from), ok
}

// touchable are the names that the restore may change.
func (s *story) touchable() map[string]bool {
	may := make(map[string]bool)
	for _, name := range s.names {
		if to, ok := s.written(name); ok {
			may[to] = true
		} else if s.options.Only != nil || s.options.Exclude != nil {
			s.counts.add("left out by a pattern")
		}
		if s.options.To != "" && s.text != "/app/a" && strings.HasPrefix(name, "/copy/") {
			may[name] = s.recursive || strings.Count(name, "/") == 2
		}
	}
	return may
}

// attempt is one restore: a plan and its application.
type attempt struct {
	run     *run
	what    string
	plan    *restore.Plan
	res     restore.Result
	id      string
	killed  bool
	calm    bool
	options restore.Options
	began   time.Time
	marks   map[string]int // how many changes there had been
	before  map[string]snapshot
	after   map[string]snapshot
	behind  bool // events were on their way
	undoes  *attempt
	also    []int // the writers of earlier tries of the same
}

// attempt plans and applies, nil if there is no plan.
func (s *story) attempt(a *attempt, made func(*restore.Restorer) (*restore.Plan, error)) *attempt {
	p := a.run
	r := p.begin(a.options)
	known, _, err := s.archive.Restores(s.Context(), 0)
	s.must(err)
	a.behind, a.before, a.marks, a.began = s.aws.Queue.Depth() > 0, s.everyone(), make(map[string]int), time.Now()
	a.plan, err = made(r)
	var unmatched *plan.UnmatchedError
	if errors.As(err, &unmatched) {
		s.counts.add("a pattern that matches nothing")
		for _, name := range s.names {
			n := ssmbak.Name(name)
			if meant := name == s.text || target(s, s.text, s.recursive).Below(n); meant && a.before[name].live && pattern.Match(unmatched.Pattern, n) {
				s.wrong("%s: %v, but %s is there", a.what, err, name)
			}
		}
		return nil
	}
	if err != nil {
		if a.calm {
			s.wrong("%s: there is no plan: %v", a.what, err)
		}
		s.counts.add("a plan failed")
		s.tell("%s: there is no plan: %v", a.what, err)
		return nil
	}
	s.tell("%s: %s", a.what, strings.Join(actions(a.plan), "; "))
	for _, name := range s.names {
		a.marks[name] = len(s.owners[name])
	}
	time.Sleep(5 * time.Millisecond)
	s.mu.Lock()
	s.planned = time.Now()
	s.mu.Unlock()
	if p.ambush > 0 && s.chance(2) {
		s.foreign("plan", s.names[s.rand.IntN(3)])
		time.Sleep(5 * time.Millisecond)
	}
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	if !a.calm && s.chance(8) {
		s.counts.add("interrupted")
		stop := time.AfterFunc(time.Duration(s.rand.IntN(400))*time.Millisecond, cancel)
		defer stop.Stop()
	}
	p.mu.Lock()
	p.armed = true
	p.mu.Unlock()
	a.res, err = r.Apply(ctx, a.plan)
	p.mu.Lock()
	a.killed = p.dead
	p.mu.Unlock()
	a.after = s.everyone()
	if err != nil && (a.calm && !a.killed || p.wrote > 0) {
		s.wrong("%s: %v", a.what, err)
	}
	now, _, err := s.archive.Restores(s.Context(), 0)
	s.must(err)
	if len(now) > len(known) {
		i := slices.IndexFunc(now, func(x *archive.Restore) bool {
			return !slices.ContainsFunc(known, func(y *archive.Restore) bool { return x.ID == y.ID })
		})
		a.id = now[i].ID
	}
	if a.killed {
		s.tell("%s was killed at request %d, after %d changes", a.what, p.requests, p.wrote)
	}
	for _, out := range a.res.Outcomes {
		if out.Item.Action != plan.ActionNone || out.Err != nil {
			s.tell("    %s %s %s: version %d %v", out.Status, out.Item.Action, out.Item.Name, out.Version, out.Err)
		}
	}
	s.countAttempt(a, known)
	s.checkAttempt(a)
	time.Sleep(time.Second)
	return a
}

func (s *story) newRun(id int) *run { return &run{s: s, id: id, writer: id} }

func (s *story) planner(r *restore.Restorer) (*restore.Plan, error) {
	return r.Plan(s.Context(), target(s, s.text, s.recursive), s.at)
}

// first restores in a troubled world.
func (s *story) first() *attempt {
	p := s.newRun(1)
	p.attempts = []int{2, 10}[s.rand.IntN(2)]
	if !s.chance(4) {
		p.trouble = s.rand.IntN(200)
	}
	if s.chance(2) {
		p.ambush = s.rand.IntN(300)
	}
	if s.chance(3) {
		p.killAt, p.killAfter = 1+s.rand.IntN(30), s.chance(2)
	}
	return s.attempt(&attempt{run: p, what: "the first restore", options: s.options}, s.planner)
}

// second restores in peace, and finds nothing to do after that.
func (s *story) second() *attempt {
	for _, key := range []string{"alias/k1", "alias/k2"} {
		if s.chance(2) {
			s.aws.SSM.EnableKey(key)
		}
	}
	p := s.newRun(2)
	p.attempts = 3
	a := s.attempt(&attempt{run: p, what: "the second restore", options: s.options, calm: true}, s.planner)
	if a == nil {
		return nil
	}
	s.rest()
	again, err := s.newRun(3).begin(s.options).Plan(s.Context(), target(s, s.text, s.recursive), s.at)
	if err != nil {
		s.wrong("planning again: %v", err)
		return a
	}
	for i := range again.Items {
		item := &again.Items[i]
		out := a.outcome(string(item.Name))
		if out != nil && out.Err == nil && more(out.Item.After, item.After) {
			continue // the archive has learned what it was
		}
		if item.Action.Writes() && item.Refused == "" && (out == nil || out.Err == nil) {
			s.wrong("planning again after %s of %s: %s %s", a.what, item.Name, item.Action, differs(item))
		}
	}
	return a
}

// more reports whether a state says what an earlier answer did not.
func more(was, is ssmbak.State) bool {
	return was.Certainty == ssmbak.Unknown && is.Certainty != ssmbak.Unknown || is.Tags.IsKnown() && !was.Tags.IsKnown() || is.Labels.IsKnown() && !was.Labels.IsKnown()
}

func differs(item *plan.Item) string {
	var all []string
	for _, d := range item.Differences {
		all = append(all, fmt.Sprintf("%s %q -> %q", d.Attribute, d.Before, d.After))
	}
	return strings.Join(all, ", ")
}

func (a *attempt) outcome(name string) *plan.Outcome {
	for i := range a.res.Outcomes {
		if string(a.res.Outcomes[i].Item.Name) == name {
			return &a.res.Outcomes[i]
		}
	}
	return nil
}

// back takes the restores back, the newest first, and that again.
func (s *story) back(first, second *attempt) {
	writer := 10
	undo := func(of *attempt, what string) *attempt {
		if of == nil || of.id == "" {
			s.counts.add("nothing left to do")
			return nil
		}
		if s.chance(3) {
			s.foreign(what, s.names[s.rand.IntN(len(s.names))])
		}
		s.rest()
		o := restore.Options{Options: plan.Options{Replace: s.options.Replace || s.chance(4)}, Parallel: 1 + s.rand.IntN(8)}
		undoer := func(r *restore.Restorer) (*restore.Plan, error) { return r.Undo(s.Context(), of.id) }
		again := func(also []int) *attempt {
			writer++
			p := s.newRun(writer)
			p.attempts = 3
			if also == nil && s.chance(4) {
				p.killAt, p.killAfter = 1+s.rand.IntN(12), s.chance(2)
			}
			return s.attempt(&attempt{run: p, what: what, options: o, calm: true, undoes: of, also: also}, undoer)
		}
		way := again(nil)
		if way == nil || !way.killed {
			return way
		}
		s.counts.add("way back killed")
		what += ", which was killed, once more"
		s.rest()
		return again([]int{way.run.writer})
	}
	var ways []*attempt
	for _, of := range []struct {
		a    *attempt
		what string
	}{{second, "the way back from the second restore"}, {first, "the way back from the first restore"}} {
		if way := undo(of.a, of.what); way != nil {
			s.counts.add("way back")
			ways = append(ways, way)
		}
	}
	slices.Reverse(ways)
	for _, way := range ways {
		if undo(way, "taking back "+way.what) != nil {
			s.counts.add("way back of the way back")
		}
	}
}
