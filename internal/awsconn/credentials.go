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

// ContainerCredentials reports whether the environment names the endpoint of a
// container as the source of credentials.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
func ContainerCredentials() bool {
	return os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")+os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != ""
}

// named returns the name of a profile, "" for the default one.
func named(profile string) string {
	if profile == "default" {
		return ""
	}
	return profile
}

// SharedFiles returns the paths of the shared configuration files: that of the
// configuration and that of the credentials.
// https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html
func SharedFiles() [2]string {
	return [2]string{
		cmp.Or(os.Getenv("AWS_CONFIG_FILE"), config.DefaultSharedConfigFilename()),
		cmp.Or(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), config.DefaultSharedCredentialsFilename()),
	}
}

// BrokenLine returns a shared configuration file and the number of its first line
// that is neither a section nor a setting, 0 if there is none in either file. The SDK
// skips such lines, and the profile below is missing then. The line itself is not
// returned: it may be a key.
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
