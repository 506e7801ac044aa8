package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/timeline"
)

// The kinds of steps.
const (
	Create   = "create"
	Update   = "update"
	Label    = "label"
	Unlabel  = "unlabel"
	Tag      = "tag"
	Untag    = "untag"
	Delete   = "delete"
	Recreate = "recreate"
)

// Documented reports whether AWS documents an event for a kind of change.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-cwe.html
func Documented(kind string) bool { return kind != Unlabel && kind != Tag && kind != Untag }

// The label and the tag that a test sets. A label may not begin with ssm.
const (
	label    = "pipeline-test"
	tagKey   = "ssmbak-test"
	tagValue = "tagged"
)

// step is one change of a test.
type step struct {
	archive.TestStep
	after *step // the step after whose request this one waits, for recreation, or nil
	send  func(ctx context.Context) error
	shows func(timeline.Facts) bool // whether the facts include the event of the change
	known map[string]bool           // events that were recorded before
	done  bool
}

// stages returns the steps: those of one stage are made at the same time, on parameters of
// their own, except that the last one follows another.
func (r *run) stages() (first, second, third []*step) {
	at := func(kind string, name ssmbak.Name) *step {
		return &step{TestStep: archive.TestStep{Kind: kind, Name: name}, known: make(map[string]bool)}
	}
	put := func(kind string, name ssmbak.Name) *step {
		s := at(kind, name)
		var ref timeline.Ref
		s.send = func(ctx context.Context) (err error) {
			ref, err = r.put(ctx, s)
			return err
		}
		s.shows = func(f timeline.Facts) bool {
			v, ok := f.Version(ref)
			return ok && len(v.Events) > 0
		}
		return s
	}
	for _, name := range Names {
		first = append(first, put(Create, name))
	}
	labelled := at(Label, Names[1])
	labelled.send = func(ctx context.Context) error { return r.live.Label(ctx, Names[1], 1, []string{label}) }
	labelled.shows = r.labelEvent(labelled)
	tagged := at(Tag, Names[2])
	tagged.send = func(ctx context.Context) error {
		return r.live.AddTags(ctx, Names[2], map[string]string{tagKey: tagValue})
	}
	tagged.shows = r.tagEvent(tagged, true)
	second = []*step{put(Update, Names[0]), labelled, tagged}

	unlabelled := at(Unlabel, Names[1])
	unlabelled.send = func(ctx context.Context) error { return r.live.Unlabel(ctx, Names[1], 1, []string{label}) }
	unlabelled.shows = r.labelEvent(unlabelled)
	untagged := at(Untag, Names[2])
	untagged.send = func(ctx context.Context) error { return r.live.RemoveTags(ctx, Names[2], []string{tagKey}) }
	untagged.shows = r.tagEvent(untagged, false)
	deleted := at(Delete, Names[0])
	deleted.send = func(ctx context.Context) error { return r.live.Delete(ctx, Names[0]) }
	deleted.shows = func(f timeline.Facts) bool {
		for _, d := range f.Deletions {
			if r.fresh(deleted, d.Event, d.Second) {
				return true
			}
		}
		return false
	}
	recreated := put(Recreate, Names[0])
	recreated.after = deleted
	return first, second, []*step{unlabelled, untagged, deleted, recreated}
}

func (r *run) labelEvent(s *step) func(timeline.Facts) bool {
	return func(f timeline.Facts) bool {
		for _, l := range f.Labels {
			if r.fresh(s, l.Event, l.Second) {
				return true
			}
		}
		return false
	}
}

func (r *run) tagEvent(s *step, tagged bool) func(timeline.Facts) bool {
	return func(f timeline.Facts) bool {
		for _, t := range f.Tags {
			if _, has := t.Tags[tagKey]; r.fresh(s, t.Event, t.Second) && has == tagged {
				return true
			}
		}
		return false
	}
}

// fresh reports whether an event may be that of a step: it was not recorded before, and
// happened at the time of the step, as far as the clocks can be compared.
func (r *run) fresh(s *step, event string, second int64) bool {
	const tolerance = 2 * time.Second
	sent := s.Sent.Add(r.ahead - tolerance)
	return event != "" && !s.known[event] && second >= sent.Unix()
}

// put writes the version of a step, and returns it as Parameter Store shows it.
func (r *run) put(ctx context.Context, s *step) (timeline.Ref, error) {
	w := r.write(s.Kind, s.Name)
	if !w.Overwrite {
		r.created[s.Name] = r.created[s.Name] || false
	}
	began := time.Now()
	written, err := r.live.Put(ctx, w)
	switch {
	case errors.Is(err, paramstore.ErrExists) && s.Kind == Create:
		delete(r.created, s.Name)
		return timeline.Ref{}, &ForeignError{[]ssmbak.Name{s.Name}}
	case err != nil:
		return timeline.Ref{}, err
	}
	r.created[s.Name] = true
	ended := time.Now()
	version, err := r.read(ctx, s, written.Number)
	if err != nil {
		return timeline.Ref{}, err
	}
	if s.Kind == Create {
		r.ahead = version.Time.Std().Sub(began.Add(ended.Sub(began) / 2))
	}
	r.learn(s.Kind, w, version)
	return timeline.Ref{Number: version.Number, Time: version.Time}, nil
}

// write returns the write of a step.
func (r *run) write(kind string, name ssmbak.Name) paramstore.Write {
	w := paramstore.Write{Name: name, Overwrite: kind == Update}
	w.Attributes.Type, w.Attributes.Description = ssmbak.TypeString, Description
	switch name {
	case Names[1]:
		w.Attributes.Type = ssmbak.TypeSecureString
	case Names[2]:
		w.Attributes.Type = ssmbak.TypeStringList
	}
	text := kind + "," + r.record.ID
	if name == Names[0] {
		text = " " + text + " \n" // AWS does not say whether it keeps white space
	}
	w.Value = ssmbak.NewValue(text)
	return w
}

// read reads a version that was just written, as soon as reads show it.
func (r *run) read(ctx context.Context, s *step, number int64) (paramstore.Version, error) {
	began := time.Now()
	for {
		h, err := r.live.DecryptedHistory(ctx, s.Name)
		switch {
		case err == nil && h.Newest().Number == number && h.Newest().Description == Description && r.isNew(s, h.Newest()):
			if late := h.Read.Began.Std().Sub(began); late > r.seen {
				r.seen = late
			}
			return h.Newest(), nil
		case err != nil && !errors.Is(err, paramstore.ErrNotFound) && !errors.Is(err, paramstore.ErrChanged):
			return paramstore.Version{}, err
		case time.Since(began) > Patience:
			return paramstore.Version{}, fmt.Errorf("reads of %s do not show version %d, which was written %s ago", s.Name, number, time.Since(began).Round(time.Second))
		}
		if err := wait(ctx, r.o.Poll); err != nil {
			return paramstore.Version{}, err
		}
	}
}

// isNew reports whether a version with the number that was written is not that of the
// parameter that was deleted before.
func (r *run) isNew(s *step, v paramstore.Version) bool {
	return s.Kind != Recreate || v.Value.V.Equal(r.write(s.Kind, s.Name).Value)
}

// play makes the changes of a stage and waits until all are recorded, or their time is
// over.
func (r *run) play(ctx context.Context, stage []*step) error {
	for {
		open := 0
		for _, s := range stage {
			if s.done {
				continue
			}
			if err := r.advance(ctx, s); err != nil {
				return err
			}
			if !s.done {
				open++
			}
		}
		if open == 0 {
			return nil
		}
		if err := wait(ctx, r.o.Poll); err != nil {
			return err
		}
	}
}

// advance sends the request of a step when its time has come, and later looks whether its
// event was recorded.
func (r *run) advance(ctx context.Context, s *step) error {
	if s.Sent.IsZero() {
		switch {
		case s.after != nil && (s.after.Sent.IsZero() || time.Since(s.after.Sent) < recreation):
			return nil
		case !time.Now().Before(r.until):
			r.finish(s)
			return nil
		}
		return r.begin(ctx, s)
	}
	x, err := r.archive.Index(ctx, s.Name)
	if err != nil {
		return err
	}
	passed := time.Since(s.Sent)
	switch {
	case s.shows(x.Facts):
		s.Recorded, s.Lag = true, passed.Milliseconds()
		r.finish(s)
	case passed >= Patience || !time.Now().Before(r.until):
		s.Waited = passed.Milliseconds()
		r.finish(s)
	}
	return nil
}

// begin sends the request of a step.
func (r *run) begin(ctx context.Context, s *step) error {
	x, err := r.archive.Index(ctx, s.Name)
	if err != nil {
		return err
	}
	for _, l := range x.Facts.Labels {
		s.known[l.Event] = true
	}
	for _, t := range x.Facts.Tags {
		s.known[t.Event] = true
	}
	for _, d := range x.Facts.Deletions {
		s.known[d.Event] = true
	}
	began := time.Now()
	if err := s.send(ctx); err != nil {
		return fmt.Errorf("%s %s: %w", s.Kind, s.Name, err)
	}
	s.Sent = began.UTC()
	return nil
}

// finish ends a step.
func (r *run) finish(s *step) {
	s.done = true
	done := 0
	for _, x := range r.steps {
		if x.done {
			done++
		}
	}
	if r.o.Progress != nil {
		r.o.Progress(done, len(r.steps))
	}
}
