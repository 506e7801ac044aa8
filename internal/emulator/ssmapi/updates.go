package ssmapi

import (
	"strings"
	"time"
)

// TooManyUpdates says how PutParameter of one name is refused with the error of
// that name, HTTP status 400. AWS does so when a parameter is written often or
// by several at once, with an empty message
// (https://github.com/airbnb/streamalert/issues/682), and, for days, when a
// deleted one is created again
// (https://github.com/awslabs/aws-orbit-workbench/issues/1170).
type TooManyUpdates struct {
	// Times is how many requests are refused, For how long they are: whichever
	// ends first. Zero of one is no bound; zero of both is for ever.
	Times int
	For   time.Duration
	// StaleTags is the second kind: only creates are refused, in its words.
	StaleTags bool
}

type refusedUpdates struct {
	left  int
	until time.Time
	stale bool
}

// RefuseUpdates makes PutParameter of a name, given with or without its leading
// slash, be refused from now on. Earlier settings for the name are discarded.
func (s *Store) RefuseUpdates(name string, how TooManyUpdates) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &refusedUpdates{left: how.Times, stale: how.StaleTags}
	if how.Times == 0 {
		r.left = -1
	}
	if how.For > 0 {
		r.until = s.opt.Now().Add(how.For)
	}
	s.refused["/"+strings.TrimPrefix(name, "/")] = r
}

// AllowUpdates takes [Store.RefuseUpdates] back.
func (s *Store) AllowUpdates(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.refused, "/"+strings.TrimPrefix(name, "/"))
}

// tooMany refuses a write of the record if that was asked for. The lock is held.
func (s *Store) tooMany(rec *record) error {
	r := s.refused[rec.name]
	if r == nil || r.stale && rec.current() != nil || r.left == 0 || !r.until.IsZero() && !s.opt.Now().Before(r.until) {
		return nil
	}
	if r.left > 0 {
		r.left--
	}
	if r.stale {
		return refuse("TooManyUpdates", "Failed to create the parameter since stale tags associated to the name detected")
	}
	return refuse("TooManyUpdates", "")
}
