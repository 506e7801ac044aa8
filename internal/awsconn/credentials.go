package awsconn

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/smithy-go"
)

// ConfigError says that the SDK cannot use the environment or the shared
// configuration files. Err is the SDK's own.
type ConfigError struct {
	Profile string // that is meant, "" for the default one
	Err     error
}

func (e *ConfigError) Error() string { return "read the AWS configuration: " + e.Err.Error() }

func (e *ConfigError) Unwrap() error { return e.Err }

// CredentialsError says that the configured source of credentials gave none. Err
// is the SDK's own, without what a credential process printed.
type CredentialsError struct {
	Profile string // that is the source, "" for the default one
	SSO     bool   // it signs in by `aws sso login`
	Login   bool   // it signs in by `aws login`
	Err     error
}

func (e *CredentialsError) Error() string { return "get credentials: " + e.Err.Error() }

func (e *CredentialsError) Unwrap() error { return e.Err }

// provider tells of which profile the credentials are that could not be had.
type provider struct {
	aws.CredentialsProvider
	profile config.SharedConfig
}

// withSource names the profile in the errors of a configuration's credentials.
func withSource(c *aws.Config) {
	for _, source := range c.ConfigSources {
		if shared, ok := source.(config.SharedConfig); ok && c.Credentials != nil {
			// A role is assumed with the credentials of another profile.
			for shared.Source != nil {
				shared = *shared.Source
			}
			c.Credentials = provider{c.Credentials, shared}
			return
		}
	}
}

func (p provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	got, err := p.CredentialsProvider.Retrieve(ctx)
	if err == nil || ctx.Err() != nil {
		return got, err
	}
	// The SDK quotes what the process printed, and that may be a secret key.
	if failed := new(processcreds.ProviderError); errors.As(err, &failed) && strings.Contains(err.Error(), "process output: ") {
		err = &processcreds.ProviderError{Err: errors.New("its output is not the JSON of credentials")}
	}
	return got, &CredentialsError{
		Profile: named(p.profile.Profile), SSO: p.profile.SSOStartURL != "" || p.profile.SSOSession != nil || p.profile.SSOSessionName != "",
		Login: p.profile.LoginSession != "", Err: err,
	}
}

// ProviderSources is for the SDK's user agent.
func (p provider) ProviderSources() []aws.CredentialSource {
	if s, ok := p.CredentialsProvider.(aws.CredentialProviderSource); ok {
		return s.ProviderSources()
	}
	return nil
}

// named returns the name of a profile, "" for the default one.
func named(profile string) string {
	if profile == "default" {
		return ""
	}
	return profile
}

// from names a profile in a sentence, and option as an option of the AWS CLI.
func from(profile string) (words, option string) {
	if profile == "" {
		return "the default profile", ""
	}
	return fmt.Sprintf("profile %q", profile), " --profile " + profile
}

// explain puts the error into one line and says what to do.
func (e *CredentialsError) explain() (message, hint string) {
	profile, option := from(e.Profile)
	why := cause(e.Err)
	var api smithy.APIError
	if errors.As(e.Err, &api) && api.ErrorMessage() != "" {
		why = api.ErrorCode() + ": " + api.ErrorMessage()
	}
	message = fmt.Sprintf("%s gives no credentials: %s", profile, why)
	hint = "`aws sts get-caller-identity" + option + "` uses the same"
	var dial *net.OpError
	var process *processcreds.ProviderError
	switch text := e.Err.Error(); {
	case errors.As(e.Err, &process):
		return message, "run its credential_process by hand: it must print the JSON of credentials"
	case strings.Contains(text, "EC2 IMDS"):
		// The SDK asks the metadata service when nothing else is configured.
		if broken := brokenLine(); broken != "" {
			return "there are no AWS credentials in " + profile, broken
		}
		return "there are no AWS credentials in the environment or in " + profile + ": " + why,
			"set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign in with `aws sso login`"
	case strings.Contains(text, endpointcreds.ProviderName) || os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")+os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != "" && !e.SSO && !e.Login && api == nil:
		return "the container's endpoint gives no credentials: " + why, "check AWS_CONTAINER_CREDENTIALS_FULL_URI and AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
	case errors.As(e.Err, &dial):
		return message, "check the network"
	case api != nil && strings.HasPrefix(api.ErrorCode(), "AccessDenied"):
		return message, "allow sts:AssumeRole, and trust the caller in the role"
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

// explain puts the error into one line and says what to do.
func (e *ConfigError) explain() (message, hint string) {
	var missing config.SharedConfigProfileNotExistError
	var mfa config.AssumeRoleTokenProviderNotSetError
	var unreadable config.SharedConfigLoadError
	profile, option := from(e.Profile)
	switch {
	case errors.As(e.Err, &missing):
		return fmt.Sprintf("there is no profile %q", missing.Profile), cmp.Or(brokenLine(), "`aws configure list-profiles` shows those that there are")
	case errors.As(e.Err, &mfa):
		return profile + " needs an MFA code, which cannot be typed here",
			"get credentials first: eval \"$(aws configure export-credentials" + option + " --format env)\""
	case errors.As(e.Err, &unreadable):
		return fmt.Sprintf("%s cannot be read: %s", unreadable.Filename, cause(unreadable.Err)), "AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name other files"
	}
	files := sharedFiles()
	return "the AWS configuration cannot be used: " + cause(e.Err), cmp.Or(brokenLine(), "look at "+files[0]+", "+files[1]+" and the AWS_ variables of the environment")
}

// cause returns what the SDK says without what it says on the way, on one line.
func cause(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	for _, wrap := range []string{"get credentials: ", "failed to refresh cached credentials, "} {
		if i := strings.LastIndex(text, wrap); i >= 0 {
			text = text[i+len(wrap):]
		}
	}
	return text
}

// sharedFiles are the shared configuration files.
// https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html
func sharedFiles() [2]string {
	return [2]string{
		cmp.Or(os.Getenv("AWS_CONFIG_FILE"), config.DefaultSharedConfigFilename()),
		cmp.Or(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), config.DefaultSharedCredentialsFilename()),
	}
}

// brokenLine says where a shared configuration file holds a line that is neither
// a section nor a setting, "" if none does. The SDK passes over such lines, and
// the profile below is missing then. What stands in it is not shown: it may be a
// key.
// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
func brokenLine() string {
	for _, name := range sharedFiles() {
		if n := brokenLineOf(name); n > 0 {
			return fmt.Sprintf("line %d of %s is neither a [section] nor a setting = value", n, name)
		}
	}
	return ""
}

func brokenLineOf(name string) int {
	f, err := os.Open(name)
	if err != nil {
		return 0
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		section := strings.HasPrefix(line, "[")
		if line == "" || line[0] == '#' || line[0] == ';' || section && strings.Contains(line, "]") || !section && strings.Contains(line, "=") {
			continue
		}
		return n
	}
	return 0
}
