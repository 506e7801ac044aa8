package emulator_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
)

// TestDeniedByHeader denies writes as policies do that demand, forbid or fix
// the header of the encryption.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingServerSideEncryption.html
func TestDeniedByHeader(t *testing.T) {
	t.Parallel()
	const header = "X-Amz-Server-Side-Encryption"
	tests := map[string]struct {
		denied func(value string) bool
		want   map[types.ServerSideEncryption]bool // denied
	}{
		"unless it is there": {func(v string) bool { return v == "" }, map[types.ServerSideEncryption]bool{"": true, "AES256": false, "aws:kms": false}},
		"when it is there":   {func(v string) bool { return v != "" }, map[types.ServerSideEncryption]bool{"": false, "AES256": true, "aws:kms": true}},
		"when it is AES256":  {func(v string) bool { return v == "AES256" }, map[types.ServerSideEncryption]bool{"": false, "AES256": true, "aws:kms": false}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := emulator.New(emulator.Options{})
			a.S3.CreateBucket("bucket", true)
			a.Faults.Add(emulator.Rule{Service: "s3", Op: "PutObject", Fault: emulator.DeniedByOrganization, If: func(r *http.Request) bool { return test.denied(r.Header.Get(header)) }})
			client := connect(t, awsconn.Options{HTTPClient: a.Client()}).S3()
			for sse, denied := range test.want {
				_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("/app/db"), Body: strings.NewReader("v"), ServerSideEncryption: sse})
				if !denied {
					if err != nil {
						t.Errorf("%q: %v", sse, err)
					}
					continue
				}
				var response *awshttp.ResponseError
				var api smithy.APIError
				const text = `User: arn:aws:iam::123456789012:user/local is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::bucket//app/db" with an explicit deny in a service control policy`
				if !errors.As(err, &response) || response.HTTPStatusCode() != http.StatusForbidden || !errors.As(err, &api) || api.ErrorCode() != "AccessDenied" || api.ErrorMessage() != text {
					t.Errorf("%q: %v, want %s", sse, err, text)
				}
			}
			if err := object(t.Context(), connect(t, awsconn.Options{HTTPClient: a.Client()}), "x"); (err != nil) != test.want[""] {
				t.Errorf("without the header: %v", err)
			}
			if _, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("bucket")}); err != nil {
				t.Errorf("reading: %v", err)
			}
		})
	}
}
