package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// memoryLimit is what the garbage collector tries to keep the process under, in bytes. What
// the archive may use of it is bounded separately, see archive.Options.
const memoryLimit = 208 << 20

// leastHeap is the size in bytes up to which the heap may grow before it is collected. Most
// of what a command allocates is garbage soon: in a small heap it is collected so often that
// this takes a fifth of the CPU time.
const leastHeap = 40 << 20

// sizeHeap configures the garbage collector, except where the environment does. It is called
// once.
func sizeHeap(getenv func(string) string) {
	if getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	if getenv("GOGC") == "" {
		afterEachCollection(func() { debug.SetGCPercent(percent(live())) })
	}
}

// percent returns the value of GOGC for a live heap: one with which the heap grows to
// leastHeap, or to one and a half times the live heap if that is more.
func percent(live uint64) int {
	const most = 400 // the rest of what a process needs grows with the heap, too
	return int(min(max(leastHeap*100/max(live, 1), 150)-100, most))
}

// live returns the number of bytes that the last collection left in the heap.
func live() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// afterEachCollection calls do now, and in another goroutine after each garbage collection.
func afterEachCollection(do func()) {
	do()
	runtime.AddCleanup(new([2]*byte), afterEachCollection, do)
}
