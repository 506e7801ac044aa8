package recorder

import (
	"context"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/timeline"
)

// beginning is what a sync reads before it writes.
type beginning struct {
	index   archive.Index
	legacy  []timeline.Legacy // if there is no index
	reading reading
	read    bool // the parameter was read
	// reconciled is what complete listings prove. It is known only if listed is set.
	reconciled archive.Reconciled
	listed     bool
}

// begin reads the index and, at the same time, what else the events require: what complete
// listings prove, with which the index may settle them, or else the parameter.
func (r *Recorder) begin(ctx context.Context, name ssmbak.Name, s syncRequest) (b beginning, err error) {
	g, gctx := r.group(ctx, name)
	g.Go(gctx, func(ctx context.Context) (err error) {
		b.index, err = r.archive.Index(ctx, name)
		return err
	})
	switch {
	case s.mayBeIndexed(now()):
		g.Go(gctx, func(ctx context.Context) error {
			var err error
			b.reconciled, err = r.archive.Reconciled(ctx)
			b.listed = err == nil // otherwise the parameter is read
			return nil
		})
	case len(s.signals) > 0 && !s.calls():
		g.Go(gctx, func(ctx context.Context) (err error) {
			b.reading, err = r.read(ctx, name, s.readOptions(s.announcesSecret()))
			b.read = true
			return err
		})
	}
	err = g.Wait()
	return b, err
}

// readRest reads what begin did not: the parameter, and the legacy records of one without
// an index.
func (r *Recorder) readRest(ctx context.Context, b *beginning, s syncRequest) error {
	g, gctx := r.group(ctx, b.index.Name)
	if !b.index.Exists {
		g.Go(gctx, func(ctx context.Context) (err error) {
			b.legacy, err = r.archive.LegacyFacts(ctx, b.index.Name)
			return err
		})
	}
	if !b.read {
		g.Go(gctx, func(ctx context.Context) (err error) {
			b.reading, err = r.read(ctx, b.index.Name, s.readOptions(s.decrypts(b.index)))
			return err
		})
	}
	return g.Wait()
}

// readOptions returns how the parameter is read.
func (s syncRequest) readOptions(decrypt bool) readOptions {
	deleted := slices.ContainsFunc(s.signals, func(n signal) bool { return n.operation == ssmbak.OpDelete })
	return readOptions{decrypt: decrypt, gone: deleted || s.recordAbsent && s.listed == nil}
}

// announcesSecret reports whether an event says that the parameter has a new version that is
// a secret.
func (s syncRequest) announcesSecret() bool {
	return slices.ContainsFunc(s.signals, func(n signal) bool { return n.secret && n.announces() })
}

// decrypts reports whether the archive probably lacks the value of a secret. Then the
// history, which a sync reads anyway, is decrypted: otherwise each value would be read by
// GetParameter, whose quota applications depend on.
func (s syncRequest) decrypts(index archive.Index) bool {
	if s.listed != nil && s.listed.Version.Type != ssmbak.TypeSecureString {
		return false
	}
	if !index.Exists {
		return true
	}
	if s.announcesSecret() {
		return true
	}
	if s.listed != nil && !index.Facts.Has(timeline.Ref{Number: s.listed.Version.Number, Time: s.listed.Version.Time}) {
		return true
	}
	return s.retry && slices.ContainsFunc(index.Facts.Versions, func(v timeline.Version) bool {
		return v.Type == ssmbak.TypeSecureString && len(v.Objects) == 0
	})
}
