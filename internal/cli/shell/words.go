package shell

import (
	"fmt"
	"strings"

	"github.com/ssmbak/ssmbak/internal/awsconn"
)

// Plural returns one if n is 1, else many.
func Plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// Count returns n and the words for so many: Count(2, "parameter was", "parameters
// were") is "2 parameters were".
func Count(n int, one, many string) string {
	return fmt.Sprintf("%d %s", n, Plural(n, one, many))
}

// Quote returns a word as a POSIX shell takes it.
func Quote(word string) string {
	if word != "" && strings.IndexFunc(word, func(r rune) bool {
		return !strings.ContainsRune("/.-_:=@%+,", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Given returns a flag with its value as it is typed, after a blank, "" if the
// value is.
func Given(flag, value string) string {
	if value == "" {
		return ""
	}
	return " --" + flag + " " + Quote(value)
}

// Where are the flags of this run that lead another command to the same place. The
// tools of AWS and both programs call them alike.
func (s *Shell) Where() string {
	return Given("region", s.Flags.Region) + Given("profile", s.Flags.Profile) + Given("endpoint-url", awsconn.Redacted(s.Flags.Endpoint))
}
