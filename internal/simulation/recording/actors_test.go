package recording

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/timeline"
)

// asUser is a client whose requests are those of another IAM user: the emulator takes the
// access key ID for its name.
type asUser struct {
	aws.HTTPClient
	user string
}

func (c asUser) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+c.user+"/20240613/us-east-1/ssm/aws4_request")
	return c.HTTPClient.Do(r)
}

// request is one request that changes a parameter, as CloudTrail records it.
type request struct {
	event string // CloudTrail's event ID
	by    string
	at    ssmbak.Time
	wants []string // the parts of a change that it asks for
	makes []string // those that it changed
}

// trailed sends CloudTrail's record of a request on its way: late, twice or never, and with
// a time that may be a second off.
func (w *world) trailed(e ssmapi.Event) {
	parameters, _ := e.Detail["requestParameters"].(map[string]any)
	name := parameterOf(parameters)
	id, _ := e.Detail["eventID"].(string)
	if _, failed := e.Detail["errorCode"]; !failed {
		w.note(name, e, parameters)
	}
	at := e.Time.Add(time.Duration([]int{0, 0, 0, 1, -1}[w.Draw("trail time", 5)]) * time.Second)
	e.Time, e.Detail["eventTime"] = at, at.Format(time.RFC3339)
	copies := 1
	switch {
	case w.Chance("trail loss", w.plan.TrailLose):
		copies = 0
		w.Counts.Add(CallLost)
	case w.Chance("trail copies", 150):
		copies = 2
	}
	for i := range copies {
		delay := time.Second + time.Duration(w.Draw("trail delay", 300_000))*time.Millisecond
		if w.Chance("trail late", 100) {
			delay = time.Duration(w.Draw("trail delay", 900_000)) * time.Millisecond
		}
		w.mu.Lock()
		w.calls++
		delay += time.Duration(w.calls)*2*time.Microsecond + 500*time.Nanosecond // as for other messages
		w.mu.Unlock()
		e.ID = fmt.Sprintf("%s-%d", id, i) // CloudTrail's own repetition is another event
		m := &message{id: "trail " + e.ID, event: e, name: name, body: e.JSON(), done: make(chan struct{})}
		w.waiting.Add(1)
		go w.deliver(m, delay, time.Now())
	}
}

func parameterOf(parameters map[string]any) string {
	for _, key := range []string{"name", "resourceId"} {
		if name, ok := parameters[key].(string); ok {
			return "/" + strings.TrimPrefix(name, "/")
		}
	}
	return ""
}

// note keeps who sent a request, and what it changed.
func (w *world) note(name string, e ssmapi.Event, parameters map[string]any) {
	identity, _ := e.Detail["userIdentity"].(map[string]any)
	r := request{at: ssmbak.TimeOf(time.Now())}
	r.event, _ = e.Detail["eventID"].(string)
	r.by, _ = identity["arn"].(string)
	changes := w.ssm.Truth(name)
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.noted[name]
	w.noted[name] = len(changes)
	for i := before; i < len(changes); i++ {
		r.at = ssmbak.TimeOf(changes[i].Time)
		var was ssmapi.Change
		if i > 0 {
			was = changes[i-1]
		}
		r.makes = append(r.makes, partsBetween(was, changes[i])...)
	}
	r.wants = append(wanted(e, parameters), r.makes...)
	w.requests[name] = append(w.requests[name], r)
}

// partsBetween returns the parts of a change, as partsOf formats them.
func partsBetween(was, is ssmapi.Change) (parts []string) {
	switch is.Op {
	case "Create", "Update":
		return []string{"version"}
	case "Delete":
		return []string{"deletion"}
	}
	for key, value := range is.Tags {
		if old, ok := was.Tags[key]; !ok || old != value {
			parts = append(parts, "tag "+key+"="+value)
		}
	}
	for key := range was.Tags {
		if _, ok := is.Tags[key]; !ok {
			parts = append(parts, "tag -"+key)
		}
	}
	for label, number := range is.Labels {
		if was.Labels[label] != number {
			parts = append(parts, fmt.Sprint("label ", label, " ", number))
		}
	}
	for label := range was.Labels {
		if _, ok := is.Labels[label]; !ok {
			parts = append(parts, fmt.Sprint("label ", label, " 0"))
		}
	}
	return parts
}

// wanted returns the parts that a request for tags or labels asks for, also those that it
// did not change, since the parameter has them.
func wanted(e ssmapi.Event, parameters map[string]any) (parts []string) {
	list := func(key string) []any { all, _ := parameters[key].([]any); return all }
	for _, tag := range list("tags") {
		if tag, ok := tag.(map[string]any); ok {
			parts = append(parts, fmt.Sprint("tag ", tag["key"], "=", tag["value"]))
		}
	}
	for _, key := range list("tagKeys") {
		parts = append(parts, fmt.Sprint("tag -", key))
	}
	for _, label := range list("labels") {
		number := parameters["parameterVersion"]
		if e.Detail["eventName"] == "UnlabelParameterVersion" {
			number = 0
		}
		parts = append(parts, fmt.Sprint("label ", label, " ", number))
	}
	return parts
}

func partsOf(c ssmbak.Change) (parts []string) {
	switch c.Operation {
	case ssmbak.OpDelete:
		return []string{"deletion"}
	case ssmbak.OpTag:
		for key, value := range c.Tags {
			if value == nil {
				parts = append(parts, "tag -"+key)
			} else {
				parts = append(parts, "tag "+key+"="+*value)
			}
		}
	case ssmbak.OpLabel:
		for label, number := range c.Labels {
			parts = append(parts, fmt.Sprint("label ", label, " ", number))
		}
	case ssmbak.OpCreate, ssmbak.OpUpdate, ssmbak.OpGap:
		return []string{"version"}
	}
	return parts
}

// checkActors checks who made each change. It may be another principal only if the archive
// has that one's request for the same change at the same time, and not the request that made
// it, or if no request made it, since the parameter expired.
func (w *world) checkActors(when phase, name ssmbak.Name, t *timeline.Timeline) {
	if !w.plan.Trail {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	requests := w.requests[string(name)]
	reported := func(r request) bool {
		return slices.ContainsFunc(t.Facts().Calls, func(k timeline.Call) bool { return k.Event == r.event })
	}
	off := ssmbak.Time(0)
	if w.lost[string(name)] || w.tagLost[string(name)] || w.labelLost[string(name)] {
		off = 1000 // then a change is placed where it explains most, within a second
	}
	for _, c := range t.Changes() {
		switch {
		case c.By == "" && c.Operation != ssmbak.OpGap:
			w.Counts.Add(ActorUnknown)
			continue
		case c.By == "" || c.Version.User != "":
			continue
		case c.Bounded() && (c.Operation == ssmbak.OpTag || c.Operation == ssmbak.OpLabel) && (off > 0 || w.stale):
			continue // known from stale reads or after lost events, it may have happened at another time
		}
		for _, part := range partsOf(c) {
			made := slices.ContainsFunc(requests, func(r request) bool {
				return r.by == c.By && c.Within(r.at-off, r.at+off) && slices.Contains(r.makes, part)
			})
			twin := slices.ContainsFunc(requests, func(r request) bool {
				return r.by == c.By && reported(r) && c.Within(r.at-2999, r.at+2999) && slices.Contains(r.wants, part)
			})
			unreported := !slices.ContainsFunc(requests, func(r request) bool {
				return c.Within(r.at-off, r.at+off) && slices.Contains(r.makes, part) && reported(r)
			})
			switch {
			case made:
				w.Counts.Add(ActorKnown)
			case twin && unreported:
				w.Counts.Add(ActorTwin)
			default:
				w.Problem("%s: %s of %s in [%v, %v) is said to be by %s (%s): %+v", when, c.Operation, name, c.From, c.Until, c.By, part, requests)
			}
		}
	}
}
