// Package runtimeapi runs a Lambda function in tests by serving the Lambda Runtime
// API to it.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
package runtimeapi

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator"
)

const (
	account = "123456789012"
	region  = "us-east-1"
)

// Function is a running function.
type Function struct {
	// PID is its process ID.
	PID int

	logs    logs
	next    chan string
	answers chan Answer
}

// Answer is a function's response to an invocation.
type Answer struct {
	Kind string // response or error
	Body string
}

// Start runs program, a path followed by its arguments, as a function until the end
// of the test. The process has the environment env and the address of the Runtime
// API.
func Start(t testing.TB, env []string, program ...string) *Function {
	t.Helper()
	f := &Function{next: make(chan string), answers: make(chan Answer)}
	served := 0
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case payload := <-f.next:
			served++
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", fmt.Sprintf("00000000-0000-4000-8000-%012d", served))
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:"+region+":"+account+":function:recorder")
			_, _ = io.WriteString(w, payload)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/{kind}", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		select {
		case f.answers <- Answer{r.PathValue("kind"), string(body)}:
		case <-r.Context().Done():
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	cmd := exec.CommandContext(t.Context(), program[0], program[1:]...)
	cmd.Env = append(append([]string(nil), env...), "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(server.URL, "http://"))
	cmd.Stderr = &f.logs
	if err := cmd.Start(); err != nil {
		t.Fatalf("start the function: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	f.PID = cmd.Process.Pid
	return f
}

// Invoke sends the function one payload and returns its response.
func (f *Function) Invoke(t testing.TB, payload string) Answer {
	t.Helper()
	timeout := time.After(time.Minute)
	select {
	case f.next <- payload:
	case <-timeout:
		t.Fatalf("the function did not ask for an invocation within a minute\n%s", f.Logs())
	}
	select {
	case a := <-f.answers:
		return a
	case <-timeout:
		t.Fatalf("the function did not answer within a minute\n%s", f.Logs())
	}
	return Answer{}
}

// Logs returns what the function has logged so far.
func (f *Function) Logs() string { return f.logs.String() }

// logs are written by the process and read by the test.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Batch returns the payload that Lambda sends for a batch of SQS messages, one per
// event, with the IDs message-0, message-1 and so on.
func Batch(events ...string) (payload string) {
	messages := make([]emulator.Message, len(events))
	for i, e := range events {
		messages[i] = emulator.Message{ID: fmt.Sprintf("message-%d", i), Body: []byte(e), Sent: time.Now(), Receives: 1}
	}
	return string(emulator.SQSEvent(region, account, messages))
}
