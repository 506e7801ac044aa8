package restore

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/plan"
)

// File returns the plan as a file for review, made now by [Options.By].
func (r *Restorer) File(p *Plan) *plan.Document {
	f := r.document(p)
	f.Created = ssmbak.TimeOf(time.Now())
	return f
}

// document returns the document of a plan.
func (r *Restorer) document(p *Plan) *plan.Document {
	from := r.from()
	if p.Undoes != "" {
		from = nil // an undo only reads which values were written
	}
	d := p.Document(r.o.Options, from)
	place := r.into()
	d.Account, d.Region, d.Bucket, d.By = place.Account, place.Region, r.bucket(), r.o.By
	return d
}

// PlanFile returns a new plan for the parameters of a file, which refuses parameters that
// have changed since. The Restorer must have the options of the file.
//
// It returns a [*plan.FileError] if the file is for another account, region or bucket, from
// another archive, or is invalid.
func (r *Restorer) PlanFile(ctx context.Context, f *plan.Document) (*Plan, error) {
	if p := r.into(); f.Account != p.Account || f.Region != p.Region {
		return nil, &plan.FileError{Reason: fmt.Sprintf("it is for account %s in %s, but this is account %s in %s", f.Account, f.Region, p.Account, p.Region)}
	}
	if b := r.bucket(); f.Bucket != b {
		return nil, &plan.FileError{Reason: fmt.Sprintf("it is for the archive in %s, but this is %s", orNoBucket(f.Bucket), orNoBucket(b))}
	}
	if from := r.from(); !reflect.DeepEqual(f.From, from) {
		return nil, &plan.FileError{Reason: fmt.Sprintf("it restores from %s, but this is %s", orOwn(f.From), orOwn(from))}
	}
	if f.From != nil && f.Until != 0 {
		return nil, &plan.FileError{Reason: "it was edited: nothing can be reverted from another archive"}
	}
	target, err := ssmbak.ParseTarget(f.Target, f.Recursive)
	if err != nil {
		return nil, &plan.FileError{Reason: err.Error()}
	}
	var p *Plan
	switch {
	case f.Until != 0:
		p, err = r.Revert(ctx, target, f.At, f.Until)
	default:
		p, err = r.Plan(ctx, target, f.At)
	}
	if err != nil {
		return nil, err
	}
	if p.Items, err = f.Select(p.Items); err != nil {
		return nil, err
	}
	return p, nil
}

// into returns the place of the restored Parameter Store.
func (r *Restorer) into() plan.Place {
	if r.o.From != nil {
		return r.o.Into
	}
	id, _ := r.archive.Identity()
	return plan.Place{Account: id.Account, Region: id.Region}
}

// bucket returns the bucket of the archive that records the restore, "" for none.
func (r *Restorer) bucket() string {
	if r.archive == nil {
		return ""
	}
	return r.archive.Bucket()
}

// from returns the archive that is restored, nil if it is the one that records the restore.
func (r *Restorer) from() *plan.DocumentSource {
	if r.o.From == nil {
		return nil
	}
	return &plan.DocumentSource{Place: r.move().From, Bucket: r.o.From.Bucket(), Owner: r.o.From.Owner()}
}

func orNoBucket(bucket string) string {
	if bucket == "" {
		return "no bucket"
	}
	return "bucket " + bucket
}

func orOwn(s *plan.DocumentSource) string {
	if s == nil {
		return "the archive of these parameters"
	}
	return fmt.Sprintf("bucket %s of account %s, the archive of account %s in %s", s.Bucket, s.Owner, s.Account, s.Region)
}
