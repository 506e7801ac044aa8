// Package ssmapi is Parameter Store in memory: the part of AWS Systems Manager
// that keeps parameters, as an [http.Handler] that speaks its JSON 1.1
// protocol, with the events that EventBridge would get.
//
// It is stricter than AWS and never kinder: where AWS documents a rule it is
// enforced, and where the documentation leaves something open the choice is
// the one that a careless client trips over. Every rule names its source: a
// page of the AWS documentation, or the doc comment of the AWS SDK for Go
// (service/ssm), which is generated from AWS's own model.
//
// A parameter's name is kept in one form, with a leading slash, since
// Parameter Store treats "db" and "/db" as one parameter
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html,
// "Uniqueness").
package ssmapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options steer a [Store]. The zero value is usable and behaves like an
// account with AWS's own limits.
type Options struct {
	// Account and Region are those of ARNs and events; "" means 123456789012
	// and us-east-1.
	Account, Region string
	// Now is the clock, nil for time.Now. It may be called from several
	// goroutines and must not call the Store.
	Now func() time.Time
	// MaxVersions is how many versions of a parameter are kept, 0 for the 100
	// of AWS (SDK, ParameterMaxVersionLimitExceeded).
	MaxVersions int
	// HistoryPage and DescribePage are the most entries that a page of
	// GetParameterHistory and of DescribeParameters holds, 0 for the 50 of AWS
	// (SDK, MaxResults). Smaller ones force paging.
	HistoryPage, DescribePage int
	// MaxStandard and MaxAdvanced are how many parameters of each tier can be
	// alive, 0 for the 10,000 and 100,000 of AWS
	// (https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html).
	MaxStandard, MaxAdvanced int
	// DefaultTier is the tier of a PutParameter without one: Standard (also
	// for ""), Advanced or Intelligent-Tiering, as the service setting
	// /ssm/parameter-store/default-parameter-tier says (SDK,
	// PutParameterInput.Tier).
	DefaultTier string
	// DataTypes are data types in addition to those that AWS documents today, as AWS
	// may add some; their values are not validated.
	DataTypes []string
	// OmittedKeyKept says that an overwrite of a SecureString without KeyId
	// keeps its key. By default the key becomes alias/aws/ssm. Sources differ:
	// https://github.com/aws-devtools-labs/aws-blocks/issues/452 saw the
	// latter, and
	// https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
	// says it of a change of tier; the Terraform provider relies on the former.
	OmittedKeyKept bool
	// Keys are the KMS keys that exist in addition to alias/aws/ssm: key ids, aliases or
	// ARNs, each in the one form that requests use, since which key an alias
	// stands for is not known here. nil means that every key exists.
	Keys []string
	// StepBack is how much earlier the LastModifiedDate of a version is than
	// that of the one before it, zero or less for a time of its own. Nothing in
	// AWS's documentation promises that the times of a history grow. name has a
	// leading slash; it is called with the lock held and must not call the
	// Store. nil means that they do grow.
	StepBack func(name string, version int64) time.Duration
	// RecreateWait is how long after a delete a create of the same name is
	// refused. AWS asks clients to "wait for at least 30 seconds" (SDK,
	// DeleteParameter) but does not say that it refuses, so 0 allows it.
	RecreateWait time.Duration
	// PassedExpirations says that an Expiration policy whose time has passed is
	// taken; the next scan deletes the parameter. By default it is refused. AWS
	// does not document which it is.
	PassedExpirations bool
	// ImageDelay is how long the validation of an aws:ec2:image value takes,
	// during which the parameter still has its old state, or none
	// (https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html).
	// Changes that are due take effect before the next request is served.
	ImageDelay time.Duration
	// UnlabelOperation is the operation in the event of a label that is taken
	// away. AWS says that rules notify "when a parameter or a parameter label
	// version is created, updated, or deleted"
	// (https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-cwe.html)
	// and names no such operation, so there is no event if it is empty.
	UnlabelOperation string
	// Trail says that the account has a trail with management events: EventBridge gets
	// CloudTrail's record of each request that changes parameters.
	Trail bool
	// Emit gets every event that AWS would send, in the order of the changes,
	// after the change took effect and without any lock held; it may call the
	// Store. Calls never overlap. nil means that events are discarded.
	Emit func(Event)
	// DeletedLinger is how long after its deletion a parameter is still returned
	// by GetResources, with the tags that it had
	// (https://github.com/aws/aws-sdk/issues/302).
	DeletedLinger time.Duration
	// StaleBy makes a read answer from the state as it was that long ago. op
	// is the operation, name the parameter's with a leading slash. It is
	// called without any lock held; nil means that every read is current.
	// DescribeParameters, for one, was seen to lag PutParameter by seconds
	// (https://github.com/aws/aws-sdk-js/issues/4349).
	StaleBy func(op, name string) time.Duration
	// HigherThroughput says that the account pays for higher throughput.
	HigherThroughput bool
	// EmptyPages makes DescribeParameters and GetParametersByPath return some
	// empty pages with a NextToken, the first one among them: "the number of
	// items returned can be between zero and the value of MaxResults" (SDK,
	// DescribeParameters).
	EmptyPages bool
}

// Store is one account's Parameter Store in one Region. It is safe for
// concurrent use; build one by [New].
type Store struct {
	opt      Options
	arn      string // of a parameter, without the name's leading slash
	eventSet uint64 // makes event ids of different stores differ

	mu       sync.RWMutex
	records  map[string]*record
	live     nameList // names that exist
	ever     nameList // names that ever existed
	tagged   nameList // names that exist and have or had tags
	standard int      // live parameters by tier
	advanced int
	refused  map[string]*refusedUpdates
	keys     map[string]keyState // by keyIdentity; those that are usable are not there
	images   []pendingImage
	noImages bool         // callers lack ec2:DescribeImages
	pending  atomic.Int64 // len(images), read without the lock
	trailed  atomic.Bool

	requests atomic.Int64
	events   eventQueue
}

// New returns an empty store.
func New(opt Options) *Store {
	if opt.Account == "" {
		opt.Account = "123456789012"
	}
	if opt.Region == "" {
		opt.Region = "us-east-1"
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	orDefault(&opt.MaxVersions, 100)
	orDefault(&opt.HistoryPage, 50)
	orDefault(&opt.DescribePage, 50)
	orDefault(&opt.MaxStandard, 10_000)
	orDefault(&opt.MaxAdvanced, 100_000)
	if opt.DefaultTier == "" {
		opt.DefaultTier = tierStandard
	}
	s := &Store{
		opt:      opt,
		arn:      fmt.Sprintf("arn:%s:ssm:%s:%s:parameter/", partitionOf(opt.Region), opt.Region, opt.Account),
		eventSet: uint64(opt.Now().UnixNano()),
		records:  map[string]*record{},
		refused:  map[string]*refusedUpdates{},
		keys:     map[string]keyState{},
	}
	s.trailed.Store(opt.Trail)
	return s
}

func orDefault(n *int, otherwise int) {
	if *n <= 0 {
		*n = otherwise
	}
}

func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

const (
	ssmTarget     = "AmazonSSM."
	taggingTarget = "ResourceGroupsTaggingAPI_20170126."
	contentType   = "application/x-amz-json-1.1"
	maxBody       = 1 << 20
)

// Operation returns the operation that a request asks for, such as
// "PutParameter", from its X-Amz-Target header; "" if it names none.
func Operation(r *http.Request) string {
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	return op
}

// WriteError answers with an error in the form of the JSON 1.1 protocol
// (https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html).
func WriteError(w http.ResponseWriter, status int, code, message string) {
	body, _ := json.Marshal(map[string]string{"__type": code, "message": message})
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// apiError is an answer that refuses a request: AWS's, with HTTP status 400,
// unless it says otherwise.
type apiError struct {
	code, message string
	status        int // 400 if zero
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func refuse(code, format string, args ...any) error {
	return &apiError{code: code, message: fmt.Sprintf(format, args...)}
}

// notEmulated rejects requests whose response on AWS is not known, so that tests
// cannot rely on a guess.
func notEmulated(what string) error {
	return &apiError{"NotImplemented", what + " is not emulated: what AWS answers is not recorded", http.StatusNotImplemented}
}

// invalid is a ValidationException, AWS's answer to a request that breaks a
// rule without an exception of its own
// (https://docs.aws.amazon.com/systems-manager/latest/APIReference/CommonErrors.html).
func invalid(format string, args ...any) error {
	return refuse("ValidationException", format, args...)
}

// constraint is AWS's answer to a member that breaks the limits of the model.
func constraint(shown, member, rule string) error {
	return invalid("1 validation error detected: Value %s at '%s' failed to satisfy constraint: Member must %s", shown, member, rule)
}

type operation func(s *Store, caller string, body []byte) (any, error)

// call decodes the request of an operation. A member that the API does not
// have is refused, although AWS ignores it: it is a typing mistake, or
// something that is not emulated.
func call[In any](do func(*Store, *In) (any, error)) operation {
	return func(s *Store, caller string, body []byte) (any, error) {
		in := new(In)
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		if err := d.Decode(in); err != nil {
			return nil, refuse("SerializationException", "the request is not the JSON of this operation")
		}
		if d.More() {
			return nil, refuse("SerializationException", "the request holds more than one JSON value")
		}
		if by, ok := any(in).(calledBy); ok {
			by.setCaller(caller)
		}
		return do(s, in)
	}
}

var ssmOperations = map[string]operation{
	"PutParameter":            call((*Store).putParameter),
	"GetParameter":            call((*Store).getParameter),
	"GetParameters":           call((*Store).getParameters),
	"GetParametersByPath":     call((*Store).getParametersByPath),
	"GetParameterHistory":     call((*Store).getParameterHistory),
	"DescribeParameters":      call((*Store).describeParameters),
	"DeleteParameter":         call((*Store).deleteParameter),
	"DeleteParameters":        call((*Store).deleteParameters),
	"LabelParameterVersion":   call((*Store).labelParameterVersion),
	"UnlabelParameterVersion": call((*Store).unlabelParameterVersion),
	"AddTagsToResource":       call((*Store).addTagsToResource),
	"RemoveTagsFromResource":  call((*Store).removeTagsFromResource),
	"ListTagsForResource":     call((*Store).listTagsForResource),
	"GetServiceSetting":       call((*Store).getServiceSetting),
}

var taggingOperations = map[string]operation{
	"GetResources": call((*Store).getResources),
}

// ServeHTTP serves Parameter Store's operations of the Systems Manager API.
// Events of a change are handed over before the answer is written, unless
// another request is just handing events over: then it does these too.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.serve(w, r, ssmTarget, ssmOperations)
}

// ServeTagging serves GetResources of the Resource Groups Tagging API for the
// parameters of the store.
func (s *Store) ServeTagging(w http.ResponseWriter, r *http.Request) {
	s.serve(w, r, taggingTarget, taggingOperations)
}

func (s *Store) serve(w http.ResponseWriter, r *http.Request, target string, operations map[string]operation) {
	header := w.Header()
	header.Set("Date", s.opt.Now().UTC().Format(http.TimeFormat))
	id := fmt.Sprintf("00000000-0000-4000-8000-%012x", s.requests.Add(1))
	header.Set("X-Amzn-Requestid", id)
	op, known := operations[strings.TrimPrefix(r.Header.Get("X-Amz-Target"), target)]
	if !known || r.Method != http.MethodPost || r.URL.Path != "/" && r.URL.Path != "" || !strings.HasPrefix(r.Header.Get("Content-Type"), contentType) {
		WriteError(w, http.StatusBadRequest, "UnknownOperationException", "the operation is not known here")
		return
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(io.LimitReader(r.Body, maxBody+1)); err != nil || len(body) > maxBody {
			WriteError(w, http.StatusBadRequest, "SerializationException", "the request could not be read, or is too large")
			return
		}
	}
	user, ok := User(r)
	if !ok { // https://docs.aws.amazon.com/systems-manager/latest/APIReference/CommonErrors.html
		WriteError(w, http.StatusBadRequest, "UnrecognizedClientException", "The security token included in the request is invalid.")
		return
	}
	s.settleImages()
	arn := UserARN(s.opt.Region, s.opt.Account, user)
	out, err := op(s, arn, body)
	s.trail(trailCall{op: Operation(r), user: user, arn: arn, request: id, body: body, answer: out, err: err})
	s.events.drain(s.opt.Emit)
	if err != nil {
		refusal := err.(*apiError) // every operation returns this type only
		WriteError(w, cmp.Or(refusal.status, http.StatusBadRequest), refusal.code, refusal.message)
		return
	}
	answer, err := json.Marshal(out)
	if err != nil {
		WriteError(w, http.StatusInternalServerError, "InternalServerError", "the answer could not be written as JSON")
		return
	}
	header.Set("Content-Type", contentType)
	_, _ = w.Write(answer)
}
