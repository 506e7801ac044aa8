package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/timeline"
)

// Fault is a kind of fault that [Archive.Verify] finds.
type Fault string

// The faults of an archive.
const (
	FaultDamagedIndex   Fault = "damaged-index"      // a version of an index fails its checksum or cannot be decoded
	FaultHiddenIndex    Fault = "hidden-index"       // an index has a delete marker
	FaultMissingIndex   Fault = "missing-index"      // values or an entry in the register exist, but no index
	FaultHiddenName     Fault = "hidden-name"        // an entry in the register has a delete marker
	FaultMissingName    Fault = "missing-name"       // the register lacks a parameter that has an index
	FaultDamagedPart    Fault = "damaged-part"       // a part that an index names is missing or another object
	FaultLostFacts      Fault = "lost-facts"         // a version of an index has fewer facts than an older one
	FaultMissingValue   Fault = "missing-value"      // the value of the newest version of a live parameter is gone
	FaultDamagedValue   Fault = "damaged-value"      // a value fails its checksum, or no recorder can have written its object
	FaultContradiction  Fault = "copies-differ"      // two copies of one value differ
	FaultForeignValue   Fault = "foreign-value"      // an index names an object that no recorder wrote
	FaultMetadata       Fault = "metadata-differs"   // the metadata of a value disagrees with its fact
	FaultNotCurrent     Fault = "not-current"        // the newest value is not the current object, so a lifecycle rule may remove it
	FaultNotReplicated  Fault = "not-replicated"     // a copy made by S3 replication does not have an object that another one names
	FaultDamagedRecord  Fault = "damaged-record"     // a restore record cannot be read
	FaultDanglingRecord Fault = "dangling-record"    // a restore record names values that are gone, so undo cannot restore them
	FaultDamagedMark    Fault = "damaged-mark"       // a mark cannot be read
	FaultDamagedTest    Fault = "damaged-test"       // the record of a test cannot be read
	FaultDamagedObject  Fault = "damaged-object"     // the description of the stack, the record of the last drill or verification, or an object that concerns all of the archive, cannot be read
	FaultHiddenObject   Fault = "hidden-object"      // an object that concerns all of the archive has a delete marker
	FaultUnsigned       Fault = "unsigned"           // an object that is to be signed is not
	FaultSignature      Fault = "wrong-signature"    // the signature of an object is not that of the public key for it
	FaultCheckpoint     Fault = "damaged-checkpoint" // a checkpoint, or an object with its leaves, is missing, damaged, or was written again
	FaultChain          Fault = "broken-chain"       // a checkpoint does not follow the one before it
	FaultKnown          Fault = "known-checkpoint"   // a checkpoint that the caller knows is missing or another one
	FaultRemoved        Fault = "removed"            // neither a lifecycle rule nor a redaction explains that an object version of a checkpoint is gone
)

// Finding is one fault. It never contains a value.
type Finding struct {
	Fault Fault       `json:"fault"`
	Name  ssmbak.Name `json:"name,omitempty"` // "" if it concerns no parameter
	Key   string      `json:"key,omitempty"`  // of the object
	// ObjectVersion is the version of the object, "" if the fault concerns its key.
	ObjectVersion string `json:"objectVersion,omitempty"`
	Detail        string `json:"detail"` // one clause
}

// OfRecords reports whether [Archive.VerifyRecords] finds the fault, and not the verification
// of one parameter.
func (f Finding) OfRecords() bool { return f.Name == "" || f.Fault == FaultDanglingRecord }

// Verified is what [Archive.Verify] read of one parameter.
type Verified struct {
	Name ssmbak.Name
	// Index is the current index, with the facts of its parts. Its Exists is not set if
	// it cannot be read.
	Index Index
	// Live says that the newest recorded version was not deleted since.
	Live     bool
	newest   timeline.Version
	Findings []Finding
	// Redacted are the versions whose values were removed permanently.
	Redacted []timeline.Version
	// IndexVersions and Values count the objects that were read, and Expired the
	// values that a lifecycle rule has removed.
	IndexVersions, Values, Expired int
}

// Verify reads everything that the archive holds of the parameters of a target that include
// accepts, all if it is nil: every version of their indexes, every part and every value
// object. It compares each with its checksum, the facts of each index with those of the one
// before it, and the metadata of each value with its fact. Results come by name, without
// parameters that only the legacy ssmbak recorded. The target has the meaning that
// [Archive.Damaged] gives it.
//
// It sends one request per 1,000 object versions to list, and one per object to read. Its
// memory does not depend on the number of parameters. An error is the last thing that it
// yields; what it yielded before is valid.
func (a *Archive) Verify(ctx context.Context, target ssmbak.Target, include func(ssmbak.Name) bool) iter.Seq2[Verified, error] {
	return func(yield func(Verified, error) bool) {
		rec, err := a.Reconciled(ctx)
		var hidden *HiddenError
		if err != nil && !errors.As(err, &hidden) { // VerifyRecords finds that it is hidden
			yield(Verified{}, fmt.Errorf("verify bucket %s: %w", a.o.Bucket, err))
			return
		}
		one := func(ctx context.Context, s *subject) (Verified, error) {
			return a.verifyOne(ctx, s, !rec.Names.IsZero())
		}
		for v, err := range eachSubject(ctx, a, target, include, one) {
			if err != nil {
				yield(Verified{}, fmt.Errorf("verify bucket %s: %w", a.o.Bucket, err))
				return
			}
			if v.IndexVersions+len(v.Findings) > 0 && !yield(v, nil) {
				return
			}
		}
	}
}

// verifyOne verifies one parameter. registered says that the register must have its name.
func (a *Archive) verifyOne(ctx context.Context, s *subject, registered bool) (Verified, error) {
	v := Verified{Name: s.name}
	if err := a.verifyEntry(ctx, s, registered, &v); err != nil {
		return v, err
	}
	if len(s.indexes) == 0 {
		return v, a.verifyMissing(ctx, s, &v)
	}
	if err := a.verifyIndex(ctx, s, &v); err != nil || !v.Index.Exists {
		return v, err
	}
	v.newest, v.Live = v.Index.Newest()
	facts, _, err := a.opened(ctx, s.name, v.Index.Facts, allParts)
	if err != nil {
		return v, err
	}
	v.Index.Facts = facts
	for _, version := range v.Index.Facts.Versions {
		if !version.Redacted.IsZero() {
			v.Redacted = append(v.Redacted, version)
		}
		if err := a.verifyVersion(ctx, version, &v); err != nil {
			return v, err
		}
	}
	return v, a.verifyCurrent(ctx, s, &v)
}

// faultOf returns the fault of an object whose signature is not valid.
func faultOf(unsigned error) Fault {
	var e *SignatureError
	if errors.As(unsigned, &e) && e.Missing() {
		return FaultUnsigned
	}
	return FaultSignature
}

func (v *Verified) add(fault Fault, key, version, detail string) {
	v.Findings = append(v.Findings, Finding{Fault: fault, Name: v.Name, Key: key, ObjectVersion: version, Detail: detail})
}

// verifyEntry verifies a parameter's entry in the register. A recorder may be at work, so a
// missing one is requested again.
func (a *Archive) verifyEntry(ctx context.Context, s *subject, registered bool, v *Verified) error {
	switch {
	case len(s.entries) > 0 && s.entries[0].Marker:
		v.add(FaultHiddenName, entryKey(s.name), s.entries[0].ID, "it has a delete marker of "+s.entries[0].Modified.String()+": `ssmbak reconcile` restores it")
	case len(s.entries) == 0 && len(s.indexes) > 0 && registered:
		found, err := a.registered(ctx, s.name)
		if err != nil || found {
			return err
		}
		if a.replica {
			v.addNotReplicated("the entry in the register", entryKey(s.name), "")
			return nil
		}
		v.add(FaultMissingName, entryKey(s.name), "", "the register lacks it, so that readers do not find it if its index is hidden: `ssmbak reconcile` adds it")
	}
	return nil
}

// verifyMissing verifies a parameter without any version of an index.
func (a *Archive) verifyMissing(ctx context.Context, s *subject, v *Verified) error {
	missing, err := a.missesIndex(ctx, s.name, valueIDs(s.values))
	switch {
	case err != nil:
		return err
	case a.replica && (missing || len(s.entries) > 0):
		v.addNotReplicated("the index", indexKey(s.name), "")
	case missing:
		v.add(FaultMissingIndex, indexKey(s.name), "", "values exist, but no index: `ssmbak reindex "+s.name.String()+"` rebuilds it")
	case len(s.entries) > 0:
		if x, err := a.Index(ctx, s.name); err != nil || x.Exists {
			return err // it was recorded first after the listing
		}
		v.add(FaultMissingIndex, indexKey(s.name), "", "it is in the register, but has no index: `ssmbak reconcile` records it")
	}
	return nil
}

// verifyIndex reads every version of an index, the oldest first: each has all facts of
// the one before it. If signatures are verified, each after the first signed one must be
// signed, and so must the newest; one that is not says nothing.
func (a *Archive) verifyIndex(ctx context.Context, s *subject, v *Verified) error {
	key, signed := indexKey(s.name), false
	var before timeline.Facts
	for i, object := range slices.Backward(s.indexes) {
		if object.Marker {
			if i == 0 {
				v.Index = Index{}
				v.add(FaultHiddenIndex, key, object.ID, "it has a delete marker of "+object.Modified.String()+": `ssmbak reconcile` restores it")
			}
			continue
		}
		x, err := a.index(ctx, s.name, object.ID)
		var format *FormatError
		var damaged *DamagedError
		switch {
		case errors.As(err, &damaged):
			v.IndexVersions++
			v.Index = Index{}
			v.add(FaultDamagedIndex, key, object.ID, damaged.Err.Error())
			continue
		case errors.As(err, &format):
			return err
		case err != nil:
			return err
		case !x.Exists: // removed by a lifecycle rule after the listing
			continue
		}
		v.IndexVersions++
		if unsigned := x.object.Unsigned; unsigned != nil && (signed || i == 0) {
			v.add(faultOf(unsigned), key, object.ID, unsigned.Error())
			if signed {
				continue
			}
		}
		signed = signed || a.verifies() && x.object.Unsigned == nil
		v.Index = x
		if before, err = a.verifyGrowth(ctx, x, i == 0, before, v); err != nil {
			return err
		}
	}
	return nil
}

// verifyGrowth checks that an index has all facts of the one before it, itself or in
// parts that it names and that one did not, and returns the facts that the next one must
// have. An index that was written where none was may lack some until the next one.
func (a *Archive) verifyGrowth(ctx context.Context, x Index, newest bool, before timeline.Facts, v *Verified) (timeline.Facts, error) {
	facts, problem, err := a.opened(ctx, x.Name, x.Facts, func(f timeline.Facts, failed []timeline.Run) (timeline.Run, bool) {
		return allParts(f, slices.Concat(failed, before.Runs))
	})
	if err != nil {
		return before, err
	}
	if problem != nil { // the facts that it has are not known
		if damaged, ok := errors.AsType[*DamagedError](problem); ok {
			v.add(FaultDamagedPart, damaged.Key, "", damaged.Err.Error())
			return x.Facts, nil
		}
		if absent, ok := errors.AsType[*NotReplicatedError](problem); ok {
			v.addNotReplicated("a part of the index", absent.Key, "")
			return x.Facts, nil
		}
		return before, problem
	}
	all := timeline.Union(facts, before)
	if lost := lostFacts(facts, all); lost != "" {
		if x.object.Value.Uncompared && !newest {
			return all, nil
		}
		v.add(FaultLostFacts, indexKey(x.Name), x.ObjectVersion(), "an older version of the index has facts that this one lacks: "+lost)
		return all, nil
	}
	return x.Facts, nil
}

// verifyVersion reads every copy of one version's value. All of them must be the same.
func (a *Archive) verifyVersion(ctx context.Context, version timeline.Version, v *Verified) error {
	key, left, found := string(v.Name), 0, len(v.Findings)
	var text []byte
	for _, ref := range version.Objects {
		o, err := a.bucket.Get(ctx, key, ref.ID, maxValue)
		invalid, isInvalid := errors.AsType[*bucket.InvalidError](err)
		switch {
		case a.notReplicated(err):
			v.addNotReplicated(fmt.Sprintf("the value of version %d", version.Number), key, ref.ID)
			continue
		case errors.Is(err, bucket.ErrNotFound):
			v.Expired++
			continue
		case isInvalid:
			v.Values++
			v.add(FaultDamagedValue, key, ref.ID, fmt.Sprintf("version %d: %v", version.Number, invalid))
			continue
		case err != nil:
			return fmt.Errorf("read the value of %s version %d: %w", v.Name, version.Number, err)
		}
		v.Values++
		if err := checkCopy(o, version.Version); err != nil {
			fault := FaultMetadata
			if readMetadata(o.Metadata).foreign {
				fault = FaultForeignValue
			}
			v.add(fault, key, ref.ID, fmt.Sprintf("version %d: %v", version.Number, err))
			continue
		}
		if left++; left > 1 && !bytes.Equal(text, o.Body) {
			v.add(FaultContradiction, key, ref.ID, fmt.Sprintf("version %d: it differs from another copy of the value", version.Number))
		}
		text = o.Body
	}
	if a.replica {
		return nil
	}
	again := ": `ssmbak reconcile " + key + " --deep` records it again while "
	for i := range v.Findings[found:] {
		switch f := &v.Findings[found+i]; {
		case left == 0:
			f.Detail += again + "Parameter Store has it"
		case f.Fault != FaultContradiction: // which no other copy resolves
			f.Detail += "; another copy is intact, and an admin may delete this one"
		}
	}
	if v.Live && left == 0 && len(version.Objects) > 0 && v.newest.Ref() == version.Ref() {
		v.add(FaultMissingValue, key, "", fmt.Sprintf("there is no copy of version %d, the newest%sit is live", version.Number, again))
	}
	return nil
}

// underWay is how long after its value a version may be written to its index.
const underWay = time.Minute

// verifyCurrent checks that the newest value of a live parameter is the current object
// of its key. A recorder may be at work, which writes a value before the index that names it: a
// difference counts only if it is found again, and the current object is older than underWay.
func (a *Archive) verifyCurrent(ctx context.Context, s *subject, v *Verified) error {
	newest, live, current, modified := v.newest, v.Live && !a.replica, "", time.Time{}
	if len(s.values) > 0 {
		current = s.values[0].ID
	}
	for again := false; ; again = true {
		if !live || len(newest.Objects) == 0 || slices.ContainsFunc(newest.Objects, func(o timeline.ObjectRef) bool { return o.ID == current }) {
			return nil
		}
		if again && a.Now().Sub(modified) >= underWay {
			v.add(FaultNotCurrent, string(v.Name), current, fmt.Sprintf("version %d, the newest, is not the current object: `ssmbak reconcile` makes it current", newest.Number))
			return nil
		}
		if again {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
			}
		}
		top, err := a.Current(ctx, v.Name)
		if err != nil {
			return err
		}
		index, err := a.Index(ctx, v.Name)
		if needsReindex(err) {
			return nil // found above, or by the next verification
		}
		if err != nil {
			return err
		}
		current, modified = top.ID, top.Modified
		newest, live = index.Newest()
	}
}

// VerifyRecords verifies the objects that do not belong to one parameter: restore records
// and the values that undo would need, marks, records of tests, of the last drill and of
// verifications, the description of the stack, and what concerns all of the archive.
func (a *Archive) VerifyRecords(ctx context.Context) ([]Finding, error) {
	var found []Finding
	for _, key := range []string{identityKey, reconciledKey, adoptedKey} {
		all, err := a.bucket.History(ctx, key)
		if err != nil {
			return nil, err
		}
		if len(all) == 0 {
			continue
		}
		if all[0].Marker {
			found = append(found, Finding{Fault: FaultHiddenObject, Key: key, ObjectVersion: all[0].ID, Detail: "it has a delete marker of " + all[0].Modified.String()})
			continue
		}
		why, err := a.damageOf(ctx, key, all[0].ID)
		if err != nil {
			return nil, err
		}
		if why != nil {
			found = append(found, Finding{Fault: FaultDamagedObject, Key: key, ObjectVersion: all[0].ID, Detail: why.Error()})
		}
	}
	unsigned, err := a.verifySigned(ctx)
	if err != nil {
		return nil, err
	}
	found = append(found, unsigned...)
	for o, err := range a.bucket.Objects(ctx, bucket.Listing{Prefix: recordsPrefix}) {
		if err != nil {
			return nil, err
		}
		id := strings.TrimPrefix(o.Key, recordsPrefix)
		record, err := a.RestoreRecord(ctx, id)
		var damaged *DamagedError
		switch {
		case errors.As(err, &damaged), errors.Is(err, ErrNoRestore):
			found = append(found, Finding{Fault: FaultDamagedRecord, Key: o.Key, Detail: err.Error()})
			continue
		case err != nil:
			return nil, err
		}
		dangling, err := a.verifyRecord(ctx, o.Key, record)
		if err != nil {
			return nil, err
		}
		found = append(found, dangling...)
	}
	marks, err := a.verifyMarks(ctx)
	if err != nil {
		return nil, err
	}
	tests, err := a.verifyTests(ctx)
	if err != nil {
		return nil, err
	}
	documents, err := a.verifyDocuments(ctx)
	return slices.Concat(found, marks, tests, documents), err
}

func (a *Archive) verifyRecord(ctx context.Context, key string, record *plan.Document) (found []Finding, err error) {
	for _, item := range record.Items {
		if item.Before == nil || len(item.Before.Version.Objects) == 0 {
			continue
		}
		left := 0
		for _, ref := range item.Before.Version.Objects {
			_, err := a.bucket.Metadata(ctx, string(item.Before.Source), ref.ID)
			if err == nil {
				left++
			} else if !errors.Is(err, bucket.ErrNotFound) {
				return nil, fmt.Errorf("verify the record of restore %s: %w", record.ID, err)
			}
		}
		if left == 0 {
			found = append(found, Finding{
				Fault: FaultDanglingRecord, Name: item.Name, Key: key,
				Detail: fmt.Sprintf("the value of version %d, which undo would restore, is gone", item.Before.Version.Number),
			})
		}
	}
	return found, nil
}
