//go:build aws

package acceptance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"github.com/ssmbak/ssmbak/internal/awsconn"
)

// scratch is what one fact uses of an account.
type scratch struct {
	*place
	fact *fact
	rows *rows
	// conn, ssm and s3 record their answers, plain does not.
	conn, plain *awsconn.Conn
	ssm         *ssm.Client
	s3          *s3.Client
}

func newScratch(ctx context.Context, p *place, f *fact, rows *rows) (*scratch, error) {
	conn, err := p.connect(ctx, rows)
	if err != nil {
		return nil, err
	}
	plain, err := p.connect(ctx, nil)
	if err != nil {
		return nil, err
	}
	return &scratch{place: p, fact: f, rows: rows, conn: conn, plain: plain, ssm: conn.SSM(), s3: unchunked(conn)}, nil
}

// unchunked returns a client for S3 whose bodies are sent as given, so that they can be
// recorded.
func unchunked(conn *awsconn.Conn) *s3.Client {
	return s3.New(conn.S3().Options(), func(o *s3.Options) { o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired })
}

// name returns the name of a parameter of the fact.
func (s *scratch) name(suffix string) string {
	words := strings.FieldsFunc(strings.ToLower(s.fact.name), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	return "/" + s.rootName() + "/" + strings.Join(words, "-") + "/" + suffix
}

// create creates a parameter. The defaults are those of a String.
func (s *scratch) create(ctx context.Context, in ssm.PutParameterInput) error {
	if in.Type == "" {
		in.Type = types.ParameterTypeString
	}
	if in.Value == nil {
		in.Value = aws.String("first")
	}
	in.Tags = append(in.Tags, types.Tag{Key: aws.String(tag), Value: &s.id})
	out, err := s.ssm.PutParameter(ctx, &in)
	if err == nil && out.Version != 1 {
		err = differs("the version of the new parameter %s is %d", *in.Name, out.Version)
	}
	return err
}

// overwrite writes a second version.
func (s *scratch) overwrite(ctx context.Context, in ssm.PutParameterInput) error {
	if in.Value == nil {
		in.Value = aws.String("second")
	}
	in.Overwrite = aws.Bool(true)
	return s.eventually(ctx, late, func() (bool, error) { // rapid writes are refused
		_, err := s.ssm.PutParameter(ctx, &in)
		return codeOf(err) != "TooManyUpdates", err
	})
}

// late is how long reads may be late.
const late = 30 * time.Second

// version reads a version of a parameter as soon as reads show it.
func (s *scratch) version(ctx context.Context, name string, number int64) (v types.ParameterHistory, err error) {
	err = s.eventually(ctx, late, func() (bool, error) {
		out, err := s.ssm.GetParameterHistory(ctx, &ssm.GetParameterHistoryInput{Name: &name, WithDecryption: aws.Bool(true)})
		if err != nil {
			return codeOf(err) != "ParameterNotFound", err
		}
		for _, each := range out.Parameters {
			if each.Version == number {
				v = each
				return true, nil
			}
		}
		return false, fmt.Errorf("the history of %s does not show version %d", name, number)
	})
	return v, err
}

// eventually calls a function until it is done, and returns its last error. Between calls it
// waits for a second.
func (s *scratch) eventually(ctx context.Context, patience time.Duration, try func() (done bool, err error)) error {
	for began := time.Now(); ; {
		done, err := try()
		if done || time.Since(began) > patience || ctx.Err() != nil {
			return err
		}
		if err := wait(ctx, time.Second); err != nil {
			return err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// codeOf returns the code of AWS's error, "" for any other one and for none.
func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// refusal checks that a request was refused with a code.
func refusal(err error, what string, codes ...string) error {
	if err == nil {
		return differs("%s is accepted", what)
	}
	for _, each := range codes {
		if codeOf(err) == each {
			return nil
		}
	}
	if codeOf(err) == "" {
		return err
	}
	return differs("%s is refused with %v", what, err)
}
