package function_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/internal/function"
)

// TestVerifyInvocation verifies an archive, which writes nothing but the record.
func TestVerifyInvocation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMeasured(t)
		verify := func(want string) map[string]float64 {
			t.Helper()
			before := m.AWS.S3.Keys("archive")
			time.Sleep(time.Hour)
			got, err := m.invoke(t, `{"ssmbak":"verify"}`)
			if err != nil || got != want {
				t.Fatalf("answered %s, %v, want %s", got, err, want)
			}
			for _, key := range m.AWS.S3.Keys("archive") {
				if key != ".ssmbak/verified" && !slices.Contains(before, key) {
					t.Errorf("it wrote %s", key)
				}
			}
			return m.take(t)
		}
		if got := verify(`{"Parameters":0,"Faults":0,"Complete":false}`); len(got) > 0 || len(m.AWS.S3.Keys("archive")) > 0 {
			t.Errorf("without an archive: metrics %v", got)
		}
		m.put(t, "/app/db", "v", types.ParameterTypeString)
		m.put(t, "/app/web", "v", types.ParameterTypeString)
		m.reconcile(t)
		m.take(t)
		m.warnings(t)
		if got := verify(`{"Parameters":2,"Faults":0,"Complete":true}`); fmt.Sprint(got) != "map[Faults:0 VerifyAge:0]" || len(m.warnings(t)) > 0 {
			t.Errorf("metrics %v, want no faults", got)
		}
		m.AWS.S3.Corrupt("archive", "/app/db", m.AWS.S3.Versions("archive", "/app/db")[0].VersionID, []byte("hunter2"))
		if got := verify(`{"Parameters":2,"Faults":2,"Complete":true}`); got["Faults"] != 2 {
			t.Errorf("metrics %v, want that the value is damaged, and missing", got)
		}
		logs := m.logs.String()
		if w := m.warnings(t); named(w, "fault in the archive") != 1 || w[0]["name"] != "/app/db" || w[0]["fault"] != "damaged-value" || strings.Contains(logs, "hunter2") {
			t.Errorf("warnings: %v", w)
		}
		if requests := m.AWS.Counts(); requests["ssm:GetParameter"] > 0 {
			t.Errorf("requests: %v", requests)
		}
	})
}

// TestForgedIsMeasured hides an index, which the next reconcile restores and counts.
func TestForgedIsMeasured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMeasured(t)
		m.put(t, "/app/db", "v", types.ParameterTypeString)
		m.reconcile(t)
		if got, said := m.take(t)["Forged"]; !said || got != 0 {
			t.Errorf("Forged is %v (%v), want 0", got, said)
		}
		time.Sleep(time.Hour)
		if _, err := m.Connect(m.AWS.Client()).S3().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("archive"), Key: aws.String(".ssmbak/index/app/db")}); err != nil {
			t.Fatal(err)
		}
		m.reconcile(t)
		if got := m.take(t)["Forged"]; got != 1 {
			t.Errorf("Forged is %v, want 1", got)
		}
	})
}

func TestVerifyShare(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{"": 1, "10": 0.1, "10%": 0.1, "100": 1, "0": 0, "101": 0, "-1": 0, "x": 0, "NaN": 0} {
		if got, err := function.VerifyShare(text); got != want || (err != nil) != (want == 0) {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
}
