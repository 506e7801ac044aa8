package paramstore

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ssmbak/ssmbak"
)

// DeletePage is the maximum number of parameters that one request deletes.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameters.html
const DeletePage = 10

// Delete deletes up to [DeletePage] parameters with one request. Parameters that do
// not exist are not an error. After an error, any of them may have been deleted.
func (s *Store) Delete(ctx context.Context, names ...ssmbak.Name) error {
	in := &ssm.DeleteParametersInput{}
	for _, name := range names {
		in.Names = append(in.Names, string(name))
	}
	if _, err := s.writer.DeleteParameters(ctx, in, revocably); err != nil {
		return fmt.Errorf("delete %s: %w", in.Names[0], translate(err))
	}
	return nil
}
