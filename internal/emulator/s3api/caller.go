package s3api

import (
	"context"
	"net/http"
	"slices"
)

type callerKey struct{}

// WithCaller returns the context of a request by a principal of an account. Without it, a
// request comes from the account of the store.
func WithCaller(ctx context.Context, account string) context.Context {
	return context.WithValue(ctx, callerKey{}, account)
}

// shared are the operations that a bucket's policy may allow another account: those that
// read.
var shared = []string{
	"HeadBucket", "GetBucketLocation", "GetBucketVersioning", "ListObjects", "ListObjectsV2", "ListObjectVersions", "GetObject", "HeadObject", "GetObjectTagging",
}

// allowed returns an error for a request of another account, unless the policy of the
// bucket allows it: User Guide, "Bucket owner granting cross-account bucket permissions".
func (s *Store) allowed(q *request) error {
	caller, ok := q.Context().Value(callerKey{}).(string)
	if !ok || caller == s.account {
		return nil
	}
	if b := s.buckets[q.bucket]; b != nil && slices.Contains(b.settings.Readers, caller) && slices.Contains(shared, q.op) {
		return nil
	}
	return refuse(http.StatusForbidden, "AccessDenied", "Access Denied")
}
