package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/plan"
)

// The results of a comparison of values that are not shown: nothing else is said about
// them.
const (
	differs     = "differs"
	same        = "same"
	notCompared = "not compared"
)

// valueLines returns what differs between two values: JSON by key, other text of several
// lines by line, and a short text as both texts.
func valueLines(before, after string, o View) []string {
	if b, err := flatten(before); err == nil {
		if a, err := flatten(after); err == nil {
			return append([]string{"value:"}, indent(jsonLines(b, a, o.narrow(2)))...)
		}
	}
	if strings.Contains(before, "\n") || strings.Contains(after, "\n") {
		return append([]string{"value:"}, indent(textLines(before, after, o.narrow(2)))...)
	}
	return []string{o.sides("value: ", strconv.Quote(before), strconv.Quote(after))}
}

// oneValue returns the lines of a value that was created or deleted.
func oneValue(value string, o View) []string {
	if !strings.Contains(strings.TrimSuffix(value, "\n"), "\n") {
		return []string{o.after("value: ", strconv.Quote(value))}
	}
	lines := []string{"value:"}
	for line := range strings.Lines(value) {
		lines = append(lines, o.cut("  | "+Escape(strings.TrimSuffix(line, "\n"))))
	}
	return lines
}

func indent(lines []string) []string {
	for i := range lines {
		lines[i] = "  " + lines[i]
	}
	return lines
}

// textLines returns a unified diff without its header.
func textLines(before, after string, o View) (lines []string) {
	text := string(diff.Diff("", []byte(before), "", []byte(after)))
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if i >= 3 { // its name and the names of both sides
			lines = append(lines, o.cut(Escape(line)))
		}
	}
	return lines
}

// leaf is one value inside of JSON: its path and its JSON.
type leaf struct{ path, text string }

// jsonLines returns the keys that differ.
func jsonLines(before, after []leaf, o View) (lines []string) {
	b, a := texts(before), texts(after)
	for _, l := range before {
		if text, ok := a[l.path]; !ok {
			lines = append(lines, o.after("- "+l.path+": ", l.text))
		} else if text != l.text {
			lines = append(lines, o.sides("~ "+l.path+": ", l.text, text))
		}
	}
	for _, l := range after {
		if _, ok := b[l.path]; !ok {
			lines = append(lines, o.after("+ "+l.path+": ", l.text))
		}
	}
	if len(lines) == 0 {
		return []string{"the same JSON, formatted differently"}
	}
	return lines
}

func texts(all []leaf) map[string]string {
	out := make(map[string]string, len(all))
	for _, l := range all {
		out[l.path] = l.text
	}
	return out
}

// plainKey matches a key that needs no quotes in a path.
var plainKey = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\p{L}\p{N}_-]+$`) })

// flatten returns the leaves of a JSON object or array in their order. Any other text is an
// error, and so is an object that has a key twice, which programs read differently.
func flatten(text string) ([]leaf, error) {
	if first := strings.TrimLeft(text, " \t\r\n"); first == "" || first[0] != '{' && first[0] != '[' {
		return nil, errors.New("neither an object nor an array")
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var all []leaf
	if err := flattenNext(d, "", &all); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return all, nil
}

func flattenNext(d *json.Decoder, path string, all *[]leaf) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	open, nested := token.(json.Delim)
	if !nested {
		*all = append(*all, leaf{path, compact(token)})
		return nil
	}
	begin := len(*all)
	keys := make(map[string]bool)
	for i := 0; d.More(); i++ {
		at := fmt.Sprintf("%s[%d]", path, i)
		if open == '{' {
			token, err := d.Token()
			if err != nil {
				return err
			}
			key := token.(string)
			if keys[key] {
				return errors.New("a key is there twice")
			}
			keys[key] = true
			switch {
			case !plainKey().MatchString(key):
				at = path + "[" + compact(key) + "]"
			case path == "":
				at = key
			default:
				at = path + "." + key
			}
		}
		if err := flattenNext(d, at, all); err != nil {
			return err
		}
	}
	end, err := d.Token()
	if err == nil && len(*all) == begin {
		*all = append(*all, leaf{path, fmt.Sprint(open) + fmt.Sprint(end)})
	}
	return err
}

// compact returns a token as JSON that cannot steer a terminal.
func compact(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(TerminalJSON(&b))
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // a token of a decoder
	return strings.TrimSuffix(b.String(), "\n")
}

// differenceLines returns the lines about one attribute of an item.
func differenceLines(item plan.Item, d plan.Difference, o View) []string {
	if !d.Value {
		return []string{difference(AttributeText(d.Attribute)+": ", item, d, o)}
	}
	hidden := secret(item, o.Reveal)
	before, after := d.BeforeValue.Reveal(), d.AfterValue.Reveal()
	switch created, deleted := item.Action == plan.ActionCreate, item.Action == plan.ActionDelete; {
	case created && d.NoAfter || deleted && d.NoBefore:
		return []string{"value: (unknown)"}
	case (created || deleted) && hidden:
		return []string{"value: " + ssmbak.Mask}
	case created:
		return oneValue(after, o)
	case deleted:
		return oneValue(before, o)
	case hidden && (d.NoBefore || d.NoAfter):
		return []string{"value: " + notCompared}
	case hidden:
		return []string{"value: " + differs}
	case d.NoBefore || d.NoAfter:
		return []string{difference("value: ", item, plan.Difference{Before: before, After: after, NoBefore: d.NoBefore, NoAfter: d.NoAfter}, o)}
	}
	return valueLines(before, after, o)
}

// sameValue reports whether an item compares two equal values that it does not show, which
// is worth a line where other attributes of the version differ.
func sameValue(item plan.Item, o View) bool {
	return (item.Action == plan.ActionUpdate || item.Action == plan.ActionReplace) && secret(item, o.Reveal) &&
		slices.ContainsFunc(item.Differences, func(d plan.Difference) bool { return d.Attribute.OfVersion() }) &&
		!slices.ContainsFunc(item.Differences, func(d plan.Difference) bool { return d.Value })
}
