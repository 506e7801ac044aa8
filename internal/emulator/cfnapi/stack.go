// Package cfnapi emulates the part of CloudFormation that creates, updates and deletes
// ssmbak's own stack. It evaluates the template, but of the resources only buckets,
// parameters and functions exist: the others have names and nothing else.
//
// It is stricter than CloudFormation: it accepts templates in JSON with the types of
// ssmbak's own template, and no others. Operations complete at once.
package cfnapi

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options configure a [Store]. The functions are called without a lock held.
type Options struct {
	Account, Region string
	Now             func() time.Time
	// Bucket is the name that buckets without one get.
	Bucket string
	// CreateBucket creates a versioned bucket unless it exists.
	CreateBucket func(name string)
	// PutParameter creates a parameter, and DeleteParameter deletes it. The error is that
	// of Parameter Store.
	PutParameter    func(name, kind, description, value string) error
	DeleteParameter func(name string)
	// Object returns the contents of an object version, nil if there is none.
	Object func(bucket, key, version string) []byte
}

// Store holds the stacks of an account. It is safe for concurrent use.
type Store struct {
	o      Options
	mu     sync.Mutex
	stacks []*stack
	last   int
}

// New returns a store without stacks.
func New(o Options) *Store { return &Store{o: o} }

// Resource is a resource of a stack.
type Resource struct {
	LogicalID, PhysicalID, Type string
	Properties                  map[string]any
	Created                     time.Time
	deletion                    string
}

type event struct {
	id, resource, physical, kind, status, reason string
	at                                           time.Time
}

type stack struct {
	name, id, status string
	body             string
	parameters       map[string]string
	resources        []Resource
	outputs          [][3]string
	events           []event
	created          time.Time
	sets             map[string]*changeSet
	tokens           map[string]bool // of executed change sets
}

type changeSet struct {
	name, id string
	next     *stack
	changes  [][3]string // action, logical ID, type
}

// failure is an error response.
type failure struct {
	status        int
	code, message string
}

func invalid(message string) *failure { return &failure{400, "ValidationError", message} }

// Resources returns the resources of a type in all stacks.
func (s *Store) Resources(kind string) (all []Resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.stacks {
		for _, r := range x.resources {
			if r.Type == kind && x.status != "DELETE_COMPLETE" {
				all = append(all, r)
			}
		}
	}
	return all
}

// find returns a stack by name or ID: a deleted one has only its ID.
func (s *Store) find(nameOrID string) (*stack, *failure) {
	for _, x := range slices.Backward(s.stacks) {
		if x.id == nameOrID || x.name == nameOrID && x.status != "DELETE_COMPLETE" {
			return x, nil
		}
	}
	return nil, invalid("Stack with id " + nameOrID + " does not exist")
}

// evaluate returns the stack that a template with parameters describes.
func (s *Store) evaluate(x *stack, body string, given map[string]string) (next *stack, bad *failure) {
	t, err := parse(body)
	if err != nil {
		return nil, err.(*failure)
	}
	all, err := t.complete(given)
	if err != nil {
		return nil, err.(*failure)
	}
	defer func() {
		if f, ok := recover().(*failure); ok {
			next, bad = nil, f
		}
	}()
	e := &scope{template: t, parameters: all, pseudo: map[string]string{
		"AWS::AccountId": s.o.Account, "AWS::Region": s.o.Region, "AWS::Partition": "aws", "AWS::StackName": x.name, "AWS::StackId": x.id, "AWS::URLSuffix": "amazonaws.com",
	}}
	e.ref = func(id string) string { return s.physical(x, t, e, id) }
	e.attribute = func(id, name string) string {
		physical := s.physical(x, t, e, id)
		switch kind := t.Resources[id].Type; {
		case kind == "AWS::SQS::Queue" && name == "QueueName":
			return physical[strings.LastIndex(physical, "/")+1:]
		case kind == "AWS::SNS::Topic" && name == "TopicArn":
			return physical
		case name != "Arn":
			panic(invalid("Template error: resource " + id + " does not support attribute type " + name + " in Fn::GetAtt"))
		}
		return s.arn(t.Resources[id].Type, physical)
	}
	next = &stack{name: x.name, id: x.id, body: body, parameters: all, created: x.created}
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		r := t.Resources[id]
		if !e.holds(r.Condition) {
			continue
		}
		properties, _ := e.eval(r.Properties).(map[string]any)
		if properties["KeyUsage"] == "SIGN_VERIFY" { // its recorder would have to sign, too
			return nil, invalid("Resource " + id + " is not supported here: the local AWS signs no archive")
		}
		next.resources = append(next.resources, Resource{id, s.physical(x, t, e, id), r.Type, properties, s.o.Now(), r.DeletionPolicy})
	}
	for _, name := range slices.Sorted(maps.Keys(t.Outputs)) {
		if o := t.Outputs[name]; e.holds(o.Condition) {
			next.outputs = append(next.outputs, [3]string{name, fmt.Sprint(e.eval(o.Value)), o.Description})
		}
	}
	return next, nil
}

// physical returns the physical ID of a resource. Of most types it begins with the names of
// the stack and the resource.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resources-section-structure.html
func (s *Store) physical(x *stack, t *template, e *scope, id string) string {
	r := t.Resources[id]
	named := func(property string) string {
		properties, _ := r.Properties.(map[string]any)
		if v, ok := properties[property]; ok {
			return fmt.Sprint(e.eval(v))
		}
		return ""
	}
	generated := x.name + "-" + id + "-" + strings.ToUpper(x.id[len(x.id)-8:])
	switch r.Type {
	case "AWS::S3::Bucket":
		return s.o.Bucket
	case "AWS::SQS::Queue":
		return "https://sqs." + s.o.Region + ".amazonaws.com/" + s.o.Account + "/" + generated
	case "AWS::Lambda::Function":
		return named("FunctionName")
	case "AWS::Logs::LogGroup":
		return named("LogGroupName")
	case "AWS::SSM::Parameter":
		return named("Name")
	case "AWS::IAM::ManagedPolicy":
		return "arn:aws:iam::" + s.o.Account + ":policy/" + generated
	case "AWS::SNS::Topic":
		return "arn:aws:sns:" + s.o.Region + ":" + s.o.Account + ":" + generated
	case "AWS::KMS::Key":
		return "1234abcd-12ab-34cd-56ef-" + x.id[len(x.id)-12:]
	}
	return generated
}

func (s *Store) arn(kind, physical string) string {
	place := s.o.Region + ":" + s.o.Account + ":"
	switch kind {
	case "AWS::S3::Bucket":
		return "arn:aws:s3:::" + physical
	case "AWS::SQS::Queue":
		return "arn:aws:sqs:" + place + physical[strings.LastIndex(physical, "/")+1:]
	case "AWS::Lambda::Function":
		return "arn:aws:lambda:" + place + "function:" + physical
	case "AWS::IAM::Role":
		return "arn:aws:iam::" + s.o.Account + ":role/" + physical
	case "AWS::KMS::Key":
		return "arn:aws:kms:" + place + "key/" + physical
	case "AWS::Events::Rule":
		return "arn:aws:events:" + place + "rule/" + physical
	case "AWS::Logs::LogGroup":
		return "arn:aws:logs:" + place + "log-group:" + physical + ":*"
	}
	return physical
}

// difference returns the changes from one state of a stack to another. That an update
// replaces a resource is not found out here.
func difference(before, after *stack) (all [][3]string) {
	for _, r := range after.resources {
		i := slices.IndexFunc(before.resources, func(b Resource) bool { return b.LogicalID == r.LogicalID })
		switch {
		case i < 0:
			all = append(all, [3]string{"Add", r.LogicalID, r.Type})
		case !reflect.DeepEqual(before.resources[i].Properties, r.Properties):
			all = append(all, [3]string{"Modify", r.LogicalID, r.Type})
		}
	}
	for _, r := range before.resources {
		if !slices.ContainsFunc(after.resources, func(a Resource) bool { return a.LogicalID == r.LogicalID }) {
			all = append(all, [3]string{"Remove", r.LogicalID, r.Type})
		}
	}
	return all
}

func (x *stack) add(now time.Time, resource, physical, kind, status, reason string) {
	x.events = append(x.events, event{fmt.Sprintf("%s-%s-%d", resource, status, len(x.events)), resource, physical, kind, status, reason, now})
}

// work is the part of an operation that is done without the lock, and what follows it.
type work struct {
	resources []func() (Resource, error) // in their order
	finish    func(failed Resource, err error)
}

// apply begins an operation, and returns what ends it.
func (s *Store) apply(x, next *stack, verb string) *work {
	before := *x
	x.add(s.o.Now(), x.name, x.id, stackType, verb+"_IN_PROGRESS", "User Initiated")
	x.status = verb + "_IN_PROGRESS"
	w := &work{}
	changes := difference(x, next)
	for _, c := range changes {
		r := next.resource(c[1])
		if c[0] == "Remove" {
			r = x.resource(c[1])
		}
		text := func(name string) string { v, _ := r.Properties[name].(string); return v }
		switch {
		case r.Type == "AWS::S3::Bucket" && c[0] == "Add":
			w.resources = append(w.resources, func() (Resource, error) { s.o.CreateBucket(r.PhysicalID); return r, nil })
		case r.Type == "AWS::SSM::Parameter" && c[0] == "Add":
			w.resources = append(w.resources, func() (Resource, error) {
				return r, s.o.PutParameter(text("Name"), text("Type"), text("Description"), text("Value"))
			})
		case r.Type == "AWS::SSM::Parameter" && c[0] == "Remove":
			w.resources = append(w.resources, func() (Resource, error) { s.o.DeleteParameter(r.PhysicalID); return r, nil })
		}
	}
	w.finish = func(failed Resource, err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		now := s.o.Now()
		if err != nil {
			x.add(now, failed.LogicalID, failed.PhysicalID, failed.Type, verb+"_FAILED", err.Error())
			x.status = map[string]string{"CREATE": "ROLLBACK_COMPLETE", "UPDATE": "UPDATE_ROLLBACK_COMPLETE", "DELETE": "DELETE_FAILED"}[verb]
			x.body, x.parameters, x.resources, x.outputs = before.body, before.parameters, before.resources, before.outputs
			x.add(now, x.name, x.id, stackType, x.status, "")
			return
		}
		for _, c := range changes {
			r, status := next.resource(c[1]), "CREATE_COMPLETE"
			switch {
			case c[0] == "Modify":
				status = "UPDATE_COMPLETE"
			case c[0] == "Remove":
				// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
				if r, status = before.resource(c[1]), "DELETE_COMPLETE"; strings.HasPrefix(r.deletion, "Retain") {
					status = "DELETE_SKIPPED"
				}
			}
			x.add(now, r.LogicalID, r.PhysicalID, r.Type, status, "")
		}
		x.body, x.parameters, x.resources, x.outputs = next.body, next.parameters, next.resources, next.outputs
		x.status = verb + "_COMPLETE"
		x.add(now, x.name, x.id, stackType, x.status, "")
	}
	return w
}

// end does the work of an operation.
func (w *work) end() {
	for _, f := range w.resources {
		if r, err := f(); err != nil {
			w.finish(r, err)
			return
		}
	}
	w.finish(Resource{}, nil)
}

func (x *stack) resource(id string) Resource {
	for _, r := range x.resources {
		if r.LogicalID == id {
			return r
		}
	}
	return Resource{}
}

const stackType = "AWS::CloudFormation::Stack"

func (f *failure) Error() string { return f.message }
