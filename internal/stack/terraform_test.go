package stack

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/ssmbak/ssmbak/internal/testkit/program"
)

// moduleDir is the Terraform module, whose variables and parameters are generated from the
// settings.
const moduleDir = "../../terraform"

// verifyEvery is the number of hours between verifications, one day for none.
const verifyEvery = `(var.verify == "off" ? 24 : tonumber(regexall("[0-9]+", var.verify)[0]) * (length(regexall("day", var.verify)) > 0 ? 24 : 1))`

// fromCode are the parameters that the variable code of the module gives, and those that are
// derived from other ones, as expressions.
var fromCode = map[string]string{
	parameterVersion: "var.code.Version", parameterCodeBucket: "var.code.Bucket", parameterCodeKey: "local.zip.Key", parameterCodeVersion: "local.zip.ObjectVersion",
	parameterCodeSHA256: "local.zip.Sha256", parameterCodePrefix: `""`, parameterSignSince: "var.sign_since", parameterVisibility: "tostring(ceil(var.timeout / 10) * 60)",
	parameterVerifyHours: "tostring(max(72, 3 * ceil(100 / var.verify_sample) * " + verifyEvery + "))", parameterVerifyMiss: "tostring(min(168, max(3, 3 * " + verifyEvery + ")))",
}

const fixedVariables = `
variable "name" {
  type        = string
  default     = "ssmbak"
  description = "name of the stack"
}

variable "code" {
  type = object({
    Version     = string
    Bucket      = string
    TemplateUrl = string
    Zips = list(object({
      Architecture  = string
      Key           = string
      ObjectVersion = string
      Sha256        = string
    }))
  })
  description = "what ssmbak-stack publish --output json prints"
}

variable "iam_role_arn" {
  type        = string
  default     = null
  description = "role with which CloudFormation changes the stack (default: the caller)"
}

variable "tags" {
  type        = map(string)
  default     = {}
  description = "tags of the stack, which CloudFormation adds to its resources"
}

variable "sign_since" {
  type        = string
  default     = ""
  description = "time from which the archive is signed, such as 2024-06-13T20:10:54Z; required if sign is on"
}
`

// moduleVariables returns variables.tf.
func moduleVariables(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Generated from the settings of ssmbak-stack: see CONTRIBUTING.md.\n" + fixedVariables)
	kinds := section(source(t), "Parameters")
	for _, s := range Settings() {
		if fromCode[s.Parameter] != "" {
			continue
		}
		kind, value := "string", strconv.Quote(s.Default)
		switch {
		case s.List:
			kind, value = "list(string)", "[]"
		case kinds[s.Parameter].(map[string]any)["Type"] == "Number":
			kind, value = "number", s.Default
		}
		fmt.Fprintf(&b, "\nvariable %q {\ntype = %s\n", variable(s), kind)
		if s.Parameter != parameterAdminArns { // the command takes its caller
			fmt.Fprintf(&b, "default = %s\n", value)
		}
		fmt.Fprintf(&b, "description = %q\n", strings.TrimSuffix(s.Help, " (default: you)"))
		if len(s.choices) > 0 {
			all, _ := json.Marshal(s.Choices())
			fmt.Fprintf(&b, "validation {\ncondition = contains(%s, var.%s)\nerror_message = \"Must be one of %s.\"\n}\n",
				strings.ReplaceAll(string(all), ",", ", "), variable(s), strings.Join(s.Choices(), ", "))
		}
		b.WriteString("}\n")
	}
	return string(hclwrite.Format([]byte(b.String())))
}

// moduleParameters returns parameters.tf.
func moduleParameters(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Generated from the settings of ssmbak-stack: see CONTRIBUTING.md.\nlocals {\nparameters = {\n")
	settings := make(map[string]Setting)
	for _, s := range Settings() {
		settings[s.Parameter] = s
	}
	kinds := section(source(t), "Parameters")
	for _, name := range slices.Sorted(maps.Keys(defaults())) {
		s, value := settings[name], fromCode[name]
		switch {
		case value != "":
		case s.List:
			value = `join(",", var.` + variable(s) + ")"
		case s.choices != nil:
			value = "{"
			for _, c := range s.Choices() {
				value += fmt.Sprintf(" %q = %q,", c, s.choices[c])
			}
			value = strings.TrimSuffix(value, ",") + " }[var." + variable(s) + "]"
		case kinds[name].(map[string]any)["Type"] == "Number":
			value = "tostring(var." + variable(s) + ")"
		default:
			value = "var." + variable(s)
		}
		fmt.Fprintf(&b, "%s = %s\n", name, value)
	}
	b.WriteString("}\n}\n")
	return string(hclwrite.Format([]byte(b.String())))
}

func variable(s Setting) string { return strings.ReplaceAll(s.Name, "-", "_") }

// TestTerraformModule checks that variables, settings and template agree, that every file
// can be parsed, and that the parameters of the module's example are those of the command.
// UPDATE=1 writes the generated files.
func TestTerraformModule(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"variables.tf": moduleVariables(t), "parameters.tf": moduleParameters(t)} {
		path := filepath.Join(moduleDir, name)
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil { //nolint:gosec // a file of the project
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s is not what UPDATE=1 go test ./internal/stack -run TestTerraformModule writes (-want +got):\n%s", name, diff)
		}
	}
	bodies := moduleBodies(t)
	published := Published{
		Version: "v1.2.3", Region: "us-east-1", Bucket: "my-artifacts", TemplateURL: "https://my-artifacts.s3.us-east-1.amazonaws.com/ssmbak/x.json?versionId=t",
		Zips: []PublishedZip{{"arm64", "ssmbak/a.zip", "va", strings.Repeat("a", 64)}, {"x86_64", "ssmbak/b.zip", "vb", strings.Repeat("b", 64)}},
	}
	code, err := json.Marshal(published)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		example, module string
		flags           Values
	}{
		{"examples/one-account/main.tf", "ssmbak", Values{"admin": {"arn:aws:iam::123456789012:role/deploy"}, "email": {"ops@example.com"}}},
		{"examples/several-accounts/main.tf", "shop_eu", Values{"admin": {"arn:aws:iam::111111111111:role/deploy"}, "exclude": {"/ci/**"}}},
		{"examples/several-accounts/main.tf", "billing_us", Values{
			"admin": {"arn:aws:iam::222222222222:role/deploy"}, "sign": {"on"}, "lock-mode": {"governance"}, "lock-days": {"90"}, "verify": {"rate(2 days)"}, "verify-sample": {"30%"},
		}},
	} {
		got := applied(t, bodies, tt.example, tt.module, code)
		tt.flags["code-bucket"], tt.flags["code-key"], tt.flags["code-version"], tt.flags["code-sha256"] = []string{published.Bucket}, []string{"ssmbak/a.zip"}, []string{"va"}, []string{strings.Repeat("a", 64)}
		want := defaults()
		named, err := tt.flags.parameters()
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(want, named)
		want[parameterVersion] = published.Version
		if tt.module == "billing_us" {
			want[parameterSignSince] = "2024-06-13T20:10:54Z"
		}
		if err := want.check(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string(want), got); diff != "" {
			t.Errorf("%s, %s (-command +module):\n%s", tt.example, tt.module, diff)
		}
	}
}

// moduleBodies parses the files of the module and of its examples.
func moduleBodies(t *testing.T) map[string]*hclsyntax.Body {
	t.Helper()
	parser := hclparse.NewParser()
	files, err := filepath.Glob(moduleDir + "/*.tf")
	examples, err2 := filepath.Glob(moduleDir + "/examples/*/*.tf")
	if err != nil || err2 != nil || len(files) != 5 || len(examples) != 2 {
		t.Fatalf("%d files and %d examples, %v, %v", len(files), len(examples), err, err2)
	}
	bodies := make(map[string]*hclsyntax.Body)
	for _, path := range append(files, examples...) {
		f, problems := parser.ParseHCLFile(path)
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		body, _ := f.Body.(*hclsyntax.Body)
		bodies[strings.TrimPrefix(path, moduleDir+"/")] = body
		if text := string(f.Bytes); string(hclwrite.Format(f.Bytes)) != text {
			t.Errorf("%s is not formatted: run terraform fmt", path)
		}
	}
	return bodies
}

// applied returns the parameters that a module block of an example gives to the stack.
func applied(t *testing.T, bodies map[string]*hclsyntax.Body, example, module string, code []byte) map[string]string {
	t.Helper()
	of := func(e hcl.Expression, c *hcl.EvalContext) cty.Value {
		t.Helper()
		v, problems := e.Value(c)
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		return v
	}
	read := function.New(&function.Spec{
		Params: []function.Parameter{{Type: cty.String}}, Type: function.StaticReturnType(cty.String),
		Impl: func([]cty.Value, cty.Type) (cty.Value, error) { return cty.StringVal(string(code)), nil },
	})
	c := &hcl.EvalContext{
		Variables: map[string]cty.Value{
			"path": cty.ObjectVal(map[string]cty.Value{"module": cty.StringVal(".")}),
			"aws":  cty.ObjectVal(map[string]cty.Value{"shop_eu": cty.StringVal(""), "billing_us": cty.StringVal("")}),
		},
		Functions: map[string]function.Function{
			"join": stdlib.JoinFunc, "ceil": stdlib.CeilFunc, "tostring": stdlib.MakeToFunc(cty.String), "file": read, "jsondecode": stdlib.JSONDecodeFunc, "contains": stdlib.ContainsFunc,
			"max": stdlib.MaxFunc, "min": stdlib.MinFunc, "regexall": stdlib.RegexAllFunc, "length": stdlib.LengthFunc, "tonumber": stdlib.MakeToFunc(cty.Number),
		},
	}
	c.Functions["try"] = function.New(&function.Spec{ // as far as the module needs it
		VarParam: &function.Parameter{Type: cty.DynamicPseudoType, AllowDynamicType: true, AllowNull: true},
		Type:     func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
		Impl:     func(args []cty.Value, _ cty.Type) (cty.Value, error) { return args[0], nil },
	})
	variables := make(map[string]cty.Value)
	for _, b := range bodies["variables.tf"].Blocks {
		if d, ok := b.Body.Attributes["default"]; ok {
			variables[b.Labels[0]] = of(d.Expr, c)
		}
	}
	for _, b := range bodies[example].Blocks {
		if b.Type != "module" || b.Labels[0] != module {
			continue
		}
		for name, a := range b.Body.Attributes {
			if name == "source" || name == "providers" {
				continue
			}
			if !slices.ContainsFunc(bodies["variables.tf"].Blocks, func(v *hclsyntax.Block) bool { return v.Labels[0] == name }) {
				t.Errorf("the module has no variable %s", name)
			}
			variables[name] = of(a.Expr, c)
		}
	}
	c.Variables["var"] = cty.ObjectVal(variables)
	for _, b := range bodies["variables.tf"].Blocks {
		for _, v := range b.Body.Blocks {
			if ok := of(v.Body.Attributes["condition"].Expr, c); ok.False() {
				t.Errorf("%s is refused", b.Labels[0])
			}
		}
	}
	locals := func(file string) hcl.Attributes {
		for _, b := range bodies[file].Blocks {
			if b.Type == "locals" {
				a, _ := b.Body.JustAttributes()
				return a
			}
		}
		return nil
	}
	c.Variables["local"] = cty.ObjectVal(map[string]cty.Value{"zip": of(locals("main.tf")["zip"].Expr, c)})
	text, err := ctyjson.Marshal(of(locals("parameters.tf")["parameters"].Expr, c), cty.Map(cty.String))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]string
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestTerraformFormat runs terraform fmt.
func TestTerraformFormat(t *testing.T) {
	t.Parallel()
	program.Need(t, "terraform", "SSMBAK_REQUIRE_TERRAFORM", "install Terraform")
	out, err := exec.CommandContext(t.Context(), "terraform", "fmt", "-check", "-recursive", moduleDir).CombinedOutput()
	if err != nil {
		t.Errorf("terraform fmt -check: %v\n%s", err, out)
	}
}
