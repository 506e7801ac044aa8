package stack

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// rendered is the template with conditions and functions evaluated for some parameters.
type rendered struct {
	resources map[string]resource
	outputs   map[string]any
	refers    map[string][]string // by resource: the resources that it refers to or depends on
}

type resource struct {
	kind                string
	properties          map[string]any
	deletion, replacing string
}

const (
	testAccount = "123456789012"
	testRegion  = "us-east-1"
	testStack   = "ssmbak"
	testBucket  = "ssmbak-bucket-test"
)

// pseudo are the pseudo parameters.
var pseudo = map[string]string{
	"AWS::AccountId": testAccount, "AWS::Region": testRegion, "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com", "AWS::StackName": testStack,
	"AWS::StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/ssmbak/1",
}

// noValue is the value of AWS::NoValue.
type noValue struct{}

// source returns the template as maps, in the form that is read, with its numbers as strings.
func source(t testing.TB) map[string]any {
	t.Helper()
	return sourceOf(t, body())
}

func sourceOf(t testing.TB, text string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return texts(m).(map[string]any)
}

// texts replaces the numbers in v by strings.
func texts(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = texts(v[k])
		}
	case []any:
		for i := range v {
			v[i] = texts(v[i])
		}
	case json.Number:
		return v.String()
	}
	return v
}

// renderer evaluates the functions for one set of parameters.
type renderer struct {
	t          testing.TB
	template   map[string]any
	parameters map[string]string
	resource   string // being rendered
	refers     map[string][]string
}

// render renders the template with the given parameters and defaults for the others.
func render(t testing.TB, given map[string]string) rendered {
	t.Helper()
	return renderTemplate(t, source(t), given)
}

func renderTemplate(t testing.TB, template map[string]any, given map[string]string) rendered {
	t.Helper()
	r := &renderer{t: t, template: template, parameters: make(map[string]string), refers: make(map[string][]string)}
	for name, p := range section(template, "Parameters") {
		if d, ok := p.(map[string]any)["Default"]; ok {
			r.parameters[name] = fmt.Sprint(d)
		}
	}
	r.parameters[parameterKeyArn], r.parameters[parameterCodeVersion] = "", ""
	r.parameters[parameterAdminArns] = "arn:aws:iam::123456789012:role/admin"
	for name, value := range given {
		if _, ok := pseudo[name]; ok {
			r.parameters[name] = value
			continue
		}
		if _, ok := section(template, "Parameters")[name]; !ok {
			t.Fatalf("the template has no parameter %s", name)
		}
		r.parameters[name] = value
	}
	out := rendered{resources: make(map[string]resource), outputs: make(map[string]any), refers: r.refers}
	for id, x := range section(template, "Resources") {
		x := x.(map[string]any)
		if c, ok := x["Condition"]; ok && !r.condition(c.(string)) {
			continue
		}
		r.resource = id
		res := resource{kind: x["Type"].(string)}
		res.deletion, _ = x["DeletionPolicy"].(string)
		res.replacing, _ = x["UpdateReplacePolicy"].(string)
		if p, ok := r.value(x["Properties"]).(map[string]any); ok {
			res.properties = p
		}
		switch d := x["DependsOn"].(type) {
		case string:
			r.refer(d)
		case []any:
			for _, id := range d {
				r.refer(id.(string))
			}
		}
		out.resources[id] = res
	}
	r.resource = ""
	for name, x := range section(template, "Outputs") {
		x := x.(map[string]any)
		if c, ok := x["Condition"]; !ok || r.condition(c.(string)) {
			out.outputs[name] = r.value(x["Value"])
		}
	}
	return out
}

func section(template map[string]any, name string) map[string]any {
	return template[name].(map[string]any)
}

func (r *renderer) condition(name string) bool {
	c, ok := section(r.template, "Conditions")[name]
	if !ok {
		r.t.Fatalf("there is no condition %s", name)
	}
	return r.truth(c)
}

func (r *renderer) truth(c any) bool {
	m, ok := c.(map[string]any)
	if !ok || len(m) != 1 {
		r.t.Fatalf("%v is not a condition", c)
	}
	for f, args := range m {
		if f == "Condition" {
			return r.condition(args.(string))
		}
		list := args.([]any)
		switch f {
		case "Fn::Equals":
			return r.value(list[0]) == r.value(list[1])
		case "Fn::Not":
			return !r.truth(list[0])
		case "Fn::And":
			return !slices.ContainsFunc(list, func(c any) bool { return !r.truth(c) })
		case "Fn::Or":
			return slices.ContainsFunc(list, r.truth)
		}
		r.t.Fatalf("unsupported condition %s", f)
	}
	return false
}

// refer records that the rendered resource refers to another one, which must exist.
func (r *renderer) refer(id string) {
	x, ok := section(r.template, "Resources")[id].(map[string]any)
	if !ok {
		r.t.Errorf("%s refers to %s, which is neither a resource nor a parameter", r.resource, id)
		return
	}
	if c, ok := x["Condition"]; ok && !r.condition(c.(string)) {
		r.t.Errorf("%s refers to %s, which does not exist with these parameters", r.resource, id)
	}
	if r.resource != "" && !slices.Contains(r.refers[r.resource], id) {
		r.refers[r.resource] = append(r.refers[r.resource], id)
	}
}

func (r *renderer) value(x any) any {
	switch x := x.(type) {
	case []any:
		all := []any{}
		for _, v := range x {
			if v = r.value(v); v != (noValue{}) {
				all = append(all, v)
			}
		}
		return all
	case map[string]any:
		if len(x) == 1 {
			for f, args := range x {
				if f == "Ref" || strings.HasPrefix(f, "Fn::") {
					return r.function(f, args)
				}
			}
		}
		m := make(map[string]any)
		for k, v := range x {
			if v := r.value(v); v != any(noValue{}) {
				m[k] = v
			}
		}
		return m
	}
	return x
}

func (r *renderer) function(f string, args any) any {
	switch f {
	case "Ref":
		return r.ref(args.(string))
	case "Fn::GetAtt":
		pair := args.([]any)
		r.refer(pair[0].(string))
		return r.attribute(pair[0].(string), pair[1].(string))
	case "Fn::If":
		list := args.([]any)
		if r.condition(list[0].(string)) {
			return r.value(list[1])
		}
		return r.value(list[2])
	case "Fn::Sub":
		if list, ok := args.([]any); ok {
			return r.sub(list[0].(string), list[1].(map[string]any))
		}
		return r.sub(args.(string), nil)
	case "Fn::Join":
		list := args.([]any)
		var parts []string
		for _, p := range r.value(list[1]).([]any) {
			parts = append(parts, p.(string))
		}
		return strings.Join(parts, list[0].(string))
	case "Fn::Split":
		list := args.([]any)
		all := []any{}
		for _, p := range strings.Split(r.value(list[1]).(string), list[0].(string)) {
			all = append(all, p)
		}
		return all
	}
	r.t.Fatalf("unsupported function %s", f)
	return nil
}

func (r *renderer) ref(name string) any {
	if name == "AWS::NoValue" {
		return noValue{}
	}
	if v, ok := pseudo[name]; ok {
		v = cmp.Or(r.parameters[name], v)
		if name == "AWS::StackId" {
			v = strings.Replace(v, "arn:aws:", "arn:"+r.ref("AWS::Partition").(string)+":", 1)
		}
		return v
	}
	if p, ok := section(r.template, "Parameters")[name].(map[string]any); ok {
		v := r.parameters[name]
		if p["Type"] == "CommaDelimitedList" {
			all := []any{}
			for _, part := range strings.Split(v, ",") {
				all = append(all, part)
			}
			return all
		}
		return v
	}
	r.refer(name)
	return r.physical(name)
}

// physical returns the value of Ref for a resource.
func (r *renderer) physical(id string) string {
	x, _ := section(r.template, "Resources")[id].(map[string]any)
	switch x["Type"] {
	case "AWS::S3::Bucket":
		return testBucket
	case "AWS::SQS::Queue":
		return "https://sqs.us-east-1.amazonaws.com/123456789012/" + id
	case "AWS::IAM::ManagedPolicy", "AWS::SNS::Topic":
		return r.attribute(id, "Arn")
	case "AWS::Lambda::Function":
		return r.value(x["Properties"].(map[string]any)["FunctionName"]).(string)
	}
	return testStack + "-" + id
}

// attribute returns the value of GetAtt for a resource.
func (r *renderer) attribute(id, name string) string {
	x, _ := section(r.template, "Resources")[id].(map[string]any)
	if name == "QueueName" {
		return id
	}
	if name != "Arn" {
		r.t.Fatalf("unsupported attribute %s of %s", name, id)
	}
	partition, place := r.ref("AWS::Partition").(string), r.ref("AWS::Region").(string)
	of := func(service, rest string) string {
		return "arn:" + partition + ":" + service + ":" + place + ":" + testAccount + ":" + rest
	}
	switch x["Type"] {
	case "AWS::S3::Bucket":
		return "arn:" + partition + ":s3:::" + testBucket
	case "AWS::SQS::Queue":
		return of("sqs", id)
	case "AWS::KMS::Key":
		if id == "SignKey" {
			return of("kms", "key/sign")
		}
		return of("kms", "key/stack")
	case "AWS::Lambda::Function":
		return of("lambda", "function:"+r.physical(id))
	case "AWS::Logs::LogGroup":
		return of("logs", "log-group:"+r.value(x["Properties"].(map[string]any)["LogGroupName"]).(string)+":*")
	case "AWS::Events::Rule":
		return of("events", "rule/"+r.physical(id))
	case "AWS::SNS::Topic":
		return of("sns", id)
	case "AWS::IAM::Role":
		return "arn:" + partition + ":iam::" + testAccount + ":role/" + testStack + "-" + id + "-Ab1"
	case "AWS::IAM::ManagedPolicy":
		return "arn:" + partition + ":iam::" + testAccount + ":policy/" + testStack + "-" + id
	}
	r.t.Fatalf("unsupported ARN of %s", id)
	return ""
}

func (r *renderer) sub(text string, with map[string]any) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, after, _ := strings.Cut(rest, "}")
		text = after
		if v, ok := with[name]; ok {
			b.WriteString(r.value(v).(string))
			continue
		}
		if id, attribute, ok := strings.Cut(name, "."); ok {
			r.refer(id)
			b.WriteString(r.attribute(id, attribute))
			continue
		}
		b.WriteString(r.ref(name).(string))
	}
}

// defaultsWithCode are the parameters of a complete stack with default settings.
var defaultsWithCode = map[string]string{parameterCodeKey: ".ssmbak/lambda/x.zip", parameterCodeVersion: "v1"}

// with returns defaultsWithCode with other values of some parameters.
func with(pairs ...string) map[string]string {
	p := maps.Clone(defaultsWithCode)
	for i := 0; i < len(pairs); i += 2 {
		p[pairs[i]] = pairs[i+1]
	}
	return p
}
