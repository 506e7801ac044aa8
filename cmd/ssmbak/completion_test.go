//go:build linux

package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak/internal/testkit/program"
)

// line is where a shell writes its command line when it is asked to.
const line = "$HOME/line"

// completing is a shell: how it is started, what it loads, and how it writes its command
// line to a file when ^T is typed.
type completing struct {
	start []string
	rc    string
}

var completingShells = map[string]completing{
	"bash": {[]string{"bash", "--noprofile", "--norc", "-i"}, `
source /usr/share/bash-completion/bash_completion
source <(ssmbak completion bash); source <(ssmbak-stack completion bash)
bind -x '"\C-t": printf "%s\n" "$READLINE_LINE" > ` + line + `'`},
	"zsh": {[]string{"zsh", "-f", "-i"}, `
autoload -Uz compinit && compinit -u -D
source <(ssmbak completion zsh); source <(ssmbak-stack completion zsh)
show() { print -r -- "$BUFFER" > ` + line + `; }; zle -N show; bindkey '^T' show`},
	"fish": {[]string{"fish", "--no-config", "-i"}, `
ssmbak completion fish | source; ssmbak-stack completion fish | source
bind \ct 'commandline > ` + line + `'`},
}

// TestCompletionInShells types Tab in every shell that has completion.
func TestCompletionInShells(t *testing.T) {
	t.Parallel()
	ssmbak := program.Build(t, "ssmbak")
	path := filepath.Dir(ssmbak) + ":" + filepath.Dir(program.Build(t, "ssmbak-stack")) + ":" + os.Getenv("PATH")
	for name, sh := range completingShells {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireShell(t, name)
			d := newDesk(t, ssmbak)
			for _, name := range []string{"/app/db/host", "/app/db/port", "/app/gone", "/other"} {
				d.put(name, "x")
			}
			d.remove("/app/gone")
			d.record()
			home := t.TempDir()
			cmd := exec.CommandContext(t.Context(), sh.start[0], sh.start[1:]...)
			cmd.Env = append(d.command().Env, "HOME="+home, "PATH="+path, "TERM=xterm", "SSMBAK_BUCKET=backup", "HISTFILE=/dev/null", "LC_ALL=C.UTF-8")
			s := d.sitAt(cmd)
			for text := range strings.Lines(strings.TrimSpace(sh.rc) + "\n") {
				s.types(text)
			}
			s.types("echo read''y\n")
			s.await("ready")
			for i, tt := range []struct{ typed, want string }{
				{"ssmbak prev\t", "ssmbak preview "},
				{"ssmbak restore --recu\t", "ssmbak restore --recursive "},
				{"ssmbak log /app/d\t", "ssmbak log /app/db/"},
				{"ssmbak log /app/db/h\t", "ssmbak log /app/db/host "},
				{"ssmbak log /app/g\t", "ssmbak log /app/gone "},
				{"ssmbak log /app -o ma\t", "ssmbak log /app -o markdown "},
				{"ssmbak preview /app bef\t", "ssmbak preview /app before:"},
				{"ssmbak-stack ssmbak red\t", "ssmbak-stack ssmbak redrive "},
				{"ssmbak-stack ssmbak create --encryption giv\t", "ssmbak-stack ssmbak create --encryption given-key "},
			} {
				s.completes(filepath.Join(home, "line"), tt.typed, tt.want)
				s.types(fmt.Sprintf("\x15echo do''ne-%d\n", i))
				s.await(fmt.Sprintf("done-%d\\b", i))
			}
			s.types("exit\n")
			s.ends(0)
		})
	}
}

// completes types text and Tab, and checks the command line of a shell, which ^T writes to a
// file. ^T is typed until then, because a shell ignores keys while it completes.
func (t *terminal) completes(file, typed, want string) {
	t.Helper()
	got := ""
	t.types(typed)
	for limit := time.Now().Add(time.Minute); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		t.types("\x14")
		line, err := os.ReadFile(file)
		if got = strings.TrimSuffix(string(line), "\n"); err == nil && got == want {
			return
		}
	}
	t.Fatalf("typed %q: got %q, want %q:\n%s", typed, got, want, t.screen())
}

// requireShell skips a test that needs a shell, see [program.Need].
func requireShell(t *testing.T, name string) {
	t.Helper()
	const how = "apt-get install bash-completion zsh fish"
	program.Need(t, name, "SSMBAK_REQUIRE_SHELLS", how)
	if _, err := os.Stat("/usr/share/bash-completion/bash_completion"); name == "bash" && err != nil {
		t.Fatalf("%v: %s", err, how)
	}
}

// TestCompletionDocumented checks that the document has the lines that install the
// completion of each shell.
func TestCompletionDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/completion.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		for _, program := range []string{"ssmbak", "ssmbak-stack"} {
			if !regexp.MustCompile(`(?m)^    .*\b` + program + ` completion ` + shell + `\b`).Match(text) {
				t.Errorf("docs/completion.md has no line with `%s completion %s`", program, shell)
			}
		}
	}
}

// powerShell matches the tokens of a PowerShell script: comments, strings, an escaped
// character, braced names of variables, and brackets.
// https://learn.microsoft.com/en-us/powershell/module/microsoft.powershell.core/about/about_quoting_rules
var powerShell = regexp.MustCompile("(?s)#[^\\n]*|'(?:[^']|'')*'|\"(?:[^\"`]|`.|\"\")*\"|`.|\\$\\{[^}]*\\}|[(){}\\[\\]]")

// TestPowerShellScript checks what can be checked of the script without PowerShell: that strings
// and brackets match, that it registers the program, that it defines each function that it
// calls, and that documents and help have the same line that loads it.
func TestPowerShellScript(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../docs/completion.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ssmbak", "ssmbak-stack"} {
		binary := program.Build(t, name)
		run := func(args ...string) string {
			out, err := exec.CommandContext(t.Context(), binary, args...).Output()
			if err != nil {
				t.Fatal(err)
			}
			return string(out)
		}
		script := run("completion", "powershell")
		var open []string
		code := powerShell.ReplaceAllStringFunc(script, func(token string) string {
			closes := map[string]string{")": "(", "}": "{", "]": "["}[token]
			switch {
			case closes != "":
				if len(open) == 0 || open[len(open)-1] != closes {
					t.Fatalf("%s: %q does not close %q", name, token, open)
				}
				open = open[:len(open)-1]
			case len(token) == 1:
				open = append(open, token)
			case !strings.HasPrefix(token, "${"):
				return " " // a comment or a string
			}
			return token
		})
		if len(open) > 0 || strings.ContainsAny(code, "'\"`") {
			t.Errorf("%s: unclosed: %q", name, open)
		}
		if !strings.Contains(script, "Register-ArgumentCompleter -CommandName '"+name+"' -ScriptBlock ${") {
			t.Errorf("the script does not complete %s", name)
		}
		defined := regexp.MustCompile(`(?m)^(?:function|filter) (\S+)`).FindAllStringSubmatch(code, -1)
		for _, called := range regexp.MustCompile(`[^{$\w](__[\w-]+)`).FindAllStringSubmatch(code, -1) {
			if called[1] != "__complete" && !slices.ContainsFunc(defined, func(d []string) bool { return d[1] == called[1] }) {
				t.Errorf("%s: the script calls %s, which it does not define", name, called[1])
			}
		}
		load := name + " completion powershell | Out-String | Invoke-Expression\n"
		if !strings.Contains(string(document), "    "+load) || !strings.Contains(run("completion", "--help"), load) {
			t.Errorf("%s: documents and help differ in what loads the script", name)
		}
	}
}
