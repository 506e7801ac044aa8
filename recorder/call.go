package recorder

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/timeline"
)

// trail is the detail of an event "AWS API Call via CloudTrail": CloudTrail's record of a
// request. Every member may be absent, null, or have another JSON type; then it is ignored.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
type trail struct {
	EventID     lenient[string]    `json:"eventID"`
	EventSource lenient[string]    `json:"eventSource"`
	EventName   lenient[string]    `json:"eventName"`
	EventTime   lenient[time.Time] `json:"eventTime"`
	AWSRegion   lenient[string]    `json:"awsRegion"`
	ErrorCode   lenient[string]    `json:"errorCode"`
	ReadOnly    lenient[bool]      `json:"readOnly"`
	Identity    lenient[identity]  `json:"userIdentity"`
	Request     lenient[request]   `json:"requestParameters"`
	Response    lenient[response]  `json:"responseElements"`
}

// identity is who sent a request. An AWS service that acts on its own has no ARN.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
type identity struct {
	ARN       lenient[string] `json:"arn"`
	InvokedBy lenient[string] `json:"invokedBy"`
}

// request and response have the members of the API's requests and responses, beginning
// with a lower-case letter. Of a response, only that of PutParameter is known from a
// published record: {"version":1,"tier":"Standard"}; that of DeleteParameter is null.
type request struct {
	Name             lenient[string]   `json:"name"`
	Names            lenient[[]string] `json:"names"`
	ResourceType     lenient[string]   `json:"resourceType"`
	ResourceID       lenient[string]   `json:"resourceId"`
	Tags             lenient[[]tag]    `json:"tags"`
	TagKeys          lenient[[]string] `json:"tagKeys"`
	Labels           lenient[[]string] `json:"labels"`
	ParameterVersion number            `json:"parameterVersion"`
}

type response struct {
	Version           number            `json:"version"`
	ParameterVersion  number            `json:"parameterVersion"`
	DeletedParameters lenient[[]string] `json:"deletedParameters"`
	InvalidLabels     lenient[[]string] `json:"invalidLabels"`
}

type tag struct {
	Key   lenient[string] `json:"key"`
	Value lenient[string] `json:"value"`
}

// apis are the operations of interest, by their names in CloudTrail.
var apis = map[string]timeline.API{
	"PutParameter": timeline.APIPut, "DeleteParameter": timeline.APIDelete, "DeleteParameters": timeline.APIDelete,
	"AddTagsToResource": timeline.APITag, "RemoveTagsFromResource": timeline.APIUntag,
	"LabelParameterVersion": timeline.APILabel, "UnlabelParameterVersion": timeline.APIUnlabel,
}

// calls decodes CloudTrail's record of a request in an event: one call for each parameter
// that it names. There are none if it cannot have changed a parameter of the event's account
// and region, if it failed, or if it lacks what a call needs.
func calls(e decoded, detail json.RawMessage) (all []signal) {
	var t trail
	if json.Unmarshal(detail, &t) != nil {
		return nil
	}
	api := apis[t.EventName.value]
	by := t.Identity.value.ARN.value
	if by == "" {
		by = t.Identity.value.InvokedBy.value
	}
	if api == "" || by == "" || t.EventSource.value != "ssm.amazonaws.com" || t.ErrorCode.value != "" || t.ReadOnly.value ||
		t.AWSRegion.value != "" && t.AWSRegion.value != e.region {
		return nil
	}
	k := timeline.Call{Event: t.EventID.value, Second: e.second, API: api, By: by}
	if k.Event == "" {
		k.Event = e.event
	}
	if !t.EventTime.value.IsZero() {
		k.Second = t.EventTime.value.Unix()
	}
	request, response := t.Request.value, t.Response.value
	k.Tags = request.changedTags()
	if k.Labels = request.Labels.value; len(response.InvalidLabels.value) > 0 {
		k.Labels = slices.DeleteFunc(k.Labels, func(label string) bool { return slices.Contains(response.InvalidLabels.value, label) })
	}
	for _, n := range []number{response.Version, response.ParameterVersion, request.ParameterVersion} {
		if k.Version == 0 {
			k.Version = int64(n)
		}
	}
	if len(k.Tags)+len(k.Labels) == 0 && api != timeline.APIDelete && (api != timeline.APIPut || k.Version == 0) {
		return nil // it says nothing
	}
	for _, name := range t.names() {
		if parsed, ok := named(e, name); ok {
			s := e.signal
			s.name, s.second, s.call = parsed, k.Second, &k
			all = append(all, s)
		}
	}
	return all
}

// names returns the parameters that the request changed, as it names them. DeleteParameters
// succeeds even if it deletes only some of them.
func (t trail) names() []string {
	request := t.Request.value
	switch deleted := t.Response.value.DeletedParameters.value; {
	case len(deleted) > 0:
		return deleted
	case request.ResourceID.value != "" && request.ResourceType.value == "Parameter":
		return []string{request.ResourceID.value}
	case request.Name.value != "":
		return []string{request.Name.value}
	}
	return t.Request.value.Names.value
}

// changedTags returns the tags that the request set, and as nil those that it removed.
func (r request) changedTags() map[string]*string {
	tags := make(map[string]*string)
	for _, t := range r.Tags.value {
		if t.Key.value != "" {
			tags[t.Key.value] = &t.Value.value
		}
	}
	for _, key := range r.TagKeys.value {
		tags[key] = nil
	}
	if len(tags) == 0 {
		return nil
	}
	return tags
}

// named returns the parameter of the event's account and region that a request names: by
// name, with or without a leading slash, or by ARN.
func named(e decoded, text string) (ssmbak.Name, bool) {
	if strings.HasPrefix(text, "arn:") {
		place := ":ssm:" + e.region + ":" + e.account + ":parameter/"
		if !strings.Contains(text, place) {
			return "", false
		}
		text = nameInARN([]string{text})
	}
	name, err := ssmbak.ParseName(text)
	return name, err == nil
}

// news reports whether a signal is a call that says more than the facts.
func news(f timeline.Facts, n signal) bool {
	return n.call != nil && f.Adds(*n.call) && !slices.ContainsFunc(f.Calls, func(k timeline.Call) bool { return k.Event == n.call.Event })
}

// waiting returns the events of calls that name a parameter without an index: the event of
// its creation may come later. Afterwards they say nothing.
func (s syncRequest) waiting(index archive.Index) map[string]bool {
	open := make(map[string]bool)
	for _, n := range s.signals {
		if !index.Exists && now() < ssmbak.Seconds(n.second).Add(giveUp) {
			open[n.event] = true
		}
	}
	return open
}
