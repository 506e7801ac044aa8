package pattern

import (
	"regexp"
	"strings"
)

// Principal returns the ARN of who made a change, without the session of a role: one
// person or pipeline has a new session each time. For example
// arn:aws:sts::123456789012:assumed-role/deploy/i-0123 becomes
// arn:aws:sts::123456789012:assumed-role/deploy.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
func Principal(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || !strings.HasPrefix(parts[5], "assumed-role/") {
		return arn
	}
	parts[5] = strings.Join(strings.SplitN(parts[5], "/", 3)[:2], "/")
	return strings.Join(parts, ":")
}

// MatchPrincipal reports whether a pattern of --by matches the ARN of a principal: * matches
// any text, and ? one character. A pattern matches the complete ARN, with or without the
// session of a role, or any end of it that begins after a colon or a slash, such as
// user/alice, alice or assumed-role/deploy. No pattern matches "", an unknown principal,
// and one that is not UTF-8 matches nothing.
func MatchPrincipal(pattern, arn string) bool {
	if arn == "" {
		return false
	}
	text := regexp.QuoteMeta(pattern)
	text = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(text)
	matches, err := regexp.Compile(`(?s)(^|[:/])` + text + `$`)
	if err != nil { // not UTF-8, which every ARN is
		return false
	}
	return matches.MatchString(arn) || matches.MatchString(Principal(arn))
}
