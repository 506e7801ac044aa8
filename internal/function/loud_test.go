package function_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/function"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// measured is a function whose metrics and warnings a test reads.
type measured struct {
	*lambda
	metrics bytes.Buffer
}

func newMeasured(t *testing.T) *measured {
	t.Helper()
	m := &measured{lambda: newLambda(t, "archive")}
	reach := testworld.Connection(m.AWS.Client())
	reach.MaxAttempts = 2
	m.function = function.New(function.Options{
		Bucket: "archive", AWS: reach, Logger: slog.New(slog.NewJSONHandler(m.logs, nil)), Stack: "ssmbak", Metrics: &m.metrics,
	})
	return m
}

// take returns the metrics that were written since the last call, by the rules of
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
func (m *measured) take(t *testing.T) map[string]float64 {
	t.Helper()
	all := make(map[string]float64)
	for line := range strings.Lines(m.metrics.String()) {
		var directives struct {
			AWS struct {
				Timestamp         int64
				CloudWatchMetrics []struct {
					Namespace  string
					Dimensions [][]string
					Metrics    []struct{ Name, Unit string }
				}
			} `json:"_aws"`
		}
		var members map[string]any
		if json.Unmarshal([]byte(line), &directives) != nil || json.Unmarshal([]byte(line), &members) != nil {
			t.Fatalf("no JSON: %s", line)
		}
		if at := time.UnixMilli(directives.AWS.Timestamp); time.Since(at).Abs() > time.Minute || len(directives.AWS.CloudWatchMetrics) != 1 {
			t.Fatalf("at %v: %s", at, line)
		}
		d := directives.AWS.CloudWatchMetrics[0]
		if d.Namespace != "ssmbak" || fmt.Sprint(d.Dimensions) != "[[Stack]]" || members["Stack"] != "ssmbak" || len(d.Metrics) == 0 {
			t.Errorf("namespace or dimensions: %s", line)
		}
		for _, x := range d.Metrics {
			value, ok := members[x.Name].(float64)
			if _, twice := all[x.Name]; !ok || twice || !strings.Contains("Seconds Count None", x.Unit) {
				t.Errorf("%s is no metric in %s", x.Name, line)
			}
			all[x.Name] = value
		}
	}
	m.metrics.Reset()
	return all
}

// warnings returns the log records above INFO since the last call.
func (m *measured) warnings(t *testing.T) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(m.logs.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("no JSON: %s", line)
		}
		if record["level"] == "WARN" || record["level"] == "ERROR" {
			all = append(all, record)
		}
	}
	m.logs.Reset()
	return all
}

// named counts the names in records with a message.
func named(records []map[string]any, message string) int {
	names := make(map[any]bool)
	for _, r := range records {
		if r["msg"] == message {
			names[r["name"]] = true
		}
	}
	return len(names)
}

func (m *measured) reconcile(t *testing.T) (answer function.Reconciled) {
	t.Helper()
	text, err := m.invoke(t, `{"ssmbak":"reconcile"}`)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// drain gives the function every message once, and returns the number of those that it
// returned.
func (m *measured) drain(t *testing.T) (returned int) {
	t.Helper()
	err := m.AWS.Queue.Drain(t.Context(), func(_ context.Context, batch []emulator.Message) []string {
		text, err := m.invoke(t, string(emulator.SQSEvent(region, account, batch)))
		if err != nil {
			t.Fatal(err)
		}
		returned += strings.Count(text, "itemIdentifier")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return returned
}

// secret creates a secret under a key of the customer.
func (m *measured) secret(t *testing.T, name string) {
	t.Helper()
	value, key := "hunter2", "alias/app"
	if _, err := m.SSM.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeSecureString, KeyId: &key}); err != nil {
		t.Fatal(err)
	}
}

// TestUnreadableIsLoud records 50 secrets under a key that the functions may not use. Each
// is named in a warning of every reconcile, and counted, until the key can be used.
func TestUnreadableIsLoud(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMeasured(t)
		for i := range 50 {
			m.secret(t, fmt.Sprintf("/app/secret-%02d", i))
		}
		m.AWS.SSM.DeleteKey("alias/app") // its answer does not differ from a key that the caller may not use
		time.Sleep(time.Minute)
		if answer := m.reconcile(t); answer.Unreadable != 50 || !answer.Complete {
			t.Errorf("answered %+v, want 50 unreadable", answer)
		}
		for range 2 {
			warnings := m.warnings(t)
			if n := named(warnings, "value unavailable"); n != 50 {
				t.Errorf("%d secrets are named in warnings, want 50: %v", n, warnings)
			}
			if got := m.take(t); got["Unreadable"] != 50 || got["Failed"] != 0 || got["CompleteAge"] > 0.1 {
				t.Errorf("metrics %v, want 50 unreadable", got)
			}
			time.Sleep(time.Hour)
			m.reconcile(t)
		}
		m.warnings(t)
		m.take(t)
		m.AWS.SSM.EnableKey("alias/app")
		time.Sleep(time.Hour)
		m.reconcile(t)
		if warnings := m.warnings(t); len(warnings) > 0 {
			t.Errorf("warned of %v, after the key could be used again", warnings)
		}
		if got := m.take(t); got["Unreadable"] != 0 {
			t.Errorf("metrics %v, want none unreadable", got)
		}
	})
}

// TestBatchMetrics checks the metrics of batches.
func TestBatchMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMeasured(t)
		m.put(t, "/app/db", "v", types.ParameterTypeString)
		time.Sleep(20 * time.Second)
		if m.drain(t) != 0 {
			t.Error("a message was returned")
		}
		got := m.take(t)
		if _, said := got["Unreadable"]; said || got["Lag"] < 20 || got["Lag"] > 30 || got["HandedBack"] != 0 || got["Gaps"] != 0 {
			t.Errorf("metrics %v, want a lag of about 21 s and nothing unreadable", got)
		}

		m.secret(t, "/app/secret")
		m.AWS.SSM.DeleteKey("alias/app")
		m.drain(t)
		if got := m.take(t); got["Unreadable"] != 1 {
			t.Errorf("metrics %v, want 1 unreadable", got)
		}
		if n := named(m.warnings(t), "value unavailable"); n != 1 {
			t.Errorf("%d secrets are named in warnings, want 1", n)
		}

		// A change whose version Parameter Store does not show yet is no error.
		event := `{"id":"1","detail-type":"Parameter Store Change","source":"aws.ssm","account":"123456789012","time":` +
			`"` + time.Now().UTC().Format(time.RFC3339) + `","region":"us-east-1","detail":{"operation":"Create","name":"/app/late"}}`
		body, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := m.invoke(t, `{"Records":[{"messageId":"m","body":`+string(body)+`}]}`); err != nil || !strings.Contains(text, `"m"`) {
			t.Errorf("answered %s, %v, want the message returned", text, err)
		}
		if got := m.take(t); got["HandedBack"] != 0 {
			t.Errorf("metrics %v, want none returned because of an error", got)
		}

		m.AWS.Faults.Add(emulator.Rule{Service: "ssm", Op: "GetParameterHistory", Fault: emulator.DeniedBySSM})
		for range 3 {
			m.put(t, "/app/db", "w", types.ParameterTypeString)
		}
		time.Sleep(time.Hour)
		if n := m.drain(t); n != 3 {
			t.Errorf("%d messages were returned, want 3", n)
		}
		if got := m.take(t); got["HandedBack"] != 3 || got["Lag"] < 3600 {
			t.Errorf("metrics %v, want 3 returned, an hour old", got)
		}
	})
}

// TestReconcileMetrics checks the metrics of reconciles that fail, for some parameters or
// as such.
func TestReconcileMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMeasured(t)
		m.put(t, "/app/db", "v", types.ParameterTypeString)
		m.reconcile(t)
		if got := m.take(t); got["CompleteAge"] < 0 || got["CompleteAge"] > 0.1 || got["Failed"] != 0 {
			t.Errorf("metrics %v, want a complete archive", got)
		}
		m.AWS.Faults.Add(emulator.Rule{Service: "ssm", Op: "GetParameterHistory", Times: 1, Fault: emulator.DeniedBySSM})
		m.put(t, "/app/db", "w", types.ParameterTypeString)
		m.put(t, "/app/other", "w", types.ParameterTypeString)
		if _, err := m.invoke(t, `{"ssmbak":"reconcile"}`); err == nil {
			t.Error("the failure of a parameter is no error of the function")
		}
		if got := m.take(t); got["Failed"] != 1 {
			t.Errorf("metrics %v, want 1 failed", got)
		}
		m.AWS.Faults.Add(emulator.Rule{Service: "ssm", Op: "DescribeParameters", Fault: emulator.DeniedBySSM})
		time.Sleep(5 * time.Hour)
		if _, err := m.invoke(t, `{"ssmbak":"reconcile"}`); err == nil {
			t.Error("a reconcile succeeded without listing")
		}
		got := m.take(t)
		if _, said := got["Failed"]; said || got["CompleteAge"] < 5 || got["CompleteAge"] > 5.1 {
			t.Errorf("metrics %v, want 5 hours alone", got)
		}
	})
}
