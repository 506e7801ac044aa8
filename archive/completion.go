package archive

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

// Completer completes words of a command line from an archive. Unlike [Open],
// [NewCompleter] sends no request, and each method sends exactly one, so it finds at most
// 1,000 words.
type Completer struct{ bucket *bucket.Bucket }

// NewCompleter returns the completer of the archive in a bucket. owner is the account that
// must own the bucket, 12 digits, or "" for any.
func NewCompleter(client *s3.Client, name, owner string) Completer {
	return Completer{&bucket.Bucket{Name: name, Owner: owner, Client: client}}
}

// Names returns the names of parameters, deleted ones too, that begin with a text, and the
// paths of deeper ones, which end with a slash. A text without a leading slash begins a
// name of the first level.
func (c Completer) Names(ctx context.Context, begin string) ([]string, error) {
	bare := begin != "" && !strings.HasPrefix(begin, "/")
	if begin == "" || bare {
		begin = "/" + begin
	}
	all, err := c.begins(ctx, indexPrefix, begin, "/")
	var names []string
	for _, name := range all {
		if bare {
			name = strings.TrimPrefix(name, "/")
		}
		if !bare || !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	return names, err
}

// RestoreIDs returns the IDs of restores that begin with a text, oldest first.
func (c Completer) RestoreIDs(ctx context.Context, begin string) ([]string, error) {
	return c.begins(ctx, recordsPrefix, begin, "")
}

// MarkNames returns the names of marks, removed ones too, that begin with a text.
func (c Completer) MarkNames(ctx context.Context, begin string) ([]string, error) {
	return c.begins(ctx, marksPrefix, begin, "")
}

func (c Completer) begins(ctx context.Context, prefix, begin, delimiter string) ([]string, error) {
	keys, err := c.bucket.Page(ctx, bucket.Listing{Prefix: prefix + begin, Delimiter: delimiter})
	for i, key := range keys {
		keys[i] = strings.TrimPrefix(key, prefix)
	}
	return keys, err
}
