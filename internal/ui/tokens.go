package ui

import (
	"cmp"
	"crypto/rand"
	"slices"
	"sync"
)

// mostTokens is the number of newest tokens that are valid, if no other is set.
const mostTokens = 2000

// tokens are random texts, each of which allows one action once. The zero value is ready to
// use, by many goroutines.
type tokens[T any] struct {
	most int // the number of newest tokens that are valid, mostTokens if zero

	mu     sync.Mutex
	all    map[string]T
	issued []string // oldest first
}

// issue returns a new token for an action.
func (t *tokens[T]) issue(action T) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all = make(map[string]T)
	}
	token := rand.Text()
	t.all[token] = action
	if t.issued = append(t.issued, token); len(t.issued) > cmp.Or(t.most, mostTokens) {
		delete(t.all, t.issued[0])
		t.issued = t.issued[1:]
	}
	return token
}

// take returns the action of a token, which is not valid afterwards.
func (t *tokens[T]) take(token string) (action T, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if action, ok = t.all[token]; ok {
		delete(t.all, token)
		i := slices.Index(t.issued, token)
		t.issued = slices.Delete(t.issued, i, i+1)
	}
	return action, ok
}
