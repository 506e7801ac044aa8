package ssmapi

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"
)

// trailed are the operations of which a trail with management events gives EventBridge a
// record: not those that only read
// (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html).
var trailed = []string{
	"PutParameter", "DeleteParameter", "DeleteParameters", "AddTagsToResource", "RemoveTagsFromResource",
	"LabelParameterVersion", "UnlabelParameterVersion",
}

// trailCall is one request as CloudTrail records it.
type trailCall struct {
	op, user, arn, request string // request is its ID
	body                   []byte
	answer                 any
	err                    error
}

// StartTrail creates a trail, see [Options.Trail].
func (s *Store) StartTrail() { s.trailed.Store(true) }

// trail sends CloudTrail's record of a request, also of one that failed, if there is a
// trail. The members are those of
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html;
// eventTime has seconds, and is when the request completed. A value is hidden, and the
// response of PutParameter has the version, as in records of requests that were published;
// those of DeleteParameter have no response. No record of the others is published, so
// here they have none.
func (s *Store) trail(c trailCall) {
	if !s.trailed.Load() || s.opt.Emit == nil || !slices.Contains(trailed, c.op) {
		return
	}
	now := s.opt.Now().UTC().Truncate(time.Second)
	detail := map[string]any{
		"eventVersion": "1.11", "eventTime": now.Format(time.RFC3339), "eventSource": "ssm.amazonaws.com", "eventName": c.op,
		"awsRegion": s.opt.Region, "sourceIPAddress": "127.0.0.1", "userAgent": "emulator", "requestID": c.request,
		"readOnly": false, "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": s.opt.Account, "eventCategory": "Management",
		"userIdentity": map[string]any{
			"type": "IAMUser", "principalId": "AIDA" + strings.ToUpper(c.user), "arn": c.arn, "accountId": s.opt.Account, "accessKeyId": c.user, "userName": c.user,
		},
		"requestParameters": requestParameters(c.body), "responseElements": nil,
	}
	switch out := c.answer.(type) {
	case putOutput:
		detail["responseElements"] = map[string]any{"version": out.Version, "tier": out.Tier}
	default:
	}
	if refusal, ok := c.err.(*apiError); ok {
		detail["errorCode"], detail["errorMessage"], detail["responseElements"] = refusal.code, refusal.message, nil
	}
	e := Event{
		DetailType: "AWS API Call via CloudTrail", Source: "aws.ssm", Account: s.opt.Account, Region: s.opt.Region, Time: now,
		Resources: []string{}, Detail: detail,
	}
	s.events.add(e, s.eventSet)
}

// requestParameters returns the members of a request with names that begin with a
// lower-case letter, without the value of a parameter.
func requestParameters(body []byte) any {
	var request any
	if json.Unmarshal(body, &request) != nil {
		return nil
	}
	request = lowerNames(request)
	if members, ok := request.(map[string]any); ok && members["value"] != nil {
		members["value"] = "HIDDEN_DUE_TO_SECURITY_REASONS"
	}
	return request
}

func lowerNames(v any) any {
	switch v := v.(type) {
	case map[string]any:
		lower := make(map[string]any, len(v))
		for name, value := range v {
			letters := []rune(name)
			if len(letters) > 0 {
				letters[0] = unicode.ToLower(letters[0])
			}
			lower[string(letters)] = lowerNames(value)
		}
		return lower
	case []any:
		for i := range v {
			v[i] = lowerNames(v[i])
		}
	}
	return v
}
