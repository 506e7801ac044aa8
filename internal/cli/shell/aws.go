package shell

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/ssmbak/ssmbak/internal/awsconn"
)

// ExplainAWS returns a one-line message for an error of the SDK, and a hint what to do
// about it. ok is false for any other error.
func ExplainAWS(err error) (message, hint string, ok bool) {
	kind, message, hint := explainAWS(err)
	return message, hint, kind != ""
}

// explainAWS is [ExplainAWS] with the kind of the error, "" if it is none of the SDK.
func explainAWS(err error) (kind Kind, message, hint string) {
	if _, ok := errors.AsType[*awsconn.NoRegionError](err); ok {
		return KindNoRegion, "no region is configured", "set one with --region, AWS_REGION or `aws configure`"
	}
	if configuration := new(awsconn.ConfigError); errors.As(err, &configuration) {
		message, hint = explainConfig(configuration)
		return KindInvalidConfiguration, message, hint
	}
	if credentials := new(awsconn.CredentialsError); errors.As(err, &credentials) {
		message, hint = explainCredentials(credentials)
		return KindNoCredentials, message, hint
	}
	if endpoint := new(awsconn.EndpointError); errors.As(err, &endpoint) {
		return KindWrongUsage, endpoint.Error(), "give a URL such as http://127.0.0.1:4566, or omit it to use AWS"
	}
	if name := new(awsconn.RegionError); errors.As(err, &name) {
		return KindWrongUsage, name.Error(), "give a region such as us-east-1 with --region, AWS_REGION or `aws configure`"
	}
	var op *smithy.OperationError
	where := "AWS"
	if errors.As(err, &op) {
		where = op.Service() + " " + op.Operation()
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		switch code := api.ErrorCode(); {
		case strings.HasPrefix(code, "AccessDenied") || code == "Forbidden" || code == "AllAccessDisabled":
			needed := "the permission for it"
			if op != nil {
				needed = permission(op.Service(), op.Operation())
			}
			return KindAccessDenied, fmt.Sprintf("access denied: %s refused the request%s", where, said(api)), deniedHint(op, needed, api.ErrorMessage())
		case code == "ExpiredToken" || code == "ExpiredTokenException" || code == "RequestExpired":
			return KindExpiredCredentials, "the credentials have expired", "sign in again, for example with `aws sso login`"
		case code == "InvalidClientTokenId" || code == "UnrecognizedClientException" || code == "InvalidAccessKeyId" || code == "SignatureDoesNotMatch" || code == "AuthFailure":
			return KindInvalidCredentials, "AWS does not recognize these credentials (" + code + ")", "`aws sts get-caller-identity` shows the identity in use"
		case strings.HasPrefix(code, "KMS."):
			// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
			return KindKeyUnusable, fmt.Sprintf("the key of the bucket cannot be used: %s refused the request (%s)%s", where, code, said(api)),
				keyHint(api.ErrorMessage())
		case strings.HasPrefix(code, "Throttling") || code == "SlowDown" || code == "TooManyRequestsException":
			return KindThrottled, where + " was throttled on every attempt", "run the same command again later: completed work is kept"
		case code == "PermanentRedirect" || code == "AuthorizationHeaderMalformed" || code == "IllegalLocationConstraintException":
			return KindWrongRegion, "the bucket is in another region", "set the bucket's region with --region"
		}
		return "", "", ""
	}
	return connection(err, where)
}

// connection explains an error of the connection itself.
func connection(err error, where string) (kind Kind, message, hint string) {
	const check = "check --endpoint-url and AWS_ENDPOINT_URL, the region and the network, or start the local AWS with `ssmbak local`"
	if never := new(awsconn.UnreachableError); errors.As(err, &never) {
		return KindNoConnection, fmt.Sprintf("no connection to %s: %s", never.Host, cause(never.Err)), check
	}
	if name := new(net.DNSError); errors.As(err, &name) && name.IsNotFound {
		return KindNoConnection, fmt.Sprintf("no connection to %s: no such host %s", where, name.Name), "check the region (--region, AWS_REGION), --endpoint-url and AWS_ENDPOINT_URL, and the network"
	}
	if op := new(net.OpError); errors.As(err, &op) && op.Op == "dial" {
		return KindNoConnection, "no connection to " + where + ": " + cause(op), check
	}
	return "", "", ""
}

// said returns AWS's message about a denied request, prefixed with ": ", or "" if it
// contains no details such as the policy that denies it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func said(err smithy.APIError) string {
	text := strings.Join(strings.Fields(err.ErrorMessage()), " ")
	if text == "" || strings.EqualFold(strings.TrimSuffix(text, "."), "access denied") || text == "Forbidden" {
		return ""
	}
	return ": " + text
}

// keyARN matches the ARN of a KMS key.
var keyARN = regexp.MustCompile(`arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]+:key/[A-Za-z0-9-]+`)

// keyHint returns what makes a key usable. said is S3's message, which begins with the ARN of
// a key that is disabled or pending deletion.
// https://github.com/localstack/localstack/pull/7786
func keyHint(said string) string {
	switch key := keyARN.FindString(said); {
	case key == "":
		return "`ssmbak status` names the key, and prints the command that makes it usable"
	case strings.Contains(said, "pending deletion"):
		return "`aws kms cancel-key-deletion --key-id " + key + "`, then `aws kms enable-key --key-id " + key + "`"
	default:
		return "`aws kms enable-key --key-id " + key + "` enables it"
	}
}

// deniedHint returns the hint for a denied request. said is AWS's message, which names
// the kind of the policy with an explicit deny; a bucket policy is resource-based.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html
func deniedHint(op *smithy.OperationError, needed, said string) string {
	isS3 := op != nil && op.Service() == "S3"
	switch {
	case strings.Contains(said, "explicit deny"):
		hint := "an explicit deny overrides every allow: change the policy that denies it"
		if isS3 && strings.Contains(said, "resource-based policy") {
			who := map[string]string{"GetObject": "reader", "PutObject": "restorer", "DeleteObject": "restorer"}[op.Operation()]
			if who != "" {
				hint = fmt.Sprintf("the policy of a stack's bucket denies everyone but the principals named in the stack: an admin can run `ssmbak-stack NAME update --%s ARN`, with --%[1]s ARN again for each existing %[1]s", who)
			}
		}
		if isS3 && op.Operation() == "PutObject" {
			hint += "; if a policy requires or forbids an encryption header, set --value-header and --index-header of `ssmbak-stack NAME update`"
		}
		return hint
	case isS3:
		return "allow " + needed + ", and check the bucket's owner (use --bucket-owner for a bucket of another account)"
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

// ListsVersions returns the command that lists the versions of an object.
func ListsVersions(bucket, key string) string {
	return "`aws s3api list-object-versions --bucket " + Quote(bucket) + " --prefix " + Quote(key) + "`"
}

// NewerHint returns the hint for an object that only a newer program can read.
func NewerHint(bucket, key string) string {
	return "if no newer ssmbak wrote it, an admin can remove that object version: " + ListsVersions(bucket, key)
}
