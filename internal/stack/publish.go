package stack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/stack/code"
)

// Published is the code of the functions and the template in a bucket, from which stacks
// of any account that may read it are created in one step.
type Published struct {
	Version, Region, Bucket string
	// TemplateURL is that of the object version with the template.
	TemplateURL string `json:"TemplateUrl"`
	Zips        []PublishedZip
}

// PublishedZip is the zip for one architecture. Key contains SHA256, in hexadecimal, and
// is never written with other contents.
type PublishedZip struct {
	Architecture, Key, ObjectVersion string
	SHA256                           string `json:"Sha256"`
}

// anyBucket leaves the encryption to the default of a bucket that is no archive.
var anyBucket = archive.Encryption{Indexes: archive.HeaderNone}

// Publish puts the zips for all architectures, and the template, into a bucket in the
// region of the connection, below a prefix of keys that is empty or ends with a slash.
// Objects that exist are compared, and written again only if they differ. The error is a
// [*BucketError] if the bucket is not versioned.
func (s *Stack) Publish(ctx context.Context, bucket, prefix string) (Published, error) {
	out := Published{Version: s.o.Version, Region: s.conn.Region(), Bucket: bucket}
	for _, architecture := range code.Architectures {
		zip, err := s.o.Code(ctx, architecture)
		if err != nil {
			return Published{}, err
		}
		functions, err := contentOf(zip)
		if err != nil {
			return Published{}, err
		}
		key, version, err := s.upload(ctx, bucket, prefix, functions, anyBucket, false)
		if err != nil {
			return Published{}, err
		}
		out.Zips = append(out.Zips, PublishedZip{architecture, key, version, zip.SHA256})
	}
	var err error
	out.TemplateURL, err = s.stageTemplate(ctx, bucket, prefix, anyBucket)
	return out, err
}

// published reports whether the functions' code is not in the archive's bucket.
func (p parameters) published() bool {
	return p[parameterCodeBucket] != "" || p[parameterCodePrefix] != ""
}

// checkUploaded returns a [*SettingError] if the user has named a published zip without its
// bucket.
func (p parameters) checkUploaded(named parameters) error {
	for _, name := range []string{parameterCodeKey, parameterCodeVersion} {
		if named[name] != "" && !p.published() {
			return &SettingError{"code-bucket", "", "is required with --code-key and --code-version"}
		}
	}
	return nil
}

// digest returns the SHA-256 of the functions' zip, in hexadecimal.
func (p parameters) digest() string {
	if p[parameterCodeSHA256] != "" {
		return p[parameterCodeSHA256]
	}
	return strings.TrimSuffix(path.Base(p[parameterCodeKey]), ".zip")
}

// published returns the URL of the template next to the published code of the functions.
// It completes and checks the parameters that say where the code is, and compares the code,
// before anything is changed. named are those that the user has given.
func (s *Stack) published(ctx context.Context, p, named parameters) (template string, err error) {
	bucket, flag := s.codeBucket(p), "--code-bucket"
	if p[parameterCodePrefix] != "" {
		flag = "--code-bucket-prefix"
	}
	if s.o.CodeFile != "" {
		return "", &SettingError{"code", s.o.CodeFile, fmt.Sprintf("the functions' code comes from bucket %s: add %s '' to upload this zip to the archive's bucket", bucket, flag)}
	}
	if named[parameterCodeKey] != "" { // the others were those of the previous zip
		p[parameterCodeVersion], p[parameterCodeSHA256] = named[parameterCodeVersion], named[parameterCodeSHA256]
	}
	switch {
	case p[parameterCodeKey] == "":
		return "", &SettingError{"code-key", "", "is required with --code-bucket: `ssmbak-stack publish` prints it"}
	case p[parameterCodeVersion] == "" && p[parameterCodeBucket] != "":
		return "", &SettingError{"code-version", "", "is required with --code-bucket: `ssmbak-stack publish` prints it"}
	case !digest().MatchString(p.digest()) || p.digest() == "":
		return "", &SettingError{"code-sha256", "", "is required, since --code-key does not end with it: `ssmbak-stack publish` prints it"}
	case named[parameterCodeKey] == "" && p[parameterVersion] != s.o.Version:
		return "", &SettingError{"code-key", "", fmt.Sprintf("is required: the functions are those of ssmbak %s in bucket %s; `ssmbak-stack publish` publishes those of %s, and prints it", p[parameterVersion], bucket, s.o.Version)}
	}
	p[parameterVersion], p[parameterCodeSHA256] = s.o.Version, strings.ToLower(p.digest())
	c := templateContent()
	prefix := strings.TrimSuffix(p[parameterCodeKey], path.Base(p[parameterCodeKey]))
	u := s.newUpload(bucket, "", prefix, c, anyBucket)
	u.note = func(string) {} // it is not uploaded again
	version, err := u.stored(ctx)
	switch {
	case isAPIError(err, "NoSuchBucket", ""):
		return "", &BucketError{bucket, "does not exist"}
	case status(err) == http.StatusMovedPermanently:
		return "", &BucketError{bucket, "is not in " + s.conn.Region()}
	case status(err) == http.StatusNotFound || err == nil && version == "":
		return "", &UnpublishedError{bucket, *u.in.Key, s.o.Version}
	case err != nil:
		return "", err
	}
	checked, err := s.checkZip(ctx, p)
	if err != nil {
		return "", err
	}
	if !checked {
		s.o.Note(fmt.Sprintf("you may not read %s in bucket %s, so its SHA-256 is compared once the functions run it", p[parameterCodeKey], bucket))
	}
	return s.url(ctx, bucket, *u.in.Key, version)
}

// checkZip checks that the published zip has the SHA-256 and the architecture of the
// parameters. A caller who may not read it gets checked false and no error, since
// CloudFormation may read it with another role. The error is a [*ZipError], or a
// [*SettingError] for the architecture.
func (s *Stack) checkZip(ctx context.Context, p parameters) (checked bool, err error) {
	zip := ZipError{s.codeBucket(p), p[parameterCodeKey], p[parameterCodeVersion], "", p.digest()}
	in := &s3.GetObjectInput{Bucket: &zip.Bucket, Key: &zip.Key}
	if zip.Version != "" {
		in.VersionId = &zip.Version
	}
	out, err := s.conn.S3().GetObject(ctx, in)
	switch code := status(err); {
	case code == http.StatusForbidden:
		return false, nil
	case code == http.StatusNotFound, isAPIError(err, "InvalidArgument", ""): // the version ID is impossible
		return false, &zip
	case err != nil:
		return false, fmt.Errorf("read %s in bucket %s: %w", zip.Key, zip.Bucket, err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(io.LimitReader(out.Body, code.MaxZip+1))
	if err != nil {
		return false, fmt.Errorf("read %s in bucket %s: %w", zip.Key, zip.Bucket, err)
	}
	sum := sha256.Sum256(body)
	if zip.Has = hex.EncodeToString(sum[:]); zip.Has != zip.Want {
		return false, &zip
	}
	if z, err := code.Check(zip.Key, body); err == nil && z.Architecture != p[parameterArchitecture] {
		return false, &SettingError{"architecture", p[parameterArchitecture], fmt.Sprintf("%s in bucket %s is for %s", zip.Key, zip.Bucket, z.Architecture)}
	}
	return true, nil
}

// codeBucket returns the bucket with the published code, or "" if it is not published.
func (s *Stack) codeBucket(p parameters) string {
	if prefix := p[parameterCodePrefix]; prefix != "" {
		return prefix + "-" + s.conn.Region()
	}
	return p[parameterCodeBucket]
}
