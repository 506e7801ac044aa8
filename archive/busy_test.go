package archive_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/extent"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/timeline"
)

const busyName = ssmbak.Name("/app/busy")

// busyParameter is an archive of one parameter that changes once a minute, divided by
// the limits of a stack.
type busyParameter struct {
	tb       testing.TB
	aws      *emulator.AWS
	archive  *archive.Writer
	versions int64
}

func newBusyParameter(tb testing.TB, versions int64) *busyParameter {
	tb.Helper()
	w := testworld.New(tb, testworld.Options{Parts: &archive.PartLimits{}})
	p := &busyParameter{tb: tb, aws: w.AWS, archive: archive.NewWriter(w.Archive)}
	if _, err := beginIndex(tb.Context(), p.archive, busyName); err != nil {
		tb.Fatal(err)
	}
	for p.versions < versions {
		p.record(min(75, versions-p.versions), false)
		key := ".ssmbak/index" + string(busyName)
		for _, old := range p.aws.S3.Versions("archive", key)[1:] { // they would fill the memory
			p.aws.S3.RemoveVersion("archive", key, old.VersionID)
		}
	}
	return p
}

// record records the next versions with one swap, as a sync does. With values it writes
// their value objects, too.
func (p *busyParameter) record(n int64, values bool) {
	p.tb.Helper()
	x, err := p.archive.Index(p.tb.Context(), busyName)
	if err != nil {
		p.tb.Fatal(err)
	}
	var facts timeline.Facts
	for range n {
		p.versions++
		v := version(p.versions)
		v.Time, v.User = busyTime(p.versions), "arn:aws:iam::123456789012:user/operator"
		v.Events = []string{fmt.Sprintf("6a7e4feb-b491-4cf7-a9f1-%012d", p.versions)}
		v.Objects = []timeline.ObjectRef{{ID: fmt.Sprintf("3sL4kqtJlcpXroDTDmJ.%012d", p.versions), Written: v.Time + 900}}
		if values {
			ref, err := p.archive.PutValue(p.tb.Context(), busyName, v.Version, ssmbak.NewValue("v"))
			if err != nil {
				p.tb.Fatal(err)
			}
			v.Objects[0].ID = ref.ID
		}
		facts.Versions = append(facts.Versions, v)
		facts.Observations = append(facts.Observations, timeline.Observation{Newest: v.Ref(), Oldest: max(1, v.Number-99), AsOf: v.Time, At: v.Time + 12_000})
	}
	s, err := p.archive.Update(p.tb.Context(), x, func(f timeline.Facts) timeline.Facts { return timeline.Union(f, facts) })
	if err == nil {
		_, _, err = p.archive.CloseRun(p.tb.Context(), s.Index)
	}
	if err != nil {
		p.tb.Fatal(err)
	}
}

func busyTime(n int64) ssmbak.Time { return second.Add(time.Duration(n) * time.Minute) }

// cost is what recording versions costs.
type cost struct{ requests, bytes float64 }

// cost returns the cost per version of recording n versions: requests, and bytes of
// indexes and parts.
func (p *busyParameter) cost(n int) cost {
	p.tb.Helper()
	var c cost
	index := ".ssmbak/index" + string(busyName)
	swaps := len(p.aws.S3.Versions("archive", index))
	p.aws.ResetCounts()
	for range n {
		p.record(1, true)
	}
	for _, k := range p.aws.Counts() {
		c.requests += float64(k)
	}
	all := p.aws.S3.Versions("archive", index)
	for _, v := range all[:len(all)-swaps] {
		c.bytes += float64(len(v.Body))
	}
	return cost{c.requests / float64(n), c.bytes / float64(n)}
}

// TestBusyParameter checks that a parameter that changed often costs no more than one
// that changed rarely, and that reading a state needs the index and few parts.
func TestBusyParameter(t *testing.T) {
	if testing.Short() {
		t.Skip("it records thousands of versions")
	}
	versions := int64(5000)
	if text := os.Getenv("SSMBAK_BUSY"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatalf("SSMBAK_BUSY: %v", err)
		}
		versions = n
	} else if extent.Long() {
		versions = 20_000
	}
	few := newBusyParameter(t, 2000).cost(300)
	p := newBusyParameter(t, versions)
	many := p.cost(300)
	t.Logf("per version: %.2f requests and %.0f bytes of indexes after 2,000 versions, %.2f and %.0f after %d", few.requests, few.bytes, many.requests, many.bytes, versions)
	if many.requests > 1.5*few.requests || many.bytes > 1.5*few.bytes {
		t.Errorf("recording costs %+v after 2,000 versions and %+v after %d", few, many, versions)
	}
	most := 0
	for n := int64(1); n <= p.versions; n += p.versions / 97 {
		p.aws.ResetCounts()
		s, err := p.archive.At(t.Context(), ssmbak.NameTarget(busyName), busyTime(n)+1, archive.NoValues)
		if err != nil || len(s.States) != 1 || s.States[0].Version.Number != n || s.States[0].Certainty != ssmbak.Proved || len(s.Problems) > 0 {
			t.Fatalf("version %d: %+v, %v", n, s, err)
		}
		most = max(most, p.aws.Counts()["s3:GetObject"])
	}
	t.Logf("at most %d objects are read for a state", most)
	if most > 4 { // the last listing, the index, a part of runs, a part
		t.Errorf("%d objects were read", most)
	}
}

// BenchmarkBusyParameterDivided records one version of a parameter whose index is
// divided, and reads a state in a part.
func BenchmarkBusyParameterDivided(b *testing.B) {
	for _, versions := range []int64{2000, 200_000} {
		b.Run(fmt.Sprint(versions, " versions"), func(b *testing.B) {
			p := newBusyParameter(b, versions)
			b.Run("record", func(b *testing.B) {
				p.aws.ResetCounts()
				b.ReportAllocs()
				n := 0
				for b.Loop() {
					p.record(1, true)
					n++
				}
				requests := 0
				for _, k := range p.aws.Counts() {
					requests += k
				}
				b.ReportMetric(float64(requests)/float64(n), "requests/version")
				b.ReportMetric(float64(len(p.aws.S3.Versions("archive", ".ssmbak/index"+string(busyName))[0].Body)), "bytes/index")
			})
			b.Run("read", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					s, err := p.archive.At(b.Context(), ssmbak.NameTarget(busyName), busyTime(500)+1, archive.NoValues)
					if err != nil || len(s.States) != 1 || s.States[0].Version.Number != 500 {
						b.Fatalf("%+v, %v", s, err)
					}
				}
			})
		})
	}
}
