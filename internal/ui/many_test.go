package ui

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/changeset"
	"github.com/ssmbak/ssmbak/internal/testkit/extent"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/timeline"
)

// TestManyChanges checks that each screen answers within a second for 10,000 parameters with
// 200,000 changes that were read.
func TestManyChanges(t *testing.T) {
	if !extent.Long() {
		t.Skip("it takes ten seconds: SSMBAK_LONG=1 runs it")
	}
	const parameters, versions = 10_000, 20
	w := testworld.New(t, testworld.Options{})
	x := over(w, "/", false)
	rec, err := x.read(t.Context())
	w.Must(err)
	end := ssmbak.TimeOf(time.Now())
	begin := end.Add(-365 * 24 * time.Hour)
	for i := range parameters {
		name := ssmbak.Name(fmt.Sprintf("/app/service-%03d/parameter-%02d", i/40, i%40))
		var f timeline.Facts
		for n := range versions {
			// Deployments change the parameters of a service within a minute.
			at := begin + ssmbak.Time(int64(n)*int64(end-begin)/versions) + ssmbak.Time(i/40)*180_000 + ssmbak.Time(i%40)*1000
			v := timeline.Version{Version: ssmbak.Version{Number: int64(n + 1), Time: at, User: fmt.Sprintf("arn:aws:sts::123456789012:assumed-role/deploy-%d/x", i/400), Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}}}
			f.Versions = append(f.Versions, v)
			f.Observations = append(f.Observations, timeline.Observation{Newest: v.Ref(), Oldest: 1, AsOf: at + 1000, At: at + 2000})
		}
		line := timeline.New(name, timeline.Union(f, timeline.Facts{}), timeline.Coverage{Since: begin})
		rec.lines.Names, rec.lines.All, rec.byName[name] = append(rec.lines.Names, name), append(rec.lines.All, line), line
	}
	rec.now, rec.took = end, time.Hour
	began := time.Now()
	rec.changes = rec.lines.Changes()
	rec.sets = changeset.Group(rec.changes, setGap)
	rec.stops, rec.unknown = stops(rec.sets, rec.changes), unknown(rec.lines.All)
	t.Logf("%d changes in %d sets after %s", len(rec.changes), len(rec.sets), time.Since(began).Round(time.Millisecond))
	if len(rec.changes) != parameters*versions || len(rec.sets) < 1000 {
		t.Fatalf("%d changes in %d sets", len(rec.changes), len(rec.sets))
	}
	x.records = rec
	year := "from=" + begin.String() + "&until=" + end.String()
	for _, path := range []string{
		"/", "/?" + year, "/?" + year + "&text=service-1&op=Update&by=deploy-3", "/?" + year + "&glob=/app/**/parameter-1*", "/?" + year + "&page=40",
		"/tree?at=30d", "/tree?at=200d&status=changed&page=9", "/tree?at=200d&by=deploy-7", "/compare?a=100d&b=10d", "/parameter?name=/app/service-100/parameter-07",
	} {
		var took []time.Duration
		for range 3 {
			began := time.Now()
			x.get(path)
			took = append(took, time.Since(began))
		}
		t.Logf("%-60s first %s", path, took[0].Round(time.Millisecond))
		if least := slices.Min(took); least > time.Second {
			t.Errorf("%s takes %s", path, least)
		}
	}
}
