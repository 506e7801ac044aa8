package errorcode_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/errorcode"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/testkit/errortypes"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/restore"
)

// example is an error and its code.
type example struct {
	err  error
	code shell.Kind
}

// examples has every exported error of the library.
var examples = map[string]example{
	"ssmbak.NameError": {&ssmbak.NameError{}, "WrongUsage"},
	"ssmbak.TimeError": {&ssmbak.TimeError{}, "WrongUsage"},
	"pattern.Error":    {&pattern.Error{}, "WrongUsage"},

	"plan.DestinationError": {&plan.DestinationError{}, "WrongUsage"},
	"plan.FileError":        {&plan.FileError{}, "InvalidPlanFile"},
	"plan.UnmatchedError":   {&plan.UnmatchedError{}, "NoMatch"},

	"paramstore.BusyError":       {&paramstore.BusyError{}, "Busy"},
	"paramstore.ErrChanged":      {paramstore.ErrChanged, "Busy"},
	"paramstore.ErrCredentials":  {paramstore.ErrCredentials, "ExpiredCredentials"},
	"paramstore.ErrExists":       {paramstore.ErrExists, "Exists"},
	"paramstore.ErrNotFound":     {paramstore.ErrNotFound, "NotFound"},
	"paramstore.NotSentError":    {&paramstore.NotSentError{Err: &archive.DamagedError{}}, "Damaged"},
	"paramstore.RefusedError":    {&paramstore.RefusedError{}, "Refused"},
	"paramstore.UnreadableError": {&paramstore.UnreadableError{}, "Unavailable"},
	// The commands always configure such a client.
	"paramstore.ErrNoTagging": {paramstore.ErrNoTagging, ""},

	"archive.BudgetError":          {&archive.BudgetError{}, "TooLarge"},
	"archive.ClockError":           {&archive.ClockError{}, "ClockSkewed"},
	"archive.DamagedError":         {&archive.DamagedError{Err: errors.New("cut")}, "Damaged"},
	"archive.DrillInProgressError": {&archive.DrillInProgressError{}, "DrillInProgress"},
	"archive.ErrExpired":           {archive.ErrExpired, "Unavailable"},
	"archive.ErrNoBucket":          {archive.ErrNoBucket, "NoBucket"},
	"archive.ErrNoMark":            {archive.ErrNoMark, "NotFound"},
	"archive.ErrNoRestore":         {archive.ErrNoRestore, "NotFound"},
	"archive.ErrNoTest":            {archive.ErrNoTest, "NotFound"},
	"archive.ErrNothing":           {archive.ErrNothing, "NotFound"},
	"archive.ErrOvertaken":         {archive.ErrOvertaken, ""}, // reconcile continues without keeping its progress
	"archive.FormatError":          {&archive.FormatError{}, "NewerFormat"},
	"archive.HiddenError":          {&archive.HiddenError{}, "Hidden"},
	"archive.MarkExistsError":      {&archive.MarkExistsError{}, "MarkExists"},
	"archive.MismatchError":        {&archive.MismatchError{}, "WrongAccount"},
	"archive.MissingIndexError":    {&archive.MissingIndexError{}, "MissingIndex"},
	"archive.NotReplicatedError":   {&archive.NotReplicatedError{}, "NotReplicated"},
	"archive.NotVersionedError":    {&archive.NotVersionedError{}, "NotVersioned"},
	"archive.SignError":            {&archive.SignError{Err: errors.New("no key")}, "SigningFailed"},
	"archive.SignatureError":       {&archive.SignatureError{Err: errors.New("none")}, "NotSigned"},
	"archive.TooLargeError":        {&archive.TooLargeError{}, "TooLarge"},
	"archive.TooManyMissedError":   {&archive.TooManyMissedError{}, "TooMany"},

	"recorder.ContradictionError": {&recorder.ContradictionError{}, "Contradicted"},
	"recorder.NotSettledError":    {&recorder.NotSettledError{}, ""}, // the function retries
	"recorder.PanicError":         {&recorder.PanicError{}, "InternalError"},

	"restore.NotStartedError": {&restore.NotStartedError{Cause: &paramstore.BusyError{}}, "Busy"},
}

const root = "../../../"

// elsewhere are the internal packages with exported errors, which have tests like
// [TestCodes], or none if their errors never leave the package that imports them.
var elsewhere = []string{
	"archive/internal/bucket", // archive has names for those that leave it
	"internal/awsconn", "internal/cli/export", "internal/cli/render", "internal/cli/shell", "internal/drill", "internal/emulator", "internal/permission",
	"internal/pipeline", "internal/stack", "internal/stack/code",
}

// TestCodes checks that every exported error of the library has a code of docs/output.md.
func TestCodes(t *testing.T) {
	t.Parallel()
	var dirs []string
	for _, dir := range errortypes.Directories(t, root) {
		if !slices.Contains(elsewhere, dir) {
			dirs = append(dirs, root+dir)
		}
	}
	errortypes.Check(t, examples, dirs...)
	documented := documentedCodes(t)
	for name, e := range examples {
		for _, err := range []error{e.err, fmt.Errorf("read /app/db: %w", e.err)} {
			if got := errorcode.Of(err); got != e.code {
				t.Errorf("%s has the code %q, want %q", name, got, e.code)
			}
		}
		if e.code != "" && !slices.Contains(documented, string(e.code)) {
			t.Errorf("docs/output.md does not have the code %s of %s", e.code, name)
		}
	}
	if got := errorcode.Of(context.Canceled); got != "" {
		t.Errorf("another error has the code %q", got)
	}
}

// documentedCodes returns the codes in the table of docs/output.md.
func documentedCodes(t *testing.T) (codes []string) {
	t.Helper()
	text, err := os.ReadFile(root + "docs/output.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Errors\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\| (?:both|ssmbak|ssmbak-stack) \\| .+ \\|$").FindAllStringSubmatch(section, -1) {
		codes = append(codes, row[1])
	}
	return codes
}

// TestCodesAreDocumented checks that the codes of the programs are those of
// docs/output.md, sorted.
func TestCodesAreDocumented(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), root+"internal/cli/shell/codes.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			for _, value := range spec.Values {
				if lit, ok := value.(*ast.BasicLit); ok {
					code, _ := strconv.Unquote(lit.Value)
					codes = append(codes, code)
				}
			}
		}
		return true
	})
	documented := documentedCodes(t)
	for _, code := range codes {
		if !slices.Contains(documented, code) {
			t.Errorf("docs/output.md does not have the code %s", code)
		}
	}
	for _, code := range documented {
		if !slices.Contains(codes, code) {
			t.Errorf("no program has the code %s of docs/output.md", code)
		}
	}
	if !slices.IsSorted(documented) {
		t.Errorf("the codes of docs/output.md are not sorted: %q", documented)
	}
}
