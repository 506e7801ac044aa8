package restore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/paramstore"
)

// refusal is why nothing is written.
type refusal struct{ reason string }

func (r *refusal) Error() string { return r.reason }

// errGone says that a parameter that was to be deleted is not there.
var errGone = errors.New("it is gone already")

// Apply does what the plan says and returns one outcome for each of its items,
// in their order. One that fails stops no other. If ctx ends, what has not
// begun by then fails with its error; what was under way may or may not have
// been done. Making a plan again and applying it finishes the rest.
//
// An error means that nothing can be said of any item, and that nothing was
// written.
func (r *Restorer) Apply(ctx context.Context, p *Plan) ([]Outcome, error) {
	if p == nil {
		return nil, errors.New("apply a restore: there is no plan")
	}
	total := 0
	for i := range p.Items {
		if p.Items[i].Action.writes() {
			total++
		}
	}
	done := r.o.progress(total)
	outcomes := make([]Outcome, len(p.Items))
	var g errgroup.Group
	g.SetLimit(r.o.Parallel)
	for i, item := range p.Items {
		outcomes[i].Item = item
		out := &outcomes[i]
		switch {
		case item.Action == Unknown:
			out.Status, out.Err = Refused, &refusal{item.Reason}
		case !item.Action.writes():
			out.Status = Unchanged
		default:
			g.Go(func() error {
				r.apply(ctx, out)
				done()
				return nil
			})
		}
	}
	return outcomes, g.Wait()
}

// apply does what one item says.
func (r *Restorer) apply(ctx context.Context, out *Outcome) {
	item := &out.Item
	var err error
	if item.Refused != "" {
		err = &refusal{item.Refused}
	} else {
		out.Version, err = r.write(ctx, item)
	}
	var refused *refusal
	switch {
	case err == nil:
		out.Status = Restored
	case errors.Is(err, errGone):
		out.Status = Unchanged
	case errors.As(err, &refused):
		out.Status, out.Err = Refused, err
	default:
		out.Status, out.Err = Failed, fmt.Errorf("%s %s: %w", item.Action, item.Name, err)
	}
	level := r.o.Logger.InfoContext
	if out.Err != nil {
		level = r.o.Logger.WarnContext
	}
	level(ctx, "a parameter was worked on", "name", item.Name, "action", item.Action, "status", out.Status, "version", out.Version)
}

// write looks at the parameter once more and does what the item says. number is
// that of the version that was written, also if an error came after it.
func (r *Restorer) write(ctx context.Context, item *Item) (number int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := r.look(ctx, item); err != nil {
		return 0, err
	}
	if item.Action == Delete {
		// A request that is sent again because its answer was lost finds
		// nothing: what was there a moment ago is gone, as it should be.
		if err := r.live.Delete(ctx, item.Name); err != nil && !errors.Is(err, paramstore.ErrNotFound) {
			return 0, err
		}
		return 0, nil
	}
	if item.newVersion() {
		if number, err = r.put(ctx, item); err != nil {
			return number, err
		}
	}
	if item.Action == Create {
		return number, nil
	}
	if err := r.retag(ctx, item); err != nil {
		if number != 0 {
			err = fmt.Errorf("version %d was written, its tags were not: %w", number, err)
		}
		return number, err
	}
	return number, nil
}

// look refuses the item if the parameter is not as it was planned.
func (r *Restorer) look(ctx context.Context, item *Item) error {
	d, err := r.live.DescribeOne(ctx, item.Name)
	gone := errors.Is(err, paramstore.ErrNotFound)
	switch {
	case err != nil && !gone:
		return err
	case item.Live == nil && !gone:
		return &refusal{"it was created since the plan was made: " + changed(d.Version)}
	case item.Live == nil:
		return nil
	case gone && item.Action == Delete:
		return errGone
	case gone:
		return &refusal{"it was deleted since the plan was made"}
	case !same(d.Version, item.Live.Version):
		return &refusal{"it was changed since the plan was made: " + changed(d.Version)}
	}
	return nil
}

// put writes the wanted version and proves that it followed the planned one.
func (r *Restorer) put(ctx context.Context, item *Item) (int64, error) {
	w, _ := resolve(item.Wanted, item.Live, ssmbak.TimeOf(time.Now()))
	expected := int64(1)
	if item.Live != nil {
		expected = item.Live.Version.Number + 1
	}
	number, err := r.live.Put(ctx, w)
	switch {
	case errors.Is(err, paramstore.ErrExists):
		return r.existing(ctx, w)
	case err != nil:
		return 0, err
	case number != expected:
		if err := r.overwritten(ctx, w, item.Live, number); err != nil {
			return number, err
		}
	}
	if w.DataType == image {
		return number, r.await(ctx, w.Name, number)
	}
	return number, nil
}

// existing decides about a create that found the name taken. It may have been
// taken by the same request, sent before, whose answer was lost; anything else
// is somebody else's and is left alone.
func (r *Restorer) existing(ctx context.Context, w paramstore.Write) (int64, error) {
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
		return 0, &refusal{"it was created since the plan was made: " + changed(newest.Version)}
	}
	if len(w.Tags) > 0 {
		if err := r.live.AddTags(ctx, w.Name, w.Tags); err != nil {
			return newest.Number, err
		}
	}
	return newest.Number, nil
}

// overwritten returns an error that names whose change a write replaced
// without having seen it, live being what it had seen. A version with the same
// content by the same user is the same request, sent before, whose answer was
// lost.
func (r *Restorer) overwritten(ctx context.Context, w paramstore.Write, live *Live, number int64) error {
	h, err := r.live.History(ctx, w.Name)
	if err != nil {
		return fmt.Errorf("version %d was written, which is not the expected number, and it cannot be seen why: %w", number, err)
	}
	var whose []string
	seen := int64(0)
	switch {
	case live == nil:
	case live.Version.Number < number:
		seen = live.Version.Number
	default:
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
func (r *Restorer) written(ctx context.Context, w paramstore.Write, v paramstore.Version) (bool, error) {
	l := Live{Version: v.Version, Value: v.Value, HasValue: v.HasValue}
	// A write that names no tier gets the account's default.
	if w.Tier == "" {
		w.Tier = v.Tier
	}
	if !v.HasValue {
		l.Value, l.HasValue = w.Value, true
	}
	if len(compare(w, &l, w.Policies)) > 0 {
		return false, nil
	}
	if v.HasValue {
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
func (r *Restorer) retag(ctx context.Context, item *Item) error {
	add := make(map[string]string)
	var remove []string
	for _, d := range item.Differences {
		key, ok := strings.CutPrefix(d.Attribute, AttributeTag)
		switch {
		case !ok:
		case d.NoWanted:
			remove = append(remove, key)
		default:
			add[key] = d.Wanted
		}
	}
	if len(remove) > 0 {
		if err := r.live.RemoveTags(ctx, item.Name, remove); err != nil {
			return err
		}
	}
	if len(add) > 0 {
		return r.live.AddTags(ctx, item.Name, add)
	}
	return nil
}

// image is the data type whose value Parameter Store validates after it has
// answered, so that the answer proves nothing.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html
const image = "aws:ec2:image"

// How long the validation of an image is waited for, and how often it is
// looked at.
const (
	imagePatience = 2 * time.Minute
	imageLook     = 2 * time.Second
)

// await waits until the version is there.
func (r *Restorer) await(ctx context.Context, name ssmbak.Name, number int64) error {
	patience := time.NewTimer(imagePatience)
	defer patience.Stop()
	look := time.NewTicker(imageLook)
	defer look.Stop()
	for {
		d, err := r.live.DescribeOne(ctx, name)
		if err != nil && !errors.Is(err, paramstore.ErrNotFound) {
			return fmt.Errorf("see whether version %d was accepted: %w", number, err)
		}
		if err == nil && d.Version.Number >= number {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("see whether version %d was accepted: %w", number, ctx.Err())
		case <-patience.C:
			return fmt.Errorf("version %d did not appear within %s: its value is perhaps no image that the account may use", number, imagePatience)
		case <-look.C:
		}
	}
}
