package plan

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/ssmbak/ssmbak"
)

// Place is an account, 12 digits, in a region.
type Place struct {
	Account string `json:"account"`
	Region  string `json:"region"`
}

// String returns the place as ACCOUNT/REGION.
func (p Place) String() string { return p.Account + "/" + p.Region }

// ParsePlace parses ACCOUNT/REGION.
func ParsePlace(text string) (p Place, ok bool) {
	account, region, _ := strings.Cut(text, "/")
	return Place{account, region}, place.MatchString(text)
}

var place = regexp.MustCompile(`^[0-9]{12}/[a-z0-9]+(-[a-z0-9]+)+$`)

// Move says that the states of one place are restored in another one, or in the same one
// from a copy of its archive. Versions, labels and customer keys of the two have nothing to
// do with each other.
type Move struct{ From, Into Place }

// refuseKey returns the reason why a SecureString cannot be written with the key that was
// recorded, "" if it can be. The key belongs to the place that is left; the default key
// exists everywhere.
func (c *Case) refuseKey(w Write, o Options) string {
	if c.Move == nil || w.Type != ssmbak.TypeSecureString {
		return ""
	}
	_, why := o.KeyInto(c.After.Version.Attributes, *c.Move)
	return why
}

// KeyInto returns the key with which a SecureString is written that is moved, or the reason
// why that is unknown.
func (o Options) KeyInto(recorded ssmbak.Attributes, m Move) (key, why string) {
	key = Defaulted(recorded).KeyID
	if _, mapped := o.KeyMap[key]; mapped || key == DefaultKey || m.From == m.Into || o.KeyID != "" {
		return o.key(key), ""
	}
	return "", fmt.Sprintf("its KMS key %s is that of account %s in %s: name another one with --key-map %s=KEY, or --key-id KEY for all", key, m.From.Account, m.From.Region, key)
}

// key returns the key that is written instead of a recorded one.
func (o Options) key(recorded string) string {
	if mapped, ok := o.KeyMap[recorded]; ok {
		return mapped
	}
	if o.KeyID != "" {
		return o.KeyID
	}
	return recorded
}

// namesLeft returns a notice if the value names the account or the region that is left, ""
// if it does not. It contains nothing of the value, and does not say what a SecureString
// names.
func (c *Case) namesLeft() string {
	if c.Move == nil || !c.After.Value.IsKnown() {
		return ""
	}
	from, into, value := c.Move.From, c.Move.Into, c.After.Value.V.Reveal()
	var named []string
	if from.Account != into.Account && hasWord(value, from.Account) {
		named = append(named, "account "+from.Account)
	}
	if from.Region != into.Region && hasWord(value, from.Region) {
		named = append(named, "region "+from.Region)
	}
	switch {
	case len(named) == 0:
		return ""
	case c.After.Version.Type == ssmbak.TypeSecureString:
		return "its value names the account or the region of the archive, and is not translated"
	}
	return "its value names " + strings.Join(named, " and ") + ", and is not translated"
}

// hasWord reports whether a text contains a word, not as the end of a longer one, and not
// followed by a digit. A letter may follow: an availability zone is a region and a letter.
func hasWord(text, word string) bool {
	if word == "" {
		return false
	}
	for at := 0; ; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			return false
		}
		begin, end := at+i, at+i+len(word)
		if (begin == 0 || !alphanumeric(text[begin-1])) && (end == len(text) || !digit(text[end])) {
			return true
		}
		at = begin + 1
	}
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func alphanumeric(c byte) bool {
	return digit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
