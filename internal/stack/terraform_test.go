package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
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
  nullable    = false
  default     = "ssmbak"
  description = "name of the stack"
  validation {
    condition     = can(regex("^[a-zA-Z][a-zA-Z0-9-]{0,49}$", var.name))
    error_message = "Must be a letter followed by letters, digits and hyphens, at most 50 characters."
  }
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
  nullable    = false
  description = "what ssmbak-stack publish --output json prints"
}

variable "iam_role_arn" {
  type        = string
  default     = null
  description = "role with which CloudFormation changes the stack (default: the caller)"
}

variable "tags" {
  type        = map(string)
  nullable    = false
  default     = {}
  description = "tags of the stack, which CloudFormation adds to its resources"
}

variable "sign_since" {
  type        = string
  nullable    = false
  default     = ""
  description = "time from which the archive is signed, such as 2024-06-13T20:10:54Z; required if sign is on"
  validation {
    condition     = var.sign_since == "" || can(formatdate("YYYY", var.sign_since))
    error_message = "Must be a time such as 2024-06-13T20:10:54Z."
  }
}
`

// flagged matches the flags in the help of a setting.
var flagged = regexp.MustCompile("--[a-z]+(-[a-z]+)*")

// moduleVariables returns variables.tf.
func moduleVariables(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Generated from the settings of ssmbak-stack: see CONTRIBUTING.md.\n" + fixedVariables)
	all := section(source(t), "Parameters")
	for _, s := range Settings() {
		if fromCode[s.Parameter] != "" {
			continue
		}
		p := all[s.Parameter].(map[string]any)
		kind, value := "string", strconv.Quote(s.Default)
		switch {
		case s.List:
			kind, value = "list(string)", "[]"
		case p["Type"] == "Number":
			kind, value = "number", s.Default
		}
		fmt.Fprintf(&b, "\nvariable %q {\ntype = %s\nnullable = false\n", variable(s), kind)
		if s.Parameter != parameterAdminArns { // the command takes its caller
			fmt.Fprintf(&b, "default = %s\n", value)
		}
		help := strings.TrimSuffix(s.Help, " (default: you)")
		if s.suffix != "" {
			help = strings.ReplaceAll(help, s.suffix, " percent")
		}
		help = flagged.ReplaceAllStringFunc(help, func(flag string) string { return strings.ReplaceAll(strings.TrimPrefix(flag, "--"), "-", "_") })
		fmt.Fprintf(&b, "description = %q\n", help)
		if condition, why := validation(s, p); condition != "" {
			fmt.Fprintf(&b, "validation {\ncondition = %s\nerror_message = %q\n}\n", condition, why)
		}
		b.WriteString("}\n")
	}
	return string(hclwrite.Format([]byte(b.String())))
}

// validation returns the condition of a variable, which the template and the setting have for
// the parameter p, and the message if it is false. It returns "" if there is none.
func validation(s Setting, p map[string]any) (condition, why string) {
	name := "var." + variable(s)
	allowed := func(values []string, quote bool) (string, string) {
		listed := slices.Clone(values)
		for i := range listed {
			if quote {
				listed[i] = strconv.Quote(listed[i])
			}
		}
		return "contains([" + strings.Join(listed, ", ") + "], " + name + ")", "Must be one of " + strings.Join(values, ", ") + "."
	}
	if len(s.choices) > 0 {
		return allowed(s.Choices(), true)
	}
	if s.check != nil {
		if why = s.check("?"); why != "" {
			why = strings.ToUpper(why[:1]) + why[1:] + "."
		}
	}
	if values, ok := p["AllowedValues"].([]any); ok {
		return allowed(strs(values), p["Type"] != "Number")
	}
	if p["Type"] == "Number" {
		low, high := p["MinValue"], p["MaxValue"]
		if high == nil {
			return fmt.Sprintf("%s >= %s && floor(%s) == %s", name, low, name, name), why
		}
		return fmt.Sprintf("%s >= %s && %s <= %s && floor(%s) == %s", name, low, name, high, name, name), why
	}
	form, ok := p["AllowedPattern"].(string)
	if !ok || why == "" {
		return "", ""
	}
	if s.List {
		name = `join(",", ` + name + ")"
	}
	return "can(regex(" + strings.ReplaceAll(strconv.Quote(form), "${", "$${") + ", " + name + "))", why
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
	c := moduleContext(code)
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
	if refused := refusals(t, bodies, c); len(refused) > 0 {
		t.Errorf("%s, %s is refused: %q", example, module, refused)
	}
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

// moduleContext returns the functions of Terraform that the module and its examples call, and
// what they read.
func moduleContext(code []byte) *hcl.EvalContext {
	read := function.New(&function.Spec{
		Params: []function.Parameter{{Type: cty.String}}, Type: function.StaticReturnType(cty.String),
		Impl: func([]cty.Value, cty.Type) (cty.Value, error) { return cty.StringVal(string(code)), nil },
	})
	return &hcl.EvalContext{
		Variables: map[string]cty.Value{
			"path": cty.ObjectVal(map[string]cty.Value{"module": cty.StringVal(".")}),
			"aws":  cty.ObjectVal(map[string]cty.Value{"shop_eu": cty.StringVal(""), "billing_us": cty.StringVal("")}),
		},
		Functions: map[string]function.Function{
			"join": stdlib.JoinFunc, "ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc, "tostring": stdlib.MakeToFunc(cty.String), "file": read, "jsondecode": stdlib.JSONDecodeFunc,
			"contains": stdlib.ContainsFunc, "max": stdlib.MaxFunc, "min": stdlib.MinFunc, "regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc, "length": stdlib.LengthFunc,
			"tonumber": stdlib.MakeToFunc(cty.Number), "formatdate": stdlib.FormatDateFunc, "try": tryfunc.TryFunc, "can": tryfunc.CanFunc,
		},
	}
}

// refusals returns the messages of the validations and preconditions of the module that do not
// hold for the variables of c.
func refusals(t *testing.T, bodies map[string]*hclsyntax.Body, c *hcl.EvalContext) (all []string) {
	t.Helper()
	var visit func(body *hclsyntax.Body)
	visit = func(body *hclsyntax.Body) {
		for _, b := range body.Blocks {
			visit(b.Body)
			if b.Type != "validation" && b.Type != "precondition" {
				continue
			}
			holds, problems := b.Body.Attributes["condition"].Expr.Value(c)
			text, problems2 := b.Body.Attributes["error_message"].Expr.Value(c)
			if problems = append(problems, problems2...); problems.HasErrors() {
				t.Fatal(problems)
			}
			if holds.False() {
				all = append(all, text.AsString())
			}
		}
	}
	visit(bodies["variables.tf"])
	visit(bodies["main.tf"])
	return all
}

// TestTerraformRefuses checks that the module refuses, before anything is changed, what the
// command refuses: values that a setting cannot have, and settings that do not fit together.
func TestTerraformRefuses(t *testing.T) {
	t.Parallel()
	const key = "arn:aws:kms:us-east-1:123456789012:key/1"
	bodies := moduleBodies(t)
	for _, tt := range []struct {
		flags   Values
		refused bool
	}{
		{Values{}, false},
		{Values{"memory": {"64"}}, true},
		{Values{"memory": {"20000"}}, true},
		{Values{"memory": {"300.5"}}, true},
		{Values{"log-days": {"8"}}, true},
		{Values{"log-days": {"7"}}, false},
		{Values{"alarm-errors": {"-1"}}, true},
		{Values{"expire-days": {"7"}}, true},
		{Values{"expire-days": {"30"}}, false},
		{Values{"index-header": {"sse"}}, true},
		{Values{"key-arn": {"alias/mine"}}, true},
		{Values{"log-key-arn": {"alias/mine"}}, true},
		{Values{"log-key-arn": {key}}, false},
		{Values{"email": {"ops"}}, true},
		{Values{"verify": {"daily"}}, true},
		{Values{"verify": {"rate(1 day)"}}, false},
		{Values{"schedule": {"hourly"}}, true},
		{Values{"permissions-boundary": {"boundary"}}, true},
		{Values{"role-path": {"/ops"}}, true},
		{Values{"role-path": {"/ops/"}}, false},
		{Values{"replica-account": {"vault"}}, true},
		{Values{"encryption": {"given-key"}}, true},
		{Values{"encryption": {"given-key"}, "key-arn": {key}}, false},
		{Values{"encryption": {"stack-key"}, "key-arn": {key}}, true},
		{Values{"lock-mode": {"compliance"}}, true},
		{Values{"lock-days": {"30"}}, true},
		{Values{"lock-mode": {"compliance"}, "lock-days": {"30"}}, false},
		{Values{"replica-account": {copyAccount}}, true},
		{Values{"replica-key-arn": {key}}, true},
		{Values{"replica-bucket": {"copy"}}, true},
		{Values{"replica-bucket": {"copy"}, "replica-key-arn": {key}, "replica-account": {copyAccount}}, false},
		{Values{"replica-bucket": {"copy"}, "encryption": {"s3"}}, false},
		{Values{"replica-bucket": {"copy"}, "encryption": {"s3"}, "replica-key-arn": {key}}, true},
		{Values{"replica-bucket": {"copy"}, "encryption": {"s3"}, "bucket": {"mine"}}, true},
		{Values{"subnet": {"subnet-1a"}}, true},
		{Values{"security-group": {"sg-1a"}}, true},
		{Values{"subnet": {"subnet-1a"}, "security-group": {"sg-1a"}}, false},
		{Values{"topic-arn": {"arn:aws:sns:us-east-1:123456789012:t"}, "email": {"a@b.c"}}, true},
		{Values{"topic-key-arn": {key}}, true},
		{Values{"topic-key-arn": {key}, "email": {"a@b.c"}}, false},
		{Values{"bucket": {"mine"}, "expire-days": {"40"}}, true},
		{Values{"bucket": {"mine"}, "index-expire-days": {"40"}}, true},
		{Values{"bucket": {"mine"}, "access-log-bucket": {"logs"}}, true},
		{Values{"bucket": {"mine"}, "lock-mode": {"governance"}, "lock-days": {"30"}}, true},
		{Values{"bucket": {"mine"}, "key-arn": {key}}, false},
		{Values{"concurrency": {"10"}}, true},
		{Values{"concurrency": {"9"}}, false},
	} {
		p := defaults()
		named, err := tt.flags.parameters()
		if err == nil {
			maps.Copy(p, named)
			err = p.check()
		}
		if (err != nil) != tt.refused {
			t.Errorf("%v: the command says %v", tt.flags, err)
		}
		c := moduleContext(nil)
		variables := map[string]cty.Value{"admin": cty.ListVal([]cty.Value{cty.StringVal("arn:aws:iam::123456789012:role/deploy")})}
		for _, b := range bodies["variables.tf"].Blocks {
			if d, ok := b.Body.Attributes["default"]; ok {
				variables[b.Labels[0]], _ = d.Expr.Value(c)
			}
		}
		for _, s := range Settings() {
			values, ok := tt.flags[s.Name]
			switch {
			case !ok:
			case s.List:
				variables[variable(s)] = cty.ListVal([]cty.Value{cty.StringVal(values[0])})
			case variables[variable(s)].Type() == cty.Number:
				variables[variable(s)] = cty.MustParseNumberVal(values[0])
			default:
				variables[variable(s)] = cty.StringVal(values[0])
			}
		}
		c.Variables["var"], c.Variables["local"] = cty.ObjectVal(variables), cty.ObjectVal(map[string]cty.Value{"zip": cty.EmptyObjectVal})
		if got := refusals(t, bodies, c); (len(got) > 0) != tt.refused {
			t.Errorf("%v: the module says %q", tt.flags, got)
		}
	}
}

// TestTerraformPlan lets Terraform evaluate the module without its resource, so that no provider
// is needed: the parameters of the stack are those of the command, and a wrong value is refused.
func TestTerraformPlan(t *testing.T) {
	t.Parallel()
	program.Need(t, "terraform", "SSMBAK_REQUIRE_TERRAFORM", "install Terraform")
	bodies, dir := moduleBodies(t), t.TempDir()
	source, err := os.ReadFile(filepath.Join(moduleDir, "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	text := func(from, to hcl.Range) string { return string(source[from.End.Byte:to.Start.Byte]) }
	main := ""
	for _, b := range bodies["main.tf"].Blocks {
		if b.Type == "locals" {
			main += "locals {" + text(b.OpenBraceRange, b.CloseBraceRange) + "}\n"
			continue
		}
		for _, l := range b.Body.Blocks {
			main += "output \"parameters\" {\nvalue = local.parameters" + text(l.OpenBraceRange, l.CloseBraceRange) + "}\n"
		}
	}
	code := Published{Version: "v1.2.3", Bucket: "artifacts", TemplateURL: "https://x", Zips: []PublishedZip{{"arm64", "a.zip", "va", strings.Repeat("a", 64)}, {"x86_64", "b.zip", "vb", strings.Repeat("b", 64)}}}
	given, err := json.Marshal(map[string]any{
		"code": code, "admin": []string{"arn:aws:iam::123456789012:role/deploy"}, "architecture": "x86_64", "verify": "rate(2 days)", "verify_sample": 30, "timeout": 100, "exclude": []string{"/a/**", "b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"main.tf": main, "terraform.tfvars.json": string(given)}
	for _, name := range []string{"variables.tf", "parameters.tf"} {
		body, err := os.ReadFile(filepath.Join(moduleDir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(body)
	}
	for name, body := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "terraform", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE=/dev/null")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, args := range [][]string{{"init"}, {"validate"}, {"plan", "-input=false", "-out=planned"}} {
		if out, err := run(args...); err != nil {
			t.Fatalf("terraform %q: %v\n%s", args, err, out)
		}
	}
	out, err := run("show", "-json", "planned")
	var planned struct {
		PlannedValues struct {
			Outputs struct {
				Parameters struct{ Value map[string]string } `json:"parameters"`
			} `json:"outputs"`
		} `json:"planned_values"`
	}
	if err := errors.Join(err, json.Unmarshal([]byte(out), &planned)); err != nil {
		t.Fatalf("terraform show: %v\n%s", err, out)
	}
	named, err := Values{
		"admin": {"arn:aws:iam::123456789012:role/deploy"}, "architecture": {"x86_64"}, "verify": {"rate(2 days)"}, "verify-sample": {"30"}, "timeout": {"100"}, "exclude": {"/a/**", "b"},
		"code-bucket": {"artifacts"}, "code-key": {"b.zip"}, "code-version": {"vb"}, "code-sha256": {strings.Repeat("b", 64)},
	}.parameters()
	want := defaults()
	maps.Copy(want, named)
	want[parameterVersion] = "v1.2.3"
	if err := errors.Join(err, want.check()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string(want), planned.PlannedValues.Outputs.Parameters.Value); diff != "" {
		t.Errorf("(-command +module):\n%s", diff)
	}
	for wrong, message := range map[string]string{"memory=64": "Must be an integer from 128 to 10240.", "lock_days=30": "lock_mode and lock_days require each other.", "name=1x": "Must be a letter"} {
		if out, err := run("plan", "-input=false", "-var", wrong); err == nil || !strings.Contains(out, message) {
			t.Errorf("terraform plan -var %s: %v\n%s", wrong, err, out)
		}
	}
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
