package restoring

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/simulation"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
	"github.com/ssmbak/ssmbak/timeline"
)

// secretMark is part of every value, so that values are found where they must not be.
const secretMark = "hunter2"

// story is the history of one seed.
type story struct {
	*simulation.World
	account *testworld.World
	rand    *rand.Rand
	names   []string
	log     logged
	// lossy reports whether events are lost. unlabelled has the parameters of which a
	// label was removed, for which there is no event.
	lossy      bool
	unlabelled map[string]bool
	moments    []ssmbak.Time
	disabled   bool          // whether a key can be disabled
	people     []*ssm.Client // of the users that make the history, one if nil
	// origin is the account that is restored from, nil if this one is. alone says that
	// this one has no archive that records restores.
	origin *origin
	alone  bool

	// The target and the options of the restores. until is set if they are reverts.
	at, until ssmbak.Time
	text      string
	recursive bool
	options   restore.Options

	lostPuts sync.Map   // names for which the response to a put was lost
	writes   sync.Mutex // held while a parameter changes
	owners   map[string][]int

	mu      sync.Mutex
	planned time.Time // when the plan being applied was made
}

// chance returns true with a probability of 1/n.
func (s *story) chance(n int) bool { return s.rand.IntN(n) == 0 }

func (s *story) copies(string) int {
	switch n := s.Draw("copies", 20); {
	case s.lossy && n < 4:
		s.Counts.Add("an event was lost")
		return 0
	case n == 5:
		return 2
	}
	return 1
}

// made is a change, and the time at which a user made the version before it, or zero if no
// user did.
type made struct {
	name   string
	theirs time.Time
}

// as changes parameters by calling f, and records who as the owner of the changes.
func (s *story) as(who int, names []string, f func()) (changes []made) {
	s.writes.Lock()
	defer s.writes.Unlock()
	f()
	for _, name := range names {
		log := s.AWS.SSM.Truth(name)
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

// attributes returns those of the version: the emulator's change has a field of the same
// name for each.
func (x snapshot) attributes() (a ssmbak.Attributes) {
	fields := reflect.ValueOf(&a).Elem()
	for i := range fields.NumField() {
		fields.Field(i).SetString(reflect.ValueOf(x.Change).FieldByName(fields.Type().Field(i).Name).String())
	}
	return a
}

// set sets the attributes of the version.
func (x *snapshot) set(a ssmbak.Attributes) {
	fields := reflect.ValueOf(a)
	for i := range fields.NumField() {
		reflect.ValueOf(&x.Change).Elem().FieldByName(fields.Type().Field(i).Name).SetString(fields.Field(i).String())
	}
}

func (s *story) snapshot(name string, at ssmbak.Time) snapshot {
	return snapshotOf(s.AWS.SSM.Truth(name), at)
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

// play plays the story of a seed.
func play(t *testing.T, seed uint64, counts *simulation.Counts) *simulation.World {
	s := newStory(t, seed, counts)
	if seed%8 == 6 {
		s.playElsewhere(t)
	} else {
		s.play(seed%16 == 0, seed%8 == 4)
	}
	return s.World
}

func newStory(t *testing.T, seed uint64, counts *simulation.Counts) *story {
	s := &story{
		rand:   rand.New(rand.NewPCG(seed, 0x726573746f7265)),
		owners: make(map[string][]int), unlabelled: make(map[string]bool),
	}
	o := emulator.Options{}
	o.Queue.Copies = s.copies
	s.World = simulation.NewWorld(seed, counts, o)
	if seed%2 == 1 {
		s.AWS.S3.SetPageSize(2)
	}
	s.account = testworld.New(t, testworld.Options{AWS: s.AWS, Bucket: simulation.Bucket, Parts: &smallParts})
	return s
}

// smallParts divides an index after a few versions, of which some come again: Parameter
// Store still has them.
var smallParts = archive.PartLimits{Limits: timeline.Limits{Keep: 1, Least: 1, Most: 2, Runs: 2}, Versions: 4, Bytes: 1 << 20}

// busy changes a parameter so often that its index is divided.
func (s *story) busy(name string) {
	if !s.now(name).live {
		s.putRandom(name, s.now(name))
	}
	for range 6 + s.rand.IntN(6) {
		value := fmt.Sprint(secretMark, s.rand.Uint32())
		s.user(name, "busy put of", func() error {
			_, err := s.account.SSM.PutParameter(s.account.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Overwrite: aws.Bool(true)})
			return err
		})
		time.Sleep(time.Duration(1500+s.rand.IntN(4000)) * time.Millisecond)
		s.moments = append(s.moments, ssmbak.TimeOf(time.Now()))
		if s.chance(3) {
			s.see(2)
		}
	}
	s.see(1)
	if x, err := s.account.Archive.Index(s.account.Context(), ssmbak.Name(name)); err == nil && len(x.Facts.Runs) > 0 {
		s.Counts.Add("an index was divided")
	}
}

// allNames are the names of the parameters. Only restores create those after the seventh.
var allNames = []string{"/app/a", "/app/b", "/app/sub/c", "/app/sub/d", "/copy/a", "/copy/sub/d", "/else/x", "/copy/b", "/copy/c", "/copy/d", "/copy/sub/c"}

// crowded lets a label that the restore wants block the version that it has to write,
// which is rare otherwise.
func (s *story) play(crowded, busy bool) {
	s.names = allNames
	s.lossy = s.chance(8)
	if s.lossy {
		s.Event("events are lost")
	}
	time.Sleep(time.Duration(s.rand.IntN(1000)) * time.Millisecond)
	if s.chance(2) {
		s.account.Record()
	}
	if busy {
		s.busy("/app/a")
	}
	s.history(6+s.rand.IntN(16), true)
	if crowded {
		if cur := s.now("/app/a"); !cur.live {
			s.putRandom("/app/a", cur)
		}
		number := s.now("/app/a").Version
		s.user("/app/a", fmt.Sprintf("label old on version %d of", number), func() error { return s.labelled("/app/a", number, "old") })
		time.Sleep(time.Minute)
		s.moments = []ssmbak.Time{ssmbak.TimeOf(time.Now())}
	}
	s.see(1)
	s.at = s.moments[s.rand.IntN(len(s.moments))]
	if busy && s.chance(2) {
		s.at = s.moments[s.rand.IntN(6)]
	}
	if x, err := s.account.Archive.Index(s.account.Context(), "/app/a"); err == nil {
		if _, in := timeline.New("/app/a", x.Facts, timeline.Coverage{}).RunAt(s.at); in {
			s.Counts.Add("a time in a part")
		}
	}
	s.history(1+s.rand.IntN(10), false)
	if crowded {
		s.crowd("/app/a")
	}
	s.see(3)
	s.choose()
	s.Event("restore %v", s)
	first := s.first()
	if s.Fixed("hides", 5) == 0 {
		s.readHidden(s.account.Context())
		s.heal(s.account.Context())
	}
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

// see records everything, only what the events report, or, where it may, nothing.
func (s *story) see(ways int) {
	switch s.rand.IntN(ways) {
	case 0:
		s.Event("everything is recorded")
		s.account.Record()
	case 1:
		s.Event("events are recorded")
		s.drain()
	}
}

func (s *story) drain() {
	time.Sleep(2 * time.Second) // events take their time
	s.account.Drain()
}

// history lets users change parameters. moments reports whether the times in between can be
// restored.
func (s *story) history(steps int, moments bool) {
	for range steps {
		if len(s.people) > 0 {
			s.account.SSM = s.people[s.rand.IntN(len(s.people))]
		}
		name := s.names[s.rand.IntN(7)] // only restores create the others
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
	s.Event("%s %s", what, name)
}

// choose chooses what is restored, and how.
func (s *story) choose() {
	s.text, s.recursive = "/app", true
	switch s.rand.IntN(8) {
	case 0:
		s.text, s.recursive = "/app/", false
	case 1:
		s.text, s.recursive = "/app/a", false
		s.Counts.Add("one parameter")
	case 2:
		s.text = "/app/sub/"
	}
	o := restore.Options{
		Options:  plan.Options{Exact: s.chance(3), Replace: s.chance(2), AssumeLastKnown: s.chance(3)},
		Parallel: 1 + s.rand.IntN(8), By: "arn:aws:iam::123456789012:user/local", Arguments: "restore it",
	}
	if s.chance(8) {
		o.KeyID = "alias/k3"
		s.Counts.Add("another key")
	}
	if o.Exact {
		s.Counts.Add("exact")
	}
	if s.Fixed("few reads", 2) == 0 {
		o.ManyReads = -1
		s.Counts.Add("few reads")
	}
	switch s.rand.IntN(8) {
	case 0:
		o.To = "/copy"
		s.Counts.Add("relocated")
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
		s.Event("key %s is disabled", key)
		s.disabled = true
		s.AWS.SSM.DisableKey(key)
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
			s.Counts.Add("excluded by a pattern")
		}
		if s.options.To != "" && s.text != "/app/a" && strings.HasPrefix(name, "/copy/") {
			may[name] = s.recursive || strings.Count(name, "/") == 2
		}
	}
	return may
}
