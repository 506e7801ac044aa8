package archive

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// Proof is what was once found out about a parameter whose index has this ETag:
// it holds for as long as a listing shows the same again, so that nobody needs
// to read the index, or ask Parameter Store for more than a listing.
type Proof struct {
	// Newest is the version that is live by the index; zero if there is none.
	Newest timeline.Ref `json:"newest,omitzero"`
	// ETag is that of the index.
	ETag string `json:"etag"`
	// Top is when S3 got the current value object, which is that of Newest; zero
	// if a delete marker lies on the key, or nothing.
	Top time.Time `json:"top,omitzero"`
	// Tags stands for the tags that are recorded, "" for none.
	Tags string `json:"tags,omitempty"`
}

// Proofs are the proofs of many parameters. They are a cache: what is not there
// is found out again.
type Proofs struct {
	Of   map[ssmbak.Name]Proof
	etag string
}

// cacheFormat is the format of the cache. One of another format is made again.
const cacheFormat = 1

// proofHead is the first line of the object; one line for each proof follows.
type proofHead struct {
	Format int    `json:"format"`
	Writer string `json:"writer"`
}

type proofLine struct {
	Name ssmbak.Name `json:"name"`
	Proof
}

// Proofs reads what was proved. What cannot be read is no proof of anything:
// then there are none.
func (a *Archive) Proofs(ctx context.Context) (Proofs, error) {
	none := Proofs{Of: make(map[ssmbak.Name]Proof)}
	found, err := a.get(ctx, provedKey, "")
	switch {
	case isNotFound(err):
		return none, nil
	case err != nil && !isChecksum(err):
		return none, fmt.Errorf("read %s of bucket %s: %w", provedKey, a.o.Bucket, err)
	}
	none.etag = found.etag
	if err != nil {
		return none, nil
	}
	all, err := decodeProofs(found.body)
	if err != nil {
		a.o.Logger.WarnContext(ctx, "what was proved is proved again", "key", provedKey, "error", err.Error())
		return none, nil
	}
	return Proofs{Of: all, etag: found.etag}, nil
}

func decodeProofs(body []byte) (map[ssmbak.Name]Proof, error) {
	zip, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("unpack it: %w", err)
	}
	lines := json.NewDecoder(zip)
	var head proofHead
	if err := lines.Decode(&head); err != nil {
		return nil, fmt.Errorf("read its first line: %w", err)
	}
	if head.Format != cacheFormat {
		return nil, fmt.Errorf("it has format %d", head.Format)
	}
	all := make(map[ssmbak.Name]Proof)
	for {
		var line proofLine
		if err := lines.Decode(&line); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("read one of its lines: %w", err)
		}
		all[line.Name] = line.Proof
	}
}

func (a *Archive) encodeProofs(all map[ssmbak.Name]Proof) ([]byte, error) {
	var buf bytes.Buffer
	zip := zips.Get().(*gzip.Writer)
	defer zips.Put(zip)
	zip.Reset(&buf)
	out := bufio.NewWriter(zip)
	lines := json.NewEncoder(out)
	if err := lines.Encode(proofHead{Format: cacheFormat, Writer: a.writer}); err != nil {
		return nil, fmt.Errorf("encode %s: %w", provedKey, err)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if err := lines.Encode(proofLine{name, all[name]}); err != nil {
			return nil, fmt.Errorf("encode %s: %w", provedKey, err)
		}
	}
	if err := out.Flush(); err != nil {
		return nil, fmt.Errorf("compress %s: %w", provedKey, err)
	}
	if err := zip.Close(); err != nil {
		return nil, fmt.Errorf("compress %s: %w", provedKey, err)
	}
	return buf.Bytes(), nil
}

// SaveProofs replaces what was proved by compare-and-swap and returns what
// stands there now. Where another writer was faster, its proofs are kept for the
// names for which p has none: each holds by its own ETag.
func (a *Archive) SaveProofs(ctx context.Context, p Proofs) (Proofs, error) {
	for range maxSwaps {
		body, err := a.encodeProofs(p.Of)
		if err != nil {
			return p, err
		}
		s, err := a.put(ctx, put{key: provedKey, body: body, contentType: "application/gzip", absent: p.etag == "", match: p.etag})
		if err == nil {
			p.etag = s.etag
			return p, nil
		}
		if !isConflict(err) && !isNotFound(err) {
			return p, fmt.Errorf("write %s: %w", provedKey, err)
		}
		other, err := a.Proofs(ctx)
		if err != nil {
			return p, err
		}
		for name, proof := range other.Of {
			if _, ok := p.Of[name]; !ok {
				p.Of[name] = proof
			}
		}
		p.etag = other.etag
	}
	return p, fmt.Errorf("write %s: %d other writers were faster, try again", provedKey, maxSwaps)
}

// ETag returns what stands for the content of the index, "" if it is not known.
func (x Index) ETag() string { return x.etag }
