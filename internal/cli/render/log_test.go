package render

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
)

func TestChanges(t *testing.T) {
	t.Parallel()
	const at = ssmbak.Time(1718309454123)
	evil, web := "\x1b[2J", "web"
	version := ssmbak.Change{Name: "/app/db", Operation: ssmbak.OpUpdate, Time: at, From: at, Until: at, By: "me\x1b[2J", Version: ssmbak.Version{Number: 3, User: "me\x1b[2J", Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}}}
	bounded := ssmbak.Change{Name: "/app/db", Operation: ssmbak.OpDelete, From: at, Until: at + 60_000, Reason: "why\x07"}
	tests := []struct {
		name    string
		changes []ssmbak.Change
		want    string
	}{
		{"a version", []ssmbak.Change{version}, `+--------------------------+-----------+---------+---------+-----------+
| Time                     | Operation | Name    | Version | By        |
+--------------------------+-----------+---------+---------+-----------+
| 2024-06-13T20:10:54.123Z | Update    | /app/db | 3       | me\x1b[2J |
+--------------------------+-----------+---------+---------+-----------+
`},
		{"bounds", []ssmbak.Change{
			bounded,
			{Name: "/app/db", Operation: ssmbak.OpGap, From: ssmbak.MinTime, Until: at, Missing: ssmbak.Numbers{First: 1, Last: 4}, Reason: "why"},
			{Name: "/app/db", Operation: ssmbak.OpGap, From: at, Until: at + 1, Missing: ssmbak.Numbers{First: 7, Last: 7}},
		}, `+---------------------------------------+-----------+---------+---------+----+-----------+
| Time                                  | Operation | Name    | Version | By | Note      |
+---------------------------------------+-----------+---------+---------+----+-----------+
| between 2024-06-13T20:10:54.123Z and  | Delete    | /app/db |         |    | (why\x07) |
| 2024-06-13T20:11:54.123Z              |           |         |         |    |           |
| before 2024-06-13T20:10:54.123Z       | Gap       | /app/db | 1 to 4  |    | (why)     |
| between 2024-06-13T20:10:54.123Z and  | Gap       | /app/db | 7       |    |           |
| 2024-06-13T20:10:54.124Z              |           |         |         |    |           |
+---------------------------------------+-----------+---------+---------+----+-----------+
`},
		{"attributes", []ssmbak.Change{
			{Name: "/app/db", Operation: ssmbak.OpTag, Time: at, From: at, Until: at + 877, Tags: map[string]*string{"web": &web, "a": &evil, "old": nil}, Reason: "why"},
			{Name: "/app/db", Operation: ssmbak.OpLabel, Time: at - 123, From: at - 123, Until: at + 877, Labels: map[string]int64{"prod": 3, "beta": 0}},
			{Name: "/app/db", Operation: ssmbak.OpLabel, Time: at - 123, From: at - 123, Until: at + 877, Labels: map[string]int64{"prod": 5}, Moved: map[string]int64{"prod": 3}},
		}, `+----------------------+-----------+---------+---------+----+---------------------------------------+
| Time                 | Operation | Name    | Version | By | Note                                  |
+----------------------+-----------+---------+---------+----+---------------------------------------+
| 2024-06-13T20:10:54Z | Tag       | /app/db |         |    | a=\x1b[2J, old removed, web=web (why) |
| 2024-06-13T20:10:54Z | Label     | /app/db |         |    | beta removed, prod -> 3               |
| 2024-06-13T20:10:54Z | Label     | /app/db |         |    | prod 3 -> 5                           |
+----------------------+-----------+---------+---------+----+---------------------------------------+
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := Changes(&out, slices.Values(entries(tt.changes)), View{}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(out.String(), tt.want); diff != "" {
				t.Errorf("got -, want +\n%s", diff)
			}
		})
	}
}

func entries(changes []ssmbak.Change) []LogEntry {
	out := make([]LogEntry, len(changes))
	for i, c := range changes {
		out[i].Change = &c
	}
	return out
}

// TestChangeTimesArePasted checks for random changes that the times in a row are
// read again as times: the last one as one by which the change has happened, and
// before: the first one as one at which it had not.
func TestChangeTimesArePasted(t *testing.T) {
	t.Parallel()
	printed := regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)`)
	random := rand.New(rand.NewPCG(3, 4))
	for range 5_000 {
		at := ssmbak.Time(1_718_309_454_000 + random.Int64N(5_000))
		c := ssmbak.Change{Name: "/app/db", Operation: ssmbak.OpUpdate, Time: at, From: at, Until: at}
		switch random.IntN(4) {
		case 0: // from an event: its second, or the rest of it
			c.Until = min(at+1+ssmbak.Time(random.Int64N(1000)), ssmbak.Seconds(at.Second()+1))
		case 1:
			c.Time, c.Until = 0, at+1+ssmbak.Time(random.Int64N(100_000))
		case 2:
			c.Time, c.From = 0, ssmbak.MinTime
		}
		v := View{Zone: time.FixedZone("", (random.IntN(24*60)-12*60)*60)}
		texts := printed.FindAllString(v.When(c), -1)
		if len(texts) == 0 {
			t.Fatalf("%q has no time", v.When(c))
		}
		by, err := ssmbak.ParseTime(texts[len(texts)-1], time.Time{})
		if err != nil || !c.Within(ssmbak.MinTime, by) || c.Until > by+1 {
			t.Fatalf("%+v is shown as %q, which is %v, %v", c, v.When(c), by, err)
		}
		if c.From == c.Until && by != at {
			t.Fatalf("%v is shown as %q", at, v.When(c))
		}
		if c.From == ssmbak.MinTime {
			continue
		}
		if before, err := ssmbak.ParseTime("before:"+texts[0], time.Time{}); err != nil || c.Within(ssmbak.MinTime, before) {
			t.Fatalf("%+v is shown as %q, and before it is %v, %v", c, v.When(c), before, err)
		}
	}
}

func TestChangeRowOf(t *testing.T) {
	t.Parallel()
	const at = ssmbak.Time(1718309454123)
	web := "web"
	tests := []struct {
		name   string
		change ssmbak.Change
		want   string
	}{
		{
			"a version",
			ssmbak.Change{Name: "/app/db", Operation: ssmbak.OpUpdate, Time: at, From: at, Until: at, By: "me", Version: ssmbak.Version{Number: 3, User: "me", Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}}},
			`{"Name":"/app/db","Change":"update","Time":"2024-06-13T20:10:54.123Z","From":"2024-06-13T20:10:54.123Z","Until":"2024-06-13T20:10:54.123Z","Version":3,"Missing":null,"Type":"String","By":"me","Tags":null,"Labels":null,"Reason":null,"Restore":null,"Differences":null}`,
		},
		{
			"a gap",
			ssmbak.Change{Name: "/app/db", Operation: ssmbak.OpGap, From: ssmbak.MinTime, Until: at, Missing: ssmbak.Numbers{First: 1, Last: 4}, Reason: "why"},
			`{"Name":"/app/db","Change":"gap","Time":null,"From":null,"Until":"2024-06-13T20:10:54.123Z","Version":0,"Missing":{"First":1,"Last":4},"Type":null,"By":null,"Tags":null,"Labels":null,"Reason":"why","Restore":null,"Differences":null}`,
		},
		{
			"tags",
			ssmbak.Change{Name: "/app/db", Operation: ssmbak.OpTag, From: at, Until: at + 1, Tags: map[string]*string{"old": nil, "team": &web}},
			`{"Name":"/app/db","Change":"tag","Time":null,"From":"2024-06-13T20:10:54.123Z","Until":"2024-06-13T20:10:54.124Z","Version":0,"Missing":null,"Type":null,"By":null,"Tags":{"old":null,"team":"web"},"Labels":null,"Reason":null,"Restore":null,"Differences":null}`,
		},
		{
			"labels",
			ssmbak.Change{Name: "/app/db", Operation: ssmbak.OpLabel, From: at, Until: at + 1, Labels: map[string]int64{"beta": 0, "prod": 2}},
			`{"Name":"/app/db","Change":"label","Time":null,"From":"2024-06-13T20:10:54.123Z","Until":"2024-06-13T20:10:54.124Z","Version":0,"Missing":null,"Type":null,"By":null,"Tags":null,"Labels":{"beta":null,"prod":2},"Reason":null,"Restore":null,"Differences":null}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := json.Marshal(ChangeRowOf(LogEntry{Change: &tt.change}, false))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(got), tt.want); diff != "" {
				t.Errorf("got -, want +\n%s", diff)
			}
		})
	}
}

// TestChangeFieldsAreDocumented checks that docs/output.md names every field of a
// change where it speaks of the log.
func TestChangeFieldsAreDocumented(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../../docs/output.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := strings.Cut(string(doc), "\n## log\n")
	part, _, _ = strings.Cut(part, "\n## ")
	for _, row := range []reflect.Type{reflect.TypeFor[ChangeRow](), reflect.TypeFor[MissingRow]()} {
		for f := range row.Fields() {
			if !strings.Contains(part, "`"+f.Name+"`") {
				t.Errorf("docs/output.md does not name %s", f.Name)
			}
		}
	}
}
