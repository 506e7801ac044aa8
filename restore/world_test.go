package restore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/restore"
)

const (
	account = testworld.Account
	region  = testworld.Region
	bucket  = "backup"
	secret  = "hunter2-secret"
)

// world is an emulated account with an archive, in virtual time.
type world struct {
	*testworld.World
	// before, if set, is called with the operation's name before each request of the
	// tested restore is served, and may return a fault. Calls are not concurrent if the
	// test sets Parallel to 1 or restores one parameter.
	before func(op string) emulator.Fault
}

// inWorld runs a test in virtual time.
func inWorld(t *testing.T, o emulator.Options, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		w.World = testworld.New(t, testworld.Options{Emulator: o, Bucket: bucket, Faults: func(service, op, _ string) emulator.Fault {
			if service != "ssm" || w.before == nil {
				return emulator.Fault{}
			}
			return w.before(op)
		}})
		test(w)
	})
}

// config is the configuration of a user of the library.
func (w *world) config() aws.Config { return testworld.Config(w.AWS) }

// pass advances the clock by a minute and returns the time in the middle.
func (w *world) pass() ssmbak.Time {
	time.Sleep(30 * time.Second)
	at := ssmbak.TimeOf(time.Now())
	time.Sleep(30 * time.Second)
	return at
}

// put writes a parameter with these attributes only. An overwrite keeps the others.
func (w *world) put(name, value string, change ...func(*ssm.PutParameterInput)) {
	w.Helper()
	in := &ssm.PutParameterInput{
		Name: &name, Value: &value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true),
		Description: aws.String(""), AllowedPattern: aws.String(""),
	}
	for _, f := range change {
		f(in)
	}
	_, err := w.SSM.PutParameter(w.Context(), in)
	w.Must(err)
}

func secureString(key string) func(*ssm.PutParameterInput) {
	return func(in *ssm.PutParameterInput) { in.Type, in.KeyId = types.ParameterTypeSecureString, &key }
}

func (w *world) remove(name string) {
	w.Helper()
	_, err := w.SSM.DeleteParameter(w.Context(), &ssm.DeleteParameterInput{Name: &name})
	w.Must(err)
}

func (w *world) tag(name, key, value string) {
	w.Helper()
	_, err := w.SSM.AddTagsToResource(w.Context(), &ssm.AddTagsToResourceInput{
		ResourceId: &name, ResourceType: types.ResourceTypeForTaggingParameter, Tags: []types.Tag{{Key: &key, Value: &value}},
	})
	w.Must(err)
}

// state returns everything about the live parameters that a restore restores, as one string
// per name.
func (w *world) state() map[string]string {
	w.Helper()
	out := make(map[string]string)
	for _, name := range w.AWS.SSM.Names() {
		log := w.AWS.SSM.Truth(name)
		if c := log[len(log)-1]; c.Type != "" {
			out[name] = fmt.Sprintf("%s %q key=%q tier=%s data=%s description=%q pattern=%q policies=%s tags=%v",
				c.Type, c.Value, c.KeyID, c.Tier, c.DataType, c.Description, c.AllowedPattern, c.Policies, c.Tags)
		}
	}
	return out
}

// number returns the number of the live version of a parameter, 0 if it does not exist.
func (w *world) number(name string) int64 {
	log := w.AWS.SSM.Truth(name)
	if len(log) == 0 {
		return 0
	}
	return log[len(log)-1].Version
}

func (w *world) restorer(o restore.Options) *restore.Restorer {
	return restore.New(w.Archive, w.Live, w.Recorder, o)
}

func (w *world) plan(text string, recursive bool, at ssmbak.Time, o restore.Options) *restore.Plan {
	w.Helper()
	p, err := w.restorer(o).Plan(w.Context(), testworld.Target(w, text, recursive), at)
	w.Must(err)
	return p
}

func (w *world) apply(ctx context.Context, p *restore.Plan, o restore.Options) []plan.Outcome {
	w.Helper()
	res, err := w.restorer(o).Apply(ctx, p)
	w.Must(err)
	w.Must(res.Unrecorded)
	return res.Outcomes
}

// actions returns each item of a plan as a string.
func actions(p *restore.Plan) []string {
	var out []string
	for _, item := range p.Items {
		text := string(item.Action) + " " + string(item.Name)
		var differs []string
		for _, d := range item.Differences {
			differs = append(differs, string(d.Attribute))
		}
		if len(differs) > 0 && item.Action == plan.ActionUpdate {
			text += ": " + strings.Join(differs, ", ")
		}
		if item.Refused != "" {
			text += " (" + item.Refused + ")"
		}
		out = append(out, text)
	}
	return out
}

// results returns each outcome as one text.
func results(outcomes []plan.Outcome) []string {
	var out []string
	for _, o := range outcomes {
		text := fmt.Sprintf("%s %s %s", o.Status, o.Item.Action, o.Item.Name)
		if o.Version != 0 {
			text += fmt.Sprintf(" version %d", o.Version)
		}
		out = append(out, text)
	}
	return out
}

// errs joins the errors of all outcomes.
func errs(outcomes []plan.Outcome) string {
	var all []error
	for _, o := range outcomes {
		all = append(all, o.Err)
	}
	if err := errors.Join(all...); err != nil {
		return err.Error()
	}
	return ""
}

var _ restore.Syncer = (*recorder.Recorder)(nil)
