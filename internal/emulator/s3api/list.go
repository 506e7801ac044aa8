package s3api

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// page is what the three listings have in common.
type page struct {
	Name         string
	Prefix       string
	Delimiter    string `xml:",omitempty"`
	MaxKeys      int
	EncodingType string `xml:",omitempty"`
	IsTruncated  bool
	url          bool
	most         int // entries of this page, at most MaxKeys
}

type commonPrefix struct {
	XMLName xml.Name `xml:"CommonPrefixes"`
	Prefix  string
}

func (s *Store) page(q *request) (page, error) {
	p := page{Name: q.bucket, Prefix: q.query.Get("prefix"), Delimiter: q.query.Get("delimiter"), MaxKeys: 1000, EncodingType: q.query.Get("encoding-type")}
	if text := q.query.Get("max-keys"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return p, refuse(http.StatusBadRequest, "InvalidArgument", "Provided max-keys not an integer or within integer range")
		}
		p.MaxKeys = min(n, 1000) // API: "the action returns up to 1,000"
	}
	p.most = p.MaxKeys
	if n := s.pageSize.Load(); n > 0 {
		p.most = min(p.most, int(n))
	}
	switch p.EncodingType {
	case "":
	case "url":
		p.url = true
	default:
		return p, refuse(http.StatusBadRequest, "InvalidArgument", "Invalid Encoding Method specified in Request")
	}
	return p, nil
}

// text encodes a key as the request wants it (API, ListObjectsV2,
// encoding-type).
func (p page) text(key string) string {
	if !p.url {
		return key
	}
	return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(key), "+", "%20"), "%2F", "/")
}

// encoded returns the page with its own texts encoded.
func (p page) encoded() page {
	p.Prefix, p.Delimiter = p.text(p.Prefix), p.text(p.Delimiter)
	return p
}

// group returns the common prefix in which a key disappears, if it does.
func (p page) group(key string) (string, bool) {
	if p.Delimiter == "" {
		return "", false
	}
	rest := key[len(p.Prefix):]
	i := strings.Index(rest, p.Delimiter)
	if i < 0 {
		return "", false
	}
	return p.Prefix + rest[:i+len(p.Delimiter)], true
}

// walk goes through the keys of a page from the first that is not before from
// on. show is called for each, or for each common prefix with a nil object, and
// says whether there was room for it.
func (b *bucket) walk(p page, from string, show func(key string, o *object) bool) (truncated bool) {
	cursor := b.objects.seek(max(from, p.Prefix))
	for o := cursor.object(); o != nil && strings.HasPrefix(o.key, p.Prefix); o = cursor.object() {
		prefix, grouped := p.group(o.key)
		if !grouped {
			if !show(o.key, o) {
				return true
			}
			cursor.next()
			continue
		}
		if !show(prefix, nil) {
			return true
		}
		cursor = b.objects.seek(behind(prefix))
	}
	return false
}

// after is the first key that a listing may show after a marker. Whatever is in
// a common prefix was shown with it, also where the marker is a key in it
// (recorded).
func (p page) after(marker string) string {
	if marker == "" {
		return ""
	}
	if prefix, grouped := p.markerGroup(marker); grouped {
		return behind(prefix)
	}
	return marker + "\x00"
}

func (p page) markerGroup(marker string) (string, bool) {
	if !strings.HasPrefix(marker, p.Prefix) {
		return "", false
	}
	return p.group(marker)
}

type content struct {
	XMLName           xml.Name `xml:"Contents"`
	Key               string
	LastModified      string
	ETag              string
	ChecksumAlgorithm string
	ChecksumType      string
	Size              int
	Owner             *owner `xml:",omitempty"`
	StorageClass      string
}

// listCurrent lists what is current under a bucket's keys: entries and common
// prefixes, and where the next page begins.
func (s *Store) listCurrent(b *bucket, p page, marker string, owned bool) (entries []any, truncated bool, last string) {
	if p.MaxKeys == 0 {
		return nil, false, ""
	}
	truncated = b.walk(p, p.after(marker), func(key string, o *object) bool {
		if o == nil && !b.anyCurrent(key) || o != nil && o.latest().marker {
			return true
		}
		if len(entries) == p.most {
			return false
		}
		last = key
		if o == nil {
			entries = append(entries, commonPrefix{Prefix: p.text(key)})
			return true
		}
		v := o.latest()
		c := content{
			Key: p.text(key), LastModified: stamp(v.modified), ETag: v.etag, Size: len(v.body), StorageClass: "STANDARD",
			ChecksumAlgorithm: strings.ToUpper(v.checksum.algorithm), ChecksumType: "FULL_OBJECT",
		}
		if v.storageClass != "" {
			c.StorageClass = v.storageClass
		}
		if owned {
			c.Owner = &owner{s.ownerID()}
		}
		entries = append(entries, c)
		return true
	})
	return entries, truncated, last
}

// anyCurrent reports whether any key with the prefix has a current object.
func (b *bucket) anyCurrent(prefix string) bool {
	for c := b.objects.seek(prefix); c.object() != nil && strings.HasPrefix(c.object().key, prefix); c.next() {
		if !c.object().latest().marker {
			return true
		}
	}
	return false
}

func (s *Store) listObjectsV2(q *request) (*answer, error) {
	p, err := s.page(q)
	if err != nil {
		return nil, err
	}
	marker := q.query.Get("start-after")
	if prefix, grouped := p.markerGroup(marker); grouped && prefix != marker {
		return nil, notImplemented("start-after inside a common prefix")
	}
	token := q.query.Get("continuation-token")
	if q.query.Has("continuation-token") {
		text, err := base64.StdEncoding.DecodeString(token)
		if err != nil || len(text) == 0 {
			return nil, refuse(http.StatusBadRequest, "InvalidArgument", "The continuation token provided is incorrect")
		}
		marker = string(text)
	}
	entries, truncated, last := s.listCurrent(s.buckets[q.bucket], p, marker, q.query.Get("fetch-owner") == "true")
	p.IsTruncated = truncated
	out := struct {
		XMLName xml.Name `xml:"ListBucketResult"`
		NS      string   `xml:"xmlns,attr"`
		page
		KeyCount              int
		StartAfter            string `xml:",omitempty"`
		ContinuationToken     string `xml:",omitempty"`
		NextContinuationToken string `xml:",omitempty"`
		Each                  []any
	}{NS: namespace, page: p.encoded(), KeyCount: len(entries), StartAfter: p.text(q.query.Get("start-after")), ContinuationToken: token, Each: entries}
	if truncated {
		out.NextContinuationToken = base64.StdEncoding.EncodeToString([]byte(last))
	}
	a := newAnswer()
	a.xml = out
	return a, nil
}

func (s *Store) listObjects(q *request) (*answer, error) {
	p, err := s.page(q)
	if err != nil {
		return nil, err
	}
	entries, truncated, last := s.listCurrent(s.buckets[q.bucket], p, q.query.Get("marker"), true)
	p.IsTruncated = truncated
	out := struct {
		XMLName xml.Name `xml:"ListBucketResult"`
		NS      string   `xml:"xmlns,attr"`
		page
		Marker     string
		NextMarker string `xml:",omitempty"`
		Each       []any
	}{NS: namespace, page: p.encoded(), Marker: p.text(q.query.Get("marker")), Each: entries}
	if truncated && p.Delimiter != "" { // API, ListObjects: only with a delimiter
		out.NextMarker = p.text(last)
	}
	a := newAnswer()
	a.xml = out
	return a, nil
}

// entry is a version or a delete marker in a listing.
type entry struct {
	XMLName      xml.Name
	Key          string
	VersionID    string `xml:"VersionId"`
	IsLatest     bool
	LastModified string
	ETag         string `xml:",omitempty"`
	// API: ObjectVersion.
	ChecksumAlgorithm string `xml:",omitempty"`
	ChecksumType      string `xml:",omitempty"`
	Size              *int   `xml:",omitempty"`
	Owner             owner
	StorageClass      string `xml:",omitempty"`
}

func (s *Store) listObjectVersions(q *request) (*answer, error) {
	p, err := s.page(q)
	if err != nil {
		return nil, err
	}
	keyMarker, idMarker := q.query.Get("key-marker"), q.query.Get("version-id-marker")
	if idMarker != "" && keyMarker == "" { // recorded
		return nil, refuse(http.StatusBadRequest, "InvalidArgument", "A version-id marker cannot be specified without a key marker.")
	}
	b := s.buckets[q.bucket]
	from, skip := p.after(keyMarker), ""
	if idMarker != "" {
		if s.unknown(idMarker) {
			return nil, refuse(http.StatusBadRequest, "InvalidArgument", "Invalid version id specified")
		}
		if _, grouped := p.markerGroup(keyMarker); !grouped {
			from, skip = keyMarker, idMarker
		}
	}
	var entries []any
	var lastKey, lastID string
	truncated := p.MaxKeys > 0 && b.walk(p, from, func(key string, o *object) bool {
		if o == nil {
			if len(entries) == p.most {
				return false
			}
			entries = append(entries, commonPrefix{Prefix: p.text(key)})
			lastKey, lastID = key, ""
			return true
		}
		skipping := skip != "" && key == keyMarker && o.version(skip) != nil
		for i, v := range slices.Backward(o.versions) {
			if skipping {
				skipping = v.id != skip
				continue
			}
			if len(entries) == p.most {
				return false
			}
			entries = append(entries, s.entry(p, key, v, i == len(o.versions)-1))
			lastKey, lastID = key, v.id
		}
		return true
	})
	p.IsTruncated = truncated
	out := struct {
		XMLName xml.Name `xml:"ListVersionsResult"`
		NS      string   `xml:"xmlns,attr"`
		page
		KeyMarker           string
		VersionIDMarker     string `xml:"VersionIdMarker"`
		NextKeyMarker       string `xml:",omitempty"`
		NextVersionIDMarker string `xml:"NextVersionIdMarker,omitempty"`
		Each                []any
	}{NS: namespace, page: p.encoded(), KeyMarker: p.text(keyMarker), VersionIDMarker: idMarker, Each: entries}
	if truncated {
		out.NextKeyMarker, out.NextVersionIDMarker = p.text(lastKey), lastID
	}
	a := newAnswer()
	a.xml = out
	return a, nil
}

func (s *Store) entry(p page, key string, v *version, latest bool) entry {
	e := entry{XMLName: xml.Name{Local: "Version"}, Key: p.text(key), VersionID: v.id, IsLatest: latest, LastModified: stamp(v.modified), Owner: owner{s.ownerID()}}
	if v.marker {
		e.XMLName.Local = "DeleteMarker"
		return e
	}
	size := len(v.body)
	e.ETag, e.Size, e.StorageClass = v.etag, &size, "STANDARD"
	e.ChecksumAlgorithm, e.ChecksumType = strings.ToUpper(v.checksum.algorithm), "FULL_OBJECT"
	return e
}
