package restore

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/paramstore"
)

func TestUnexpired(t *testing.T) {
	t.Parallel()
	const (
		passed = `{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2023-11-14T22:13:20.000Z"}}`
		offset = `{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2023-11-15T03:13:20.000+05:00"}}`
		ahead  = `{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2023-11-14T22:13:20.001Z"}}`
		notice = `{"Type":"ExpirationNotification","Version":"1.0","Attributes":{"Before":"15","Unit":"Days"}}`
		idle   = `{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"20","Unit":"Days"}}`
	)
	tests := []struct {
		name, policies, want string
		dropped              bool
	}{
		{"none", "", "", false},
		{"ahead", "[" + ahead + "," + notice + "]", "[" + ahead + "," + notice + "]", false},
		{"passed now", "[" + passed + "]", "", true},
		{"passed in another zone", "[" + offset + "]", "", true},
		{"passed with its notification", "[" + notice + "," + passed + "," + idle + "]", "[" + idle + "]", true},
		{"not JSON", "[" + passed, "[" + passed, false},
		{"not objects", "[1]", "[1]", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, dropped := unexpired(test.policies, moment)
			if got != test.want || dropped != test.dropped {
				t.Errorf("got %s, %v, want %s, %v", got, dropped, test.want, test.dropped)
			}
		})
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	old := func(kind ssmbak.Type, description string) ssmbak.State {
		return ssmbak.State{Name: "/a", Version: ssmbak.Version{Time: moment, Type: kind, Description: description}, Value: ssmbak.NewValue("v"), HasValue: true}
	}
	long := old(ssmbak.String, "")
	long.Value = ssmbak.NewValue(strings.Repeat("x", standardSize+1))
	rich := ssmbak.Version{
		Number: 4, Time: later, Type: ssmbak.SecureString, KeyID: "alias/k", Tier: advanced, DataType: "aws:ssm:integration",
		Description: "it's (mine)", AllowedPattern: ".", Policies: `[{"Type":"NoChangeNotification"}]`,
	}
	tests := []struct {
		name string
		w    ssmbak.State
		live *Live
		want paramstore.Write
	}{
		{
			"create without attributes",
			ssmbak.State{Name: "/a", Version: version(2, moment), Value: ssmbak.NewValue("v")},
			nil,
			paramstore.Write{Name: "/a", Type: ssmbak.String, Value: ssmbak.NewValue("v"), Tier: standard, DataType: plain},
		},
		{
			"create with tags",
			ssmbak.State{Name: "/a", Version: version(2, moment), Value: ssmbak.NewValue("v"), TagsKnown: true, Tags: map[string]string{"a": "1", "aws:b": "2"}},
			nil,
			paramstore.Write{Name: "/a", Type: ssmbak.String, Value: ssmbak.NewValue("v"), Tier: standard, DataType: plain, Tags: map[string]string{"a": "1"}},
		},
		{
			"create a secret with the default key",
			ssmbak.State{Name: "/a", Version: with(version(2, moment), secure("")), Value: ssmbak.NewValue("v")},
			nil,
			paramstore.Write{Name: "/a", Type: ssmbak.SecureString, KeyID: defaultKey, Value: ssmbak.NewValue("v"), Tier: standard, DataType: plain},
		},
		{
			"no key for what is no secret",
			ssmbak.State{Name: "/a", Version: version(2, moment), Value: ssmbak.NewValue("v")},
			alive(with(version(3, later), secure("alias/k")), "v"),
			paramstore.Write{Name: "/a", Type: ssmbak.String, Value: ssmbak.NewValue("v"), Tier: standard, DataType: plain, Overwrite: true},
		},
		{
			"an advanced parameter without its policies",
			ssmbak.State{Name: "/a", Version: version(2, moment), Value: ssmbak.NewValue("v")},
			alive(rich, "v"),
			paramstore.Write{Name: "/a", Type: ssmbak.String, Value: ssmbak.NewValue("v"), Tier: advanced, DataType: plain, Overwrite: true, ClearPolicies: true},
		},
		{
			"of the original, create", old(ssmbak.SecureString, "d"), nil,
			paramstore.Write{Name: "/a", Type: ssmbak.SecureString, KeyID: defaultKey, Value: ssmbak.NewValue("v"), Description: "d", DataType: plain},
		},
		{
			"of the original, create a long one", long, nil,
			paramstore.Write{Name: "/a", Type: ssmbak.String, Value: long.Value, Tier: advanced, DataType: plain},
		},
		{
			"of the original, update", old(ssmbak.SecureString, "its mine"), alive(rich, "w"),
			paramstore.Write{
				Name: "/a", Type: ssmbak.SecureString, KeyID: "alias/k", Value: ssmbak.NewValue("v"), Tier: advanced, DataType: "aws:ssm:integration",
				Description: "it's (mine)", AllowedPattern: ".", Policies: rich.Policies, Overwrite: true,
			},
		},
		{
			"of the original, update of another type", old(ssmbak.String, "other"), alive(rich, "w"),
			paramstore.Write{
				Name: "/a", Type: ssmbak.String, Value: ssmbak.NewValue("v"), Tier: advanced, DataType: plain,
				Description: "other", AllowedPattern: ".", Policies: rich.Policies, Overwrite: true,
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := circumstances{name: test.w.Name, wanted: test.w, now: later}
			got, _ := c.resolve(test.live, Options{})
			if diff := cmp.Diff(got, test.want); diff != "" {
				t.Errorf("resolve (-got +want):\n%s", diff)
			}
		})
	}
}
