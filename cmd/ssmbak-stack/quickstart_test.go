package main_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak/internal/testkit/program"
)

// emptyFunctions writes a zip with a program that does nothing.
func emptyFunctions(t *testing.T, path string) {
	t.Helper()
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	h := &zip.FileHeader{Name: "bootstrap"}
	h.SetMode(0o755)
	in, err := z.CreateHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	header := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_AARCH64), Version: uint32(elf.EV_CURRENT), Ehsize: 64}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS], header.Ident[elf.EI_DATA], header.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	if err := binary.Write(in, binary.LittleEndian, &header); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestQuickstart follows the quickstart on `ssmbak local` with the programs and the AWS CLI.
// Only the second version of the AWS CLI has `logs tail`; the first one reads the same with
// filter-log-events.
func TestQuickstart(t *testing.T) {
	t.Parallel()
	program.Need(t, "aws", "SSMBAK_REQUIRE_AWS_CLI", "pip install awscli")
	ssmbak, command, dir := program.Build(t, "ssmbak"), program.Build(t, "ssmbak-stack"), t.TempDir()
	emptyFunctions(t, filepath.Join(dir, "functions.zip"))
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
ssmbak-stack ssmbak create --code functions.zip
echo "function $(ssmbak-stack ssmbak lambdaname)"
echo "bucket $(ssmbak-stack ssmbak bucketname)"
aws ssm put-parameter --name /testyssmbak/1 --value initial --type String >/dev/null
sleep 1
ssmbak preview /testyssmbak now -R
echo "digest $(aws lambda get-function --function-name "$(ssmbak-stack ssmbak lambdaname)" --query Configuration.CodeSha256 --output text)"
echo "outputs $(aws cloudformation describe-stacks --stack-name ssmbak --query 'length(Stacks[0].Outputs)')"
case $(aws --version 2>&1) in
aws-cli/1.*) aws logs filter-log-events --log-group-name /aws/lambda/$(ssmbak-stack ssmbak lambdaname) --query 'events[].message' --output text ;;
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
		"\nfunction ssmbak-recorder\n", "\nbucket ssmbak-local\n", "| /testyssmbak/1 | initial |", `"msg":"recorded","name":"/testyssmbak/1"`, "\noutputs 11\n",
		"\nThe stack ssmbak was deleted.\n",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the quickstart does not print %q:\n%s", want, out)
		}
	}
}
