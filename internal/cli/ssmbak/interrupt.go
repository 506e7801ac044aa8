package ssmbakcli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/restore"
)

// running is the state of the restore in progress that an interrupt has to report. It
// is safe for concurrent use.
type running struct {
	mu          sync.Mutex
	again       string // the command that finishes the rest
	undo        func(id string) string
	id          string      // "" before there is a restore record, or without an archive
	applies     bool        // the plan is applied
	waits       ssmbak.Time // when the last delayed creation is due, zero if there is none
	away        map[ssmbak.Name]ssmbak.Time
	interrupted bool
}

// watch makes a restore report its state to a.running. again is the command that
// finishes the restore, and undo returns the one that undoes it.
func (a *app) watch(o *restore.Options, again string, undo func(id string) string) {
	r := &a.running
	r.mu.Lock()
	defer r.mu.Unlock()
	r.again, r.undo, r.away = again, undo, make(map[ssmbak.Name]ssmbak.Time) // undo is nil without an archive
	o.Began = func(id string) {
		r.mu.Lock()
		r.id = id
		wait := r.waits
		r.mu.Unlock()
		if wait > ssmbak.TimeOf(time.Now()) {
			a.NoteFacts(shell.Facts{"Until": wait}, "deleted parameters are created again at %s: AWS requires 30 seconds between deletion and creation", wait)
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
			a.NoteFacts(shell.Facts{"Name": x.Name, "Until": x.Until}, "%s is deleted and will be created again%s", x.Name, in(x.Until))
		}
	}
}

// begin says that the plan is applied from now on, and when the last delayed creation is due.
func (r *running) begin(waits ssmbak.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.applies, r.waits = true, waits
}

// wrote reports whether a parameter may have been changed. Before that, there is a record if
// there is an archive.
func (r *running) wrote() bool { return r.id != "" || r.applies && r.undo == nil }

// orUnchanged returns the error of a restore. If it was interrupted before anything was
// changed, the error says so.
func (a *app) orUnchanged(ctx context.Context, err error) error {
	a.running.mu.Lock()
	defer a.running.mu.Unlock()
	if interrupted(ctx, err) && !a.running.wrote() {
		return shell.Unchanged()
	}
	return err
}

// interrupted reports whether an error is that of an interrupt and nothing else.
func interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, context.Canceled) && !errors.As(err, new(*shell.Failure))
}

// in returns the time left until a time as " in 5s", or "" if it is less than a second.
func in(until ssmbak.Time) string {
	if left := time.Until(until.Std()); left > time.Second {
		return " in " + left.Round(time.Second).String()
	}
	return ""
}

// onInterrupt prints what is still in progress when ctx ends. The returned function
// stops this, and waits for printing to complete.
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
		a.Note("interrupted: starting nothing more; interrupt again to stop immediately")
		switch {
		case n == 1:
			a.NoteFacts(shell.Facts{"Name": name, "Until": last}, "%s is deleted and will be created again%s", name, in(last))
		case n > 1:
			a.NoteFacts(shell.Facts{"Counts": shell.Facts{"deleted": n}, "Until": last}, "%s are deleted and will be created again, the last of them%s", shell.Count(n, "parameter", "parameters"), in(last))
		}
	})
	return func() {
		if !stop() {
			<-said
		}
	}
}

// abandon ends the run while work is in progress, and prints what is left undone.
func (a *app) abandon(ctx context.Context) int {
	a.CloseProgress()
	r := &a.running
	r.mu.Lock()
	id, again, away, wrote := r.id, r.again, slices.Sorted(maps.Keys(r.away)), r.wrote()
	r.mu.Unlock()
	f := shell.Failure{Message: "interrupted again: stopped immediately", Code: shell.Interrupted}
	for _, name := range away {
		a.NoteFacts(shell.Facts{"Name": name}, "currently deleted: %s", name)
	}
	if id != "" {
		a.NoteFacts(shell.Facts{"RestoreId": id}, "restore %s was stopped: `%s` undoes it", id, r.undo(id))
	}
	switch n := len(away); {
	case again == "":
	case !wrote:
		f.Hint = "nothing was changed"
	case n > 0:
		f.Hint = fmt.Sprintf("`%s` creates %s again and finishes the rest", again, shell.Plural(n, "it", "them"))
	default:
		f.Hint = "`" + again + "` finishes the rest"
	}
	return a.Complain(ctx, nil, f)
}
