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
				p := NewProgress(t.Context(), &out, tt.terminal, "restore")
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
