package archive

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/ssmbak/ssmbak"
)

// Damaged lists the parameters of the target whose index is damaged, has a delete
// marker, or is missing although ssmbak recorded the parameter, in the order of their
// names. A recursive target includes the parameter of its own name. A target that is
// not recursive means that parameter if the bucket contains anything of it, else the
// parameters directly below.
//
// Damaged sends one request per 1,000 object versions and one per index. For a name
// without an index it reads the metadata of its value objects until it finds one that
// this ssmbak wrote. An error is the last thing that it yields.
func (a *Archive) Damaged(ctx context.Context, target ssmbak.Target) iter.Seq2[ssmbak.Name, error] {
	return func(yield func(ssmbak.Name, error) bool) {
		for name, err := range eachSubject(ctx, a, target, nil, a.damaged) {
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

// damaged returns the name of a parameter whose index must be rebuilt, "" if the index is
// intact.
func (a *Archive) damaged(ctx context.Context, s *subject) (ssmbak.Name, error) {
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
	_, err := a.Index(ctx, s.name)
	var format *FormatError
	if needsReindex(err) {
		return true, nil
	}
	if errors.As(err, &format) {
		return false, nil // a newer ssmbak can read it
	}
	return false, err
}
