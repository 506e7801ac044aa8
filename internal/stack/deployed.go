package stack

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// CodeError says that a function runs another zip than the one that was deployed.
type CodeError struct {
	Function string
	// Runs and Want are SHA-256 digests, in hexadecimal.
	Runs, Want string
}

func (e *CodeError) Error() string {
	return fmt.Sprintf("the function %s runs other code than that of the stack: the SHA-256 of its zip is %s, and must be %s", e.Function, e.Runs, e.Want)
}

// verifyCode compares what each function runs with the zip under a key of the
// archive's bucket, whose name is its digest. The error is a [*CodeError] for the
// first that runs another.
//
// Lambda says the SHA-256 of the zip that a function runs:
// https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
func (s *Stack) verifyCode(ctx context.Context, key string) error {
	want := strings.TrimSuffix(strings.TrimPrefix(key, codePrefix), ".zip")
	all, err := s.Resources(ctx)
	if err != nil {
		return err
	}
	for _, id := range []string{resourceFunction, resourceReconciler} {
		i := slices.IndexFunc(all, func(r Resource) bool { return r.LogicalID == id && r.PhysicalID != "" })
		if i < 0 {
			return fmt.Errorf("the stack %s has no %s", s.o.Name, id)
		}
		name := all[i].PhysicalID
		out, err := s.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
		if err != nil {
			return fmt.Errorf("ask which code the function %s runs: %w", name, err)
		}
		runs, err := base64.StdEncoding.DecodeString(aws.ToString(out.CodeSha256))
		if err != nil {
			return fmt.Errorf("read the digest of the code that the function %s runs: %w", name, err)
		}
		if got := hex.EncodeToString(runs); got != want {
			return &CodeError{name, got, want}
		}
	}
	return nil
}
