package awsconn

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
)

// ConfigError means that the SDK rejects the environment or the shared configuration
// files. Err is the SDK's error.
type ConfigError struct {
	Profile string // "" for the default profile
	Err     error
}

func (e *ConfigError) Error() string { return "read the AWS configuration: " + e.Err.Error() }

func (e *ConfigError) Unwrap() error { return e.Err }

// CredentialsError means that the configured source provided no credentials. Err is
// the SDK's error, without the output of a credential process.
type CredentialsError struct {
	Profile string // "" for the default profile
	SSO     bool   // the profile signs in with `aws sso login`
	Login   bool   // the profile signs in with `aws login`
	Err     error
}

func (e *CredentialsError) Error() string { return "get credentials: " + e.Err.Error() }

func (e *CredentialsError) Unwrap() error { return e.Err }

// NoCredentials marks the error for packages that do not import this one.
func (e *CredentialsError) NoCredentials() bool { return true }

// provider adds the profile to the errors of a credentials provider.
type provider struct {
	aws.CredentialsProvider
	profile config.SharedConfig
}

// withSource wraps the credentials of a configuration in a [provider].
func withSource(c *aws.Config) {
	for _, source := range c.ConfigSources {
		if shared, ok := source.(config.SharedConfig); ok && c.Credentials != nil {
			// A role is assumed with the credentials of its source profile.
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
	// The SDK quotes the output of the process, which may be a secret key.
	if failed := new(processcreds.ProviderError); errors.As(err, &failed) && strings.Contains(err.Error(), "process output: ") {
		err = &processcreds.ProviderError{Err: errors.New("its output is not credentials in JSON")}
	}
	return got, &CredentialsError{
		Profile: named(p.profile.Profile), SSO: p.profile.SSOStartURL != "" || p.profile.SSOSession != nil || p.profile.SSOSessionName != "",
		Login: p.profile.LoginSession != "", Err: err,
	}
}

// ProviderSources returns the sources for the SDK's user agent.
func (p provider) ProviderSources() []aws.CredentialSource {
	if s, ok := p.CredentialsProvider.(aws.CredentialProviderSource); ok {
		return s.ProviderSources()
	}
	return nil
}

// ContainerCredentials reports whether the environment configures the container
// credential provider.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
func ContainerCredentials() bool {
	return os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")+os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != ""
}

// named returns the name of a profile, or "" for the default profile.
func named(profile string) string {
	if profile == "default" {
		return ""
	}
	return profile
}

// SharedFiles returns the paths of the shared config and credentials files.
// https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html
func SharedFiles() [2]string {
	return [2]string{
		cmp.Or(os.Getenv("AWS_CONFIG_FILE"), config.DefaultSharedConfigFilename()),
		cmp.Or(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), config.DefaultSharedCredentialsFilename()),
	}
}

// BrokenLine returns the name of a shared configuration file and the number of its
// first line that is neither a section nor a setting, or 0 if there is no such line.
// The SDK skips such lines, so that the profile that one should begin is missing.
// BrokenLine does not return the line, because it may contain a secret key.
// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
func BrokenLine() (file string, line int) {
	for _, name := range SharedFiles() {
		if n := brokenLineOf(name); n > 0 {
			return name, n
		}
	}
	return "", 0
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
