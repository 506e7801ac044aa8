package stack

import (
	"maps"
	"slices"
	"testing"
)

// TestPrincipals checks that the policy of an adopted bucket exempts the same principals
// as the template's policy.
func TestPrincipals(t *testing.T) {
	t.Parallel()
	for _, decrypt := range []string{"", places[0].iam("role/auditor")} {
		p := places[0].given()
		p["DecryptArns"] = decrypt
		verifier := []string{places[0].iam(asVerifier)}
		if decrypt == "" {
			p["Verify"], verifier = "off", nil
		}
		lists := principals(places[0].iam("root"), []string{places[0].iam(asRecorder)}, []string{places[0].iam(asReconciler)}, verifier, p)
		want := make(map[string][]string)
		for _, s := range statementsOf(t, get(t, render(t, p), "BucketPolicy", "PolicyDocument")) {
			if all := s.conditions["ArnNotLike"]["aws:PrincipalArn"]; all != nil {
				slices.Sort(all)
				want[s.sid] = slices.Compact(all)
			}
		}
		for _, all := range lists {
			slices.Sort(all)
		}
		if !maps.EqualFunc(lists, want, slices.Equal) {
			t.Errorf("got %v\nwant %v", lists, want)
		}
	}
}
