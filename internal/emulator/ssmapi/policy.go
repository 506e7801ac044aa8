package ssmapi

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	policyExpiration = "Expiration"
	policyExpiring   = "ExpirationNotification"
	policyNoChange   = "NoChangeNotification"

	maxPolicies = 10 // SDK, PoliciesLimitExceededException
)

// policy is one policy of a parameter, in the form of
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html.
type policy struct {
	Type       string
	Version    string
	Attributes map[string]string

	text    string // its JSON without spaces
	expires time.Time
}

func policyArray(policies []policy) string {
	if len(policies) == 0 {
		return ""
	}
	texts := make([]string, len(policies))
	for i, p := range policies {
		texts[i] = p.text
	}
	return "[" + strings.Join(texts, ",") + "]"
}

// parsePolicies reads the Policies of a request: nil if there are none, an
// empty list for "[{}]", which removes all
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html).
func (s *Store) parsePolicies(given *string) (*[]policy, error) {
	if given == nil {
		return nil, nil
	}
	var raw []json.RawMessage
	if err := json.Unmarshal([]byte(*given), &raw); err != nil || len(raw) == 0 {
		return nil, invalid("Policies is not a JSON array of policies.")
	}
	if len(raw) > maxPolicies {
		return nil, refuse("PoliciesLimitExceededException", "You specified more than the maximum number of allowed policies for the parameter. The maximum is %d.", maxPolicies)
	}
	policies := []policy{}
	if len(raw) == 1 && compact(raw[0]) == "{}" {
		return &policies, nil
	}
	kinds := map[string]int{}
	for _, text := range raw {
		p, err := s.parsePolicy(text)
		if err != nil {
			return nil, err
		}
		kinds[p.Type]++
		policies = append(policies, p)
	}
	// "You can't, for example, specify two Expiration policies for a
	// parameter" (SDK, IncompatiblePolicyException). That a notification of an
	// expiration needs one is not documented.
	if kinds[policyExpiration] > 1 || kinds[policyExpiring] > 0 && kinds[policyExpiration] == 0 {
		return nil, refuse("IncompatiblePolicyException", "There is a conflict in the policies specified for this parameter.")
	}
	return &policies, nil
}

func (s *Store) parsePolicy(text json.RawMessage) (policy, error) {
	p := policy{text: compact(text)}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, refuse("InvalidPolicyAttributeException", "A policy attribute or its value is invalid.")
	}
	var wanted []string
	switch p.Type {
	case policyExpiration:
		wanted = []string{"Timestamp"}
	case policyExpiring:
		wanted = []string{"Before", "Unit"}
	case policyNoChange:
		wanted = []string{"After", "Unit"}
	default: // SDK, InvalidPolicyTypeException
		return p, refuse("InvalidPolicyTypeException", "The policy type isn't supported. Parameter Store supports the following policy types: Expiration, ExpirationNotification, and NoChangeNotification.")
	}
	ok := p.Version == "1.0" && len(p.Attributes) == len(wanted)
	for _, key := range wanted {
		value, given := p.Attributes[key]
		switch {
		case !given:
			ok = false
		case key == "Timestamp":
			ok = ok && p.setExpiry(value, s.opt.Now(), s.opt.PassedExpirations)
		case key == "Unit":
			ok = ok && (value == "Days" || value == "Hours")
		default:
			n, err := strconv.Atoi(value)
			ok = ok && err == nil && n > 0
		}
	}
	if !ok { // SDK, InvalidPolicyAttributeException
		return p, refuse("InvalidPolicyAttributeException", "A policy attribute or its value is invalid: %s.", p.Type)
	}
	return p, nil
}

// expiryForm is that of a timestamp, "either the ISO_INSTANT format
// or the ISO_OFFSET_DATE_TIME format" (the policies page), as Java defines them:
// a time of day has its seconds or, with an offset, need not
// (ISO_LOCAL_TIME), fractions of a second have up to nine digits, and an offset
// may have seconds, as in the page's own 2019-11-01T22:13:48.87+10:30:00.
// https://docs.oracle.com/javase/8/docs/api/java/time/format/DateTimeFormatter.html
var expiryForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}(:\d{2})?)$`)
})

func parseExpiry(value string) (expires time.Time, ok bool) {
	if !expiryForm().MatchString(value) {
		return expires, false
	}
	for _, clock := range []string{"15:04:05", "15:04"} {
		for _, offset := range []string{"Z07:00", "Z07:00:00"} {
			if t, err := time.Parse("2006-01-02T"+clock+offset, value); err == nil {
				return t.UTC(), true
			}
		}
	}
	return expires, false
}

// setExpiry reads a timestamp. What AWS does with one that has passed is not
// documented: it may refuse it or delete the parameter at its next scan.
func (p *policy) setExpiry(value string, now time.Time, passed bool) bool {
	expires, ok := parseExpiry(value)
	p.expires = expires
	return ok && (passed || expires.After(now))
}

// compact returns JSON without spaces between its tokens.
func compact(text json.RawMessage) string {
	var b bytes.Buffer
	_ = json.Compact(&b, text) // it was read as JSON before
	return b.String()
}

// Expire runs the scan by which Parameter Store deletes parameters whose
// Expiration policy has passed at the given time: "Parameter Store enforces
// parameter policies by using asynchronous, periodic scans"
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html),
// so until it is called they stay. For each it sends the event of the policy
// action, then that of the delete, before it returns.
func (s *Store) Expire(now time.Time) {
	s.settleImages()
	s.expire(now)
	s.events.drain(s.opt.Emit)
}

func (s *Store) expire(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []*record
	for _, chunk := range s.live.chunks {
		for _, rec := range chunk {
			if p := expiration(rec.current().latest()); p != nil && !p.expires.After(now) {
				due = append(due, rec)
			}
		}
	}
	for _, rec := range due {
		v := rec.current().latest()
		s.expired(rec, s.tick(rec), v, *expiration(v))
		s.delete(rec)
	}
}

func expiration(v *version) *policy {
	for i := range v.policies {
		if v.policies[i].Type == policyExpiration {
			return &v.policies[i]
		}
	}
	return nil
}
