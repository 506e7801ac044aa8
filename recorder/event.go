package recorder

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// event is what EventBridge sends. Everything but the envelope is optional:
// AWS publishes no schema for it.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html
type event struct {
	ID         string    `json:"id"`
	DetailType string    `json:"detail-type"`
	Source     string    `json:"source"`
	Account    string    `json:"account"`
	Time       time.Time `json:"time"`
	Region     string    `json:"region"`
	Resources  []string  `json:"resources"`
	Detail     struct {
		Name          string            `json:"name"`
		Operation     string            `json:"operation"`
		Exception     string            `json:"exception"`
		ParameterName string            `json:"parameter-name"`
		PolicyType    string            `json:"policy-type"`
		Service       string            `json:"service"`
		ResourceType  string            `json:"resource-type"`
		Version       float64           `json:"version"`
		Tags          map[string]string `json:"tags"`
	} `json:"detail"`
}

// notice is what a message says: look at this name, and perhaps why.
type notice struct {
	message   string // the queue's id
	event     string // EventBridge's id, which stays the same when a message comes again
	name      ssmbak.Name
	second    int64
	operation ssmbak.Operation   // "" if a look is all that is asked for
	looks     bool               // a look that surely came after it settles it
	labels    bool               // labels may have changed
	tags      *timeline.TagsSeen // of a tag event
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
	if e.ID == "" || e.Time.IsZero() || e.Account == "" || e.Region == "" {
		return decoded{}, errors.New("the message is not an event: it lacks id, time, account or region")
	}
	d := decoded{account: e.Account, region: e.Region}
	d.event, d.second = e.ID, e.Time.Unix()
	name := e.Detail.Name
	switch {
	case e.Source == "aws.ssm" && e.DetailType == "Parameter Store Change":
		d.nothing = e.Detail.Exception != ""
		switch op := ssmbak.Operation(e.Detail.Operation); op {
		case ssmbak.Create, ssmbak.Update, ssmbak.Delete:
			d.operation = op
		default: // of labels, or of something that is not known here
			d.looks, d.labels = true, true
		}
	case e.Source == "aws.ssm" && e.DetailType == "Parameter Store Policy Action":
		name = e.Detail.ParameterName
		// Only an expiration changes anything.
		// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html
		d.nothing = strings.HasSuffix(e.Detail.PolicyType, "Notification")
		d.looks = true
	case e.Source == "aws.tag" && e.DetailType == "Tag Change on Resource" && e.Detail.Service == "ssm" && e.Detail.ResourceType == "parameter":
		name = nameInARN(e.Resources)
		if e.Detail.Tags != nil {
			d.tags = &timeline.TagsSeen{Tags: e.Detail.Tags, Event: e.ID, Second: d.second, Counter: int64(e.Detail.Version)}
		}
	default:
		return decoded{}, fmt.Errorf("the event %s is none that is known here: source %q, detail-type %q", e.ID, e.Source, e.DetailType)
	}
	if name == "" {
		name = nameInARN(e.Resources)
	}
	parsed, err := ssmbak.ParseName(name)
	if err != nil {
		return decoded{}, fmt.Errorf("the event %s names no parameter: %w", e.ID, err)
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
