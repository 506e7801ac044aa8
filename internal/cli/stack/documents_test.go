package stackcli_test

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	ssmbakcli "github.com/ssmbak/ssmbak/internal/cli/ssmbak"
	stackcli "github.com/ssmbak/ssmbak/internal/cli/stack"
	"github.com/ssmbak/ssmbak/internal/testkit/documents"
	"github.com/ssmbak/ssmbak/internal/testkit/extent"
	"github.com/ssmbak/ssmbak/internal/testkit/moto"
	"github.com/ssmbak/ssmbak/internal/testkit/program"
)

// runAs runs the program whose name this process has, if a test started it by such a name.
func runAs() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	env := shell.Env{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}
	switch filepath.Base(os.Args[0]) {
	case "ssmbak":
		os.Exit(ssmbakcli.Main(ctx, ssmbakcli.Env{Env: env}))
	case "ssmbak-stack":
		os.Exit(stackcli.Main(ctx, stackcli.Env{Version: "v1.2.3", FindCode: (&world{}).find, Poll: 20 * time.Millisecond, Env: env}))
	}
}

// terminal is a shell in a directory of its own, in which both programs are installed.
type terminal struct {
	*testing.T
	dir string
	env []string
}

// open returns a terminal with variables of the environment.
func open(t *testing.T, env ...string) *terminal {
	t.Helper()
	program.Need(t, "aws", "SSMBAK_REQUIRE_AWS_CLI", "pip install awscli")
	program.Need(t, "jq", "SSMBAK_REQUIRE_AWS_CLI", "apt-get install jq")
	dir, err := filepath.EvalSymlinks(t.TempDir())
	self, err2 := os.Executable()
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"ssmbak": self, "ssmbak-stack": self, "docs": filepath.Join(root, "docs")} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	return &terminal{t, dir, append([]string{"HOME=" + dir, "PATH=" + dir + ":" + os.Getenv("PATH"), "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true"}, env...)}
}

// run runs a line, which must end with 0.
func (t *terminal) run(line string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-o", "pipefail", "-c", line)
	cmd.Dir, cmd.Env = t.dir, t.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

// story is what happens around the commands of a page.
type story struct {
	before  string            // commands that run first
	between map[string]string // commands that run before one of the page's
	replace []string          // what the page leaves open, and what it is here: a text or a command
}

// play runs the commands of a page that a test runs.
func (t *terminal) play(test, page string, s story) {
	t.Helper()
	n := 0
	lines := make(map[string]bool)
	if s.before != "" {
		t.run(s.before)
	}
	for _, c := range documents.Commands(t, "../../..") {
		if name, _ := c.Test(); c.Page != page || name != test {
			continue
		}
		n++
		lines[c.Line] = true
		if s.between[c.Line] != "" {
			t.run(s.between[c.Line])
		}
		t.run(strings.NewReplacer(s.replace...).Replace(c.Line))
	}
	if n == 0 {
		t.Errorf("%s has no command", page)
	}
	for line := range s.between {
		if !lines[line] {
			t.Errorf("%s has no command %q", page, line)
		}
	}
}

// onMoto are the pages that show stacks, whose template moto evaluates.
func onMoto(t *testing.T) map[string]story {
	t.Helper()
	legacy, err := filepath.Abs("../../stack/testdata/legacy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	legacy = "aws cloudformation create-stack --stack-name ssmbak --capabilities CAPABILITY_IAM --parameters ParameterKey=Version,ParameterValue=1.0 --template-body file://" + legacy
	return map[string]story{
		"docs/how-to/copy-elsewhere.md": {},
		"docs/how-to/terraform.md": {
			before: "aws s3api create-bucket --bucket my-artifacts && aws s3api put-bucket-versioning --bucket my-artifacts --versioning-configuration Status=Enabled",
			replace: []string{
				"--code-key KEY", "--code-key $(jq -r '.Zips[]|select(.Architecture==\"arm64\").Key' code.json)",
				"--code-version ID", "--code-version $(jq -r '.Zips[]|select(.Architecture==\"arm64\").ObjectVersion' code.json)",
			},
		},
		"docs/how-to/from-python.md": {before: legacy, replace: []string{"NAME", "ssmbak"}},
		"docs/operations.md": {
			replace: []string{"NAME", "ssmbak", "none|aes256|kms", "kms", "BUCKET", "$(cat bucket)", "--key-arn KEY", "$(cat key)"},
			between: map[string]string{
				"ssmbak-stack ssmbak create --bucket BUCKET --key-arn KEY": "ssmbak-stack ssmbak bucketname > bucket && ssmbak-stack ssmbak delete --yes > deleted && grep -o -- '--key-arn [^ `]*' deleted > key",
			},
		},
	}
}

// TestDocumentsOnMoto runs the commands of documents that need a stack of CloudFormation. It
// takes minutes, and runs with SSMBAK_LONG.
func TestDocumentsOnMoto(t *testing.T) {
	t.Parallel()
	if !extent.Long() {
		t.Skip("SSMBAK_LONG=1 runs it: it creates stacks on moto")
	}
	endpoint := moto.StartForStacks(t)
	for page, s := range onMoto(t) {
		t.Run(strings.ReplaceAll(page, "/", "_"), func(t *testing.T) {
			moto.Reset(t, endpoint)
			open(t, "AWS_ENDPOINT_URL="+endpoint, "AWS_REGION="+moto.Region, "AWS_DEFAULT_REGION="+moto.Region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test").
				play("TestDocumentsOnMoto", page, s)
		})
	}
}
