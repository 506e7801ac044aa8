package archive

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
)

// deploy returns a mark that was made a day ago.
func deploy(name string) Mark {
	now := time.Now().UTC().Add(-24 * time.Hour).Truncate(time.Millisecond)
	at := ssmbak.Seconds(ssmbak.TimeOf(now).Second())
	return Mark{Name: name, At: at + 999, Begin: at, Made: now, By: "arn:aws:iam::123456789012:user/me", Message: "é\n\""}
}

var written = cmpopts.IgnoreFields(Mark{}, "Format", "Writer")

func TestMarks(t *testing.T) {
	t.Parallel()
	a, _, _ := restores(t)
	first, second := deploy("deploy-1"), deploy("deploy-2")
	second.At, second.Begin = first.At-5000, first.At-5000
	for _, m := range []Mark{second, first} {
		if before, err := a.SetMark(t.Context(), m, false); err != nil || before.At != 0 {
			t.Fatalf("set %s: %+v, %v", m.Name, before, err)
		}
	}
	all, unreadable, err := a.Marks(t.Context())
	if diff := cmp.Diff(all, []Mark{first, second}, written); diff != "" || len(unreadable) > 0 || err != nil {
		t.Errorf("marks %s, unreadable %v, %v", diff, unreadable, err)
	}

	moved := deploy("deploy-1")
	moved.At, moved.Begin = first.At+1000, first.At+1000
	var exists *MarkExistsError
	if _, err := a.SetMark(t.Context(), moved, false); !errors.As(err, &exists) || exists.Mark.At != first.At {
		t.Errorf("set twice: %v, want a MarkExistsError", err)
	}
	if got, err := a.Mark(t.Context(), "deploy-1"); err != nil || got.Point() != first.Point() {
		t.Errorf("the refused mark is at %v, %v, want %v", got.Point(), err, first.Point())
	}
	if before, err := a.SetMark(t.Context(), moved, true); err != nil || before.At != first.At {
		t.Errorf("moved from %+v, %v, want %s", before, err, first.At)
	}

	before, err := a.RemoveMark(t.Context(), "deploy-1", "me", time.Now())
	if err != nil || before.At != moved.At {
		t.Errorf("removed %+v, %v, want %s", before, err, moved.At)
	}
	if _, err := a.Mark(t.Context(), "deploy-1"); !errors.Is(err, ErrNoMark) {
		t.Errorf("the removed mark: %v", err)
	}
	for _, name := range []string{"deploy-1", "deploy-3"} {
		if _, err := a.RemoveMark(t.Context(), name, "me", time.Now()); !errors.Is(err, ErrNoMark) {
			t.Errorf("remove %s again: %v", name, err)
		}
	}
	if all, _, err := a.Marks(t.Context()); err != nil || len(all) != 1 || all[0].Name != "deploy-2" {
		t.Errorf("marks after the removal: %+v, %v", all, err)
	}
	if before, err := a.SetMark(t.Context(), first, false); err != nil || before.At != 0 {
		t.Errorf("set after the removal: %+v, %v", before, err)
	}
	if names, err := a.MarkNames(t.Context()); err != nil || !slices.Equal(names, []string{"deploy-1", "deploy-2"}) {
		t.Errorf("names %q, %v", names, err)
	}
}

// TestMarkNeedsNoReading checks that the first write of a mark is one PutObject.
func TestMarkNeedsNoReading(t *testing.T) {
	t.Parallel()
	a, local, _ := restores(t)
	local.Faults.Add(emulator.Rule{Fault: emulator.Denied, If: func(r *http.Request) bool { return r.Method != http.MethodPut }})
	if _, err := a.SetMark(t.Context(), deploy("deploy-1"), false); err != nil {
		t.Error(err)
	}
}

func TestMarkNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a", "7", "deploy-41", "v1.7.0_rc.2", strings.Repeat("x", 128)} {
		if !ValidMarkName(name) {
			t.Errorf("%q is refused", name)
		}
	}
	a, local, _ := restores(t)
	for _, name := range []string{"", ".", "..", "-x", "a/b", "a b", "é", "a\n", strings.Repeat("x", 129)} {
		m := deploy(name)
		if ValidMarkName(name) {
			t.Errorf("%q is accepted", name)
		}
		if _, err := a.SetMark(t.Context(), m, true); err == nil {
			t.Errorf("%q was written", name)
		}
		if _, err := a.Mark(t.Context(), name); !errors.Is(err, ErrNoMark) {
			t.Errorf("read %q: %v", name, err)
		}
	}
	for _, key := range local.S3.Keys("archive") {
		if strings.HasPrefix(key, marksPrefix) {
			t.Errorf("%s exists", key)
		}
	}
}

// TestForgedMarks plants marks that no writer made.
func TestForgedMarks(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"another name":     `{"format":1,"name":"other","at":"2024-06-13T20:00:00Z","made":"2024-06-13T20:00:00Z"}`,
		"in the future":    `{"format":1,"name":"x","at":"2099-06-13T20:00:00Z","made":"2024-06-13T20:00:00Z"}`,
		"made in 2099":     `{"format":1,"name":"x","at":"2024-06-13T20:00:00Z","made":"2099-06-13T20:00:00Z"}`,
		"an early begin":   `{"format":1,"name":"x","at":"2024-06-13T20:00:00Z","begin":"2024-06-13T19:00:00Z","made":"2024-06-13T20:00:00Z"}`,
		"a late begin":     `{"format":1,"name":"x","at":"2024-06-13T20:00:00Z","begin":"2024-06-13T20:00:01Z","made":"2024-06-13T20:00:00Z"}`,
		"a long message":   `{"format":1,"name":"x","at":"2024-06-13T20:00:00Z","made":"2024-06-13T20:00:00Z","message":"` + strings.Repeat("x", MaxMarkMessage+1) + `"}`,
		"a greater object": `{"format":1,"name":"x","at":"2024-06-13T20:00:00Z","made":"2024-06-13T20:00:00Z","more":"` + strings.Repeat("x", 64<<10) + `"}`,
		"nothing":          "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, local, _ := restores(t)
			if err := local.S3.Put("archive", marksPrefix+"x", []byte(text)); err != nil {
				t.Fatal(err)
			}
			var damaged *DamagedError
			if m, err := a.Mark(t.Context(), "x"); !errors.As(err, &damaged) || m.At != 0 {
				t.Errorf("read %+v, %v, want a DamagedError", m, err)
			}
			if all, unreadable, err := a.Marks(t.Context()); len(all) != 0 || len(unreadable) != 1 || err != nil {
				t.Errorf("listed %+v, unreadable %v, %v", all, unreadable, err)
			}
			if _, err := a.SetMark(t.Context(), deploy("x"), false); !errors.As(err, &damaged) {
				t.Errorf("set: %v, want a DamagedError", err)
			}
			if _, err := a.RemoveMark(t.Context(), "x", "me", time.Now()); err != nil {
				t.Errorf("remove: %v", err)
			}
			if _, err := a.Mark(t.Context(), "x"); !errors.Is(err, ErrNoMark) {
				t.Errorf("after the removal: %v", err)
			}
		})
	}
}

// TestMarkWithoutAnswer loses the answer to the write of a mark.
func TestMarkWithoutAnswer(t *testing.T) {
	t.Parallel()
	a, local, _ := restores(t)
	local.Faults.Add(emulator.Rule{Op: "PutObject", Times: 1, Fault: emulator.Fault{LostAfter: true}})
	if before, err := a.SetMark(t.Context(), deploy("x"), false); err != nil || before.At != 0 {
		t.Errorf("set: %+v, %v", before, err)
	}
}

// TestFutureMark reads, and moves, a mark of a newer program.
func TestFutureMark(t *testing.T) {
	t.Parallel()
	a, local, _ := restores(t)
	put := func(reader string) {
		text := `{"format":2,"reader":` + reader + `,"name":"x","at":"2024-06-13T20:00:00Z","made":"2024-06-13T20:00:00Z","by":"me","ticket":"OPS-1"}`
		if err := local.S3.Put("archive", marksPrefix+"x", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	put("1")
	want := ssmbak.TimeOf(time.Date(2024, 6, 13, 20, 0, 0, 0, time.UTC))
	if m, err := a.Mark(t.Context(), "x"); err != nil || m.Point() != (ssmbak.Point{At: want, Begin: want}) {
		t.Errorf("read %+v, %v", m, err)
	}
	if _, err := a.SetMark(t.Context(), deploy("x"), true); err != nil {
		t.Fatal(err)
	}
	o, err := a.bucket.Get(t.Context(), marksPrefix+"x", "", markKind.Limit)
	if err != nil || !strings.Contains(string(o.Body), `"ticket":"OPS-1"`) {
		t.Errorf("moved: %s, %v, want the unknown field", o.Body, err)
	}
	put("2")
	var format *FormatError
	if _, err := a.SetMark(t.Context(), deploy("x"), true); !errors.As(err, &format) {
		t.Errorf("moved one that needs a newer program: %v", err)
	}
}
