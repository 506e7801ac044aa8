package emulator

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// IAM answers SimulatePrincipalPolicy from the faults of the account, which are its only
// policies: an action is denied if a rule denies the operation that it allows. They apply to
// every user of the account.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html

const iamVersion = "2010-05-08"

// form reads the form of a request in the query protocol. It can be read again afterwards.
func form(r *http.Request) url.Values {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return nil
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	values, _ := url.ParseQuery(string(body)) // an unreadable part is no parameter
	return values
}

// operations maps an action to the operation that it allows, if their names differ.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
var operations = map[string]string{
	"s3:GetObjectVersion": "s3:GetObject", "s3:GetObjectVersionTagging": "s3:GetObjectTagging", "s3:ListBucket": "s3:ListObjectsV2", "s3:ListBucketVersions": "s3:ListObjectVersions",
	"s3:PutObjectTagging": "s3:PutObject",
}

type evaluation struct {
	EvalActionName     string
	EvalResourceName   string
	EvalDecision       string
	MatchedStatements  string
	MissingContextKeys string `xml:"MissingContextValues"` // empty: no policy has conditions
}

func (a *AWS) serveIAM(w http.ResponseWriter, r *http.Request) {
	f := form(r)
	if f.Get("Action") != "SimulatePrincipalPolicy" {
		writeIAMError(w, http.StatusBadRequest, "InvalidAction", "only SimulatePrincipalPolicy of version "+iamVersion+" is known here")
		return
	}
	actions, resources := members(f, "ActionNames"), members(f, "ResourceArns")
	source := f.Get("PolicySourceArn")
	switch {
	case len(actions) == 0:
		writeIAMError(w, http.StatusBadRequest, "ValidationError", "Value null at 'actionNames' failed to satisfy constraint: Member must not be null")
		return
	case !strings.HasPrefix(source, "arn:aws:iam::") || strings.HasSuffix(source, ":root"):
		// API: "the ARN of a user, group, or role"
		writeIAMError(w, http.StatusBadRequest, "InvalidInput", "Invalid Entity Arn: "+source+" does not clearly define entity type and name.")
		return
	case !strings.HasPrefix(source, ssmapi.UserARN(a.region, a.account, "")):
		writeIAMError(w, http.StatusNotFound, "NoSuchEntity", "The principal "+source+" cannot be found.")
		return
	}
	if len(resources) == 0 {
		resources = []string{"*"} // API: "If this parameter is not provided, then the value defaults to *"
	}
	var all []evaluation
	for _, action := range actions {
		if !strings.Contains(action, ":") {
			writeIAMError(w, http.StatusBadRequest, "InvalidInput", "Invalid Action Name: "+action)
			return
		}
		for _, resource := range resources {
			all = append(all, evaluation{EvalActionName: action, EvalResourceName: resource, EvalDecision: a.Faults.decision(action, resource)})
		}
	}
	a.writeEvaluations(w, f, all)
}

// writeEvaluations writes one page.
func (a *AWS) writeEvaluations(w http.ResponseWriter, f url.Values, all []evaluation) {
	from, size := 0, 100 // API, MaxItems: "the number of items defaults to 100"
	var err error
	if text := f.Get("Marker"); text != "" {
		if from, err = strconv.Atoi(text); err != nil || from < 0 || from > len(all) {
			writeIAMError(w, http.StatusBadRequest, "InvalidInput", "Invalid Marker.")
			return
		}
	}
	if text := f.Get("MaxItems"); text != "" {
		if size, err = strconv.Atoi(text); err != nil || size < 1 || size > 1000 {
			writeIAMError(w, http.StatusBadRequest, "ValidationError", "MaxItems must be from 1 to 1000")
			return
		}
	}
	page := all[from:min(from+size, len(all))]
	marker := ""
	if from+size < len(all) {
		marker = strconv.Itoa(from + size)
	}
	out := struct {
		XMLName           xml.Name     `xml:"SimulatePrincipalPolicyResponse"`
		NS                string       `xml:"xmlns,attr"`
		EvaluationResults []evaluation `xml:"SimulatePrincipalPolicyResult>EvaluationResults>member"`
		IsTruncated       bool         `xml:"SimulatePrincipalPolicyResult>IsTruncated"`
		Marker            string       `xml:"SimulatePrincipalPolicyResult>Marker,omitempty"`
	}{NS: "https://iam.amazonaws.com/doc/" + iamVersion + "/", EvaluationResults: page, IsTruncated: marker != "", Marker: marker}
	w.Header().Set("Content-Type", "text/xml")
	_ = xml.NewEncoder(w).Encode(out) // the client is gone
}

// members returns the elements of a list parameter.
func members(f url.Values, name string) (all []string) {
	for i := 1; f.Has(fmt.Sprintf("%s.member.%d", name, i)); i++ {
		all = append(all, f.Get(fmt.Sprintf("%s.member.%d", name, i)))
	}
	return all
}

// decision returns what the rules that deny requests say about an action on a resource.
func (f *Faults) decision(action, resource string) string {
	if operation, ok := operations[action]; ok {
		action = operation
	}
	service, op, _ := strings.Cut(action, ":")
	key := ""
	if rest, ok := strings.CutPrefix(resource, "arn:aws:s3:::"); ok {
		_, key, _ = strings.Cut(rest, "/")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.rules {
		switch {
		case !strings.HasPrefix(r.Fault.Code, "AccessDenied") || r.Times == 0 || r.If != nil:
		case r.Service != "" && r.Service != service || r.Op != "" && r.Op != op || !strings.HasPrefix(key, r.KeyPrefix):
		case r.Fault.DeniedIn != "":
			return "explicitDeny"
		default:
			return "implicitDeny"
		}
	}
	return "allowed"
}

func writeIAMError(w http.ResponseWriter, status int, code, message string) {
	var text bytes.Buffer
	_ = xml.EscapeText(&text, []byte(message)) // a buffer takes everything
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/%s/"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>`, iamVersion, code, &text)
}
