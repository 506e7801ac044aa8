package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/timeline"
)

// TestMove decides about parameters of another account or region.
func TestMove(t *testing.T) {
	t.Parallel()
	state := func(value string, kind ssmbak.Type, key string) ssmbak.State {
		return ssmbak.State{
			Name: "/app/db", Certainty: ssmbak.Proved, Value: ssmbak.Know(ssmbak.NewValue(value), ssmbak.Proved),
			Version: ssmbak.Version{Number: 3, Time: 1000, Attributes: ssmbak.Attributes{Type: kind, KeyID: key, Tier: "Standard"}},
		}
	}
	live := func(value string) *plan.Parameter {
		return &plan.Parameter{
			Value: ssmbak.Know(ssmbak.NewValue(value), ssmbak.Proved), Objects: []timeline.ObjectRef{{ID: "x"}},
			Version: ssmbak.Version{Number: 3, Time: 1000, Attributes: ssmbak.Attributes{Type: ssmbak.TypeString, Tier: "Standard"}},
		}
	}
	away := &plan.Move{From: plan.Place{Account: "111111111111", Region: "us-east-1"}, Into: plan.Place{Account: "222222222222", Region: "eu-west-1"}}
	region := &plan.Move{From: plan.Place{Account: "111111111111", Region: "us-east-1"}, Into: plan.Place{Account: "111111111111", Region: "eu-west-1"}}
	again := &plan.Move{From: away.From, Into: away.From}
	const customer = "alias/app"
	for _, test := range []struct {
		name   string
		c      plan.Case
		o      plan.Options
		action plan.Action
		// texts that its reason, refusal and notices contain, in this order; "" for none
		reason, refused, notice string
	}{
		{"the number and time of another version", plan.Case{Before: live("live"), After: state("there", ssmbak.TypeString, ""), Move: away}, plan.Options{}, plan.ActionUpdate, "", "", ""},
		{"the same", plan.Case{Before: live("v"), After: state("v", ssmbak.TypeString, ""), Move: away}, plan.Options{}, plan.ActionNone, "nothing differs", "", ""},
		{"deleted there", plan.Case{Before: live("v"), After: ssmbak.State{Name: "/app/db", Deleted: true, Certainty: ssmbak.Proved}, Existed: true, Move: away}, plan.Options{}, plan.ActionKeep, "it did not exist there", "", ""},
		{"deleted there, exactly", plan.Case{Before: live("v"), After: ssmbak.State{Name: "/app/db", Deleted: true, Certainty: ssmbak.Proved}, Existed: true, Move: away}, plan.Options{Exact: true}, plan.ActionDelete, "", "", ""},
		{"the default key", plan.Case{After: state("v", ssmbak.TypeSecureString, plan.DefaultKey), Move: away}, plan.Options{}, plan.ActionCreate, "", "", ""},
		{"a customer key", plan.Case{After: state("v", ssmbak.TypeSecureString, customer), Move: away}, plan.Options{}, plan.ActionCreate, "", "alias/app is that of account 111111111111 in us-east-1", ""},
		{"a customer key of another region", plan.Case{After: state("v", ssmbak.TypeSecureString, customer), Move: region}, plan.Options{}, plan.ActionCreate, "", "alias/app is that of", ""},
		{"a customer key of the same place", plan.Case{After: state("v", ssmbak.TypeSecureString, customer), Move: again}, plan.Options{}, plan.ActionCreate, "", "", ""},
		{"a customer key with another one", plan.Case{After: state("v", ssmbak.TypeSecureString, customer), Move: away}, plan.Options{KeyID: "alias/new"}, plan.ActionCreate, "", "", "its key becomes alias/new instead of alias/app"},
		{"a mapped key", plan.Case{After: state("v", ssmbak.TypeSecureString, customer), Move: away}, plan.Options{KeyID: "alias/new", KeyMap: map[string]string{customer: "alias/mapped"}}, plan.ActionCreate, "", "", "its key becomes alias/mapped"},
		{"the same key of the other place", plan.Case{After: state("v", ssmbak.TypeSecureString, customer), Move: away}, plan.Options{KeyMap: map[string]string{customer: customer}}, plan.ActionCreate, "", "", ""},
		{"another key in the map", plan.Case{After: state("v", ssmbak.TypeSecureString, customer), Move: away}, plan.Options{KeyMap: map[string]string{"alias/x": "alias/y"}}, plan.ActionCreate, "", "alias/app", ""},
		{"an ARN", plan.Case{After: state("arn:aws:sqs:us-east-1:111111111111:jobs", ssmbak.TypeString, ""), Move: away}, plan.Options{}, plan.ActionCreate, "", "", "its value names account 111111111111 and region us-east-1, and"},
		{"an ARN, in the same account", plan.Case{After: state("arn:aws:sqs:us-east-1:111111111111:jobs", ssmbak.TypeString, ""), Move: region}, plan.Options{}, plan.ActionCreate, "", "", "its value names region us-east-1, and"},
		{"an ARN in a secret", plan.Case{After: state("arn:aws:sqs:us-east-1:111111111111:jobs", ssmbak.TypeSecureString, ""), Move: away}, plan.Options{}, plan.ActionCreate, "", "", "its value names the account or the region of the archive"},
		{"an availability zone", plan.Case{After: state("us-east-1a", ssmbak.TypeString, ""), Move: away}, plan.Options{}, plan.ActionCreate, "", "", "region us-east-1"},
		{"another region that begins so", plan.Case{After: state("us-east-10", ssmbak.TypeString, ""), Move: away}, plan.Options{}, plan.ActionCreate, "", "", ""},
		{"another number", plan.Case{After: state("1111111111110 9111111111111", ssmbak.TypeString, ""), Move: away}, plan.Options{}, plan.ActionCreate, "", "", ""},
		{"the new account", plan.Case{After: state("222222222222 eu-west-1", ssmbak.TypeString, ""), Move: away}, plan.Options{}, plan.ActionCreate, "", "", ""},
		{"in place", plan.Case{After: state("us-east-1", ssmbak.TypeSecureString, customer)}, plan.Options{}, plan.ActionCreate, "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.c.Name, test.c.Now = "/app/db", 5000
			test.c.After.Tags, test.c.After.Labels = ssmbak.Know(map[string]string{"aws:x": "1"}, ssmbak.Proved), ssmbak.Know(map[string]int64{}, ssmbak.Proved)
			item := plan.Decide(test.c, test.o)
			if item.Action != test.action || item.Source != "" {
				t.Errorf("%s (source %q), want %s", item.Action, item.Source, test.action)
			}
			if len(item.Write.Tags) > 0 {
				t.Errorf("tags of AWS are written: %v", item.Write.Tags)
			}
			for what, pair := range map[string][2]string{"reason": {item.Reason, test.reason}, "refused": {item.Refused, test.refused}} {
				if test.reason == "" && what == "reason" {
					continue
				}
				if got, want := pair[0], pair[1]; !strings.Contains(got, want) || want == "" && got != "" {
					t.Errorf("%s: %q, want %q", what, got, want)
				}
			}
			if found := slices.ContainsFunc(item.Notices, func(n string) bool { return test.notice != "" && strings.Contains(n, test.notice) }); found != (test.notice != "") || test.notice == "" && len(item.Notices) > 0 {
				t.Errorf("notices %q, want %q", item.Notices, test.notice)
			}
			if strings.Contains(strings.Join(item.Notices, ""), "arn:") {
				t.Errorf("notices %q contain a value", item.Notices)
			}
		})
	}
}

func TestParsePlace(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"123456789012/us-east-1": true, "123456789012/us-gov-east-1": true, "123456789012": false, "123456789012/": false, "12345678901/us-east-1": false, "us-east-1/123456789012": false, "123456789012/us-east-1/x": false} {
		p, ok := plan.ParsePlace(text)
		if ok != want || ok && p.String() != text {
			t.Errorf("%s: %v %v", text, p, ok)
		}
	}
}
