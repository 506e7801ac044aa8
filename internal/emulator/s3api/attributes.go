package s3api

import (
	"encoding/xml"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// encryption is how an object is encrypted at rest; every one is, by S3's own
// key unless configured otherwise (User Guide, "Setting default server-side
// encryption behavior").
type encryption struct {
	algorithm string // AES256 or aws:kms
	key       string
	byDefault bool // the PUT named none
}

// systemHeaders are the headers that a PUT stores and a GET gives back.
var systemHeaders = []string{"Content-Type", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires"}

// attributes reads what a PUT says about an object.
func (q *request) attributes() (attributes, error) {
	a := attributes{system: map[string]string{}, metadata: map[string]string{}, encryption: encryption{algorithm: "AES256", byDefault: true}}
	for _, name := range systemHeaders {
		value := q.Header.Get(name)
		if name == "Content-Encoding" { // aws-chunked is not stored
			value = strings.TrimPrefix(strings.TrimPrefix(value, "aws-chunked"), ",")
		}
		if value != "" {
			a.system[name] = value
		}
	}
	size := 0
	for name, values := range q.Header {
		if rest, ok := strings.CutPrefix(strings.ToLower(name), "x-amz-meta-"); ok {
			a.metadata[rest] = strings.Join(values, ",")
			size += len(rest) + len(a.metadata[rest])
		}
	}
	if size > 2048 { // User Guide, "Working with object metadata"
		return a, refuse(http.StatusBadRequest, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
	}
	switch algorithm := q.Header.Get("x-amz-server-side-encryption"); algorithm {
	case "":
	case "AES256", "aws:kms":
		a.encryption = encryption{algorithm: algorithm, key: q.Header.Get("x-amz-server-side-encryption-aws-kms-key-id")}
	default:
		return a, notImplemented("encryption by " + algorithm)
	}
	if class := q.Header.Get("x-amz-storage-class"); class != "STANDARD" {
		a.storageClass = class
	}
	var err error
	a.tags, err = parseTags(q.Header.Get("x-amz-tagging"))
	return a, err
}

// show writes the attributes into the header of an answer.
func (a attributes) show(header http.Header) {
	for name, value := range a.system {
		header.Set(name, value)
	}
	for name, value := range a.metadata {
		header["x-amz-meta-"+name] = []string{value} // S3 sends these in lower case
	}
	if a.storageClass != "" {
		header.Set("x-amz-storage-class", a.storageClass)
	}
	if len(a.tags) > 0 {
		header.Set("x-amz-tagging-count", itoa(len(a.tags)))
	}
	a.encryption.show(header)
}

func (e encryption) show(header http.Header) {
	header.Set("x-amz-server-side-encryption", e.algorithm)
	if e.key != "" {
		header.Set("x-amz-server-side-encryption-aws-kms-key-id", e.key)
	}
}

// parseTags reads the header that sets tags, a query string. Text that should
// have been escaped there makes the header wrong, not a tag (recorded).
func parseTags(text string) (map[string]string, error) {
	wrong := refuse(http.StatusBadRequest, "InvalidArgument", "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
	for pair := range strings.SplitSeq(text, "&") {
		if _, value, _ := strings.Cut(pair, "="); strings.ContainsAny(value, "=,") {
			return nil, wrong
		}
	}
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, wrong
	}
	tags := make(map[string]string, len(values))
	for key, all := range values {
		if len(all) > 1 {
			return nil, wrong
		}
		tags[key] = all[0]
	}
	return tags, checkTags(tags)
}

// checkTags holds the limits of object tags (User Guide, "Categorizing your
// storage using tags").
func checkTags(tags map[string]string) error {
	if len(tags) > 10 {
		return refuse(http.StatusBadRequest, "BadRequest", "Object tags cannot be greater than 10")
	}
	for key, value := range tags {
		switch {
		case key == "" || utf8.RuneCountInString(key) > 128 || !taggable(key):
			return refuse(http.StatusBadRequest, "InvalidTag", "The TagKey you have provided is invalid")
		case utf8.RuneCountInString(value) > 256 || !taggable(value):
			return refuse(http.StatusBadRequest, "InvalidTag", "The TagValue you have provided is invalid")
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return refuse(http.StatusBadRequest, "InvalidTag", "Your TagKey cannot be prefixed with aws:")
		}
	}
	return nil
}

func taggable(text string) bool {
	for _, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" +-=._:/@", r) {
			return false
		}
	}
	return true
}

const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

type tagging struct {
	XMLName xml.Name `xml:"Tagging"`
	NS      string   `xml:"xmlns,attr,omitempty"`
	Set     []tag    `xml:"TagSet>Tag"`
}

type tag struct{ Key, Value string }

func (s *Store) getObjectTagging(q *request) (*answer, error) {
	b := s.buckets[q.bucket]
	v, err := s.findTagged(b, q)
	if err != nil {
		return nil, err
	}
	a := newAnswer()
	showVersion(a, b, v)
	t := tagging{NS: namespace}
	for _, key := range slices.Sorted(maps.Keys(v.tags)) {
		t.Set = append(t.Set, tag{key, v.tags[key]})
	}
	a.xml = t
	return a, nil
}

func (s *Store) putObjectTagging(q *request) (*answer, error) {
	b := s.buckets[q.bucket]
	v, err := s.findTagged(b, q)
	if err != nil {
		return nil, err
	}
	if !q.digested() {
		return nil, refuse(http.StatusBadRequest, "InvalidRequest", "Missing required header for this request: Content-MD5")
	}
	var t struct {
		XMLName xml.Name                       `xml:"Tagging"`
		Set     []struct{ Key, Value *string } `xml:"TagSet>Tag"`
	}
	if err := xml.Unmarshal(q.body, &t); err != nil {
		return nil, malformed()
	}
	tags := make(map[string]string, len(t.Set))
	for _, tag := range t.Set {
		if tag.Key == nil || tag.Value == nil { // recorded
			return nil, malformed()
		}
		if _, twice := tags[*tag.Key]; twice {
			return nil, refuse(http.StatusBadRequest, "InvalidTag", "Cannot provide multiple Tags with the same key")
		}
		tags[*tag.Key] = *tag.Value
	}
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	v.tags = tags
	a := newAnswer()
	showVersion(a, b, v)
	return a, nil
}

func (s *Store) deleteObjectTagging(q *request) (*answer, error) {
	b := s.buckets[q.bucket]
	v, err := s.findTagged(b, q)
	if err != nil {
		return nil, err
	}
	v.tags = nil
	a := newAnswer()
	a.status = http.StatusNoContent
	showVersion(a, b, v)
	return a, nil
}

func malformed() error {
	return refuse(http.StatusBadRequest, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
}

func showVersion(a *answer, b *bucket, v *version) {
	if id := b.shownVersion(v); id != "" {
		a.header.Set("x-amz-version-id", id)
	}
}
