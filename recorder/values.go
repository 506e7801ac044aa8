package recorder

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/timeline"
)

// writing is the part of a sync that writes value objects.
type writing struct {
	r         *Recorder
	name      ssmbak.Name
	index     archive.Index
	reading   reading
	originals []timeline.Legacy  // legacy records, if there is no index yet
	versions  []timeline.Version // versions to add to the index
	last      timeline.Ref       // the version whose value was written last
	bytes     int
}

// values writes the values that the archive does not have, in waves, so that the live value
// becomes the key's current object.
func (w *writing) values(ctx context.Context, s syncRequest) error {
	if w.reading.gone {
		return nil
	}
	var secrets map[timeline.Ref]ssmbak.Value
	if n := w.missing(s.retry); n > 1 && w.reading.denied == nil {
		var err error
		if secrets, err = w.r.secrets(ctx, w.name); err != nil {
			return err
		}
	}
	var lacking []lackingValue
	for _, v := range w.reading.versions {
		known, ok := w.index.Facts.Version(refOf(v))
		fact := timeline.Version{Version: v.Version}
		damaged := false
		if ok && s.deep && known.Redacted.IsZero() {
			var err error
			if damaged, err = w.r.archive.IsDamaged(ctx, w.name, known.Version, known.Objects); err != nil {
				return err
			}
		}
		if ok && !damaged && (len(known.Objects) > 0 || !known.Redacted.IsZero() || !untried(known) && !s.retry) {
			// A rebuilt index has only those attributes that the value object holds.
			if known.Merge(fact.Attributes) != known.Attributes {
				w.versions = append(w.versions, fact)
			}
			continue
		}
		value, found := secrets[refOf(v)]
		reason := ""
		switch denied := w.reading.denied; {
		case found:
		case denied != nil && v.Type == ssmbak.TypeSecureString && w.reading.onlySecret(v):
			reason = denied.Reason
		default:
			var err error
			if value, reason, err = w.r.value(ctx, w.name, v); err != nil {
				return err
			}
		}
		if reason == "" {
			lacking = append(lacking, lackingValue{fact, value})
			continue
		}
		if damaged {
			return fmt.Errorf("record the damaged value of version %d again: %s", v.Number, reason)
		}
		fact.Unreadable = reason
		w.versions = append(w.versions, fact)
	}
	return w.putAll(ctx, lacking)
}

// lackingValue is the value of a version that the archive does not have.
type lackingValue struct {
	version timeline.Version
	value   ssmbak.Value
}

// putAll writes values, given by ascending number. Of several versions of one second, the
// last one is written after the others: the legacy ssmbak takes the one that was stored last
// for the state of that second.
func (w *writing) putAll(ctx context.Context, lacking []lackingValue) error {
	if len(lacking) == 0 {
		return nil
	}
	if err := w.createIndex(ctx); err != nil {
		return err
	}
	last := make(map[int64]int) // by second, the index of its last version
	for i, l := range lacking {
		last[l.version.Time.Second()] = i
	}
	var waves [3][]lackingValue
	for i, l := range lacking {
		switch {
		case i == len(lacking)-1:
			waves[2] = append(waves[2], l)
		case i == last[l.version.Time.Second()]:
			waves[1] = append(waves[1], l)
		default:
			waves[0] = append(waves[0], l)
		}
	}
	for _, wave := range waves {
		if err := w.putWave(ctx, wave); err != nil {
			return err
		}
	}
	w.last = lacking[len(lacking)-1].version.Ref()
	return nil
}

// putWave writes values at once.
func (w *writing) putWave(ctx context.Context, wave []lackingValue) error {
	g, gctx := w.r.group(ctx, w.name)
	for i := range wave {
		g.Go(gctx, func(ctx context.Context) error {
			if err := w.r.writes.Acquire(ctx, 1); err != nil {
				return err
			}
			defer w.r.writes.Release(1)
			ref, err := w.r.archive.PutValue(ctx, w.name, wave[i].version.Version, wave[i].value)
			wave[i].version.Objects = []timeline.ObjectRef{ref}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, l := range wave {
		w.versions = append(w.versions, l.version)
		w.bytes += l.value.Len()
	}
	return nil
}

// missing counts the secret values that the archive does not have.
func (w *writing) missing(retry bool) (n int) {
	for _, v := range w.reading.versions {
		known, ok := w.index.Facts.Version(refOf(v))
		if !v.Value.IsKnown() && (!ok || len(known.Objects) == 0 && known.Redacted.IsZero() && (untried(known) || retry)) {
			n++
		}
	}
	return n
}

// secrets reads the secret values of all versions in one request, which does not
// count towards the GetParameter quota that applications depend on. If any of them
// cannot be decrypted, it returns none, and the caller reads each one separately.
func (r *Recorder) secrets(ctx context.Context, name ssmbak.Name) (map[timeline.Ref]ssmbak.Value, error) {
	all, err := r.live.Secrets(ctx, name)
	var denied *paramstore.UnreadableError
	if errors.As(err, &denied) || errors.Is(err, paramstore.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	values := make(map[timeline.Ref]ssmbak.Value, len(all))
	for _, s := range all {
		values[timeline.Ref{Number: s.Number, Time: s.Time}] = s.Value
	}
	return values, nil
}

func refOf(v paramstore.Version) timeline.Ref { return timeline.Ref{Number: v.Number, Time: v.Time} }

// createIndex creates the index if it does not exist.
func (w *writing) createIndex(ctx context.Context) error {
	if w.index.Exists {
		return nil
	}
	begun, err := w.r.archive.Update(ctx, w.index, func(base timeline.Facts) timeline.Facts {
		return timeline.Union(base, timeline.Facts{Legacy: w.originals})
	})
	if err == nil {
		w.index = begun.Index
	}
	return err
}

// value returns the value of a version, or the reason why it is unavailable. A
// secret must have the version and time of the history: the parameter may have been
// deleted and recreated in between.
func (r *Recorder) value(ctx context.Context, name ssmbak.Name, v paramstore.Version) (value ssmbak.Value, reason string, err error) {
	if value, ok := v.Value.Get(); ok {
		return value, "", nil
	}
	secret, err := r.live.Secret(ctx, name, v.Number)
	var denied *paramstore.UnreadableError
	switch {
	case errors.As(err, &denied):
		return ssmbak.Value{}, denied.Reason, nil
	case errors.Is(err, paramstore.ErrNotFound):
		return ssmbak.Value{}, "deleted before its value could be read", nil
	case err != nil:
		return ssmbak.Value{}, "", err
	case secret.Number != v.Number || secret.Time != v.Time:
		return ssmbak.Value{}, "deleted and recreated before its value could be read", nil
	}
	return secret.Value, "", nil
}

// ensureCurrent makes the newest value the current object of its key, and reports whether it
// had to write it. Another object is current if a delete marker was late, if a paused writer
// resumed and wrote an older value, or if the object was removed.
func (w *writing) ensureCurrent(ctx context.Context, index archive.Index, newest timeline.Version) (wrote bool, err error) {
	if len(newest.Objects) == 0 {
		return false, nil
	}
	top, err := w.r.archive.Current(ctx, w.name)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(newest.Objects, func(o timeline.ObjectRef) bool { return o.ID == top.ID }) {
		return false, nil
	}
	if w.reading.gone || w.reading.newest().Number != newest.Number || w.reading.newest().Time != newest.Time {
		return false, errMoved
	}
	value, reason, err := w.r.value(ctx, w.name, w.reading.newest())
	if err != nil || reason != "" {
		return false, err // if the value is unavailable now, an older copy still has it
	}
	ref, err := w.r.archive.PutValue(ctx, w.name, newest.Version, value)
	if err != nil {
		return false, err
	}
	fact := timeline.Version{Version: w.reading.newest().Version}
	fact.Objects = []timeline.ObjectRef{ref}
	_, err = w.r.archive.Update(ctx, index, func(base timeline.Facts) timeline.Facts {
		return timeline.Union(base, timeline.Facts{Versions: []timeline.Version{fact}})
	})
	if err == nil {
		w.r.log.InfoContext(ctx, "restored the live value as the current object", "name", string(w.name), "version", newest.Number)
	}
	return err == nil, err
}

// ensureMarked makes a delete marker the current object of the parameter's key,
// unless it already is or the key has no objects.
func (w *writing) ensureMarked(ctx context.Context, f timeline.Facts, check bool) error {
	hasObjects := len(f.Legacy) > 0 || slices.ContainsFunc(f.Versions, func(v timeline.Version) bool { return len(v.Objects) > 0 })
	if !hasObjects && !check {
		return nil
	}
	if check { // a killed writer may have left a value without an index
		top, err := w.r.archive.Current(ctx, w.name)
		if err != nil || top.Marker || top.ID == "" {
			return err
		}
	}
	return w.r.archive.MarkDeleted(ctx, w.name)
}
