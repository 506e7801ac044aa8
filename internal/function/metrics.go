package function

import (
	"encoding/json"
	"io"
	"time"
)

// namespace is the CloudWatch namespace of all metrics. Their only dimension is Stack.
const namespace = "ssmbak"

// The metrics. The template has an alarm for each.
const (
	// metricLag is the age, in seconds, of the oldest change in a batch when the batch
	// ended, whether it was recorded or returned to the queue.
	metricLag = "Lag"
	// metricHandedBack is the number of messages of a batch that were returned to the
	// queue because of an error. A change that Parameter Store does not show yet is none.
	metricHandedBack = "HandedBack"
	// metricUnreadable is the number of parameters with an unavailable value: of all
	// parameters if a reconcile writes it, and those of a batch otherwise.
	metricUnreadable = "Unreadable"
	// metricGaps is the number of parameters that were found to have gaps: changes that
	// were never observed.
	metricGaps = "Gaps"
	// metricFailed is the number of parameters that a reconcile could not record.
	metricFailed = "Failed"
	// metricCompleteAge is the time in hours for which the archive has not been complete:
	// since the last complete listing began or, without one, since recording began.
	metricCompleteAge = "CompleteAge"
	// metricForged is the number of parameters whose index, or entry in the register, another
	// program had written, hidden or taken facts from, and that was restored.
	metricForged = "Forged"
	// metricFaults is the number of faults that verifications of the archive found, as of
	// when each object was last verified.
	metricFaults = "Faults"
	// metricVerifyAge is the time in hours since the last complete verification began or,
	// without one, since the first one began.
	metricVerifyAge = "VerifyAge"
)

// units are CloudWatch's units of the metrics. It has none for hours.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
var units = map[string]string{
	metricLag: "Seconds", metricHandedBack: "Count", metricUnreadable: "Count", metricGaps: "Count", metricFailed: "Count", metricCompleteAge: "None",
	metricForged: "Count", metricFaults: "Count", metricVerifyAge: "None",
}

// metric is one value of a metric.
type metric struct {
	name  string
	value float64
}

// writeMetrics writes metrics of a stack as one line in CloudWatch's embedded metric
// format. CloudWatch Logs extracts them from the functions' logs, so that the functions
// need neither another request nor another permission.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
func writeMetrics(w io.Writer, stack string, at time.Time, all ...metric) error {
	type definition struct{ Name, Unit string }
	type directive struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []definition
	}
	d := directive{Namespace: namespace, Dimensions: [][]string{{"Stack"}}}
	line := map[string]any{"Stack": stack}
	for _, m := range all {
		d.Metrics = append(d.Metrics, definition{m.name, units[m.name]})
		line[m.name] = m.value
	}
	line["_aws"] = struct {
		Timestamp         int64 // milliseconds
		CloudWatchMetrics []directive
	}{at.UnixMilli(), []directive{d}}
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}
