package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

func TestPercent(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		live uint64
		want int
	}{
		{"nothing", 0, 400},
		{"little", 1 << 20, 400},
		{"a quarter", leastHeap / 4, 300},
		{"half", leastHeap / 2, 100},
		{"more", 10 * leastHeap, 50},
	} {
		if got := percent(test.live); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

// TestSizeHeap checks that the collector follows the heap, and that the environment wins.
func TestSizeHeap(t *testing.T) { // not parallel, since it configures the process
	configured := func() (percent, limit uint64) {
		samples := []metrics.Sample{{Name: "/gc/gogc:percent"}, {Name: "/gc/gomemlimit:bytes"}}
		metrics.Read(samples)
		return samples[0].Value.Uint64(), samples[1].Value.Uint64()
	}
	debug.SetGCPercent(150)
	debug.SetMemoryLimit(1 << 40)
	sizeHeap(func(string) string { return "150" })
	if percent, limit := configured(); percent != 150 || limit != 1<<40 {
		t.Errorf("the environment does not win: %d, %d", percent, limit)
	}
	sizeHeap(func(string) string { return "" })
	if percent, limit := configured(); percent <= 150 || limit != memoryLimit {
		t.Errorf("a small heap: %d, %d", percent, limit)
	}
	// The cleanup runs some time after the collection.
	eventually := func(what string, is func(percent uint64) bool) {
		t.Helper()
		for range 500 {
			runtime.GC()
			runtime.Gosched()
			if percent, _ := configured(); is(percent) {
				return
			}
		}
		percent, _ := configured()
		t.Errorf("%s: %d", what, percent)
	}
	large := make([]byte, leastHeap)
	eventually("a large heap", func(percent uint64) bool { return percent == 50 })
	runtime.KeepAlive(large)
	eventually("a small heap again", func(percent uint64) bool { return percent > 150 })
}
