package stack

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/ssmbak/ssmbak/archive"
)

// CodeError reports that a function runs other code than the stack deployed.
type CodeError struct {
	Function   string
	Runs, Want string // hexadecimal SHA-256 of the zips
	// Bucket, Key and Version say where the code is published; Bucket is "" if it is not, and
	// Version for the current one. Checked reports whether the zip there has the SHA-256 Want.
	Bucket, Key, Version string
	Checked              bool
}

func (e *CodeError) Error() string {
	return fmt.Sprintf("the function %s runs other code than the stack deployed: its zip has SHA-256 %s, want %s", e.Function, e.Runs, e.Want)
}

// verifyCode checks that the functions run the zip with a SHA-256, in hexadecimal. The error
// is a [*CodeError] for the first function that does not.
//
// https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
func (s *Stack) verifyCode(ctx context.Context, want string) error {
	all, err := s.Resources(ctx)
	if err != nil {
		return err
	}
	for _, id := range []string{resourceFunction, resourceReconciler, resourceVerifier} {
		i := slices.IndexFunc(all, func(r Resource) bool { return r.LogicalID == id && r.PhysicalID != "" })
		if i < 0 && id == resourceVerifier {
			continue // it is optional
		}
		if i < 0 {
			return fmt.Errorf("the stack %s has no %s", s.o.Name, id)
		}
		if err := s.verifyFunction(ctx, all[i].PhysicalID, want); err != nil {
			return err
		}
	}
	return nil
}

// VerifyDeployed is like [Stack.verifyCode], for callers who may read the archive but not the
// resources of the stack: d is what the archive says about it.
func (s *Stack) VerifyDeployed(ctx context.Context, d archive.Deployment) error {
	for _, name := range []string{d.Recorder, d.Reconciler, d.Verifier} {
		if name == "" {
			continue
		}
		if err := s.verifyFunction(ctx, name, d.Code); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stack) verifyFunction(ctx context.Context, name, want string) error {
	out, err := s.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
	if err != nil {
		return fmt.Errorf("read the configuration of the function %s: %w", name, err)
	}
	runs, err := base64.StdEncoding.DecodeString(aws.ToString(out.CodeSha256))
	if err != nil {
		return fmt.Errorf("decode the code digest of the function %s: %w", name, err)
	}
	if got := hex.EncodeToString(runs); got != want {
		return &CodeError{Function: name, Runs: got, Want: want}
	}
	return nil
}
