package stack

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/ssmbak/ssmbak/archive"
)

// headerKMS is what the template calls the header of the archive's key.
const headerKMS = "aws:kms"

// checkHeaders finds what is wrong with the encryption headers: without a key
// there is none to name, and one of another account no archive takes.
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
			return &SettingError{s.Name, "kms", fmt.Sprintf("the key must be one of account %s in %s, and it is %s", account, region, key)}
		}
	}
	return nil
}

// inherit fills in the encryption headers of an archive that is there already,
// unless they are named.
func (s *Stack) inherit(e archive.Encryption, p, named parameters) error {
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
				return &SettingError{x.setting, "", fmt.Sprintf("is needed: the archive's objects are written with %s; say kms with that as --key-arn, or aes256 or none", text)}
			}
			text = headerKMS
		}
		p[x.parameter] = text
		s.o.Note(fmt.Sprintf("the archive's encryption header stays: --%s %s", x.setting, strings.TrimPrefix(strings.ToLower(text), "aws:")))
	}
	return nil
}

// headers checks the encryption headers for the caller's account.
func (s *Stack) headers(ctx context.Context, p parameters) error {
	caller, err := s.conn.Caller(ctx)
	if err != nil {
		return err
	}
	return p.checkHeaders(caller.Account, s.conn.Region())
}

// maxRolePattern is how long a stack's name may be for its roles to begin with
// it: CloudFormation cuts the name of a role to 64 characters, of which it needs
// up to 29 for "-ReconcilerRole-" and a random end.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-iam-role.html
const maxRolePattern = 35

// checkDecrypt refuses a stack whose functions could not read their own indexes:
// its key's policy knows their roles by the stack's name.
func (p parameters) checkDecrypt(name string) error {
	if p[parameterIndexHeader] == headerKMS && p[parameterKeyArn] == "" && len(name) > maxRolePattern {
		return &SettingError{"index-header", "kms", fmt.Sprintf("with the stack's own key it needs a stack's name of at most %d characters, and this one has %d", maxRolePattern, len(name))}
	}
	return nil
}

// encryption is what the archive's writers say about encryption by these
// parameters. The stack's own key is known from its outputs.
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

// keepEncryption tells the command lines, by the archive, how the functions
// write. It comes after the functions, which know it from the template. The
// error is a [*HeaderError].
func (s *Stack) keepEncryption(ctx context.Context, bucket string, p parameters, st *types.Stack) error {
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
	return nil
}
