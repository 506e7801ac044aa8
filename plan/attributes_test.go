package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
)

func TestUnexpired(t *testing.T) {
	t.Parallel()
	expires := func(timestamp string) string {
		return `{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"` + timestamp + `"}}`
	}
	const (
		notice = `{"Type":"ExpirationNotification","Version":"1.0","Attributes":{"Before":"15","Unit":"Days"}}`
		idle   = `{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"20","Unit":"Days"}}`
	)
	passed, ahead := expires("2023-11-14T22:13:20.000Z"), expires("2023-11-14T22:13:20.001Z")
	const said = "its expiration 2023-11-14T22:13:20.000Z has passed and is removed"
	tests := []struct{ name, policies, want, passed string }{
		{"none", "", "", ""},
		{"ahead", "[" + ahead + "," + notice + "]", "[" + ahead + "," + notice + "]", ""},
		{"passed now", "[" + passed + "]", "", said},
		{"passed with its notification", "[" + notice + "," + passed + "," + idle + "]", "[" + idle + "]", said + ", with the ExpirationNotification that refers to it"},
		{"not JSON", "[" + passed, "[" + passed, ""},
		{"not objects", "[1]", "[1]", ""},
		{"no timestamp", "[" + expires("soon") + "]", "[" + expires("soon") + "]", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, passed := Unexpired(test.policies, moment)
			if got != test.want || passed != test.passed {
				t.Errorf("got %s, %q, want %s, %q", got, passed, test.want, test.passed)
			}
		})
	}
}

// TestExpirationForms checks that all forms of ISO_INSTANT and ISO_OFFSET_DATE_TIME,
// are parsed, including AWS's own example.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html
func TestExpirationForms(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		timestamp string
		want      string // "" for an invalid timestamp
	}{
		{"2019-11-01T22:13:48.87+10:30:00", "2019-11-01T11:43:48.870Z"},
		{"2018-12-02T21:34:33.000Z", "2018-12-02T21:34:33.000Z"},
		{"2018-12-02T21:34:33Z", "2018-12-02T21:34:33.000Z"},
		{"2018-12-02T21:34Z", "2018-12-02T21:34:00.000Z"},
		{"2018-12-02T21:34+01:00", "2018-12-02T20:34:00.000Z"},
		{"2018-12-02T21:34-01:00:30", "2018-12-02T22:34:30.000Z"},
		{"2018-12-02T21:34:33-05:00", "2018-12-03T02:34:33.000Z"},
		{"2018-12-02T21:34:33.123456789Z", "2018-12-02T21:34:33.123Z"},
		{"2018-12-02T21:34:33.1+05:30", "2018-12-02T16:04:33.100Z"},
		{"2018-12-02t21:34:33z", "2018-12-02T21:34:33.000Z"},
		{"2018-12-02", ""},
		{"2018-12-02T21:34:33", ""},
		{"2018-13-02T21:34:33Z", ""},
	} {
		p := policy{Type: expiration}
		p.Attributes.Timestamp = test.timestamp
		at, ok := p.expires()
		got := ""
		if ok {
			got = at.String()
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.timestamp, got, test.want)
		}
		if left, _ := Unexpired(`[{"Type":"Expiration","Attributes":{"Timestamp":"`+test.timestamp+`"}}]`, moment); (left == "") != (test.want != "") {
			t.Errorf("%s: %q is left", test.timestamp, left)
		}
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	old := func(kind ssmbak.Type, description string) ssmbak.State {
		return ssmbak.State{Name: "/a", Version: ssmbak.Version{Time: moment, Attributes: ssmbak.Attributes{Type: kind, Description: description}}, Value: ssmbak.Know(ssmbak.NewValue("v"), ssmbak.Proved)}
	}
	long := old(ssmbak.TypeString, "")
	long.Value.V = ssmbak.NewValue(strings.Repeat("x", standardSize+1))
	rich := ssmbak.Version{Number: 4, Time: later, Attributes: ssmbak.Attributes{Type: ssmbak.TypeSecureString, KeyID: "alias/k", Tier: advanced, DataType: "aws:ssm:integration", Description: "it's (mine)", AllowedPattern: ".", Policies: `[{"Type":"NoChangeNotification"}]`}}
	tests := []struct {
		name   string
		after  ssmbak.State
		before *Parameter
		want   Write
	}{
		{
			"create without attributes",
			ssmbak.State{Name: "/a", Version: version(2, moment), Value: ssmbak.Know(ssmbak.NewValue("v"), ssmbak.Proved)},
			nil,
			Write{Name: "/a", Value: ssmbak.NewValue("v"), Attributes: ssmbak.Attributes{Type: ssmbak.TypeString, Tier: standard, DataType: plain}},
		},
		{
			"create with tags",
			ssmbak.State{Name: "/a", Version: version(2, moment), Value: ssmbak.Know(ssmbak.NewValue("v"), ssmbak.Proved), Tags: ssmbak.Know(map[string]string{"a": "1", "aws:b": "2"}, ssmbak.Proved)},
			nil,
			Write{Name: "/a", Value: ssmbak.NewValue("v"), Tags: map[string]string{"a": "1"}, Attributes: ssmbak.Attributes{Type: ssmbak.TypeString, Tier: standard, DataType: plain}},
		},
		{
			"create a secret with the default key",
			ssmbak.State{Name: "/a", Version: with(version(2, moment), secure("")), Value: ssmbak.Know(ssmbak.NewValue("v"), ssmbak.Proved)},
			nil,
			Write{Name: "/a", Value: ssmbak.NewValue("v"), Attributes: ssmbak.Attributes{Type: ssmbak.TypeSecureString, KeyID: DefaultKey, Tier: standard, DataType: plain}},
		},
		{
			"no key for a String",
			ssmbak.State{Name: "/a", Version: version(2, moment), Value: ssmbak.Know(ssmbak.NewValue("v"), ssmbak.Proved)},
			live(with(version(3, later), secure("alias/k")), "v"),
			Write{Name: "/a", Value: ssmbak.NewValue("v"), Overwrite: true, Attributes: ssmbak.Attributes{Type: ssmbak.TypeString, Tier: standard, DataType: plain}},
		},
		{
			"an advanced parameter without its policies",
			ssmbak.State{Name: "/a", Version: version(2, moment), Value: ssmbak.Know(ssmbak.NewValue("v"), ssmbak.Proved)},
			live(rich, "v"),
			Write{Name: "/a", Value: ssmbak.NewValue("v"), Overwrite: true, ClearPolicies: true, Attributes: ssmbak.Attributes{Type: ssmbak.TypeString, Tier: advanced, DataType: integration}},
		},
		{
			"of the legacy ssmbak, create", old(ssmbak.TypeSecureString, "d"), nil,
			Write{Name: "/a", Value: ssmbak.NewValue("v"), Attributes: ssmbak.Attributes{Type: ssmbak.TypeSecureString, KeyID: DefaultKey, Description: "d", DataType: plain}},
		},
		{
			"of the legacy ssmbak, create a long one", long, nil,
			Write{Name: "/a", Value: long.Value.V, Attributes: ssmbak.Attributes{Type: ssmbak.TypeString, Tier: advanced, DataType: plain}},
		},
		{
			"of the legacy ssmbak, update", old(ssmbak.TypeSecureString, "its mine"), live(rich, "w"),
			Write{Name: "/a", Value: ssmbak.NewValue("v"), Overwrite: true, Attributes: ssmbak.Attributes{Type: ssmbak.TypeSecureString, KeyID: "alias/k", Tier: advanced, DataType: "aws:ssm:integration", Description: "it's (mine)", AllowedPattern: ".", Policies: rich.Policies}},
		},
		{
			"of the legacy ssmbak, update of another type", old(ssmbak.TypeString, "other"), live(rich, "w"),
			Write{Name: "/a", Value: ssmbak.NewValue("v"), Overwrite: true, Attributes: ssmbak.Attributes{Type: ssmbak.TypeString, Tier: advanced, DataType: integration, Description: "other", AllowedPattern: ".", Policies: rich.Policies}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := Case{Name: test.after.Name, After: test.after, Now: later}
			got, _ := c.resolve(test.before, Options{})
			if diff := cmp.Diff(got, test.want); diff != "" {
				t.Errorf("resolve (-got +want):\n%s", diff)
			}
		})
	}
}
