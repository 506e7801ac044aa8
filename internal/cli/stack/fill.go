package stackcli

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/signkey"
	"github.com/ssmbak/ssmbak/internal/stack"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// fill records the current parameters with the caller's credentials, and has the stack's
// reconciler do what the caller cannot do or leaves undone.
func (a *app) fill(ctx context.Context, s *stack.Stack, d *stack.Deployed) error {
	since := time.Now().Add(-time.Minute) // the clocks may differ
	report, err := a.fillHere(ctx, s, *d)
	switch failed, unreadable := len(report.Failed), len(report.Unreadable); {
	case err == nil:
		if d.Listing = listingOf(report); failed+unreadable == 0 {
			return nil
		}
		since = d.Listing.Began.Add(time.Millisecond)
		a.NoteFacts(shell.Facts{"Counts": shell.Facts{"failed": failed, "unreadable": unreadable}},
			"with your credentials, %s not be recorded, and %s a value that cannot be read: the reconciler tries",
			shell.Count(failed, "parameter could", "parameters could"), shell.Count(unreadable, "has", "have"))
	case ctx.Err() == nil:
		a.NoteFacts(shell.Facts{"Error": shell.Reason(err)}, "the reconciler records the current parameters, since you cannot: %s", shell.Reason(err))
	}
	if err := s.Fill(ctx, d, since); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return &shell.Failure{Message: "interrupted", Hint: "the stack is complete, and its reconciler records the other parameters: `" + a.command("status") + "` shows how far it is", Code: shell.Interrupted}
	}
	return nil
}

// fillHere records the current parameters with the caller's credentials, at the rate of reads
// that the functions share.
func (a *app) fillHere(ctx context.Context, s *stack.Stack, d stack.Deployed) (recorder.Report, error) {
	conn, err := a.Connect(ctx)
	if err != nil {
		return recorder.Report{}, err
	}
	caller, err := conn.Caller(ctx)
	if err != nil {
		return recorder.Report{}, err
	}
	archived, err := s.OpenArchive(ctx, d.BucketName)
	if err == nil {
		err = archived.Establish(ctx)
	}
	if err == nil {
		err = sign(ctx, conn, archived)
	}
	if err != nil {
		return recorder.Report{}, err
	}
	everything, err := ssmbak.ParseTarget("/", true)
	if err != nil {
		return recorder.Report{}, err
	}
	live := paramstore.New(conn.SSM(), paramstore.Options{Tagging: conn.Tagging(), MaxReadRate: d.Rate, Logger: a.Log})
	r := recorder.New(archived, live, recorder.Options{Account: caller.Account, Region: conn.Region(), Exclude: d.Exclude, Logger: a.Log})
	if err := recordsOne(ctx, live, r, everything); err != nil {
		return recorder.Report{}, err
	}
	a.NoteFacts(shell.Facts{"Rate": d.Rate}, "recording the current parameters, with at most %g reads per second; after an interrupt, the reconciler continues", d.Rate)
	progress := a.NewProgress("record")
	defer progress.Close()
	return r.Reconcile(ctx, everything, recorder.ReconcileOptions{Progress: progress.Set})
}

// sign lets the caller sign what it writes to an archive that is signed.
func sign(ctx context.Context, conn *awsconn.Conn, archived *archive.Archive) error {
	id, _ := archived.Identity()
	if id.Signing.Key == "" {
		return nil
	}
	key, err := signkey.Load(ctx, kms.NewFromConfig(conn.Config()), id.Signing.Key)
	if err == nil {
		err = key.Check(ctx)
	}
	if err != nil {
		return err
	}
	archived.SignWith(key)
	return nil
}

// recordsOne records one of the parameters. The error is the reason why the caller cannot
// record parameters; otherwise each of them would fail with it.
func recordsOne(ctx context.Context, live *paramstore.Store, r *recorder.Recorder, everything ssmbak.Target) error {
	for p, err := range live.Describe(ctx, everything) {
		if err != nil {
			return err
		}
		one, err := ssmbak.ParseTarget(string(p.Name), false)
		if err != nil {
			return err
		}
		report, err := r.Reconcile(ctx, one, recorder.ReconcileOptions{})
		if err == nil && len(report.Failed) > 0 {
			err = report.Failed[0].Err
		}
		return err
	}
	return nil
}

// listingOf returns the result of a complete reconcile in the form of a listing.
func listingOf(r recorder.Report) stack.Listing {
	l := stack.Listing{Began: r.Began.Std(), Total: r.Checked + r.Left, Left: r.Left, Unreadable: texts(r.Unreadable), Failed: []string{}, Gaps: texts(r.Gaps)}
	for _, f := range r.Failed {
		l.Failed = append(l.Failed, string(f.Name))
	}
	return l
}

func texts(names []ssmbak.Name) []string {
	all := make([]string, len(names)) // not null in JSON
	for i, name := range names {
		all[i] = string(name)
	}
	return all
}
