// Package documents finds the command lines in the project's documents, and names the test
// that runs each of them.
package documents

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Command is a command line in a document.
type Command struct {
	Page string // the path of the document in the repository
	Line string // the command, without the indentation, "$ " and a comment at its end
	// Shown is whether the document shows what the command prints: it follows "$ ".
	Shown bool
}

// line matches a command line: an indented line that begins with a program.
var line = regexp.MustCompile(`(?m)^    (\$ )?((?:[A-Z_]+=\S* )*(?:apt|apt-get|aws|brew|curl|docker|dpkg|eval|export|for|git|go|jq|make|npm|openssl|pip|podman|python3|rpm|sha256sum|sleep|source|ssmbak|ssmbak-stack|sudo|terraform) .*|[A-Z_]+=\$\(.*)$`)

// Commands returns the command lines in the documents below root, in order. The generated
// reference and the log of changes have none: TestReference compares that with the programs,
// and these describe what was.
func Commands(t testing.TB, root string) []Command {
	t.Helper()
	var all []Command
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path != root && d.IsDir() && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"dist", "reference", "unreleased"}, d.Name())) {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" || d.Name() == "CHANGELOG.md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		page, err := filepath.Rel(root, path)
		for _, m := range line.FindAllStringSubmatch(string(text), -1) {
			command, _, _ := strings.Cut(m[2], "  #")
			all = append(all, Command{Page: filepath.ToSlash(page), Line: strings.TrimSpace(command), Shown: m[1] != ""})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Test returns the name of the test that runs a command, or why no test runs it as
// the document has it. Both are "" for a command that neither a test runs nor a list names.
func (c Command) Test() (name, why string) {
	if why := exceptions[c.Line]; why != "" {
		return "", why
	}
	switch program, _, _ := strings.Cut(c.Line, " "); {
	case program == "go" || program == "make" || strings.Contains(c.Line, " go test ") || strings.HasPrefix(c.Line, "CGO_ENABLED="):
		return "", "it works on the project itself"
	case c.Shown && c.Page == "docs/worst-day.md":
		return "TestWorstDayDocument", ""
	case c.Shown && strings.HasPrefix(c.Page, "docs/how-to/"):
		return "TestHowTo", ""
	case c.Shown:
		return "", ""
	}
	return pages[c.Page], ""
}

// pages names the tests of the commands whose output is not shown.
var pages = map[string]string{
	"docs/completion.md":            "TestCompletionDocumented",
	"docs/how-to/copy-elsewhere.md": "TestDocumentsOnMoto",
	"docs/how-to/from-python.md":    "TestDocumentsOnMoto",
	"docs/how-to/terraform.md":      "TestDocumentsOnMoto",
	"docs/operations.md":            "TestDocumentsOnMoto",
	"docs/releases.md":              "TestRelease",
	"docs/tutorial.md":              "TestTutorial",
}

// Why no test runs some commands of documents.
const (
	serves  = "it serves until it is interrupted: TestUI and TestDemoUI"
	example = "its times are examples: TestScripts, TestHowTo and TestWorstDayDocument run the command with others"
	signs   = "moto creates no keys that sign: TestScripts runs it in sign.txtar, signed.txtar and checkpoints.txtar"
	replica = "moto cannot list the resources of a stack that replicates: TestScripts runs it in replica.txtar"
	matrix  = "moto has no events: TestBroken and TestEmulatedStack run it in virtual time"
	bucket  = "its bucket is an example: TestTutorial sends the same requests"
	reader  = "its bucket is an example: TestIndependentVerifier runs these programs on archives"
)

// exceptions says of command lines why no test runs them.
var exceptions = map[string]string{
	"ssmbak-stack ssmbak update --region us-east-1 --replica-bucket backup-copy --replica-account 210987654321 --replica-key-arn KEY": replica,
	"ssmbak-stack ssmbak update --replica-bucket ''":                                                                                            replica,
	"aws logs tail /aws/lambda/$(ssmbak-stack ssmbak lambdaname)":                                                                               "only version 2 of the AWS CLI has it: TestQuickstart and TestLogsTail send the same requests",
	"aws s3api get-object --bucket BUCKET --key /app/db --version-id ID value.txt":                                                              bucket,
	"aws s3api get-object --bucket BUCKET --key /app/db value.txt":                                                                              bucket,
	"aws s3api list-object-versions --bucket BUCKET --prefix /app/db":                                                                           bucket,
	"aws ssm get-parameters-by-path --path / --recursive --with-decryption > dump.json":                                                         "it shows how a script without ssmbak reads all parameters: TestTutorial sends such a request",
	"export AWS_PROFILE=sandbox":                                                                                                                "it sets a variable for a test that needs a live account",
	"jq '.items[] | select(.attributes | index(\"description\")) | [.name, .before.version.description, .after.version.description]' plan.json": "no test needs jq without a variable that demands it: TestDocumentFields compares the fields",
	"python3 docs/reader/reader.py s3://BUCKET 2024-06-13T20:10:54.123Z /app/ ssmbak.pem":                                                       reader,
	"python3 docs/reader/verify.py s3://BUCKET ssmbak.pem":                                                                                      reader,
	"ssmbak demo --ui": serves,
	"ssmbak diff /app before:2024-06-13T20:10:54.417Z -R --exact":                               example,
	"ssmbak diff /app before:2024-06-13T20:10:54.417Z -R":                                       example,
	"ssmbak log /app -R --since 1d --patch":                                                     example,
	"ssmbak log /app -R --since 1d --sets":                                                      example,
	"ssmbak log /app -R --since 1d":                                                             example,
	"ssmbak preview / now -R":                                                                   example,
	"ssmbak restore --plan plan.json --dry-run":                                                 example,
	"ssmbak restore --plan plan.json --plan-sha256 HEX":                                         example,
	"ssmbak restore --plan plan.json":                                                           example,
	"ssmbak restore /app --recursive --check":                                                   example,
	"ssmbak restore /app before:2024-06-13T20:10:00.000Z --recursive --dry-run --out plan.json": example,
	"ssmbak restore /app before:2024-06-13T20:10:00.000Z --recursive":                           example,
	"ssmbak restore /app before:2024-06-13T20:10:54.417Z -R --exact":                            example,
	"ssmbak restore /app before:2024-06-13T20:10:54.417Z -R":                                    example,
	"ssmbak restore /app/ 2024-06-13T20:10:54Z --exact --dry-run --out plan.json":               example,
	"ssmbak revert /app before:2024-06-13T20:10:54.417Z 2024-06-13T20:12:00Z -R":                example,
	"ssmbak status --output json | jq -r .Checkpoint > checkpoint.txt":                          signs,
	"ssmbak status --report --output markdown":                                                  example,
	"ssmbak status":                     example,
	"ssmbak ui --allow-restore":         serves,
	"ssmbak ui /app --allow-restore":    serves,
	"ssmbak ui /app --report page.html": serves,
	"ssmbak ui":                         serves,
	"ssmbak undo last":                  example,
	"ssmbak undo":                       example,
	"ssmbak verify --bucket COPY --bucket-owner 210987654321":                            "its bucket is an example: TestHowTo verifies a copy",
	"ssmbak verify --public-key ssmbak.pem --known-checkpoint \"$(cat checkpoint.txt)\"": signs,
	"ssmbak-stack ssmbak public-key > ssmbak.pem":                                        signs,
	"ssmbak-stack ssmbak status":                                                         matrix,
	"ssmbak-stack ssmbak test":                                                           matrix,
	"ssmbak preview /app 2h --recursive --public-key ssmbak.pem":                         signs,
}

// Exceptions returns the command lines that no test runs, and why.
func Exceptions() map[string]string { return exceptions }
