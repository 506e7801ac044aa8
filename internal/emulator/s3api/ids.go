package s3api

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
)

// idMint makes the ids of a store. Version ids are "Unicode, UTF-8 encoded,
// URL-ready, opaque strings that are no more than 1,024 bytes long" (User
// Guide, "Version IDs"); S3's have 32 characters. They say nothing about
// their order, so they cannot be sorted, and only ids that were made here
// are accepted: S3 answers 400 InvalidArgument to a well-formed id that it
// never gave out (recorded).
type idMint struct {
	block   cipher.Block
	last    uint64
	foreign map[string]bool // ids of replicas, which another store made
}

// adopt accepts an id that another store made.
func (m *idMint) adopt(id string) {
	if m.foreign == nil {
		m.foreign = map[string]bool{}
	}
	m.foreign[id] = true
}

// versionEncoding maps 24 bytes to 32 characters as S3 uses them.
var versionEncoding = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._")

// What the second half of a plain block says about its use.
const (
	useVersion = 0x76657273696f6e31
	useETag    = 0x65746167206b6d73
)

func newIDMint(seed int64) *idMint {
	key := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(seed)))
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		panic(err) // 16 bytes are always a key
	}
	return &idMint{block: block}
}

// next returns a number above every one before it.
func (m *idMint) next() uint64 {
	m.last++
	return m.last
}

func (m *idMint) seal(n, use uint64) [24]byte {
	var sealed [32]byte
	binary.BigEndian.PutUint64(sealed[:8], n)
	binary.BigEndian.PutUint64(sealed[8:16], use)
	m.block.Encrypt(sealed[:16], sealed[:16])
	m.block.Encrypt(sealed[16:], sealed[:16])
	return [24]byte(sealed[:24])
}

// version returns the version id of the version stored as the n-th.
func (m *idMint) version(n uint64) string {
	sealed := m.seal(n, useVersion)
	return versionEncoding.EncodeToString(sealed[:])
}

// parseVersion returns what version was given, if it was.
func (m *idMint) parseVersion(id string) (n uint64, ok bool) {
	var raw [24]byte
	if len(id) != 32 {
		return 0, false
	}
	if _, err := versionEncoding.Decode(raw[:], []byte(id)); err != nil {
		return 0, false
	}
	var plain [16]byte
	m.block.Decrypt(plain[:], raw[:16])
	n = binary.BigEndian.Uint64(plain[:8])
	return n, n <= m.last && m.seal(n, useVersion) == raw
}

// etag returns an ETag that is no digest of anything and never comes again.
func (m *idMint) etag(n uint64) string {
	sealed := m.seal(n, useETag)
	return `"` + hex.EncodeToString(sealed[:16]) + `"`
}
