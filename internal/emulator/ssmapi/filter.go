package ssmapi

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// filter is SDK, types.ParameterStringFilter.
type filter struct {
	Key    *string
	Option *string
	Values []string
}

// oldFilter is SDK, types.ParametersFilter, deprecated.
type oldFilter struct {
	Key    *string
	Values []string
}

// sieve holds what a listing filters by: every condition must be true.
type sieve struct {
	span       span // no name outside can match
	dataTypes  []string
	conditions []func(name string, st *state) bool
}

func (f *sieve) match(name string, st *state) bool {
	for _, condition := range f.conditions {
		if !condition(name, st) {
			return false
		}
	}
	return true
}

func (f *sieve) add(condition func(name string, st *state) bool) {
	f.conditions = append(f.conditions, condition)
}

const (
	optionEquals     = "Equals"
	optionBeginsWith = "BeginsWith"
	optionContains   = "Contains"
	optionRecursive  = "Recursive"
	optionOneLevel   = "OneLevel"
)

// check holds a filter against the limits of the model
// (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html)
// and returns its parts. keys are those that the operation accepts, in addition to
// tags.
func (f filter) check(keys []string, tags bool) (key, option string, err error) {
	if f.Key == nil {
		return "", "", constraint("null", "parameterFilters.1.member.key", "not be null")
	}
	key = *f.Key
	isTag := strings.HasPrefix(key, "tag:") && len(key) > len("tag:")
	switch {
	case len(key) > 132 || !isTag && !slices.Contains([]string{"Name", "Type", "KeyId", "Path", "Label", "Tier", "DataType"}, key):
		return "", "", constraint("'"+key+"'", "parameterFilters.1.member.key", "satisfy regular expression pattern: tag:.+|Name|Type|KeyId|Path|Label|Tier|DataType")
	case isTag && !tags || !isTag && !slices.Contains(keys, key):
		return "", "", refuse("InvalidFilterKey", "The following filter key is not valid: %s. Valid filter keys include: [%s].", key, strings.Join(keys, ", "))
	case len(f.Values) > 50:
		return "", "", constraint("of the given length", "parameterFilters.1.member.values", "have length less than or equal to 50")
	case len(f.Values) == 0 && !isTag: // a tag may be looked for by its key alone
		return "", "", refuse("InvalidFilterValue", "The following filter values are missing : null for filter key %s.", key)
	}
	for _, value := range f.Values {
		if n := utf8.RuneCountInString(value); n < 1 || n > 1024 {
			return "", "", constraint("of the given length", "parameterFilters.1.member.values", "satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 1]")
		}
	}
	option, valid := optionEquals, []string{optionEquals, optionBeginsWith}
	switch key {
	case "Path":
		option, valid = optionOneLevel, []string{optionRecursive, optionOneLevel}
	case "Name":
		valid = append(valid, optionContains)
	case "Label":
		valid = []string{optionEquals}
	}
	if f.Option != nil {
		option = *f.Option
	}
	if !slices.Contains(valid, option) {
		return "", "", refuse("InvalidFilterOption", "The following filter option is not valid: %s. Valid options include: [%s].", option, strings.Join(valid, ", "))
	}
	return key, option, nil
}

// checkValues holds the values of filters against the words of the API.
func (f *sieve) checkValues(key string, values []string) error {
	words := map[string][]string{"Type": parameterTypes, "Tier": parameterTiers, "DataType": f.dataTypes}[key]
	for _, value := range values {
		if words != nil && !slices.Contains(words, value) {
			return refuse("InvalidFilterValue", "The following filter value is not valid: %s. Valid values include: [%s].", value, strings.Join(words, ", "))
		}
	}
	return nil
}

// describeSieve reads the filters of DescribeParameters: every key but Label
// (SDK, types.ParameterStringFilter).
func (s *Store) describeSieve(in *describeInput) (*sieve, error) {
	found := &sieve{span: all, dataTypes: s.dataTypes()}
	for _, old := range in.Filters {
		if err := found.addOld(old); err != nil {
			return nil, err
		}
	}
	seen := map[string]bool{}
	for _, f := range in.ParameterFilters {
		key, option, err := f.check([]string{"Path", "Name", "Type", "KeyId", "Tier", "DataType"}, true)
		if err != nil {
			return nil, err
		}
		if err := once(seen, key); err != nil {
			return nil, err
		}
		if err := found.addFilter(key, option, f.Values); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func once(seen map[string]bool, key string) error {
	if seen[key] {
		return refuse("InvalidFilterKey", "The following filter is duplicated in the request: %s. A request can contain only one occurrence of a specific filter.", key)
	}
	seen[key] = true
	return nil
}

// byPathSieve reads the filters of GetParametersByPath: Type, KeyId and Label
// (SDK, GetParametersByPathInput.ParameterFilters). A label chooses a version
// and is returned apart.
func byPathSieve(filters []filter) (s *sieve, labels []string, err error) {
	s = &sieve{span: all}
	seen := map[string]bool{}
	for _, f := range filters {
		key, option, err := f.check([]string{"Type", "KeyId", "Label"}, false)
		if err != nil {
			return nil, nil, err
		}
		if err := once(seen, key); err != nil {
			return nil, nil, err
		}
		if key == "Label" {
			labels = f.Values
			continue
		}
		if err := s.addFilter(key, option, f.Values); err != nil {
			return nil, nil, err
		}
	}
	return s, labels, nil
}

func (f *sieve) addFilter(key, option string, values []string) error {
	if option != optionBeginsWith {
		if err := f.checkValues(key, values); err != nil {
			return err
		}
	}
	switch key {
	case "Name":
		return f.addName(option, values)
	case "Path":
		return f.addPath(option, values)
	case "Type":
		f.addAttribute(option, values, func(v *version) string { return v.typ })
	case "Tier":
		f.addAttribute(option, values, func(v *version) string { return v.tier })
	case "KeyId":
		f.addAttribute(option, values, func(v *version) string { return v.keyID })
	case "DataType":
		f.addAttribute(option, values, func(v *version) string { return v.dataType })
	default:
		tagKey := strings.TrimPrefix(key, "tag:")
		f.add(func(_ string, st *state) bool {
			value, tagged := st.tags[tagKey]
			return tagged && (len(values) == 0 || matchOne(option, value, values))
		})
	}
	return nil
}

func (f *sieve) addAttribute(option string, values []string, get func(*version) string) {
	f.add(func(_ string, st *state) bool {
		text := get(st.latest())
		return text != "" && matchOne(option, text, values)
	})
}

func matchOne(option, text string, values []string) bool {
	return slices.ContainsFunc(values, func(value string) bool {
		switch option {
		case optionBeginsWith:
			return strings.HasPrefix(text, value)
		case optionContains:
			return strings.Contains(text, value)
		}
		return text == value
	})
}

// addName filters by names in their reported form: whether AWS finds "db" under
// "/db/x" is not documented, so it does not here. A name of a single level is
// reported without its slash and found by either form, so "/db" finds it and
// what is below it, and "db" it alone: acceptance tests that were run for
// https://github.com/hashicorp/terraform-provider-aws/pull/49339 and .../49119
// ask for both forms. AWS's response to both in one filter is not known.
func (f *sieve) addName(option string, values []string) error {
	if option != optionContains {
		spans := make([]span, len(values))
		for i, value := range values {
			name := "/" + strings.TrimPrefix(value, "/")
			if value != name && slices.Contains(values, name) {
				return notEmulated("a filter with both " + value + " and " + name)
			}
			spans[i] = span{name, name + "\x00"}
			if option == optionBeginsWith {
				spans[i] = below(name)
			}
		}
		f.span = f.span.intersect(union(spans))
	}
	f.add(func(name string, _ *state) bool {
		return matchOne(option, reported(name), values) || option != optionContains && matchOne(option, name, values)
	})
	return nil
}

// addPath filters by hierarchy
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-search.html).
func (f *sieve) addPath(option string, values []string) error {
	paths, spans := make([]string, len(values)), make([]span, len(values))
	for i, value := range values {
		path, err := checkPath(value)
		if err != nil {
			return err
		}
		if strings.HasPrefix(strings.ToLower(path), "/aws") {
			return invalid(`Filters for common parameters can't be prefixed with "aws" or "ssm" (case-insensitive). When using global parameters, please specify within a global namespace.`)
		}
		paths[i], spans[i] = path, below(path)
	}
	f.span = f.span.intersect(union(spans))
	f.add(func(name string, _ *state) bool {
		return slices.ContainsFunc(paths, func(path string) bool {
			rest, ok := strings.CutPrefix(name, path)
			return ok && (option == optionRecursive || !strings.Contains(rest, "/"))
		})
	})
	return nil
}

// addOld adds a deprecated filter: a name begins with, a type or key equals
// one of the values
// (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParametersFilter.html).
func (f *sieve) addOld(old oldFilter) error {
	if old.Key == nil || !slices.Contains([]string{"Name", "Type", "KeyId"}, *old.Key) {
		return constraint("of the given key", "filters.1.member.key", "satisfy enum value set: [KeyId, Type, Name]")
	}
	if len(old.Values) < 1 || len(old.Values) > 50 {
		return constraint("of the given length", "filters.1.member.values", "have length between 1 and 50")
	}
	option := optionEquals
	if *old.Key == "Name" {
		option = optionBeginsWith
	}
	return f.addFilter(*old.Key, option, old.Values)
}
