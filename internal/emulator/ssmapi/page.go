package ssmapi

import (
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"strconv"
)

// token says where the next page of a listing begins.
type token struct {
	key   string // the last name, or version, of the pages before
	empty bool   // the page before was one without entries
}

// seal makes a token that only the same request can use: AWS calls tokens of
// others InvalidNextToken (SDK, InvalidNextToken).
func (t token) seal(op, request string) string {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(op + "\x00" + request))
	blob := binary.BigEndian.AppendUint64(nil, sum.Sum64())
	if t.empty {
		blob = append(blob, 1)
	} else {
		blob = append(blob, 0)
	}
	return base64.StdEncoding.EncodeToString(append(blob, t.key...))
}

func openToken(given *string, op, request string) (token, error) {
	if given == nil {
		return token{}, nil
	}
	blob, err := base64.StdEncoding.DecodeString(*given)
	if err == nil && len(blob) >= 9 {
		t := token{string(blob[9:]), blob[8] == 1}
		if t.seal(op, request) == *given {
			return t, nil
		}
	}
	return token{}, refuse("InvalidNextToken", "The specified token isn't valid.")
}

// pageSize returns how many entries a page may hold: what MaxResults says, at
// most most, and less where the store's options force paging.
func pageSize(given *int, most, forced int) (int, error) {
	if given == nil {
		return min(most, forced), nil
	}
	switch {
	case *given < 1:
		return 0, constraint("'"+strconv.Itoa(*given)+"'", "maxResults", "have value greater than or equal to 1")
	case *given > most:
		return 0, constraint("'"+strconv.Itoa(*given)+"'", "maxResults", "have value less than or equal to "+strconv.Itoa(most))
	}
	return min(*given, forced), nil
}

// span is a range of names: those from from on, and below to.
type span struct{ from, to string }

// all sorts before and after every name.
var all = span{"/", "0"}

func (a span) intersect(b span) span { return span{max(a.from, b.from), min(a.to, b.to)} }

// below is the span of all names that begin with a text.
func below(prefix string) span { return span{prefix, prefix + "\xff"} }

// union is the smallest span around several.
func union(spans []span) span {
	u := spans[0]
	for _, s := range spans[1:] {
		u = span{min(u.from, s.from), max(u.to, s.to)}
	}
	return u
}

// listing is one page of a walk over names in their order.
type listing struct {
	op      string
	request string // what a token must be used with
	span    span
	size    int
	names   func(*Store) *nameList
	lingers bool // deleted parameters are seen too, see [Options.DeletedLinger]
	// take adds a name to the page if it belongs there.
	take func(name string, st *state) (taken bool, err error)
	// afterwards says that pages are filtered after they are made, so that they may
	// be empty and the listing passes over all names.
	afterwards bool
}

// walk fills a page, beginning after the given token, and returns the token of
// the next one, "" after the last. Its cost is that of the entries it reads, not of
// all names.
func (s *Store) walk(l listing, at token) (string, error) {
	if s.opt.EmptyPages && !at.empty && emptyPage(at.key) {
		at.empty = true
		return at.seal(l.op, l.request), nil
	}
	from := max(l.span.from, at.key)
	if from == at.key && at.key != "" {
		from += "\x00" // the first name after it
	}
	taken := 0
	var batch []listed
	for {
		s.mu.RLock()
		batch = l.names(s).page(batch[:0], from, l.span.to, l.size+1)
		s.mu.RUnlock()
		for _, entry := range batch {
			if taken == l.size {
				return token{key: at.key}.seal(l.op, l.request), nil
			}
			at.key = entry.name
			st := s.seen(l.op, entry.name, entry.log)
			if st == nil && l.lingers {
				st = s.lingering(entry.log)
			}
			if st == nil {
				continue
			}
			ok, err := l.take(entry.name, st)
			if err != nil {
				return "", err
			}
			if ok || l.afterwards {
				taken++
			}
		}
		if len(batch) <= l.size {
			return "", nil
		}
		from = at.key + "\x00"
	}
}

// emptyPage chooses the places of a listing with an empty page: its
// beginning, and about every second page.
func emptyPage(key string) bool {
	if key == "" {
		return true
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(key))
	return sum.Sum32()%2 == 0
}

// listable is the list that a read walks: with stale reads a deleted name may
// still be seen.
func listable(s *Store) *nameList {
	if s.opt.StaleBy != nil {
		return &s.ever
	}
	return &s.live
}
