package awsconn_test

import (
	"crypto/sha1" // the SDK names the files of its SSO tokens by it
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// machine makes the test see a machine with this ~/.aws/config and nothing else.
func machine(t *testing.T, file string) (home string) {
	t.Helper()
	home = t.TempDir()
	for _, name := range os.Environ() {
		if name, _, _ = strings.Cut(name, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
			_ = os.Unsetenv(name)
		}
	}
	t.Setenv("HOME", home)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(home, "credentials"))
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(home, "config"))
	if err := os.WriteFile(filepath.Join(home, "config"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	return home
}

// token caches an SSO token as `aws sso login` does.
func token(t *testing.T, home, of, expires string) {
	t.Helper()
	sum := sha1.Sum([]byte(of))
	dir := filepath.Join(home, ".aws", "sso", "cache")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	text := `{"accessToken":"a","expiresAt":"` + expires + `"}`
	if err := os.WriteFile(filepath.Join(dir, hex.EncodeToString(sum[:])+".json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const (
	session = "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = us-east-1\n"
	dev     = "[profile dev]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = dev\n"
	legacy  = "[profile dev]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = us-east-1\nsso_account_id = 123456789012\nsso_role_name = dev\n"
	expired = "2020-01-01T00:00:00Z"
)

// TestCredentialsAreExplained checks that, for every source of credentials that
// fails, the message has the SDK's cause and the command that fixes it, without a
// long wait.
func TestCredentialsAreExplained(t *testing.T) {
	tests := []struct {
		name, config, profile string
		prepare               func(t *testing.T, home string)
		message, hint         string
	}{
		{"SSO, expired", session + dev, "dev", func(t *testing.T, home string) { token(t, home, "corp", expired) }, `profile "dev" provides no credentials: refresh cached SSO token failed, cached SSO token is expired`, "sign in with `aws sso login --profile dev`"},
		{"SSO, never signed in", session + dev, "dev", nil, "failed to read cached SSO token file", "sign in with `aws sso login --profile dev`"},
		{"SSO without a session, expired", legacy, "dev", func(t *testing.T, home string) {
			token(t, home, "https://corp.awsapps.com/start", expired)
		}, `profile "dev" provides no credentials: the SSO session has expired or is invalid`, "`aws sso login --profile dev`"},
		{"SSO by AWS_PROFILE", session + dev, "", func(t *testing.T, _ string) { t.Setenv("AWS_PROFILE", "dev") }, `profile "dev"`, "`aws sso login --profile dev`"},
		{"SSO, default profile", session + strings.Replace(dev, "profile dev", "default", 1), "", nil, "the default profile provides no credentials", "sign in with `aws sso login`"},
		{"a role assumed through SSO", "[profile admin]\nrole_arn = arn:aws:iam::123456789012:role/admin\nsource_profile = dev\n" + session + dev, "admin", func(t *testing.T, home string) { token(t, home, "corp", expired) }, `profile "dev" provides no credentials: refresh cached SSO token failed`, "`aws sso login --profile dev`"},
		{"aws login", "[profile l]\nlogin_session = arn:aws:iam::123456789012:user/x\n", "l", nil, `profile "l" provides no credentials: load login token: token file not found, please reauthenticate`, "`aws login --profile l`"},
		{"process fails", "[profile p]\ncredential_process = sh -c 'exit 3'\n", "p", nil, `profile "p" provides no credentials: process provider error: error in credential_process: exit status 3`, "run its credential_process manually"},
		{"process prints something else", "[profile p]\ncredential_process = echo hunter2\n", "p", nil, "its output is not credentials in JSON", "run its credential_process manually"},
		{"web identity", "[profile w]\nrole_arn = arn:aws:iam::123456789012:role/x\nweb_identity_token_file = /nonexistent\n", "w", nil, "unable to read file at /nonexistent", "`aws sts get-caller-identity --profile w`"},
		{"nothing", "", "", nil, "no AWS credentials in the environment or in the default profile: no EC2 IMDS role found", "set AWS_PROFILE"},
		{"metadata service unreachable", "", "", func(t *testing.T, _ string) {
			t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
			t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
			t.Setenv("AWS_EC2_METADATA_V1_DISABLED", "true")
		}, "no AWS credentials in the environment or in the default profile: no EC2 IMDS role found", "set AWS_PROFILE"},
		{"container unreachable", "", "", func(t *testing.T, _ string) { t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/") }, "the container credentials endpoint provides no credentials", "AWS_CONTAINER_CREDENTIALS_FULL_URI"},
		{"missing profile", session + dev, "prod", nil, `profile "prod" does not exist`, "aws configure list-profiles"},
		{"missing source profile", "[profile a]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = gone\n", "a", nil, `profile "gone" does not exist`, "aws configure list-profiles"},
		{"broken section", "[default]\n[profile dev\nsso_session = corp\n", "dev", nil, `profile "dev" does not exist`, "line 2 of "},
		{"broken setting", "[profile dev]\n# a comment\naws_access_key_id hunter2\n", "dev", nil, `no AWS credentials in profile "dev"`, "line 3 of "},
		{"half of a key", "[profile dev]\naws_access_key_id = AKIA\n", "dev", nil, "invalid AWS configuration: error fetching config from profile, dev", "config"},
		{"missing SSO session", dev, "dev", nil, "failed to find SSO session section, corp", "config"},
		{"MFA", "[profile m]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = s\nmfa_serial = arn:aws:iam::123456789012:mfa/x\n[profile s]\naws_access_key_id = a\naws_secret_access_key = b\n", "m", nil, `profile "m" needs an MFA code`, "aws configure export-credentials --profile m --format env"},
		{"unreadable file", "", "", func(t *testing.T, home string) { t.Setenv("AWS_CONFIG_FILE", home) }, ": read all: read ", "AWS_CONFIG_FILE"},
		{"no such certificates", "", "", func(t *testing.T, _ string) { t.Setenv("AWS_CA_BUNDLE", "/nonexistent") }, "invalid AWS configuration: open /nonexistent", "AWS_ environment variables"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			home := machine(t, test.config)
			if test.prepare != nil {
				test.prepare(t, home)
			}
			begin := time.Now()
			conn, err := awsconn.Load(t.Context(), awsconn.Options{Region: "us-east-1", Profile: test.profile})
			if err == nil {
				_, err = conn.Account(t.Context())
			}
			message, hint, ok := shell.ExplainAWS(err)
			if !ok || !strings.Contains(message, test.message) || !strings.Contains(hint, test.hint) || strings.Contains(message+hint, "\n") {
				t.Errorf("%v\nis explained as %q\nhint %q", err, message, hint)
			}
			if strings.Contains(err.Error()+message+hint, "hunter2") {
				t.Errorf("a secret is shown: %v; %q; %q", err, message, hint)
			}
			if took := time.Since(begin); took > 30*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// TestRoleThatMayNotBeAssumed checks that AWS's own reason is shown, and not that
// of the request that the credentials were for.
func TestRoleThatMayNotBeAssumed(t *testing.T) {
	machine(t, "[profile a]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = s\n[profile s]\naws_access_key_id = a\naws_secret_access_key = b\n")
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: u is not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>`))
	}))
	defer sts.Close()
	t.Setenv("AWS_ENDPOINT_URL_STS", sts.URL)
	conn, err := awsconn.Load(t.Context(), awsconn.Options{Region: "us-east-1", Profile: "a"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Account(t.Context())
	message, hint, ok := shell.ExplainAWS(err)
	if !ok || !strings.Contains(message, "AccessDenied: User: u is not authorized to perform: sts:AssumeRole") || !strings.Contains(hint, "sts:AssumeRole") {
		t.Errorf("%v\nis explained as %q\nhint %q", err, message, hint)
	}
	var failed *awsconn.CredentialsError
	if !errors.As(err, &failed) {
		t.Errorf("%v is no CredentialsError", err)
	}
}

// TestCredentialsAreReplaced checks that given credentials are used instead of those of the
// environment, and instead of the dummy ones.
func TestCredentialsAreReplaced(t *testing.T) {
	machine(t, "")
	t.Setenv("AWS_ACCESS_KEY_ID", "environment")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "environment")
	given := credentials.NewStaticCredentialsProvider("given", "secret", "session")
	for _, anonymous := range []bool{false, true} {
		conn, err := awsconn.Load(t.Context(), awsconn.Options{Region: "us-east-1", EndpointURL: "http://127.0.0.1", Anonymous: anonymous, Credentials: given})
		if err != nil {
			t.Fatal(err)
		}
		got, err := conn.Config().Credentials.Retrieve(t.Context())
		if err != nil || got.AccessKeyID != "given" || got.SessionToken != "session" {
			t.Errorf("anonymous %v: the credentials are those of %s, %v", anonymous, got.AccessKeyID, err)
		}
	}
}
