package health

import (
	"context"
	"time"

	"github.com/ssmbak/ssmbak/archive"
)

// checkpointAge is the age of the newest checkpoint from which on something is wrong: a
// complete reconcile writes one a day.
const checkpointAge = 72 * time.Hour

// checkpoint prints the line of the newest checkpoint, for people to keep elsewhere.
func (i *inspection) checkpoint(ctx context.Context) []Check {
	const why = "see the line complete; the log of the reconciler says why it writes none"
	id, _ := i.archive.Identity()
	signed := id.Signing != (archive.Signing{})
	last, exists, err := i.archive.LastCheckpoint(ctx)
	switch {
	case err != nil:
		return unseen("checkpoint", "the newest checkpoint", "s3:GetObjectVersion on .ssmbak/checkpoints/*", err)
	case !exists && !signed:
		return ok("checkpoint", "none: the archive is not signed, so what an admin removes or rewrites is not found")
	case !exists && i.now.Sub(id.Signing.Since) < checkpointAge:
		return warning("checkpoint", "none yet", "the next complete reconcile of the stack writes it")
	case !exists:
		return problem("checkpoint", "none", why)
	}
	line := last.Line()
	i.report.Checkpoint = line.String()
	text := line.String() + ", " + i.ago(line.Time.Std())
	switch {
	case !signed:
		return warning("checkpoint", text+": the archive is not signed anymore, so there are no further ones", "`ssmbak-stack NAME update --sign on` signs it again")
	case i.now.Sub(line.Time.Std()) > checkpointAge:
		return problem("checkpoint", text, why)
	}
	return ok("checkpoint", text+"; keep this line elsewhere, for `ssmbak verify --known-checkpoint`")
}
