package archive

import (
	"encoding/json"
	"errors"

	"github.com/ssmbak/ssmbak/archive/internal/document"
)

// Format is the version of the index's format that this package writes, and the
// newest that it knows.
const Format = 1

// The kinds of objects under .ssmbak/ that are documents. Each has a format of its
// own. Identities are those of docs/archive-format.md: a list without one is of
// values that are no objects.
var (
	identityKind   = document.Kind{Format: 1}
	adoptedKind    = document.Kind{Format: 1}
	reconciledKind = document.Kind{Format: 1, Identities: map[string]document.Identity{
		"missed": document.By("name"), "once": document.By("pattern"),
	}}
	restoreKind = document.Kind{Format: 1, Identities: map[string]document.Identity{
		"items": document.By("name"), "items.before.version.objects": document.By("id", "written"), "items.after.version.objects": document.By("id", "written"),
	}}
	indexKind = document.Kind{Format: Format, Identities: map[string]document.Identity{
		"versions":         document.By("number", "time"),
		"versions.objects": document.By("id", "written"),
		"deletions":        document.By("event"),
		"looks":            lookIdentity,
		"tags":             document.By("tags", "event", "second", "counter", "sure", "seen"),
		"labels":           document.By("labels", "event", "second", "sure", "seen"),
		"traces":           document.By("event"),
		"originals":        document.By("id"),
	}}
)

// lookIdentity is that of a look: what was newest, or for one that found nothing
// all of it.
func lookIdentity(fields map[string]json.RawMessage) string {
	if fields["gone"] != nil {
		return document.By("sure", "seen")(fields)
	}
	return document.By("newest")(fields)
}

// decode reads a document, and returns what this program does not know of it. The
// error is a [*FormatError] or a [*DamagedError].
func decode(key string, kind document.Kind, text []byte, into any) (document.Unknown, error) {
	u, err := document.Decode(kind, text, into)
	var newer *document.NewerError
	switch {
	case errors.As(err, &newer):
		return u, &FormatError{Key: key, Format: newer.Reader}
	case err != nil:
		return u, &DamagedError{Key: key, Err: err}
	}
	return u, nil
}
