package s3api

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// condition checks the conditions of a write (User Guide, "Prevent object
// overwrites with conditional writes"). A delete marker counts as no object.
func (b *bucket) condition(q *request) error {
	match, none := q.Header.Get("If-Match"), q.Header.Get("If-None-Match")
	switch {
	case match != "" && none != "": // recorded
		return notImplemented("If-Match together with If-None-Match")
	case none != "" && none != "*": // recorded
		return notImplemented("If-None-Match with anything but *")
	case match == "*" && q.op != "DeleteObject": // recorded
		return notImplemented("If-Match with *")
	case none == "*" && b.current(q.key) != nil:
		return preconditionFailed()
	}
	return b.ifMatch(q.key, match)
}

// ifMatch checks that the current version of a key has an ETag; "" asks for
// nothing, and * for any.
func (b *bucket) ifMatch(key, etag string) error {
	current := b.current(key)
	switch {
	case etag == "":
		return nil
	case current == nil: // recorded
		return refuse(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
	case etag == "*" || sameETag(etag, current.etag):
		return nil
	}
	return preconditionFailed()
}

func preconditionFailed() error {
	return refuse(http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
}

func sameETag(a, b string) bool { return strings.Trim(a, `"`) == strings.Trim(b, `"`) }

func (s *Store) putObject(q *request) (*answer, error) {
	b := s.buckets[q.bucket]
	if err := b.condition(q); err != nil {
		return nil, err
	}
	attributes, err := q.attributes()
	if err != nil {
		return nil, err
	}
	sum, err := q.sentChecksum()
	if err != nil {
		return nil, err
	}
	if sum.algorithm == "" { // User Guide, "Checking object integrity": S3's own
		sum = checksumOf("crc64nvme", q.body)
	}
	v := &version{body: q.body, modified: s.now(), checksum: sum, attributes: attributes}
	if v.system["Content-Type"] == "" {
		v.system["Content-Type"] = "binary/octet-stream"
	}
	s.keep(b, q.key, v)
	a := newAnswer()
	if b.versioning == versioningEnabled { // while it is suspended the id null is not said: recorded
		showVersion(a, b, v)
	}
	a.header.Set("ETag", v.etag)
	a.header.Set(checksumHeader+sum.algorithm, sum.value)
	a.header.Set(checksumHeader+"type", "FULL_OBJECT")
	v.encryption.show(a.header)
	return a, nil
}

// keep stores a version and gives it its ETag: the MD5 of the body, except
// under a KMS key (API, Object: "whether or not it is depends on how the object
// was created and how it is encrypted").
func (s *Store) keep(b *bucket, key string, v *version) {
	b.store(key, v, s.ids)
	sum := md5.Sum(v.body)
	v.etag = `"` + hex.EncodeToString(sum[:]) + `"`
	if v.encryption.algorithm == "aws:kms" {
		v.etag = s.ids.etag(v.seq)
	}
}

// find returns the version that a request is about: the one that it names, or
// the current one.
func (s *Store) find(b *bucket, q *request) (*version, error) {
	return s.lookUp(b, q.key, q.query.Get("versionId"))
}

// findTagged is find for operations on tags, which refuse a delete marker in
// the same way whether it was named or not (recorded).
func (s *Store) findTagged(b *bucket, q *request) (*version, error) {
	if o := b.objects.get(q.key); !q.query.Has("versionId") && o != nil && o.latest().marker {
		return nil, methodNotAllowed(b, o.latest())
	}
	return s.find(b, q)
}

func methodNotAllowed(b *bucket, marker *version) error {
	return &apiError{http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.", markerHeader(b, marker)}
}

func (s *Store) lookUp(b *bucket, key, id string) (*version, error) {
	o := b.objects.get(key)
	if id != "" {
		if s.unknown(id) {
			return nil, refuse(http.StatusBadRequest, "InvalidArgument", "Invalid version id specified")
		}
		var v *version
		if o != nil {
			v = o.version(id)
		}
		if v == nil {
			return nil, refuse(http.StatusNotFound, "NoSuchVersion", "The specified version does not exist.")
		}
		if v.marker { // User Guide, "Working with delete markers"
			return nil, methodNotAllowed(b, v)
		}
		return v, nil
	}
	if o == nil {
		return nil, refuse(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
	}
	if v := o.latest(); v.marker {
		return nil, &apiError{http.StatusNotFound, "NoSuchKey", "The specified key does not exist.", markerHeader(b, v)}
	}
	return o.latest(), nil
}

// unknown reports whether a version id was never given out.
func (s *Store) unknown(id string) bool {
	if id == "" || id == nullVersion || s.ids.foreign[id] {
		return false
	}
	_, known := s.ids.parseVersion(id)
	return !known
}

func markerHeader(b *bucket, v *version) http.Header {
	h := http.Header{}
	h.Set("x-amz-delete-marker", "true")
	h.Set("x-amz-version-id", b.shownVersion(v))
	return h
}

func (s *Store) getObject(q *request) (*answer, error) {
	b := s.buckets[q.bucket]
	v, err := s.find(b, q)
	if err != nil {
		return nil, err
	}
	if err := v.readable(q.Header, s.now()); err != nil {
		return nil, err
	}
	a := newAnswer()
	showVersion(a, b, v)
	v.attributes.show(a.header)
	switch { // User Guide, "Getting replication status information"
	case v.origin != 0:
		a.header.Set("x-amz-replication-status", "REPLICA")
	case v.replication != "":
		a.header.Set("x-amz-replication-status", v.replication)
	}
	a.header.Set("ETag", v.etag)
	a.header.Set("Last-Modified", v.modified.UTC().Format(http.TimeFormat))
	a.header.Set("Accept-Ranges", "bytes")
	a.header.Set("Content-Length", itoa(len(v.body)))
	if strings.EqualFold(q.Header.Get("x-amz-checksum-mode"), "ENABLED") { // recorded
		a.header.Set(checksumHeader+v.checksum.algorithm, v.checksum.value)
		a.header.Set(checksumHeader+"type", "FULL_OBJECT")
	}
	a.body = v.body
	return a, nil
}

// readable checks the conditions of a read, in the order of RFC 7232, section 6
// (API, GetObject; recorded, as is that a time in the future is no condition).
func (v *version) readable(header http.Header, now time.Time) error {
	changed := v.modified.Truncate(time.Second)
	since := func(name string) (time.Time, bool) {
		t, err := http.ParseTime(header.Get(name))
		return t, err == nil && !t.After(now)
	}
	if match := header.Get("If-Match"); match != "" {
		if match != "*" && !sameETag(match, v.etag) {
			return preconditionFailed()
		}
	} else if t, ok := since("If-Unmodified-Since"); ok && changed.After(t) {
		return preconditionFailed()
	}
	if none := header.Get("If-None-Match"); none != "" {
		if none == "*" || sameETag(none, v.etag) {
			return refuse(http.StatusNotModified, "NotModified", "Not Modified")
		}
	} else if t, ok := since("If-Modified-Since"); ok && !changed.After(t) {
		return refuse(http.StatusNotModified, "NotModified", "Not Modified")
	}
	return nil
}

func (s *Store) deleteObject(q *request) (*answer, error) {
	b := s.buckets[q.bucket]
	if err := b.condition(q); err != nil {
		return nil, err
	}
	a := newAnswer()
	a.status = http.StatusNoContent
	marker, id, err := s.erase(b, q.key, q.query.Get("versionId"))
	if err != nil {
		return nil, err
	}
	if id != "" {
		a.header.Set("x-amz-version-id", id)
	}
	if marker {
		a.header.Set("x-amz-delete-marker", "true")
	}
	return a, nil
}

// erase deletes a version permanently, or, without an ID, writes a delete marker
// over the key of a bucket that has versioning (User Guide, "Deleting object
// versions from a versioning-enabled bucket"). It says whether a marker was
// made or taken away, and its id or that of the version.
func (s *Store) erase(b *bucket, key, id string) (marker bool, shown string, err error) {
	if id != "" {
		if s.unknown(id) {
			return false, "", refuse(http.StatusBadRequest, "InvalidArgument", "Invalid version id specified")
		}
		v := b.remove(key, id)
		return v != nil && v.marker, id, nil
	}
	if b.versioning == "" {
		b.remove(key, nullVersion)
		return false, "", nil
	}
	v := &version{marker: true, modified: s.now()}
	b.store(key, v, s.ids)
	return true, b.shownVersion(v), nil
}

type deletion struct {
	XMLName xml.Name `xml:"Delete"`
	Quiet   bool
	Object  []struct {
		Key, VersionId, ETag   string
		LastModifiedTime, Size *string
	}
}

type deleted struct {
	XMLName               xml.Name `xml:"Deleted"`
	Key                   string
	VersionID             string `xml:"VersionId,omitempty"`
	DeleteMarker          bool   `xml:",omitempty"`
	DeleteMarkerVersionID string `xml:"DeleteMarkerVersionId,omitempty"`
}

type notDeleted struct {
	XMLName   xml.Name `xml:"Error"`
	Key       string
	VersionID string `xml:"VersionId,omitempty"`
	Code      string
	Message   string
}

func (s *Store) deleteObjects(q *request) (*answer, error) {
	if !q.digested() { // API, DeleteObjects
		return nil, refuse(http.StatusBadRequest, "InvalidRequest", "Missing required header for this request: Content-MD5")
	}
	var d deletion
	if err := xml.Unmarshal(q.body, &d); err != nil || len(d.Object) == 0 || len(d.Object) > 1000 {
		return nil, malformed()
	}
	var out struct {
		XMLName xml.Name `xml:"DeleteResult"`
		NS      string   `xml:"xmlns,attr"`
		Each    []any
	}
	out.NS = namespace
	b := s.buckets[q.bucket]
	for _, o := range d.Object {
		if o.LastModifiedTime != nil || o.Size != nil { // API: for directory buckets only
			return nil, notImplemented("the deletion of an object by its time or size")
		}
	}
	for _, o := range d.Object {
		marker, id, err := false, "", b.ifMatch(o.Key, o.ETag)
		if err == nil && s.unknown(o.VersionId) {
			// Another answer than DeleteObject's: recorded.
			err = refuse(http.StatusNotFound, "NoSuchVersion", "The specified version does not exist.")
		}
		if err == nil {
			marker, id, err = s.erase(b, o.Key, o.VersionId)
		}
		switch {
		case err != nil:
			refusal := err.(*apiError) // there is no other
			out.Each = append(out.Each, notDeleted{Key: o.Key, VersionID: o.VersionId, Code: refusal.code, Message: refusal.message})
		case d.Quiet:
		case marker:
			out.Each = append(out.Each, deleted{Key: o.Key, VersionID: o.VersionId, DeleteMarker: true, DeleteMarkerVersionID: id})
		default:
			out.Each = append(out.Each, deleted{Key: o.Key, VersionID: o.VersionId})
		}
	}
	a := newAnswer()
	a.xml = out
	return a, nil
}

func (s *Store) copyObject(q *request) (*answer, error) {
	b := s.buckets[q.bucket]
	if err := b.condition(q); err != nil {
		return nil, err
	}
	source, err := url.PathUnescape(strings.TrimPrefix(q.Header.Get("x-amz-copy-source"), "/"))
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
	}
	source, id, _ := strings.Cut(source, "?versionId=")
	name, key, _ := strings.Cut(source, "/")
	from := s.buckets[name]
	if from == nil {
		return nil, refuse(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
	}
	old, err := s.lookUp(from, key, id)
	if refusal, ok := err.(*apiError); ok && refusal.code == "MethodNotAllowed" { // recorded
		return nil, refuse(http.StatusBadRequest, "InvalidRequest", "The source of a copy request may not specifically refer to a delete marker by version id.")
	}
	if err != nil {
		return nil, err
	}
	given, err := q.attributes()
	if err != nil {
		return nil, err
	}
	v := &version{body: old.body, modified: s.now(), checksum: old.checksum, attributes: given}
	if algorithm := q.Header.Get("x-amz-checksum-algorithm"); algorithm != "" {
		if checksums[strings.ToLower(algorithm)] == nil {
			return nil, refuse(http.StatusBadRequest, "InvalidRequest", "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
		}
		v.checksum = checksumOf(strings.ToLower(algorithm), v.body)
	}
	switch q.Header.Get("x-amz-metadata-directive") {
	case "REPLACE":
	case "", "COPY":
		if from == b && key == q.key && id == "" { // API, CopyObject
			return nil, refuse(http.StatusBadRequest, "InvalidRequest", "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
		}
		v.system, v.metadata = maps.Clone(old.system), maps.Clone(old.metadata)
	default:
		return nil, refuse(http.StatusBadRequest, "InvalidArgument", "Unknown metadata directive.")
	}
	if d := q.Header.Get("x-amz-tagging-directive"); d == "" || d == "COPY" {
		v.tags = maps.Clone(old.tags)
	}
	s.keep(b, q.key, v)
	a := newAnswer()
	showVersion(a, b, v)
	if shown := from.shownVersion(old); shown != "" && shown != nullVersion { // recorded
		a.header.Set("x-amz-copy-source-version-id", shown)
	}
	v.encryption.show(a.header)
	a.xml = copied{NS: namespace, LastModified: stamp(v.modified), ETag: v.etag, Checksum: v.checksum, ChecksumType: "FULL_OBJECT"}
	return a, nil
}

type copied struct {
	XMLName            xml.Name `xml:"CopyObjectResult"`
	NS                 string   `xml:"xmlns,attr"`
	LastModified, ETag string
	Checksum           checksum
	ChecksumType       string
}

// stamp formats a time for listings: in seconds, the precision of S3.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z")[:19] + ".000Z" }
