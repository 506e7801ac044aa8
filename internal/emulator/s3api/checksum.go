package s3api

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/xml"
	"hash/crc32"
	"hash/crc64"
	"net/http"
	"strconv"
	"strings"
)

// checksum is the checksum that is kept of an object (User Guide, "Checking
// object integrity for data uploads in Amazon S3").
type checksum struct {
	algorithm string // as in the header's name, such as "sha256"
	value     string // base64
}

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	nvme       = crc64.MakeTable(0x9a6c9329ac4bc9b5)
)

// checksums are the algorithms that S3 knows.
var checksums = map[string]func([]byte) []byte{
	"sha256": func(b []byte) []byte { s := sha256.Sum256(b); return s[:] },
	"sha1":   func(b []byte) []byte { s := sha1.Sum(b); return s[:] },
	"crc32":  func(b []byte) []byte { return binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)) },
	"crc32c": func(b []byte) []byte { return binary.BigEndian.AppendUint32(nil, crc32.Checksum(b, castagnoli)) },
	"crc64nvme": func(b []byte) []byte {
		return binary.BigEndian.AppendUint64(nil, crc64.Checksum(b, nvme))
	},
}

// MarshalXML names the element after the algorithm, as in ChecksumSHA256.
func (c checksum) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	return e.EncodeElement(c.value, xml.StartElement{Name: xml.Name{Local: "Checksum" + strings.ToUpper(c.algorithm)}})
}

const checksumHeader = "x-amz-checksum-"

func checksumOf(algorithm string, body []byte) checksum {
	return checksum{algorithm, base64.StdEncoding.EncodeToString(checksums[algorithm](body))}
}

// sentChecksum returns the checksum that a request carries, in a header or
// behind the body; the zero value means none.
func (q *request) sentChecksum() (checksum, error) {
	var sent checksum
	for _, header := range []http.Header{q.Header, q.trailer} {
		for algorithm := range checksums {
			value := header.Get(checksumHeader + algorithm)
			if value == "" {
				continue
			}
			if sent.algorithm != "" {
				return checksum{}, refuse(http.StatusBadRequest, "InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
			}
			sent = checksum{algorithm, value}
		}
	}
	if promised := q.Header.Get("x-amz-trailer"); promised != "" && q.trailer.Get(promised) == "" {
		return checksum{}, refuse(http.StatusBadRequest, "MalformedTrailerError", "The request contained trailing data that was not well-formed")
	}
	return sent, nil
}

// verify compares the body with every digest that came with it (API, PutObject:
// "if the checksum ... doesn't match ... BadDigest").
func (q *request) verify() error {
	if text := q.Header.Get("Content-MD5"); text != "" {
		given, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(given) != md5.Size {
			return refuse(http.StatusBadRequest, "InvalidDigest", "The Content-MD5 you specified was invalid.")
		}
		if sum := md5.Sum(q.body); !bytes.Equal(sum[:], given) {
			return refuse(http.StatusBadRequest, "BadDigest", "The Content-MD5 you specified did not match what we received.")
		}
	}
	if text := q.Header.Get("x-amz-content-sha256"); len(text) == 2*sha256.Size {
		if sum := sha256.Sum256(q.body); hex.EncodeToString(sum[:]) != text {
			return refuse(http.StatusBadRequest, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
		}
	}
	sent, err := q.sentChecksum()
	if err != nil || sent.algorithm == "" {
		return err
	}
	if sent != checksumOf(sent.algorithm, q.body) {
		return refuse(http.StatusBadRequest, "BadDigest", "The %s you specified did not match the calculated checksum.", strings.ToUpper(sent.algorithm))
	}
	return nil
}

// digested reports whether a request carries any digest of its body.
func (q *request) digested() bool {
	sent, err := q.sentChecksum()
	return q.Header.Get("Content-MD5") != "" || err == nil && sent.algorithm != ""
}

// unchunk takes a body out of the chunks in which the SDKs send one that is
// signed, or digested, while it is sent (API, "Signature Calculations for the
// Authorization Header: Transferring Payload in Multiple Chunks"). Signatures
// are not checked.
func unchunk(raw []byte, length string) (body []byte, trailer http.Header, err error) {
	broken := refuse(http.StatusBadRequest, "IncompleteBody", "The request body terminated unexpectedly")
	for {
		line, rest, ok := bytes.Cut(raw, []byte("\r\n"))
		if !ok {
			return nil, nil, broken
		}
		text, _, _ := strings.Cut(string(line), ";")
		size, err := strconv.ParseUint(text, 16, 32)
		if err != nil {
			return nil, nil, broken
		}
		raw = rest
		if size == 0 {
			break
		}
		if uint64(len(raw)) < size+2 || string(raw[size:size+2]) != "\r\n" {
			return nil, nil, broken
		}
		body = append(body, raw[:size]...)
		raw = raw[size+2:]
	}
	trailer = http.Header{}
	for len(raw) > 0 {
		line, rest, _ := bytes.Cut(raw, []byte("\r\n"))
		raw = rest
		if name, value, ok := strings.Cut(string(line), ":"); ok {
			trailer.Set(strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
	if length != strconv.Itoa(len(body)) {
		return nil, nil, broken
	}
	return body, trailer, nil
}
