package emulator

import (
	"bytes"
	"crypto/sha256"
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
		Object: func(bucket, key, version string) []byte {
			for _, v := range a.S3.Versions(bucket, key) {
				if v.VersionID == version && !v.Marker {
					return v.Body
				}
			}
			return nil
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
	case hasPrefix(target, "Logs_20140328."):
		return call{"logs", op, "", a.serveLogs}, true
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

// deployed returns the SHA-256 and the size of the code of a function that a stack has.
func (a *AWS) deployed(f cfnapi.Resource) (sum []byte, size int) {
	code, _ := f.Properties["Code"].(map[string]any)
	for _, v := range a.S3.Versions(fmt.Sprint(code["S3Bucket"]), fmt.Sprint(code["S3Key"])) {
		if version, pinned := code["S3ObjectVersion"]; v.VersionID == version || !pinned && v.Latest {
			digest := sha256.Sum256(v.Body)
			return digest[:], len(v.Body)
		}
	}
	return nil, 0
}

// stackFunction returns a function that a stack has.
func (a *AWS) stackFunction(name string) (cfnapi.Resource, bool) {
	if a.stacks != nil {
		for _, f := range a.stacks.Resources("AWS::Lambda::Function") {
			if f.PhysicalID == name {
				return f, true
			}
		}
	}
	return cfnapi.Resource{}, false
}

// stackQueue returns the logical ID of a queue that a stack has, "" if none has it.
func (a *AWS) stackQueue(url string) string {
	if a.stacks != nil {
		for _, q := range a.stacks.Resources("AWS::SQS::Queue") {
			if q.PhysicalID == url {
				return q.LogicalID
			}
		}
	}
	return ""
}
