package ssmapi

import (
	"encoding/json"
	"slices"
	"strings"
)

type describeInput struct {
	Filters          []oldFilter
	ParameterFilters []filter
	MaxResults       *int
	NextToken        *string
	Shared           *bool
}

// metadata is SDK, types.ParameterMetadata: no value, labels or tags.
type metadata struct {
	ARN              string
	AllowedPattern   string `json:",omitempty"`
	DataType         string
	Description      string `json:",omitempty"`
	KeyId            string `json:",omitempty"`
	LastModifiedDate epoch
	LastModifiedUser string
	Name             string
	Policies         []inlinePolicy
	Tier             string
	Type             string
	Version          int64
}

type describeOutput struct {
	NextToken  string `json:",omitempty"`
	Parameters []metadata
}

type byPathInput struct {
	Path             *string
	Recursive        *bool
	ParameterFilters []filter
	WithDecryption   *bool
	MaxResults       *int
	NextToken        *string
}

type byPathOutput struct {
	NextToken  string `json:",omitempty"`
	Parameters []parameter
}

// describeParameters: SDK, Client.DescribeParameters. Names of one level come
// without their slash; the order is that of the names, which AWS does not
// promise.
func (s *Store) describeParameters(in *describeInput) (any, error) {
	if len(in.Filters) > 0 && len(in.ParameterFilters) > 0 {
		return nil, invalid("You can use either Filters or ParameterFilters in a single request.")
	}
	size, err := pageSize(in.MaxResults, 50, s.opt.DescribePage)
	if err != nil {
		return nil, err
	}
	sieve, err := s.describeSieve(in)
	if err != nil {
		return nil, err
	}
	request := requestOf(in.Filters, in.ParameterFilters, in.Shared)
	at, err := openToken(in.NextToken, "DescribeParameters", request)
	if err != nil {
		return nil, err
	}
	// "DescribeParameters" by a path makes its pages of all parameters of the account
	// and filters them afterwards: https://github.com/google/go-cloud/issues/3135.
	byPath := slices.ContainsFunc(in.ParameterFilters, func(f filter) bool { return f.Key != nil && *f.Key == "Path" })
	if byPath {
		sieve.span = all
	}
	out := describeOutput{Parameters: []metadata{}}
	if isTrue(in.Shared) { // no parameters are shared with this account
		return out, nil
	}
	out.NextToken, err = s.walk(listing{
		op: "DescribeParameters", request: request, span: sieve.span, size: size, names: listable, afterwards: byPath,
		take: func(name string, st *state) (bool, error) {
			if !sieve.match(name, st) {
				return false, nil
			}
			v := st.latest()
			out.Parameters = append(out.Parameters, metadata{
				ARN: s.parameterARN(name), AllowedPattern: v.pattern, DataType: v.dataType, Description: v.description, KeyId: v.keyID,
				LastModifiedDate: epoch(v.time), LastModifiedUser: v.user, Name: reported(name), Policies: inline(v.policies),
				Tier: v.tier, Type: v.typ, Version: v.number,
			})
			return true, nil
		},
	}, at)
	return out, err
}

// getParametersByPath: SDK, Client.GetParametersByPath. The parameter named
// like the path itself is not below it.
func (s *Store) getParametersByPath(in *byPathInput) (any, error) {
	if in.Path == nil {
		return nil, constraint("null", "path", "not be null")
	}
	path, err := checkPath(*in.Path)
	if err != nil {
		return nil, err
	}
	size, err := pageSize(in.MaxResults, 10, 10)
	if err != nil {
		return nil, err
	}
	sieve, label, err := byPathSieve(in.ParameterFilters)
	if err != nil {
		return nil, err
	}
	request := requestOf(path, in.Recursive, in.ParameterFilters, in.WithDecryption)
	at, err := openToken(in.NextToken, "GetParametersByPath", request)
	if err != nil {
		return nil, err
	}
	out := byPathOutput{Parameters: []parameter{}}
	out.NextToken, err = s.walk(listing{
		op: "GetParametersByPath", request: request, span: below(path), size: size, names: listable,
		take: func(name string, st *state) (bool, error) {
			if !isTrue(in.Recursive) && strings.Contains(name[len(path):], "/") || !sieve.match(name, st) {
				return false, nil
			}
			v, selector := st.latest(), ""
			if len(label) > 0 { // then the version with the label is meant
				if v, selector = labeledVersion(st, label); v == nil {
					return false, nil
				}
			}
			value, err := s.value(name, v, isTrue(in.WithDecryption))
			if err != nil {
				return false, err
			}
			out.Parameters = append(out.Parameters, parameter{
				ARN: s.parameterARN(name), DataType: v.dataType, LastModifiedDate: epoch(v.time), Name: reported(name),
				Selector: selector, Type: v.typ, Value: value, Version: v.number,
			})
			return true, nil
		},
	}, at)
	return out, err
}

func labeledVersion(st *state, labels []string) (*version, string) {
	for _, label := range labels {
		if number, ok := st.labels[label]; ok {
			return st.numbered(number), ":" + label
		}
	}
	return nil, ""
}

// requestOf is what makes two requests of one operation the same for a token.
func requestOf(members ...any) string {
	text, _ := json.Marshal(members)
	return string(text)
}

const badPath = `The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "/". ` +
	`It can't be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: ` +
	`. (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "/". ` +
	`Valid example: /get/parameters2-/by1./path0_.`

// checkPath returns a path with a slash at its end: "Hierarchies start with a
// forward slash (/)" and have "a maximum of 15 levels" (SDK,
// GetParametersByPathInput.Path). Paths under /aws/ hold public parameters, of
// which there are none here.
func checkPath(given string) (string, error) {
	path := strings.Trim(given, " ")
	if path == "/" {
		return path, nil
	}
	bare := strings.TrimPrefix(strings.TrimSuffix(path, "/"), "/")
	if path == "" || path[0] != '/' || bare == "" || strings.HasPrefix(strings.ToLower(bare), "ssm") {
		return "", invalid(badPath)
	}
	levels := strings.Split(bare, "/")
	for _, level := range levels {
		if level == "" || !plain(level) {
			return "", invalid(badPath)
		}
	}
	if len(levels) > maxLevels {
		return "", invalid("A parameter name hierarchy can have a maximum of %d levels.", maxLevels)
	}
	return "/" + bare + "/", nil
}
