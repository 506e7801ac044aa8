package recording

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Plan is one history and the world it happens in.
type Plan struct {
	Seed    uint64
	Changes []Change
	// Lose and Repeat are the shares of events, of 1,000, that never come, and
	// that come twice.
	Lose, Repeat int
	// Troubles of requests, each as a share of 1,000.
	Pause, FailBefore, FailAfter, Throttle, Conflict, Stale int
	// KillMarker is the share of deletions of objects, of 1,000, before which
	// the process is killed: there are few, and nothing else comes so late.
	KillMarker int
	// Kills are the numbers of requests after which each recorder is killed; 0 means
	// never.
	Kills []int
	// Reconciles are the reconciles: when each starts, and the number of requests after
	// which it is killed; 0 means never.
	Reconciles []Reconcile
	// Readers are the times at which a reader reads everything.
	Readers []time.Duration
	// Established is when the archive is created; changes can occur before.
	Established time.Duration
	// Calm plans have no faults but lost, late and duplicated events. Unknown answers
	// must then be within narrow bounds.
	Calm bool
	// Hurt is when an index is deleted, to be rebuilt later; 0 means never.
	Hurt time.Duration
	// StepBack lets the times of versions step back within a life.
	StepBack bool
	// Lifecycle lets a rule remove all noncurrent object versions at the end.
	Lifecycle bool
	// Deny is the share of names, of 1,000, that a reconcile may not read or write,
	// drawn for each of its runs and each kind of request.
	Deny int
	// Trail says that the account has a trail, and TrailLose is the share of its records, of
	// 1,000, that never come.
	Trail     bool
	TrailLose int
	// Hide is the share of requests, of 1,000, before which an index or an entry of the
	// register gets a delete marker.
	Hide int
	// Forged are the forged events.
	Forged []Forged
}

// Lossy reports whether events are lost.
func (p Plan) Lossy() bool { return p.Lose > 0 }

// What a change does.
const (
	Put     = "put"
	Delete  = "delete"
	Tag     = "tag"
	Untag   = "untag"
	Label   = "label"
	Unlabel = "unlabel"
	Expire  = "expire" // of all parameters whose time has come
)

// Change is one change by a user. It happens at its time since the beginning.
type Change struct {
	At      time.Duration
	Op      string
	Name    string
	Secret  bool
	Value   string // of a tag too
	Number  int64  // the version that gets or loses a label
	Expires bool   // a moment after it was put
}

// Reconcile is one run of a reconcile.
type Reconcile struct {
	At   time.Duration
	Kill int
}

func (c Change) String() string {
	text := fmt.Sprintf("%v %s %s", c.At, c.Op, c.Name)
	switch {
	case c.Secret && c.Op == Put:
		text += " (SecureString)"
	case c.Expires:
		text += " (expires)"
	case c.Op == Label || c.Op == Unlabel:
		text += fmt.Sprintf(" %s on %d", c.Value, c.Number)
	}
	return text
}

// draft makes a plan from random numbers. It follows what lives only roughly: a
// change that is refused when it comes is no change.
type draft struct {
	*rand.Rand
	Plan
	at     time.Duration
	number map[string]int64 // of the newest version, 0 if there is none
	secret map[string]bool
	labels map[string][]Change
	serial int
}

// NewPlan returns the plan of a seed. Odd seeds lose events.
func NewPlan(seed uint64) Plan {
	d := &draft{
		Rand: rand.New(rand.NewPCG(seed, 0x73736d62616b)), number: make(map[string]int64), secret: make(map[string]bool), labels: make(map[string][]Change),
	}
	d.Seed = seed
	trail := rand.New(rand.NewPCG(seed, 0x747261696c)) // the rest of a plan is the same without one
	if d.Trail = trail.IntN(2) == 0; d.Trail {
		d.TrailLose = 300 * trail.IntN(2)
	}
	if d.Calm = d.IntN(4) == 0; d.Calm {
		d.Repeat = 200
		d.Lose = 200 * int(seed%2)
	} else {
		d.Repeat = 120
		d.Lose = 250 * int(seed%2)
		d.Pause, d.FailBefore, d.FailAfter, d.Throttle, d.Conflict, d.Stale = d.IntN(40), d.IntN(40), d.IntN(60), d.IntN(30), d.IntN(30), d.IntN(500)
	}
	if d.IntN(4) == 0 {
		d.Established = time.Duration(d.IntN(60)) * time.Second
	}
	d.Lifecycle = d.IntN(4) == 0
	d.at = time.Duration(d.IntN(1000)) * time.Millisecond
	// Most histories are short: what breaks breaks in few steps.
	count, names := 1+d.IntN(2), []string{"/app/db"}
	switch d.IntN(12) {
	case 0:
		count, names = 4+d.IntN(9), []string{"/app/db", "/app/db2", "root"}[:1+d.IntN(3)]
	case 1, 2, 3:
		count, names = 2+d.IntN(4), []string{"/app/db", "root"}[:1+d.IntN(2)]
	}
	for range count {
		d.step(names[d.IntN(len(names))])
		d.at += time.Millisecond + []time.Duration{
			time.Duration(d.IntN(50)) * time.Millisecond, time.Duration(d.IntN(1000)) * time.Millisecond,
			time.Duration(d.IntN(20_000)) * time.Millisecond, time.Duration(d.IntN(100_000)) * time.Millisecond,
		}[d.IntN(4)]
	}
	d.troubles()
	d.denials()
	d.hides()
	d.busy()
	d.StepBack = d.IntN(4) == 0
	d.forges()
	return d.Plan
}

// neverDenied is a name that every reconcile may read and write.
const neverDenied = "/app/allowed"

// denials adds a reconcile that lacks permissions to some plans. It draws from a
// source of its own and leaves the kept seeds alone, so that their histories stay
// what they were.
func (d *draft) denials() {
	switch d.Seed % 16 {
	case 3, 6, 9:
	default:
		return
	}
	r := rand.New(rand.NewPCG(d.Seed, 0x64656e79))
	d.Deny = 300 + r.IntN(600)
	d.Lose = 500 * int(d.Seed%2)
	// A listing of which everything failed is not complete.
	d.Changes = slices.Insert(d.Changes, 0, Change{Op: Put, Name: neverDenied, Value: "v"})
	d.Reconciles = append(d.Reconciles, Reconcile{At: time.Duration(r.Int64N(int64(d.at) + int64(time.Minute)))})
}

// busy adds a parameter to some plans that changes so often that its index is divided.
// Like denials, it leaves the kept seeds alone.
func (d *draft) busy() {
	if d.Seed%16 != 0 && d.Seed%32 != 15 {
		return
	}
	const name = "/app/busy"
	d.Rand = rand.New(rand.NewPCG(d.Seed, 0x62757379))
	before := d.Changes
	d.Changes, d.at = nil, 0
	for range 14 + d.IntN(26) {
		switch n := d.IntN(24); {
		case n == 0:
			d.change(Change{Op: Delete, Name: name})
		case n < 3:
			d.change(Change{Op: Tag, Name: name, Value: fmt.Sprint("busy", len(d.Changes))})
		case n == 3:
			d.change(Change{Op: Label, Name: name, Value: fmt.Sprint("busy", len(d.Changes)), Number: max(1, d.number[name]-d.Int64N(2))})
		default:
			d.serial++
			d.put(name)
		}
		d.at += []time.Duration{
			time.Duration(1+d.IntN(100)) * time.Millisecond, time.Duration(1000+d.IntN(3000)) * time.Millisecond, time.Duration(1000+d.IntN(3000)) * time.Millisecond,
			time.Duration(1000+d.IntN(30_000)) * time.Millisecond,
		}[d.IntN(4)]
	}
	d.Changes = append(before, d.Changes...)
	slices.SortStableFunc(d.Changes, func(a, b Change) int { return cmp.Compare(a.At, b.At) })
	for range 3 {
		d.Readers = append(d.Readers, time.Duration(d.Int64N(int64(d.at)+1)))
	}
}

// step adds a change of one parameter by a user.
func (d *draft) step(name string) {
	d.serial++
	live := d.number[name] > 0
	switch n := d.IntN(24); {
	case live && n < 5:
		d.change(Change{Op: Delete, Name: name})
		if d.IntN(2) == 0 { // recreated soon
			d.at += time.Duration(1+d.IntN(900)) * time.Millisecond
			d.put(name)
		}
	case live && n < 10:
		d.change(Change{Op: Tag, Name: name, Value: fmt.Sprint(d.serial)})
	case live && n == 10:
		d.change(Change{Op: Untag, Name: name})
	case live && n < 13:
		c := Change{Op: Label, Name: name, Value: fmt.Sprint("l", d.serial), Number: max(1, d.number[name]-d.Int64N(3))}
		d.labels[name] = append(d.labels[name], c)
		d.change(c)
	case live && n == 13 && len(d.labels[name]) > 1:
		c := d.labels[name][0]
		d.labels[name] = d.labels[name][1:]
		c.Op = Unlabel
		d.change(c)
	case live && n == 14:
		d.change(Change{Op: Put, Name: name, Expires: true, Secret: d.secret[name], Value: value(d.Rand, d.serial)})
		d.at += time.Second + time.Duration(d.IntN(20_000))*time.Millisecond
		d.change(Change{Op: Expire, Name: name})
	case n == 15 || n == 14 && d.IntN(2) == 0: // more versions than Parameter Store keeps
		for range keptVersions + 2 {
			d.put(name)
			d.at += time.Duration(1+d.IntN(100)) * time.Millisecond
		}
	default:
		d.put(name)
	}
}

func (d *draft) put(name string) {
	if d.number[name] == 0 {
		d.secret[name] = d.IntN(2) == 0
	}
	d.change(Change{Op: Put, Name: name, Secret: d.secret[name], Value: value(d.Rand, d.serial)})
}

func (d *draft) change(c Change) {
	c.At = d.at
	d.Changes = append(d.Changes, c)
	switch c.Op {
	case Put:
		d.number[c.Name]++
	case Delete, Expire:
		d.number[c.Name] = 0
		delete(d.labels, c.Name)
	}
}

// troubles adds everything but the changes of users.
func (d *draft) troubles() {
	for range 2 {
		kill := 0
		if !d.Calm && d.IntN(2) == 0 {
			kill = 1 + d.IntN(40)
		}
		d.Kills = append(d.Kills, kill)
	}
	end := int64(d.at) + int64(time.Minute)
	for range d.IntN(5) / 2 {
		rec := Reconcile{At: time.Duration(d.Int64N(end))}
		if !d.Calm && d.IntN(4) == 0 {
			rec.Kill = 1 + d.IntN(30)
		}
		d.Reconciles = append(d.Reconciles, rec)
	}
	if d.IntN(3) == 0 {
		d.Readers = append(d.Readers, time.Duration(d.Int64N(end)))
	}
	if !d.Calm {
		d.KillMarker = d.IntN(300)
		if d.IntN(16) == 0 {
			d.Hurt = time.Duration(1 + d.Int64N(end))
		}
	}
}

// value returns values that a careless reader or writer would change.
func value(r *rand.Rand, i int) string {
	return fmt.Sprintf("%s%d-%x%s", []string{"", " ", "\t", "é"}[r.IntN(4)], i, r.Uint32(), []string{"", " ", "\n", "  \n"}[r.IntN(4)])
}

// String returns a plan, one change per line.
func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, archive made after %v, calm: %v, lifecycle: %v, times step back: %v, kills %v, reconciles %v, readers %v, hurt at %v\n", p.Seed, p.Established, p.Calm, p.Lifecycle, p.StepBack, p.Kills, p.Reconciles, p.Readers, p.Hurt)
	fmt.Fprintf(&b, "of 1,000 events: %d lost, %d twice\n", p.Lose, p.Repeat)
	fmt.Fprintf(&b, "of 1,000 names: %d denied to a reconcile\n", p.Deny)
	fmt.Fprintf(&b, "before %d of 1,000 requests something is hidden\n", p.Hide)
	fmt.Fprintf(&b, "of 1,000 requests: %d pause, %d fail before, %d after, %d throttled, %d conflicts, %d stale\n", p.Pause, p.FailBefore, p.FailAfter, p.Throttle, p.Conflict, p.Stale)
	for _, f := range p.Forged {
		fmt.Fprintf(&b, "  %v forged, queued %v: %s of %s, %v later\n", f.At, f.Queued, f.Kind, f.Name, f.Off)
	}
	for _, c := range p.Changes {
		fmt.Fprintf(&b, "  %v\n", c)
	}
	return b.String()
}
