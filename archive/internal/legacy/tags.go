package legacy

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

// The keys of the legacy tags.
const (
	tagTime        = "ssmbakTime"
	tagType        = "ssmbakType"
	tagDescription = "ssmbakDescription"
)

// lastSecond is the end of the year 9999, the last second of a Python datetime.
const lastSecond = 253402300799

// fill reads the tags of an object version into its entry.
func fill(ctx context.Context, b *bucket.Bucket, key string, e *entry) error {
	set, err := b.Tags(ctx, key, e.fact.ID)
	if errors.Is(err, bucket.ErrNotFound) {
		e.missing = true // a lifecycle rule may remove one at any time
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the tags of object version %s of %s: %w", e.fact.ID, key, err)
	}
	t, ok := DecodeTags(set)
	// The legacy ssmbak stored an event after it had happened.
	e.missing = !ok || ssmbak.Seconds(t.Second) > e.fact.LastModified.Add(time.Second+bucket.Tolerance)
	e.fact.Second, e.fact.Type, e.fact.Description = t.Second, t.Type, t.Description
	return nil
}

// Tags are the tags of a legacy record.
type Tags struct {
	Second      int64 // of the event, since 1970 in UTC
	Type        ssmbak.Type
	Description string
}

// DecodeTags decodes the legacy tags in a tag set. ok reports whether ssmbakTime is a
// time. A missing or unknown type is returned unchanged, since without the record an
// older value would count at its time.
func DecodeTags(set map[string]string) (t Tags, ok bool) {
	second, err := strconv.ParseInt(set[tagTime], 10, 64)
	if err != nil || second <= 0 || second > lastSecond {
		return Tags{}, false
	}
	return Tags{second, ssmbak.Type(set[tagType]), set[tagDescription]}, true
}
