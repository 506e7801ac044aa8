package drill

import (
	"cmp"
	"context"
	"maps"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
)

// patience is how long reads may be behind the writes; they were seen to lag by seconds.
const patience = 10 * time.Second

// compare compares every written parameter with what was to be restored.
func (d *Drill) compare(ctx context.Context) error {
	var names []ssmbak.Name
	for _, i := range d.items {
		if i.written {
			names = append(names, i.name)
		}
	}
	found, err := d.live.DescribeNamed(ctx, names)
	for until := time.Now().Add(patience); err == nil && len(found) < len(names) && time.Now().Before(until); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
		found, err = d.live.DescribeNamed(ctx, names)
	}
	if err != nil {
		return err
	}
	return d.each(ctx, func(ctx context.Context, i *item) error {
		if !i.written {
			return nil
		}
		differing, err := d.differing(ctx, i, found)
		switch {
		case ctx.Err() != nil:
			return cmp.Or(err, ctx.Err())
		case err != nil:
			d.found(i.origin, "it could not be read: "+err.Error())
		case len(differing) > 0:
			d.found(i.origin, "restored with another "+strings.Join(differing, ", "))
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.Record.Compared++
		return nil
	})
}

// differing names the attributes in which the live parameter differs from the recorded one.
// What the archive does not know is not compared.
func (d *Drill) differing(ctx context.Context, i *item, found map[ssmbak.Name]paramstore.Description) (names []string, err error) {
	live, exists := found[i.name]
	if !exists {
		return []string{"state: it does not exist"}, nil
	}
	want := i.state.Version.Attributes
	for name, text := range want.All() {
		switch {
		case name == ssmbak.AttributePolicies || name == ssmbak.AttributeKeyID && i.otherKey || *text == "":
		case *text != live.Version.Get(name):
			names = append(names, string(name))
		}
	}
	secret, err := d.live.Secret(ctx, i.name, live.Version.Number)
	if err != nil {
		return nil, err
	}
	if !secret.Value.Equal(i.state.Value.V) {
		names = append(names, "value")
	}
	if i.state.Tags.IsKnown() {
		tags, err := d.live.Tags(ctx, i.name)
		if err != nil {
			return nil, err
		}
		if !maps.Equal(tags, plan.UserTags(i.state.Tags.V)) && len(tags)+len(i.state.Tags.V) > 0 {
			names = append(names, "tags")
		}
	}
	return names, nil
}
