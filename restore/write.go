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

// applyItem creates, updates or replaces one parameter, which is read again right before.
// Requests are sent with ctx; nothing is started after begin has ended.
func (r *Restorer) applyItem(ctx, begin context.Context, out *plan.Outcome, check *rechecker) error {
	item := &out.Item
	if err := sleepUntil(begin, item.NotBefore); err != nil {
		return err
	}
	if err := r.guard(begin, item); err != nil {
		return err
	}
	uninterrupted := ctx
	if item.Action == plan.ActionReplace || item.Fallback != nil {
		uninterrupted = context.WithoutCancel(ctx) // a deleted parameter must be recreated
	}
	first := check.first(uninterrupted, begin, func(found map[ssmbak.Name]paramstore.Description) error {
		d, there := found[item.Name]
		return changedSince(item, d, there)
	}, item.Name)
	defer first.cancel()
	err := r.write(ctx, first, out)
	out.Relabelled = first.begun() && slices.ContainsFunc(item.Labels, item.Blocks)
	if unsent := first.unsent(err); unsent != nil {
		return unsent
	}
	return err
}

// write sends the requests of an item, the first one with the context of first.
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
		if mismatch(err) && item.Fallback != nil {
			return r.replace(ctx, first, out, item.Fallback)
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
		err = fmt.Errorf("version %d was written, but not its tags or labels: %w", out.Version, err)
	}
	return err
}

// sleepUntil waits until a time, or returns a [*NotStartedError] if ctx ends before.
func sleepUntil(ctx context.Context, at ssmbak.Time) error {
	wait := time.NewTimer(time.Until(at.Std()))
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return &NotStartedError{context.Cause(ctx)}
	case <-wait.C:
		return nil
	}
}

// mismatch reports whether Parameter Store refused to change a type in place.
func mismatch(err error) bool {
	var refused *paramstore.RefusedError
	return errors.As(err, &refused) && refused.Code == "HierarchyTypeMismatchException"
}

// relabel moves the item's labels for which which returns true. written is the number of
// the version that was written, and ctx returns the context of the next request.
func (r *Restorer) relabel(ctx func() context.Context, item *plan.Item, written int64, which func(plan.LabelMove) bool) error {
	off, on := make(map[int64][]string), make(map[int64][]string)
	for _, m := range item.Labels {
		switch {
		case !which(m):
		case m.To == 0:
			off[m.From] = append(off[m.From], m.Label)
		case m.ToNew:
			on[written] = append(on[written], m.Label)
		default:
			on[m.To] = append(on[m.To], m.Label)
		}
	}
	// Labels are removed first, so that no version temporarily has too many. That includes
	// labels that move, if the version would have too many otherwise.
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

// put writes the version of the item, with the context send, and checks that it followed
// the planned version.
func (r *Restorer) put(ctx, send context.Context, item *plan.Item) (int64, error) {
	w := item.Write
	// An expiration may have passed since the plan was made.
	if policies, notice := plan.Unexpired(w.Policies, ssmbak.TimeOf(time.Now())); notice != "" {
		item.Notices = append(slices.Clip(item.Notices), notice)
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

// explain returns a [*refusal] that says what to do about an error of Parameter Store, or
// the error itself.
func (r *Restorer) explain(ctx context.Context, item *plan.Item, w plan.Write, err error) error {
	var refused *paramstore.RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	switch {
	case refused.Code == "HierarchyTypeMismatchException":
		return &refusal{fmt.Sprintf("Parameter Store does not change its type to %s in place; --replace deletes and recreates it", w.Type), err, plan.RemedyReplace}
	case refused.Code == "ValidationException" && item.ChangesDataType():
		// AWS does not document the error code of this refusal.
		return &refusal{fmt.Sprintf("Parameter Store does not change its data type from %s to %s in place, or does not accept the value for it; "+
			"delete the parameter first to create it with that data type (%s)", plan.Defaulted(item.Before.Version.Attributes).DataType, w.DataType, refused.Reason), err, plan.RemedyFix}
	case refused.Code == "InvalidKeyId":
		return &refusal{fmt.Sprintf("its KMS key %s does not exist or is not enabled; use another one with --key-id (%s)", w.KeyID, refused.Reason), err, plan.RemedyFix}
	case refused.Code == "ParameterMaxVersionLimitExceeded":
		if h, readErr := r.live.History(ctx, w.Name); readErr == nil {
			if why := plan.OldestLabelled(w.Name, h.Versions[0].Number, h.Versions[0].Labels); why != "" {
				return &refusal{why, err, plan.RemedyFix}
			}
		}
	}
	return err
}

// existing handles a create that failed because the parameter exists. It may have been
// created by the same request, whose response was lost; anything else is refused.
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

// overwritten returns an error that names the authors of versions that a write overwrote
// and that the plan did not know. A version with the same content by the same user is the
// same request, whose response was lost.
func (r *Restorer) overwritten(ctx context.Context, w plan.Write, item *plan.Item, number int64) error {
	h, err := r.live.History(ctx, w.Name)
	if err != nil {
		return fmt.Errorf("version %d was written, and whether it followed the planned one could not be determined: %w", number, err)
	}
	var overwritten []string
	known := item.Expected() - 1
	if known >= number {
		known = 0
		overwritten = append(overwritten, "someone deleted it")
	}
	user := ""
	for _, v := range h.Versions {
		if v.Number == number {
			user = v.User
		}
		// Another life has this number too, if the request was sent twice in it.
		if v.Number == known && v.Time != item.Before.Version.Time {
			known = 0
			overwritten = append(overwritten, "someone deleted it")
		}
	}
	for _, v := range h.Versions {
		if v.Number <= known || v.Number >= number {
			continue
		}
		equal, err := r.written(ctx, w, v)
		if err != nil {
			return fmt.Errorf("version %d was written, and whether it followed the planned one could not be determined: %w", number, err)
		}
		if !equal || user != "" && v.User != user {
			overwritten = append(overwritten, author(v.Version))
		}
	}
	if len(overwritten) == 0 {
		return nil
	}
	return fmt.Errorf("version %d overwrote a concurrent change: %s", number, strings.Join(overwritten, ", "))
}

// written reports whether the version is the result of the write. It reads the value of a
// SecureString; if that is not readable, it returns false.
func (r *Restorer) written(ctx context.Context, w plan.Write, v paramstore.Version) (bool, error) {
	p := plan.Parameter{Version: v.Version, Value: v.Value}
	if !v.Value.IsKnown() {
		p.Value = ssmbak.Know(w.Value, ssmbak.Proved)
	}
	if !w.Matches(p) {
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

// retag changes the tags of a parameter that existed. Tags are removed first, so that
// their number does not temporarily exceed the limit.
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
