package ssmbak_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// sdk are the modules of the AWS SDK that its clients import themselves.
const sdk = "part of the AWS SDK that every client or its configuration needs"

// linked are the modules of the programs, with the reason for each. The size of a program
// is mostly that of the SDK's clients. In ssmbak it is all of their operations, 18 MB, and
// not only those that it calls: html/template, with which the page is written, finds methods
// by their names, so that the linker cannot drop any.
var linked = map[string]string{
	"github.com/aws/aws-sdk-go-v2":                                  "requests to AWS",
	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream":         "responses of S3 Select and of Lambda in the generated clients",
	"github.com/aws/aws-sdk-go-v2/config":                           "the profiles, variables and roles that every AWS tool reads",
	"github.com/aws/aws-sdk-go-v2/credentials":                      sdk,
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds":                 sdk,
	"github.com/aws/aws-sdk-go-v2/internal/configsources":           sdk,
	"github.com/aws/aws-sdk-go-v2/internal/endpoints/v2":            sdk,
	"github.com/aws/aws-sdk-go-v2/internal/v4a":                     sdk,
	"github.com/aws/aws-sdk-go-v2/service/internal/accept-encoding": sdk,
	"github.com/aws/aws-sdk-go-v2/service/internal/checksum":        sdk,
	"github.com/aws/aws-sdk-go-v2/service/internal/presigned-url":   sdk,
	"github.com/aws/aws-sdk-go-v2/service/internal/s3shared":        sdk,
	"github.com/aws/aws-sdk-go-v2/service/signin":                   sdk,
	"github.com/aws/aws-sdk-go-v2/service/sso":                      sdk,
	"github.com/aws/aws-sdk-go-v2/service/ssooidc":                  sdk,
	"github.com/aws/aws-sdk-go-v2/service/sts":                      "the caller's account",
	"github.com/aws/aws-sdk-go-v2/service/cloudformation":           "the stack, and what it says to status",
	"github.com/aws/aws-sdk-go-v2/service/iam":                      "restore --check, which asks what the caller may do",
	"github.com/aws/aws-sdk-go-v2/service/kms":                      "signatures, and keys in status",
	"github.com/aws/aws-sdk-go-v2/service/lambda":                   "the functions: their code and their first fill",
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi": "the tags of a hundred parameters in one request",
	"github.com/aws/aws-sdk-go-v2/service/s3":                       "the archive",
	"github.com/aws/aws-sdk-go-v2/service/sqs":                      "the queues in status and redrive",
	"github.com/aws/aws-sdk-go-v2/service/ssm":                      "Parameter Store",
	"github.com/aws/smithy-go":                                      sdk,
	"github.com/aws/aws-lambda-go":                                  "the Lambda runtime API and its events",
	"github.com/bmatcuk/doublestar/v4":                              "patterns of names",
	"golang.org/x/sync":                                             "groups and limits of goroutines",
	"github.com/spf13/cobra":                                        "commands and completions",
	"github.com/spf13/pflag":                                        "flags",
	"github.com/jedib0t/go-pretty/v6":                               "tables",
	"github.com/mattn/go-runewidth":                                 "the width of a character at a terminal, of go-pretty and mpb",
	"github.com/rivo/uniseg":                                        "of go-pretty and mpb",
	"github.com/vbauerster/mpb/v8":                                  "progress bars",
	"github.com/VividCortex/ewma":                                   "of mpb",
	"github.com/acarl005/stripansi":                                 "of mpb",
	"github.com/rogpeppe/go-internal":                               "differences of texts by line",
	"go.yaml.in/yaml/v3":                                            "YAML templates and the values of export",
	"golang.org/x/mod":                                              "versions of programs",
	"golang.org/x/sys":                                              "of golang.org/x/term",
	"golang.org/x/term":                                             "terminals",
	"golang.org/x/text":                                             "whether an exported value is normalized, which readers of dotenv files may change",
}

// TestLinked checks that each program links only modules with a reason, and that each
// reason is that of a module that is linked.
func TestLinked(t *testing.T) {
	t.Parallel()
	unused := maps.Clone(linked)
	for _, program := range []string{"ssmbak", "ssmbak-stack", "ssmbak-lambda"} {
		got := list(t, "-deps", "-tags", "lambda.norpc", "-f", `{{with .Module}}{{.Path}}{{end}}`, module+"/cmd/"+program)
		slices.Sort(got)
		for _, path := range slices.Compact(got) {
			if path != module && linked[path] == "" {
				t.Errorf("%s links %s: give its reason", program, path)
			}
			delete(unused, path)
		}
	}
	if len(unused) > 0 {
		t.Errorf("no program links %s", strings.Join(slices.Sorted(maps.Keys(unused)), ", "))
	}
}
