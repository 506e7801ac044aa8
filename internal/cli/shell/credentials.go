package shell

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/smithy-go"

	"github.com/ssmbak/ssmbak/internal/awsconn"
)

// from returns a profile's name for a sentence, and as an option of the AWS CLI.
func from(profile string) (words, option string) {
	if profile == "" {
		return "the default profile", ""
	}
	return fmt.Sprintf("profile %q", profile), " --profile " + profile
}

// explainCredentials returns why there are no credentials, and what to do.
func explainCredentials(e *awsconn.CredentialsError) (message, hint string) {
	profile, option := from(e.Profile)
	why := cause(e.Err)
	var api smithy.APIError
	if errors.As(e.Err, &api) && api.ErrorMessage() != "" {
		why = api.ErrorCode() + ": " + api.ErrorMessage()
	}
	message = fmt.Sprintf("%s provides no credentials: %s", profile, why)
	hint = "`aws sts get-caller-identity" + option + "` uses the same credentials"
	var dial *net.OpError
	var process *processcreds.ProviderError
	switch text := e.Err.Error(); {
	case errors.As(e.Err, &process):
		return message, "run its credential_process manually: it must print credentials as JSON"
	case strings.Contains(text, "EC2 IMDS"):
		// The SDK's last resort, if nothing else is configured.
		if broken := brokenLine(); broken != "" {
			return "no AWS credentials in " + profile, broken
		}
		return "no AWS credentials in the environment or in " + profile + ": " + why,
			"set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign in with `aws sso login`"
	case strings.Contains(text, endpointcreds.ProviderName) || awsconn.ContainerCredentials() && !e.SSO && !e.Login && api == nil:
		return "the container credentials endpoint provides no credentials: " + why, "check AWS_CONTAINER_CREDENTIALS_FULL_URI and AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
	case errors.As(e.Err, &dial):
		return message, "check the network"
	case awsconn.IsDenied(e.Err):
		return message, "allow sts:AssumeRole, and add the caller to the role's trust policy"
	case api != nil && api.ErrorCode() == "ForbiddenException":
		return message, "check sso_account_id and sso_role_name of the profile"
	case e.SSO:
		return message, "sign in with `aws sso login" + option + "`"
	case e.Login:
		return message, "sign in with `aws login" + option + "`"
	case api != nil && strings.HasPrefix(api.ErrorCode(), "ExpiredToken"):
		return message, "sign in again"
	}
	return message, hint
}

// explainConfig returns why the configuration is invalid, and what to do.
func explainConfig(e *awsconn.ConfigError) (message, hint string) {
	var missing config.SharedConfigProfileNotExistError
	var mfa config.AssumeRoleTokenProviderNotSetError
	var unreadable config.SharedConfigLoadError
	profile, option := from(e.Profile)
	switch {
	case errors.As(e.Err, &missing):
		return fmt.Sprintf("profile %q does not exist", missing.Profile), cmp.Or(brokenLine(), "`aws configure list-profiles` lists the profiles")
	case errors.As(e.Err, &mfa):
		return profile + " needs an MFA code, which ssmbak cannot prompt for",
			"get credentials first: eval \"$(aws configure export-credentials" + option + " --format env)\""
	case errors.As(e.Err, &unreadable):
		return fmt.Sprintf("cannot read %s: %s", unreadable.Filename, cause(unreadable.Err)), "fix it, or set AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE to other files"
	}
	files := awsconn.SharedFiles()
	return "invalid AWS configuration: " + cause(e.Err), cmp.Or(brokenLine(), "check "+files[0]+", "+files[1]+" and the AWS_ environment variables")
}

// cause returns the innermost part of an SDK error's message, on one line.
func cause(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	for _, wrap := range []string{"get credentials: ", "failed to refresh cached credentials, "} {
		if i := strings.LastIndex(text, wrap); i >= 0 {
			text = text[i+len(wrap):]
		}
	}
	return text
}

// brokenLine describes a line of the shared configuration files that the SDK skips, or
// returns "" if there is none.
func brokenLine() string {
	file, line := awsconn.BrokenLine()
	if line == 0 {
		return ""
	}
	return fmt.Sprintf("line %d of %s is neither a [section] nor a setting: fix or delete it", line, file)
}
