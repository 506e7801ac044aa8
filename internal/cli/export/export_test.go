package export_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/internal/cli/export"
	"github.com/ssmbak/ssmbak/internal/testkit/program"
)

// values are hard to quote. None has a character that a variable of the environment cannot
// have.
var values = map[string]string{
	"plain": "secret", "empty": "", "spaces": "  a  b  ", "single": "it's", "double": `say "hi"`, "both": `it's "it"`, "dollar": "$HOME ${HOME} $(id) `id`",
	"template": "${var.x} %{ if true } $${y} $ % { $", "backslash": `C:\dir\new`, "double-backslash": `\\host\share`, "trailing": `DOMAIN\`, "newlines": "one\ntwo\n\n",
	"pem": "-----BEGIN KEY-----\nMII+/=\n-----END KEY-----\n", "hash": "a #b", "equals": "a=b", "unicode": "Grüße 世界 🎉", "tab": "a\tb", "cr": "a\r\nb",
	"control": "a\x01\x7fb", "number": "0123", "yes": "yes", "date": "2024-06-13", "null": "null", "colon": "a: b", "bang": "wow!", "json": `{"a": [1, "x"]}`, "separator": "a\u2028b",
	"c1": "a\u0085b", "percent": "100%", "bom": "\ufeffx",
}

func parameters(t *testing.T, f export.Format) (all []export.Parameter, written map[string]string) {
	t.Helper()
	written = make(map[string]string)
	for key, value := range values {
		p := export.Parameter{Key: key, Value: value}
		var unfit *export.ValueError
		switch _, err := export.Encode(f, []export.Parameter{p}); {
		case errors.As(err, &unfit):
			if strings.Contains(err.Error(), value) && value != "" {
				t.Errorf("the error has the value: %v", err)
			}
			continue
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, p)
		written[key] = value
	}
	return all, written
}

// run runs a program, and skips the test if it is not installed.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	program.Need(t, name, "SSMBAK_REQUIRE_READERS", "see the tools of .ci/run")
	cmd := exec.CommandContext(context.Background(), name, args...)
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "CHECKPOINT_DISABLE=1", "LANG=C.UTF-8"}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(out)
}

// source returns the variables that a shell with the file has.
func source(t *testing.T, dir, file, shell, option string) string {
	t.Helper()
	program.Need(t, "python3", "SSMBAK_REQUIRE_READERS", "apt-get install python3")
	return run(t, dir, shell, option, `. "$1" && python3 -c "$2"`, shell, file, printAll)
}

const (
	// printAll prints the variables of a process as a JSON object.
	printAll = `import json, os; print(json.dumps(dict(os.environ)))`
	readYAML = `import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1], encoding="utf-8", newline=""))))`
)

// TestRoundTrip checks that the programs for which the formats are made read the same
// values, and that few values are refused.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	upper := func(key string) string { return strings.ToUpper(strings.ReplaceAll(key, "-", "_")) }
	same := func(key string) string { return key }
	tests := map[string]struct {
		format  export.Format
		key     func(string) string
		refused []string
		read    func(t *testing.T, dir, file string) string
	}{
		"json": {export.JSON, same, nil, func(t *testing.T, _, file string) string {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}},
		"yaml": {export.YAML, same, nil, func(t *testing.T, dir, file string) string {
			return run(t, dir, "python3", "-c", readYAML, file)
		}},
		"dotenv by node": {export.Dotenv, upper, []string{"both", "cr", "dollar", "double-backslash", "template", "trailing"}, func(t *testing.T, dir, file string) string {
			return run(t, dir, "node", "--env-file="+file, "-p", "JSON.stringify(process.env)")
		}},
		"sh": {export.Shell, upper, nil, func(t *testing.T, dir, file string) string {
			return source(t, dir, file, "sh", "-c")
		}},
		"bash": {export.Shell, upper, nil, func(t *testing.T, dir, file string) string {
			return source(t, dir, file, "bash", "-c")
		}},
		"zsh": {export.Shell, upper, nil, func(t *testing.T, dir, file string) string {
			return source(t, dir, file, "zsh", "-fc")
		}},
		"terraform": {export.TFVars, same, nil, func(t *testing.T, dir, file string) string {
			var config, object strings.Builder
			for key := range values {
				config.WriteString("variable \"" + key + "\" {\n  type = string\n}\n")
				object.WriteString("    " + key + " = var." + key + "\n")
			}
			config.WriteString("output \"all\" {\n  value = jsonencode({\n" + object.String() + "  })\n}\n")
			if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(config.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			run(t, dir, "terraform", "init", "-input=false", "-no-color")
			run(t, dir, "terraform", "apply", "-input=false", "-no-color", "-auto-approve", "-var-file="+file)
			return run(t, dir, "terraform", "output", "-raw", "all")
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all, written := parameters(t, test.format)
			for key := range values {
				if _, ok := written[key]; ok == slices.Contains(test.refused, key) {
					t.Errorf("%s: written %v", key, ok)
				}
			}
			text, err := export.Encode(test.format, all)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			file := filepath.Join(dir, "values")
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			got := make(map[string]string)
			if err := json.Unmarshal([]byte(test.read(t, dir, file)), &got); err != nil {
				t.Fatal(err)
			}
			for key, value := range written {
				if diff := cmp.Diff(value, got[test.key(key)]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", key, diff)
				}
			}
		})
	}
}

// TestKeys checks how names become variables.
func TestKeys(t *testing.T) {
	t.Parallel()
	tests := []struct {
		format export.Format
		key    string
		want   string
	}{
		{export.Shell, "db-url", "export DB_URL='x'\n"},
		{export.Shell, "app/db.Url", "export APP_DB_URL='x'\n"},
		{export.Dotenv, "9lives", "_9LIVES='x'\n"},
		{export.TFVars, "db-url", "db-url = \"x\"\n"},
		{export.TFVars, "app/db.Url", "app_db_Url = \"x\"\n"},
		{export.TFVars, "9lives", "_9lives = \"x\"\n"},
		{export.JSON, "app/db.Url", "{\n  \"app/db.Url\": \"x\"\n}\n"},
		{export.YAML, "app/db.Url", "\"app/db.Url\": \"x\"\n"},
	}
	for _, test := range tests {
		got, err := export.Encode(test.format, []export.Parameter{{Key: test.key, Value: "x"}})
		if diff := cmp.Diff(test.want, string(got)); err != nil || diff != "" {
			t.Errorf("%s as %s: %v (-want +got):\n%s", test.key, test.format, err, diff)
		}
	}
	var same *export.KeyError
	if _, err := export.Encode(export.Shell, []export.Parameter{{Key: "a-b"}, {Key: "a_b"}}); !errors.As(err, &same) {
		t.Errorf("two names of one variable: %v", err)
	}
	if _, err := export.Encode(export.JSON, []export.Parameter{{Key: "a-b"}, {Key: "a_b"}}); err != nil {
		t.Errorf("two names of one file: %v", err)
	}
	var unfit *export.ValueError
	for _, f := range export.Formats {
		if _, err := export.Encode(f, []export.Parameter{{Key: "a", Value: "\xff"}}); !errors.As(err, &unfit) {
			t.Errorf("not UTF-8 as %s: %v", f, err)
		}
	}
	if _, err := export.Encode(export.TFVars, []export.Parameter{{Key: "a", Value: "e\u0301"}}); !errors.As(err, &unfit) {
		t.Errorf("not normalized: %v", err)
	}
}
