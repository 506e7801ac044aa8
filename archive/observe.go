package archive

import (
	"context"

	"github.com/ssmbak/ssmbak"
)

type observerKey struct{}

// WithObserver returns a context in which the methods of [Archive] that read the parameters
// of a target call read after each of them, concurrently, also if it could not be read.
func WithObserver(ctx context.Context, read func(ssmbak.Name)) context.Context {
	return context.WithValue(ctx, observerKey{}, read)
}

// observe reports a parameter as read.
func observe(ctx context.Context, name ssmbak.Name) {
	if read, ok := ctx.Value(observerKey{}).(func(ssmbak.Name)); ok {
		read(name)
	}
}
