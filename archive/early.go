package archive

import (
	"context"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

// early is what [Open] requests at the same time as the identity, for the first read.
type early struct {
	name ssmbak.Name
	done sync.WaitGroup

	reconciled    bucket.Document[Reconciled]
	reconciledErr error
	index         Index
	indexErr      error
}

// readEarly requests what the first read needs of a parameter. It needs no identity, since
// it verifies no signature.
func (a *Archive) readEarly(ctx context.Context, name ssmbak.Name) *early {
	e := &early{name: name}
	e.done.Go(func() { e.reconciled, e.reconciledErr = a.readReconciled(ctx) })
	e.done.Go(func() { e.index, e.indexErr = a.Index(ctx, name) })
	return e
}

// beginning is what a read of a target begins with.
type beginning struct {
	Reconciled
	index *Index // of the target's own name, nil if it is not read yet
	// skip says which indexes below a path need not be read, nil that all are read.
	skip func(Listed) bool
}

// begin reads what complete listings have proved. It must be called before indexes are read,
// so that they contain at least what the last listing compared.
func (a *Archive) begin(ctx context.Context, target ssmbak.Target) (b beginning, err error) {
	e := a.early.Swap(nil)
	if e == nil {
		b.Reconciled, err = a.Reconciled(ctx)
		return b, err
	}
	e.done.Wait()
	if e.reconciledErr != nil {
		return b, e.reconciledErr
	}
	b.Reconciled = e.reconciled.Value
	if a.replica {
		b.Reconciled = b.unlisted()
	}
	name, possible := target.Name()
	if possible && !target.Recursive() && name == e.name && e.indexErr == nil && e.index.Exists && e.ordered() {
		b.index = &e.index
	}
	return b, nil
}

// ordered reports whether the index was read after what listings proved had been written, as
// if one had been read after the other. Both times are S3's, to the second; the clocks of its
// hosts may differ.
func (e *early) ordered() bool {
	if !e.reconciled.Exists {
		return true // nothing was proved
	}
	asked := e.index.object.Asked
	return !asked.IsZero() && e.reconciled.Modified.Add(time.Second+bucket.Tolerance).Before(asked)
}
