package main_test

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak/internal/stack/code"
	"github.com/ssmbak/ssmbak/internal/testkit/program"
)

// TestQuickstart follows the quickstart on `ssmbak local` with the programs and the AWS CLI.
// The stack has the real functions, whose code the local AWS keeps and shows but does not run:
// its recorder is the same package in its own process. TestLife runs the functions themselves.
// Only the second version of the AWS CLI has `logs tail`; the first one sends the same request
// with filter-log-events, and TestLogsTail those of `tail --follow`.
func TestQuickstart(t *testing.T) {
	t.Parallel()
	program.Need(t, "aws", "SSMBAK_REQUIRE_AWS_CLI", "pip install awscli")
	ssmbak, command, dir := program.Build(t, "ssmbak"), program.Build(t, "ssmbak-stack"), t.TempDir()
	architecture := "x86_64" // that of TestLife, so that both compile the same
	if runtime.GOARCH == "arm64" {
		architecture = "arm64"
	}
	functions, err := code.Build(t.Context(), architecture, "v1.2.3", ".")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "functions.zip"), functions.Bytes, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	digest, err := hex.DecodeString(functions.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	local := exec.CommandContext(t.Context(), ssmbak, "local", "--port", "0")
	local.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	stdout, err := local.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := local.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = local.Process.Signal(os.Interrupt)
		if err := local.Wait(); err != nil {
			t.Errorf("ssmbak local ended with %v", err)
		}
	}()
	var exports []string
	for scanner := bufio.NewScanner(stdout); len(exports) < 4 && scanner.Scan(); {
		exports = append(exports, scanner.Text())
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	script := `set -eu
PATH=` + filepath.Dir(command) + `:` + filepath.Dir(ssmbak) + `:$PATH
` + strings.Join(exports, "\n") + `
unset SSMBAK_BUCKET
aws ssm put-parameter --name /testyssmbak/0 --value before --type String >/dev/null
ssmbak-stack ssmbak create --code functions.zip --architecture ` + architecture + `
echo "function $(ssmbak-stack ssmbak lambdaname)"
echo "bucket $(ssmbak-stack ssmbak bucketname)"
aws ssm put-parameter --name /testyssmbak/1 --value initial --type String >/dev/null
sleep 1
ssmbak preview /testyssmbak now -R
echo "digest $(aws lambda get-function --function-name "$(ssmbak-stack ssmbak lambdaname)" --query Configuration.CodeSha256 --output text)"
echo "outputs $(aws cloudformation describe-stacks --stack-name ssmbak --query 'length(Stacks[0].Outputs)')"
case $(aws --version 2>&1) in
aws-cli/1.*) aws logs filter-log-events --log-group-name /aws/lambda/$(ssmbak-stack ssmbak lambdaname) --interleaved --start-time $(( ($(date +%s) - 600) * 1000 )) --query 'events[].message' --output text ;;
*) aws logs tail /aws/lambda/$(ssmbak-stack ssmbak lambdaname) ;;
esac
ssmbak-stack ssmbak delete --yes
`
	run := exec.CommandContext(t.Context(), "bash", "-c", script)
	run.Dir, run.Env = dir, []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"\n2 parameters are recorded, and every change from now on.\n", "\ndigest " + base64.StdEncoding.EncodeToString(digest) + "\n", "\nfunction ssmbak-recorder\n", "\nbucket ssmbak-local\n", "| /testyssmbak/1 | initial |", `"msg":"recorded","name":"/testyssmbak/1"`, "\noutputs 11\n",
		"\nThe stack ssmbak was deleted.\n",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the quickstart does not print %q:\n%s", want, out)
		}
	}
}
