package stack

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestAdminsOf checks that the patterns for a caller match only the caller.
func TestAdminsOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		caller string
		names  []string
		is     []string // possible values of aws:PrincipalArn
	}{
		{"arn:aws:iam::123456789012:user/jo", []string{"arn:aws:iam::123456789012:user/jo"}, []string{"arn:aws:iam::123456789012:user/jo"}},
		{
			"arn:aws-cn:sts::123456789012:assumed-role/deploy/jo",
			[]string{"arn:aws-cn:iam::123456789012:role/deploy", "arn:aws-cn:iam::123456789012:role/*/deploy"},
			[]string{"arn:aws-cn:iam::123456789012:role/deploy", "arn:aws-cn:iam::123456789012:role/team/ops/deploy"},
		},
		{
			"arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/jo@example.com",
			[]string{"arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_Admin_0123456789abcdef"},
			[]string{
				"arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef",
				"arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123456789abcdef",
			},
		},
	} {
		got := admins(test.caller)
		if !slices.Equal(got, test.names) {
			t.Errorf("admins(%s) = %v, want %v", test.caller, got, test.names)
		}
		for _, arn := range test.is {
			if !slices.ContainsFunc(got, func(p string) bool { return arnLike(p, arn) }) {
				t.Errorf("%s does not match %v", arn, got)
			}
		}
		if err := checkAdmins(strings.Join(got, ","), test.caller); err != nil {
			t.Errorf("%s: %v", test.caller, err)
		}
		for _, other := range []string{
			"arn:aws:sts::123456789012:assumed-role/another/jo", "arn:aws:sts::999999999999:assumed-role/deploy/jo", "arn:aws:iam::123456789012:user/deploy",
			"arn:aws:sts::123456789012:assumed-role/xdeploy/jo", "arn:aws:sts::999999999999:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/jo",
		} {
			var refused *AdminError
			if err := checkAdmins(strings.Join(got, ","), other); !errors.As(err, &refused) {
				t.Errorf("%s matches %v: %v", other, got, err)
			}
		}
	}
}

func TestCheckAdmins(t *testing.T) {
	t.Parallel()
	const jo = "arn:aws:sts::123456789012:assumed-role/deploy/jo"
	for list, want := range map[string]bool{
		"arn:aws:iam::123456789012:role/deploy":                                           true,
		"arn:aws:iam::123456789012:role/team/deploy":                                      true,
		"arn:aws:iam::123456789012:role/team/dep*":                                        true,
		"arn:aws:iam::*:role/team/deploy":                                                 true,
		"arn:aws:iam::123456789012:*":                                                     true,
		"arn:aws:iam::123456789012:role/other,arn:aws:iam::123456789012:role/deplo?":      true,
		"arn:aws:iam::123456789012:user/deploy":                                           false,
		"arn:aws:iam::123456789012:role/deploy/other":                                     false,
		"arn:aws-cn:iam::123456789012:role/deploy":                                        false,
		"arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_x": false,
	} {
		if got := checkAdmins(list, jo) == nil; got != want {
			t.Errorf("%s is accepted by %s: %v", jo, list, got)
		}
	}
	var setting *SettingError
	for _, caller := range []string{jo, "arn:aws:iam::123456789012:root"} {
		if err := checkAdmins("arn:aws:iam::123456789012:root", caller); !errors.As(err, &setting) {
			t.Errorf("only the root user: %v, want a SettingError", err)
		}
	}
	if err := checkAdmins("arn:aws:iam::123456789012:role/deploy", "arn:aws:iam::123456789012:root"); err != nil {
		t.Errorf("the root user with another admin: %v", err)
	}
}

// TestPolicySizes checks that the policies are within the limits of AWS with the longest
// names and five ARNs of 100 characters in each list.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
// https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html
func TestPolicySizes(t *testing.T) {
	t.Parallel()
	five := strings.TrimSuffix(strings.Repeat("arn:aws-us-gov:iam::123456789012:role/"+strings.Repeat("a", 62)+",", 5), ",")
	const key = "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef"
	p := places[2].given()
	for _, name := range []string{"AdminArns", "ReaderArns", "RestorerArns", "MarkerArns", "DecryptArns"} {
		p[name] = five
	}
	p["IndexHeader"], p["ValueHeader"] = headerKMS, headerKMS
	r := render(t, p)
	p["BucketName"], p["KeyArn"] = strings.Repeat("b", 63), key
	own := render(t, p)
	for _, x := range []struct {
		policy any
		name   string
		most   int
	}{
		{get(t, r, "BucketPolicy", "PolicyDocument"), "the bucket's policy", 20 << 10},
		{get(t, r, "Key", "KeyPolicy"), "the key's policy", 32 << 10},
		{get(t, own, "RecordingPolicy", "PolicyDocument"), "RecordingPolicy", 6144},
		{get(t, own, "ReaderPolicy", "PolicyDocument"), "ReaderPolicy", 6144},
		{get(t, own, "RestorerPolicy", "PolicyDocument"), "RestorerPolicy", 6144},
	} {
		text, err := json.Marshal(x.policy)
		if err != nil || len(text) > x.most {
			t.Errorf("%s has %d bytes, want at most %d: %v", x.name, len(text), x.most, err)
		}
		t.Logf("%s: %d bytes of %d", x.name, len(text), x.most)
	}
}
