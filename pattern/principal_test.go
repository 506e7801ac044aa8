package pattern_test

import (
	"testing"

	"github.com/ssmbak/ssmbak/pattern"
)

func TestMatchPrincipal(t *testing.T) {
	t.Parallel()
	const (
		alice  = "arn:aws:iam::123456789012:user/team/alice"
		deploy = "arn:aws:sts::123456789012:assumed-role/deploy/i-0123"
	)
	tests := []struct {
		pattern, arn string
		want         bool
	}{
		{alice, alice, true},
		{"alice", alice, true},
		{"team/alice", alice, true},
		{"user/team/alice", alice, true},
		{"lice", alice, false},
		{"*lice", alice, true},
		{"alice", "arn:aws:iam::123456789012:user/malice", false},
		{"al?ce", alice, true},
		{"user/*", alice, true},
		{"deploy", deploy, true},
		{"assumed-role/deploy", deploy, true},
		{"arn:aws:sts::123456789012:assumed-role/deploy", deploy, true},
		{"assumed-role/deploy/*", deploy, true},
		{"i-0123", deploy, true},
		{"deploy", "arn:aws:sts::123456789012:assumed-role/deploy-2/i-0123", false},
		{"*", deploy, true},
		{"*", "", false},
		{"", alice, false},
		{"\xa3", alice, false}, // not UTF-8
		{"*\xa3", alice + "\xa3", false},
		{"a.ice", alice, false},
		{"123456789012:root", "arn:aws:iam::123456789012:root", true},
	}
	for _, tt := range tests {
		if got := pattern.MatchPrincipal(tt.pattern, tt.arn); got != tt.want {
			t.Errorf("MatchPrincipal(%q, %q) = %t", tt.pattern, tt.arn, got)
		}
	}
	if got, want := pattern.Principal(deploy), "arn:aws:sts::123456789012:assumed-role/deploy"; got != want {
		t.Errorf("Principal(%q) = %q, want %q", deploy, got, want)
	}
	if got := pattern.Principal(alice); got != alice {
		t.Errorf("Principal(%q) = %q", alice, got)
	}
}
