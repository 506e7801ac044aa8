package awsconn_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak/internal/awsconn"
)

func TestProfiles(t *testing.T) {
	dir := t.TempDir()
	config, credentials := filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	for file, text := range map[string]string{
		config:      "[default]\nregion = us-east-1\n[ profile dev ]\nx=[profile no]\n[profile \"my own\"] # mine\n[sso-session corp]\n[services local]\n[stray]\n",
		credentials: "[dev]\naws_access_key_id = AKIA\n[ ci ]\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("AWS_CONFIG_FILE", config)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", credentials)
	if got, want := awsconn.Profiles(), []string{"ci", "default", "dev", "my own"}; !slices.Equal(got, want) {
		t.Errorf("profiles %q, want %q", got, want)
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "none"))
	if got, want := awsconn.Profiles(), []string{"ci", "dev"}; !slices.Equal(got, want) {
		t.Errorf("without a config file: profiles %q, want %q", got, want)
	}
}

// TestRegions compares the list of regions with the endpoints in the SDK.
func TestRegions(t *testing.T) {
	t.Parallel()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2/service/ssm").Output()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "internal", "endpoints", "endpoints.go"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, m := range regexp.MustCompile(`Region: "([a-z0-9-]+)"`).FindAllStringSubmatch(string(source), -1) {
		if !strings.Contains(m[1], "fips") && !strings.Contains(m[1], "-iso") {
			want = append(want, m[1])
		}
	}
	slices.Sort(want)
	if got := awsconn.Regions(); !slices.Equal(got, slices.Compact(want)) {
		t.Errorf("got %q, and the SDK has %q", got, want)
	}
}
