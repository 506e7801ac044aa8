package s3api

import (
	"slices"
	"strings"
)

// keyIndex holds objects in the order of their keys' bytes, which is the
// order of every listing (API, ListObjectsV2: "sorted in ascending order of
// the respective key names based on ... UTF-8"). It is a sorted list cut into
// chunks, so that an insert moves one chunk and a page costs what it shows.
type keyIndex struct {
	chunks [][]*object // never empty
}

const chunkSize = 512

// locate returns where a key is, or where it belongs. The chunk may be the
// one before the place if the key belongs at its end.
func (x *keyIndex) locate(key string) (chunk, at int, found bool) {
	if len(x.chunks) == 0 {
		return 0, 0, false
	}
	chunk, found = slices.BinarySearchFunc(x.chunks, key, func(c []*object, key string) int {
		return strings.Compare(c[0].key, key)
	})
	if found {
		return chunk, 0, true
	}
	chunk = max(chunk-1, 0)
	at, found = slices.BinarySearchFunc(x.chunks[chunk], key, func(o *object, key string) int {
		return strings.Compare(o.key, key)
	})
	return chunk, at, found
}

func (x *keyIndex) get(key string) *object {
	chunk, at, found := x.locate(key)
	if !found {
		return nil
	}
	return x.chunks[chunk][at]
}

// insert adds an object whose key is not there yet.
func (x *keyIndex) insert(o *object) {
	if len(x.chunks) == 0 {
		x.chunks = [][]*object{{o}}
		return
	}
	chunk, at, _ := x.locate(o.key)
	full := slices.Insert(x.chunks[chunk], at, o)
	x.chunks[chunk] = full
	if len(full) > chunkSize {
		half := slices.Clone(full[len(full)/2:])
		x.chunks[chunk] = full[:len(full)/2]
		x.chunks = slices.Insert(x.chunks, chunk+1, half)
	}
}

func (x *keyIndex) remove(key string) {
	chunk, at, found := x.locate(key)
	if !found {
		return
	}
	x.chunks[chunk] = slices.Delete(x.chunks[chunk], at, at+1)
	if len(x.chunks[chunk]) == 0 {
		x.chunks = slices.Delete(x.chunks, chunk, chunk+1)
	}
}

func (x *keyIndex) empty() bool { return len(x.chunks) == 0 }

// cursor walks an index. It is good until the index changes.
type cursor struct {
	index     *keyIndex
	chunk, at int
}

// seek returns a cursor at the first key that is not before key.
func (x *keyIndex) seek(key string) cursor {
	chunk, at, _ := x.locate(key)
	return cursor{x, chunk, at}.settled()
}

// object returns the object under the cursor, nil behind the last.
func (c *cursor) object() *object {
	if c.chunk >= len(c.index.chunks) {
		return nil
	}
	return c.index.chunks[c.chunk][c.at]
}

func (c *cursor) next() {
	c.at++
	*c = c.settled()
}

func (c cursor) settled() cursor {
	if c.chunk < len(c.index.chunks) && c.at >= len(c.index.chunks[c.chunk]) {
		c.chunk, c.at = c.chunk+1, 0
	}
	return c
}

// behind returns the first text that is after everything that begins with
// prefix. Keys are UTF-8, so its last byte is never 255.
func behind(prefix string) string {
	return prefix[:len(prefix)-1] + string([]byte{prefix[len(prefix)-1] + 1})
}
