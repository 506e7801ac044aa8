package pattern_test

import (
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/pattern"
)

// FuzzMatch checks that a valid pattern matches without a failure, and that a name without
// special characters matches itself.
func FuzzMatch(f *testing.F) {
	f.Add("/app/**/db", "/app/a/db")
	f.Add("[a-c]*", "/app/b")
	f.Add("*/db/host", "/x/db/host")
	f.Fuzz(func(t *testing.T, glob, text string) {
		name, err := ssmbak.ParseName(text)
		if err != nil {
			return
		}
		if pattern.Check(glob) == nil {
			pattern.Match(glob, name)
		}
		if full := string(name); full[0] == '/' && !pattern.Match(full, name) {
			t.Errorf("%s does not match itself", full)
		}
	})
}

// FuzzMatchPrincipal checks that matching of any pattern and principal ends.
func FuzzMatchPrincipal(f *testing.F) {
	f.Add("user/*", "arn:aws:iam::123456789012:user/alice")
	f.Add("deploy", "arn:aws:sts::123456789012:assumed-role/deploy/session")
	f.Add("\xa3", "arn:aws:iam::123456789012:user/alice")
	f.Fuzz(func(_ *testing.T, glob, arn string) {
		pattern.MatchPrincipal(glob, arn)
		pattern.Principal(arn)
	})
}
