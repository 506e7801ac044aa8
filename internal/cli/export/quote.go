package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/unicode/norm"
)

// unfit returns why a format cannot represent a value, "" if it can.
func (f Format) unfit(value string) string {
	if !utf8.ValidString(value) {
		return "it is not UTF-8"
	}
	if strings.Contains(value, "\x00") && f != JSON && f != YAML {
		return "it contains a null byte"
	}
	switch f {
	case Dotenv:
		if strings.Contains(value, "\r") { // readers normalize line endings
			return "it contains a carriage return"
		}
		if !singleQuotable(value) && strings.ContainsAny(value, "\"\\$`\n") {
			return "no quotes keep it unchanged in every reader"
		}
	case TFVars:
		// https://developer.hashicorp.com/terraform/language/expressions/types says nothing
		// of it, but HCL's values normalize strings: zclconf/go-cty, cty.StringVal.
		if !norm.NFC.IsNormalString(value) {
			return "Terraform would normalize its characters (NFC)"
		}
	case JSON, YAML, Shell:
	}
	return ""
}

// singleQuotable reports whether readers of dotenv files take a value in single quotes
// unchanged: some recognize a backslash before a quote or another backslash.
func singleQuotable(value string) bool {
	return !strings.ContainsAny(value, "'") && !strings.Contains(value, `\\`) && !strings.HasSuffix(value, `\`) && !strings.Contains(value, "${")
}

func (f Format) encode(all []Parameter) ([]byte, error) {
	switch f {
	case JSON:
		return encodeJSON(all)
	case YAML:
		return encodeYAML(all)
	case Dotenv, Shell, TFVars:
	default:
		return nil, fmt.Errorf("unknown format %q", string(f))
	}
	var out bytes.Buffer
	for _, p := range all {
		switch f {
		case Dotenv:
			quote := "'"
			if !singleQuotable(p.Value) {
				quote = `"`
			}
			fmt.Fprintf(&out, "%s=%s%s%s\n", p.Key, quote, p.Value, quote)
		case Shell:
			fmt.Fprintf(&out, "export %s='%s'\n", p.Key, strings.ReplaceAll(p.Value, "'", `'\''`))
		case TFVars:
			fmt.Fprintf(&out, "%s = %s\n", p.Key, hcl(p.Value))
		case JSON, YAML:
		}
	}
	return out.Bytes(), nil
}

func encodeJSON(all []Parameter) ([]byte, error) {
	values := make(map[string]string, len(all))
	for _, p := range all {
		values[p.Key] = p.Value
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(values)
	return out.Bytes(), err
}

// encodeYAML quotes every string, so that no reader takes one for a number, a boolean or a
// date.
func encodeYAML(all []Parameter) ([]byte, error) {
	mapping := yaml.Node{Kind: yaml.MappingNode}
	for _, p := range all {
		for _, text := range []string{p.Key, p.Value} {
			mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: text})
		}
	}
	return yaml.Marshal(&mapping)
}

// hcl quotes a string as a literal of Terraform's language.
// https://developer.hashicorp.com/terraform/language/expressions/strings
func hcl(value string) string {
	var out strings.Builder
	out.WriteByte('"')
	for i, r := range value {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case (r == '$' || r == '%') && strings.HasPrefix(value[i+1:], "{"): // not a template
			out.WriteRune(r)
			out.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}
