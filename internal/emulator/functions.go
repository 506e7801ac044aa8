package emulator

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// Functions are the Lambda functions of an account. They do not run: only their
// configurations can be read. They are safe for concurrent use.
type Functions struct {
	mu       sync.Mutex
	all      map[string]string // name to the SHA-256 of the zip, in hexadecimal
	disabled []string
}

// Deploy creates or updates a function. code is the SHA-256, in hexadecimal, of its zip.
func (f *Functions) Deploy(name, code string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = make(map[string]string)
	}
	f.all[name] = code
}

// Detach disables the event source mapping of a function, so that it gets no messages.
func (f *Functions) Detach(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.disabled = append(f.disabled, name)
}

// Attach enables all event source mappings again.
func (f *Functions) Attach() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.disabled = nil
}

// lambdaOperation returns the operation of a request to Lambda, "" for any other one.
func lambdaOperation(r *http.Request) string {
	switch path := r.URL.Path; {
	case r.Method == http.MethodGet && strings.HasPrefix(path, "/2015-03-31/functions/") && strings.HasSuffix(path, "/configuration"):
		return "GetFunctionConfiguration"
	case r.Method == http.MethodGet && strings.HasPrefix(path, "/2015-03-31/event-source-mappings"):
		return "ListEventSourceMappings"
	}
	return ""
}

// serveLambda answers GetFunctionConfiguration and ListEventSourceMappings.
// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
// https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html
func (a *AWS) serveLambda(w http.ResponseWriter, r *http.Request) {
	a.Functions.mu.Lock()
	defer a.Functions.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	arn := func(name string) string { return "arn:aws:lambda:" + a.region + ":" + a.account + ":function:" + name }
	missing := func(name string) {
		w.Header().Set("X-Amzn-ErrorType", "ResourceNotFoundException")
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(map[string]string{"Type": "User", "Message": "Function not found: " + arn(name)})
	}
	if lambdaOperation(r) == "ListEventSourceMappings" {
		name := r.URL.Query().Get("FunctionName")
		if _, ok := a.Functions.all[name]; !ok {
			missing(name)
			return
		}
		state := "Enabled"
		if slices.Contains(a.Functions.disabled, name) {
			state = "Disabled"
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"EventSourceMappings": []any{map[string]any{
			"UUID": "14e0db71-5d35-4eb5-b481-8945cf9d10c2", "FunctionArn": arn(name), "State": state,
			"EventSourceArn": "arn:aws:sqs:" + a.region + ":" + a.account + ":" + queueName,
		}}})
		return
	}
	name := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/2015-03-31/functions/"), "/configuration")
	code, ok := a.Functions.all[name]
	if !ok {
		missing(name)
		return
	}
	sum, _ := hex.DecodeString(code)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"FunctionName": name, "FunctionArn": arn(name), "CodeSha256": base64.StdEncoding.EncodeToString(sum), "State": "Active", "LastUpdateStatus": "Successful",
	})
}

// The names of the queues in [AWS.QueueURL].
const (
	queueName      = "ssmbak-Q-1KQ3ZV5EXAMPLE"
	deadLetterName = "ssmbak-DeadLetterQ-7T2PLX9EXAMPLE"
)

const sqsTarget = "AmazonSQS."

// QueueURL returns the URL of the queue of the events, or of that of the dead letters.
func (a *AWS) QueueURL(dead bool) string {
	name := queueName
	if dead {
		name = deadLetterName
	}
	return "https://sqs." + a.region + ".amazonaws.com/" + a.account + "/" + name
}

// serveSQS answers GetQueueAttributes about the queue of the events and its dead letters.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
func (a *AWS) serveSQS(w http.ResponseWriter, r *http.Request) {
	var in struct {
		QueueUrl       string
		AttributeNames []string
	}
	if ssmapi.Operation(r) != "GetQueueAttributes" || json.NewDecoder(r.Body).Decode(&in) != nil {
		ssmapi.WriteError(w, http.StatusBadRequest, "com.amazonaws.sqs#UnsupportedOperation", "only GetQueueAttributes is known here")
		return
	}
	counts := make(map[string]string)
	switch in.QueueUrl {
	case a.QueueURL(false):
		counts["ApproximateNumberOfMessages"], counts["ApproximateNumberOfMessagesNotVisible"] = a.Queue.counts()
	case a.QueueURL(true):
		counts["ApproximateNumberOfMessages"], counts["ApproximateNumberOfMessagesNotVisible"] = decimal(len(a.Queue.DeadLetters())), "0"
	default:
		ssmapi.WriteError(w, http.StatusBadRequest, "com.amazonaws.sqs#QueueDoesNotExist", "The specified queue does not exist.")
		return
	}
	attributes := make(map[string]string)
	for name, count := range counts {
		if slices.Contains(in.AttributeNames, name) || slices.Contains(in.AttributeNames, "All") {
			attributes[name] = count
		}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(map[string]any{"Attributes": attributes})
}
