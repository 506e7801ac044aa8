package archive

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/timeline"
)

// Writer records in an archive that [Archive.Establish] prepared. Only the recorder uses
// it. It may be used by many goroutines at once, and together with other writers. To be
// safe when it is interrupted, its caller writes in this order:
//
//  1. the entry in the register, then the index, of a parameter that has none, by [Writer.Update],
//  2. values, by [Writer.PutValue],
//  3. the index that names them, by [Writer.Update],
//  4. the delete marker of a deleted parameter, by [Writer.MarkDeleted].
//
// So an object version of this ssmbak without an index means that the index was deleted.
type Writer struct{ *Archive }

// NewWriter returns a writer of an archive.
func NewWriter(a *Archive) *Writer { return &Writer{a} }

// Update replaces an index by compare-and-swap. grow gets the facts of the index and
// returns them with the facts to add; it must not remove any. It is called again whenever
// another writer was faster, and nothing is written if it adds nothing. Update registers
// the name before it creates an index. The error may be a [*MissingIndexError], a
// [*DamagedError], a [*FormatError], or a [*TooLargeError].
//
// The first update of an index that was written where none was adds the facts of its object
// versions that were hidden before, with one request to list them and one to read each
// below a delete marker, whatever its size becomes.
//
// After an error the index may have been replaced; calling Update again is safe.
func (w *Writer) Update(ctx context.Context, base Index, grow func(timeline.Facts) timeline.Facts) (Swap, error) {
	switch {
	case !base.Exists:
		if _, err := w.register(ctx, base.Name); err != nil {
			return Swap{Index: base}, err
		}
	case base.object.Value.Uncompared:
		return w.compared(ctx, base, grow)
	}
	return w.update(ctx, base, w.mostBytes(), grow, w.Index)
}

// Object tags of a value object, as the legacy ssmbak writes and reads them.
const (
	tagTime        = "ssmbakTime"
	tagType        = "ssmbakType"
	tagDescription = "ssmbakDescription"
)

// User metadata of a value object, from which an index can be rebuilt.
const (
	metaVersion  = "ssmbak-version"
	metaTime     = "ssmbak-time"
	metaType     = "ssmbak-type"
	metaKeyID    = "ssmbak-key-id"
	metaTier     = "ssmbak-tier"
	metaDataType = "ssmbak-data-type"
	metaUser     = "ssmbak-user"
)

// maxTagValue is S3's limit for the value of an object tag, in characters.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
const maxTagValue = 256

// PutValue writes another copy of the value of one version and returns its object version.
// The parameter must have an index. The error may be a [*NotVersionedError].
func (w *Writer) PutValue(ctx context.Context, name ssmbak.Name, v ssmbak.Version, value ssmbak.Value) (timeline.ObjectRef, error) {
	tags := url.Values{tagTime: {strconv.FormatInt(v.Time.Second(), 10)}, tagType: {string(v.Type)}}
	if d := timeline.TagText(v.Description); d != "" {
		tags.Set(tagDescription, d)
	}
	metadata := map[string]string{
		metaVersion: strconv.FormatInt(v.Number, 10), metaTime: strconv.FormatInt(int64(v.Time), 10), metaType: string(v.Type),
	}
	for key, text := range map[string]string{metaKeyID: v.KeyID, metaTier: v.Tier, metaDataType: v.DataType, metaUser: v.User} {
		if text != "" && printable(text) {
			metadata[key] = text
		}
	}
	id, _, err := w.bucket.Put(ctx, bucket.Write{
		Key: string(name), Body: []byte(value.Reveal()), ContentType: "text/plain; charset=utf-8",
		Tags: tags.Encode(), Metadata: metadata, Value: true,
	})
	if err != nil {
		return timeline.ObjectRef{}, fmt.Errorf("write the value of %s version %d: %w", name, v.Number, err)
	}
	return timeline.ObjectRef{ID: id, Written: ssmbak.TimeOf(time.Now())}, nil
}

func printable(text string) bool {
	return len(text) <= maxTagValue && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// MarkDeleted adds a delete marker to a parameter's key.
func (w *Writer) MarkDeleted(ctx context.Context, name ssmbak.Name) error {
	if err := w.bucket.Mark(ctx, string(name)); err != nil {
		return fmt.Errorf("add a delete marker to %s: %w", name, err)
	}
	return nil
}
