package cfnapi

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Version is the version of the API, by which its requests are recognized.
const Version = "2010-05-15"

type member struct {
	XMLName xml.Name `xml:"member"`
	Fields  []field
}

type field struct {
	XMLName xml.Name
	Text    string `xml:",chardata"`
	Members []member
	Fields  []field
}

func text(name, value string) field { return field{XMLName: xml.Name{Local: name}, Text: value} }

func list(name string, members ...member) field {
	return field{XMLName: xml.Name{Local: name}, Members: members}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// Serve serves a request in the query protocol.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html
func (s *Store) Serve(w http.ResponseWriter, form url.Values) {
	out, begun, bad := s.do(form)
	if begun != nil {
		begun.end()
	}
	w.Header().Set("Content-Type", "text/xml")
	action := form.Get("Action")
	if bad != nil {
		w.WriteHeader(bad.status)
		_ = xml.NewEncoder(w).Encode(field{XMLName: xml.Name{Local: "ErrorResponse"}, Fields: []field{{
			XMLName: xml.Name{Local: "Error"}, Fields: []field{text("Type", "Sender"), text("Code", bad.code), text("Message", bad.message)},
		}}})
		return
	}
	_ = xml.NewEncoder(w).Encode(field{XMLName: xml.Name{Local: action + "Response"}, Fields: []field{{XMLName: xml.Name{Local: action + "Result"}, Fields: out}}})
}

// do executes a request and returns the fields of the response, and the operation that it
// began, or nil.
func (s *Store) do(in url.Values) (out []field, begun *work, bad *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := in.Get("StackName")
	if in.Get("Action") == "CreateStack" {
		return s.create(in)
	}
	var x *stack
	if name != "" || in.Get("Action") != "DescribeStacks" {
		if x, bad = s.find(name); bad != nil {
			return nil, nil, bad
		}
	}
	action := in.Get("Action")
	if busy := x != nil && strings.HasSuffix(x.status, "_IN_PROGRESS"); busy && (action == "DeleteStack" || strings.HasSuffix(action, "ChangeSet")) {
		return nil, nil, invalid("Stack:" + x.id + " is in " + x.status + " state and can not be updated.")
	}
	switch action {
	case "DescribeStacks":
		var all []member
		for _, y := range s.stacks {
			if y == x || x == nil && y.status != "DELETE_COMPLETE" {
				all = append(all, y.describe())
			}
		}
		return []field{list("Stacks", all...)}, nil, nil
	case "DescribeStackEvents":
		var all []member
		for _, e := range slices.Backward(x.events) {
			all = append(all, member{Fields: []field{
				text("EventId", e.id), text("StackId", x.id), text("StackName", x.name), text("LogicalResourceId", e.resource), text("PhysicalResourceId", e.physical),
				text("ResourceType", e.kind), text("Timestamp", stamp(e.at)), text("ResourceStatus", e.status), text("ResourceStatusReason", e.reason),
			}})
		}
		return []field{list("StackEvents", all...)}, nil, nil
	case "ListStackResources":
		var all []member
		for _, r := range x.resources {
			all = append(all, member{Fields: []field{
				text("LogicalResourceId", r.LogicalID), text("PhysicalResourceId", r.PhysicalID), text("ResourceType", r.Type),
				text("ResourceStatus", "CREATE_COMPLETE"), text("LastUpdatedTimestamp", stamp(r.Created)),
			}})
		}
		return []field{list("StackResourceSummaries", all...)}, nil, nil
	case "CreateChangeSet":
		return s.createSet(x, in)
	case "DescribeChangeSet", "ExecuteChangeSet", "DeleteChangeSet":
		return s.changeSet(x, in)
	case "DeleteStack":
		// Deletion of a stack that does not exist succeeds on AWS. Here it is an error.
		return nil, s.apply(x, &stack{name: x.name, id: x.id}, "DELETE"), nil
	default:
		return nil, nil, &failure{http.StatusBadRequest, "InvalidAction", "Could not find operation " + action + " for version " + Version + " here"}
	}
}

func capable(in url.Values) *failure {
	for i := 1; ; i++ {
		switch in.Get(fmt.Sprintf("Capabilities.member.%d", i)) {
		case "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM":
			return nil
		case "":
			return &failure{http.StatusBadRequest, "InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]"}
		}
	}
}

func parametersIn(in url.Values) map[string]string {
	all := make(map[string]string)
	for i := 1; in.Has(fmt.Sprintf("Parameters.member.%d.ParameterKey", i)); i++ {
		all[in.Get(fmt.Sprintf("Parameters.member.%d.ParameterKey", i))] = in.Get(fmt.Sprintf("Parameters.member.%d.ParameterValue", i))
	}
	return all
}

// The greatest sizes of a template in a request and in a bucket, in bytes.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const (
	maxSent   = 51200
	maxStored = 1 << 20
)

// templateIn returns the template of a request: its text, or the object version at its URL.
// CloudFormation also accepts URLs without a version, and several forms of hosts.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
func (s *Store) templateIn(in url.Values) (string, *failure) {
	text, at := in.Get("TemplateBody"), in.Get("TemplateURL")
	if (text == "") == (at == "") {
		return "", invalid("Either Template URL or Template Body must be specified.")
	}
	if len(text) > maxSent {
		return "", invalid("1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200")
	}
	if at == "" {
		return text, nil
	}
	u, err := url.Parse(at)
	bucket, isBucket := "", false
	if err == nil {
		bucket, isBucket = strings.CutSuffix(u.Host, ".s3."+s.o.Region+".amazonaws.com")
	}
	if !isBucket || u.Scheme != "https" || u.Query().Get("versionId") == "" {
		return "", invalid("TemplateURL must be a supported URL.")
	}
	body := s.o.Object(bucket, strings.TrimPrefix(u.Path, "/"), u.Query().Get("versionId"))
	switch {
	case body == nil:
		return "", invalid("S3 error: The specified version does not exist.")
	case len(body) > maxStored:
		return "", invalid("Template size exceeds the limit of 1 MB")
	}
	return string(body), nil
}

func (s *Store) create(in url.Values) ([]field, *work, *failure) {
	name := in.Get("StackName")
	if _, missing := s.find(name); missing == nil {
		return nil, nil, &failure{http.StatusBadRequest, "AlreadyExistsException", "Stack [" + name + "] already exists"}
	}
	if bad := capable(in); bad != nil {
		return nil, nil, bad
	}
	s.last++
	x := &stack{name: name, created: s.o.Now(), sets: make(map[string]*changeSet), tokens: make(map[string]bool)}
	x.id = fmt.Sprintf("arn:aws:cloudformation:%s:%s:stack/%s/5f0c2e90-2a1b-11ef-8c3e-%012x", s.o.Region, s.o.Account, name, s.last)
	body, bad := s.templateIn(in)
	if bad != nil {
		return nil, nil, bad
	}
	next, bad := s.evaluate(x, body, parametersIn(in))
	if bad != nil {
		return nil, nil, bad
	}
	s.stacks = append(s.stacks, x)
	return []field{text("StackId", x.id)}, s.apply(x, next, "CREATE"), nil
}

func (s *Store) createSet(x *stack, in url.Values) ([]field, *work, *failure) {
	if bad := capable(in); bad != nil {
		return nil, nil, bad
	}
	if in.Get("ChangeSetType") == "CREATE" || in.Get("ChangeSetType") == "IMPORT" {
		return nil, nil, invalid("only change sets that update a stack are known here")
	}
	body, bad := s.templateIn(in)
	if bad != nil {
		return nil, nil, bad
	}
	next, bad := s.evaluate(x, body, parametersIn(in))
	if bad != nil {
		return nil, nil, bad
	}
	c := &changeSet{name: in.Get("ChangeSetName"), next: next, changes: difference(x, next)}
	c.id = strings.Replace(x.id, ":stack/"+x.name, ":changeSet/"+c.name, 1)
	x.sets[c.id] = c
	return []field{text("Id", c.id), text("StackId", x.id)}, nil, nil
}

func (s *Store) changeSet(x *stack, in url.Values) (out []field, begun *work, bad *failure) {
	var c *changeSet
	for _, each := range x.sets {
		if name := in.Get("ChangeSetName"); each.id == name || each.name == name {
			c = each
		}
	}
	if c == nil {
		// A repeated ExecuteChangeSet with a token does nothing.
		if in.Get("Action") == "ExecuteChangeSet" && x.tokens[in.Get("ClientRequestToken")] {
			return nil, nil, nil
		}
		return nil, nil, &failure{http.StatusNotFound, "ChangeSetNotFound", "ChangeSet [" + in.Get("ChangeSetName") + "] does not exist"}
	}
	unchanged := len(c.changes) == 0 && maps.Equal(c.next.parameters, x.parameters) && c.next.body == x.body
	switch in.Get("Action") {
	case "DescribeChangeSet":
		out = []field{text("ChangeSetId", c.id), text("ChangeSetName", c.name), text("StackId", x.id), text("StackName", x.name)}
		if unchanged {
			return append(out, text("Status", "FAILED"),
				text("StatusReason", "The submitted information didn't contain changes. Submit different information to create a change set.")), nil, nil
		}
		var all []member
		for _, change := range c.changes {
			fields := []field{text("Action", change[0]), text("LogicalResourceId", change[1]), text("ResourceType", change[2])}
			if change[0] == "Modify" {
				fields = append(fields, text("Replacement", "False"))
			}
			all = append(all, member{Fields: []field{text("Type", "Resource"), {XMLName: xml.Name{Local: "ResourceChange"}, Fields: fields}}})
		}
		return append(out, text("Status", "CREATE_COMPLETE"), list("Changes", all...)), nil, nil
	case "ExecuteChangeSet":
		if unchanged {
			return nil, nil, &failure{http.StatusBadRequest, "InvalidChangeSetStatus", "ChangeSet [" + c.id + "] cannot be executed in its current status of [FAILED]"}
		}
		x.tokens[in.Get("ClientRequestToken")] = true
		clear(x.sets) // AWS deletes all change sets of the stack
		return nil, s.apply(x, c.next, "UPDATE"), nil
	}
	delete(x.sets, c.id)
	return nil, nil, nil
}

func (x *stack) describe() member {
	var parameters, outputs []member
	for _, name := range slices.Sorted(maps.Keys(x.parameters)) {
		parameters = append(parameters, member{Fields: []field{text("ParameterKey", name), text("ParameterValue", x.parameters[name])}})
	}
	for _, o := range x.outputs {
		outputs = append(outputs, member{Fields: []field{text("OutputKey", o[0]), text("OutputValue", o[1]), text("Description", o[2])}})
	}
	return member{Fields: []field{
		text("StackName", x.name), text("StackId", x.id), text("StackStatus", x.status), text("CreationTime", stamp(x.created)), text("EnableTerminationProtection", "false"),
		list("Parameters", parameters...), list("Outputs", outputs...),
	}}
}
