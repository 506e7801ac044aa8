package recorder

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// event is what EventBridge sends. Only id, account, region, time and a name are
// needed: everything else may be missing, or of another JSON type than here, and
// then is as if it were missing. AWS's own schema has strings alone, and events
// recorded in public have numbers like 4.0.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html
// The schema is aws.ssm@ParameterStoreChange of EventBridge's registry, recorded in
// https://github.com/aws/aws-sam-cli (tests/unit/lib/schemas, test_schemas_api_caller.py).
type event struct {
	ID         lenient[string]    `json:"id"`
	DetailType lenient[string]    `json:"detail-type"`
	Source     lenient[string]    `json:"source"`
	Account    lenient[string]    `json:"account"`
	Time       lenient[time.Time] `json:"time"`
	Region     lenient[string]    `json:"region"`
	Resources  lenient[[]string]  `json:"resources"`
	Detail     lenient[detail]    `json:"detail"`
}

type detail struct {
	Name          lenient[string]            `json:"name"`
	Operation     lenient[string]            `json:"operation"`
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

// lenient is a member that is zero where it is of another JSON type.
type lenient[T any] struct{ is T }

// UnmarshalJSON never fails.
func (l *lenient[T]) UnmarshalJSON(text []byte) error {
	var is T
	if json.Unmarshal(text, &is) == nil {
		l.is = is
	}
	return nil
}

// number is a whole number above zero, as one or as a string; zero if it is
// neither.
type number int64

// UnmarshalJSON never fails.
func (n *number) UnmarshalJSON(text []byte) error {
	*n = 0
	is, err := strconv.ParseFloat(strings.Trim(string(text), `"`), 64)
	if err == nil && is > 0 && is < 1<<53 && is == math.Trunc(is) {
		*n = number(is)
	}
	return nil
}

// notice is what a message says: look at this name, and perhaps why.
type notice struct {
	message   string // the queue's id
	event     string // EventBridge's id, which stays the same when a message comes again
	name      ssmbak.Name
	second    int64
	operation ssmbak.Operation     // "" if a look is all that is asked for
	looks     bool                 // a look that surely came after it settles it
	labels    *timeline.LabelsSeen // of what may have changed labels, with the move if it told one
	tags      *timeline.TagsSeen   // of a tag event
	receives  int
	nothing   bool // nothing changed
}

// understand decodes a message. The error names what is wrong, never a value.
func (r *Recorder) understand(m Message) (notice, error) {
	n, err := decode(m.Body)
	if err != nil {
		return notice{}, err
	}
	n.message, n.receives = m.ID, m.Receives
	if n.account != r.o.Account || n.region != r.o.Region {
		return notice{}, fmt.Errorf("the event is of account %s in %s, the recorder of account %s in %s", n.account, n.region, r.o.Account, r.o.Region)
	}
	return n.notice, nil
}

// decoded is a notice and where it comes from.
type decoded struct {
	notice
	account, region string
}

func decode(body []byte) (decoded, error) {
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		// The JSON package quotes what it read; its message is left out.
		return decoded{}, errors.New("the message is not the JSON of an event")
	}
	if e.ID.is == "" || e.Time.is.IsZero() || e.Account.is == "" || e.Region.is == "" {
		return decoded{}, errors.New("the message is not an event: it lacks id, time, account or region")
	}
	d := decoded{account: e.Account.is, region: e.Region.is}
	d.event, d.second = e.ID.is, e.Time.is.Unix()
	source, kind, said := e.Source.is, e.DetailType.is, e.Detail.is
	name := said.Name.is
	switch {
	case source == "aws.ssm" && kind == "Parameter Store Change":
		d.nothing = said.Exception.is != ""
		switch op := ssmbak.Operation(said.Operation.is); op {
		case ssmbak.Create, ssmbak.Update, ssmbak.Delete:
			d.operation = op
		default: // of labels, or of something that is not known here
			d.looks, d.labels = true, &timeline.LabelsSeen{Event: d.event, Second: d.second}
			if op == "LabelParameterVersion" && said.Label.is != "" && said.ToVersion > 0 {
				d.labels.Label, d.labels.From, d.labels.To = said.Label.is, int64(said.FromVersion), int64(said.ToVersion)
			}
		}
	case source == "aws.ssm" && kind == "Parameter Store Policy Action":
		name = said.ParameterName.is
		// Only an expiration changes anything.
		// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html
		d.nothing = strings.HasSuffix(said.PolicyType.is, "Notification")
		d.looks = true
	case source == "aws.tag" && kind == "Tag Change on Resource" && said.Service.is == "ssm" && said.ResourceType.is == "parameter":
		name = nameInARN(e.Resources.is)
		if said.Tags.is != nil {
			d.tags = &timeline.TagsSeen{Tags: said.Tags.is, Event: d.event, Second: d.second, Counter: int64(said.Version)}
		}
	default:
		return decoded{}, fmt.Errorf("the event %s is none that is known here: source %q, detail-type %q", d.event, source, kind)
	}
	if name == "" {
		name = nameInARN(e.Resources.is)
	}
	parsed, err := ssmbak.ParseName(name)
	if err != nil {
		return decoded{}, fmt.Errorf("the event %s names no parameter: %w", d.event, err)
	}
	d.name = parsed
	return d, nil
}

// nameInARN returns the name in a parameter's ARN, which has exactly one slash
// after "parameter", whatever the name looks like.
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
