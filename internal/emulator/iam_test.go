package emulator_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/ssmbak/ssmbak/internal/emulator"
)

func config(a *emulator.AWS) aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1"), HTTPClient: a.Client(),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	}
}

// TestSimulatePrincipalPolicy checks the answers by the rules that deny requests, in pages,
// and what IAM refuses.
func TestSimulatePrincipalPolicy(t *testing.T) {
	t.Parallel()
	a := emulator.New(emulator.Options{})
	a.Faults.Add(emulator.Rule{Service: "s3", Op: "GetObject", KeyPrefix: "secret/", Fault: emulator.Denied})
	a.Faults.Add(emulator.Rule{Service: "s3", Op: "PutObject", Fault: emulator.DeniedByOrganization})
	a.Faults.Add(emulator.Rule{Service: "ssm", Fault: emulator.Throttled})                                                 // no policy
	a.Faults.Add(emulator.Rule{Service: "ssm", If: func(*http.Request) bool { return true }, Fault: emulator.DeniedBySSM}) // not known for a simulation
	client := iam.NewFromConfig(config(a))
	in := &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: aws.String("arn:aws:iam::123456789012:user/alice"), ActionNames: []string{"s3:GetObjectVersion", "s3:PutObject", "ssm:PutParameter"},
		ResourceArns: []string{"arn:aws:s3:::b/secret/x", "arn:aws:s3:::b/x"}, MaxItems: aws.Int32(4),
	}
	var got []string
	pages := iam.NewSimulatePrincipalPolicyPaginator(client, in)
	n := 0
	for ; pages.HasMorePages(); n++ {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.EvaluationResults {
			got = append(got, string(e.EvalDecision))
		}
	}
	if want := []string{"implicitDeny", "allowed", "explicitDeny", "explicitDeny", "allowed", "allowed"}; !slices.Equal(got, want) || n != 2 {
		t.Errorf("got %q on %d pages, want %q", got, n, want)
	}
	for source, want := range map[string]string{
		"arn:aws:iam::123456789012:root": "InvalidInput", "arn:aws:sts::123456789012:assumed-role/r/s": "InvalidInput", "arn:aws:iam::123456789012:role/none": "NoSuchEntity",
	} {
		in.PolicySourceArn, in.MaxItems = &source, nil
		if _, err := client.SimulatePrincipalPolicy(t.Context(), in); code(err) != want {
			t.Errorf("%s: %v, want %s", source, err, want)
		}
	}
	if _, err := client.ListRoles(t.Context(), &iam.ListRolesInput{}); code(err) != "InvalidAction" {
		t.Errorf("another operation: %v", err)
	}
	a.Faults.Clear()
	a.Faults.Add(emulator.Rule{Service: "iam", Fault: emulator.Denied})
	if _, err := client.SimulatePrincipalPolicy(t.Context(), in); code(err) != "AccessDenied" {
		t.Errorf("denied: %v", err)
	}
	if counts := a.Counts(); counts["iam:SimulatePrincipalPolicy"] == 0 || counts["sts:GetCallerIdentity"] != 0 {
		t.Errorf("counts %v", counts)
	}
}

func TestDescribeKey(t *testing.T) {
	t.Parallel()
	a := emulator.New(emulator.Options{})
	a.SSM.DisableKey("alias/old")
	a.SSM.DeleteKey("alias/gone")
	client := kms.NewFromConfig(config(a))
	for id, want := range map[string]string{"alias/app": "Enabled", "alias/old": "Disabled", "arn:aws:kms:us-east-1:123456789012:key/1": "Enabled"} {
		out, err := client.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &id})
		if err != nil || string(out.KeyMetadata.KeyState) != want {
			t.Errorf("%s: %v, want %s", id, err, want)
		}
	}
	if _, err := client.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/gone")}); code(err) != "NotFoundException" {
		t.Errorf("a key that does not exist: %v", err)
	}
}
