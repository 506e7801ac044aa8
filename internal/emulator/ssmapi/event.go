package ssmapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Event is an event as EventBridge delivers it.
type Event struct {
	ID                                  string
	DetailType, Source, Account, Region string
	Time                                time.Time // UTC, truncated to seconds as in AWS
	Resources                           []string
	Detail                              map[string]any
}

// JSON returns the event's envelope as in AWS's samples
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html).
func (e Event) JSON() []byte {
	body, _ := json.Marshal(struct {
		Version    string         `json:"version"`
		ID         string         `json:"id"`
		DetailType string         `json:"detail-type"`
		Source     string         `json:"source"`
		Account    string         `json:"account"`
		Time       string         `json:"time"`
		Region     string         `json:"region"`
		Resources  []string       `json:"resources"`
		Detail     map[string]any `json:"detail"`
	}{"0", e.ID, e.DetailType, e.Source, e.Account, e.Time.UTC().Format(time.RFC3339), e.Region, e.Resources, e.Detail})
	return body
}

// changed sends "Parameter Store Change" for a Create, Update or Delete. A
// description is present only if the parameter has one; there is no version
// and no value (the same page, and
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-cwe.html).
func (s *Store) changed(rec *record, op string, ms int64, v *version) {
	detail := map[string]any{"operation": op, "name": reported(rec.name), "type": v.typ}
	if v.description != "" {
		detail["description"] = v.description
	}
	s.send(rec.name, "Parameter Store Change", "aws.ssm", ms, detail)
}

// imageRefused sends the event of an aws:ec2:image value that did not pass its
// validation
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html).
func (s *Store) imageRefused(name, op string, ms int64, v *version) {
	s.send(name, "Parameter Store Change", "aws.ssm", ms, map[string]any{
		"exception": "Unable to Describe Resource", "dataType": v.dataType,
		"name": reported(name), "type": v.typ, "operation": op,
	})
}

// labelled sends "Parameter Store Change" for a label that moved from one
// version to another; zero is no version. Its members, all strings, are those of
// the schema aws.ssm@ParameterStoreChange in EventBridge's registry, recorded in
// https://github.com/aws/aws-sam-cli (tests/unit/lib/schemas,
// test_schemas_api_caller.py); of a version that is none nothing is said there.
// The operation is named on
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-cwe.html.
// Since label is one string, several labels are several events here.
func (s *Store) labelled(rec *record, op string, ms int64, v *version, label string, from, to int64) {
	detail := map[string]any{"operation": op, "name": reported(rec.name), "type": v.typ, "label": label}
	if v.description != "" {
		detail["description"] = v.description
	}
	for member, number := range map[string]int64{"fromVersion": from, "toVersion": to} {
		if number != 0 {
			detail[member] = strconv.FormatInt(number, 10)
		}
	}
	s.send(rec.name, "Parameter Store Change", "aws.ssm", ms, detail)
}

// retagged sends "Tag Change on Resource"
// (https://docs.aws.amazon.com/tag-editor/latest/userguide/tag-monitor.html).
// That page shows the counter as 3; events of other services that were
// recorded in public have numbers like 4.0, so here they all do.
func (s *Store) retagged(rec *record, ms int64, st *state, keys []string) {
	s.send(rec.name, "Tag Change on Resource", "aws.tag", ms, map[string]any{
		"changed-tag-keys": keys, "service": "ssm", "resource-type": "parameter",
		"version": json.Number(strconv.FormatInt(st.tagChanges, 10) + ".0"), "tags": maps.Clone(st.tags),
	})
}

// expired sends "Parameter Store Policy Action" for a policy that deleted its
// parameter
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-cwe.html).
func (s *Store) expired(rec *record, ms int64, v *version, p policy) {
	s.send(rec.name, "Parameter Store Policy Action", "aws.ssm", ms, map[string]any{
		"policy-type": p.Type, "parameter-name": reported(rec.name), "parameter-type": v.typ,
		"policy-content": p.text, "action-status": "Success",
		"action-reason": "The parameter has been deleted because it has expired.",
	})
}

// send queues an event. The store's lock is held, so events queue in the order
// of the changes.
func (s *Store) send(name, detailType, source string, ms int64, detail map[string]any) {
	if s.opt.Emit == nil {
		return
	}
	s.events.add(Event{
		DetailType: detailType, Source: source, Account: s.opt.Account, Region: s.opt.Region,
		Time:      time.UnixMilli(ms).UTC().Truncate(time.Second),
		Resources: []string{s.parameterARN(name)},
		Detail:    detail,
	}, s.eventSet)
}

// eventQueue hands events over one at a time and in order, without a lock held
// while the receiver runs.
type eventQueue struct {
	mu       sync.Mutex
	waiting  []Event
	sent     uint64
	draining bool
}

func (q *eventQueue) add(e Event, set uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sent++
	e.ID = fmt.Sprintf("%08x-%04x-%04x-8000-%012x", uint32(set>>32), uint16(set>>16), uint16(set), q.sent)
	if _, trailed := e.Detail["eventName"]; trailed { // CloudTrail has IDs of its own
		e.Detail["eventID"] = strings.Replace(e.ID, "-8000-", "-9000-", 1)
	}
	q.waiting = append(q.waiting, e)
}

// drain hands over what waits. If that is already being done, by another
// goroutine or further up the stack, it is left to that one.
func (q *eventQueue) drain(emit func(Event)) {
	if emit == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.draining {
		return
	}
	q.draining = true
	defer func() { q.draining = false }()
	for len(q.waiting) > 0 {
		e := q.waiting[0]
		q.waiting = q.waiting[1:]
		q.mu.Unlock()
		func() {
			defer q.mu.Lock()
			emit(e)
		}()
	}
}
