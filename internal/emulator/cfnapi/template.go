package cfnapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// template is a template in JSON, the form in which ssmbak sends its own.
type template struct {
	Parameters map[string]struct {
		Default any
	}
	Conditions map[string]any
	Resources  map[string]struct {
		Type, Condition, DeletionPolicy string
		Properties                      any
	}
	Outputs map[string]struct {
		Condition, Description string
		Value                  any
	}
}

// types are the types of resources that a stack can have here: those of ssmbak's template.
var types = []string{
	"AWS::CloudWatch::Alarm", "AWS::Events::Rule", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role", "AWS::KMS::Key", "AWS::Lambda::EventInvokeConfig",
	"AWS::Lambda::EventSourceMapping", "AWS::Lambda::Function", "AWS::Lambda::Permission", "AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::S3::BucketPolicy",
	"AWS::SNS::Subscription", "AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "AWS::SSM::Parameter",
}

func parse(body string) (*template, error) {
	var t template
	if err := json.Unmarshal([]byte(body), &t); err != nil {
		return nil, invalid("Template format error: here a template must be JSON")
	}
	for id, r := range t.Resources {
		if !slices.Contains(types, r.Type) {
			return nil, invalid(fmt.Sprintf("Template format error: Unrecognized resource types: [%s] (of %s)", r.Type, id))
		}
	}
	if len(t.Resources) == 0 {
		return nil, invalid("Template format error: At least one Resources member must be defined.")
	}
	for _, r := range t.Resources {
		if err := t.resolve(r.Properties); err != nil {
			return nil, err
		}
	}
	for _, o := range t.Outputs {
		if err := t.resolve(o.Value); err != nil {
			return nil, err
		}
	}
	return &t, nil
}

// resolve checks that the names in a value exist, whether or not it is evaluated.
func (t *template) resolve(v any) error {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			if err := t.resolve(x); err != nil {
				return err
			}
		}
	case map[string]any:
		name, isRef := v["Ref"].(string)
		if _, known := t.Parameters[name]; isRef && !known && !strings.HasPrefix(name, "AWS::") {
			if _, known := t.Resources[name]; !known {
				return unresolved(name)
			}
		}
		for _, x := range v {
			if err := t.resolve(x); err != nil {
				return err
			}
		}
	}
	return nil
}

func unresolved(name string) *failure {
	return invalid("Template format error: Unresolved resource dependencies [" + name + "] in the Resources block of the template")
}

// complete returns the values of all parameters.
func (t *template) complete(given map[string]string) (map[string]string, error) {
	all := make(map[string]string)
	for name, value := range given {
		if _, ok := t.Parameters[name]; !ok {
			return nil, invalid("Parameters: [" + name + "] do not exist in the template")
		}
		all[name] = value
	}
	for _, name := range slices.Sorted(maps.Keys(t.Parameters)) {
		if _, ok := all[name]; ok {
			continue
		}
		value := t.Parameters[name].Default
		if value == nil {
			return nil, invalid("Parameters: [" + name + "] must have values")
		}
		all[name] = fmt.Sprint(value)
	}
	return all, nil
}

// noValue is AWS::NoValue.
type noValue struct{}

// scope is where the functions of a template are evaluated. Errors panic with a *failure.
type scope struct {
	*template
	parameters map[string]string
	pseudo     map[string]string
	ref        func(id string) string
	attribute  func(id, name string) string
}

var variable = regexp.MustCompile(`\$\{([^}]*)\}`)

// eval returns a value with its functions evaluated.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
func (s *scope) eval(v any) any {
	switch v := v.(type) {
	case []any:
		all := []any{}
		for _, x := range v {
			if got := s.eval(x); got != (noValue{}) {
				all = append(all, got)
			}
		}
		return all
	case map[string]any:
		if len(v) == 1 {
			for name, argument := range v {
				if name == "Ref" || name == "Condition" || strings.HasPrefix(name, "Fn::") {
					return s.function(name, argument)
				}
			}
		}
		all := make(map[string]any)
		for key, x := range v {
			if got := s.eval(x); got != (noValue{}) {
				all[key] = got
			}
		}
		return all
	}
	return v
}

func (s *scope) function(name string, argument any) any {
	list, _ := argument.([]any)
	switch name {
	case "Ref":
		return s.reference(fmt.Sprint(argument))
	case "Condition":
		if name, ok := argument.(string); ok {
			return s.holds(name)
		}
		return map[string]any{name: s.eval(argument)} // the Condition of a statement of a policy
	case "Fn::GetAtt":
		return s.attribute(fmt.Sprint(list[0]), fmt.Sprint(list[1]))
	case "Fn::If":
		if s.holds(fmt.Sprint(list[0])) {
			return s.eval(list[1])
		}
		return s.eval(list[2])
	case "Fn::Equals":
		return fmt.Sprint(s.eval(list[0])) == fmt.Sprint(s.eval(list[1]))
	case "Fn::Not":
		return s.eval(list[0]) != true
	case "Fn::And":
		return !slices.ContainsFunc(list, func(x any) bool { return s.eval(x) != true })
	case "Fn::Or":
		return slices.ContainsFunc(list, func(x any) bool { return s.eval(x) == true })
	case "Fn::Split":
		all := []any{}
		for part := range strings.SplitSeq(fmt.Sprint(s.eval(list[1])), fmt.Sprint(list[0])) {
			all = append(all, part)
		}
		return all
	case "Fn::Join":
		var parts []string
		for _, x := range s.eval(list[1]).([]any) {
			parts = append(parts, fmt.Sprint(x))
		}
		return strings.Join(parts, fmt.Sprint(list[0]))
	case "Fn::Sub":
		return s.substitute(argument, list)
	}
	panic(invalid("Template error: " + name + " is not known here"))
}

func (s *scope) substitute(argument any, list []any) string {
	text, local := fmt.Sprint(argument), map[string]any{}
	if len(list) == 2 {
		text, local = fmt.Sprint(list[0]), list[1].(map[string]any)
	}
	return variable.ReplaceAllStringFunc(text, func(found string) string {
		name := found[2 : len(found)-1]
		if v, ok := local[name]; ok {
			return fmt.Sprint(s.eval(v))
		}
		if id, attribute, ok := strings.Cut(name, "."); ok {
			return s.attribute(id, attribute)
		}
		return fmt.Sprint(s.reference(name))
	})
}

func (s *scope) reference(name string) any {
	if name == "AWS::NoValue" {
		return noValue{}
	}
	if v, ok := s.pseudo[name]; ok {
		return v
	}
	if v, ok := s.parameters[name]; ok {
		return v
	}
	if _, ok := s.Resources[name]; ok {
		return s.ref(name)
	}
	panic(unresolved(name))
}

// holds reports whether a condition holds; "" is no condition.
func (s *scope) holds(name string) bool {
	if name == "" {
		return true
	}
	c, ok := s.Conditions[name]
	if !ok {
		panic(invalid("Template error: unresolved condition dependency " + name))
	}
	return s.eval(c) == true
}
