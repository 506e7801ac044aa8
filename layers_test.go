package ssmbak_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/ssmbak/ssmbak"

// list runs go list and returns its lines.
func list(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.Fields(string(out))
}

// TestLayers checks that imports point inwards only: every package has a row, and may
// import only the packages of this module that are in it.
func TestLayers(t *testing.T) {
	t.Parallel()
	allowed := map[string][]string{
		"":                              {},
		"/timeline":                     {""},
		"/pattern":                      {""},
		"/changeset":                    {"", "/pattern"},
		"/plan":                         {"", "/timeline", "/pattern"},
		"/archive":                      {"", "/timeline", "/archive/internal/bucket", "/archive/internal/legacy", "/pattern", "/plan"},
		"/archive/internal/bucket":      {"", "/internal/awsclock"},
		"/archive/internal/legacy":      {"", "/timeline", "/archive/internal/bucket"},
		"/paramstore":                   {"", "/internal/awsclock"},
		"/recorder":                     {"", "/timeline", "/archive", "/paramstore", "/pattern", "/internal/drill"},
		"/restore":                      {"", "/timeline", "/archive", "/paramstore", "/pattern", "/plan", "/recorder"},
		"/verify":                       {"", "/timeline", "/archive", "/paramstore", "/pattern"},
		"/internal/acceptance":          {},
		"/internal/awsclock":            {},
		"/internal/awsconn":             {},
		"/internal/bench":               {},
		"/internal/function":            {"", "/archive", "/internal/awsconn", "/internal/signkey", "/paramstore", "/pattern", "/recorder", "/verify"},
		"/internal/drill":               {"", "/timeline", "/archive", "/paramstore", "/plan"},
		"/internal/health":              {"", "/timeline", "/archive", "/paramstore", "/internal/awsconn"},
		"/internal/history":             {"", "/timeline", "/archive", "/plan", "/internal/awsconn", "/internal/cli/render"},
		"/internal/permission":          {"", "/internal/awsconn"},
		"/internal/pipeline":            {"", "/timeline", "/archive", "/paramstore", "/pattern", "/plan", "/restore"},
		"/internal/signkey":             {},
		"/internal/ui":                  {"", "/timeline", "/archive", "/changeset", "/pattern", "/plan", "/restore", "/internal/awsconn", "/internal/cli/render", "/internal/cli/shell", "/internal/history"},
		"/internal/version":             {},
		"/internal/emulator":            {"/internal/emulator/cfnapi", "/internal/emulator/s3api", "/internal/emulator/ssmapi"},
		"/internal/emulator/cfnapi":     {},
		"/internal/emulator/s3api":      {},
		"/internal/emulator/ssmapi":     {},
		"/internal/stack":               {"", "/archive", "/internal/awsconn", "/internal/signkey", "/pattern", "/internal/stack/code"},
		"/internal/stack/code":          {"/internal/version"},
		"/internal/stack/code/makezips": {"/internal/stack/code", "/internal/version"},
		"/internal/cli/errorcode":       {"", "/archive", "/paramstore", "/pattern", "/plan", "/recorder", "/internal/cli/shell"},
		"/internal/cli/export":          {},
		"/internal/cli/render":          {"", "/archive", "/changeset", "/plan", "/restore"},
		"/internal/cli/shell":           {"/internal/awsconn", "/internal/cli/render", "/internal/version"},
		"/internal/cli/ssmbak": {
			"", "/timeline", "/archive", "/changeset", "/paramstore", "/pattern", "/plan", "/recorder", "/restore", "/verify", "/internal/awsconn", "/internal/cli/errorcode", "/internal/cli/export", "/internal/cli/render",
			"/internal/cli/shell", "/internal/emulator", "/internal/emulator/ssmapi", "/internal/drill", "/internal/health", "/internal/history", "/internal/permission", "/internal/signkey", "/internal/stack", "/internal/ui", "/internal/version",
		},
		"/internal/cli/stack": {
			"", "/archive", "/paramstore", "/recorder", "/internal/awsconn", "/internal/health", "/internal/cli/errorcode", "/internal/cli/render", "/internal/cli/shell", "/internal/pipeline", "/internal/signkey", "/internal/stack", "/internal/stack/code",
			"/internal/version",
		},
		"/internal/manual":               {"/internal/cli/shell", "/internal/cli/ssmbak", "/internal/cli/stack"},
		"/internal/release":              {"/internal/cli/shell", "/internal/cli/ssmbak", "/internal/cli/stack", "/internal/manual", "/internal/version"},
		"/internal/simulation":           {"/internal/awsconn", "/internal/emulator", "/internal/emulator/s3api", "/internal/emulator/ssmapi"},
		"/internal/simulation/recording": {},
		"/internal/simulation/restoring": {},
		"/internal/simulation/sweep":     {},
		"/internal/simulation/mutate":    {},
		"/internal/testkit/documents":    {},
		"/internal/testkit/errortypes":   {},
		"/internal/testkit/extent":       {},
		"/internal/testkit/moto":         {"/internal/awsconn", "/internal/testkit/program"},
		"/internal/testkit/program":      {},
		"/internal/testkit/recorded":     {},
		"/internal/testkit/script":       {"/internal/cli/shell"},
		"/internal/testkit/testworld":    {"", "/timeline", "/archive", "/internal/awsconn", "/internal/emulator", "/internal/signkey", "/paramstore", "/recorder"},
		"/internal/testkit/runtimeapi":   {"/internal/emulator"},
		"/cmd/ssmbak-stack":              {"/internal/cli/shell", "/internal/cli/stack"},
		"/cmd/ssmbak":                    {"/internal/cli/shell", "/internal/cli/ssmbak"},
		"/cmd/ssmbak-lambda":             {"/internal/function", "/internal/version", "/pattern"},
	}
	for _, imports := range list(t, "-f", `{{.ImportPath}},{{join .Imports ","}}`, module+"/...") {
		path, deps, _ := strings.Cut(imports, ",")
		row := strings.TrimPrefix(path, module)
		may, ok := allowed[row]
		if !ok {
			t.Errorf("%s has no row that says what it may import", path)
		}
		delete(allowed, row)
		for _, dep := range strings.Split(deps, ",") {
			own, ok := strings.CutPrefix(dep, module)
			if ok && !slices.Contains(may, own) {
				t.Errorf("%s imports %s, which is not further in", path, dep)
			}
		}
	}
	for row := range allowed {
		t.Errorf("there is no package %s, which has a row", module+row)
	}
	for _, pure := range []string{"", "/timeline", "/internal/emulator", "/internal/emulator/cfnapi", "/internal/emulator/s3api", "/internal/emulator/ssmapi"} {
		for _, dep := range list(t, "-deps", "-f", `{{if not .Standard}}{{.ImportPath}}{{end}}`, module+pure) {
			if !strings.HasPrefix(dep, module) {
				t.Errorf("%s links %s, and is to need the standard library only", module+pure, dep)
			}
		}
	}
}

// TestFunctionLinks checks the list of modules in the Lambda function: each entry delays
// its first event.
func TestFunctionLinks(t *testing.T) {
	t.Parallel()
	want := []string{
		"github.com/aws/aws-lambda-go",
		"github.com/aws/aws-sdk-go-v2",
		"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream",
		"github.com/aws/aws-sdk-go-v2/config",
		"github.com/aws/aws-sdk-go-v2/credentials",
		"github.com/aws/aws-sdk-go-v2/feature/ec2/imds",
		"github.com/aws/aws-sdk-go-v2/internal/configsources",
		"github.com/aws/aws-sdk-go-v2/internal/endpoints/v2",
		"github.com/aws/aws-sdk-go-v2/internal/v4a",
		"github.com/aws/aws-sdk-go-v2/service/internal/accept-encoding",
		"github.com/aws/aws-sdk-go-v2/service/internal/checksum",
		"github.com/aws/aws-sdk-go-v2/service/internal/presigned-url",
		"github.com/aws/aws-sdk-go-v2/service/internal/s3shared",
		"github.com/aws/aws-sdk-go-v2/service/kms",
		"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi",
		"github.com/aws/aws-sdk-go-v2/service/s3",
		"github.com/aws/aws-sdk-go-v2/service/signin",
		"github.com/aws/aws-sdk-go-v2/service/ssm",
		"github.com/aws/aws-sdk-go-v2/service/sso",
		"github.com/aws/aws-sdk-go-v2/service/ssooidc",
		"github.com/aws/aws-sdk-go-v2/service/sts",
		"github.com/aws/smithy-go",
		"github.com/bmatcuk/doublestar/v4",
		module,
		"golang.org/x/sync",
	}
	got := list(t, "-deps", "-f", `{{with .Module}}{{.Path}}{{end}}`, module+"/cmd/ssmbak-lambda")
	slices.Sort(got)
	if got = slices.Compact(got); !slices.Equal(got, want) {
		t.Errorf("the function links %q, want %q", got, want)
	}
}

// TestOnlyTheRecorderRecords checks that nothing else makes a writer of an archive.
func TestOnlyTheRecorderRecords(t *testing.T) {
	t.Parallel()
	for _, line := range list(t, "-f", `{{$dir := .Dir}}{{range .GoFiles}}{{$dir}}/{{.}} {{end}}`, module+"/...") {
		text, err := os.ReadFile(line)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("archive.NewWriter(")) && filepath.Base(filepath.Dir(line)) != "recorder" {
			t.Errorf("%s makes an archive.Writer", line)
		}
	}
}
