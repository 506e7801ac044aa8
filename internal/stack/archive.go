package stack

import (
	"context"
	"fmt"

	"github.com/ssmbak/ssmbak/archive"
)

// Archive opens the archive of a complete stack. The error is a [*NotFoundError] if the
// stack does not exist, a [*ForeignError] if ssmbak did not create it, a [*LegacyError]
// if the legacy ssmbak did, or a [*StateError] if its creation is incomplete.
func (s *Stack) Archive(ctx context.Context) (*archive.Archive, error) {
	st, err := s.existing(ctx)
	if err != nil {
		return nil, err
	}
	switch kind, err := s.kind(ctx, st); {
	case err != nil:
		return nil, err
	case kind == foreign:
		return nil, &ForeignError{s.o.Name}
	case kind == legacy:
		return nil, &LegacyError{s.o.Name}
	}
	if output(st, OutputLambdaName) == "" {
		return nil, &StateError{s.o.Name, string(st.StackStatus) + " without its functions", fmt.Sprintf("`ssmbak-stack %s create` resumes its creation", s.o.Name)}
	}
	return s.openArchive(ctx, output(st, OutputBucketName))
}

// openArchive opens the archive in a bucket.
func (s *Stack) openArchive(ctx context.Context, bucket string) (*archive.Archive, error) {
	caller, err := s.conn.Caller(ctx)
	if err != nil {
		return nil, err
	}
	return archive.Open(ctx, s.conn.S3(), archive.Options{Bucket: bucket, Account: caller.Account, Region: s.conn.Region(), Logger: s.o.Logger})
}
