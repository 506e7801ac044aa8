package s3api

import (
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// apiError is an answer that refuses a request.
type apiError struct {
	status        int
	code, message string
	header        http.Header // in addition to the usual ones
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func refuse(status int, code, format string, args ...any) error {
	return &apiError{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func notImplemented(what string) error {
	return refuse(http.StatusNotImplemented, "NotImplemented", "%s is not emulated", what)
}

// request is a request as the operations see it.
type request struct {
	*http.Request
	op, bucket, key string
	query           url.Values
	body            []byte
	trailer         http.Header // what an aws-chunked body ended with
}

// answer is what an operation answers: a body to be written as XML, bytes, or
// neither.
type answer struct {
	status int // 200 if zero
	header http.Header
	xml    any
	body   []byte
}

func newAnswer() *answer { return &answer{header: http.Header{}} }

// operation is one operation of the API.
type operation struct {
	do func(*Store, *request) (*answer, error)
	// query and header are the parameters and the x-amz- headers that it knows,
	// in addition to those of every request.
	query, header []string
}

// known is what every request may carry. The signature is not checked.
var (
	knownQuery  = []string{"x-id", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Security-Token"}
	knownHeader = []string{"x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-expected-bucket-owner", "x-amz-user-agent"}
	putHeader   = []string{
		"x-amz-tagging", "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-storage-class",
		"x-amz-sdk-checksum-algorithm", "x-amz-trailer", "x-amz-decoded-content-length", "x-amz-checksum-*", "x-amz-meta-*",
	}
	pageQuery = []string{"prefix", "delimiter", "max-keys", "encoding-type"}
)

var operations = map[string]operation{
	"ListBuckets":                     {do: (*Store).listBuckets, query: []string{"max-buckets", "prefix"}},
	"CreateBucket":                    {do: (*Store).createBucket, header: []string{"x-amz-checksum-*", "x-amz-sdk-checksum-algorithm"}},
	"HeadBucket":                      {do: (*Store).headBucket},
	"DeleteBucket":                    {do: (*Store).deleteBucket},
	"GetBucketLocation":               {do: (*Store).getBucketLocation, query: []string{"location"}},
	"GetBucketVersioning":             {do: (*Store).getBucketVersioning, query: []string{"versioning"}},
	"GetBucketEncryption":             {do: (*Store).getBucketEncryption, query: []string{"encryption"}},
	"GetObjectLockConfiguration":      {do: (*Store).getObjectLockConfiguration, query: []string{"object-lock"}},
	"GetBucketPolicy":                 {do: (*Store).getBucketPolicy, query: []string{"policy"}},
	"GetPublicAccessBlock":            {do: (*Store).getPublicAccessBlock, query: []string{"publicAccessBlock"}},
	"GetBucketReplication":            {do: (*Store).getBucketReplication, query: []string{"replication"}},
	"GetBucketLifecycleConfiguration": {do: (*Store).getBucketLifecycleConfiguration, query: []string{"lifecycle"}},
	"PutBucketVersioning":             {do: (*Store).putBucketVersioning, query: []string{"versioning"}, header: []string{"x-amz-checksum-*", "x-amz-sdk-checksum-algorithm"}},
	"ListObjects":                     {do: (*Store).listObjects, query: append([]string{"marker"}, pageQuery...), header: []string{"x-amz-optional-object-attributes"}},
	"ListObjectsV2":                   {do: (*Store).listObjectsV2, query: append([]string{"list-type", "continuation-token", "start-after", "fetch-owner"}, pageQuery...)},
	"ListObjectVersions":              {do: (*Store).listObjectVersions, query: append([]string{"versions", "key-marker", "version-id-marker"}, pageQuery...)},
	"PutObject":                       {do: (*Store).putObject, header: putHeader},
	"CopyObject": {do: (*Store).copyObject, header: append([]string{
		"x-amz-copy-source", "x-amz-metadata-directive", "x-amz-tagging-directive", "x-amz-checksum-algorithm",
	}, putHeader...)},
	"GetObject":           {do: (*Store).getObject, query: []string{"versionId"}, header: []string{"x-amz-checksum-mode"}},
	"HeadObject":          {do: (*Store).getObject, query: []string{"versionId"}, header: []string{"x-amz-checksum-mode"}},
	"DeleteObject":        {do: (*Store).deleteObject, query: []string{"versionId"}},
	"DeleteObjects":       {do: (*Store).deleteObjects, query: []string{"delete"}, header: []string{"x-amz-checksum-*", "x-amz-sdk-checksum-algorithm", "x-amz-trailer", "x-amz-decoded-content-length"}},
	"GetObjectTagging":    {do: (*Store).getObjectTagging, query: []string{"tagging", "versionId"}},
	"PutObjectTagging":    {do: (*Store).putObjectTagging, query: []string{"tagging", "versionId"}, header: []string{"x-amz-checksum-*", "x-amz-sdk-checksum-algorithm", "x-amz-trailer", "x-amz-decoded-content-length"}},
	"DeleteObjectTagging": {do: (*Store).deleteObjectTagging, query: []string{"tagging", "versionId"}},
}

// Operation returns the operation that a request asks for, such as "PutObject",
// and the bucket and key that it is about, each "" if there is none. A request
// for something that is not emulated has no operation.
func Operation(r *http.Request) (op, bucket, key string) {
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/")
	bucket, key, _ = strings.Cut(path, "/")
	key, err := url.PathUnescape(key)
	if err != nil {
		return "", bucket, ""
	}
	query := r.URL.Query()
	has := func(name string) bool { return query.Has(name) }
	switch {
	case bucket == "":
		return pick(r.Method, "GET", "ListBuckets"), "", ""
	case key == "" && has("versioning"):
		return pick(r.Method, "GET", "GetBucketVersioning", "PUT", "PutBucketVersioning"), bucket, ""
	case key == "" && has("encryption"):
		return pick(r.Method, "GET", "GetBucketEncryption"), bucket, ""
	case key == "" && has("policy"):
		return pick(r.Method, "GET", "GetBucketPolicy"), bucket, ""
	case key == "" && has("publicAccessBlock"):
		return pick(r.Method, "GET", "GetPublicAccessBlock"), bucket, ""
	case key == "" && has("replication"):
		return pick(r.Method, "GET", "GetBucketReplication"), bucket, ""
	case key == "" && has("object-lock"):
		return pick(r.Method, "GET", "GetObjectLockConfiguration"), bucket, ""
	case key == "" && has("lifecycle"):
		return pick(r.Method, "GET", "GetBucketLifecycleConfiguration"), bucket, ""
	case key == "" && has("versions"):
		return pick(r.Method, "GET", "ListObjectVersions"), bucket, ""
	case key == "" && has("location"):
		return pick(r.Method, "GET", "GetBucketLocation"), bucket, ""
	case key == "" && has("delete"):
		return pick(r.Method, "POST", "DeleteObjects"), bucket, ""
	case key == "" && query.Get("list-type") == "2":
		return pick(r.Method, "GET", "ListObjectsV2"), bucket, ""
	case key == "":
		return pick(r.Method, "GET", "ListObjects", "PUT", "CreateBucket", "HEAD", "HeadBucket", "DELETE", "DeleteBucket"), bucket, ""
	case has("tagging"):
		return pick(r.Method, "GET", "GetObjectTagging", "PUT", "PutObjectTagging", "DELETE", "DeleteObjectTagging"), bucket, key
	case r.Method == http.MethodPut && r.Header.Get("x-amz-copy-source") != "":
		return "CopyObject", bucket, key
	}
	return pick(r.Method, "PUT", "PutObject", "GET", "GetObject", "HEAD", "HeadObject", "DELETE", "DeleteObject"), bucket, key
}

func pick(method string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] == method {
			return pairs[i+1]
		}
	}
	return ""
}

// maxBody is the maximum size of a request body. S3 accepts 5 GB; nothing here is
// near this.
const maxBody = 16 << 20

// ServeHTTP serves the operations of the package's comment.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, err := s.serve(r)
	s.mu.Lock()
	header := w.Header()
	header.Set("Server", "AmazonS3")
	header.Set("Date", s.now().UTC().Format(http.TimeFormat))
	header.Set("x-amz-request-id", s.requestID())
	s.mu.Unlock()
	if err != nil {
		refusal := err.(*apiError) // the operations return no other
		maps.Copy(header, refusal.header)
		WriteError(w, r, refusal.status, refusal.code, refusal.message)
		return
	}
	maps.Copy(header, a.header)
	if a.xml != nil {
		body, err := xml.Marshal(a.xml)
		if err != nil {
			WriteError(w, r, http.StatusInternalServerError, "InternalError", "the answer could not be written as XML")
			return
		}
		header.Set("Content-Type", "application/xml")
		a.body = append([]byte(xml.Header), body...)
	}
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.body)
	}
}

// WriteError answers with an error in S3's form; without a body to a HEAD
// (API, "Error responses").
func WriteError(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	if r.Method == http.MethodHead || status == http.StatusNotModified {
		w.WriteHeader(status)
		return
	}
	body, _ := xml.Marshal(struct {
		XMLName                  xml.Name `xml:"Error"`
		Code, Message, RequestID string
	}{Code: code, Message: message, RequestID: w.Header().Get("x-amz-request-id")})
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = w.Write(append([]byte(xml.Header), body...))
}

func (s *Store) serve(r *http.Request) (*answer, error) {
	q := &request{Request: r, query: r.URL.Query()}
	q.op, q.bucket, q.key = Operation(r)
	o, ok := operations[q.op]
	if !ok {
		return nil, notImplemented(r.Method + " " + r.URL.RawQuery)
	}
	if err := o.check(q); err != nil {
		return nil, err
	}
	if err := q.read(); err != nil {
		return nil, err
	}
	if err := q.verify(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.bucket != "" && q.op != "CreateBucket" {
		if s.buckets[q.bucket] == nil {
			return nil, refuse(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
		}
		// User Guide, "Verifying bucket ownership with bucket owner condition".
		if owner := r.Header.Get("x-amz-expected-bucket-owner"); owner != "" && owner != s.account {
			return nil, refuse(http.StatusForbidden, "AccessDenied", "Access Denied")
		}
	}
	if err := s.allowed(q); err != nil {
		return nil, err
	}
	if len(q.key) > 1024 { // User Guide, "Naming Amazon S3 objects"
		return nil, refuse(http.StatusBadRequest, "KeyTooLongError", "Your key is too long")
	}
	return o.do(s, q)
}

// check rejects features that are not emulated, so that tests cannot rely on them.
func (o operation) check(q *request) error {
	for name := range q.query {
		if !slices.Contains(o.query, name) && !slices.Contains(knownQuery, name) {
			return notImplemented("the parameter " + name + " of " + q.op)
		}
	}
	for name := range q.Header {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-amz-") && !listed(o.header, name) && !listed(knownHeader, name) {
			return notImplemented("the header " + name + " of " + q.op)
		}
	}
	if q.Header.Get("Range") != "" {
		return notImplemented("a range")
	}
	return nil
}

func listed(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		prefix, open := strings.CutSuffix(n, "*")
		return n == name || open && strings.HasPrefix(name, prefix)
	})
}

// read reads the body, and takes it out of its chunks.
func (q *request) read() error {
	if q.Body == nil {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(q.Body, maxBody+1))
	if err != nil {
		return refuse(http.StatusBadRequest, "IncompleteBody", "The body could not be read")
	}
	if len(body) > maxBody {
		return refuse(http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
	}
	q.body = body
	if strings.HasPrefix(q.Header.Get("x-amz-content-sha256"), "STREAMING-") {
		q.body, q.trailer, err = unchunk(body, q.Header.Get("x-amz-decoded-content-length"))
	}
	return err
}
