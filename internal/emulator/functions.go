package emulator

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// Functions are the Lambda functions of an account that no stack has. They do not run: only
// their configurations can be read. They are safe for concurrent use.
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

const (
	functionsPath = "/2015-03-31/functions/"
	mappingsPath  = "/2015-03-31/event-source-mappings"
)

// lambdaOperation returns the operation of a request to Lambda, "" for any other one.
func lambdaOperation(r *http.Request) string {
	_, op, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, functionsPath), "/")
	switch path := r.URL.Path; {
	case r.Method == http.MethodGet && strings.HasPrefix(path, mappingsPath):
		return "ListEventSourceMappings"
	case !strings.HasPrefix(path, functionsPath):
		return ""
	case r.Method == http.MethodGet && op == "configuration":
		return "GetFunctionConfiguration"
	case r.Method == http.MethodGet && op == "":
		return "GetFunction"
	case r.Method == http.MethodPost && op == "invocations":
		return "Invoke"
	}
	return "Unknown"
}

// serveLambda serves functions of stacks and of [AWS.Functions]: their configurations, the
// event source mapping that each has, and asynchronous invocations.
// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
// https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func (a *AWS) serveLambda(w http.ResponseWriter, r *http.Request) {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, functionsPath), "/")
	op := lambdaOperation(r)
	if op == "ListEventSourceMappings" {
		name = r.URL.Query().Get("FunctionName")
	}
	configuration, ok := a.configuration(name)
	switch {
	case !ok:
		writeError(w, http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+a.functionARN(name))
	case op == "GetFunctionConfiguration":
		writeJSON(w, configuration)
	case op == "GetFunction":
		writeJSON(w, map[string]any{"Configuration": configuration})
	case op == "ListEventSourceMappings":
		writeJSON(w, map[string]any{"EventSourceMappings": []any{map[string]any{
			"UUID": "14e0db71-5d35-4eb5-b481-8945cf9d10c2", "FunctionArn": a.functionARN(name), "State": a.Functions.mapping(name),
			"EventSourceArn": "arn:aws:sqs:" + a.region + ":" + a.account + ":" + queueName,
		}}})
	case op == "Invoke" && r.Header.Get("X-Amz-Invocation-Type") == "Event":
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
		writeError(w, http.StatusNotImplemented, "NotImplemented", "only GetFunction, GetFunctionConfiguration, ListEventSourceMappings and Invoke with the type Event are known here")
	}
}

func (a *AWS) functionARN(name string) string {
	return "arn:aws:lambda:" + a.region + ":" + a.account + ":function:" + name
}

// mapping returns the state of the event source mapping of a function.
func (f *Functions) mapping(name string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Contains(f.disabled, name) {
		return "Disabled"
	}
	return "Enabled"
}

// configuration returns the configuration of a function, false if there is none.
func (a *AWS) configuration(name string) (map[string]any, bool) {
	c := map[string]any{"FunctionName": name, "FunctionArn": a.functionARN(name), "State": "Active", "LastUpdateStatus": "Successful"}
	if f, ok := a.stackFunction(name); ok {
		sum, size := a.deployed(f)
		c["Runtime"], c["Handler"], c["CodeSize"], c["CodeSha256"] = f.Properties["Runtime"], f.Properties["Handler"], size, base64.StdEncoding.EncodeToString(sum)
		return c, true
	}
	a.Functions.mu.Lock()
	defer a.Functions.mu.Unlock()
	code, ok := a.Functions.all[name]
	sum, _ := hex.DecodeString(code)
	c["CodeSha256"] = base64.StdEncoding.EncodeToString(sum)
	return c, ok
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

// serveSQS answers GetQueueAttributes about the queue of the events and its dead letters,
// by the URLs of [AWS.QueueURL] and of stacks.
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
	switch id := a.stackQueue(in.QueueUrl); {
	case in.QueueUrl == a.QueueURL(false), id != "" && id != "DeadLetterQ":
		counts["ApproximateNumberOfMessages"], counts["ApproximateNumberOfMessagesNotVisible"] = a.Queue.counts()
	case in.QueueUrl == a.QueueURL(true), id == "DeadLetterQ":
		counts["ApproximateNumberOfMessages"], counts["ApproximateNumberOfMessagesNotVisible"] = decimal(len(a.Queue.DeadLetters())), "0"
	default:
		ssmapi.WriteError(w, http.StatusBadRequest, "com.amazonaws.sqs#QueueDoesNotExist", "The specified queue does not exist.")
		return
	}
	counts["QueueArn"] = "arn:aws:sqs:" + a.region + ":" + a.account + ":" + in.QueueUrl[strings.LastIndex(in.QueueUrl, "/")+1:]
	attributes := make(map[string]string)
	for name, count := range counts {
		if slices.Contains(in.AttributeNames, name) || slices.Contains(in.AttributeNames, "All") {
			attributes[name] = count
		}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(map[string]any{"Attributes": attributes})
}
