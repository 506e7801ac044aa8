package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
)

// policy is what has to be understood of a policy to restore it.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html
type policy struct {
	Type       string
	Attributes struct{ Timestamp string }
}

// The types of policies that have to do with the end of a parameter. An
// ExpirationNotification has no time of its own: it refers to the Expiration.
const (
	expiration             = "Expiration"
	expirationNotification = "ExpirationNotification"
)

// expirationLayouts are the forms of an Expiration's timestamp: ISO_INSTANT and
// ISO_OFFSET_DATE_TIME, whose seconds may be left out and whose offset may have
// seconds, as in AWS's own example 2019-11-01T22:13:48.87+10:30:00. Go reads a
// fraction of any length after the seconds of a layout.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html
// https://docs.oracle.com/javase/8/docs/api/java/time/format/DateTimeFormatter.html#ISO_OFFSET_DATE_TIME
var expirationLayouts = []string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z07:00:00",
	"2006-01-02T15:04Z07:00", "2006-01-02T15:04Z07:00:00",
}

// expires returns the moment of an Expiration; ok is false if it is none, or its
// timestamp cannot be read.
func (p policy) expires() (at ssmbak.Time, ok bool) {
	if p.Type != expiration {
		return 0, false
	}
	for _, layout := range expirationLayouts {
		// The letters T and Z may be small ones.
		if t, err := time.Parse(layout, strings.ToUpper(p.Attributes.Timestamp)); err == nil {
			return ssmbak.TimeOf(t), true
		}
	}
	return 0, false
}

// Unexpired leaves out an expiration that has passed, since Parameter Store
// would delete the parameter at its next scan, and the notifications that refer
// to it; passed says which these are, "" if there are none. Policies that cannot
// be understood stay as they are.
func Unexpired(policies string, now ssmbak.Time) (left, passed string) {
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
			passed = fmt.Sprintf("its expiration %s has passed and is left out", read[i].Attributes.Timestamp)
		}
	}
	if passed == "" {
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
		passed += ", and with it the ExpirationNotification that refers to it"
	}
	if len(texts) == 0 {
		return "", passed
	}
	return "[" + strings.Join(texts, ",") + "]", passed
}

// canonical returns one text for all texts of the same policies, "" for none.
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

// SamePolicies reports whether two texts of policies mean the same.
func SamePolicies(a, b string) bool { return canonical(a) == canonical(b) }
