package restore

import (
	"cmp"
	"context"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/timeline"
)

// Undo plans the way back from a restore, by its record: each parameter that it
// changed becomes what it was right before, whether the restore ended or was
// killed. It is applied by [Restorer.Apply], which records it as a restore of
// its own.
//
// A parameter that somebody else changed since is refused: its item says whose
// change that was. One that the restore did not come to is left alone. Tags and
// labels that the restore did not change stay as they are now.
//
// The error is [archive.ErrNoRestore] if no restore has that id.
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
	items := make(map[ssmbak.Name]*archive.RestoreItem, len(rec.Items))
	var subjects []*subject
	out := &Plan{Plan: plan.Plan{At: ssmbak.TimeOf(rec.Began), Target: target, Undoes: id}}
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
		case x.Status != string(plan.StatusRefused) && x.Status != string(plan.StatusUnchanged):
			items[x.Name] = x
			subjects = append(subjects, &subject{name: x.Name, origin: x.Name})
		}
	}
	if err := r.find(ctx, subjects, complete); err != nil {
		return nil, err
	}
	tries, err := r.tries(ctx, id)
	if err != nil {
		return nil, err
	}
	err = r.finish(ctx, out, subjects, complete, true, func(ctx context.Context, s *subject) error {
		return r.wantBefore(ctx, s, rec, items[s.name], tries)
	})
	return out, err
}

// lastRestores is among how many records the earlier tries of a way back are
// looked for.
const lastRestores = 10

// tries returns the records of earlier ways back from a restore.
func (r *Restorer) tries(ctx context.Context, id string) ([]*archive.RestoreRecord, error) {
	last, _, err := r.archive.RestoreRecords(ctx, lastRestores)
	return slices.DeleteFunc(last, func(x *archive.RestoreRecord) bool { return x.Undoes != id }), err
}

// tried reports whether the parameter is as an earlier try of the same way back
// left it: as it was to be, or away between its deletion and its creation.
func (r *Restorer) tried(ctx context.Context, s *subject, tries []*archive.RestoreRecord) (bool, error) {
	if s.line == nil || len(s.line.Facts().Versions) == 0 {
		return false, nil
	}
	newest := slices.MaxFunc(s.line.Facts().Versions, func(a, b timeline.Version) int { return cmp.Compare(a.Moment(), b.Moment()) })
	for _, try := range tries {
		i := slices.IndexFunc(try.Items, func(x archive.RestoreItem) bool { return x.Name == s.name })
		if i < 0 {
			continue
		}
		x := &try.Items[i]
		if s.c.Before == nil {
			if x.Replaces && x.Written == 0 && x.Before != nil && x.Before.Version.Ref() == newest.Ref() {
				return true, nil
			}
			continue
		}
		if left, err := r.left(ctx, s, try, x); left || err != nil {
			return left, err
		}
	}
	return false, nil
}

// find reads what is live of the subjects, and what is recorded.
func (r *Restorer) find(ctx context.Context, subjects []*subject, complete archive.Reconciled) error {
	names := make([]ssmbak.Name, len(subjects))
	for i, s := range subjects {
		names[i] = s.name
	}
	found, err := described(ctx, r.live, names)
	if err != nil {
		return err
	}
	for _, s := range subjects {
		if d, ok := found[s.name]; ok {
			s.live = &d
		}
	}
	return each(ctx, reads, subjects, func(ctx context.Context, s *subject) error { return r.recall(ctx, s, complete) })
}

// wantBefore fills in what the parameter was before the restore, and refuses it
// if it is not what the restore left.
func (r *Restorer) wantBefore(ctx context.Context, s *subject, rec *archive.RestoreRecord, x *archive.RestoreItem, tries []*archive.RestoreRecord) error {
	c := &s.c
	c.Existed, c.Covered, c.Touched = true, true, x.Attributes
	c.After = ssmbak.State{Name: s.name, Deleted: x.Before == nil, Certainty: ssmbak.Proved, Modified: ssmbak.TimeOf(rec.Began)}
	if b := x.Before; b != nil {
		c.After.Version, c.After.Modified, c.AfterObjects = b.Version.Version, b.Version.Time, b.Version.Objects
		if len(c.AfterObjects) == 0 {
			c.After.Value.Reason = "it was not recorded"
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
		c.Foreign = "its record cannot be read: " + s.problem.Error()
	case c.Before == nil && x.Before != nil && x.After != nil && (!x.Replaces || x.Written != 0):
		tried, err := r.tried(ctx, s, tries)
		if err != nil {
			return err
		}
		if !tried {
			c.Foreign = "it was deleted since the restore"
		}
	case c.Before == nil || x.Before != nil && x.Before.Version.Ref() == s.ref():
		// It is gone as the restore left it or meant to, or still what it was.
	default:
		left, err := r.left(ctx, s, rec, x)
		if err == nil && !left {
			left, err = r.tried(ctx, s, tries)
		}
		if err != nil {
			return err
		}
		if !left {
			c.Foreign = "it is not what the restore left: " + author(c.Before.Version)
		}
	}
	return nil
}

// left reports whether the live version is the one that the restore wrote. Where
// that cannot be found out, it is not.
func (r *Restorer) left(ctx context.Context, s *subject, rec *archive.RestoreRecord, x *archive.RestoreItem) (bool, error) {
	live, a := *s.c.Before, x.After
	began := ssmbak.TimeOf(rec.Began).Add(-timeline.Skew)
	if a == nil || a.Version.Time != 0 || live.Version.Time < began {
		return false, nil
	}
	n, first := live.Version.Number, live.Version.Number
	switch {
	case x.Written != 0 && n != x.Written:
		return false, nil
	case n == a.Version.Number, x.Replaces && n == 1, x.Status == string(plan.StatusRestored):
		// A write whose answer was lost was made again, and restored all the same.
	case x.Status == "" && n > a.Version.Number && s.line != nil:
		// The restore was killed before it could tell that.
		first = a.Version.Number
	default:
		return false, nil
	}
	var problem subject // the record is whole, whatever is wrong with a value
	value, why, err := r.value(ctx, &problem, a.Source, a.Version.Objects)
	if err != nil || why != "" {
		return false, err
	}
	last := live.Version.Time // the times of a life may step back, its moments do not
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
		if same, err := r.wrote(ctx, s.name, a, value, plan.Parameter{Version: v.Version, Objects: v.Objects}); err != nil || !same {
			return false, err
		}
	}
	return r.wrote(ctx, s.name, a, value, live)
}

// wrote reports whether a version is what a restore was to write.
func (r *Restorer) wrote(ctx context.Context, name ssmbak.Name, after *archive.RestoreSide, value ssmbak.Value, is plan.Parameter) (bool, error) {
	var problem subject
	v, why, err := r.value(ctx, &problem, name, is.Objects)
	if err != nil || why != "" {
		return false, err
	}
	is.Value = ssmbak.Know(v, ssmbak.Proved)
	want := after.Version.Attributes
	if p, _ := plan.Unexpired(want.Policies, is.Version.Time); plan.SamePolicies(p, is.Version.Policies) {
		want.Policies = p // an expiration that passed since the plan was left out
	}
	return plan.Write{Value: value, Attributes: plan.Defaulted(want)}.Makes(is), nil
}
