package shell

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/ssmbak/ssmbak/internal/awsconn"
)

// Plural returns one if n is 1, and many otherwise.
func Plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// Count returns n followed by the singular or plural: Count(2, "parameter was",
// "parameters were") is "2 parameters were".
func Count(n int, one, many string) string {
	return fmt.Sprintf("%d %s", n, Plural(n, one, many))
}

// Quote quotes a word for a POSIX shell, if necessary.
func Quote(word string) string {
	if word != "" && strings.IndexFunc(word, func(r rune) bool {
		return !strings.ContainsRune("/.-_:=@%+,", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Given returns a flag and its value, quoted for a shell and preceded by a space, or ""
// if the value is "".
func Given(flag, value string) string {
	if value == "" {
		return ""
	}
	return " --" + flag + " " + Quote(value)
}

// Where returns the flags of this run that another command needs to reach the same
// account and region. They have the same names in the AWS CLI and both programs.
func (s *Shell) Where() string {
	return Given("region", s.Flags.Region) + Given("profile", s.Flags.Profile) + Given("endpoint-url", awsconn.Redacted(s.Flags.Endpoint))
}

// quoted matches a command of this or another program in a text.
var quoted = regexp.MustCompile("`([a-z-]+) ([^`]+)`")

// placed adds the flags of [Shell.Place] to the commands of this program in a text, so
// that they can be pasted. It skips commands that have them or that only ask for help.
func (s *Shell) placed(text string) string {
	place := s.Where
	if s.Place != nil {
		place = s.Place
	}
	return s.AddFlags(text, func(program string) string {
		if program == s.program {
			return place()
		}
		return ""
	})
}

// AddFlags adds to the commands in a text the flags that flags returns for their programs. It
// skips commands that have them, or the first of them with another value, and those that only
// ask for help.
func (s *Shell) AddFlags(text string, flags func(program string) string) string {
	return quoted.ReplaceAllStringFunc(text, func(command string) string {
		add := flags(quoted.FindStringSubmatch(command)[1])
		if add == "" || strings.Contains(command, add) || strings.Contains(command, " "+strings.Fields(add)[0]+" ") || strings.Contains(command, "--help") {
			return command
		}
		return strings.TrimSuffix(command, "`") + add + "`"
	})
}
