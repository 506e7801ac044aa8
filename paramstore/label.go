package paramstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ssmbak/ssmbak"
)

// labelPage is the maximum number of labels per request, and per version.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_LabelParameterVersion.html
const labelPage = 10

// Labels returns the version number to which each label is attached.
func (h History) Labels() map[string]int64 {
	labels := make(map[string]int64)
	for _, v := range h.Versions {
		for _, label := range v.Labels {
			labels[label] = v.Number
		}
	}
	return labels
}

// Label attaches labels to a version, moving those attached to another version. The
// error is a [*RefusedError] if Parameter Store rejects a label.
func (s *Store) Label(ctx context.Context, name ssmbak.Name, number int64, labels []string) error {
	for part := range slices.Chunk(labels, labelPage) {
		out, err := s.writer.LabelParameterVersion(ctx, &ssm.LabelParameterVersionInput{
			Name: aws.String(string(name)), ParameterVersion: &number, Labels: part,
		}, revocably)
		if err != nil {
			return fmt.Errorf("label version %d of %s: %w", number, name, refused(name, "LabelParameterVersion", ssmbak.Value{}, translate(err)))
		}
		if len(out.InvalidLabels) > 0 {
			return fmt.Errorf("label version %d of %s: %w", number, name, &RefusedError{
				Name: name, Op: "LabelParameterVersion", Code: "InvalidLabels", Reason: strings.Join(out.InvalidLabels, ", "),
			})
		}
	}
	return nil
}

// Unlabel removes labels from a version. Labels that are not attached to it are not
// an error.
func (s *Store) Unlabel(ctx context.Context, name ssmbak.Name, number int64, labels []string) error {
	for part := range slices.Chunk(labels, labelPage) {
		_, err := s.writer.UnlabelParameterVersion(ctx, &ssm.UnlabelParameterVersionInput{
			Name: aws.String(string(name)), ParameterVersion: &number, Labels: part,
		}, revocably)
		if err != nil {
			return fmt.Errorf("remove labels from version %d of %s: %w", number, name, refused(name, "UnlabelParameterVersion", ssmbak.Value{}, translate(err)))
		}
	}
	return nil
}
