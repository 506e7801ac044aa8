package restoring

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/simulation"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/restore"
)

const (
	indexKey = ".ssmbak/index"
	entryKey = ".ssmbak/names"
)

// hide adds a delete marker to an index or to an entry of the register now and then, before
// any request of the first restore of some stories.
func (p *run) hide(q simulation.Request) {
	s := p.s
	if p.id != 1 || s.origin != nil || s.Fixed("hides", 5) > 0 || !s.Chance("hide "+q.Subject, 60) {
		return
	}
	name, kind := s.names[s.Draw("hidden "+q.Subject, 7)], indexKey
	if s.Draw("hidden kind "+q.Subject, 3) == 0 {
		kind = entryKey
	}
	if top := s.AWS.S3.Versions(simulation.Bucket, kind+name); len(top) == 0 || top[0].Marker {
		return
	}
	in := &s3.DeleteObjectInput{Bucket: aws.String(simulation.Bucket), Key: aws.String(kind + name)}
	_, err := s.account.Connect(s.AWS.Client()).S3().DeleteObject(s.account.Context(), in)
	s.account.Must(err)
	s.Event("%s%s is hidden", kind, name)
	s.Counts.Add(map[string]string{indexKey: "an index was hidden", entryKey: "an entry of the register was hidden"}[kind])
}

// hidden returns the parameters whose index has a delete marker, with its version, if the
// archive that is restored says that its register is complete. In a copy it is those that
// are registered and have no index.
func (s *story) hidden() map[string]string {
	bucket, found := simulation.Bucket, make(map[string]string)
	if s.origin != nil {
		bucket = otherBucket
	}
	last := s.AWS.S3.Versions(bucket, ".ssmbak/reconciled")
	if len(last) == 0 || !strings.Contains(string(last[0].Body), `"names":`) {
		return found
	}
	for _, name := range s.names {
		top, entries := s.AWS.S3.Versions(bucket, indexKey+name), s.AWS.S3.Versions(bucket, entryKey+name)
		switch {
		case len(top) > 0 && top[0].Marker:
			found[name] = top[0].VersionID
		case len(top) == 0 && len(entries) > 0 && s.origin != nil:
			found[name] = "not replicated"
		}
	}
	return found
}

// checkHidden checks that a reader named each parameter of the restore whose index was
// hidden all the time.
func (s *story) checkHidden(what string, before map[string]string, problems []archive.Problem) {
	after := s.hidden()
	for _, name := range s.names {
		to, meant := s.written(name)
		if !meant || before[name] == "" || after[name] != before[name] {
			continue
		}
		if s.origin != nil {
			s.Counts.Add("a parameter that is not replicated was named")
		} else {
			s.Counts.Add("a hidden parameter was named")
		}
		if !slices.ContainsFunc(problems, func(p archive.Problem) bool {
			var missing *archive.MissingIndexError
			var late *archive.NotReplicatedError
			return errors.As(p.Err, &missing) && string(missing.Name) == name || errors.As(p.Err, &late) && string(late.Name) == name && string(p.Name) == to
		}) {
			s.Problem("%s does not name %s, whose index is hidden: %v", what, name, problems)
		}
	}
}

// readHidden lets the other readers of the target read while parameters are hidden.
func (s *story) readHidden(ctx context.Context) {
	before := s.hidden()
	if len(before) == 0 {
		return
	}
	target := testworld.Target(s.account, s.text, s.recursive)
	log, err := s.account.Archive.Log(ctx, target, 0, 0)
	s.account.Must(err)
	s.checkHidden("a log", before, log.Problems)
	snap, err := s.account.Archive.At(ctx, target, s.at, archive.NoValues)
	s.account.Must(err)
	s.checkHidden("a preview", before, snap.Problems)
	compared, err := restore.New(s.account.Archive, s.account.Live, nil, restore.Options{}).Compare(ctx, target, s.at, ssmbak.TimeOf(s.Start))
	s.account.Must(err)
	s.checkHidden("a comparison", before, compared.Problems)
}

// heal restores what was hidden.
func (s *story) heal(ctx context.Context) {
	report, err := s.account.Recorder.Reconcile(ctx, testworld.Everything(s.account), recorder.ReconcileOptions{})
	if err != nil || len(report.Failed) > 0 {
		s.Problem("reconcile what was hidden: %v, %+v", err, report.Failed)
	}
	for _, name := range s.names {
		for _, kind := range []string{indexKey, entryKey} {
			if top := s.AWS.S3.Versions(simulation.Bucket, kind+name); len(top) > 0 && top[0].Marker {
				s.Problem("%s%s is hidden after a reconcile", kind, name)
			}
		}
	}
}
