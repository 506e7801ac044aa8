package recorder

import (
	"context"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/timeline"
)

// Redact removes the value of one recorded version from the archive permanently, see
// [archive.Writer.Redact]. The caller makes sure that the version is not live.
func (r *Recorder) Redact(ctx context.Context, name ssmbak.Name, v timeline.Version, by timeline.Redaction) (archive.Redacted, error) {
	if err := r.archive.Establish(ctx); err != nil {
		return archive.Redacted{}, err
	}
	return r.archive.Redact(ctx, name, v, by)
}
