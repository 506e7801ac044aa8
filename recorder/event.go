package recorder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// event is an event as EventBridge delivers it. Only id, account, region, time
// and a name are required. Any other member may be absent or have another JSON
// type, in which case it is ignored: AWS's schema declares strings only, but
// published events contain numbers such as 4.0.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html
// The schema is aws.ssm@ParameterStoreChange in EventBridge's registry; a copy is in
// https://github.com/aws/aws-sam-cli (tests/unit/lib/schemas, test_schemas_api_caller.py).
type event struct {
	ID         lenient[string]    `json:"id"`
	DetailType lenient[string]    `json:"detail-type"`
	Source     lenient[string]    `json:"source"`
	Account    lenient[string]    `json:"account"`
	Time       lenient[time.Time] `json:"time"`
	Region     lenient[string]    `json:"region"`
	Resources  lenient[[]string]  `json:"resources"`
	Detail     json.RawMessage    `json:"detail"`
}

type detail struct {
	Name          lenient[string]            `json:"name"`
	Operation     lenient[string]            `json:"operation"`
	Type          lenient[string]            `json:"type"`
	Exception     lenient[string]            `json:"exception"`
	Label         lenient[string]            `json:"label"`
	FromVersion   number                     `json:"fromVersion"`
	ToVersion     number                     `json:"toVersion"`
	ParameterName lenient[string]            `json:"parameter-name"`
	PolicyType    lenient[string]            `json:"policy-type"`
	Service       lenient[string]            `json:"service"`
	ResourceType  lenient[string]            `json:"resource-type"`
	Version       number                     `json:"version"`
	Tags          lenient[map[string]string] `json:"tags"`
}

// lenient is a member that is the zero value if it has another JSON type.
type lenient[T any] struct{ value T }

// UnmarshalJSON never fails.
func (l *lenient[T]) UnmarshalJSON(text []byte) error {
	var value T
	if json.Unmarshal(text, &value) == nil {
		l.value = value
	}
	return nil
}

// number is a positive integer, given as a JSON number or string. It is zero for
// anything else.
type number int64

// UnmarshalJSON never fails.
func (n *number) UnmarshalJSON(text []byte) error {
	*n = 0
	f, err := strconv.ParseFloat(strings.Trim(string(text), `"`), 64)
	if err == nil && f > 0 && f < 1<<53 && f == math.Trunc(f) {
		*n = number(f)
	}
	return nil
}

// signal is one decoded event: the parameter to sync, and why.
type signal struct {
	message   string // the queue's message ID
	event     string // EventBridge's event ID, the same for every delivery
	name      ssmbak.Name
	second    int64                // of the event, Unix time
	operation ssmbak.Operation     // "" for events other than Create, Update and Delete
	secret    bool                 // the event says that the parameter is a SecureString
	observe   bool                 // settled by any observation that surely reflects it
	labels    *timeline.LabelsFact // of an event that may have changed labels, with the move if the event names one
	tags      *timeline.TagsFact   // of a tag event
	call      *timeline.Call       // of a CloudTrail event, which says nothing else
	receives  int
	unchanged bool // the event says that nothing changed
}

// parse decodes a message: one signal, and of a CloudTrail event one for each parameter,
// or none. Errors never contain a parameter's value.
func (r *Recorder) parse(ctx context.Context, m Message) (signals []signal, err error) {
	defer r.recovered(ctx, "a message", &err)
	n, err := decode(m.Body)
	if err != nil {
		return nil, err
	}
	if n.account != r.o.Account || n.region != r.o.Region {
		return nil, fmt.Errorf("event is from account %s in %s, but the recorder serves account %s in %s", n.account, n.region, r.o.Account, r.o.Region)
	}
	if signals = n.calls; !n.trail {
		signals = []signal{n.signal}
	}
	signals = slices.DeleteFunc(signals, func(n signal) bool {
		return n.call != nil && ssmbak.Seconds(n.second) > now().Add(time.Minute) // no fact is that young
	})
	for i := range signals {
		signals[i].message, signals[i].receives = m.ID, m.Receives
	}
	if len(signals) == 0 {
		r.log.InfoContext(ctx, "nothing changed", "message", m.ID, "event", n.event)
	}
	return signals, nil
}

// decoded is a signal and the account and region of its event. A CloudTrail event has
// calls instead of a signal.
type decoded struct {
	signal
	account, region string
	trail           bool
	calls           []signal
}

func decode(body []byte) (decoded, error) {
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		// The JSON package's message may quote the input.
		return decoded{}, errors.New("message is not the JSON of an event")
	}
	if e.ID.value == "" || e.Time.value.IsZero() || e.Account.value == "" || e.Region.value == "" {
		return decoded{}, errors.New("message is not an event: id, time, account or region is missing")
	}
	d := decoded{account: e.Account.value, region: e.Region.value}
	d.event, d.second = e.ID.value, e.Time.value.Unix()
	source, kind := e.Source.value, e.DetailType.value
	if source == "aws.ssm" && kind == "AWS API Call via CloudTrail" {
		d.trail, d.calls = true, calls(d, e.Detail)
		return d, nil
	}
	var detail detail
	_ = json.Unmarshal(e.Detail, &detail) // if it is no object, there is no name
	name := detail.Name.value
	switch {
	case source == "aws.ssm" && kind == "Parameter Store Change":
		d.unchanged = detail.Exception.value != ""
		switch op := ssmbak.Operation(detail.Operation.value); op {
		case ssmbak.OpCreate, ssmbak.OpUpdate, ssmbak.OpDelete:
			d.operation, d.secret = op, detail.Type.value == string(ssmbak.TypeSecureString)
		default: // labels, or an operation unknown to this version
			d.observe, d.labels = true, &timeline.LabelsFact{Event: d.event, Second: d.second}
			if op == "LabelParameterVersion" && detail.Label.value != "" && detail.ToVersion > 0 {
				d.labels.Label, d.labels.From, d.labels.To = detail.Label.value, int64(detail.FromVersion), int64(detail.ToVersion)
			}
		}
	case source == "aws.ssm" && kind == "Parameter Store Policy Action":
		name = detail.ParameterName.value
		// Only an expiration changes anything.
		// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html
		d.unchanged = strings.HasSuffix(detail.PolicyType.value, "Notification")
		d.observe = true
	case source == "aws.tag" && kind == "Tag Change on Resource" && detail.Service.value == "ssm" && detail.ResourceType.value == "parameter":
		name = nameInARN(e.Resources.value)
		if detail.Tags.value != nil {
			d.tags = &timeline.TagsFact{Tags: detail.Tags.value, Event: d.event, Second: d.second, Counter: int64(detail.Version)}
		}
	default:
		return decoded{}, fmt.Errorf("unrecognized event %s: source %q, detail-type %q", d.event, source, kind)
	}
	if name == "" {
		name = nameInARN(e.Resources.value)
	}
	parsed, err := ssmbak.ParseName(name)
	if err != nil {
		return decoded{}, fmt.Errorf("event %s has no valid parameter name: %w", d.event, err)
	}
	d.name = parsed
	return d, nil
}

// nameInARN returns the name in a parameter's ARN, with a leading slash. The ARN
// has exactly one slash after "parameter", whether or not the name begins with one.
func nameInARN(resources []string) string {
	if len(resources) != 1 {
		return ""
	}
	_, name, _ := strings.Cut(resources[0], ":parameter/")
	if name == "" {
		return ""
	}
	return "/" + name
}
