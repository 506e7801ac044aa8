package restore

import (
	"context"
	"fmt"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/plan"
)

// File returns the plan as a file for review, made now by [Options.By].
func (r *Restorer) File(p *Plan) *plan.File {
	id, _ := r.archive.Identity()
	f := plan.NewFile(&p.Plan, r.o.Options)
	f.Account, f.Region, f.Bucket = id.Account, id.Region, r.archive.Bucket()
	f.Created, f.By = ssmbak.TimeOf(time.Now()), r.o.By
	return f
}

// PlanFile returns a new plan for the parameters of a file, which refuses parameters that
// have changed since. The Restorer must have the options of the file.
//
// It returns a [*plan.FileError] if the file is for another account, region or bucket, or
// is invalid.
func (r *Restorer) PlanFile(ctx context.Context, f *plan.File) (*Plan, error) {
	id, _ := r.archive.Identity()
	if f.Account != id.Account || f.Region != id.Region {
		return nil, &plan.FileError{Reason: fmt.Sprintf("it is for account %s in %s, but this is account %s in %s", f.Account, f.Region, id.Account, id.Region)}
	}
	if f.Bucket != r.archive.Bucket() {
		return nil, &plan.FileError{Reason: fmt.Sprintf("it is for the archive in bucket %s, but this is bucket %s", f.Bucket, r.archive.Bucket())}
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
