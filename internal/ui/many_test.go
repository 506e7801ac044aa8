package ui

import (
	"fmt"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/changeset"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/timeline"
)

// year are the parameters of a strip over all changes of [many].
const year = "from=" + manyBegin + "&until=" + manyEnd

const (
	manyBegin = "2023-06-14T20:10:54.000Z"
	manyEnd   = "2024-06-13T20:10:54.000Z"
)

// manyPaths are screens over many changes.
var manyPaths = []string{
	"/", "/?" + year, "/?" + year + "&text=service-1&op=Update&by=deploy-3", "/?" + year + "&glob=/app/**/parameter-1*", "/?" + year + "&page=40",
	"/tree?at=2024-05-14", "/tree?at=2023-11-26&status=changed&page=9", "/tree?at=2023-11-26&by=deploy-7", "/compare?a=2024-03-05&b=2024-06-03", "/parameter?name=/app/service-000/parameter-07",
}

// many returns a site over so many parameters, each with 20 changes within a year, as if
// they had been read.
func many(tb testing.TB, parameters int) *site {
	tb.Helper()
	const versions = 20
	w := testworld.New(tb, testworld.Options{})
	x := over(w, "/", false)
	rec, err := x.read(tb.Context())
	w.Must(err)
	begin, end := moment(tb, manyBegin), moment(tb, manyEnd)
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
	rec.changes = rec.lines.Changes()
	rec.sets = changeset.Group(rec.changes, setGap)
	rec.stops, rec.unknown = stops(rec.sets, rec.changes), unknown(rec.lines.All)
	if len(rec.changes) != parameters*versions || len(rec.sets) < parameters/10 {
		tb.Fatalf("%d changes in %d sets", len(rec.changes), len(rec.sets))
	}
	x.records = rec
	return x
}

func moment(tb testing.TB, text string) ssmbak.Time {
	tb.Helper()
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		tb.Fatal(err)
	}
	return ssmbak.TimeOf(t)
}

// TestManyChanges checks that a browser gets no more than it shows, however many changes
// there are: the server counts and divides into pages.
func TestManyChanges(t *testing.T) {
	t.Parallel()
	x := many(t, 2000)
	for _, path := range manyPaths {
		if n := len(x.get(path)); n > 400<<10 {
			t.Errorf("%s has %d KiB", path, n>>10)
		}
	}
}

// BenchmarkScreens measures the answers of the screens over 200,000 changes of 10,000
// parameters.
func BenchmarkScreens(b *testing.B) {
	x := many(b, 10_000)
	for _, path := range manyPaths {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				x.get(path)
			}
		})
	}
}
