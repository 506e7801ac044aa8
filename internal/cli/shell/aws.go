package shell

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/ssmbak/ssmbak/internal/awsconn"
)

// ExplainAWS puts an error of the SDK into one plain line and says what to do. ok
// is false for errors that it knows nothing of.
func ExplainAWS(err error) (message, hint string, ok bool) {
	var region *awsconn.NoRegionError
	if errors.As(err, &region) {
		return "no region is configured", "set one with --region, AWS_REGION or `aws configure`", true
	}
	if configuration := new(awsconn.ConfigError); errors.As(err, &configuration) {
		message, hint = explainConfig(configuration)
		return message, hint, true
	}
	if credentials := new(awsconn.CredentialsError); errors.As(err, &credentials) {
		message, hint = explainCredentials(credentials)
		return message, hint, true
	}
	if endpoint := new(awsconn.EndpointError); errors.As(err, &endpoint) {
		return endpoint.Error(), "an endpoint looks like http://127.0.0.1:4566; without one, AWS's own is used", true
	}
	if name := new(awsconn.RegionError); errors.As(err, &name) {
		return name.Error(), "a region looks like us-east-1: set it with --region, AWS_REGION or `aws configure`", true
	}
	var op *smithy.OperationError
	where := "AWS"
	if errors.As(err, &op) {
		where = op.Service() + " " + op.Operation()
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		switch code := api.ErrorCode(); {
		case strings.HasPrefix(code, "AccessDenied") || code == "Forbidden" || code == "AllAccessDisabled":
			needed := "the permission for it"
			if op != nil {
				needed = permission(op.Service(), op.Operation())
			}
			return fmt.Sprintf("access denied: %s refused the request%s", where, said(api)), deniedHint(op, needed, api.ErrorMessage()), true
		case code == "ExpiredToken" || code == "ExpiredTokenException" || code == "RequestExpired":
			return "the credentials have expired", "sign in again, for example with `aws sso login`", true
		case code == "InvalidClientTokenId" || code == "UnrecognizedClientException" || code == "InvalidAccessKeyId" || code == "SignatureDoesNotMatch" || code == "AuthFailure":
			return "AWS does not know these credentials (" + code + ")", "`aws sts get-caller-identity` shows which ones are used", true
		case strings.HasPrefix(code, "Throttling") || code == "SlowDown" || code == "TooManyRequestsException":
			return where + " is throttled, and went on being so through every retry", "run the same command again in a while: what was done is kept", true
		case code == "PermanentRedirect" || code == "AuthorizationHeaderMalformed" || code == "IllegalLocationConstraintException":
			return "the bucket is in another region than the one used", "name the bucket's region with --region", true
		}
		return "", "", false
	}
	return connection(err, where)
}

// connection explains why nothing could be reached.
func connection(err error, where string) (message, hint string, ok bool) {
	const check = "check --endpoint-url and AWS_ENDPOINT_URL, the region and the network, or start the local AWS with `ssmbak local`"
	if never := new(awsconn.UnreachableError); errors.As(err, &never) {
		return fmt.Sprintf("no connection to %s: %s", never.Host, cause(never.Err)), check, true
	}
	if name := new(net.DNSError); errors.As(err, &name) && name.IsNotFound {
		return fmt.Sprintf("no connection to %s: there is no host %s", where, name.Name), "check the region (--region, AWS_REGION), --endpoint-url and AWS_ENDPOINT_URL, and the network", true
	}
	if op := new(net.OpError); errors.As(err, &op) && op.Op == "dial" {
		return "no connection to " + where + ": " + cause(op), check, true
	}
	return "", "", false
}

// said is what AWS said about a refusal, where that is more than that it refuses:
// which policy denies it, for example.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func said(err smithy.APIError) string {
	text := strings.Join(strings.Fields(err.ErrorMessage()), " ")
	if text == "" || strings.EqualFold(strings.TrimSuffix(text, "."), "access denied") || text == "Forbidden" {
		return ""
	}
	return ": " + text
}

func deniedHint(op *smithy.OperationError, needed, said string) string {
	if strings.Contains(said, "explicit deny") {
		hint := "no policy that allows it helps against an explicit deny: that policy has to change"
		if op != nil && op.Service() == "S3" && op.Operation() == "PutObject" {
			hint += "; if it demands or forbids an encryption header, set --value-header and --index-header of `ssmbak-stack NAME update`"
		}
		return hint
	}
	if op != nil && op.Service() == "S3" {
		return "allow " + needed + ", and check that the bucket belongs to the account that is meant (--bucket-owner names another one)"
	}
	return "allow " + needed
}

// permission names the IAM action that a call needs.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
func permission(service, operation string) string {
	if service != "S3" {
		return strings.ToLower(service) + ":" + operation
	}
	switch operation {
	case "ListObjectsV2", "HeadBucket":
		return "s3:ListBucket"
	case "ListObjectVersions":
		return "s3:ListBucketVersions"
	case "HeadObject":
		return "s3:GetObject"
	case "GetObject":
		return "s3:GetObject and s3:GetObjectVersion"
	case "GetObjectTagging":
		return "s3:GetObjectVersionTagging"
	case "PutObject":
		return "s3:PutObject and s3:PutObjectTagging"
	}
	return "s3:" + operation
}
