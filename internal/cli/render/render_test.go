package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

func TestEscape(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"plain", "https://example.com/ä?x=1", "https://example.com/ä?x=1"},
		{"backslash", `C:\new`, `C:\new`},
		{"lines", "a\nb\r\tc", `a\nb\r\tc`},
		{"terminal", "\x1b[2J\x07\x7f\u009b", `\x1b[2J\x07\x7f\u009b`},
		{"direction", "a\u202eb\u2066", `a\u202eb\u2066`},
		{"not UTF-8", "a\xffb", `a\xffb`},
		{"replacement character itself", "a\ufffdb", "a\ufffdb"},
		{"beyond 16 bits", "\U000e0001", `\U000e0001`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Escape(tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestEscapeIsPrintable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "text"))
		for _, r := range Escape(text) {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q is not printable in %q", r, Escape(text))
			}
		}
	})
}

func TestWrap(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"short", "abc", "abc"},
		{"exact", "abcdefgh", "abcdefgh"},
		{"long", "abcdefghij", "abcdefgh\nij"},
		{"words", "abc def ghi", "abc def \nghi"},
		{"space at the edge", "abcdefgh ij", "abcdefgh\n ij"},
		{"wide", "日本語日本語", "日本語日\n本語"},
		{"long word after a short one", "ab cdefghijkl", "ab \ncdefghij\nkl"},
		{"the rest of a word is still too long", " aaaaa語語a", " \naaaaa語\n語a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := wrap(tt.text, 8); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestWrapLosesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("ab 語"))).Draw(t, "text")
		got := wrap(text, 8)
		if joined := strings.ReplaceAll(got, "\n", ""); joined != text {
			t.Fatalf("got %q of %q", joined, text)
		}
		for line := range strings.SplitSeq(got, "\n") {
			if n := len([]rune(line)) + strings.Count(line, "語"); n > 8 {
				t.Fatalf("the line %q has %d columns", line, n)
			}
		}
	})
}

func TestTime(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		time ssmbak.Time
		want string
	}{
		{"as the legacy ssmbak shows it", 1718309454999, "2024-06-13 20:10:54+00:00"},
		{"none", 0, ""},
		{"beginning of time", ssmbak.MinTime, ""},
		{"end of time", ssmbak.MaxTime, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := (View{}).short(tt.time); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

const secretText = "hunter2-secret"

func state(kind ssmbak.Type, value string) ssmbak.State {
	return ssmbak.State{
		Name: "/app/db", Version: ssmbak.Version{Number: 3, Time: 1718309454123, Attributes: ssmbak.Attributes{Type: kind}}, Modified: 1718309454123,
		Value: ssmbak.Know(ssmbak.NewValue(value), ssmbak.Proved), Certainty: ssmbak.Proved,
	}
}

// TestLocal checks which times of a message are shown in local time.
func TestLocal(t *testing.T) {
	t.Parallel()
	v := View{Zone: time.FixedZone("", -4*60*60)}
	line := "2 2024-06-13T20:04:59.999Z " + strings.Repeat("0a", 32)
	for message, want := range map[string]string{
		"up to 2024-06-13T20:04:59.999Z, it":         "up to 2024-06-13T16:04:59.999-04:00, it",
		"use before:2024-06-13T02:04:59Z for it":     "use before:2024-06-12T22:04:59-04:00 for it",
		"`get x 2024-06-13T20:04:59Z` writes it":     "`get x 2024-06-13T20:04:59Z` writes it",
		`"a \" 2024-06-13T20:04:59Z" is not a time`:  `"a \" 2024-06-13T20:04:59Z" is not a time`,
		"2024-06-13T20:04:59.999Z, local 2024-06-13": "2024-06-13T20:04:59.999Z, local 2024-06-13",
		"restore 20240613T200459Z-abc123 is undone":  "restore 20240613T200459Z-abc123 is undone",
		"from 2024-06-13T20:04:59Z, locally":         "from 2024-06-13T16:04:59-04:00, locally",
		"its line is " + line:                        "its line is " + line,
		"2024-13-13T20:04:59Z is never":              "2024-13-13T20:04:59Z is never",
	} {
		if got := v.Local(message); got != want {
			t.Errorf("%s: got %s, want %s", message, got, want)
		}
		if got := (View{}).Local(message); got != message {
			t.Errorf("%s: got %s in UTC", message, got)
		}
	}
	v.Both = true
	for message, want := range map[string]string{
		"up to 2024-06-13T20:04:59.999Z": "up to 2024-06-13T20:04:59.999Z (2024-06-13 16:04:59.999 -04:00)",
		"at 2024-06-13T20:04:59Z":        "at 2024-06-13T20:04:59Z (2024-06-13 16:04:59 -04:00)",
	} {
		if got := v.Local(message); got != want {
			t.Errorf("%s: got %s, want %s", message, got, want)
		}
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	deleted := ssmbak.State{Name: "/app/gone", Deleted: true, Modified: 1718309454000, Certainty: ssmbak.LastKnown}
	unknown := ssmbak.State{Name: "/app/old", Reason: "nothing was recorded yet"}
	var out bytes.Buffer
	if err := States(&out, []ssmbak.State{state(ssmbak.TypeString, "one"), state(ssmbak.TypeSecureString, secretText), deleted, unknown}, View{}); err != nil {
		t.Fatal(err)
	}
	want := `+-----------+----------+--------------+---------------------------+-------------------------------------+
| Name      | Value    | Type         | Modified                  | Note                                |
+-----------+----------+--------------+---------------------------+-------------------------------------+
| /app/db   | one      | String       | 2024-06-13 20:10:54+00:00 |                                     |
| /app/db   | ******** | SecureString | 2024-06-13 20:10:54+00:00 |                                     |
| /app/gone | Deleted  | Deleted      | 2024-06-13 20:10:54+00:00 |                                     |
| /app/old  |          |              |                           | (unknown: nothing was recorded yet) |
+-----------+----------+--------------+---------------------------+-------------------------------------+
`
	if diff := cmp.Diff(out.String(), want); diff != "" {
		t.Errorf("got -, want +\n%s", diff)
	}
}

// TestSecretsStay checks that no output contains the value of a
// SecureString, or of a parameter of unknown type, unless secrets are revealed.
func TestSecretsStay(t *testing.T) {
	t.Parallel()
	for _, kinds := range [][2]ssmbak.Type{
		{ssmbak.TypeSecureString, ssmbak.TypeSecureString}, {ssmbak.TypeSecureString, ssmbak.TypeString}, {ssmbak.TypeString, ssmbak.TypeSecureString}, {"", ""},
	} {
		for _, action := range []plan.Action{plan.ActionCreate, plan.ActionUpdate, plan.ActionReplace, plan.ActionDelete, plan.ActionNone, plan.ActionKeep, plan.ActionSkip} {
			// Whichever side is secret decides: a value that became public may
			// be the secret one.
			wanted, live := state(kinds[0], secretText), &plan.Parameter{Version: ssmbak.Version{Attributes: ssmbak.Attributes{Type: kinds[1]}}, Value: ssmbak.Know(ssmbak.NewValue(secretText), ssmbak.Proved)}
			item := plan.Item{
				Name: "/app/db", Action: action, After: wanted, Before: live, Reason: "it had been deleted",
				Differences: []plan.Difference{{Attribute: "value", Value: true, BeforeValue: live.Value.V, AfterValue: wanted.Value.V}},
			}
			show := func(reveal bool) string {
				var out bytes.Buffer
				err := errors.Join(
					Items(&out, "title", "summary", []plan.Item{item}, View{Reveal: reveal}),
					JSON(&out, differenceRows(item, reveal)),
				)
				if kinds[0] != ssmbak.TypeString {
					err = errors.Join(err, States(&out, []ssmbak.State{wanted}, View{Reveal: reveal}), JSON(&out, RowOf(wanted, reveal)),
						JSON(&out, OutcomeRowOf(plan.Outcome{Item: item}, "", "", "", reveal)))
				}
				if err != nil {
					t.Fatal(err)
				}
				return out.String()
			}
			if got := show(false); strings.Contains(got, secretText) {
				t.Errorf("%v %s shows the secret:\n%s", kinds, action, got)
			}
			if got := show(true); !strings.Contains(got, secretText) {
				t.Errorf("%v %s does not show the secret where it should:\n%s", kinds, action, got)
			}
		}
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	item := func(name ssmbak.Name, action plan.Action, differences ...plan.Difference) plan.Item {
		return plan.Item{
			Name: name, Action: action, Differences: differences, After: state(ssmbak.TypeString, "old"),
			Before: &plan.Parameter{Version: ssmbak.Version{Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}}},
		}
	}
	value := func(live, wanted string) plan.Difference {
		return plan.Difference{Attribute: "value", Value: true, BeforeValue: ssmbak.NewValue(live), AfterValue: ssmbak.NewValue(wanted)}
	}
	deleted := item("/d", plan.ActionDelete, plan.Difference{Attribute: "value", Value: true, NoBefore: true, NoAfter: true})
	deleted.Reason, deleted.Refused = "it had been deleted", "its live version is not in the archive"
	kept := item("/e", plan.ActionKeep)
	kept.Reason = "it did not exist yet"
	unknown := item("/f", plan.ActionSkip)
	unknown.Reason = "versions are missing"
	created := item("/a", plan.ActionCreate, value("", "old"))
	created.Notices = []string{"its tags are not known:\x1b it gets none"}
	replaced := item("/g", plan.ActionReplace, plan.Difference{Attribute: "tier", Before: "Advanced", After: "Standard"})
	replaced.Source, replaced.Reason = "/h", "deleted and recreated"
	noticed := item("/i", plan.ActionNone)
	noticed.Reason, noticed.Notices = "nothing differs", []string{"its tier stays Advanced"}
	made := &restore.Plan{Plan: plan.Plan{At: 1718309454000, Items: []plan.Item{
		created,
		item("/b", plan.ActionUpdate, value("new\x1b[2J", "old"), plan.Difference{Attribute: "tag team", Before: "core", NoAfter: true}),
		item("/c", plan.ActionNone), deleted, kept, unknown, replaced, noticed,
	}}}
	tests := []struct {
		name  string
		color bool
		want  string
	}{
		{"plain", false, `restore of  to 2024-06-13T20:10:54.000Z:
+ /a
    value: "old"
    note: its tags are not known:\x1b it gets none
~ /b
    value: "new\x1b[2J" -> "old"
    tag team: "core" -> (none)
- /d (it had been deleted)
    value: (unknown)
    will be refused: its live version is not in the archive
= /e (kept: it did not exist yet)
? /f (skipped: versions are missing)
-/+ /g <- /h (deleted and recreated)
    tier: "Advanced" -> "Standard"
plan: 1 to create, 1 to update, 1 to replace, 1 to delete, 2 unchanged, 1 kept, 1 skipped
`},
		{"painted", true, "\x1b[32m+\x1b[0m /a\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := Items(&out, Title(made, "", View{}), Summary(made), made.Items, View{Color: tt.color}); err != nil {
				t.Fatal(err)
			}
			got := out.String()
			if tt.color {
				_, got, _ = strings.Cut(got, "\n")
				got = got[:min(len(got), len(tt.want))]
			}
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("got -, want +\n%s", diff)
			}
		})
	}
}

func TestRowOf(t *testing.T) {
	t.Parallel()
	broken := state(ssmbak.TypeString, "a\xffb")
	lost := state(ssmbak.TypeString, "")
	lost.Value = ssmbak.Known[ssmbak.Value]{Reason: "the value object is damaged"}
	tests := []struct {
		name   string
		state  ssmbak.State
		value  any
		reason any
	}{
		{"exact", state(ssmbak.TypeString, "<a>\x1b\n&"), "<a>\x1b\n&", nil},
		{"empty", state(ssmbak.TypeString, ""), "", nil},
		{"not UTF-8 is never replaced", broken, nil, notUTF8},
		{"lost", lost, nil, "the value object is damaged"},
		{"masked", state(ssmbak.TypeSecureString, secretText), nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := JSON(&out, RowOf(tt.state, false)); err != nil {
				t.Fatal(err)
			}
			var row map[string]any
			if err := json.Unmarshal(out.Bytes(), &row); err != nil {
				t.Fatal(err)
			}
			if row["Value"] != tt.value || row["Reason"] != tt.reason {
				t.Errorf("got value %q and reason %q, want %q and %q", row["Value"], row["Reason"], tt.value, tt.reason)
			}
		})
	}
}

// TestFieldsAreDocumented checks that docs/output.md names every field.
func TestFieldsAreDocumented(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../../docs/output.md")
	if err != nil {
		t.Fatal(err)
	}
	var check func(kind reflect.Type)
	check = func(kind reflect.Type) {
		for f := range kind.Fields() {
			if f.Anonymous {
				check(f.Type)
				continue
			}
			name := f.Name
			if tag := f.Tag.Get("json"); tag != "" {
				name = tag
			}
			if !bytes.Contains(doc, []byte("`"+name+"`")) {
				t.Errorf("docs/output.md does not name %s", name)
			}
		}
	}
	for _, f := range OutcomeRowOf(plan.Outcome{}, "", "", "", true) {
		if !bytes.Contains(doc, []byte("`"+f.name+"`")) {
			t.Errorf("docs/output.md does not name %s", f.name)
		}
	}
	check(reflect.TypeFor[DifferenceRow]())
	check(reflect.TypeFor[RestoreRow]())
	check(reflect.TypeFor[MarkRow]())
}
