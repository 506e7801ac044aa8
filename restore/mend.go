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
)

// mend creates, updates or replaces one parameter, which is looked at once more
// right before. ctx is for what has begun; nothing begins after begin has ended.
func (r *Restorer) mend(ctx, begin context.Context, out *Outcome, look *looker) error {
	item := &out.Item
	if err := sleepUntil(begin, item.notBefore); err != nil {
		return err
	}
	whole := ctx
	if item.Action == Replace || item.instead != nil {
		whole = context.WithoutCancel(ctx) // what is deleted to be created again is created
	}
	first := look.first(whole, begin, func(found map[ssmbak.Name]paramstore.Description) error {
		d, there := found[item.Name]
		return item.compare(d, there)
	}, item.Name)
	defer first.cancel()
	err := r.write(ctx, first, out)
	out.relabelled = first.begun() && slices.ContainsFunc(item.labels, item.blocks)
	if unsent := first.unsent(err); unsent != nil {
		return unsent
	}
	return err
}

// write sends what an item is to change, the first of it in first's context.
func (r *Restorer) write(ctx context.Context, first *first, out *Outcome) (err error) {
	item := &out.Item
	if item.Action == Replace {
		return r.replace(ctx, first, out, item)
	}
	next := first.each()
	if err := r.relabel(next, item, 0, item.blocks); err != nil {
		return err
	}
	if item.newVersion() {
		out.Version, err = r.put(ctx, first.ctx, item)
		if mismatch(err) && item.instead != nil {
			return r.replace(ctx, first, out, item.instead)
		}
		if err != nil {
			return err
		}
		next = func() context.Context { return ctx }
	}
	if item.Action == Update {
		err = r.retag(next, item)
	}
	if err == nil {
		err = r.relabel(next, item, out.Version, func(m labelMove) bool { return !item.blocks(m) })
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

// blocks reports whether a label has to go before a new version fits: it is on
// the oldest of as many as Parameter Store keeps.
func (i *Item) blocks(m labelMove) bool {
	return i.newVersion() && i.Live != nil && len(i.Live.kept) >= paramstore.KeptVersions && m.from == i.Live.kept[0].Number
}

// relabel moves those of the item's labels that which means. written is the
// number of the version that was written, ctx gives each request its context.
func (r *Restorer) relabel(ctx func() context.Context, item *Item, written int64, which func(labelMove) bool) error {
	off, on := make(map[int64][]string), make(map[int64][]string)
	for _, m := range item.labels {
		switch {
		case !which(m):
		case m.to == 0:
			off[m.from] = append(off[m.from], m.label)
		case m.fresh:
			on[written] = append(on[written], m.label)
		default:
			on[m.to] = append(on[m.to], m.label)
		}
	}
	// What goes is taken off first, so that no version has too many meanwhile; what
	// moves too, where the old and the new ones of a version do not fit together.
	for _, m := range item.labels {
		if which(m) && m.from != 0 && m.to != 0 && item.on(m.from)+len(on[m.from]) > versionLabels {
			off[m.from] = append(off[m.from], m.label)
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
func (r *Restorer) put(ctx, send context.Context, item *Item) (int64, error) {
	w := item.write
	// An expiration may have passed since the plan was made.
	if policies, passed := unexpired(w.Policies, ssmbak.TimeOf(time.Now())); passed != "" {
		item.Notices = append(slices.Clip(item.Notices), passed)
		w.Policies, w.ClearPolicies = policies, w.Overwrite && policies == "" && canonical(item.Live.Version.Policies) != ""
	}
	number, err := r.live.Put(send, w)
	switch {
	case errors.Is(err, paramstore.ErrExists):
		return r.existing(ctx, w)
	case err != nil:
		return 0, r.explain(ctx, item, w, err)
	case number != item.expected():
		if err := r.overwritten(ctx, w, item, number); err != nil {
			return number, err
		}
	}
	if w.DataType == image {
		return r.images.await(ctx, w.Name, number)
	}
	return number, nil
}

// explain says what to do about a write that Parameter Store refuses.
func (r *Restorer) explain(ctx context.Context, item *Item, w write, err error) error {
	var refused *paramstore.RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	switch {
	case refused.Code == "HierarchyTypeMismatchException":
		return &refusal{fmt.Sprintf("Parameter Store does not change its type to %s in place; --replace deletes it and creates it anew", w.Type), err, RemedyReplace}
	case refused.Code == "ValidationException" && item.changesDataType():
		// The code of this refusal is not recorded anywhere.
		return &refusal{fmt.Sprintf("Parameter Store does not change its data type from %s to %s in place, or does not take the value for it; "+
			"delete the parameter first to have it created with that data type (%s)", defaulted(item.Live.Version.Attributes).DataType, w.DataType, refused.Reason), err, RemedyFix}
	case refused.Code == "InvalidKeyId":
		return &refusal{fmt.Sprintf("its KMS key %s does not exist or is not enabled; --key-id chooses another (%s)", w.KeyID, refused.Reason), err, RemedyFix}
	case refused.Code == "ParameterMaxVersionLimitExceeded":
		if h, readErr := r.live.History(ctx, w.Name); readErr == nil {
			if why := oldestLabelled(w.Name, h.Versions[0].Number, h.Versions[0].Labels); why != "" {
				return &refusal{why, err, RemedyFix}
			}
		}
	}
	return err
}

// existing decides about a create that found the name taken. It may have been
// taken by the same request, sent before, whose answer was lost; anything else
// is somebody else's and is left alone.
func (r *Restorer) existing(ctx context.Context, w write) (int64, error) {
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
		return 0, &refusal{reason: "it was created since the plan was made: " + changed(newest.Version), remedy: RemedyRerun}
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
func (r *Restorer) overwritten(ctx context.Context, w write, item *Item, number int64) error {
	h, err := r.live.History(ctx, w.Name)
	if err != nil {
		return fmt.Errorf("version %d was written, which is not the expected number, and it cannot be seen why: %w", number, err)
	}
	var whose []string
	seen := item.expected() - 1
	if seen >= number {
		seen = 0
		whose = append(whose, "someone deleted it")
	}
	user := ""
	for _, v := range h.Versions {
		if v.Number == number {
			user = v.User
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
			whose = append(whose, changed(v.Version))
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
func (r *Restorer) written(ctx context.Context, w write, v paramstore.Version) (bool, error) {
	l := Live{Version: v.Version, Value: v.Value}
	if !v.Value.IsKnown() {
		l.Value = ssmbak.Know(w.Value, ssmbak.Proved)
	}
	if !equal(w, l) {
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

// equal reports whether a version has everything that the write gives it.
func equal(w write, l Live) bool {
	if w.Tier == "" {
		w.Tier = l.Version.Tier // a write that names no tier gets the account's default
	}
	return len(compare(w, &l, w.Policies)) == 0
}

// retag gives a parameter that was there the wanted tags. What goes is removed
// first, so that the number of tags never passes the greater of the two.
func (r *Restorer) retag(ctx func() context.Context, item *Item) error {
	add := make(map[string]string)
	var remove []string
	for _, d := range item.Differences {
		key, ok := d.Attribute.Tag()
		switch {
		case !ok:
		case d.NoWanted:
			remove = append(remove, key)
		default:
			add[key] = d.Wanted
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
