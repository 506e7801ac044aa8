package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
)

// mend creates, updates or replaces one parameter, which is looked at once more
// right before. ctx is for what has begun; nothing begins after begin has ended.
func (r *Restorer) mend(ctx, begin context.Context, out *plan.Outcome, look *looker) error {
	item := &out.Item
	if err := sleepUntil(begin, item.NotBefore); err != nil {
		return err
	}
	whole := ctx
	if item.Action == plan.ActionReplace || item.Instead != nil {
		whole = context.WithoutCancel(ctx) // what is deleted to be created again is created
	}
	first := look.first(whole, begin, func(found map[ssmbak.Name]paramstore.Description) error {
		d, there := found[item.Name]
		return movedOn(item, d, there)
	}, item.Name)
	defer first.cancel()
	err := r.write(ctx, first, out)
	out.Relabelled = first.begun() && slices.ContainsFunc(item.Labels, item.Blocks)
	if unsent := first.unsent(err); unsent != nil {
		return unsent
	}
	return err
}

// write sends what an item is to change, the first of it in first's context.
func (r *Restorer) write(ctx context.Context, first *first, out *plan.Outcome) (err error) {
	item := &out.Item
	if item.Action == plan.ActionReplace {
		return r.replace(ctx, first, out, item)
	}
	next := first.each()
	if err := r.relabel(next, item, 0, item.Blocks); err != nil {
		return err
	}
	if item.NewVersion() {
		out.Version, err = r.put(ctx, first.ctx, item)
		if mismatch(err) && item.Instead != nil {
			return r.replace(ctx, first, out, item.Instead)
		}
		if err != nil {
			return err
		}
		next = func() context.Context { return ctx }
	}
	if item.Action == plan.ActionUpdate {
		err = r.retag(next, item)
	}
	if err == nil {
		err = r.relabel(next, item, out.Version, func(m plan.LabelMove) bool { return !item.Blocks(m) })
	}
	if err != nil && out.Version != 0 {
		err = fmt.Errorf("version %d was written, its tags or labels were not: %w", out.Version, err)
	}
	return err
}

// sleepUntil waits for the moment, unless ctx ends before.
func sleepUntil(ctx context.Context, at ssmbak.Time) error {
	wait := time.NewTimer(time.Until(at.Std()))
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return &NotBegunError{context.Cause(ctx)}
	case <-wait.C:
		return nil
	}
}

// mismatch reports whether Parameter Store refuses to change a type in place.
func mismatch(err error) bool {
	var refused *paramstore.RefusedError
	return errors.As(err, &refused) && refused.Code == "HierarchyTypeMismatchException"
}

// relabel moves those of the item's labels that which means. written is the
// number of the version that was written, ctx gives each request its context.
func (r *Restorer) relabel(ctx func() context.Context, item *plan.Item, written int64, which func(plan.LabelMove) bool) error {
	off, on := make(map[int64][]string), make(map[int64][]string)
	for _, m := range item.Labels {
		switch {
		case !which(m):
		case m.To == 0:
			off[m.From] = append(off[m.From], m.Label)
		case m.Fresh:
			on[written] = append(on[written], m.Label)
		default:
			on[m.To] = append(on[m.To], m.Label)
		}
	}
	// What goes is taken off first, so that no version has too many meanwhile; what
	// moves too, where the old and the new ones of a version do not fit together.
	for _, m := range item.Labels {
		if which(m) && m.From != 0 && m.To != 0 && item.LabelsOn(m.From)+len(on[m.From]) > plan.VersionLabels {
			off[m.From] = append(off[m.From], m.Label)
		}
	}
	for from, labels := range off {
		if err := r.live.Unlabel(ctx(), item.Name, from, labels); err != nil {
			return err
		}
	}
	for to, labels := range on {
		if err := r.live.Label(ctx(), item.Name, to, labels); err != nil {
			return err
		}
	}
	return nil
}

// put writes the wanted version, by send's context, and proves that it followed
// the planned one.
func (r *Restorer) put(ctx, send context.Context, item *plan.Item) (int64, error) {
	w := item.Write
	// An expiration may have passed since the plan was made.
	if policies, passed := plan.Unexpired(w.Policies, ssmbak.TimeOf(time.Now())); passed != "" {
		item.Notices = append(slices.Clip(item.Notices), passed)
		w.Policies, w.ClearPolicies = policies, w.Overwrite && policies == "" && !plan.SamePolicies(item.Before.Version.Policies, "")
	}
	written, err := r.live.Put(send, paramstore.Write(w))
	number := written.Number
	switch {
	case errors.Is(err, paramstore.ErrExists):
		return r.existing(ctx, w)
	case err != nil:
		return 0, r.explain(ctx, item, w, err)
	case number != item.Expected(), written.Again && w.Overwrite:
		if err := r.overwritten(ctx, w, item, number); err != nil {
			return number, err
		}
	}
	if w.DataType == plan.DataTypeImage {
		return r.images.await(ctx, w.Name, number)
	}
	return number, nil
}

// explain says what to do about a write that Parameter Store refuses.
func (r *Restorer) explain(ctx context.Context, item *plan.Item, w plan.Write, err error) error {
	var refused *paramstore.RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	switch {
	case refused.Code == "HierarchyTypeMismatchException":
		return &refusal{fmt.Sprintf("Parameter Store does not change its type to %s in place; --replace deletes it and creates it anew", w.Type), err, plan.RemedyReplace}
	case refused.Code == "ValidationException" && item.ChangesDataType():
		// The code of this refusal is not recorded anywhere.
		return &refusal{fmt.Sprintf("Parameter Store does not change its data type from %s to %s in place, or does not take the value for it; "+
			"delete the parameter first to have it created with that data type (%s)", plan.Defaulted(item.Before.Version.Attributes).DataType, w.DataType, refused.Reason), err, plan.RemedyFix}
	case refused.Code == "InvalidKeyId":
		return &refusal{fmt.Sprintf("its KMS key %s does not exist or is not enabled; --key-id chooses another (%s)", w.KeyID, refused.Reason), err, plan.RemedyFix}
	case refused.Code == "ParameterMaxVersionLimitExceeded":
		if h, readErr := r.live.History(ctx, w.Name); readErr == nil {
			if why := plan.OldestLabelled(w.Name, h.Versions[0].Number, h.Versions[0].Labels); why != "" {
				return &refusal{why, err, plan.RemedyFix}
			}
		}
	}
	return err
}

// existing decides about a create that found the name taken. It may have been
// taken by the same request, sent before, whose answer was lost; anything else
// is somebody else's and is left alone.
func (r *Restorer) existing(ctx context.Context, w plan.Write) (int64, error) {
	h, err := r.live.History(ctx, w.Name)
	if err != nil {
		return 0, err
	}
	newest := h.Newest()
	equal, err := r.written(ctx, w, newest)
	if err != nil {
		return 0, err
	}
	if newest.Number != 1 || !equal {
		return 0, &refusal{reason: "it was created since the plan was made: " + author(newest.Version), remedy: plan.RemedyRerun}
	}
	if len(w.Tags) > 0 {
		if err := r.live.AddTags(ctx, w.Name, w.Tags); err != nil {
			return newest.Number, err
		}
	}
	return newest.Number, nil
}

// overwritten returns an error that names whose change a write replaced
// without having seen it, the item having seen what is live. A version with the
// same content by the same user is the same request, sent before, whose answer
// was lost.
func (r *Restorer) overwritten(ctx context.Context, w plan.Write, item *plan.Item, number int64) error {
	h, err := r.live.History(ctx, w.Name)
	if err != nil {
		return fmt.Errorf("version %d was written, and it cannot be seen whether it followed the planned one: %w", number, err)
	}
	var whose []string
	seen := item.Expected() - 1
	if seen >= number {
		seen = 0
		whose = append(whose, "someone deleted it")
	}
	user := ""
	for _, v := range h.Versions {
		if v.Number == number {
			user = v.User
		}
		// The same number in another life, in which the request was sent twice.
		if v.Number == seen && v.Time != item.Before.Version.Time {
			seen = 0
			whose = append(whose, "someone deleted it")
		}
	}
	for _, v := range h.Versions {
		if v.Number <= seen || v.Number >= number {
			continue
		}
		equal, err := r.written(ctx, w, v)
		if err != nil {
			return fmt.Errorf("version %d was written, which is not the expected number, and it cannot be seen why: %w", number, err)
		}
		if !equal || user != "" && v.User != user {
			whose = append(whose, author(v.Version))
		}
	}
	if len(whose) == 0 {
		return nil
	}
	return fmt.Errorf("version %d overwrote what was changed at the same time: %s", number, strings.Join(whose, ", "))
}

// written reports whether the version is what the write makes. The value of a
// SecureString is read for it; one that cannot be read is not known to be the
// write's.
func (r *Restorer) written(ctx context.Context, w plan.Write, v paramstore.Version) (bool, error) {
	p := plan.Parameter{Version: v.Version, Value: v.Value}
	if !v.Value.IsKnown() {
		p.Value = ssmbak.Know(w.Value, ssmbak.Proved)
	}
	if !w.Makes(p) {
		return false, nil
	}
	if v.Value.IsKnown() {
		return true, nil
	}
	secret, err := r.live.Secret(ctx, w.Name, v.Number)
	var unreadable *paramstore.UnreadableError
	if errors.As(err, &unreadable) || errors.Is(err, paramstore.ErrNotFound) {
		return false, nil
	}
	return err == nil && secret.Time == v.Time && secret.Value.Equal(w.Value), err
}

// retag gives a parameter that was there the wanted tags. What goes is removed
// first, so that the number of tags never passes the greater of the two.
func (r *Restorer) retag(ctx func() context.Context, item *plan.Item) error {
	add := make(map[string]string)
	var remove []string
	for _, d := range item.Differences {
		key, ok := d.Attribute.Tag()
		switch {
		case !ok:
		case d.NoAfter:
			remove = append(remove, key)
		default:
			add[key] = d.After
		}
	}
	if len(remove) > 0 {
		if err := r.live.RemoveTags(ctx(), item.Name, remove); err != nil {
			return err
		}
	}
	if len(add) > 0 {
		return r.live.AddTags(ctx(), item.Name, add)
	}
	return nil
}
