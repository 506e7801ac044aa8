package ssmbakcli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/restore"
)

// running is the restore that is being applied, as far as an interrupt has to
// tell of it. Its methods may be called from many goroutines at once.
type running struct {
	mu          sync.Mutex
	again       string      // the command that finishes what is left
	id          string      // "" while nothing is recorded
	waits       ssmbak.Time // until when the last creation has to wait, zero if none has
	away        map[ssmbak.Name]ssmbak.Time
	interrupted bool
}

// watch makes a restore report what an interrupt has to tell. again is the
// command that finishes it.
func (a *app) watch(o *restore.Options, again string) {
	r := &a.running
	r.mu.Lock()
	defer r.mu.Unlock()
	r.again, r.away = again, make(map[ssmbak.Name]ssmbak.Time)
	o.Began = func(id string) {
		r.mu.Lock()
		r.id = id
		wait := r.waits
		r.mu.Unlock()
		if wait > ssmbak.TimeOf(time.Now()) {
			a.Note("what was deleted just now is created at %s: AWS asks for 30 seconds between the two", wait)
		}
	}
	o.Away = func(x restore.Absence) {
		r.mu.Lock()
		if x.Over {
			delete(r.away, x.Name)
		} else {
			r.away[x.Name] = x.Until
		}
		late := r.interrupted && !x.Over && x.Until != 0
		r.mu.Unlock()
		if late {
			a.Note("%s is deleted and will be created again%s", x.Name, in(x.Until))
		}
	}
}

// expect sets until when the last creation has to wait.
func (r *running) expect(waits ssmbak.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waits = waits
}

// in says how long it is until a moment.
func in(until ssmbak.Time) string {
	if left := time.Until(until.Std()); left > time.Second {
		return " in " + left.Round(time.Second).String()
	}
	return ""
}

// onInterrupt says, once ctx ends, what goes on. The returned function ends this
// and waits until it was said.
func (a *app) onInterrupt(ctx context.Context) (end func()) {
	said := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(said)
		r := &a.running
		r.mu.Lock()
		r.interrupted = true
		var last ssmbak.Time
		n, name := 0, ssmbak.Name("")
		for away, until := range r.away {
			if until != 0 {
				n, name, last = n+1, away, max(last, until)
			}
		}
		r.mu.Unlock()
		a.Note("interrupted: nothing more is started; interrupt again to stop at once")
		switch {
		case n == 1:
			a.Note("%s is deleted and will be created again%s", name, in(last))
		case n > 1:
			a.Note("%s are deleted and will be created again, the last one%s", shell.Count(n, "parameter", "parameters"), in(last))
		}
	})
	return func() {
		if !stop() {
			<-said
		}
	}
}

// abandon ends the run while its work goes on, and says what it leaves behind.
func (a *app) abandon(ctx context.Context) int {
	a.CloseProgress()
	r := &a.running
	r.mu.Lock()
	id, again, away := r.id, r.again, slices.Sorted(maps.Keys(r.away))
	r.mu.Unlock()
	f := shell.Failure{Message: "interrupted again: stopped at once", Code: shell.Interrupted}
	for _, name := range away {
		a.Note("deleted at this moment: %s", name)
	}
	if id != "" {
		a.Note("restore %s was stopped before its end: `ssmbak undo %s%s` takes it back", id, id, a.where())
		f.Hint = "`" + again + "` finishes the rest"
		if n := len(away); n > 0 {
			f.Hint = fmt.Sprintf("`%s` creates %s again and finishes the rest", again, shell.Plural(n, "it", "them"))
		}
	}
	return a.Complain(ctx, nil, f)
}
