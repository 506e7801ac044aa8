package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
)

// policy holds the fields of a policy that a restore interprets.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html
type policy struct {
	Type       string
	Attributes struct{ Timestamp string }
}

// Types of policies about the expiration of a parameter. An ExpirationNotification has no
// time of its own, but refers to the Expiration.
const (
	expiration             = "Expiration"
	expirationNotification = "ExpirationNotification"
)

// expirationLayouts are the layouts of an Expiration's timestamp: ISO_INSTANT and
// ISO_OFFSET_DATE_TIME, whose seconds are optional and whose offset may have seconds, as
// in AWS's example 2019-11-01T22:13:48.87+10:30:00. Go accepts a fraction of any length
// after the seconds of a layout.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html
// https://docs.oracle.com/javase/8/docs/api/java/time/format/DateTimeFormatter.html#ISO_OFFSET_DATE_TIME
var expirationLayouts = []string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z07:00:00",
	"2006-01-02T15:04Z07:00", "2006-01-02T15:04Z07:00:00",
}

// expires returns the time of an Expiration. ok is false for other types, and if the
// timestamp is invalid.
func (p policy) expires() (at ssmbak.Time, ok bool) {
	if p.Type != expiration {
		return 0, false
	}
	for _, layout := range expirationLayouts {
		// The letters T and Z may be lower case.
		if t, err := time.Parse(layout, strings.ToUpper(p.Attributes.Timestamp)); err == nil {
			return ssmbak.TimeOf(t), true
		}
	}
	return 0, false
}

// Unexpired returns the policies without an Expiration that is not later than now, for
// which Parameter Store would delete the parameter at its next scan, and without the
// notifications that refer to it. notice describes the removed policies, "" if there are
// none. Policies that cannot be parsed are returned unchanged.
func Unexpired(policies string, now ssmbak.Time) (left, notice string) {
	var all []json.RawMessage
	if policies == "" || json.Unmarshal([]byte(policies), &all) != nil {
		return policies, ""
	}
	read := make([]policy, len(all))
	for i, text := range all {
		if json.Unmarshal(text, &read[i]) != nil {
			return policies, ""
		}
		if at, ok := read[i].expires(); ok && at <= now {
			notice = fmt.Sprintf("its expiration %s has passed and is removed", read[i].Attributes.Timestamp)
		}
	}
	if notice == "" {
		return policies, ""
	}
	var texts []string
	notified := false
	for i, text := range all {
		switch read[i].Type {
		case expiration:
		case expirationNotification:
			notified = true
		default:
			texts = append(texts, string(text))
		}
	}
	if notified {
		notice += ", with the ExpirationNotification that refers to it"
	}
	if len(texts) == 0 {
		return "", notice
	}
	return "[" + strings.Join(texts, ",") + "]", notice
}

// canonical returns a text that is the same for all texts of equal policies, and "" for
// no policies.
func canonical(policies string) string {
	var all []map[string]any
	if policies == "" || json.Unmarshal([]byte(policies), &all) != nil {
		return policies
	}
	var texts []string
	for _, p := range all {
		if text, err := json.Marshal(p); err == nil && len(p) > 0 {
			texts = append(texts, string(text))
		}
	}
	slices.Sort(texts)
	return strings.Join(texts, ",")
}

// SamePolicies reports whether a and b contain equal policies.
func SamePolicies(a, b string) bool { return canonical(a) == canonical(b) }
