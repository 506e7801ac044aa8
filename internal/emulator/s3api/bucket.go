package s3api

import (
	"encoding/xml"
	"maps"
	"net/http"
	"slices"
	"strings"
)

type owner struct{ ID string }

func (s *Store) listBuckets(*request) (*answer, error) {
	type entry struct{ Name, CreationDate string }
	var out struct {
		XMLName xml.Name `xml:"ListAllMyBucketsResult"`
		NS      string   `xml:"xmlns,attr"`
		Owner   owner
		Buckets []entry `xml:"Buckets>Bucket"`
	}
	out.NS, out.Owner = namespace, owner{s.ownerID()}
	for _, name := range slices.Sorted(maps.Keys(s.buckets)) {
		out.Buckets = append(out.Buckets, entry{name, stamp(s.buckets[name].created)})
	}
	a := newAnswer()
	a.xml = out
	return a, nil
}

func (s *Store) createBucket(q *request) (*answer, error) {
	if !bucketName(q.bucket) {
		return nil, refuse(http.StatusBadRequest, "InvalidBucketName", "The specified bucket is not valid.")
	}
	var in struct {
		LocationConstraint string
	}
	if len(q.body) > 0 {
		if err := xml.Unmarshal(q.body, &in); err != nil {
			return nil, malformed()
		}
	}
	// API, CreateBucket: us-east-1 has no name here, every other region must be
	// named.
	if want := in.LocationConstraint; want != s.region && (want != "" || s.region != "us-east-1") || want == "us-east-1" {
		return nil, refuse(http.StatusBadRequest, "IllegalLocationConstraintException", "The %s location constraint is incompatible for the region specific endpoint this request was sent to.", want)
	}
	if s.buckets[q.bucket] != nil && s.region != "us-east-1" {
		return nil, refuse(http.StatusConflict, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.")
	}
	if s.buckets[q.bucket] == nil {
		s.buckets[q.bucket] = &bucket{name: q.bucket, created: s.now().UTC()}
	}
	a := newAnswer()
	a.header.Set("Location", "/"+q.bucket)
	return a, nil
}

// bucketName holds the rules of the User Guide, "Bucket naming rules", as far
// as characters and length go.
func bucketName(name string) bool {
	if len(name) < 3 || len(name) > 63 || strings.Contains(name, "..") {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return !strings.ContainsAny(name[:1]+name[len(name)-1:], "-.")
}

func (s *Store) headBucket(*request) (*answer, error) {
	a := newAnswer()
	a.header.Set("x-amz-bucket-region", s.region)
	return a, nil
}

func (s *Store) deleteBucket(q *request) (*answer, error) {
	if !s.buckets[q.bucket].objects.empty() {
		return nil, refuse(http.StatusConflict, "BucketNotEmpty", "The bucket you tried to delete is not empty. You must delete all versions in the bucket.")
	}
	delete(s.buckets, q.bucket)
	a := newAnswer()
	a.status = http.StatusNoContent
	return a, nil
}

func (s *Store) getBucketLocation(*request) (*answer, error) {
	region := s.region
	if region == "us-east-1" { // API, GetBucketLocation
		region = ""
	}
	a := newAnswer()
	a.xml = struct {
		XMLName xml.Name `xml:"LocationConstraint"`
		NS      string   `xml:"xmlns,attr"`
		Region  string   `xml:",chardata"`
	}{NS: namespace, Region: region}
	return a, nil
}

type versioning struct {
	XMLName xml.Name `xml:"VersioningConfiguration"`
	NS      string   `xml:"xmlns,attr,omitempty"`
	Status  string   `xml:",omitempty"`
}

func (s *Store) getBucketVersioning(q *request) (*answer, error) {
	a := newAnswer()
	a.xml = versioning{NS: namespace, Status: s.buckets[q.bucket].versioning}
	return a, nil
}

func (s *Store) putBucketVersioning(q *request) (*answer, error) {
	var v versioning
	if err := xml.Unmarshal(q.body, &v); err != nil {
		return nil, malformed()
	}
	if v.Status != "" && v.Status != versioningEnabled && v.Status != versioningSuspended { // recorded
		return nil, malformed()
	}
	if v.Status == "" {
		return nil, refuse(http.StatusBadRequest, "IllegalVersioningConfigurationException", "The Versioning element must be specified")
	}
	s.buckets[q.bucket].versioning = v.Status
	return newAnswer(), nil
}
