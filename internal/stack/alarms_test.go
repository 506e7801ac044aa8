package stack

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// alarm is an alarm of the template, on one metric.
type alarm struct {
	namespace                            string
	metric, statistic, operator, missing string
	period                               time.Duration
	periods, breaching                   int // out of periods, so many
	threshold                            float64
}

func alarmOf(t *testing.T, r rendered, id string) alarm {
	t.Helper()
	text := func(name string) string { return get(t, r, id, name).(string) }
	number := func(name string) int {
		n, err := strconv.Atoi(text(name))
		if err != nil {
			t.Fatalf("%s of %s: %v", name, id, err)
		}
		return n
	}
	a := alarm{
		namespace: text("Namespace"), metric: text("MetricName"), statistic: text("Statistic"), operator: text("ComparisonOperator"), missing: text("TreatMissingData"),
		period: time.Duration(number("Period")) * time.Second, periods: number("EvaluationPeriods"), threshold: float64(number("Threshold")),
	}
	a.breaching = a.periods
	if r.resources[id].properties["DatapointsToAlarm"] != nil {
		a.breaching = number("DatapointsToAlarm")
	}
	if a.namespace == "ssmbak" && (get(t, r, id, "Dimensions", "0", "Name") != "Stack" || get(t, r, id, "Dimensions", "0", "Value") != testStack) {
		t.Errorf("%s is not on a metric of the functions of this stack", id)
	}
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
	limit := 24 * time.Hour
	if a.period >= time.Hour {
		limit = 7 * 24 * time.Hour
	}
	if a.period%time.Minute != 0 || time.Duration(a.periods)*a.period > limit {
		t.Errorf("%s: %d periods of %s", id, a.periods, a.period)
	}
	return a
}

// point is a data point of a metric.
type point struct {
	at    time.Duration
	value float64
}

// state returns whether an alarm is on at a time, which was on before or not, by the rules of
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html#alarms-and-missing-data
func (a alarm) state(t *testing.T, points []point, at time.Duration, before bool) bool {
	t.Helper()
	breaching, absent := 0, 0
	for i := range a.periods {
		until := at - time.Duration(i)*a.period
		value, n := 0.0, 0
		for _, p := range points {
			if p.at > until || p.at <= until-a.period {
				continue
			}
			n++
			switch a.statistic {
			case "Maximum":
				value = max(value, p.value)
			case "Sum":
				value += p.value
			case "SampleCount":
				value++
			default:
				t.Fatalf("unsupported statistic %s", a.statistic)
			}
		}
		if n == 0 {
			absent++
			continue
		}
		beyond, ok := map[string]bool{
			"GreaterThanThreshold": value > a.threshold, "GreaterThanOrEqualToThreshold": value >= a.threshold, "LessThanThreshold": value < a.threshold,
		}[a.operator]
		if !ok {
			t.Fatalf("unsupported operator %s", a.operator)
		}
		if beyond {
			breaching++
		}
	}
	switch a.missing {
	case "breaching":
		breaching += absent
	case "ignore":
		if absent == a.periods {
			return before
		}
	case "notBreaching":
	default:
		t.Fatalf("unsupported TreatMissingData %s", a.missing)
	}
	return breaching >= a.breaching
}

// when returns the times at which an alarm enters and leaves the state ALARM, to the minute.
func (a alarm) when(t *testing.T, points []point, end time.Duration) (on, off []time.Duration) {
	t.Helper()
	state := false
	for at := time.Duration(0); at <= end; at += time.Minute {
		next := a.state(t, points, at, state)
		switch {
		case next && !state:
			on = append(on, at)
		case !next && state:
			off = append(off, at)
		}
		state = next
	}
	return on, off
}

// TestAlarmsStayOn plays troubles of different kinds and checks that the alarm starts once,
// in time, and stays on until they end.
func TestAlarmsStayOn(t *testing.T) {
	t.Parallel()
	const minute, hour = time.Minute, time.Hour
	verifies, frequent := map[string]string{"Verify": "rate(1 day)"}, map[string]string{"Verify": "rate(1 hour)", "VerifyMissed": "6"}
	tests := []struct {
		name, id    string
		given       map[string]string
		points      []point
		on, off     time.Duration // at the latest; off 0 means never
		stayedUntil time.Duration
	}{
		{"a message that fails all day", "HandedBack", nil, every(6*minute+3*time.Second, 24*hour, 1), 15 * minute, 25 * hour, 24 * hour},
		{"a message whose failures take up the timeout", "HandedBack", nil, every(7*minute, 24*hour, 1), 20 * minute, 25 * hour, 24 * hour},
		{"the same with the greatest timeout", "HandedBack", map[string]string{"Visibility": "5400"}, every(105*minute, 72*hour, 1), 4 * hour, 78 * hour, 72 * hour},
		{"a message that fails, and is late", "Lag", nil, every(6*minute+3*time.Second, 24*hour, 3600), 7 * minute, 25 * hour, 24 * hour},
		{"values that are unavailable", "Unreadable", nil, append(every(hour, 24*hour, 50), point{25*hour - minute, 0}), hour, 26 * hour, 24 * hour},
		{"values that are unavailable, by reconciles every 6 hours", "Unreadable", nil, append(every(6*hour, 24*hour, 50), point{30 * hour, 0}), 6 * hour, 31 * hour, 30*hour - minute},
		{"unavailable values, and then no reconcile", "Unreadable", nil, every(hour, 3*hour, 1), hour, 0, 99 * hour},
		{"parameters that fail", "Failed", nil, append(every(hour, 24*hour, 1), point{25*hour - minute, 0}), hour, 26 * hour, 24 * hour},
		{"a gap", "Gaps", nil, append(every(6*minute, 90*hour, 0), point{hour, 1}), hour, 26 * hour, 24 * hour},
		{"an archive that is never complete", "CompleteAge", nil, rising(hour, 24*hour, 0), 3 * hour, 0, 48 * hour},
		{"no reconcile ends", "MissedReconciles", nil, every(hour, 10*hour, 0), 14 * hour, 0, 24 * hour},
		{"a reconcile ends each hour", "MissedReconciles", nil, every(hour, 48*hour, 0), 0, 0, 0},
		{"one failure", "HandedBack", nil, []point{{hour, 1}}, 0, 0, 0},
		{"changes recorded at once", "Lag", nil, every(minute, 24*hour, 2), 0, 0, 0},
		{"a dead letter until it is moved back", "DeadLetters", nil, append(every(minute, 24*hour, 1), every(minute, 30*hour, 0)[24*60:]...), 2 * minute, 25 * hour, 24 * hour},
		{"no dead letter", "DeadLetters", nil, every(minute, 24*hour, 0), 0, 0, 0},
		{"messages that nothing receives", "OldMessages", nil, waiting(minute, 24*hour), 62 * minute, 25 * hour, 24 * hour},
		{"messages that are received", "OldMessages", nil, every(minute, 24*hour, 5), 0, 0, 0},
		{"a recorder that fails", "Errors", nil, every(minute, 24*hour, 1), 2 * minute, 25 * hour, 24 * hour},
		{"a recorder that is not invoked", "Errors", nil, nil, 0, 0, 0},
		{"a forged index", "Forged", nil, append(every(hour, 90*hour, 0), point{hour, 1}), hour, 26 * hour, 24 * hour},
		{"no forged index", "Forged", nil, every(hour, 90*hour, 0), 0, 0, 0},
		{"a fault, until a verification finds none", "Faults", verifies, append(every(24*hour, 72*hour, 1), point{96 * hour, 0}), 24 * hour, 97 * hour, 96*hour - minute},
		{"a fault, and then no verification", "Faults", verifies, []point{{24 * hour, 1}}, 24 * hour, 0, 99 * hour},
		{"an archive that is never verified completely", "VerifyAge", verifies, rising(24*hour, 99*hour, 0), 72 * hour, 0, 99 * hour},
		{"no verification ends", "MissedVerifications", frequent, every(hour, 10*hour, 1), 17 * hour, 0, 24 * hour},
		{"a verification ends each hour", "MissedVerifications", frequent, every(hour, 48*hour, 1), 0, 0, 0},
		{"an archive that is verified every day", "VerifyAge", verifies, every(24*hour, 99*hour, 1), 0, 0, 0},
	}
	tested := make(map[string]bool)
	for _, test := range tests {
		tested[test.id] = true
	}
	for id, r := range render(t, with("Verify", "rate(1 day)")).resources {
		if r.kind == "AWS::CloudWatch::Alarm" && !tested[id] {
			t.Errorf("no trouble is played for the alarm %s", id)
		}
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			given := with()
			for name, value := range test.given {
				given[name] = value
			}
			begin := time.Duration(0)
			if strings.HasPrefix(test.id, "Missed") {
				begin = 3 * hour // it is on until the first runs have ended
			}
			a := alarmOf(t, render(t, given), test.id)
			on, off := a.when(t, test.points, 99*hour)
			for len(on) > 0 && len(off) > 0 && off[0] <= begin {
				on, off = on[1:], off[1:]
			}
			if test.on == 0 {
				if strings.HasPrefix(test.id, "Missed") {
					on = nil
					for _, at := range []time.Duration{10 * hour, 48 * hour} {
						if a.state(t, test.points, at, false) {
							t.Errorf("on at %s", at)
						}
					}
				}
				if len(on) > 0 {
					t.Errorf("on at %v, want never", on)
				}
				return
			}
			if len(on) != 1 || on[0] > test.on {
				t.Fatalf("on at %v, want once, at %s at the latest", on, test.on)
			}
			switch {
			case test.off == 0 && len(off) > 0:
				t.Errorf("off at %v, want never", off)
			case test.off > 0 && (len(off) != 1 || off[0] > test.off || off[0] < test.stayedUntil):
				t.Errorf("off at %v, want between %s and %s", off, test.stayedUntil, test.off)
			}
		})
	}
}

// every returns equal data points at an interval.
func every(interval, until time.Duration, value float64) (all []point) {
	for at := interval; at <= until; at += interval {
		all = append(all, point{at, value})
	}
	return all
}

// rising returns data points at an interval whose values are their times in hours.
func rising(interval, until, from time.Duration) (all []point) {
	for at := interval; at <= until; at += interval {
		all = append(all, point{at, (at - from).Hours()})
	}
	return all
}

// waiting returns the ages in seconds of the oldest message, which nothing receives.
func waiting(interval, until time.Duration) []point {
	all := rising(interval, until, 0)
	for i := range all {
		all[i].value *= time.Hour.Seconds()
	}
	return all
}

// TestAlarmOfEachMetric checks that each metric of the functions has an alarm.
func TestAlarmOfEachMetric(t *testing.T) {
	t.Parallel()
	r := render(t, with("Verify", "rate(1 day)"))
	for _, id := range []string{"Lag", "HandedBack", "Unreadable", "Gaps", "Failed", "CompleteAge", "Forged", "Faults", "VerifyAge"} {
		if a := alarmOf(t, r, id); a.metric != id {
			t.Errorf("the alarm %s is on %s", id, a.metric)
		}
	}
	for _, f := range []string{"Function", "Reconciler", "Verifier"} {
		if get(t, r, f, "Environment", "Variables", "SSMBAK_STACK") != testStack {
			t.Errorf("%s does not know its stack, and writes no metrics", f)
		}
	}
}
