package archive

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/ssmbak/ssmbak"
)

// Damaged lists, by name, the parameters of the target for which [Archive.Reindex] has
// something to do: the index is damaged, hidden or missing, or its entry in the register
// is. A recursive target includes the parameter of its own name; another one means that
// parameter if the bucket contains anything of it, else the parameters directly below.
//
// It sends one request per 1,000 object versions and one per index, and reads the metadata
// of values without an index until it finds one that this ssmbak wrote. An error is the
// last thing that it yields.
func (a *Archive) Damaged(ctx context.Context, target ssmbak.Target) iter.Seq2[ssmbak.Name, error] {
	return func(yield func(ssmbak.Name, error) bool) {
		rec, err := a.Reconciled(ctx)
		if err != nil {
			yield("", err)
			return
		}
		damaged := func(ctx context.Context, s *subject) (ssmbak.Name, error) {
			return a.damaged(ctx, s, !rec.Names.IsZero())
		}
		for name, err := range eachSubject(ctx, a, target, nil, damaged) {
			if err != nil {
				yield("", fmt.Errorf("check the indexes of bucket %s: %w", a.o.Bucket, err))
				return
			}
			if name != "" && !yield(name, nil) {
				return
			}
		}
	}
}

// damaged returns the name of a parameter whose index must be rebuilt, or that must be
// registered, "" if neither is necessary. registered says that the register must have its
// name.
func (a *Archive) damaged(ctx context.Context, s *subject, registered bool) (ssmbak.Name, error) {
	hidden := len(s.entries) > 0 && s.entries[0].Marker
	if len(s.indexes) > 0 && (hidden || registered && len(s.entries) == 0) {
		return s.name, nil
	}
	damaged, err := a.isDamaged(ctx, s)
	if !damaged {
		return "", err
	}
	return s.name, err
}

func (a *Archive) isDamaged(ctx context.Context, s *subject) (bool, error) {
	switch {
	case len(s.indexes) == 0:
		return a.missesIndex(ctx, s.name, valueIDs(s.values))
	case s.indexes[0].Marker:
		return true, nil
	}
	x, err := a.Index(ctx, s.name)
	if needsReindex(err) || err == nil && x.Forged() {
		return true, nil
	}
	if _, ok := errors.AsType[*FormatError](err); ok {
		return false, nil // a newer ssmbak can read it
	}
	return false, err
}
