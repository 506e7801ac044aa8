package stackcli_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// sqs serves the JSON protocol of SQS.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
func (c *cloud) sqs(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if c.refused(w, "sqs:"+action) {
		return
	}
	var in struct{ QueueUrl, MessageBody string }
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &in)
	var out any = struct{}{}
	switch action {
	case "GetQueueAttributes":
		visible := c.waiting
		if strings.Contains(in.QueueUrl, "DeadLetterQ") {
			visible = c.dead
		}
		out = map[string]any{"Attributes": map[string]string{
			"QueueArn":                    "arn:aws:sqs:us-east-1:123456789012:" + in.QueueUrl[strings.LastIndex(in.QueueUrl, "/")+1:],
			"ApproximateNumberOfMessages": fmt.Sprint(visible), "ApproximateNumberOfMessagesNotVisible": "0",
		}}
	case "ReceiveMessage":
		var messages []map[string]string
		for i := range min(c.dead, 10) {
			body := fmt.Sprintf("dead letter %d", c.dead-i)
			messages = append(messages, map[string]string{
				"MessageId": body, "ReceiptHandle": body, "Body": body, "MD5OfBody": fmt.Sprintf("%x", md5.Sum([]byte(body))),
			})
		}
		out = map[string]any{"Messages": messages}
	case "SendMessage":
		c.waiting++
		out = map[string]string{"MessageId": "sent", "MD5OfMessageBody": fmt.Sprintf("%x", md5.Sum([]byte(in.MessageBody)))}
	case "DeleteMessage":
		c.dead--
	case "StartMessageMoveTask":
		if c.noMoves {
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"__type":"com.amazonaws.sqs#UnsupportedOperation","message":"This operation is not supported."}`)
			return
		}
		c.moving = time.Now()
		out = map[string]string{"TaskHandle": "task"}
	case "ListMessageMoveTasks":
		moved, status := min(c.dead, 100*int(time.Since(c.moving)/time.Second)), "RUNNING"
		if moved == c.dead {
			status = "COMPLETED"
		}
		out = map[string]any{"Results": []any{map[string]any{
			"Status": status, "ApproximateNumberOfMessagesMoved": moved, "ApproximateNumberOfMessagesToMove": c.dead,
		}}}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(out)
}

// bucketPolicy serves the policy of the bucket.
func (c *cloud) bucketPolicy(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Method == http.MethodGet {
		fmt.Fprint(w, c.policy)
		return
	}
	body, _ := io.ReadAll(r.Body)
	c.policy = string(body)
}

// sts serves GetCallerIdentity.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func (c *cloud) sts(w http.ResponseWriter, _ *http.Request) {
	_ = xml.NewEncoder(w).Encode(field{XMLName: xml.Name{Local: "GetCallerIdentityResponse"}, Fields: []field{{
		XMLName: xml.Name{Local: "GetCallerIdentityResult"}, Fields: []field{text("Arn", c.caller), text("UserId", "AIDA"), text("Account", "123456789012")},
	}}})
}

// lambda serves Invoke, GetFunctionConfiguration and ListEventSourceMappings.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
// https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html
func (c *cloud) lambda(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	name := strings.Split(r.URL.Path, "/")
	if strings.Contains(r.URL.Path, "/event-source-mappings") {
		if !c.refused(w, "lambda:ListEventSourceMappings") {
			_ = json.NewEncoder(w).Encode(map[string]any{"EventSourceMappings": []any{map[string]string{"UUID": "14e0db71", "State": "Enabled"}}})
		}
		return
	}
	if r.Method == http.MethodGet {
		function := name[len(name)-2]
		if c.refused(w, "lambda:GetFunctionConfiguration") {
			return
		}
		sum := sha256.Sum256([]byte(c.deployed[function]))
		_ = json.NewEncoder(w).Encode(map[string]string{"FunctionName": function, "CodeSha256": base64.StdEncoding.EncodeToString(sum[:])})
		return
	}
	if c.refused(w, "lambda:"+name[len(name)-2]+" "+string(bytes.TrimSpace(body))) {
		return
	}
	if c.invoked != nil {
		c.invoked()
	}
	w.WriteHeader(http.StatusAccepted)
}
