package stackcli_test

import (
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

const stackType = "AWS::CloudFormation::Stack"

// happening is an event of a stack that becomes visible at some time.
type happening struct {
	after                          time.Duration // in a plan
	at                             time.Time
	status, resource, kind, reason string
}

// cloud simulates the services that a stack needs and the emulator does not have:
// CloudFormation, which replays plans, SQS and Lambda. The responses have the form
// given in AWS's API references.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html
type cloud struct {
	aws *emulator.AWS
	// signs is the ARN of the key of the stack that signs.
	signs string

	mu          sync.Mutex
	name, id    string // of the stack, or ""
	parameters  map[string]string
	legacy      bool // whether the legacy ssmbak created the stack
	protected   bool
	events      []happening
	plans       map[string][]happening // the events of the next create, update and delete
	set         map[string]string      // parameters of the change set
	changes     [][]string             // in every change set; nil if the changes follow from the parameters
	waiting     int
	dead        int
	invoked     func() // starts what the reconciler does; may be nil
	noMoves     bool   // SQS does not support moving messages
	moving      time.Time
	denied      map[string]bool
	asked       []string
	deniedAfter map[string]string // requests that are denied after the key's
	lost        map[string]bool   // requests whose responses are lost
	executed    string            // token of the last executed change set
	settling    time.Duration     // until versioning of a new bucket takes effect
	settled     time.Time
	forbidden   string            // encryption header ("without" for none), and an object's key
	deployed    map[string]string // code of each function
	policy      string            // of the bucket, or ""
	caller      string            // ARN of the caller; "" means the emulator's
	swapped     string            // code of each function after every deployment; "" means its zip
	silent      map[string]bool   // operations, and tag for all tags, whose events are lost
}

func newCloud() *cloud {
	c := &cloud{silent: make(map[string]bool), plans: make(map[string][]happening), denied: make(map[string]bool), deniedAfter: make(map[string]string), lost: make(map[string]bool), deployed: make(map[string]string)}
	c.aws = emulator.New(emulator.Options{Clock: emulator.RealClock(), SSM: ssmapi.Options{UnlabelOperation: "UnlabelParameterVersion", Emit: c.emit}})
	return c
}

// emit sends an event to the queue.
func (c *cloud) emit(e ssmapi.Event) {
	operation, _ := e.Detail["operation"].(string)
	if !c.silent[cmp.Or(operation, "tag")] {
		c.aws.Queue.Send(e)
	}
}

// Do serves a request in memory.
func (c *cloud) Do(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	serve := c.handler(r)
	if serve == nil {
		return c.aws.Client().Do(r)
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	serve(w, r)
	if c.loses(w.Header().Get(actionHeader)) {
		return nil, io.ErrUnexpectedEOF
	}
	return w.Result(), nil
}

// handler returns what serves a request in place of the emulator, or nil.
func (c *cloud) handler(r *http.Request) http.HandlerFunc {
	c.mu.Lock()
	defer c.mu.Unlock()
	scope := strings.Split(r.Header.Get("Authorization"), "/")
	service := ""
	if len(scope) > 3 {
		service = scope[3]
	}
	serve := map[string]http.HandlerFunc{"cloudformation": c.cloudFormation, "sqs": c.sqs, "lambda": c.lambda}[service]
	if serve == nil && r.Method == http.MethodGet && (r.URL.Query().Has("policy") || r.URL.Query().Has("publicAccessBlock")) {
		serve = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) } // buckets have none of these
	}
	if r.URL.Query().Has("policy") && (c.policy != "" || r.Method == http.MethodPut) {
		serve = c.bucketPolicy
	}
	if header := r.Header.Get("X-Amz-Server-Side-Encryption"); serve == nil && r.Method == http.MethodPut && r.Header.Get("X-Amz-Checksum-Sha256") != "" &&
		c.forbids(cmp.Or(header, "without"), r.URL.Path) {
		serve = explicitDeny
	}
	if serve == nil && service == "sts" && c.caller != "" {
		serve = c.sts
	}
	if serve == nil && c.settling > 0 {
		serve = c.unsettled(r)
	}
	return serve
}

// actionHeader of a response names the request that was recorded.
const actionHeader = "X-Recorded-Action"

// loses reports whether the response to an action is lost.
func (c *cloud) loses(action string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost[action]
}

func (c *cloud) forbids(header, path string) bool {
	forbidden, key, _ := strings.Cut(c.forbidden, " ")
	return forbidden == header && strings.HasSuffix(path, key)
}

// explicitDeny responds like S3 if a policy of the organization denies a request.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func explicitDeny(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprintf(w, `<Error><Code>AccessDenied</Code><Message>User: arn:aws:iam::123456789012:user/local is not authorized to perform: s3:PutObject on resource: "arn:aws:s3::%s" with an explicit deny in a service control policy</Message></Error>`, strings.TrimPrefix(r.URL.Path, "//"))
}

// unsettled lets versioning of the bucket take effect late, though S3 always reports it
// as enabled.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/manage-versioning-examples.html
func (c *cloud) unsettled(r *http.Request) http.HandlerFunc {
	if !c.settled.IsZero() && !time.Now().Before(c.settled) {
		c.aws.S3.CreateBucket(c.archive(), true)
		return nil
	}
	if r.Method != http.MethodGet || !r.URL.Query().Has("versioning") {
		return nil
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`)
	}
}

// refused records a request and reports whether it is denied. Its caller holds the lock.
func (c *cloud) refused(w http.ResponseWriter, action string) bool {
	c.asked = append(c.asked, action)
	w.Header().Set(actionHeader, action)
	defer func() {
		if later, ok := c.deniedAfter[action]; ok {
			c.denied[later] = true
			delete(c.deniedAfter, action)
		}
	}()
	if !c.denied[action] {
		return false
	}
	w.Header().Set("X-Amzn-ErrorType", "AccessDeniedException")
	w.WriteHeader(http.StatusForbidden)
	if strings.HasPrefix(action, "cloudformation:") {
		fmt.Fprint(w, `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized</Message></Error></ErrorResponse>`)
	}
	return true
}

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

func one(fields ...field) member { return member{Fields: fields} }

func (c *cloud) cloudFormation(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	in, _ := url.ParseQuery(string(body))
	action := in.Get("Action")
	if c.refused(w, "cloudformation:"+action) {
		return
	}
	missing := func(name string) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id %s does not exist</Message></Error></ErrorResponse>`, name)
	}
	name := in.Get("StackName")
	known := c.id != "" && (name == c.id || name == c.name && c.status() != "DELETE_COMPLETE")
	var out []field
	switch action {
	case "CreateStack":
		c.name, c.id = name, "arn:aws:cloudformation:us-east-1:123456789012:stack/"+name+"/5f0c2e90-2a1b-11ef-8c3e-0affd4f4b5e1"
		c.parameters = parametersIn(in)
		if c.parameters["BucketName"] == "" {
			c.aws.S3.CreateBucket(c.archive(), c.settling == 0)
			c.settled = time.Now().Add(c.settling)
		}
		c.play("create")
		out = append(out, text("StackId", c.id))
	case "DescribeStacks":
		if name != "" && !known {
			missing(name)
			return
		}
		if c.id != "" {
			out = append(out, list("Stacks", c.describe()))
		}
	case "DescribeStackEvents":
		if !known {
			missing(name)
			return
		}
		var all []member
		for i, e := range c.visible() {
			fields := []field{
				text("EventId", fmt.Sprintf("%s-%d", e.resource, i)), text("StackId", c.id), text("StackName", c.name), text("LogicalResourceId", e.resource),
				text("ResourceType", e.kind), text("Timestamp", e.at.UTC().Format("2006-01-02T15:04:05.000Z")), text("ResourceStatus", e.status),
			}
			if e.reason != "" {
				fields = append(fields, text("ResourceStatusReason", e.reason))
			}
			all = append(all, one(fields...))
		}
		slices.Reverse(all)
		out = append(out, list("StackEvents", all...))
	case "ListStackResources":
		if !known {
			missing(name)
			return
		}
		var all []member
		for _, e := range c.resources() {
			all = append(all, one(text("LogicalResourceId", e[0]), text("ResourceType", e[1]), text("PhysicalResourceId", e[2]),
				text("ResourceStatus", "CREATE_COMPLETE"), text("LastUpdatedTimestamp", time.Now().UTC().Format(time.RFC3339))))
		}
		out = append(out, list("StackResourceSummaries", all...))
	case "CreateChangeSet":
		if !c.holdsTemplate(in.Get("TemplateURL")) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>S3 error: The specified key does not exist.</Message></Error></ErrorResponse>`)
			return
		}
		c.set = parametersIn(in)
		out = append(out, text("Id", "arn:aws:cloudformation:us-east-1:123456789012:changeSet/"+in.Get("ChangeSetName")), text("StackId", c.id))
	case "DescribeChangeSet":
		if c.changes == nil && maps.Equal(c.set, c.parameters) {
			out = append(out, text("Status", "FAILED"), text("StatusReason", "The submitted information didn't contain changes. Submit different information to create a change set."))
			break
		}
		var all []member
		for _, x := range c.changes {
			fields := []field{text("Action", x[0]), text("LogicalResourceId", x[1]), text("ResourceType", x[2])}
			if len(x) > 3 {
				fields = append(fields, text("Replacement", x[3]))
			}
			all = append(all, one(text("Type", "Resource"), field{XMLName: xml.Name{Local: "ResourceChange"}, Fields: fields}))
		}
		out = append(out, text("Status", "CREATE_COMPLETE"), list("Changes", all...))
	case "DeleteChangeSet":
		c.set = nil
	case "ExecuteChangeSet":
		// "this token can be used to ensure that a request is made once":
		// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ExecuteChangeSet.html
		if c.executed == in.Get("ClientRequestToken") {
			break
		}
		c.executed = in.Get("ClientRequestToken")
		plan := c.play("update")
		if last := plan[len(plan)-1]; last.status == "UPDATE_COMPLETE" {
			c.deploy()
			c.parameters, c.legacy = c.set, false
		}
	case "DeleteStack":
		c.play("delete")
	default:
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `<ErrorResponse><Error><Code>InvalidAction</Code><Message>%s</Message></Error></ErrorResponse>`, action)
		return
	}
	answer := field{XMLName: xml.Name{Local: action + "Response"}, Fields: []field{{XMLName: xml.Name{Local: action + "Result"}, Fields: out}}}
	_ = xml.NewEncoder(w).Encode(answer)
}

// holdsTemplate reports whether the bucket holds the object version at a URL.
func (c *cloud) holdsTemplate(at string) bool {
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "https" || u.Host != c.archive()+".s3.us-east-1.amazonaws.com" {
		return false
	}
	return slices.ContainsFunc(c.aws.S3.Versions(c.archive(), strings.TrimPrefix(u.Path, "/")), func(v s3api.Version) bool {
		return v.VersionID == u.Query().Get("versionId") && json.Valid(v.Body)
	})
}

// deploy deploys the object version in the change set to the functions if, as in
// CloudFormation, it differs from the previous one.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-lambda-function-code.html
func (c *cloud) deploy() {
	if c.set["CodeKey"] == c.parameters["CodeKey"] && c.set["CodeVersion"] == c.parameters["CodeVersion"] {
		return
	}
	for _, v := range c.aws.S3.Versions(c.archive(), c.set["CodeKey"]) {
		if v.VersionID != c.set["CodeVersion"] {
			continue
		}
		for _, id := range []string{"-recorder", "-reconciler"} {
			c.deployed[c.name+id] = cmp.Or(c.swapped, string(v.Body))
		}
	}
}

// play starts the planned events of an operation, or events of one that succeeds.
func (c *cloud) play(what string) []happening {
	plan := c.plans[what]
	if plan == nil {
		verb := strings.ToUpper(what)
		plan = []happening{
			{after: 0, status: verb + "_IN_PROGRESS", resource: c.name, kind: stackType, reason: "User Initiated"},
			{after: time.Minute, status: verb + "_COMPLETE", resource: c.name, kind: stackType},
		}
	}
	delete(c.plans, what)
	for _, e := range plan {
		e.at = time.Now().Add(e.after)
		c.events = append(c.events, e)
	}
	return plan
}

func (c *cloud) visible() []happening {
	var all []happening
	for _, e := range c.events {
		if !e.at.After(time.Now()) {
			all = append(all, e)
		}
	}
	return all
}

// status returns the status of the stack, according to its events.
func (c *cloud) status() string {
	status := ""
	for _, e := range c.visible() {
		if e.kind == stackType && e.resource == c.name {
			status = e.status
		}
	}
	return status
}

func parametersIn(in url.Values) map[string]string {
	p := make(map[string]string)
	for i := 1; ; i++ {
		key := in.Get(fmt.Sprintf("Parameters.member.%d.ParameterKey", i))
		if key == "" {
			return p
		}
		p[key] = in.Get(fmt.Sprintf("Parameters.member.%d.ParameterValue", i))
	}
}

func (c *cloud) archive() string {
	if b := c.parameters["BucketName"]; b != "" {
		return b
	}
	return c.name + "-bucket-vhvs73zpfvy5"
}

const key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

// outputs returns the outputs of the template that its parameters determine.
func (c *cloud) outputs() [][2]string {
	if c.legacy {
		return [][2]string{{"Bucketname", c.archive()}, {"QUrl", c.queue("Q")}}
	}
	if _, ours := c.parameters["CodeKey"]; !ours {
		return nil
	}
	all := [][2]string{{"BucketName", c.archive()}}
	switch p := c.parameters; {
	case p["KeyArn"] != "":
		all = append(all, [2]string{"KeyArn", p["KeyArn"]})
	case p["BucketName"] == "" && p["Encryption"] == "StackKey":
		all = append(all, [2]string{"KeyArn", key})
	}
	if c.parameters["Sign"] == "ENABLED" {
		if c.signs == "" {
			c.signs = c.aws.CreateSigningKey()
		}
		all = append(all, [2]string{"SignKeyArn", c.signs})
	}
	if c.parameters["CodeKey"] != "" {
		all = append(all, [2]string{"LambdaName", c.name + "-recorder"}, [2]string{"ReconcilerName", c.name + "-reconciler"})
	}
	all = append(all, [2]string{"QueueUrl", c.queue("Q")}, [2]string{"DeadLetterUrl", c.queue("DeadLetterQ")})
	for _, policy := range []string{"Reader", "Restorer"} {
		all = append(all, [2]string{policy + "PolicyArn", "arn:aws:iam::123456789012:policy/" + c.name + "-" + policy + "Policy-Ab1"})
	}
	if name := c.parameters["PointerName"]; name != "" {
		all = append(all, [2]string{"PointerName", name})
	}
	return append(all, [2]string{"Version", c.parameters["Version"]})
}

func (c *cloud) queue(id string) string {
	return "https://sqs.us-east-1.amazonaws.com/123456789012/" + c.name + "-" + id + "-Ab1"
}

func (c *cloud) resources() [][3]string {
	switch _, ours := c.parameters["CodeKey"]; {
	case c.legacy:
		return [][3]string{
			{"Bucket", "AWS::S3::Bucket", c.archive()},
			{"Q", "AWS::SQS::Queue", c.queue("Q")},
			{"Function", "AWS::Lambda::Function", c.name + "-Function-SEmkoVs3DSgs"},
			{"EventRule", "AWS::Events::Rule", c.name},
		}
	case !ours:
		return [][3]string{{"Site", "AWS::S3::Bucket", "a-site"}}
	}
	all := [][3]string{{"Bucket", "AWS::S3::Bucket", c.archive()}, {"Q", "AWS::SQS::Queue", c.queue("Q")}}
	for _, id := range []string{"FunctionRole", "ReconcilerRole"} {
		all = append(all, [3]string{id, "AWS::IAM::Role", c.name + "-" + id + "-Ab1"})
	}
	if c.parameters["CodeKey"] != "" {
		all = append(all, [3]string{"Function", "AWS::Lambda::Function", c.name + "-recorder"}, [3]string{"Reconciler", "AWS::Lambda::Function", c.name + "-reconciler"})
	}
	return all
}

func (c *cloud) describe() member {
	var parameters, outputs []member
	for _, name := range slices.Sorted(maps.Keys(c.parameters)) {
		parameters = append(parameters, one(text("ParameterKey", name), text("ParameterValue", c.parameters[name])))
	}
	for _, o := range c.outputs() {
		outputs = append(outputs, one(text("OutputKey", o[0]), text("OutputValue", o[1])))
	}
	if s := c.status(); s == "CREATE_IN_PROGRESS" || s == "REVIEW_IN_PROGRESS" || strings.HasPrefix(s, "ROLLBACK") {
		outputs = nil // there are none before the creation has completed
	}
	return one(text("StackName", c.name), text("StackId", c.id), text("StackStatus", c.status()), text("CreationTime", time.Now().UTC().Format(time.RFC3339)),
		text("EnableTerminationProtection", fmt.Sprint(c.protected)), list("Parameters", parameters...), list("Outputs", outputs...))
}
