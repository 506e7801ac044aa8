package stack

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// signed returns parameters of a signing stack there that name a principal of each kind.
func (p place) signed() map[string]string {
	given := p.given()
	given["Sign"], given["SignSince"] = signEnabled, "2026-01-01T00:00:00Z"
	return given
}

// TestSigningKey checks, in each partition, who may use and change the key that signs,
// whatever their own policies allow, and that the test fails without any one of the
// statements of its policy.
func TestSigningKey(t *testing.T) {
	t.Parallel()
	admins, writers := []string{asAdmin, asRoot}, []string{asAdmin, asRestorer, asRecorder}
	everyone := []string{asAdmin, asReader, asRestorer, asMarker, asOther, asRoot, asRecorder}
	for _, p := range places {
		t.Run(p.partition, func(t *testing.T) {
			t.Parallel()
			r := render(t, p.signed())
			key := p.arn("kms", p.region, testAccount, "key/sign")
			wrong := func(all []statement) (failed []string) {
				for action, allowed := range map[string][]string{
					"Sign": writers, "GetPublicKey": everyone, "DescribeKey": everyone, "EnableKey": everyone, "CreateGrant": admins, "PutKeyPolicy": admins,
					"ScheduleKeyDeletion": admins, "DisableKey": admins, "CreateAlias": admins,
				} {
					for _, by := range everyone {
						who := policies{identity: []statement{{sid: "all", effect: "Allow", actions: []string{"*"}, resources: []string{"*"}}}, key: all, keyARN: key}
						got, _ := who.allows(t, request{"kms:" + action, key, map[string]string{"aws:PrincipalArn": p.iam(by)}})
						if got != slices.Contains(allowed, by) {
							failed = append(failed, by+" "+action)
						}
					}
				}
				return failed
			}
			all := statementsOf(t, get(t, r, "SignKey", "KeyPolicy"))
			for _, f := range wrong(all) {
				t.Errorf("wrong answer to %s", f)
			}
			for i, s := range all {
				if len(wrong(without(all, i))) == 0 {
					t.Errorf("nothing depends on %s", s.sid)
				}
			}
		})
	}
}

// TestSigners checks that the functions and restorers may sign with the stack's key and no
// other, that readers may not, and that no principal may without --sign.
func TestSigners(t *testing.T) {
	t.Parallel()
	sign := statementsOf(t, get(t, render(t, places[0].signed()), "SignPolicy", "PolicyDocument"))
	if len(sign) != 1 || slices.Sorted(slices.Values(sign[0].actions))[1] != "kms:Sign" || len(sign[0].resources) != 1 || strings.Contains(sign[0].resources[0], "*") {
		t.Errorf("the functions' policy is %+v", sign)
	}
	if _, ok := render(t, places[0].given()).resources["SignPolicy"]; ok {
		t.Error("a stack that does not sign has a policy to sign")
	}
	key := sign[0].resources[0]
	on := func(given map[string]string, ids ...string) bool {
		return PersonOf(t, given, ids...).Allows(NewRequest("kms:Sign", key, nil))
	}
	if !on(places[0].signed(), "ReaderPolicy", "RestorerPolicy") || on(places[0].signed(), "ReaderPolicy") || on(places[0].given(), "ReaderPolicy", "RestorerPolicy") {
		t.Error("only restorers of a stack that signs may sign")
	}
	verifier := RoleOf(t, places[0].signed(), "VerifierRole")
	if !verifier.Allows(NewRequest("kms:GetPublicKey", key, nil)) || verifier.Allows(NewRequest("kms:Sign", key, nil)) {
		t.Error("the verifier may read the public key, and not sign")
	}
	for _, object := range []string{"listing", "proved"} {
		if !verifier.Allows(NewRequest("s3:GetObject", "arn:aws:s3:::"+testBucket+"/.ssmbak/"+object, nil)) {
			t.Errorf("the verifier may not verify the signature of %s", object)
		}
	}
	function := get(t, render(t, with("Sign", signEnabled, "SignSince", "2026-01-01T00:00:00Z")), "Reconciler", "Environment", "Variables").(map[string]any)
	if function["SSMBAK_SIGN_KEY"] != key || function["SSMBAK_SIGN_SINCE"] != "2026-01-01T00:00:00Z" {
		t.Errorf("the function gets %v", function)
	}
	if x := render(t, places[0].signed()).resources["SignKey"]; x.deletion != "RetainExceptOnCreate" || x.replacing != "Retain" {
		t.Errorf("the key: DeletionPolicy %q, UpdateReplacePolicy %q", x.deletion, x.replacing)
	}
}

// TestSignSince checks that the beginning of signing is kept until it is turned off.
func TestSignSince(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := parameters{parameterSign: signEnabled}
	p.beginSigning(now)
	p.beginSigning(now.Add(time.Hour))
	if p[parameterSignSince] != "2026-01-02T03:04:05Z" {
		t.Errorf("it begins at %q", p[parameterSignSince])
	}
	p[parameterSign] = "DISABLED"
	if p.beginSigning(now); p[parameterSignSince] != "" {
		t.Errorf("turned off, it begins at %q", p[parameterSignSince])
	}
}
