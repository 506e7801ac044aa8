package emulator

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/ssmbak/ssmbak/internal/emulator/cfnapi"
)

// StackOptions configure what runs a stack of ssmbak: CloudFormation, Lambda, SQS's
// attributes and CloudWatch Logs. Without a Bucket there is none of them.
type StackOptions struct {
	// Bucket is the bucket of every stack. There is one recorder, which writes into it
	// whether or not there is a stack.
	Bucket string
	// Invoke handles an asynchronous invocation of a function.
	Invoke func(function string, payload []byte)
}

// newStacks returns CloudFormation with the other services of the account.
func (a *AWS) newStacks(o StackOptions) *cfnapi.Store {
	return cfnapi.New(cfnapi.Options{
		Account: a.account, Region: a.region, Now: a.Clock.Now, Bucket: o.Bucket,
		CreateBucket: func(name string) { a.S3.CreateBucket(name, true) },
		PutParameter: func(name, kind, description, value string) error {
			return a.parameterStore("PutParameter", map[string]any{"Name": name, "Type": kind, "Description": description, "Value": value})
		},
		DeleteParameter: func(name string) { _ = a.parameterStore("DeleteParameter", map[string]any{"Name": name}) }, // or it is gone
	})
}

// parameterStore sends a request to Parameter Store.
func (a *AWS) parameterStore(op string, in map[string]any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(http.MethodPost, "http://127.0.0.1/", bytes.NewReader(body)) //nolint:noctx // nothing waits
	if err != nil {
		return err
	}
	r.Header.Set("X-Amz-Target", "AmazonSSM."+op)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	response, err := a.Client().Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s of %s failed: %s", op, in["Name"], text)
	}
	return nil
}

// stackCall returns the call of a request to one of the services that run stacks.
func (a *AWS) stackCall(r *http.Request, f url.Values) (call, bool) {
	target := r.Header.Get("X-Amz-Target")
	switch _, op, _ := strings.Cut(target, "."); {
	case a.stacks == nil:
		return call{}, false
	case f.Get("Version") == cfnapi.Version:
		return call{"cloudformation", f.Get("Action"), "", func(w http.ResponseWriter, _ *http.Request) { a.stacks.Serve(w, f) }}, true
	case hasPrefix(target, "AmazonSQS."):
		return call{"sqs", op, "", a.serveSQS}, true
	case hasPrefix(target, "Logs_20140328."):
		return call{"logs", op, "", a.serveLogs}, true
	case hasPrefix(r.URL.Path, functionsPath):
		return call{"lambda", strings.ToUpper(r.Method), "", a.serveLambda}, true
	}
	return call{}, false
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client is gone
}

func writeError(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("X-Amzn-Errortype", code)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message, "Message": message})
}

// serveSQS serves GetQueueAttributes of the queues of stacks: all have the events of the
// account's queue, or its dead letters.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
func (a *AWS) serveSQS(w http.ResponseWriter, r *http.Request) {
	var in struct{ QueueUrl string }
	_ = json.NewDecoder(r.Body).Decode(&in) // an unreadable request names no queue
	if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetQueueAttributes") {
		writeError(w, http.StatusBadRequest, "AWS.SimpleQueueService.UnsupportedOperation", "only GetQueueAttributes is known here")
		return
	}
	for _, q := range a.stacks.Resources("AWS::SQS::Queue") {
		if q.PhysicalID != in.QueueUrl {
			continue
		}
		n := a.Queue.Depth()
		if q.LogicalID == "DeadLetterQ" {
			n = len(a.Queue.DeadLetters())
		}
		writeJSON(w, map[string]any{"Attributes": map[string]string{
			"QueueArn":                    "arn:aws:sqs:" + a.region + ":" + a.account + ":" + in.QueueUrl[strings.LastIndex(in.QueueUrl, "/")+1:],
			"ApproximateNumberOfMessages": fmt.Sprint(n), "ApproximateNumberOfMessagesNotVisible": "0",
		}})
		return
	}
	writeError(w, http.StatusBadRequest, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
}

const functionsPath = "/2015-03-31/functions/"

// serveLambda serves GetFunction, GetFunctionConfiguration and asynchronous Invoke for the
// functions of stacks. Their code is what CloudFormation deployed.
// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func (a *AWS) serveLambda(w http.ResponseWriter, r *http.Request) {
	name, op, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, functionsPath), "/")
	var found *cfnapi.Resource
	for _, f := range a.stacks.Resources("AWS::Lambda::Function") {
		if f.PhysicalID == name {
			found = &f
		}
	}
	switch {
	case found == nil:
		writeError(w, http.StatusNotFound, "ResourceNotFoundException", "Function not found: arn:aws:lambda:"+a.region+":"+a.account+":function:"+name)
	case r.Method == http.MethodGet && op == "configuration":
		writeJSON(w, a.configuration(*found))
	case r.Method == http.MethodGet && op == "":
		writeJSON(w, map[string]any{"Configuration": a.configuration(*found)})
	case r.Method == http.MethodPost && op == "invocations" && r.Header.Get("X-Amz-Invocation-Type") == "Event":
		payload, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil || !json.Valid(payload) {
			writeError(w, http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json")
			return
		}
		if a.invoke != nil {
			go a.invoke(name, payload)
		}
		w.WriteHeader(http.StatusAccepted)
	default:
		writeError(w, http.StatusNotImplemented, "NotImplemented", "only GetFunction, GetFunctionConfiguration and Invoke with the type Event are known here")
	}
}

func (a *AWS) configuration(f cfnapi.Resource) map[string]any {
	code, _ := f.Properties["Code"].(map[string]any)
	sum := sha256.New()
	size := 0
	for _, v := range a.S3.Versions(fmt.Sprint(code["S3Bucket"]), fmt.Sprint(code["S3Key"])) {
		if v.VersionID == code["S3ObjectVersion"] {
			sum.Write(v.Body)
			size = len(v.Body)
		}
	}
	return map[string]any{
		"FunctionName": f.PhysicalID, "FunctionArn": "arn:aws:lambda:" + a.region + ":" + a.account + ":function:" + f.PhysicalID, "Runtime": f.Properties["Runtime"],
		"Handler": f.Properties["Handler"], "State": "Active", "LastUpdateStatus": "Successful", "CodeSize": size,
		"CodeSha256": base64.StdEncoding.EncodeToString(sum.Sum(nil)),
	}
}
