package stack

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/ssmbak/ssmbak/archive"
)

// headerKMS is the template's name of the encryption header with the archive's key.
const headerKMS = "aws:kms"

// checkHeaders returns a [*SettingError] if an encryption header needs a key and there
// is none, or if the key is of another account or region.
func (p parameters) checkHeaders(account, region string) error {
	for _, s := range Settings() {
		if s.Parameter != parameterValueHeader && s.Parameter != parameterIndexHeader || p[s.Parameter] != headerKMS {
			continue
		}
		key := p[parameterKeyArn]
		switch {
		case key == "" && (p[parameterBucketName] != "" || p[parameterEncryption] != "StackKey"):
			return &SettingError{s.Name, "kms", "name the key with --key-arn"}
		case key != "" && !strings.Contains(key, ":kms:"+region+":"+account+":key/"):
			return &SettingError{s.Name, "kms", fmt.Sprintf("must be a key of account %s in %s, but is %s", account, region, key)}
		}
	}
	return nil
}

// inheritHeaders sets in p the encryption headers of an existing archive, unless they
// are in named.
func (s *Stack) inheritHeaders(e archive.Encryption, p, named parameters) error {
	for _, x := range []struct {
		setting, parameter string
		header             archive.Header
	}{{"value-header", parameterValueHeader, e.Values}, {"index-header", parameterIndexHeader, e.Indexes}} {
		if _, ok := named[x.parameter]; ok || x.header == "" {
			continue
		}
		text := string(x.header)
		if x.header != archive.HeaderNone && x.header != archive.HeaderS3 {
			if p[parameterKeyArn] != text {
				return &SettingError{x.setting, "", fmt.Sprintf("is required: the archive's objects are written with %s; use kms together with --key-arn, or aes256 or none", text)}
			}
			text = headerKMS
		}
		p[x.parameter] = text
		s.o.Note(fmt.Sprintf("keeping the archive's encryption header: --%s %s", x.setting, strings.TrimPrefix(strings.ToLower(text), "aws:")))
	}
	return nil
}

// checkHeaders checks the encryption headers for the caller's account.
func (s *Stack) checkHeaders(ctx context.Context, p parameters) error {
	caller, err := s.conn.Caller(ctx)
	if err != nil {
		return err
	}
	return p.checkHeaders(caller.Account, s.conn.Region())
}

// maxRolePattern is the maximum length of the name of a stack whose roles' names
// begin with it. CloudFormation truncates the names of roles to 64 characters, of
// which it needs up to 29 for "-ReconcilerRole-" and a random suffix.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-iam-role.html
const maxRolePattern = 35

// checkDecrypt returns a [*SettingError] for a stack whose functions could not read
// their indexes, since its key's policy identifies their roles by the stack's name.
func (p parameters) checkDecrypt(name string) error {
	if p[parameterIndexHeader] == headerKMS && p[parameterKeyArn] == "" && len(name) > maxRolePattern {
		return &SettingError{"index-header", "kms", fmt.Sprintf("with the stack's own key, the stack's name may have at most %d characters, but has %d", maxRolePattern, len(name))}
	}
	return nil
}

// encryption returns the encryption headers according to the parameters. The key that
// the stack created is one of its outputs.
func encryption(p parameters, st *types.Stack) archive.Encryption {
	key := p[parameterKeyArn]
	if key == "" {
		key = output(st, OutputKeyArn)
	}
	header := func(text string) archive.Header {
		if text == headerKMS {
			text = key
		}
		return archive.Header(text)
	}
	return archive.Encryption{Values: header(p[parameterValueHeader]), Indexes: header(p[parameterIndexHeader])}
}

// recordSettings writes the encryption headers into the archive, from which ssmbak
// reads them, lets its writers divide indexes, records how they sign, and describes the stack. It is called after the functions, which
// get the headers from the template and can read divided indexes, were deployed. The error
// is a [*HeaderError].
func (s *Stack) recordSettings(ctx context.Context, bucket string, p parameters, st *types.Stack) error {
	caller, err := s.conn.Caller(ctx)
	if err != nil {
		return &HeaderError{err}
	}
	e := encryption(p, st)
	a, err := archive.Open(ctx, s.conn.S3(), archive.Options{Bucket: bucket, Account: caller.Account, Region: s.conn.Region(), Encryption: &e, Logger: s.o.Logger})
	if err != nil {
		return &HeaderError{err}
	}
	if err := a.KeepEncryption(ctx); err != nil {
		return &HeaderError{err}
	}
	if err := a.DivideIndexes(ctx); err != nil {
		return &HeaderError{err}
	}
	if err := a.KeepDeployment(ctx, s.deployment(st)); err != nil {
		return &HeaderError{err}
	}
	if err := a.KeepSigning(ctx, signing(p, st, bucket)); err != nil {
		return &HeaderError{err}
	}
	return nil
}
