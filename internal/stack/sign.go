package stack

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/signkey"
)

// signEnabled is the template's value of a stack that signs.
const signEnabled = "ENABLED"

// beginSigning sets from when the archive is signed, unless it is already. It must be called
// before the functions begin to sign, so that what they wrote without signatures is older.
func (p parameters) beginSigning(now time.Time) {
	switch {
	case p[parameterSign] != signEnabled:
		p[parameterSignSince] = ""
	case p[parameterSignSince] == "":
		p[parameterSignSince] = now.UTC().Format(time.RFC3339)
	}
}

// signing returns how the archive is signed, according to the parameters. The key is one of
// the outputs.
func signing(p parameters, st *types.Stack, bucket string) archive.Signing {
	since, err := time.Parse(time.RFC3339, p[parameterSignSince])
	if p[parameterSign] != signEnabled || err != nil {
		return archive.Signing{}
	}
	return archive.Signing{Key: output(st, OutputSignKeyArn), Bucket: bucket, Since: since}
}

// NotSignedError means that a stack does not sign its archive.
type NotSignedError struct{ Name string }

func (e *NotSignedError) Error() string {
	return fmt.Sprintf("the stack %s does not sign its archive", e.Name)
}

// PublicKey returns the public key with which the archive is signed. The error is a
// [*NotSignedError] if it is not, and a [*NotFoundError] if the stack does not exist.
func (s *Stack) PublicKey(ctx context.Context) (*ecdsa.PublicKey, error) {
	st, err := s.existing(ctx)
	if err != nil {
		return nil, err
	}
	arn := output(st, OutputSignKeyArn)
	if arn == "" {
		return nil, &NotSignedError{s.o.Name}
	}
	key, err := signkey.Load(ctx, kms.NewFromConfig(s.conn.Config()), arn)
	if err != nil {
		return nil, err
	}
	return key.Public(), nil
}
