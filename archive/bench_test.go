package archive_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/timeline"
)

// latency is the latency of every request in the benchmarks, after the setup.
const latency = 20 * time.Millisecond

// fill makes an archive of parameters with versions each, and returns it over
// an S3 with latency, with the emulator that counts its requests.
func fill(b *testing.B, parameters, versions int) (*archive.Writer, *emulator.AWS) {
	b.Helper()
	slow := false
	w := testworld.New(b, testworld.Options{Emulator: emulator.Options{Latency: func(string, string) time.Duration {
		if slow {
			return latency
		}
		return 0
	}}})
	testworld.Histories(b, archive.NewWriter(w.Archive), parameters, versions, second)
	slow = true
	return archive.NewWriter(w.Archive), w.AWS
}

// BenchmarkPreview reads every value as it was in the middle of its history.
func BenchmarkPreview(b *testing.B) {
	for _, parameters := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("%d parameters x 20 versions", parameters), func(b *testing.B) {
			if testing.Short() && parameters > 1000 {
				b.Skip("the large archive takes a while to fill")
			}
			a, aws := fill(b, parameters, 20)
			everything := testworld.Everything(b)
			aws.ResetCounts()
			b.ReportAllocs()
			for b.Loop() {
				s, err := a.At(b.Context(), everything, second.Add(10*time.Minute+time.Second), archive.AllValues)
				if err != nil || len(s.States) != parameters || len(s.Problems) != 0 {
					b.Fatalf("%d states, %v, %v", len(s.States), s.Problems, err)
				}
				if st := s.States[parameters/2]; st.Version.Number != 11 || st.Certainty != ssmbak.Proved || st.Value.V.Reveal() != fmt.Sprintf("value 10 of %s", st.Name) {
					b.Fatalf("%s is version %d, %q", st.Name, st.Version.Number, st.Value.V.Reveal())
				}
			}
			requests := 0
			for _, n := range aws.Counts() {
				requests += n
			}
			b.ReportMetric(float64(requests)/float64(b.N)/float64(parameters), "requests/parameter")
		})
	}
}

// BenchmarkBusyParameter reads, builds and replaces the index of a parameter
// with 10,000 versions, without latency.
func BenchmarkBusyParameter(b *testing.B) {
	w := testworld.New(b, testworld.Options{})
	a := archive.NewWriter(w.Archive)
	const versions = 10_000
	var f timeline.Facts
	for n := range int64(versions) {
		v := version(n + 1)
		v.Time, v.User = second.Add(time.Duration(n)*time.Minute), "arn:aws:iam::123456789012:user/operator"
		v.Events = []string{fmt.Sprintf("6a7e4feb-b491-4cf7-a9f1-%012d", n)}
		v.Objects = []timeline.ObjectRef{{ID: fmt.Sprintf("3sL4kqtJlcpXroDTDmJ.%012d", n), Written: v.Time + 900}}
		f.Versions = append(f.Versions, v)
		if n%50 == 49 { // as observations do if versions arrive one by one
			f.Observations = append(f.Observations, timeline.Observation{Newest: v.Ref(), Oldest: max(1, n-98), AsOf: v.Time + 1000, At: v.Time + 11_000})
		}
	}
	out, err := a.Update(b.Context(), archive.Index{Name: "/busy"}, func(timeline.Facts) timeline.Facts { return f })
	if err != nil {
		b.Fatal(err)
	}
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s, err := a.At(b.Context(), ssmbak.NameTarget("/busy"), second.Add(5000*time.Minute), archive.NoValues)
			if err != nil || len(s.States) != 1 || s.States[0].Version.Number != 5001 {
				b.Fatalf("%+v, %v", s, err)
			}
		}
		b.ReportMetric(float64(len(w.AWS.S3.Versions("archive", ".ssmbak/index/busy")[0].Body)), "bytes/index")
	})
	b.Run("replace", func(b *testing.B) {
		b.ReportAllocs()
		for n := int64(versions); b.Loop(); n++ {
			v := version(n + 1)
			v.Time = second.Add(time.Duration(n) * time.Minute)
			if out, err = a.Update(b.Context(), out.Index, add(v)); err != nil || !out.Wrote || out.Met {
				b.Fatalf("%+v, %v", out.Wrote, err)
			}
		}
	})
}
