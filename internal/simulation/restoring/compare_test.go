package restoring

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
)

// knowledge determines what is restored of a parameter.
type knowledge struct {
	tags, labels      bool // whether they are known, and only the restore changed them
	keyID             string
	now               time.Time
	wrote             bool
	replace, replaced bool
	moved             bool
	notices           string
}

// compare says in what a parameter is not what was wanted, as far as it can be.
func (s *story) compare(got, want, before snapshot, k knowledge) (problems []string) {
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if got.live != want.live {
		add("it is there: %v", got.live)
		return problems
	}
	if !want.live {
		return nil
	}
	if got.Value != want.Value {
		add("its value is not what it was")
	}
	tier := want.Tier
	if before.live && before.Tier == "Advanced" && tier == "Standard" && !k.replaced {
		tier = "Advanced"
		s.Counts.Add("tier stays Advanced")
		if k.replace {
			add("its tier stays Advanced, although it may be replaced")
		}
	}
	dataType := want.DataType
	if before.live && validated(before.DataType, want.DataType) && !k.replaced {
		dataType = before.DataType
		s.Counts.Add("data type stays")
		if k.replace {
			add("its data type stays %s, although it may be replaced", dataType)
		}
	} else if before.live && validated(before.DataType, want.DataType) {
		s.Counts.Add("data type replaced")
	}
	key := want.KeyID
	if k.keyID != "" && want.KeyID != "" && (k.wrote || got.KeyID == k.keyID) {
		key = k.keyID
	}
	wanted := want.attributes()
	wanted.KeyID, wanted.Tier, wanted.DataType = key, tier, dataType
	for attribute, text := range wanted.All() {
		if is := got.attributes().Get(attribute); is != *text && attribute != ssmbak.AttributePolicies {
			add("its %s is %q instead of %q", attribute, is, *text)
		}
	}
	if left, expired := alive(want.Policies, k.now); got.Policies != left && (k.wrote || got.Policies != want.Policies) {
		// One can expire during the restore.
		if later, _ := alive(want.Policies, k.now.Add(10*time.Minute)); got.Policies != later {
			add("its policies are %q instead of %q", got.Policies, left)
		}
	} else if expired && k.wrote {
		s.Counts.Add("expiration skipped")
	}
	if k.tags && !maps.Equal(got.Tags, want.Tags) {
		add("its tags are %v instead of %v", got.Tags, want.Tags)
	}
	if k.labels {
		problems = append(problems, s.compareLabels(got, want, before, k)...)
	}
	return problems
}

// validated reports whether the data types differ and AWS validates one of them by
// what it stands for, so that none becomes the other in place.
func validated(from, to string) bool {
	return from != to && (strings.HasPrefix(from, "aws:") || strings.HasPrefix(to, "aws:"))
}

func (s *story) compareLabels(got, want, before snapshot, k knowledge) (problems []string) {
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	kept := func(number int64) bool { return number > got.Version-100 && number <= got.Version }
	same := !k.moved && got.life == want.life && kept(want.Version)
	for label, number := range want.Labels {
		on := got.Labels[label]
		switch {
		case same && kept(number):
			if on != number {
				add("label %s is on version %d instead of %d", label, on, number)
			}
			if number != want.Version && before.Labels[label] != on {
				s.Counts.Add("label on an older version put back")
			}
		case !same && number == want.Version:
			if on != got.Version {
				add("label %s is on version %d instead of %d", label, on, got.Version)
			}
		default:
			s.Counts.Add("label that cannot come back")
			if on != 0 && on != before.Labels[label] {
				add("label %s is on version %d, where it never was", label, on)
			}
			if k.notices != "" && !strings.Contains(k.notices, "label "+label) {
				add("it is not said that label %s does not come back", label)
			}
		}
		if before.live && before.Labels[label] != 0 && on != before.Labels[label] {
			s.Counts.Add("label moved")
		}
	}
	for label, number := range got.Labels {
		if want.Labels[label] == 0 {
			add("label %s is on version %d, and was on none", label, number)
		}
	}
	return problems
}

// alive removes expiration policies whose time has passed.
func alive(policies string, now time.Time) (left string, expired bool) {
	if policies == "" {
		return "", false
	}
	var all []json.RawMessage
	_ = json.Unmarshal([]byte(policies), &all) // it is the emulator's
	var kept []string
	for _, text := range all {
		var p struct {
			Type       string
			Attributes struct{ Timestamp time.Time }
		}
		_ = json.Unmarshal(text, &p)
		expired = expired || p.Type == "Expiration" && !p.Attributes.Timestamp.After(now)
		if !strings.HasPrefix(p.Type, "Expiration") {
			kept = append(kept, string(text))
		}
	}
	switch {
	case !expired:
		return policies, false
	case len(kept) == 0:
		return "", true
	}
	return "[" + strings.Join(kept, ",") + "]", true
}
