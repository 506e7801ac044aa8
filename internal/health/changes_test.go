package health

import (
	"fmt"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/timeline"
)

func TestPercentile(t *testing.T) {
	t.Parallel()
	var all []time.Duration
	for i := range 200 {
		all = append(all, time.Duration(i+1))
	}
	for p, want := range map[int]time.Duration{50: 100, 99: 198, 100: 200} {
		if got := percentile(all, p); got != want {
			t.Errorf("percentile %d is %d, want %d", p, got, want)
		}
	}
	if got := percentile(all[:1], 50); got != 1 {
		t.Errorf("the median of 1 is %d", got)
	}
	if got := percentile(nil, 99); got != 0 {
		t.Errorf("the percentile of nothing is %d", got)
	}
}

// TestMeasured checks that the delay is that of the oldest copy, and that neither versions from
// before the window nor those without a value count.
func TestMeasured(t *testing.T) {
	t.Parallel()
	version := func(at ssmbak.Time, copies ...ssmbak.Time) timeline.Version {
		v := timeline.Version{Version: ssmbak.Version{Time: at}}
		for _, c := range copies {
			v.Objects = append(v.Objects, timeline.ObjectRef{Written: c})
		}
		return v
	}
	f := timeline.Facts{Versions: []timeline.Version{version(999, 5000), version(1000, 9000, 3500), version(2000), version(4000, 3900)}}
	if got := fmt.Sprint(measured(f, 1000)); got != "[2.5s 0s]" {
		t.Errorf("measured %s", got)
	}
}

// TestSample checks that the indexes that changed last are read, and few of all others.
func TestSample(t *testing.T) {
	t.Parallel()
	i := &inspection{now: time.Unix(1e9, 0)}
	var all []archive.Listed
	for n := range 5000 {
		all = append(all, archive.Listed{Name: ssmbak.Name(fmt.Sprintf("/p%04d", n)), Modified: i.now.Add(-time.Duration(n) * time.Hour)})
	}
	read, changed := i.sample(all)
	if changed != 30*24+1 || len(read) != MaxSample {
		t.Errorf("read %d of %d", len(read), changed)
	}
	for n := range newest {
		if read[n].Name != all[n].Name {
			t.Fatalf("the %d. is %s", n, read[n].Name)
		}
	}
	if read, changed = i.sample(all[:7]); len(read) != 7 || changed != 7 {
		t.Errorf("read %d of %d", len(read), changed)
	}
}
