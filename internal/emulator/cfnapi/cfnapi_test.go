package cfnapi_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator/cfnapi"
)

const small = `{"Parameters":{"Name":{"Type":"String"},"More":{"Type":"String","Default":""}},
"Conditions":{"HasMore":{"Fn::Not":[{"Fn::Equals":[{"Ref":"More"},""]}]}},
"Resources":{"P":{"Type":"AWS::SSM::Parameter","Properties":{"Name":{"Ref":"Name"},"Type":"String","Value":{"Fn::Sub":"${AWS::StackName}-v"}}},
"Q":{"Type":"AWS::SQS::Queue","Condition":"HasMore","DeletionPolicy":"Retain"}},
"Outputs":{"A":{"Value":{"Fn::If":["HasMore",{"Fn::Join":["+",[{"Ref":"Name"},{"Ref":"More"}]]},"none"]}}}}`

// TestRules checks what CloudFormation refuses, and that a failed resource rolls a stack back.
func TestRules(t *testing.T) {
	t.Parallel()
	refuse := false
	s := cfnapi.New(cfnapi.Options{
		Account: "123456789012", Region: "us-east-1", Now: time.Now, Bucket: "b", CreateBucket: func(string) {}, DeleteParameter: func(string) {},
		PutParameter: func(name, _, _, value string) error {
			if refuse || value != "s-v" && value != "t-v" {
				return errors.New("refused " + name + " " + value)
			}
			return nil
		},
		Object: func(bucket, key, version string) []byte {
			if bucket == "b" && key == "k/t.json" && version == "v1" {
				return []byte(small + strings.Repeat(" ", 51200))
			}
			return nil
		},
	})
	do := func(want, action string, fields ...string) {
		t.Helper()
		form := url.Values{"Action": {action}, "Version": {cfnapi.Version}}
		for i := 0; i < len(fields); i += 2 {
			form.Set(fields[i], fields[i+1])
		}
		w := httptest.NewRecorder()
		s.Serve(w, form)
		if got := fmt.Sprint(w.Code, " ", w.Body); !strings.Contains(got, want) {
			t.Fatalf("%s %q: got %s, want %s", action, fields, got, want)
		}
	}
	name := []string{"StackName", "s", "TemplateBody", small, "Capabilities.member.1", "CAPABILITY_IAM"}
	at := func(u string) []string {
		return append([]string{"TemplateURL", u}, "StackName", "s", "Capabilities.member.1", "CAPABILITY_IAM")
	}
	with := func(more ...string) []string { return append(append([]string{}, name...), more...) }
	do("Stack with id s does not exist", "DescribeStacks", "StackName", "s")
	do("Parameters: [Name] must have values", "CreateStack", name...)
	do("Parameters: [Other] do not exist in the template", "CreateStack", with("Parameters.member.1.ParameterKey", "Other", "Parameters.member.1.ParameterValue", "x")...)
	do("the local AWS signs no archive", "CreateStack", "StackName", "s", "TemplateBody", `{"Resources":{"K":{"Type":"AWS::KMS::Key","Properties":{"KeyUsage":"SIGN_VERIFY"}}}}`, "Capabilities.member.1", "CAPABILITY_IAM")
	do("TemplateURL must be a supported URL", "CreateStack", at("https://b.s3.us-east-1.amazonaws.com/k/t.json")...)
	do("TemplateURL must be a supported URL", "CreateStack", at("http://b.s3.us-east-1.amazonaws.com/k/t.json?versionId=v1")...)
	do("TemplateURL must be a supported URL", "CreateStack", at("https://b.s3.eu-west-1.amazonaws.com/k/t.json?versionId=v1")...)
	do("The specified version does not exist", "CreateStack", at("https://b.s3.us-east-1.amazonaws.com/k/t.json?versionId=v2")...)
	do("Parameters: [Name] must have values", "CreateStack", at("https://b.s3.us-east-1.amazonaws.com/k/t.json?versionId=v1")...)
	do("must be specified", "CreateStack", append(at("https://b.s3.us-east-1.amazonaws.com/k/t.json?versionId=v1"), "TemplateBody", small)...)
	do("InsufficientCapabilitiesException", "CreateStack", "StackName", "s", "TemplateBody", small)
	do("less than or equal to 51200", "CreateStack", with("TemplateBody", small+strings.Repeat(" ", 51200))...)
	do("Unrecognized resource types: [AWS::EC2::Instance]", "CreateStack", with("TemplateBody", strings.Replace(small, "AWS::SQS::Queue", "AWS::EC2::Instance", 1))...)
	given := with("Parameters.member.1.ParameterKey", "Name", "Parameters.member.1.ParameterValue", "/n")
	do("Unresolved resource dependencies [Nothing]", "CreateStack", append(given, "TemplateBody", strings.Replace(small, `{"Ref":"More"}]]`, `{"Ref":"Nothing"}]]`, 1))...)
	do("<StackId>arn:aws:cloudformation:us-east-1:123456789012:stack/s/", "CreateStack", given...)
	do("<OutputValue>none</OutputValue>", "DescribeStacks", "StackName", "s")
	do("AlreadyExistsException", "CreateStack", given...)
	set := append(given, "ChangeSetName", "c", "ChangeSetType", "UPDATE")
	do("<Id>", "CreateChangeSet", set...)
	do("contain changes", "DescribeChangeSet", "StackName", "s", "ChangeSetName", "c")
	do("InvalidChangeSetStatus", "ExecuteChangeSet", "StackName", "s", "ChangeSetName", "c", "ClientRequestToken", "1")
	more := append(set, "Parameters.member.2.ParameterKey", "More", "Parameters.member.2.ParameterValue", "m", "ChangeSetName", "d")
	do("<Id>", "CreateChangeSet", more...)
	do("<Action>Add</Action><LogicalResourceId>Q</LogicalResourceId>", "DescribeChangeSet", "StackName", "s", "ChangeSetName", "d")
	do("200", "ExecuteChangeSet", "StackName", "s", "ChangeSetName", "d", "ClientRequestToken", "2")
	do("200", "ExecuteChangeSet", "StackName", "s", "ChangeSetName", "d", "ClientRequestToken", "2") // again
	do("ChangeSetNotFound", "ExecuteChangeSet", "StackName", "s", "ChangeSetName", "d", "ClientRequestToken", "3")
	do("<OutputValue>/n+m</OutputValue>", "DescribeStacks", "StackName", "s")
	do("InvalidAction", "UpdateStack", "StackName", "s")
	refuse = true
	do("<StackId>", "CreateStack", append(append([]string{}, given...), "StackName", "t")...)
	do("ROLLBACK_COMPLETE", "DescribeStacks", "StackName", "t")
	do("refused /n", "DescribeStackEvents", "StackName", "t")
	do("200", "DeleteStack", "StackName", "s")
	do("does not exist", "ListStackResources", "StackName", "s")
}
