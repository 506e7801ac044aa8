package render

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgress(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		terminal bool
		each     time.Duration // that one of ten steps takes
		want     string        // "" for nothing at all
	}{
		{"long work on a terminal", true, time.Second, "of 10"},
		{"short work on a terminal", true, time.Millisecond, ""},
		{"no terminal", false, time.Second, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				p := NewProgress(&out, tt.terminal, "restore")
				for i := range 10 {
					time.Sleep(tt.each)
					p.Set(i+1, 10)
				}
				p.Close()
				p.Close()
				p.Set(10, 10)
				if got := out.String(); !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
					t.Errorf("got %q, want %q in it", got, tt.want)
				}
			})
		})
	}
}

// TestProgressAfterStart measures the rate from Start on, so that the time that a
// person takes to answer a question does not count.
func TestProgressAfterStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := NewProgress(&out, true, "restore")
		time.Sleep(time.Hour)
		p.Start()
		for i := range 5 {
			time.Sleep(time.Second)
			p.Set(i+1, 10)
		}
		p.Close()
		if got := out.String(); !strings.Contains(got, "1/s") || !strings.Contains(got, "5s") {
			t.Errorf("got %q, want 1/s and 5s in it", got)
		}
	})
}

// TestProgressWrite writes lines before, above and after a bar.
func TestProgressWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := NewProgress(&out, true, "restore")
		for _, text := range []string{"before\n", "above\n", "after\n"} {
			if text == "after\n" {
				p.Close()
			}
			if _, err := p.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
			p.Set(1, 10)
		}
		got := out.String()
		for _, want := range []string{"before\n", "above\n", "after\n"} {
			if strings.Count(got, want) != 1 {
				t.Errorf("%q is not in %q once", want, got)
			}
		}
		if !strings.HasPrefix(got, "before\n") || !strings.HasSuffix(got, "after\n") {
			t.Errorf("not in their order: %q", got)
		}
	})
}
