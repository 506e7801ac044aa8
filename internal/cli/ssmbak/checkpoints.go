package ssmbakcli

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/verify"
)

// readCheckpoints is the permission to read checkpoints.
const readCheckpoints = "s3:GetObjectVersion on .ssmbak/checkpoints/*"

// knownCheckpoints parses the lines of --known-checkpoint.
func knownCheckpoints(texts []string, target ssmbak.Target) ([]archive.CheckpointLine, error) {
	var all []archive.CheckpointLine
	for _, text := range texts {
		line, err := archive.ParseCheckpointLine(text)
		if err != nil {
			return nil, shell.Usage("give a line that `ssmbak status` printed, in quotes", "--known-checkpoint %q: %s", text, err)
		}
		all = append(all, line)
	}
	if len(all) > 0 && !(target.Root() && target.Recursive()) {
		return nil, shell.Usage("omit PATH", "--known-checkpoint needs a verification of everything")
	}
	return all, nil
}

// noteCheckpoints says what a verification of everything found out about the checkpoints.
func (a *app) noteCheckpoints(s *session, c verify.Checkpoints, redacted []archive.Gone, verified bool) {
	id, _ := s.archive.Identity()
	switch {
	case c.Denied:
		a.Note("did not verify the checkpoints: the caller may not read them (%s)", readCheckpoints)
		return
	case c.Number == 0 && id.Signing.Key == "":
		a.Note("there are no checkpoints, since the archive is not signed: what an admin removes or rewrites is not found")
		return
	case c.Number == 0:
		a.Note("there are no checkpoints yet: the next complete reconcile of the stack writes the first one")
		return
	}
	a.NoteFacts(shell.Facts{"Counts": shell.Facts{
		"checkpoints": c.Number, "objectVersions": c.ObjectVersions, "expired": c.Expired, "redacted": c.Redacted, "removed": c.Removed,
	}, "Checkpoint": c.Last.String(), "Sequence": c.Last.Sequence, "Time": c.Last.Time}, "verified %s, up to number %d of %s, with %s: %d expired, %d redacted, %d removed", shell.Count(c.Number, "checkpoint", "checkpoints"),
		c.Last.Sequence, a.both(c.Last.Time), shell.Count(int(c.ObjectVersions), "object version", "object versions"), c.Expired, c.Redacted, c.Removed)
	for _, g := range redacted {
		a.NoteFacts(shell.Facts{"Name": g.Name(), "ObjectVersion": g.ID, "RedactedAt": g.Redacted.At, "RedactedBy": g.Redacted.By},
			"object version %s of %s was redacted at %s by %s", g.ID, g.Name(), a.both(g.Redacted.At), g.Redacted.By)
	}
	if !verified {
		a.Note("did not verify the signatures of the checkpoints: give --public-key, or a line that you know with --known-checkpoint")
	}
}

// compareCopy compares the archive with the source, if its bucket is a copy of the one that
// the signatures name.
func (a *app) compareCopy(ctx context.Context, s *session, found func(archive.Finding)) error {
	id, _ := s.archive.Identity()
	name := id.Signing.Bucket
	if name == "" || name == s.archive.Bucket() {
		return nil
	}
	cannot := func(reason string) error {
		return shell.KindPermissionsMissing.Fail("let the caller list that bucket and read "+readCheckpoints+" in it, or verify it there with --known-checkpoint",
			"bucket %s is a copy of bucket %s of account %s, which could not be compared: %s", s.archive.Bucket(), name, id.Account, reason)
	}
	public, err := a.publicKey()
	if err != nil {
		return err
	}
	client := s3.New(s.conn.S3().Options(), func(o *s3.Options) { o.Region = id.Region })
	source, err := archive.Open(ctx, client, archive.Options{
		Bucket: name, Account: id.Account, Region: id.Region, Elsewhere: true, PublicKey: public, Logger: a.Log,
	})
	var c verify.Copy
	if err == nil {
		c, err = verify.CompareCopy(ctx, s.archive, source, found)
	}
	if err != nil && ctx.Err() == nil {
		message, _, _ := shell.ExplainAWS(err)
		if message == "" {
			message = err.Error()
		}
		return cannot(message)
	}
	if err == nil && (c.Source.Denied || c.Copy.Denied) {
		return cannot("the caller may not read the checkpoints")
	}
	if err == nil {
		a.NoteFacts(shell.Facts{"Source": name, "Counts": shell.Facts{
			"inSource": c.Source.ObjectVersions, "inCopy": c.Copy.ObjectVersions, "faults": c.Findings,
		}}, "compared this copy with bucket %s of account %s: %s of its checkpoints, %d of those of the source", name, id.Account,
			shell.Count(int(c.Source.ObjectVersions), "object version", "object versions"), c.Copy.ObjectVersions)
	}
	return err
}
