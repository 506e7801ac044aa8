package restore

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/timeline"
)

// Undo returns a plan that undoes a restore: each parameter that it changed returns to its
// previous state, as recorded before the restore, which may have ended or been killed.
// [Restorer.Apply] applies the plan and records it as a separate restore.
//
// Parameters that have changed since the restore are refused, with the author of the
// change. Parameters that the restore did not reach, and tags and labels that it did not
// change, are not changed.
//
// The error is [archive.ErrNoRestore] if there is no restore with that ID.
func (r *Restorer) Undo(ctx context.Context, id string) (*Plan, error) {
	if err := r.o.CheckPatterns(); err != nil {
		return nil, err
	}
	rec, err := r.archive.RestoreRecord(ctx, id)
	if err != nil {
		return nil, err
	}
	target, err := ssmbak.ParseTarget(rec.Target, rec.Recursive)
	if err != nil {
		return nil, err
	}
	complete, err := r.archive.Reconciled(ctx)
	if err != nil {
		return nil, err
	}
	items := make(map[ssmbak.Name]*plan.DocumentItem, len(rec.Items))
	var subjects []*subject
	out := &Plan{Plan: plan.Plan{At: ssmbak.TimeOf(rec.Began), Target: target, Undoes: id}, Unchecked: complete.Names.IsZero()}
	if !complete.Last.IsZero() {
		out.Complete = ssmbak.TimeOf(complete.Last)
	}
	names := make([]ssmbak.Name, len(rec.Items))
	for i := range rec.Items {
		names[i] = rec.Items[i].Name
	}
	if err := r.o.CheckNames(names); err != nil {
		return nil, err
	}
	for i := range rec.Items {
		x := &rec.Items[i]
		switch {
		case !r.o.Includes(x.Name):
			out.Excluded++
		case x.Status != plan.StatusRefused && x.Status != plan.StatusUnchanged:
			items[x.Name] = x
			s := &subject{name: x.Name, origin: x.Name}
			if x.Before != nil {
				s.moments = []ssmbak.Time{x.Before.Version.Time}
			}
			subjects = append(subjects, s)
		}
	}
	if err := r.find(ctx, subjects, complete); err != nil {
		return nil, err
	}
	attempts, err := r.attempts(ctx, id)
	if err != nil {
		return nil, err
	}
	err = r.finish(ctx, out, subjects, complete, true, func(ctx context.Context, s *subject) error {
		return r.fillUndo(ctx, s, rec, items[s.name], attempts)
	})
	return out, err
}

// lastRestores is the number of records that are searched for earlier attempts to undo a
// restore.
const lastRestores = 10

// attempts returns the records of earlier attempts to undo a restore. What an attempt wrote
// whose record cannot be read is a conflict, like the writes of others.
func (r *Restorer) attempts(ctx context.Context, id string) ([]*plan.Document, error) {
	last, _, err := r.archive.RestoreRecords(ctx, lastRestores)
	if archive.Unreadable(err) || archive.Unavailable(err) {
		err = nil
	}
	return slices.DeleteFunc(last, func(x *plan.Document) bool { return x.Undoes != id }), err
}

// matchesAttempt reports whether the parameter is in the state in which an earlier attempt
// of the same undo left it: restored, deleted to be replaced, or created again as it was.
func (r *Restorer) matchesAttempt(ctx context.Context, s *subject, attempts []*plan.Document) (bool, error) {
	if s.line == nil || len(s.line.Facts().Versions) == 0 {
		return false, nil
	}
	newest := slices.MaxFunc(s.line.Facts().Versions, func(a, b timeline.Version) int { return cmp.Compare(a.Moment(), b.Moment()) })
	for _, rec := range attempts {
		i := slices.IndexFunc(rec.Items, func(x plan.DocumentItem) bool { return x.Name == s.name })
		if i < 0 {
			continue
		}
		x := &rec.Items[i]
		if s.c.Before == nil {
			if x.Replaces && x.Written == 0 && x.Before != nil && x.Before.Version.Ref() == newest.Ref() {
				return true, nil
			}
			continue
		}
		if matches, err := r.matchesRecord(ctx, s, rec, x); matches || err != nil {
			return matches, err
		}
	}
	return false, nil
}

// find reads the live parameters and timelines of the subjects.
func (r *Restorer) find(ctx context.Context, subjects []*subject, complete archive.Reconciled) error {
	names := make([]ssmbak.Name, len(subjects))
	for i, s := range subjects {
		names[i] = s.name
	}
	found, err := describeAll(ctx, r.live, names, r.described)
	if err != nil {
		return err
	}
	for _, s := range subjects {
		if d, ok := found[s.name]; ok {
			s.live = &d
		}
	}
	return each(ctx, reads, subjects, r.step(StepRecords, func(ctx context.Context, s *subject) error { return r.reload(ctx, s, complete) }))
}

// fillUndo sets the state before the restore as the state to restore, and a conflict if
// the live parameter is not in the state in which the restore left it.
func (r *Restorer) fillUndo(ctx context.Context, s *subject, rec *plan.Document, x *plan.DocumentItem, attempts []*plan.Document) error {
	c := &s.c
	c.Existed, c.Covered, c.Undone = true, true, x.Attributes
	c.After = ssmbak.State{Name: s.name, Deleted: x.Before == nil, Certainty: ssmbak.Proved, Modified: ssmbak.TimeOf(rec.Began)}
	unrecorded := ""
	if b := x.Before; b != nil {
		// The archive says what the version was, not the record: a restore begins only
		// after the version that it replaces is recorded.
		before, ok := s.recorded(b.Version.Ref())
		switch {
		case ok:
		case s.problem != nil:
			before = b.Version
		default:
			unrecorded = fmt.Sprintf("its record names version %d of %s, which the archive does not have", b.Version.Number, b.Version.Time)
		}
		c.After.Version, c.After.Modified, c.AfterObjects = before.Version, before.Time, before.Objects
		if len(c.AfterObjects) == 0 {
			c.After.Value.Reason = cmp.Or(unrecorded, "it was not recorded")
		}
		if b.Tags != nil {
			c.After.Tags = ssmbak.Know(b.Tags, ssmbak.Proved)
		}
		if b.Labels != nil {
			c.After.Labels = ssmbak.Know(b.Labels, ssmbak.Proved)
		}
	}
	switch {
	case s.problem != nil:
		c.Conflict = "its record cannot be read: " + s.problem.Error()
	case unrecorded != "":
		c.Conflict = unrecorded
	case c.Before == nil && x.Before != nil && x.After != nil && (!x.Replaces || x.Written != 0):
		matches, err := r.matchesAttempt(ctx, s, attempts)
		if err != nil {
			return err
		}
		if !matches {
			c.Conflict = "it was deleted since the restore"
		}
	case c.Before == nil || x.Before != nil && x.Before.Version.Ref() == s.ref():
		// It is deleted, as the restore left it or intended to, or was never changed.
	default:
		matches, err := r.matchesRecord(ctx, s, rec, x)
		if err == nil && !matches {
			matches, err = r.matchesAttempt(ctx, s, attempts)
		}
		if err != nil {
			return err
		}
		switch {
		case matches:
		case rec.From != nil && r.o.From == nil && mayHaveWritten(rec, *x):
			c.Conflict = fmt.Sprintf("whether the restore wrote this version is not known without the archive in bucket %s that it came from: %s", rec.From.Bucket, author(c.Before.Version))
		default:
			c.Conflict, err = r.undecided(ctx, s, rec, x)
			return err
		}
	}
	return nil
}

// undecided returns why a live version that does not certainly match the record of a restore
// is not overwritten: it was changed since, or the value that the restore was to write is
// unavailable, so that it may be the one that the restore wrote.
func (r *Restorer) undecided(ctx context.Context, s *subject, rec *plan.Document, x *plan.DocumentItem) (string, error) {
	live := s.c.Before.Version
	if x.After != nil && x.After.Version.Time == 0 && (x.Written == 0 || x.Written == live.Number) && r.writtenBy(rec, live) {
		value, err := r.intended(ctx, s, rec, x)
		if err != nil {
			return "", err
		}
		if !value.IsKnown() {
			return fmt.Sprintf("whether the restore wrote this version is not known, since the value that it restored is unavailable (%s): %s", value.Reason, author(live)), nil
		}
	}
	return "it was changed since the restore: " + author(live), nil
}

// NeedsSource reports whether the undo of a restore reads the archive that it came from: the
// restore came from another one, and it is not known of a parameter whether it was written,
// since the restore was killed or the answer to a request was lost.
func NeedsSource(rec *plan.Document) bool {
	return rec.From != nil && slices.ContainsFunc(rec.Items, func(x plan.DocumentItem) bool { return mayHaveWritten(rec, x) })
}

// mayHaveWritten reports whether a restore may have written a parameter, although its record
// does not say so.
func mayHaveWritten(rec *plan.Document, x plan.DocumentItem) bool {
	return x.After != nil && x.Written == 0 && (rec.Ended.IsZero() || x.Status == plan.StatusFailed)
}

// clocks is by how much the clock of the machine that ran a restore may have differed from
// Parameter Store's.
const clocks = archive.Tolerance

// writtenBy reports whether a version may be one that a restore wrote: Parameter Store says
// who wrote it and when.
func (r *Restorer) writtenBy(rec *plan.Document, v ssmbak.Version) bool {
	ended := ssmbak.TimeOf(rec.Ended)
	return v.Time >= ssmbak.TimeOf(rec.Began).Add(-clocks) && (rec.Ended.IsZero() || v.Time <= ended.Add(clocks)) &&
		(r.o.By == "" || v.User == rec.By)
}

// matchesRecord reports whether the live version is certainly the one that the restore
// wrote, or the previous one that it created again because it could not create that. The
// record is believed only as far as Parameter Store agrees.
func (r *Restorer) matchesRecord(ctx context.Context, s *subject, rec *plan.Document, x *plan.DocumentItem) (bool, error) {
	if !r.writtenBy(rec, s.c.Before.Version) {
		return false, nil
	}
	matches, err := r.matchesAfter(ctx, s, rec, x)
	if matches || err != nil || !x.Replaces || x.Before == nil || s.c.Before.Version.Number != 1 || x.Written > 1 {
		return matches, err
	}
	value, _, err := r.archive.KnownValue(ctx, x.Before.Source, ssmbak.Version{}, x.Before.Version.Objects)
	if err != nil || !value.IsKnown() {
		return false, err
	}
	return r.matchesWrite(ctx, s.name, x.Before, value.V, *s.c.Before)
}

// matchesAfter reports whether the live version, which may be one of the restore, is
// certainly the one that it was to write.
func (r *Restorer) matchesAfter(ctx context.Context, s *subject, rec *plan.Document, x *plan.DocumentItem) (bool, error) {
	live, a := *s.c.Before, x.After
	began := ssmbak.TimeOf(rec.Began).Add(-clocks)
	if a == nil || a.Version.Time != 0 {
		return false, nil
	}
	n, first := live.Version.Number, live.Version.Number
	switch {
	case x.Written != 0 && n != x.Written:
		return false, nil
	case n == a.Version.Number, x.Replaces && n == 1, x.Status == plan.StatusRestored:
		// A write whose response was lost may have been repeated.
	case x.Status == "" && n > a.Version.Number && s.line != nil:
		// The same, but the restore was killed before it recorded that.
		first = a.Version.Number
	default:
		return false, nil
	}
	value, err := r.intended(ctx, s, rec, x)
	if err != nil || !value.IsKnown() {
		return false, err
	}
	last := live.Version.Time // times of a life may decrease, its moments do not
	if s.line != nil {
		if v, ok := s.line.Facts().Version(s.ref()); ok {
			last = v.Moment()
		}
	}
	for ; first < n; first++ {
		i := slices.IndexFunc(s.line.Facts().Versions, func(v timeline.Version) bool {
			return v.Number == first && v.Moment() >= began && v.Moment() <= last && v.User == live.Version.User
		})
		if i < 0 {
			return false, nil
		}
		v := s.line.Facts().Versions[i]
		if same, err := r.matchesWrite(ctx, s.name, a, value.V, plan.Parameter{Version: v.Version, Objects: v.Objects}); err != nil || !same {
			return false, err
		}
	}
	return r.matchesWrite(ctx, s.name, a, value.V, live)
}

// intended returns the value that a restore was to write. It may have expired since, or be
// in another archive that cannot be read: then the live value is believed to be it if the live
// version has the number that Parameter Store returned for the write.
func (r *Restorer) intended(ctx context.Context, s *subject, rec *plan.Document, x *plan.DocumentItem) (v ssmbak.Known[ssmbak.Value], err error) {
	live := s.c.Before
	if rec.From == nil {
		v, _, err = r.archive.KnownValue(ctx, x.After.Source, ssmbak.Version{}, x.After.Version.Objects)
		if v.IsKnown() || err != nil {
			return v, err
		}
	}
	switch {
	case x.Written != 0 && x.Written == live.Version.Number:
		v, _, err = r.archive.KnownValue(ctx, s.name, live.Version, live.Objects)
	case rec.From != nil && r.o.From != nil:
		v, _, err = r.o.From.KnownValue(ctx, x.After.Source, ssmbak.Version{}, x.After.From)
	}
	return v, err
}

// matchesWrite reports whether version p is what a restore was to write.
func (r *Restorer) matchesWrite(ctx context.Context, name ssmbak.Name, after *plan.DocumentSide, value ssmbak.Value, p plan.Parameter) (bool, error) {
	v, _, err := r.archive.KnownValue(ctx, name, p.Version, p.Objects)
	if err != nil || !v.IsKnown() {
		return false, err
	}
	p.Value = v
	a := after.Version.Attributes
	if left, _ := plan.Unexpired(a.Policies, p.Version.Time); plan.SamePolicies(left, p.Version.Policies) {
		a.Policies = left // an expiration passed after the plan was made and was removed
	}
	return plan.Write{Value: value, Attributes: plan.Defaulted(a)}.Matches(p), nil
}
