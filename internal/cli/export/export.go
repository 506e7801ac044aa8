// Package export writes parameters as files that other programs read: JSON, YAML, dotenv
// files, shell scripts and Terraform variables. Each program reads back the same bytes; a
// value or a name for which that is impossible is refused.
package export

import (
	"fmt"
	"slices"
	"strings"
)

// Format is the format of a file.
type Format string

// The formats.
const (
	// JSON is one object with the names and the values, as strings.
	JSON Format = "json"
	// YAML is one mapping with the names and the values, as double-quoted strings.
	YAML Format = "yaml"
	// Dotenv is a file for docker compose, node --env-file and the libraries named dotenv:
	// the values are in single quotes or, if they contain one, in double quotes.
	Dotenv Format = "dotenv"
	// Shell is a script that exports variables, for POSIX shells.
	Shell Format = "shell"
	// TFVars is a file of Terraform variables (terraform.tfvars).
	TFVars Format = "tfvars"
)

// Formats are all formats.
var Formats = []Format{JSON, YAML, Dotenv, Shell, TFVars}

// Parameter is a parameter to write. Key is its name below the path that is exported,
// without a leading slash.
type Parameter struct{ Key, Value string }

// KeyError reports parameters whose names become the same variable, or no variable.
type KeyError struct {
	Keys     []string
	Variable string
}

func (e *KeyError) Error() string {
	return fmt.Sprintf("the names %s become the same variable %s", strings.Join(e.Keys, " and "), e.Variable)
}

// ValueError reports a value that a format cannot represent.
type ValueError struct {
	Key    string
	Format Format
	Reason string
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("the value of %s cannot be written as %s: %s", e.Key, e.Format, e.Reason)
}

// Encode returns the file with the parameters, in the order of their keys. The error may be
// a [*KeyError] or a [*ValueError]; nothing of a value is in it.
func Encode(f Format, parameters []Parameter) ([]byte, error) {
	all := slices.SortedFunc(slices.Values(parameters), func(a, b Parameter) int { return strings.Compare(a.Key, b.Key) })
	names := make(map[string]string)
	for i, p := range all {
		name := f.variable(p.Key)
		if other, ok := names[name]; ok {
			return nil, &KeyError{Keys: []string{other, p.Key}, Variable: name}
		}
		names[name] = p.Key
		if reason := f.unfit(p.Value); reason != "" {
			return nil, &ValueError{Key: p.Key, Format: f, Reason: reason}
		}
		all[i].Key = name
	}
	return f.encode(all)
}

// variable returns the name under which a format has a parameter. Those of variables of the
// environment are as in chamber: upper case, with underscores.
func (f Format) variable(key string) string {
	switch f {
	case Dotenv, Shell:
		return identifier(strings.ToUpper(key), func(r rune) bool { return r >= 'A' && r <= 'Z' })
	case TFVars:
		return identifier(key, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' })
	case JSON, YAML:
	}
	return key
}

// identifier replaces all characters by underscores except digits and those of letters. One
// that does not begin with a letter gets an underscore before it.
func identifier(text string, letter func(rune) bool) string {
	name := strings.Map(func(r rune) rune {
		if letter(r) || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, text)
	if first := name[0]; first >= '0' && first <= '9' || first == '-' {
		name = "_" + name
	}
	return name
}
